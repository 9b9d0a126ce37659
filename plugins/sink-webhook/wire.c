/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.c - see wire.h.
 *
 * A wire is connecting (it has a curl handle), busy (it has an exchange), or idle (it is on the list of its
 * chain, for all targets of the same host and port). curl's handle ends with the connecting: the wire keeps a duplicate of the socket, since curl
 * closes the connections that it knows as it likes. A wire is watched for HSW_READ all its life, so
 * that an exchange costs a send and a receive and nothing else.
 */
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <llhttp.h>

#include "sockets.h"

#define RECEIVE_BYTES (16 * 1024)
#define IDLE_WIRES_MAX 256
/* A connection is not used again after this time, so that changes of addresses are noticed. */
#define LIFETIME_MS 600000
#define RETRY_AFTER_MAX 64 /* bytes of the header's value */

static const char retry_after_name[] = "retry-after";

struct wire {
	struct transfer transfer; /* first */
	LIST_ENTRY(wire) all;
	LIST_ENTRY(wire) idle;
	TAILQ_ENTRY(wire) order; /* while it is idle */
	struct webhook *w;
	struct opener opener;
	struct wire_list *chain;
	char *origin;
	struct exchange *exchange; /* NULL: idle */
	CURL *easy;                /* while it connects */
	int fd;                    /* -1 while it connects */
	struct hsw_watch *watch;
	unsigned armed;
	bool is_used; /* has had an exchange */
	int64_t opened_ms, used_ms;
	/* The answer that is being read. */
	llhttp_t parser;
	bool is_head_complete, is_complete, may_stay;
	size_t name_len; /* of the header line; beyond that of Retry-After: it is another one */
	bool is_retry_after;
	char retry_after[RETRY_AFTER_MAX];
	size_t retry_after_len;
};

/* ---- reading answers ---- */

static int
on_field(llhttp_t *p, const char *at, size_t n)
{
	struct wire *wire = p->data;
	size_t full = sizeof(retry_after_name) - 1;

	if (wire->name_len == 0)
		wire->is_retry_after = true;
	wire->is_retry_after = wire->is_retry_after && wire->name_len + n <= full &&
		strncasecmp(retry_after_name + wire->name_len, at, n) == 0;
	wire->name_len += n;
	return 0;
}

/* Whether the header line of which the name has been read is one. */
static bool
is_retry_after(const struct wire *wire)
{
	return wire->is_retry_after && wire->name_len == sizeof(retry_after_name) - 1;
}

static int
on_value(llhttp_t *p, const char *at, size_t n)
{
	struct wire *wire = p->data;
	size_t room = sizeof(wire->retry_after) - wire->retry_after_len;

	if (!is_retry_after(wire))
		return 0;
	n = n < room ? n : room;
	memcpy(wire->retry_after + wire->retry_after_len, at, n);
	wire->retry_after_len += n;
	return 0;
}

static int
on_value_complete(llhttp_t *p)
{
	struct wire *wire = p->data;

	if (is_retry_after(wire) && !wire->is_head_complete) /* in no trailer */
		answer_retry_after(
			wire->exchange->answer, wire->retry_after, wire->retry_after_len);
	wire->name_len = wire->retry_after_len = 0;
	return 0;
}

static int
on_status(llhttp_t *p)
{
	struct wire *wire = p->data;

	wire->exchange->answer->status = p->status_code;
	return 0;
}

static int
on_head(llhttp_t *p)
{
	struct wire *wire = p->data;

	wire->is_head_complete = true;
	wire->exchange->answer->is_head_complete = p->status_code >= 200 || p->status_code == 101;
	return 0;
}

static int
on_body(llhttp_t *p, const char *at, size_t n)
{
	struct wire *wire = p->data;

	return answer_add_body(wire->exchange->answer, at, n) ? 0 : HPE_USER;
}

/* An interim answer (RFC 9110 section 15.2) is followed by the real one. */
static int
on_complete(llhttp_t *p)
{
	struct wire *wire = p->data;

	if (p->status_code >= 100 && p->status_code < 200 && p->status_code != 101) {
		wire->is_head_complete = false;
		return 0;
	}
	wire->is_complete = true;
	wire->may_stay = llhttp_should_keep_alive(p);
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_status_complete = on_status,
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_header_value_complete = on_value_complete,
	.on_headers_complete = on_head,
	.on_body = on_body,
	.on_message_complete = on_complete,
};

