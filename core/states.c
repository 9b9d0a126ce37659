/* SPDX-License-Identifier: Apache-2.0 */
/*
 * states.c - see states.h.
 *
 * Who calls what from where: states_note and saved run on a worker, prepare on the store thread. The text is made
 * there, so that of two workers' notes the one that is written last has what is true.
 */
#include "states.h"

#include <stdlib.h>

#include <json.h>

#include "json_text.h"
#include "log.h"
#include "record.h"

struct state_note {
	struct journal_note note; /* first */
	struct hsw_store_record record;
	struct instance *instance; /* a reference */
	struct buf text;
	void (*done)(void *arg);
	void *arg;
};

/* With another token it is another object; with another id another instance has taken its name. */
static struct instance *
current(struct catalog *c, struct instance *i)
{
	struct instance *now = catalog_find_known(catalog_master(c), i->name);

	if (now == NULL)
		return *i->id == '\0' ? i : NULL;
	return instance_is_heir(now, i->id) ? now : NULL;
}

static bool
prepare(struct journal_note *note, struct catalog *catalog)
{
	struct state_note *n = (struct state_note *)note;
	struct instance *i = current(catalog, n->instance);
	struct instance_seen seen;

	if (i == NULL)
		return false;
	instance_get_seen(n->instance, &seen);
	instance_recall(i, &seen);
	instance_get_seen(i, &seen);
	n->text.len = 0; /* a transaction that failed is tried again */
	record_print_state(i, &seen, &n->text);
	n->record.text = (struct hsw_str){ n->text.data, n->text.len };
	return !n->text.failed;
}

static void
note_free(struct state_note *n)
{
	instance_unref(n->instance);
	buf_free(&n->text);
	free(n);
}

static void
saved(struct journal_note *note, int rc)
{
	struct state_note *n = (struct state_note *)note;

	if (rc != HSW_OK || n->text.failed)
		instance_set_unsaved(n->instance);
	n->done(n->arg);
	note_free(n);
}

static bool
save(struct journal *j, unsigned port, struct instance *i, void (*done)(void *), void *arg)
{
	struct state_note *n = calloc(1, sizeof(*n));

	if (n == NULL) {
		instance_set_unsaved(i);
		return false;
	}
	n->instance = instance_ref(i);
	n->done = done;
	n->arg = arg;
	n->record = (struct hsw_store_record){ .kind = str_of(record_state), .name = i->name };
	n->note.write = (struct hsw_write){ .kind = HSW_WRITE_RECORD, .record = &n->record };
	n->note.prepare = prepare;
	n->note.done = saved;
	journal_write(j, port, &n->note);
	return true;
}

bool
states_note(struct journal *j, unsigned port, struct instance *i, const struct hsw_envelope *e,
	void (*done)(void *), void *arg)
{
	struct json_object *root = json_text_parse(e->body);
	struct json_object *data = json_object_object_get(root, "data");
	struct json_object *state = json_object_object_get(data, "state");
	struct json_object *jid = json_object_object_get(data, "jid");
	bool must_save = json_object_is_type(state, json_type_string) &&
		instance_saw(i, e->seq, e->received_ms, str_of(json_object_get_string(state)),
			str_of(json_object_is_type(jid, json_type_string)
					? json_object_get_string(jid)
					: NULL));

	json_object_put(root);
	return must_save && save(j, port, i, done, arg);
}
