/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node.h - this daemon as one of several on the same schema: which destinations are its own, what the others
 * wrote. A thread with a connection of its own keeps it up; see node.c.
 */
#ifndef STORE_POSTGRES_NODE_H
#define STORE_POSTGRES_NODE_H

#include "postgres.h"

struct node;

int node_join(void *self, const struct hsw_store_watch *, struct hsw_error *err);
int node_want(void *self, const struct hsw_str *names, size_t n, struct hsw_error *err);
void node_news(void *self, struct hsw_store_news *);
int node_claims(void *self, hsw_claim_fn *, void *arg);
void node_release(void *self, struct hsw_str destination);
void node_retire(void *self);
void node_leave(void *self);
int node_each(void *self, hsw_node_fn *, void *arg);

/* Whether there was another node when last looked. */
bool node_has_company(const struct postgres_store *);
/* Ends the thread. NULL is allowed. */
void node_free(struct node *);

#endif
