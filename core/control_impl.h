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

/* GET /deliveries, POST /replay, POST /reload */
void control_deliveries(struct worker *, struct http_request *);
void control_replay(struct worker *, struct http_request *);
/* POST /enable */
void control_enable(struct worker *, struct http_request *);
void control_reload(struct worker *, struct http_request *);

#endif
