/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_impl.h - what the files of the control socket (control*.c) share.
 */
#ifndef CONTROL_IMPL_H
#define CONTROL_IMPL_H

#include "control.h"
#include "tour.h"

/* What one request does piece by piece, however much there is: then it is answered with where it got to, and who asks
 * comes again. So an interrupted command stops where it is, and none waits for long. */
#define ROUNDS_MS 500

/* NULL: the configuration has no sink of that name. */
const struct sink_conf *control_find_sink(const struct config *, struct hsw_str name);
/* A number of the query; 0: it is not there, or is none. */
int64_t control_number(const struct http_request *, const char *name);

/* Store thread; t->config must be set. Whether the configuration or the API has a sink of that name, which is
 * "<instance>/<label>" for one of the API. */
bool control_has_sink(const struct tour *, struct hsw_str name);
/* Store thread; t->config must be set. Makes the answer a 404 that names the sinks there are. */
void control_no_sink(struct tour *);

/* Worker. The destination, where this one serves it; else the mail goes on to the next, if there is one. */
struct destination *control_find_destination(struct tour *, bool *is_passed);
/* Worker; t->config must be set. The destination, where this one serves it. NULL: the tour goes on, to the next
 * worker, or with a 404: another node serves the sink, or as control_no_sink. */
struct destination *control_need_destination(struct tour *);
/* Store thread. The webhook that is named "<instance>/<label>", where the instance may be its id: then the
 * tour goes on with its name. NULL: there is none, or it is not enabled. */
const struct webhook *control_find_webhook(struct tour *, struct hsw_str *instance);
/* Store thread; t->config must be set. What the sink of t->query.destination wants, which is in t->config or in *made:
 * for a webhook that is made and the caller's, as the worker's own is not ours to look at. HSW_OK; HSW_ENOENT, and
 * the answer is as control_no_sink; or t->error. */
int control_find_conf(struct tour *, const struct sink_conf **conf, struct webhook_section **made);
/* Store thread. Where the sink is called by its instance's id, the tour goes on with its name. */
void control_resolve(struct tour *);
/* What the answers about one sink begin with: the query's `sink`, and the configuration. NULL: out of memory, and
 * the request was answered. */
struct tour *control_tour_of_sink(struct worker *, struct http_request *);

/* GET /deliveries, POST /replay, POST /replay/outcome, POST /reload */
void control_deliveries(struct worker *, struct http_request *);
void control_replay(struct worker *, struct http_request *);
void control_outcome(struct worker *, struct http_request *);
/* POST /enable */
void control_enable(struct worker *, struct http_request *);
/* POST /skip */
void control_skip(struct worker *, struct http_request *);
void control_reload(struct worker *, struct http_request *);

#endif