/* ---- wires ---- */

static void
wire_wake(struct wire *wire)
{
	struct webhook *w = wire->w;

	LIST_REMOVE(wire, idle);
	TAILQ_REMOVE(&w->idle_order, wire, order);
	w->idle_wire_count--;
}

static void
wire_close(struct wire *wire)
{
	struct webhook *w = wire->w;

	LIST_REMOVE(wire, all);
	if (wire->easy != NULL) {
		sockets_give_up(&wire->opener);
		curl_multi_remove_handle(w->multi, wire->easy);
		curl_easy_cleanup(wire->easy);
	} else if (wire->exchange == NULL) {
		wire_wake(wire);
	}
	w->host->watch_free(wire->watch);
	if (wire->fd >= 0)
		close(wire->fd);
	free(wire->origin);
	free(wire);
}

static void
wire_rest(struct wire *wire)
{
	struct webhook *w = wire->w;

	wire->used_ms = w->host->now_ms(w->handle);
	wire->is_used = true;
	LIST_INSERT_HEAD(wire->chain, wire, idle);
	TAILQ_INSERT_TAIL(&w->idle_order, wire, order);
	if (++w->idle_wire_count > IDLE_WIRES_MAX)
		wire_close(TAILQ_FIRST(&w->idle_order));
}

static void
wire_arm(struct wire *wire, unsigned what)
{
	if (wire->armed == what)
		return;
	wire->armed = what;
	wire->w->host->watch_set(wire->watch, what);
}

/* Takes the exchange off the wire, which rests or ends, and tells its owner. */
static void
exchange_end(struct wire *wire, CURLcode code, bool may_stay)
{
	struct exchange *x = wire->exchange;

	x->wire = NULL;
	if (may_stay) {
		wire->exchange = NULL;
		wire_rest(wire);
	} else {
		wire_close(wire);
	}
	x->ended(x, code);
}

/* A request that met the end of an idle connection goes out again, once. */
static void
exchange_fail(struct wire *wire, CURLcode code, int os_errno)
{
	struct exchange *x = wire->exchange;

	if (x->resent || !answer_met_old_connection(x->answer, code)) {
		x->answer->os_errno = os_errno;
		exchange_end(wire, code, false);
		return;
	}
	x->resent = true;
	wire_close(wire);
	if (wire_start(x) != HSW_OK)
		x->ended(x, code);
}

/* ---- sending ---- */

#define FRONT 3       /* pieces before the body */
#define PIECES_MAX 64 /* of one send */

/* The first of what is still to be sent; returns how many pieces, 0: all is sent. */
static int
rest_of(const struct exchange *x, struct iovec out[PIECES_MAX])
{
	const struct hsw_str front[FRONT] = { x->head, x->lines, x->tail };
	size_t skip = x->sent;
	int n = 0;

	for (size_t i = 0; i < FRONT + x->body_pieces && n < PIECES_MAX; i++) {
		struct iovec piece = i < FRONT ? (struct iovec){ (void *)front[i].s, front[i].len }
					       : x->body[i - FRONT];
		if (skip >= piece.iov_len) {
			skip -= piece.iov_len;
			continue;
		}
		out[n++] = (struct iovec){ (char *)piece.iov_base + skip, piece.iov_len - skip };
		skip = 0;
	}
	return n;
}

/* 0, or the errno of what failed. */
static int
send_more(struct wire *wire)
{
	struct exchange *x = wire->exchange;
	struct iovec rest[PIECES_MAX];
	int n;

	while ((n = rest_of(x, rest)) > 0) {
		struct msghdr m = { .msg_iov = rest, .msg_iovlen = (size_t)n };
		ssize_t sent = sendmsg(wire->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent >= 0) {
			x->sent += (size_t)sent;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			wire_arm(wire, HSW_READ | HSW_WRITE);
			return 0;
		} else if (errno != EINTR) {
			return errno;
		}
	}
	wire_arm(wire, HSW_READ);
	return 0;
}

