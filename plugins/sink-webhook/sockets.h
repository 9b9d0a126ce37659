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
/* Has connections kept for w->slot_count transfers. */
void sockets_allow(const struct webhook *w);
/* Sets what every handle needs. */
void sockets_set(struct webhook *w, CURL *easy);

#endif
