/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client.c - one connection; see websocket.h.
 *
 * What waits for a client goes out in this order: the rest of a frame that is begun, control frames,
 * further frames. So control frames overtake envelopes, and no frame is ever cut.
 *
 *   OPEN -> CLOSING (a close frame was put behind what is begun) -> CLOSED (it is sent; our side is shut)
 *
 * is_blocked says that something waits: then the socket is watched for writing.
 */
#include "websocket.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONTROL_MAX 16384 /* control frames that may wait: the other side asks, but does not read */
#define REASON_MAX 123    /* RFC 6455 section 5.5 */

static bool
has_control(const struct client *c)
{
	return c->control_len > 0;
}

static void
drop_control(struct client *c)
{
	free(c->control);
	c->control = NULL;
	c->control_len = c->control_sent = 0;
}

static void
set_next(struct client *c, struct frame *f)
{
	if (c->next != NULL)
		c->next->clients--;
	if (f != NULL)
		f->clients++;
	c->next = f;
	c->offset = 0;
}

static void
block(struct client *c, bool on)
{
	c->is_blocked = on;
	c->room->ws->host->watch_set(c->watch, on ? HSW_READ | HSW_WRITE : HSW_READ);
}

void
client_free(struct client *c)
{
	struct room *room = c->room;
	struct websocket *ws = room->ws;

	set_next(c, NULL);
	room_trim(room);
	drop_control(c);
	inbound_free(c->inbound);
	ws->host->watch_free(c->watch);
	close(c->fd);
	TAILQ_REMOVE(&room->clients, c, link);
	ws->n_clients--;
	if (c->released != NULL)
		c->released(c->token);
	free(c);
}

/* ---- writing ---- */

static ssize_t
send_iov(const struct client *c, const struct iovec *iov, int n)
{
	const struct msghdr message = { .msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n };
	ssize_t sent = sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return 0;
	return sent;
}

/* A frame without its first `offset` bytes. Returns how many iovecs were filled. */
static int
put_rest(const struct frame *f, size_t offset, struct iovec *out)
{
	int n = 0;

	for (int i = 0; i < f->n; i++) {
		size_t len = f->iov[i].iov_len;
		if (offset < len)
			out[n++] = (struct iovec){ (char *)f->iov[i].iov_base + offset,
				len - offset };
		offset -= offset < len ? offset : len;
	}
	return n;
}

/* Frames that were offered to it, from f on. */
static struct frame *
frame_after(const struct client *c, const struct frame *f)
{
	struct frame *next = STAILQ_NEXT(f, link);

	return next != c->room->fresh && c->state == CLIENT_OPEN ? next : NULL;
}

/* Everything that waits, as far as it fits. */
static int
gather(const struct client *c, struct iovec *iov)
{
	struct frame *f = c->next;
	int n = 0;

	if (c->offset > 0) {
		n = put_rest(f, c->offset, iov);
		f = frame_after(c, f);
	}
	if (has_control(c))
		iov[n++] = (struct iovec){ c->control + c->control_sent,
			c->control_len - c->control_sent };
	for (; f != NULL && n + f->n <= IOV_MAX; f = frame_after(c, f)) {
		memcpy(&iov[n], f->iov, (size_t)f->n * sizeof(iov[0]));
		n += f->n;
	}
	return n;
}

/* Moves over n bytes that were sent, up to the end of the frame. Returns what is left of n. */
static size_t
pass_frame(struct client *c, size_t n)
{
	size_t rest = c->next->bytes - c->offset;

	if (n < rest) {
		c->offset += n;
		return 0;
	}
	set_next(c, frame_after(c, c->next));
	return n - rest;
}

static size_t
pass_control(struct client *c, size_t n)
{
	size_t rest = c->control_len - c->control_sent;

	if (n < rest) {
		c->control_sent += n;
		return 0;
	}
	drop_control(c);
	return n - rest;
}

