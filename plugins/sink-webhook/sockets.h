/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sockets.h - curl's sockets and timer on the daemon's loop.
 *
 * A connection between two transfers stays watched: a kept-alive connection that is used again and
 * again costs no call to the kernel for being watched.
 */
#ifndef SOCKETS_H
#define SOCKETS_H

#include "webhook.h"

/* Connections that were not used for this long, or twice as long, are closed. */
#define SOCKETS_IDLE_MS 60000

/* Makes w->multi and sets its callbacks. */
int sockets_open(struct webhook *w);
void sockets_close(struct webhook *w);
/* Has idle connections looked at after ms; those that were used since the last time stay. */
void sockets_look_at_idle(struct webhook *w, int64_t ms);
/* Has connections kept for w->slot_count transfers. */
void sockets_allow(const struct webhook *w);
/* What a handle's new connections have to heed. */
struct opener {
	struct webhook *w;
	bool is_guarded;    /* only where w->guard allows it */
	bool is_resolving;  /* the name is being looked up */
	const char *origin; /* of the request; NULL: not known */
	bool *was_refused;  /* is set when the guard did not allow an address */
};

/* Sets what every handle needs. The opener lives as long as the handle. */
void sockets_set(CURL *easy, struct opener *);
/* A new request begins; origin lives until it ends. */
void sockets_begin(struct opener *, const char *origin);
/* Ends the connections that the guard does not allow. */
void sockets_guard(struct webhook *);
/* It is given up, before its handle is taken from curl. */
void sockets_give_up(struct opener *);

#endif
