/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_impl.h - what control.c (status, dead letters) and control_deliveries.c share: the tour, an
 * answer in the making that goes from thread to thread as mail.
 */
#ifndef CONTROL_IMPL_H
#define CONTROL_IMPL_H

#include "control.h"

struct tour {
	struct store_call call; /* first */
	struct mail mail;
	struct server *server;
	struct worker *home;
	struct http_request *http;
	unsigned stop; /* the worker to visit */
	struct buf out;
	bool has_items; /* the list that is being written has one already */
	int status;     /* of the answer; 0: 200 */
	struct hsw_error error;
	/* dead letters */
	struct buf sink, id_text;
	unsigned char id[HSW_EVENT_ID_BYTES];
	struct hsw_dead_query query;
	int64_t *seqs; /* that became retries */
	size_t n_seqs, cap_seqs;
	size_t count;
	struct replay *replay;       /* see control_deliveries.c */
	const struct config *config; /* what the replay points into, a reference; or NULL */
};

/* NULL: out of memory, and the request was answered. */
struct tour *tour_new(struct worker *, struct http_request *);
/* Not sent anywhere: the request was answered otherwise. */
void tour_free(struct tour *);
/* To the worker that has the request, where the answer is sent. */
void tour_go_home(struct tour *);
void tour_go_to_store(struct tour *, void (*fn)(struct store_call *, const struct store_port *));
/* The answer is 503, or 404 of HSW_ENOENT, with t->error. */
void tour_fail(struct tour *, int rc);

/* Whether the configuration has a sink of that name. */
bool control_is_sink(const struct config *, struct hsw_str name);
/* A number of the query; 0: it is not there, or is none. */
int64_t control_number(const struct http_request *, const char *name);

/* GET /deliveries, POST /replay, POST /reload */
void control_deliveries(struct worker *, struct http_request *);
void control_replay(struct worker *, struct http_request *);
void control_reload(struct worker *, struct http_request *);

#endif
