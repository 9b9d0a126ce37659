/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change.h - a request of the API on its way: from its worker to the store thread, which owns the
 * settings; where it changes something, from there to every worker, so that it is effective everywhere
 * when it is answered; and home.
 *
 * Changes are made one after another: the next begins when the one before has been at all workers.
 * Requests that only read are not held up by that. A configuration that was read again comes the same way,
 * without a request.
 *
 * Of several nodes on one store each makes its changes of the settings as it knows them. Where another node was first,
 * the store refuses the change; the settings are read again then, and it is applied again, so that clients see what a
 * single daemon would have answered.
 */
#ifndef CHANGE_H
#define CHANGE_H

#include "settings.h"
#include "worker.h"

#define CHANGE_HEADERS_SIZE 192
#define CHANGE_NOTE_SIZE 512

struct change_step;
struct change_ended;

struct change {
	struct store_call call; /* first */
	struct mail mail;
	struct change *next; /* in the queue */
	struct server *server;
	const struct config *config; /* in use when it came; a reference */
	struct worker *home;         /* NULL: no request waits for it */
	struct http_request *http;
	char headers[CHANGE_HEADERS_SIZE]; /* of the answer */
	char client[ADDRESS_TEXT_SIZE];    /* whose request it is */
	char note[CHANGE_NOTE_SIZE];       /* see change_note */
	const char *by;                    /* with what it came, for the log */
	bool is_read;
	/*
	 * On the store thread. Fills in `out`, or refuses by change_fail. What workers have to do is
	 * noted by change_put and change_remove. May be called again, while nothing was stored: what is
	 * asked for has to be there still.
	 */
	void (*apply)(struct change *, const struct store_port *);
	/* On the store thread, when all workers have done theirs: writes `out` where apply could not
	 * know it. May be NULL. */
	void (*finish)(struct change *);
	/* On the store thread, in place of the answer, where no request waits: status and error say what came
	 * of it. The change is freed afterwards. May be NULL. */
	void (*done)(struct change *);
	void *arg; /* of done */

	/* How the answer about a webhook looks; NULL: as RyzeAPI's. */
	void (*print)(struct change *, const struct webhook *);

	/* what is asked for; owned */
	char *instance, *label, *token, *names;
	struct webhook *webhook;
	unsigned kept;                   /* WEBHOOK_EXTRAS of the one before */
	unsigned not_given;              /* WEBHOOK_CREDENTIALS that the request says nothing of */
	struct webhook_section *section; /* that the webhook becomes; NULL: it is disabled */
	struct websocket websocket;
	bool has_websocket, has_label;
	bool keeps_destinations;   /* for other nodes, which may have those that end here */
	struct instance *of_token; /* whose token it came with; NULL: the account's. Reference */

	/* what came of it */
	int status;     /* 0: 200 */
	bool is_late;   /* see change_is_late */
	unsigned tries; /* before this one */
	char *attached; /* a destination that those before may have made in the store; NULL: none */
	struct buf out;
	struct hsw_error error;
	size_t undelivered; /* of the destinations that were removed */

	/* Names, each with its NUL, of instances of the file whose WebSocket the API has set otherwise. */
	struct buf kept_websockets;

	/* on the way */
	struct change_step *steps, *step;
	struct change_ended *ended;
	const struct store_port *store; /* while it is applied, of a reload */
	struct catalog_snapshot *snapshot;
	unsigned stop; /* the worker that it is at */
};

/* What is shared by all changes; of the store thread. */
struct change_queue {
	struct change *busy;
	struct change *first, **last;
};

void change_queue_init(struct change_queue *);
/* NULL: out of memory; the request was answered. */
struct change *change_new(struct worker *, struct http_request *, const char *headers);
void change_free(struct change *);
/* One that no request waits for. NULL: out of memory. */
struct change *change_new_unasked(struct server *);
/* Sends it on its way; it answers the request and frees itself. */
void change_post(struct change *);

/* The answer is this error. */
void change_fail(struct change *, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Whether a change of the settings returned HSW_ENOENT, for another node was first: then apply returns, without
 * change_unput, and is called again; or, when that has happened too often, the answer is 503. */
bool change_is_late(struct change *, int rc);
/* What the log says when the change is effective: "<what> instance=... client=... by=..." and the rest, which
 * begins with a blank; nothing secret. */
void change_note(struct change *, const char *what, const char *rest, ...)
	__attribute__((format(printf, 3, 4)));
/* The destination of that webhook shall be there; takes the section, also on error. HSW_OK, or it
 * was refused. */
int change_put(struct change *, const struct store_port *, struct webhook_section *);
/* What change_put made in the store is forgotten: the change was not stored. */
void change_unput(struct change *, const struct store_port *);
/* The destination "<instance>/<label>" shall be gone. */
void change_remove(struct change *, struct hsw_str instance, const char *label);

/* The instance's WebSocket clients are closed, and told the reason, a literal. */
void change_end(struct change *, struct hsw_str instance, const char *reason);
/* Instances as a start with this configuration would find them; NULL: with the one before, because another node
 * changed records. done, where it is not NULL, is told on the store thread, as are its status and error. HSW_OK:
 * it will; or HSW_ENOMEM. */
int change_reload(struct server *, const struct config *, void (*done)(struct change *), void *arg);

/* The change of change_reload, which is not on its way yet. NULL: out of memory. */
struct change *change_new_reload(
	struct server *, const struct config *, void (*done)(struct change *), void *arg);

/* The worker that serves a destination of the API. */
unsigned change_owner(const struct server *, const char *destination);

#endif
