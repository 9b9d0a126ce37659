/* SPDX-License-Identifier: Apache-2.0 */
/*
 * live.h - the WebSocket clients of one worker: [websocket]'s handle there, and what reaches it.
 *
 * Clients of an instance are spread over the workers, so every worker is fed every committed envelope
 * while it has a client, in the journal's order; there is no cursor, and nothing waits for a client.
 * Everything here runs on the worker.
 */
#ifndef LIVE_H
#define LIVE_H

#include <stdatomic.h>

#include "catalog.h"
#include "envelope.h"
#include "host.h"

struct live_env {
	const struct config *config;
	const struct catalog_view *catalog; /* the worker's */
	struct host_thread thread;
	/* Counted up for each client; the store thread reads it. */
	_Atomic unsigned *readers;
	/* A client's connection was closed. */
	void (*released)(void *arg);
	void *arg;
};

struct live;

/* *out is NULL where no plugin serves WebSockets. HSW_OK, or err says why. */
int live_open(const struct live_env *, struct live **out, struct hsw_error *err);
/* Committed envelopes, ascending. NULL is allowed, here and below. */
void live_feed(struct live *, struct hsw_envelope *const *, size_t n);

/* Its clients have the options of this configuration from now on. HSW_OK; or err says why they keep those of
 * before. Where the configuration has another plugin, that waits for a restart, and nothing changes. */
int live_configure(struct live *, const struct config *, struct hsw_error *err);

/* Whether it takes clients. */
bool live_is_open(const struct live *);
/* Counts a client, so that it is fed what is committed from now on; live_adopt or live_release must
 * follow in the same turn of the loop. */
void live_expect(struct live *);
/* Takes that back: the connection was closed. */
void live_release(struct live *);
/* Takes over the connection, closes it when that fails. conn->released and token are not set by the
 * caller. HSW_OK or the error. */
int live_adopt(struct live *, struct hsw_conn *conn);
/* The instance's clients are told the reason (ASCII, at most 123 bytes) and closed. */
void live_dismiss(struct live *, struct hsw_str instance, const char *reason);
/* The same for all that came with the account's token. */
void live_dismiss_account(struct live *, const char *reason);

/* No new client; those that are there are told that the server stops. */
void live_drain(struct live *);
/* Whether no client is left. */
bool live_is_idle(const struct live *);
/* Closes what is left. */
void live_close(struct live *);

#endif
