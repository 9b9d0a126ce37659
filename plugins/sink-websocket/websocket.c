/* SPDX-License-Identifier: Apache-2.0 */
/*
 * websocket.c - sink-websocket: events for browsers and programs, over connections that they open
 * (RFC 6455). Live only: who is not connected misses what happens.
 *
 * Envelopes of one turn of the loop are sent together at its end, but not more often than every
 * `flush`: under load a client gets many with one system call, and a single event goes out at once.
 */
#include "websocket.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SWEEP_MAX_MS 1000 /* how late a PING may be */
#define SWEEP_MIN_MS 10

/* ---- sending ---- */

/* Where a flush to very many clients takes long, the pause is twice as long: so that requests are not held
 * up, and fewer calls send more. */
static void
flush_rooms(struct websocket *ws)
{
	int64_t begin = ws->host->now_ms(ws->handle);
	struct room *room;

	while ((room = TAILQ_FIRST(&ws->dirty)) != NULL) {
		room_flush(room);
		room_leave(room);
	}
	int64_t now = ws->host->now_ms(ws->handle);
	int64_t rest = ws->conf->flush_ms;
	if (now - begin > rest / 2)
		rest *= 2;
	ws->flush_at_ms = now + rest;
}

static void
on_flush(void *arg)
{
	struct websocket *ws = arg;

	ws->will_flush = false;
	flush_rooms(ws);
}

static void
flush_soon(struct websocket *ws)
{
	if (ws->will_flush)
		return;
	int64_t wait = ws->flush_at_ms - ws->host->now_ms(ws->handle);
	ws->will_flush = true;
	ws->host->timer_set(ws->flush, wait > 0 ? wait : 0);
}

static void
websocket_broadcast(void *self, const struct hsw_envelope *envelope, unsigned parts)
{
	struct websocket *ws = self;
	struct room *room = room_find(ws, ws->host->get(envelope, HSW_F_INSTANCE));

	if (room == NULL)
		return;
	if (room_add(room, envelope, parts))
		flush_soon(ws);
	else
		ws->host->log(ws->handle, HSW_LOG_ERROR,
			"out of memory: an event did not reach clients instance=%.*s",
			(int)room->name_len, room->name);
}

/* ---- clients ---- */

static void
each_client(struct room *room, void (*fn)(struct client *, void *arg), void *arg)
{
	struct client *c, *next;

	for (c = TAILQ_FIRST(&room->clients); c != NULL; c = next) {
		next = TAILQ_NEXT(c, link);
		fn(c, arg);
	}
	room_leave(room);
}

/* late_ms: how long the loop was held up, by the machine or by us. In that time nobody was sent a PING or heard, so it
 * is no time in which a client was silent. */
struct sweep {
	int64_t now_ms, late_ms;
};

static void
tick(struct client *c, void *arg)
{
	const struct sweep *sweep = arg;

	c->deadline_ms += sweep->late_ms;
	client_tick(c, sweep->now_ms);
}

static void
say_goodby(struct client *c, void *reason)
{
	client_close(c, CLOSE_AWAY, reason);
}

static void
end(struct client *c, void *arg)
{
	(void)arg;
	client_free(c);
}

static void
each_room(struct websocket *ws, void (*fn)(struct client *, void *arg), void *arg)
{
	struct room *room, *next;

	HASH_ITER(hh, ws->rooms, room, next)
	{
		each_client(room, fn, arg);
	}
}

static int64_t
sweep_ms(const struct websocket_conf *conf)
{
	int64_t least = conf->heartbeat_ms < conf->pong_timeout_ms ? conf->heartbeat_ms
								   : conf->pong_timeout_ms;
	least = (least < conf->close_timeout_ms ? least : conf->close_timeout_ms) / 8;
	return least > SWEEP_MAX_MS ? SWEEP_MAX_MS : least < SWEEP_MIN_MS ? SWEEP_MIN_MS : least;
}

static void
sweep_later(struct websocket *ws)
{
	int64_t wait = sweep_ms(ws->conf);

	ws->sweep_at_ms = ws->host->now_ms(ws->handle) + wait;
	ws->host->timer_set(ws->sweep, wait);
}

/* Runs while there are clients. */
static void
on_sweep(void *arg)
{
	struct websocket *ws = arg;
	int64_t now = ws->host->now_ms(ws->handle);
	struct sweep sweep = { now, now > ws->sweep_at_ms ? now - ws->sweep_at_ms : 0 };

	each_room(ws, tick, &sweep);
	if (ws->n_clients > 0)
		sweep_later(ws);
}

static int
websocket_adopt(void *self, const struct hsw_conn *conn)
{
	struct websocket *ws = self;

	if (ws->is_draining)
		return HSW_ECLOSED;
	if (conn->tls != NULL)
		return HSW_ENOTSUP;
	struct room *room = room_enter(ws, conn->instance);
	if (room == NULL)
		return HSW_ENOMEM;
	room_flush(room); /* a new client gets what comes from now on */
	bool is_first = ws->n_clients == 0;
	int rc = client_new(room, conn);
	if (rc == HSW_OK && is_first)
		sweep_later(ws);
	room_leave(room);
	return rc;
}

struct expulsion {
	uint32_t flags;
	const char *reason;
};

static void
expel(struct client *c, void *arg)
{
	const struct expulsion *e = arg;

	if ((c->flags & e->flags) == e->flags)
		client_close(c, CLOSE_AWAY, e->reason);
}