static void
pass(struct client *c, size_t n)
{
	if (c->offset > 0)
		n = pass_frame(c, n);
	if (n > 0 && has_control(c))
		n = pass_control(c, n);
	while (n > 0)
		n = pass_frame(c, n);
}

/* All is sent. */
static bool
finish_writing(struct client *c)
{
	block(c, false);
	if (c->state != CLIENT_CLOSING)
		return true;
	if (c->said_goodby) {
		client_free(c);
		return false;
	}
	c->state = CLIENT_CLOSED;
	shutdown(c->fd, SHUT_WR);
	return true;
}

bool
client_write(struct client *c)
{
	struct iovec iov[IOV_MAX];
	int n;

	while ((n = gather(c, iov)) > 0) {
		ssize_t sent = send_iov(c, iov, n);
		if (sent < 0) {
			client_free(c);
			return false;
		}
		if (sent == 0) {
			block(c, true);
			return true;
		}
		pass(c, (size_t)sent);
	}
	room_trim(c->room);
	return finish_writing(c);
}

bool
client_offer(struct client *c, const struct iovec *iov, int n, size_t bytes)
{
	struct frame *f = c->room->fresh;

	if (c->is_blocked) {
		if (c->next == NULL)
			set_next(c, f);
		return true;
	}
	ssize_t sent = send_iov(c, iov, n);
	if (sent == (ssize_t)bytes)
		return true;
	if (sent < 0) {
		client_free(c);
		return false;
	}
	size_t left = (size_t)sent;
	for (; left >= f->bytes; f = STAILQ_NEXT(f, link))
		left -= f->bytes;
	set_next(c, f);
	c->offset = left;
	block(c, true);
	return true;
}

bool
client_is_behind(const struct client *c)
{
	const struct room *room = c->room;
	const struct websocket_conf *conf = room->ws->conf;

	if (c->next == NULL)
		return false;
	uint64_t waiting = room->last_number - c->next->number + 1;
	return waiting > (uint64_t)conf->queue ||
		(waiting > 1 && room->end_bytes - c->next->begins_at > (uint64_t)conf->queue_bytes);
}

/* ---- control frames ---- */

static bool
add_control(struct client *c, const void *bytes, size_t n)
{
	unsigned char *grown = realloc(c->control, c->control_len + n);

	if (grown == NULL)
		return false;
	memcpy(grown + c->control_len, bytes, n);
	c->control = grown;
	c->control_len += n;
	return true;
}

/* From here on only the close frame, which is in `control`, and what stands before it are sent. */
static bool
begin_closing(struct client *c)
{
	struct websocket *ws = c->room->ws;

	c->state = CLIENT_CLOSING;
	c->deadline_ms = ws->host->now_ms(ws->handle) + ws->conf->close_timeout_ms;
	if (c->offset == 0)
		set_next(c, NULL);
	return client_write(c);
}

bool
client_close(struct client *c, enum close_code code, const char *reason)
{
	size_t len = strnlen(reason, REASON_MAX);
	unsigned char frame[4 + REASON_MAX] = { 0x88, (unsigned char)(2 + len),
		(unsigned char)((unsigned)code >> 8), (unsigned char)((unsigned)code & 0xff) };

	if (c->state != CLIENT_OPEN)
		return true;
	memcpy(frame + 4, reason, len);
	if (add_control(c, frame, 4 + len))
		return begin_closing(c);
	client_free(c);
	return false;
}

bool
client_drop(struct client *c)
{
	c->room->ws->host->count(c->room->ws->handle, "dropped", "slow", 1);
	return client_close(c, CLOSE_POLICY, "too slow");
}

void
client_begin_watch(struct client *c, int64_t now)
{
	const struct websocket_conf *conf = c->room->ws->conf;

	c->ping_at_ms = now + conf->heartbeat_ms;
	if (c->state == CLIENT_OPEN)
		c->deadline_ms = now + conf->pong_timeout_ms;
}

