/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim.h - this daemon as one of several nodes on one store: it opens the destinations that the store gives
 * it, closes those that another node is to have, follows what the others append, and reads again what is
 * configured on them. Where the store cannot be shared there are no claims, and all is as if alone.
 *
 * Everything but claims_start, claims_begin, claims_configure, claims_stop, claims_leave and claims_free belongs to the store thread.
 */
#ifndef CLAIM_H
#define CLAIM_H

#include "buf.h"
#include "worker.h"

struct claims;

/* Main thread, before the settings are read: joins. *out is NULL where the store knows no nodes. HSW_OK, or
 * err says why. */
int claims_start(struct server *, struct claims **out, struct hsw_error *err);
/* Main thread, when the workers are there: says what this node can deliver. HSW_OK, or err says why. */
int claims_begin(struct claims *, struct hsw_error *err);
/* Main thread: another configuration holds. Of its sinks those that this node serves and that are different are
 * opened again, once what is in flight has ended; new ones are asked for, and those that are gone left to the
 * others. One that cannot be opened goes on as it was before. */
void claims_configure(struct claims *, const struct config *);
/* Main thread, before the workers drain: opens nothing any more, and lets other nodes have each destination as soon
 * as what is in flight of it has ended, for [server] shutdown_timeout at most. NULL is allowed. */
void claims_stop(struct claims *);
/* Main thread, when the workers have ended and the store has not: others may have all. NULL is allowed. */
void claims_leave(struct claims *);
/* When the store has ended. */
void claims_free(struct claims *);

/* Whether other nodes are there. */
bool claims_have_company(const struct store_port *);
/* Until when this node may deliver, by clock_mono_ms. */
const _Atomic int64_t *claims_held_until_ms(const struct claims *);

/* What this node can deliver is other than before: the sinks, or the webhooks of the settings. */
void claims_refresh(struct claims *, const struct store_port *);
/* The settings could not be read again: they are with the next look. */
void claims_forget_settings(struct claims *);
/* Its section, or a webhook whose destination was on its way here, changed: it is opened again. */
void claims_changed(struct claims *, const char *destination);

/* `"node":"a","nodes":[...],"elsewhere":[{"name":...,"node":...}]`, for people. */
void claims_print(const struct store_port *, struct buf *);
/* The node that serves the destination; empty: nobody else, as far as is known. */
void claims_find(const struct store_port *, struct hsw_str destination, struct buf *node);

#endif
