/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notice.h - what the operator is told of destinations, as POST requests to [server] notify_url.
 *
 * A worker sends the notices of its own destinations, one after the other, by a handle of the webhook
 * sink that is theirs alone. They wait in memory, NOTICES_MAX at most, and are tried a few times; one
 * that does not arrive is logged and counted, and so are those that a stop finds waiting. Nothing waits
 * for them. All of it is on the worker's thread.
 */
#ifndef NOTICE_H
#define NOTICE_H

#include "destination.h"

#define NOTICES_MAX 64 /* that wait, of one worker */

enum notice {
	NOTICE_DISABLED,       /* "sink.disabled" */
	NOTICE_CIRCUIT_OPENED, /* "sink.circuit_opened" */
	NOTICE_CIRCUIT_CLOSED, /* "sink.circuit_closed" */
	NOTICE_DEAD_LETTERS,   /* "sink.dead_letters" */
	NOTICE_LAGGING,        /* "sink.lagging" */
	NOTICE_CAUGHT_UP       /* "sink.caught_up" */
};

struct notices;

/* sink: where they go, see webhook_sink_init_notices; without a plugin there are none, and HSW_OK. It
 * must stay until notices_close. HSW_OK, or err says why. */
int notices_open(struct delivery_thread *, const struct webhook_sink *, const struct server_conf *,
	struct hsw_error *err);
/* NULL is allowed. */
void notices_close(struct notices *);

/* Tells what happened to this destination. since_ms (since 1970): since when it has been in the state
 * that begins or, of CIRCUIT_CLOSED and CAUGHT_UP, ends. Without notify_url: nothing. */
void notice_send(const struct destination *, enum notice, int64_t since_ms);

/* A dead letter more. */
void notice_died(struct destination *);
/* How far behind it is, from time to time. */
void notice_lag(struct destination *, int64_t lag);

#endif