bool
client_tick(struct client *c, int64_t now)
{
	static const unsigned char ping[] = { 0x89, 0 };
	const struct websocket_conf *conf = c->room->ws->conf;

	if (c->state != CLIENT_OPEN) {
		if (now < c->deadline_ms)
			return true;
		client_free(c);
		return false;
	}
	if (now >= c->deadline_ms) {
		c->room->ws->host->count(c->room->ws->handle, "dropped", "no_pong", 1);
		return client_close(c, CLOSE_POLICY, "no PONG");
	}
	if (now < c->ping_at_ms)
		return true;
	c->ping_at_ms = now + conf->heartbeat_ms;
	/* One that waits already is as good, and a client that does not read must not pile them up. */
	if (has_control(c))
		return true;
	return !add_control(c, ping, sizeof(ping)) || client_write(c);
}

/* ---- reading ---- */

/* false: the client is gone. */
static bool
answer(struct client *c, const struct inbound_scratch *s)
{
	struct websocket *ws = c->room->ws;

	if (s->has_pong)
		c->deadline_ms = ws->host->now_ms(ws->handle) + ws->conf->pong_timeout_ms;
	c->said_goodby = s->has_close;
	if (s->out_len == 0)
		return true;
	if (!s->sends_close && c->control_len + s->out_len > CONTROL_MAX)
		return client_drop(c);
	if (!add_control(c, s->out, s->out_len)) {
		client_free(c);
		return false;
	}
	return s->sends_close ? begin_closing(c) : client_write(c);
}

static bool
take(struct client *c)
{
	struct websocket *ws = c->room->ws;

	int rc = inbound_feed(&c->inbound, &ws->scratch, (size_t)ws->conf->max_frame_bytes);
	if (rc == HSW_EINVAL)
		return client_close(c, CLOSE_PROTOCOL, "malformed frame");
	if (rc != HSW_OK)
		return client_close(c, CLOSE_OUR_FAULT, "out of memory");
	return answer(c, &ws->scratch);
}

/* After its own close frame it may say what it likes: that is read so that the end is noticed. */
static bool
read_some(struct client *c)
{
	struct inbound_scratch *s = &c->room->ws->scratch;
	ssize_t n = read(c->fd, s->in, sizeof(s->in));

	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
		return true;
	if (n <= 0) {
		client_free(c);
		return false;
	}
	s->in_len = (size_t)n;
	return c->state != CLIENT_OPEN || take(c);
}

static void
on_ready(int fd, unsigned what, void *arg)
{
	struct client *c = arg;
	struct room *room = c->room;
	bool is_there = true;

	(void)fd;
	if (what & HSW_WRITE)
		is_there = client_write(c);
	if (is_there && (what & HSW_READ))
		read_some(c);
	room_leave(room);
}

/* What came behind the request may be longer than one read. */
static bool
take_early(struct client *c, struct hsw_str early)
{
	struct inbound_scratch *s = &c->room->ws->scratch;

	while (early.len > 0 && c->state == CLIENT_OPEN) {
		s->in_len = early.len < sizeof(s->in) ? early.len : sizeof(s->in);
		memcpy(s->in, early.s, s->in_len);
		early.s += s->in_len;
		early.len -= s->in_len;
		if (!take(c))
			return false;
	}
	return true;
}

int
client_new(struct room *room, const struct hsw_conn *conn)
{
	struct websocket *ws = room->ws;
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return HSW_ENOMEM;
	c->watch = ws->host->watch_new(ws->handle, conn->fd, on_ready, c);
	if (c->watch == NULL) {
		free(c);
		return HSW_ENOMEM;
	}
	c->room = room;
	c->fd = conn->fd;
	c->released = conn->released;
	c->token = conn->token;
	if (conn->size >= offsetof(struct hsw_conn, flags) + sizeof(conn->flags))
		c->flags = conn->flags;
	client_begin_watch(c, ws->host->now_ms(ws->handle));
	ws->n_clients++;
	TAILQ_INSERT_TAIL(&room->clients, c, link);
	ws->host->watch_set(c->watch, HSW_READ);
	take_early(c, conn->early);
	return HSW_OK;
}
