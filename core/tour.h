/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tour.h - a tour is an answer in the making that goes from thread to thread as mail: to workers for
 * what only they may look at, to the store thread, and home, to the request's worker, where it is sent.
 * Only the thread that it is at has it.
 */
#ifndef TOUR_H
#define TOUR_H

#include "change.h"
#include "redeliver.h"

struct tour {
	struct store_call call; /* first */
	struct mail mail;
	struct server *server;
	struct worker *home;
	struct http_request *http;
	char headers[CHANGE_HEADERS_SIZE]; /* of the answer */
	unsigned stop;                     /* the worker to visit */
	struct buf out;
	bool has_items; /* the list that is being written has one already */
	int status;     /* of the answer; 0: 200; 400 and above: error instead of out */
	struct hsw_error error;
	/* dead letters */
	struct buf sink, id_text;
	unsigned char id[HSW_EVENT_ID_BYTES];
	struct hsw_dead_query query;
	struct seq_list replayed; /* became retries */
	size_t count;
	int64_t until_ms;      /* by clock_mono_ms: what is done piece by piece is answered then */
	bool is_dry;           /* a replay that is counted only */
	struct replay *replay; /* owned */
	const struct config *config; /* what the replay points into, a reference; or NULL */
	void *own;                   /* of who made the tour; may be NULL */
	void (*free_own)(void *);
};

struct tour *tour_of(struct mail *);
/* NULL: out of memory, and the request was answered. headers: of the answer; may be "". */
struct tour *tour_new(struct worker *, struct http_request *, const char *headers);
/* Not sent anywhere: the request was answered otherwise. */
void tour_free(struct tour *);
/* To the worker that has the request, where the answer is sent. */
void tour_go_home(struct tour *);
/* To that worker, where fn is called. */
void tour_go_to_worker(struct tour *, unsigned worker, void (*fn)(struct mail *));
void tour_go_to_store(struct tour *, void (*fn)(struct store_call *, const struct store_port *));
/* The answer is 503, or 404 of HSW_ENOENT, with t->error. */
void tour_fail(struct tour *, int rc);
/* A comma before all items of a list but the first. */
void tour_comma(struct tour *);

#endif
