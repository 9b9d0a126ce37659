/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog.h - the instances (WhatsApp numbers): their names, tokens and what was seen of them.
 *
 * Instances of the configuration never change, so finding one takes no lock. Those that auto_create
 * lets in are added under a lock. An instance lives as long as the catalog. Any thread.
 */
#ifndef CATALOG_H
#define CATALOG_H

#include <stdatomic.h>

#include "buf.h"
#include "config.h"
#include "metrics.h"

#define INSTANCES_AUTO_MAX 10000 /* that auto_create makes */

struct instance {
	const struct instance_conf *conf; /* NULL: auto_create made it */
	struct hsw_str name;
	struct hsw_str token;          /* s = NULL: none */
	struct hsw_str token_json;     /* `,"token":"..."`, empty without a token */
	struct metric *events;         /* accepted */
	_Atomic int64_t last_event_ms; /* since 1970; 0: none yet */
};

struct catalog;

/* NULL: out of memory. */
struct catalog *catalog_new(const struct config *);
void catalog_free(struct catalog *);

/* The instance of that name; NULL: unknown, and not allowed to be made (or the name is malformed). */
struct instance *catalog_find(struct catalog *, struct hsw_str name);
/* The same, but makes none. */
struct instance *catalog_known(struct catalog *, struct hsw_str name);
/* Calls fn for each, in no order. */
void catalog_each(struct catalog *, void (*fn)(void *arg, const struct instance *), void *arg);

/* What the WebSocket clients of an instance get. */
struct websocket_setting {
	unsigned types; /* bits 1 << enum event_type */
	unsigned parts; /* set of enum hsw_part */
};

/* false: the instance's WebSocket is not enabled; *out is not set. */
bool catalog_websocket(const struct instance *, struct websocket_setting *out);

#endif
