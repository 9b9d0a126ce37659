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

/* Makes w->multi and sets its callbacks. */
int sockets_open(struct webhook *w);
void sockets_close(struct webhook *w);
/* Lets go of all connections, when there are some and no transfer is under way. */
void sockets_close_idle(struct webhook *w);
/* Has connections kept for w->slot_count transfers. */
void sockets_allow(const struct webhook *w);
/* Sets what a transfer's handle needs. */
void sockets_set(struct webhook *w, CURL *easy);

#endif
