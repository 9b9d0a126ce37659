/* SPDX-License-Identifier: Apache-2.0 */
/* emit.h - collects the envelopes of one request while a source translates it. */
#ifndef EMIT_H
#define EMIT_H

#include "envelope.h"

#define EMIT_EVENTS_MAX 10000 /* of one request */

struct hsw_emit {
	struct envelope_origin origin;
	struct hsw_envelope **envelopes;
	size_t n, cap;
	size_t ignored;
	/* Called for each event without a canonical home; may be NULL. */
	void (*on_ignored)(void *arg, struct hsw_str provider_event);
	void *arg;
};

/* The instance that the event names; empty: none, or its plugin does not know of it. */
struct hsw_str emit_instance(const struct hsw_event *);
/* The function that translate is given. */
int emit_event(struct hsw_emit *, const struct hsw_event *);
/* Completes the envelopes; then they may be used. */
void emit_finish(struct hsw_emit *);
/* Gives the references back that are still here and starts anew. */
void emit_reset(struct hsw_emit *);
void emit_free(struct hsw_emit *);

#endif
