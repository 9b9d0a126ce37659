/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.h - one of the symmetric threads: a loop that takes connections, translates, and serves the
 * destinations that are pinned to it.
 *
 * The main thread makes, starts, drains and frees workers; everything else reaches a worker as mail.
 */
#ifndef WORKER_H
#define WORKER_H

#include <pthread.h>
#include <semaphore.h>

#include "catalog.h"
#include "destination.h"
#include "http.h"
#include "ingress.h"
#include "journal.h"
#include "live.h"
#include "ratelimit.h"
#include "settings.h"

struct change_queue;
struct claims;
struct sockets;

#define WORKER_TURN_MS 1000

/* What all workers share. Made by the main thread, then only read. */
struct server {
	const struct config *config; /* of the start; what may change is the workers' */
	struct catalog *catalog;
	struct journal *journal;
	struct identities *identities;          /* NULL: [ingest] identity = off */
	struct status_order *statuses;          /* NULL: no source asks for it */
	struct ratelimit *rate, *instance_rate; /* of the API */
	struct ratelimit *ingest_rate;
	struct webhook_sink webhook_sink;
	struct webhook_sink notice_sink; /* without a plugin: nobody is told */
	struct settings *settings;       /* the store thread's */
	struct change_queue *changes;    /* the store thread's */
	struct claims *claims;           /* NULL: this is the only node */
	struct http_shared http;
	struct mailbox reloads; /* to the main thread: requests to read the configuration again */
	struct tls *tls;        /* of the start; NULL: no TLS listeners */
	struct worker *workers;
	unsigned n_workers;
	int64_t started_ms; /* since 1970 */
	/* Requests that are handed from worker to worker: while there are any, none may end. */
	_Atomic unsigned on_tour;
	_Atomic unsigned n_serving; /* workers that have connections, or would take them */
	/* Answers a request, on its worker. */
	void (*handle)(struct worker *, struct http_request *);
};

/* What takes a new configuration as a whole, or stays as it was. */
enum worker_part { WORKER_SOURCES, WORKER_WEBSOCKET, WORKER_WEBHOOKS, WORKER_PARTS };
extern const char *const worker_parts[WORKER_PARTS];

struct worker {
	struct server *server;
	unsigned index;
	pthread_t thread;
	struct mailbox box;
	struct catalog_view catalog;
	const struct config *config; /* in use, a reference; the worker's own */
	struct event_base *base;
	struct event *mail, *second, *drain;
	struct http_server *http;
	struct ingress *ingress;
	struct delivery_thread delivery;
	struct live *live;        /* NULL: no plugin serves WebSockets */
	_Atomic unsigned readers; /* WebSocket clients */
	sem_t ready;              /* of the start: posted once rc is set */
	sem_t go;                 /* of the start: the main thread lets it run */
	int rc;
	struct hsw_error error;
	/* Of the last worker_configure; the main thread's while it is not under way. */
	_Atomic bool is_configuring;
	struct hsw_error
		configure_errors[WORKER_PARTS]; /* empty: it is as the configuration says */
	bool must_stop;                         /* a start that failed elsewhere */
	int64_t drain_until_ms;                 /* 0: not draining */
	bool has_cancelled;
	bool has_served; /* no connection is left, and none comes */
	_Atomic bool has_ended;
	_Atomic int64_t
		turned_ms; /* when its loop last ran, by clock_mono_ms; every WORKER_TURN_MS */
};

/* Prepares a worker: its mailbox exists from then on. HSW_OK or an error. */
int worker_init(struct worker *, struct server *, unsigned index);
/* Starts its thread and waits until sources and destinations are open. HSW_OK, or err says why. */
int worker_start(struct worker *, struct hsw_error *err);
/* Lets it run: it listens on its own of these sockets, which are its property from now on. */
void worker_go(struct worker *, struct sockets *);
/* Main thread: this configuration is in use from now on. Of each part that cannot take it, it is logged and stands in
 * configure_errors, and that part stays as it was. */
void worker_configure(struct worker *, const struct config *);
/* Any thread: the certificate of new connections from now on. */
void worker_set_tls(struct worker *, struct tls *);
/* Any thread: open files again. */
void worker_reopen(struct worker *);
/* Any thread: finish what is in flight, at most so long, then end. */
void worker_drain(struct worker *, int64_t timeout_ms);
/* Waits for the thread's end. Also for one that never went, or that never started. */
void worker_join(struct worker *);
/* Frees what is left, when the store thread has ended, too: until then it may post. */
void worker_fini(struct worker *);
/* Any thread. */
void worker_post(struct worker *, struct mail *);

#endif
