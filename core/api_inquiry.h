/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_inquiry.h - what the routes of deliveries share: a question about the webhooks of an instance, which the store
 * thread knows, and the workers that serve them.
 *
 * They concern the destinations "<instance>/<label>" of the webhooks that the API made, never sinks of the
 * configuration file: those may carry other instances. A route reads its request on the request's worker, with which
 * a tour begins; the inquiry is the tour's own, and its replay, where it has one, too.
 */
#ifndef API_INQUIRY_H
#define API_INQUIRY_H

#include "api_call.h"
#include "tour.h"

struct inquiry {
	char *instance;
	char *label; /* NULL: all webhooks */
	bool with_delivered;
	/* dead letters */
	size_t limit;
	int64_t after;     /* this seq ... */
	char *after_label; /* ... of this webhook; NULL: from the first */
	unsigned char (*ids)[HSW_EVENT_ID_BYTES];
	size_t n_ids;
	bool is_more; /* than fit into the answer */
	int64_t last; /* seq that was printed */
	/* The webhooks, by label; found on the store thread. */
	char **labels;
	char **nodes;        /* which other node serves each; NULL: as far as is known none */
	size_t n_labels, at; /* at: which is visited */
	unsigned pages;
};

/* ---- on the request's worker ---- */

/* Of call->instance. NULL: it was answered. */
struct inquiry *inquiry_new(const struct api_call *);
void inquiry_free(void *inquiry); /* NULL is allowed */
/* ?label=, where there is one; an empty one is the default. false: it was answered. */
bool inquiry_read_label(const struct api_call *, struct inquiry *);
void inquiry_refuse_memory(const struct api_call *);
/* 503 where memory is what is missing, else 400. */
void inquiry_refuse(const struct api_call *, int rc, const struct hsw_error *);
/* Begins its tour, on the store thread. Takes both, also on error. */
void inquiry_begin(const struct api_call *, struct inquiry *, struct replay *,
	void (*fn)(struct store_call *, const struct store_port *));

/* ---- on its tour ---- */

/* What the answer will be. */
void inquiry_fail(struct tour *, int status, const char *message);
/* The store said rc, and why in t->error, which is logged. */
void inquiry_fail_store(struct tour *, int rc);
/* Fills in the labels: of those that are enabled, since the others have no deliveries, and their dead letters went with
 * them. Store thread. false: the answer is an error. */
bool inquiry_find_labels(struct tour *);
/* Sets t->sink and t->query.destination to the instance's webhook with that label. false: the answer is an error. */
bool inquiry_set_destination(struct tour *, const char *label);
/* To the worker of t->sink. */
void inquiry_go_to_owner(struct tour *, void (*fn)(struct mail *));
/* On that worker. NULL: it is not served here (any more). */
struct destination *inquiry_find_destination(const struct tour *);

#endif
