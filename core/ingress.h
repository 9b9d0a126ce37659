/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingress.h - POST /in/<source>/<instance>[/...]: from a provider's request to the journal.
 *
 * One of each worker, with its own handle of every source section.
 */
#ifndef INGRESS_H
#define INGRESS_H

#include "catalog.h"
#include "host.h"
#include "http.h"
#include "identities.h"
#include "journal.h"

struct ingress;

struct ingress_env {
	const struct config *config;        /* whose sources are opened; it keeps a reference */
	const struct catalog_view *catalog; /* the worker's */
	struct journal *journal;
	unsigned port;                 /* of the journal */
	struct identities *identities; /* NULL: nothing is remembered */
	struct status_order *statuses; /* NULL: no source asks for it */
	struct ratelimit *rate;        /* of clients */
	struct host_thread thread;
};

/* Opens all sources. NULL: err says why. */
struct ingress *ingress_open(const struct ingress_env *, struct hsw_error *err);
void ingress_close(struct ingress *);
/* Closes it once every request that it has taken is answered. */
void ingress_retire(struct ingress *);
/* Answers the request, whose path begins with "/in/". */
void ingress_handle(struct ingress *, struct http_request *);

#endif
