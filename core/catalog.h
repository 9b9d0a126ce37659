/* SPDX-License-Identifier: Apache-2.0 */
/*
 * catalog.h - the instances (WhatsApp numbers): their names, tokens and what was seen of them.
 *
 * Instances come from the configuration file and from the API. They stand in immutable snapshots with
 * counted references; every thread looks into its own view, which holds one snapshot, so finding an
 * instance takes no lock. The store thread alone makes new snapshots (catalog_put, catalog_replace,
 * catalog_remove) and sends them to the workers. It also sends them what was committed, so a worker sees a change after the
 * events that were committed before it. Those that auto_create lets in are added under a lock.
 */
#ifndef CATALOG_H
#define CATALOG_H

#include <pthread.h>
#include <stdatomic.h>

#include "buf.h"
#include "config.h"
#include "metrics.h"

#define INSTANCES_AUTO_MAX 10000 /* that auto_create makes */

/* What came of its last instance.state. */
#define INSTANCE_STATE_MAX 32
#define INSTANCE_JID_MAX 96

struct instance_seen {
	char state[INSTANCE_STATE_MAX]; /* empty: none was seen */
	char jid[INSTANCE_JID_MAX];     /* the number's; empty: unknown */
	int64_t at_ms;                  /* when that event came: since 1970; 0: none did */
};

#define INSTANCE_ID_SIZE 37 /* a UUID and NUL */

struct instance {
	_Atomic unsigned refs;
	struct hsw_str name;
	char id[INSTANCE_ID_SIZE];     /* of one that the API made; empty: of none of these */
	struct hsw_str token;          /* s = NULL: none */
	struct hsw_str token_json;     /* `,"token":"..."`, empty without a token */
	struct metric *events;         /* accepted */
	_Atomic int64_t last_event_ms; /* since 1970; 0: none yet */
	_Atomic unsigned
		raw_types; /* of which the API's webhooks want raw bodies: bits 1 << enum event_type */
	pthread_mutex_t lock; /* of what follows */
	struct instance_seen seen;
	int64_t seen_seq; /* of the event; 0: another process took it, so it is older */
	bool is_unsaved;  /* what was seen could not be stored */
};

/* NULL: out of memory. id and token may be NULL. */
struct instance *instance_new(struct hsw_str name, const char *id, const char *token);
struct instance *instance_ref(struct instance *);
void instance_unref(struct instance *); /* NULL is allowed */

/* An instance.state was stored, with that seq: jid empty leaves the number as it was; one that is older than what
 * was seen changes nothing. true: what was seen has to be stored. Any thread. */
bool instance_saw(
	struct instance *, int64_t seq, int64_t at_ms, struct hsw_str state, struct hsw_str jid);
/* What was seen could not be stored: it is to be, with the next instance.state. Any thread. */
void instance_set_unsaved(struct instance *);
void instance_get_seen(struct instance *, struct instance_seen *out);
/* The store, or another object of the instance, has this: it is taken where it is newer. Any thread. */
void instance_recall(struct instance *, const struct instance_seen *);
/* Whether what was seen of one of its name with that id was seen of it: the API has not deleted that one and made it
 * anew. From the file, where none has an id, to the API and back it is the same. */
bool instance_is_heir(const struct instance *, const char *id);
/* It takes the place of one of its name: what was seen of that one was seen of it. Before others have it. */
void instance_succeed(struct instance *, struct instance *before);

/* The WebSocket of an instance. */
struct websocket_setting {
	bool enabled;
	bool media_base64;
	unsigned events; /* bits 1 << enum event_type */
};

struct catalog_entry {
	struct instance *instance;
	struct websocket_setting websocket;
};

/* ---- the catalog ---- */

struct catalog;
struct catalog_snapshot;

/* What one thread sees. */
struct catalog_view {
	struct catalog *catalog;
	struct catalog_snapshot *now;
};

/* With the instances of the configuration. NULL: out of memory. */
struct catalog *catalog_new(const struct config *);
void catalog_free(struct catalog *);

/* The store thread's view: always the newest snapshot. Before that thread makes any, also the main
 * thread's. */
struct catalog_view *catalog_master(struct catalog *);
/* Adds an instance with its WebSocket, takes a reference, or replaces the one of its name. HSW_OK or
 * HSW_ENOMEM. */
int catalog_put(struct catalog *, struct instance *, const struct websocket_setting *);
/* These, sorted by name, take the place of all. Takes references. HSW_OK or HSW_ENOMEM. */
int catalog_replace(struct catalog *, const struct catalog_entry *, size_t n);
/* HSW_OK, also when there is none of that name, or HSW_ENOMEM. */
int catalog_remove(struct catalog *, struct hsw_str name);

struct catalog_snapshot *catalog_snapshot_ref(struct catalog_snapshot *);
void catalog_snapshot_unref(struct catalog_snapshot *); /* NULL is allowed */

/* Makes the view show that snapshot; takes a reference of its own. */
void catalog_view_set(struct catalog_view *, struct catalog *, struct catalog_snapshot *);
void catalog_view_fini(struct catalog_view *);

/* The instance of that name; NULL: unknown, and not allowed to be made (or the name is malformed).
 * It is the view's: take a reference to keep it past the end of this turn. */
struct instance *catalog_find(const struct catalog_view *, struct hsw_str name);
/* Whether catalog_find may make one of that name, where there is none. */
bool catalog_may_make(const struct catalog_view *, struct hsw_str name);
/* As catalog_find, but auto_create makes nothing. */
struct instance *catalog_find_known(const struct catalog_view *, struct hsw_str name);
/* The same, with its WebSocket. */
struct instance *catalog_find_websocket(
	const struct catalog_view *, struct hsw_str name, struct websocket_setting *out);
/* The instance whose token it is; every token is compared, in constant time. NULL: nobody's. */
struct instance *catalog_find_token(const struct catalog_view *, struct hsw_str token);
/* Calls fn for each, in no order. */
void catalog_each(
	const struct catalog_view *, void (*fn)(void *arg, const struct instance *), void *arg);

#endif
