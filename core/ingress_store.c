/* SPDX-License-Identifier: Apache-2.0 */
/* ingress_store.c - requests that wait until their events are on disk, see ingress_impl.h. */
#include "ingress_impl.h"

#include <stdlib.h>

#include "clock.h"
#include "states.h"

/* A request that waits for the journal. */
struct waiting {
	struct ingress *ingress;
	struct http_request *http;
	struct source *source;
	struct instance *instance;       /* NULL: each event's own */
	struct hsw_envelope **envelopes; /* references; NULL: nothing is asked of them */
	size_t events, ignored, duplicates;
	size_t saving;  /* states of instances that are on their way to the store */
	struct buf ids; /* "...","..." */
	struct status_marks marks;
};

static void
waiting_free(struct waiting *w)
{
	for (size_t i = 0; w->envelopes != NULL && i < w->events; i++)
		envelope_unref(w->envelopes[i]);
	free(w->envelopes);
	instance_unref(w->instance);
	buf_free(&w->ids);
	status_marks_free(&w->marks);
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
finish(struct waiting *w)
{
	struct ingress *in = w->ingress;

	waiting_free(w);
	in->waiting--;
	if (in->is_retired && in->waiting == 0)
		ingress_close(in);
}

static void
answer_stored(struct waiting *w)
{
	ingress_reply_accepted(w->http, w->events - w->duplicates, w->duplicates, w->ignored,
		(struct hsw_str){ w->ids.data, w->ids.len });
	finish(w);
}

static void
on_state_saved(void *arg)
{
	struct waiting *w = arg;

	if (--w->saving == 0)
		answer_stored(w);
}

/* An event that had come before says nothing new, and has no seq. */
static void
note_states(struct waiting *w)
{
	const struct ingress_env *env = &w->ingress->env;

	for (size_t i = 0; w->envelopes != NULL && i < w->events; i++) {
		const struct hsw_envelope *e = w->envelopes[i];
		if (e->type != TYPE_INSTANCE_STATE || e->seq == 0)
			continue;
		struct instance *of = w->instance != NULL ? w->instance
							  : catalog_find(env->catalog, e->instance);
		if (of != NULL)
			w->saving += states_note(env->journal, env->port, of, e, on_state_saved, w);
	}
}

static void
on_stored(void *arg, int rc, size_t duplicates)
{
	struct waiting *w = arg;

	if (rc != HSW_OK) {
		status_order_take_back(w->ingress->env.statuses, &w->marks);
		ingress_refuse(w->source, w->http, 503, w->ingress->retry_after,
			"The event could not be stored, try again later");
		finish(w);
		return;
	}
	w->duplicates = duplicates;
	metric_add(w->source->accepted, (int64_t)(w->events - duplicates));
	metric_add(w->source->duplicates, (int64_t)duplicates);
	if (w->instance != NULL)
		count_events(w->instance, w->events - duplicates);
	else
		count_each(w);
	note_states(w);
	if (w->saving == 0)
		answer_stored(w);
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

static bool
has_state(const struct hsw_emit *emit)
{
	bool has = false;

	for (size_t i = 0; i < emit->n; i++)
		has |= emit->envelopes[i]->type == TYPE_INSTANCE_STATE;
	return has;
}

/* Whose events they are must be known when they are stored, and what some of them say. */
static bool
keep_owners(struct waiting *w, struct instance *instance, const struct hsw_emit *emit)
{
	if (instance != NULL)
		w->instance = instance_ref(instance);
	if (instance != NULL && !has_state(emit))
		return true;
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
		int rc = journal_append(
			in->env.journal, in->env.port, emit->envelopes, emit->n, on_stored, w);
		emit->n = 0; /* the references are the journal's */
		if (rc == HSW_OK) {
			w->marks = in->marks;
			in->marks = (struct status_marks){ NULL, 0, 0 };
			in->waiting++;
			return;
		}
		ingress_refuse(source, r, 503, in->retry_after,
			"Too many events wait to be stored, try again later");
	}
	waiting_free(w);
}
