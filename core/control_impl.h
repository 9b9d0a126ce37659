/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_impl.h - what control.c (status, dead letters) and control_deliveries.c share.
 */
#ifndef CONTROL_IMPL_H
#define CONTROL_IMPL_H

#include "control.h"
#include "tour.h"

/* Whether the configuration has a sink of that name. */
bool control_is_sink(const struct config *, struct hsw_str name);
/* A number of the query; 0: it is not there, or is none. */
int64_t control_number(const struct http_request *, const char *name);

/* Store thread; t->config must be set. Whether the configuration or the API has a sink of that name, which is
 * "<instance>/<label>" for one of the API. */
bool control_has_sink(const struct tour *, struct hsw_str name);
/* Store thread; t->config must be set. Makes the answer a 404 that names the sinks there are. */
void control_no_sink(struct tour *);

/* What the answers about one sink begin with: the query's `sink`, and the configuration. NULL: out of memory, and
 * the request was answered. */
struct tour *control_tour_of_sink(struct worker *, struct http_request *);
/* Store thread. Where the sink is called by its instance's id, the tour goes on with its name. */
void control_resolve(struct tour *);
/* The destination, where this worker serves it; else the mail goes on to the next, if there is one. */
struct destination *control_find_or_pass_on(struct tour *, bool *is_passed);
/* The last worker has no such destination: a 404 that names those there are, or the node that has it. */
void control_answer_no_sink(struct tour *);

/* GET /deliveries, POST /replay, POST /replay/outcome, POST /reload */
void control_deliveries(struct worker *, struct http_request *);
void control_replay(struct worker *, struct http_request *);
void control_outcome(struct worker *, struct http_request *);
/* POST /enable */
void control_enable(struct worker *, struct http_request *);
void control_reload(struct worker *, struct http_request *);

#endif