/* Puts the exchange on a connected wire. 0, or the errno of what failed. */
static int
exchange_begin(struct wire *wire, struct exchange *x)
{
	wire->exchange = x;
	wire->is_head_complete = wire->is_complete = wire->may_stay = false;
	wire->name_len = wire->retry_after_len = 0;
	llhttp_init(&wire->parser, HTTP_RESPONSE, &settings);
	wire->parser.data = wire;
	x->wire = wire;
	x->sent = 0;
	answer_reset(x->answer);
	x->answer->is_reused = wire->is_used;
	return send_more(wire);
}

/* ---- receiving ---- */

static void
answer_over(struct wire *wire, CURLcode code, bool may_stay)
{
	struct exchange *x = wire->exchange;
	struct iovec rest[PIECES_MAX];

	exchange_end(wire, code, may_stay && wire->may_stay && rest_of(x, rest) == 0);
}

/* Where the request is not read to its end, there is nothing to wait for. */
static void
head_came(struct wire *wire)
{
	struct exchange *x = wire->exchange;
	struct iovec rest[PIECES_MAX];

	if (rest_of(x, rest) != 0)
		answer_over(wire, CURLE_OK, false);
	else
		x->succeeded(x);
}

static void
feed(struct wire *wire, const char *bytes, size_t n)
{
	struct exchange *x = wire->exchange;

	if (!wire->is_head_complete && !answer_add_head(x->answer, n)) {
		exchange_end(wire, CURLE_WRITE_ERROR, false);
		return;
	}
	llhttp_errno_t error = llhttp_execute(&wire->parser, bytes, n);
	if (wire->is_complete)
		answer_over(wire, CURLE_OK,
			error == HPE_PAUSED && llhttp_get_error_pos(&wire->parser) == bytes + n);
	else if (x->answer->body_too_long)
		answer_over(wire, CURLE_WRITE_ERROR, false);
	else if (error != HPE_OK) {
		target_leave_to_curl(x->target);
		exchange_end(wire, CURLE_WEIRD_SERVER_REPLY, false);
	} else if (answer_is_success(x->answer)) {
		head_came(wire);
	} else if (x->answer->is_head_complete) {
		x->refused(x);
	}
}

static void
end_of_file(struct wire *wire)
{
	llhttp_finish(&wire->parser);
	if (wire->is_complete)
		answer_over(wire, CURLE_OK, false);
	else if (wire->exchange->answer->head_bytes == 0)
		exchange_fail(wire, CURLE_GOT_NOTHING, 0);
	else
		answer_over(wire, CURLE_PARTIAL_FILE, false);
}

static void
receive(struct wire *wire)
{
	char bytes[RECEIVE_BYTES];
	ssize_t n = recv(wire->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n > 0)
		feed(wire, bytes, (size_t)n);
	else if (n == 0)
		end_of_file(wire);
	else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		exchange_fail(wire, CURLE_RECV_ERROR, errno);
}

/* An answer may come before the whole request is sent. What an idle wire says is most often that it
 * closes, and nothing that anybody waits for. */
static void
wire_ready(int fd, unsigned what, void *arg)
{
	struct wire *wire = arg;

	(void)fd;
	if (wire->exchange == NULL) {
		wire_close(wire);
	} else if (what & HSW_READ) {
		receive(wire);
	} else {
		int error = send_more(wire);
		if (error != 0)
			exchange_fail(wire, CURLE_SEND_ERROR, error);
	}
}

/* ---- connecting ---- */

static int
start_connecting(struct wire *wire)
{
	CURL *easy = curl_easy_init();

	if (easy == NULL)
		return HSW_ENOMEM;
	wire->easy = easy;
	wire->opener = (struct opener){ .w = wire->w,
		.is_guarded = wire->exchange->is_guarded,
		.was_refused = &wire->exchange->answer->was_refused };
	sockets_set(easy, &wire->opener);
	sockets_begin(&wire->opener, wire->origin);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, &wire->transfer);
	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, wire->exchange->answer->error);
	if (curl_easy_setopt(easy, CURLOPT_CURLU, target_plain_url(wire->exchange->target)) ==
			CURLE_OK &&
		curl_multi_add_handle(wire->w->multi, easy) == CURLM_OK)
		return HSW_OK;
	return HSW_ENOMEM;
}