static void
websocket_expel(void *self, struct hsw_str instance, uint32_t flags, const char *reason)
{
	struct websocket *ws = self;
	struct expulsion e = { flags, reason };
	struct room *room = instance.s != NULL ? room_find(ws, instance) : NULL;

	if (instance.s == NULL) {
		flush_rooms(ws);
		each_room(ws, expel, &e);
	} else if (room != NULL) {
		room_flush(room);
		each_client(room, expel, &e);
	}
}

/* A daemon that has no expel yet. */
static void
websocket_dismiss(void *self, struct hsw_str instance)
{
	websocket_expel(self, instance, 0, "the instance was deleted");
}

/* ---- life ---- */

static void
websocket_drain(void *self)
{
	struct websocket *ws = self;

	ws->is_draining = true;
	flush_rooms(ws);
	each_room(ws, say_goodby, (void *)"the server stops");
}

static void
websocket_close(void *self)
{
	struct websocket *ws = self;

	each_room(ws, end, NULL);
	ws->host->timer_free(ws->flush);
	ws->host->timer_free(ws->sweep);
	free(ws);
}

static int
fail(struct hsw_error *err, int rc, const char *text)
{
	snprintf(err->text, sizeof(err->text), "%s", text);
	return rc;
}

static int
websocket_check(const void *conf, struct hsw_error *err)
{
	const struct websocket_conf *c = conf;

	if (c->pong_timeout_ms > c->heartbeat_ms)
		return HSW_OK;
	return fail(err, HSW_EINVAL,
		"pong_timeout: must be longer than heartbeat: nobody sends a PONG before a PING");
}

static void
begin_watch(struct client *c, void *now)
{
	client_begin_watch(c, *(int64_t *)now);
}

/* A client that was in time for the PONG of before must not be late by another timeout. */
static int
websocket_configure(void *self, const void *conf, struct hsw_error *err)
{
	struct websocket *ws = self;
	const struct websocket_conf *before = ws->conf;
	int64_t now = ws->host->now_ms(ws->handle);

	(void)err;
	ws->conf = conf;
	if (before->heartbeat_ms != ws->conf->heartbeat_ms ||
		before->pong_timeout_ms != ws->conf->pong_timeout_ms)
		each_room(ws, begin_watch, &now);
	if (ws->n_clients > 0)
		sweep_later(ws);
	return HSW_OK;
}

static int
websocket_open(const struct hsw_host *host, struct hsw_handle *handle, const void *conf,
	void **self, struct hsw_error *err)
{
	if (websocket_check(conf, err) != HSW_OK)
		return HSW_EINVAL;
	struct websocket *ws = calloc(1, sizeof(*ws));
	if (ws == NULL)
		return fail(err, HSW_ENOMEM, "out of memory");
	ws->host = host;
	ws->handle = handle;
	ws->conf = conf;
	ws->flush_at_ms = host->now_ms(handle);
	TAILQ_INIT(&ws->dirty);
	ws->flush = host->timer_new(handle, on_flush, ws);
	ws->sweep = host->timer_new(handle, on_sweep, ws);
	if (ws->flush != NULL && ws->sweep != NULL) {
		*self = ws;
		return HSW_OK;
	}
	websocket_close(ws);
	return fail(err, HSW_ENOMEM, "out of memory");
}

#define O(member) offsetof(struct websocket_conf, member)
static const struct hsw_option options[] = {
	{ "heartbeat", HSW_OPT_MSEC, 0, O(heartbeat_ms), "54s", 10, 3600000, NULL,
		"How often clients are sent a PING." },
	{ "pong_timeout", HSW_OPT_MSEC, 0, O(pong_timeout_ms), "60s", 10, 3600000, NULL,
		"A client that has not sent a PONG for so long is dropped. To be longer than "
		"heartbeat." },
	{ "queue", HSW_OPT_INT, 0, O(queue), "256", 1, 100000, NULL,
		"How many events may wait for a client that reads slowly; with one more it is "
		"dropped (close code 1008)." },
	{ "queue_bytes", HSW_OPT_SIZE, 0, O(queue_bytes), "64m", 1024, INT64_MAX / 2, NULL,
		"The same as a size. A single event may always wait." },
	{ "max_frame", HSW_OPT_SIZE, 0, O(max_frame_bytes), "4k", 125, 1 << 20, NULL,
		"What a client may send in one frame; with more it is dropped (close code 1009). "
		"It is read and ignored." },
	{ "flush", HSW_OPT_MSEC, 0, O(flush_ms), "5ms", 0, 1000, NULL,
		"Events that come closer to each other than this are sent together." },
	{ "close_timeout", HSW_OPT_MSEC, 0, O(close_timeout_ms), "2s", 10, 60000, NULL,
		"How long a client that was sent a close frame may take to end the connection." },
	{ NULL, HSW_OPT_STRING, 0, 0, NULL, 0, 0, NULL, NULL },
};
#undef O

static const struct hsw_sink_ops ops = {
	.size = sizeof(ops),
	.concurrency = 1,
	.parts = HSW_TOKEN | HSW_CODES,
	.flags = HSW_SINK_LIVE,
	.open = websocket_open,
	.drain = websocket_drain,
	.close = websocket_close,
	.adopt = websocket_adopt,
	.broadcast = websocket_broadcast,
	.dismiss = websocket_dismiss,
	.check = websocket_check,
	.configure = websocket_configure,
	.expel = websocket_expel,
};

HSW_PLUGIN(HSW_SINK, "websocket", "1.0", "sends events to clients that connect by WebSocket",
	sizeof(struct websocket_conf), options, &ops);
