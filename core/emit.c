/* SPDX-License-Identifier: Apache-2.0 */
/* emit.c - see emit.h. */
#include "emit.h"

#include <stdlib.h>

static bool
make_room(struct hsw_emit *e)
{
	if (e->n < e->cap)
		return true;
	size_t cap = e->cap != 0 ? 2 * e->cap : 16;
	struct hsw_envelope **grown = realloc(e->envelopes, cap * sizeof(grown[0]));
	if (grown == NULL)
		return false;
	e->envelopes = grown;
	e->cap = cap;
	return true;
}

struct hsw_str
emit_instance(const struct hsw_event *event)
{
	bool has_it = event->size >= offsetof(struct hsw_event, instance) + sizeof(event->instance);

	return has_it ? event->instance : (struct hsw_str){ "", 0 };
}

int
emit_event(struct hsw_emit *e, const struct hsw_event *event)
{
	if (event->type == NULL) {
		e->ignored++;
		if (e->on_ignored != NULL)
			e->on_ignored(e->arg, event->provider_event);
		return HSW_OK;
	}
	if (e->n == EMIT_EVENTS_MAX)
		return HSW_ELIMIT;
	if (!make_room(e))
		return HSW_ENOMEM;
	/* The first one may have the request's body, with the codes of all in it. */
	if (e->n > 0 && envelope_has_codes(event))
		envelope_guard_raw(e->envelopes[0]);
	int rc = envelope_new(&e->origin, event, (unsigned)e->n, &e->envelopes[e->n]);
	e->n += rc == HSW_OK;
	return rc;
}

void
emit_finish(struct hsw_emit *e)
{
	for (size_t i = 0; i < e->n; i++)
		envelope_finish(e->envelopes[i], (unsigned)e->n);
}

void
emit_reset(struct hsw_emit *e)
{
	for (size_t i = 0; i < e->n; i++)
		envelope_unref(e->envelopes[i]);
	e->n = e->ignored = 0;
}

void
emit_free(struct hsw_emit *e)
{
	emit_reset(e);
	free(e->envelopes);
	e->envelopes = NULL;
	e->cap = 0;
}