static struct wire_list *
chain_of(const struct exchange *x)
{
	return &x->w->idle_wires[target_origin_hash(x->target) % WIRE_CHAINS];
}

static int
wire_connect(struct exchange *x, const char *origin)
{
	struct wire *wire = calloc(1, sizeof(*wire));
	int rc = HSW_ENOMEM;

	x->wire = NULL;
	if (wire == NULL)
		return rc;
	wire->transfer.is_wire = true;
	wire->w = x->w;
	wire->chain = chain_of(x);
	wire->origin = strdup(origin);
	wire->exchange = x;
	wire->fd = -1;
	LIST_INSERT_HEAD(&x->w->wires, wire, all);
	answer_reset(x->answer);
	if (wire->origin != NULL)
		rc = start_connecting(wire);
	if (rc == HSW_OK)
		x->wire = wire;
	else
		wire_close(wire);
	return rc;
}

/* Lets curl's handle go and keeps its socket. */
static int
keep_socket(struct wire *wire)
{
	struct webhook *w = wire->w;
	curl_socket_t fd = CURL_SOCKET_BAD;

	if (curl_easy_getinfo(wire->easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK)
		wire->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	curl_multi_remove_handle(w->multi, wire->easy);
	curl_easy_cleanup(wire->easy);
	wire->easy = NULL;
	if (wire->fd >= 0)
		wire->watch = w->host->watch_new(w->handle, wire->fd, wire_ready, wire);
	wire->opened_ms = w->host->now_ms(w->handle);
	return wire->watch != NULL ? HSW_OK : HSW_ENOMEM;
}

void
wire_connected(struct wire *wire, CURLcode code)
{
	struct exchange *x = wire->exchange;

	wire->opener.is_resolving = false;
	if (code != CURLE_OK) {
		answer_take(x->answer, wire->easy);
		exchange_end(wire, code, false);
	} else if (keep_socket(wire) != HSW_OK) {
		exchange_end(wire, CURLE_OUT_OF_MEMORY, false);
	} else {
		int error = exchange_begin(wire, x);
		if (error != 0)
			exchange_fail(wire, CURLE_SEND_ERROR, error);
	}
}

/* ---- for the rest of the plugin ---- */

static bool
is_fresh(const struct wire *wire)
{
	int64_t now = wire->w->host->now_ms(wire->w->handle);

	return now - wire->opened_ms < LIFETIME_MS && now - wire->used_ms < SOCKETS_IDLE_MS;
}

static struct wire *
find_idle(const struct exchange *x, const char *origin)
{
	struct wire *wire;

	LIST_FOREACH (wire, chain_of(x), idle) {
		if (strcmp(wire->origin, origin) == 0)
			return wire;
	}
	return NULL;
}

int
wire_start(struct exchange *x)
{
	const char *origin = target_origin(x->target);
	struct wire *wire;

	if (origin == NULL)
		return HSW_ENOMEM;
	/* One that met an end goes on a new one: the idle ones may have ended with it. */
	while (!x->resent && (wire = find_idle(x, origin)) != NULL) {
		if (is_fresh(wire)) {
			wire_wake(wire);
			if (exchange_begin(wire, x) == 0)
				return HSW_OK;
		}
		wire_close(wire);
	}
	return wire_connect(x, origin);
}

void
wire_stop(struct exchange *x)
{
	wire_close(x->wire);
	x->wire = NULL;
}

void
wires_close_idle(struct webhook *w, int64_t ms)
{
	int64_t now = w->host->now_ms(w->handle);
	struct wire *wire;

	while ((wire = TAILQ_FIRST(&w->idle_order)) != NULL && now - wire->used_ms >= ms)
		wire_close(wire);
}

/* One that still connects is among curl's sockets. */
void
wires_guard(struct webhook *w)
{
	struct wire *wire;

	LIST_FOREACH (wire, &w->wires, all) {
		if (wire->fd >= 0)
			guard_connection(w->guard, wire->fd);
	}
}
