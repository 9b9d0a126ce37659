/* SPDX-License-Identifier: Apache-2.0 */
/* ingress_store.c - requests that wait until their events are on disk, see ingress_impl.h. */
#include "ingress_impl.h"

#include <stdlib.h>

#include <json.h>

#include "clock.h"

/* A request that waits for the journal. */
struct waiting {
	struct ingress *ingress;
	struct http_request *http;
	struct source *source;
	struct instance *instance;       /* NULL: each event's own */
	struct hsw_envelope **envelopes; /* references, where instance is NULL */
	size_t events, ignored;
	struct buf ids; /* "...","..." */
};

static void
waiting_free(struct waiting *w)
{
	for (size_t i = 0; w->envelopes != NULL && i < w->events; i++)
		envelope_unref(w->envelopes[i]);
	free(w->envelopes);
	instance_unref(w->instance);
	buf_free(&w->ids);
	free(w);
}

static void
count_events(struct instance *instance, size_t accepted)
{
	metric_add(instance->events, (int64_t)accepted);
	atomic_store_explicit(&instance->last_event_ms, clock_wall_ms(), memory_order_relaxed);
}

/* Those that had come before got no seq. */
static void
count_each(const struct waiting *w)
{
	for (size_t i = 0; i < w->events; i++) {
		const struct hsw_envelope *e = w->envelopes[i];
		struct instance *instance = catalog_find(w->ingress->env.catalog, e->instance);
		if (instance != NULL)
			count_events(instance, e->seq != 0);
	}
}

static void
on_stored(void *arg, int rc, size_t duplicates)
{
	struct waiting *w = arg;
	struct ingress *in = w->ingress;

	if (rc == HSW_OK) {
		size_t accepted = w->events - duplicates;
		metric_add(w->source->accepted, (int64_t)accepted);
		metric_add(w->source->duplicates, (int64_t)duplicates);
		if (w->instance != NULL)
			count_events(w->instance, accepted);
		else
			count_each(w);
		ingress_reply_accepted(w->http, accepted, duplicates, w->ignored,
			(struct hsw_str){ w->ids.data, w->ids.len });
	} else {
		ingress_refuse(w->source, w->http, 503, w->ingress->retry_after,
			"The event could not be stored, try again later");
	}
	waiting_free(w);
	in->waiting--;
	if (in->is_retired && in->waiting == 0)
		ingress_close(in);
}

static void
write_ids(struct buf *b, const struct hsw_emit *emit)
{
	for (size_t i = 0; i < emit->n; i++) {
		buf_str(b, i == 0 ? "\"" : ",\"");
		buf_append(b, emit->envelopes[i]->id_text, ENVELOPE_ID_TEXT);
		buf_str(b, "\"");
	}
}

/* What an instance.state says of the instance is kept for people who ask. */
static void
note_state(struct instance *instance, const struct hsw_envelope *e)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *root = tokener != NULL
		? json_tokener_parse_ex(tokener, e->body.s, (int)e->body.len)
		: NULL;
	struct json_object *data = json_object_object_get(root, "data");
	struct json_object *state = json_object_object_get(data, "state");
	struct json_object *jid = json_object_object_get(data, "jid");

	if (json_object_is_type(state, json_type_string))
		instance_saw(instance, str_of(json_object_get_string(state)),
			str_of(json_object_is_type(jid, json_type_string)
					? json_object_get_string(jid)
					: NULL));
	json_object_put(root);
	json_tokener_free(tokener);
}

static void
note_states(const struct ingress *in, struct instance *instance, const struct hsw_emit *emit)
{
	for (size_t i = 0; i < emit->n; i++) {
		const struct hsw_envelope *e = emit->envelopes[i];
		if (e->type != TYPE_INSTANCE_STATE)
			continue;
		struct instance *of = instance != NULL ? instance
						       : catalog_find(in->env.catalog, e->instance);
		if (of != NULL)
			note_state(of, e);
	}
}

/* Whose events they are must be known when they are stored. */
static bool
keep_owners(struct waiting *w, struct instance *instance, const struct hsw_emit *emit)
{
	if (instance != NULL) {
		w->instance = instance_ref(instance);
		return true;
	}
	w->envelopes = calloc(emit->n, sizeof(struct hsw_envelope *));
	for (size_t i = 0; w->envelopes != NULL && i < emit->n; i++)
		w->envelopes[i] = envelope_ref(emit->envelopes[i]);
	return w->envelopes != NULL;
}

void
ingress_store(struct ingress *in, struct source *source, struct instance *instance,
	struct http_request *r)
{
	struct hsw_emit *emit = &in->emit;
	struct waiting *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		ingress_refuse(source, r, 503, in->retry_after, "Out of memory");
		return;
	}
	write_ids(&w->ids, emit);
	w->ingress = in;
	w->http = r;
	w->source = source;
	w->events = emit->n;
	w->ignored = emit->ignored;
	if (emit->n == 0) {
		ingress_reply_accepted(r, 0, 0, emit->ignored, (struct hsw_str){ "", 0 });
	} else if (w->ids.failed || !keep_owners(w, instance, emit)) {
		ingress_refuse(source, r, 503, in->retry_after, "Out of memory");
	} else {
		note_states(in, instance, emit);
		int rc = journal_append(
			in->env.journal, in->env.port, emit->envelopes, emit->n, on_stored, w);
		emit->n = 0; /* the references are the journal's */
		if (rc == HSW_OK) {
			in->waiting++;
			return;
		}
		ingress_refuse(source, r, 503, in->retry_after,
			"Too many events wait to be stored, try again later");
	}
	waiting_free(w);
}
