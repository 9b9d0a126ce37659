/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - see http.h. Parsing is llhttp's, in its strict mode.
 *
 * A connection has one buffer for what comes in:
 *
 *     in: | head | body | next request ... |        0 <= parsed <= in_len <= in_cap
 *                           ^parsed        ^in_len
 *
 * Spans are offsets into it, since it moves when it grows. The pieces of a chunked body are moved
 * together behind the first one; after each read what was parsed of such a body is cut to its payload.
 * Buffer and request exist only while a request does: an idle connection costs its struct.
 *
 * Each state has one timeout, so its connections stand in the order of their deadlines.
 */
#include "http.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event_struct.h>
#include <llhttp.h>

#include "clock.h"
#include "log.h"
#include "metrics.h"
#include "pump.h"
#include "transport.h"

#define IN_FIRST 4096      /* bytes of a request's first buffer */
#define READ_MIN 1024      /* room wanted before a read */
#define PIPELINE_MAX 65536 /* bytes taken in beyond the request that is worked on */
#define WRITE_TIMEOUT_MS 30000
#define ACCEPT_AT_ONCE 64
#define ACCEPT_PAUSE_MS 1000 /* when there are no file descriptors left */
#define SWEEP_MS 500         /* how late a timeout may be */
#define BUSY_RETRY_S 5       /* what a refused connection is told */

enum conn_state {
	CONN_HANDSHAKE,
	CONN_IDLE,
	CONN_HEAD,
	CONN_BODY,
	CONN_BUSY,
	CONN_WRITE,
	CONN_STATES
};

TAILQ_HEAD(conn_list, http_conn);

struct http_conn {
	struct http_server *server;
	TAILQ_ENTRY(http_conn) link; /* in the list of its state */
	int64_t deadline_ms;
	enum conn_state state;
	struct transport transport;
	bool is_reading; /* the read event is added */
	bool read_waits; /* a read has to write first */
	bool is_control;
	struct address peer;
	bool must_close; /* after the answer */
	struct event read_event, write_event;
	llhttp_t parser;
	char *in;
	size_t in_len, in_cap, parsed;
	struct http_request *request;
	struct buf out;
	size_t out_sent;
};

struct listener {
	struct listener *next;
	struct http_server *server;
	struct event *event;
	int fd;
	enum http_listener kind;
};

struct http_server {
	struct event_base *base;
	struct http_shared *shared;
	struct http_handler handler;
	struct listener *listeners;
	struct conn_list conns[CONN_STATES];
	struct event *sweep;
	struct event *resume; /* of the listeners, after a pause */
	struct http_request *spare;
	struct tls *tls; /* of new connections */
	struct pump_list pumps;
	bool is_draining;
	int64_t date_s; /* of date_text */
	char date_text[40];
	struct metric *requests, *refused, *tls_failed;
};

static void on_readable(evutil_socket_t, short, void *);
static void parse(struct http_conn *);

/* ---- states and timeouts ---- */

static void
set_state(struct http_conn *c, enum conn_state state)
{
	struct http_server *s = c->server;
	const struct server_conf *conf = s->shared->conf;
	const int64_t timeouts[CONN_STATES] = {
		[CONN_HANDSHAKE] = conf->header_timeout_ms,
		[CONN_IDLE] = conf->idle_timeout_ms,
		[CONN_HEAD] = conf->header_timeout_ms,
		[CONN_BODY] = conf->body_timeout_ms,
		[CONN_BUSY] = INT64_MAX / 2, /* ends with the answer */
		[CONN_WRITE] = WRITE_TIMEOUT_MS,
	};

	TAILQ_REMOVE(&s->conns[c->state], c, link);
	c->state = state;
	c->deadline_ms = clock_mono_ms() + timeouts[state];
	TAILQ_INSERT_TAIL(&s->conns[state], c, link);
}

static void
free_request(struct http_conn *c)
{
	struct http_request *r = c->request;

	c->request = NULL;
	free(c->in);
	c->in = NULL;
	c->in_len = c->in_cap = c->parsed = 0;
	if (r == NULL)
		return;
	buf_free(&r->decoded);
	if (c->server->spare == NULL)
		c->server->spare = r;
	else
		free(r);
}

void
http_gone(struct http_shared *shared)
{
	atomic_fetch_sub_explicit(&shared->connections, 1, memory_order_relaxed);
}

/* Frees all but the socket. */
static void
conn_free(struct http_conn *c)
{
	TAILQ_REMOVE(&c->server->conns[c->state], c, link);
	event_del(&c->read_event);
	event_del(&c->write_event);
	free_request(c);
	buf_free(&c->out);
	free(c);
}

static void
conn_close(struct http_conn *c)
{
	struct http_shared *shared = c->server->shared;
	struct transport t = c->transport;

	conn_free(c);
	transport_close(&t);
	http_gone(shared);
}

int
http_give_up(struct http_request *r, struct buf *early)
{
	struct http_conn *c = r->conn;
	struct http_server *s = c->server;
	const struct transport t = c->transport;

	buf_append(early, c->in + c->parsed, c->in_len - c->parsed);
	conn_free(c);
	return t.tls == NULL ? t.fd : pump_start(&s->pumps, s->base, &t);
}

static void
set_reading(struct http_conn *c, bool on)
{
	if (c->is_reading == on)
		return;
	c->is_reading = on;
	if (!on) {
		event_del(&c->read_event);
		return;
	}
	event_add(&c->read_event, NULL);
	if (transport_has_pending(&c->transport))
		event_active(&c->read_event, EV_READ, 0);
}

/* What TLS has decrypted already does not make the socket readable: come back for it. */
static ssize_t
receive(struct http_conn *c)
{
	struct transport *t = &c->transport;
	ssize_t n = transport_recv(t, c->in + c->in_len, c->in_cap - c->in_len);

	if (n > 0) {
		c->in_len += (size_t)n;
		if (transport_has_pending(t))
			event_active(&c->read_event, EV_READ, 0);
	} else if (n < 0 && errno == EAGAIN && t->wants_write) {
		c->read_waits = true;
		event_add(&c->write_event, NULL);
		errno = EAGAIN;
	}
	return n;
}

/* ---- answers ---- */

static const char *
reason_of(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 422, "Unprocessable Content" },
		{ 426, "Upgrade Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return "Unknown";
}

/* RFC 9110 section 5.6.7; made once a second. */
static const char *
date_text(struct http_server *s)
{
	int64_t now = clock_wall_ms() / 1000;
	time_t t = (time_t)now;
	struct tm tm;

	if (now != s->date_s) {
		s->date_s = now;
		gmtime_r(&t, &tm);
		strftime(s->date_text, sizeof(s->date_text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	}
	return s->date_text;
}

static void
next_request(struct http_conn *c)
{
	size_t left = c->in_len - c->parsed;

	if (c->must_close || (c->server->is_draining && left == 0)) {
		conn_close(c);
		return;
	}
	llhttp_reset(&c->parser);
	if (left == 0) {
		free_request(c);
		set_state(c, CONN_IDLE);
		set_reading(c, true);
		return;
	}
	struct http_request *r = c->request;
	memmove(c->in, c->in + c->parsed, left);
	c->in_len = left;
	c->parsed = 0;
	buf_free(&r->decoded);
	memset(r, 0, sizeof(*r));
	set_state(c, CONN_HEAD);
	/* On the next turn of the loop: a long row of pipelined requests must not recurse. */
	event_active(&c->write_event, EV_TIMEOUT, 0);
}

/* Closes so that the answer arrives: what the client still sends is not answered by a reset at once. */
static void
close_politely(struct http_conn *c)
{
	char waste[4096];

	transport_shutdown(&c->transport);
	for (int i = 0; i < 16 && recv(c->transport.fd, waste, sizeof(waste), 0) > 0; i++)
		;
	conn_close(c);
}

static void
send_out(struct http_conn *c)
{
	ssize_t n = transport_send(
		&c->transport, c->out.data + c->out_sent, c->out.len - c->out_sent);

	if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
		conn_close(c);
		return;
	}
	c->out_sent += n > 0 ? (size_t)n : 0;
	if (c->out_sent < c->out.len) {
		if (c->state != CONN_WRITE)
			set_state(c, CONN_WRITE);
		event_add(&c->write_event, NULL);
		return;
	}
	c->out.len = c->out_sent = 0;
	if (c->out.cap > IN_FIRST)
		buf_free(&c->out);
	if (c->must_close)
		close_politely(c);
	else
		next_request(c);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)fd;
	if (what & EV_TIMEOUT) {
		set_reading(c, true);
		parse(c);
		return;
	}
	if (c->read_waits) {
		c->read_waits = false;
		event_active(&c->read_event, EV_READ, 0);
	}
	if (c->state == CONN_WRITE)
		send_out(c);
}

void
http_reply_type(struct http_request *r, int status, const char *type, const char *extra,
	struct hsw_str body)
{
	struct http_conn *c = r->conn;
	struct buf *out = &c->out;
	bool is_old = c->parser.http_major == 1 && c->parser.http_minor == 0;

	c->must_close |= c->server->is_draining || !llhttp_should_keep_alive(&c->parser);
	buf_str(out, "HTTP/1.1 ");
	buf_number(out, (uint64_t)status);
	buf_str(out, " ");
	buf_str(out, reason_of(status));
	buf_str(out, "\r\nDate: ");
	buf_str(out, date_text(c->server));
	buf_str(out, "\r\nContent-Type: ");
	buf_str(out, type);
	buf_str(out, "\r\nContent-Length: ");
	buf_number(out, body.len);
	buf_str(out, "\r\n");
	if (c->must_close)
		buf_str(out, "Connection: close\r\n");
	else if (is_old)
		buf_str(out, "Connection: keep-alive\r\n");
	buf_str(out, extra);
	buf_str(out, "\r\n");
	if (!str_is(r->method, "HEAD"))
		buf_append(&c->out, body.s, body.len);
	if (c->out.failed)
		conn_close(c);
	else
		send_out(c);
}

void
http_reply(struct http_request *r, int status, const char *extra, struct hsw_str body)
{
	http_reply_type(r, status, "application/json", extra, body);
}

void
http_reply_error(struct http_request *r, int status, const char *extra, const char *message)
{
	struct buf b = BUF_INIT;

	buf_str(&b, "{\"success\":false,\"error\":{\"message\":");
	buf_json_cstr(&b, message);
	buf_str(&b, "}}");
	http_reply(r, status, extra, (struct hsw_str){ b.data, b.failed ? 0 : b.len });
	buf_free(&b);
}

/* ---- parsing ---- */

static int
fail(struct http_request *r, int status, const char *text)
{
	r->error = status;
	r->error_text = text;
	return HPE_USER;
}

static void
extend(struct http_span *span, struct http_conn *c, const char *at, size_t n)
{
	if (span->len == 0)
		span->at = (uint32_t)(at - c->in);
	span->len += (uint32_t)n;
}

static int
on_url(llhttp_t *p, const char *at, size_t n)
{
	struct http_conn *c = p->data;
	extend(&c->request->target, c, at, n);
	return 0;
}

/* Trailers of a chunked body are passed over: they must not add to the head. */
static int
on_field(llhttp_t *p, const char *at, size_t n)
{
	struct http_conn *c = p->data;
	struct http_request *r = c->request;

	if (r->is_head_complete)
		return 0;
	if (r->in_value || r->n_headers == 0) {
		if (r->n_headers == HTTP_HEADERS_MAX)
			return fail(r, 431, "Too many header lines");
		r->n_headers++;
		r->in_value = false;
	}
	extend(&r->names[r->n_headers - 1], c, at, n);
	return 0;
}

static int
on_value(llhttp_t *p, const char *at, size_t n)
{
	struct http_conn *c = p->data;
	struct http_request *r = c->request;

	if (r->is_head_complete)
		return 0;
	r->in_value = true;
	struct http_span *value = &r->values[r->n_headers - 1];
	/* A line that goes on in the next one, which a server may refuse (RFC 9112 section 5.2). */
	if (n > 0 && value->len > 0 && at != c->in + value->at + value->len)
		return fail(r, 400, "Folded header line");
	extend(value, c, at, n);
	return 0;
}

static struct hsw_str
text_of(const struct http_conn *c, struct http_span span)
{
	return (struct hsw_str){ span.len > 0 ? c->in + span.at : "", span.len };
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool
is_name(struct hsw_str s, const char *name)
{
	size_t i = 0;

	while (i < s.len && name[i] != '\0' && lower(s.s[i]) == name[i])
		i++;
	return i == s.len && name[i] == '\0';
}

/* Without the space behind it, which is no part of it (RFC 9112 section 5.1). */
static struct hsw_str
value_of(const struct http_request *r, size_t i)
{
	struct hsw_str value = text_of(r->conn, r->values[i]);

	while (value.len > 0 && (value.s[value.len - 1] == ' ' || value.s[value.len - 1] == '\t'))
		value.len--;
	return value;
}

struct hsw_str
http_header(const struct http_request *r, const char *name)
{
	for (size_t i = 0; i < r->n_headers; i++) {
		if (is_name(text_of(r->conn, r->names[i]), name))
			return value_of(r, i);
	}
	return (struct hsw_str){ NULL, 0 };
}

/* What cannot be sent at once goes before the answer: a client does not wait for it for ever (RFC 9110
 * section 10.1.1). */
static void
send_continue(struct http_conn *c)
{
	buf_str(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
	ssize_t n = c->out.failed ? 0 : transport_send(&c->transport, c->out.data, c->out.len);
	if (n == (ssize_t)c->out.len)
		c->out.len = 0;
	else
		c->out_sent = n > 0 ? (size_t)n : 0;
}

static int
on_head_complete(llhttp_t *p)
{
	struct http_conn *c = p->data;
	struct http_request *r = c->request;

	r->is_head_complete = true;
	r->conn = c;
	if (p->http_major != 1)
		return fail(r, 505, "Only HTTP/1.0 and HTTP/1.1 are spoken here");
	if (p->http_minor >= 1 && http_header(r, "host").s == NULL)
		return fail(r, 400, "Missing Host header (RFC 9112 section 3.2)");
	if (p->content_length > (uint64_t)c->server->shared->max_body_bytes)
		return fail(r, 413, "Request body is too large");
	struct hsw_str expect = http_header(r, "expect");
	if (expect.s != NULL && is_name(expect, "100-continue") && p->http_minor >= 1)
		send_continue(c);
	return 0;
}

static int
on_body(llhttp_t *p, const char *at, size_t n)
{
	struct http_conn *c = p->data;
	struct http_request *r = c->request;

	if (r->body_at.len + n > (uint64_t)c->server->shared->max_body_bytes)
		return fail(r, 413, "Request body is too large");
	if (r->body_at.len > 0)
		memmove(c->in + r->body_at.at + r->body_at.len, at, n);
	extend(&r->body_at, c, at, n);
	return 0;
}

static int
on_complete(llhttp_t *p)
{
	struct http_conn *c = p->data;
	c->request->is_complete = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
	.on_url = on_url,
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_headers_complete = on_head_complete,
	.on_body = on_body,
	.on_message_complete = on_complete,
};

static int
hex_value(char c)
{
	c = lower(c);
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
http_decode(struct hsw_str s, struct buf *out)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.s[i];
		if (c == '%') {
			int high = i + 2 < s.len ? hex_value(s.s[i + 1]) : -1;
			int low = i + 2 < s.len ? hex_value(s.s[i + 2]) : -1;
			if (high < 0 || low < 0 || (high == 0 && low == 0))
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		}
		buf_append(out, &c, 1);
	}
	return !out->failed;
}

bool
http_query(const struct http_request *r, const char *name, struct buf *out)
{
	struct hsw_str rest = r->query;
	size_t n = strlen(name);

	while (rest.len > 0) {
		const char *end = memchr(rest.s, '&', rest.len);
		size_t len = end != NULL ? (size_t)(end - rest.s) : rest.len;
		if (len > n && memcmp(rest.s, name, n) == 0 && rest.s[n] == '=')
			return http_decode((struct hsw_str){ rest.s + n + 1, len - n - 1 }, out);
		rest.s += len + (end != NULL);
		rest.len -= len + (end != NULL);
	}
	return false;
}

/* origin-form, or absolute-form as proxies send it (RFC 9112 section 3.2). */
static bool
split_target(struct http_request *r, struct hsw_str target)
{
	const char *scheme = memmem(target.s, target.len, "://", 3);

	if (target.len > 0 && target.s[0] != '/' && scheme != NULL) {
		const char *end = target.s + target.len;
		const char *path = memchr(scheme + 3, '/', (size_t)(end - scheme - 3));
		target = path != NULL ? (struct hsw_str){ path, (size_t)(end - path) }
				      : (struct hsw_str){ "/", 1 };
	}
	if (target.len == 0 || target.s[0] != '/')
		return false;
	const char *mark = memchr(target.s, '?', target.len);
	size_t len = mark != NULL ? (size_t)(mark - target.s) : target.len;
	r->query = mark != NULL ? (struct hsw_str){ mark + 1, target.len - len - 1 }
				: (struct hsw_str){ "", 0 };
	r->path = (struct hsw_str){ target.s, len };
	if (memchr(target.s, '%', len) == NULL)
		return true;
	bool is_good = http_decode(r->path, &r->decoded);
	r->path = (struct hsw_str){ r->decoded.data, r->decoded.len };
	return is_good;
}

/* The last line of a header: proxies append. */
static struct hsw_str
last_header(const struct http_request *r, const char *name)
{
	for (size_t i = r->n_headers; i > 0; i--) {
		if (is_name(text_of(r->conn, r->names[i - 1]), name))
			return value_of(r, i - 1);
	}
	return (struct hsw_str){ NULL, 0 };
}

static void
find_client(struct http_conn *c, struct http_request *r)
{
	const struct forwarded_headers headers = { last_header(r, "x-forwarded-for"),
		last_header(r, "x-forwarded-proto"), last_header(r, "forwarded") };

	r->client = (struct forwarded_client){ c->peer, address_is_local(&c->peer),
		c->transport.tls != NULL };
	forwarded_apply(c->server->shared->conf, &headers, &r->client);
}

static void
dispatch(struct http_conn *c)
{
	struct http_request *r = c->request;
	const char *method = llhttp_method_name((llhttp_method_t)c->parser.method);

	set_state(c, CONN_BUSY);
	metric_add(c->server->requests, 1);
	r->conn = c;
	r->is_control = c->is_control;
	r->is_http_1_0 = c->parser.http_minor == 0;
	r->method = str_of(method);
	r->body = text_of(c, r->body_at);
	find_client(c, r);
	if (split_target(r, text_of(c, r->target)))
		c->server->handler.handle(c->server->handler.arg, r);
	else
		http_reply_error(r, 400, "", "Malformed request target");
}

/* The connection cannot go on after this answer: where the next request begins is not known. */
static void
refuse(struct http_conn *c, int status, const char *text)
{
	struct http_request *r = c->request;

	metric_add(c->server->refused, 1);
	set_state(c, CONN_BUSY);
	set_reading(c, false);
	r->conn = c;
	r->method = str_of("");
	c->must_close = true;
	http_reply_error(r, status, "", text);
}

static void
refuse_bad_syntax(struct http_conn *c, llhttp_errno_t error)
{
	char text[160];

	if (c->request->error != 0) {
		refuse(c, c->request->error, c->request->error_text);
		return;
	}
	const char *reason = llhttp_get_error_reason(&c->parser);
	snprintf(text, sizeof(text), "Malformed HTTP request: %s",
		reason != NULL && reason[0] != '\0' ? reason : llhttp_errno_name(error));
	refuse(c, 400, text);
}

/* Gives the parser what was read. */
static void
parse(struct http_conn *c)
{
	struct http_request *r = c->request;
	llhttp_errno_t error = llhttp_execute(&c->parser, c->in + c->parsed, c->in_len - c->parsed);

	if (r->is_complete && error == HPE_PAUSED) {
		c->parsed = (size_t)(llhttp_get_error_pos(&c->parser) - c->in);
		dispatch(c);
		return;
	}
	if (error != HPE_OK) {
		refuse_bad_syntax(c, error);
		return;
	}
	c->parsed = c->in_len;
	if (!r->is_head_complete) {
		if ((int64_t)c->in_len >= c->server->shared->conf->max_header_bytes)
			refuse(c, 431, "Request header is too large");
		return;
	}
	if (c->state == CONN_HEAD)
		set_state(c, CONN_BODY);
	if ((c->parser.flags & F_CHUNKED) && r->body_at.len > 0)
		c->in_len = c->parsed = r->body_at.at + r->body_at.len;
}

/* ---- reading ---- */

static bool
begin_request(struct http_conn *c)
{
	struct http_server *s = c->server;

	c->request = s->spare != NULL ? s->spare : malloc(sizeof(*c->request));
	s->spare = NULL;
	c->in = c->request != NULL ? malloc(IN_FIRST) : NULL;
	if (c->in == NULL)
		return false;
	memset(c->request, 0, sizeof(*c->request));
	c->in_cap = IN_FIRST;
	return true;
}

static bool
make_room(struct http_conn *c)
{
	if (c->request == NULL)
		return begin_request(c);
	if (c->in_cap - c->in_len >= READ_MIN)
		return true;
	char *in = realloc(c->in, 2 * c->in_cap);
	if (in == NULL)
		return false;
	c->in = in;
	c->in_cap *= 2;
	return true;
}

/* While a request is worked on: takes in what is pipelined, up to a bound, and notices the end. Its
 * strings point into the buffer, so this must not move: what does not fit stays in the socket. */
static void
read_ahead(struct http_conn *c)
{
	size_t room = c->in_cap - c->in_len;

	if (room == 0 || c->in_len - c->parsed >= PIPELINE_MAX) {
		set_reading(c, false);
		return;
	}
	ssize_t n = receive(c);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		c->must_close = true;
		set_reading(c, false);
	}
}

#define NOT_TLS_BODY                                                                               \
	"{\"success\":false,\"error\":{\"message\":\"This port speaks HTTPS: the URL begins with " \
	"https://\"}}"

/* In plain HTTP, as it was asked. */
static void
refuse_plain_http(struct http_conn *c)
{
	char answer[512];

	int n = snprintf(answer, sizeof(answer),
		"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: "
		"application/json\r\n"
		"Content-Length: %zu\r\n\r\n" NOT_TLS_BODY,
		sizeof(NOT_TLS_BODY) - 1);
	(void)!send(c->transport.fd, answer, (size_t)n, MSG_NOSIGNAL);
	close_politely(c);
}

/* true: the connection is ready for a request. */
static bool
shake_hands(struct http_conn *c)
{
	const char *why = "";

	switch (transport_accept(&c->transport, &why)) {
	case TRANSPORT_READY:
		set_state(c, CONN_IDLE);
		return true;
	case TRANSPORT_WAITING:
		c->read_waits = c->transport.wants_write;
		if (c->read_waits)
			event_add(&c->write_event, NULL);
		return false;
	case TRANSPORT_IS_HTTP:
		metric_add(c->server->refused, 1);
		refuse_plain_http(c);
		return false;
	case TRANSPORT_FAILED:
		break;
	}
	metric_add(c->server->tls_failed, 1);
	log_debug("http", "TLS handshake failed: %s", why);
	conn_close(c);
	return false;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)fd;
	(void)what;
	if (c->state == CONN_HANDSHAKE && !shake_hands(c))
		return;
	if (c->state == CONN_BUSY || c->state == CONN_WRITE) {
		read_ahead(c);
		return;
	}
	if (!make_room(c)) {
		conn_close(c);
		return;
	}
	ssize_t n = receive(c);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		if (c->state == CONN_IDLE)
			free_request(c);
		return;
	}
	if (n <= 0) {
		conn_close(c);
		return;
	}
	if (c->state == CONN_IDLE)
		set_state(c, CONN_HEAD);
	parse(c);
}

/* ---- connections ---- */

#define BUSY_BODY \
	"{\"success\":false,\"error\":{\"message\":\"Too many connections, try again later\"}}"

/* Under TLS a handshake would have to come first, and be paid for. */
static void
refuse_connection(int fd, enum http_listener kind)
{
	char answer[512], waste[4096];

	if (kind == HTTP_TLS) {
		close(fd);
		return;
	}
	int n = snprintf(answer, sizeof(answer),
		"HTTP/1.1 503 Service Unavailable\r\nRetry-After: %d\r\nConnection: close\r\n"
		"Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n" BUSY_BODY,
		BUSY_RETRY_S, sizeof(BUSY_BODY) - 1);
	(void)!send(fd, answer, (size_t)n, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	(void)!read(fd, waste, sizeof(waste));
	close(fd);
}

static void
conn_open(struct listener *l, int fd, const struct sockaddr_storage *from)
{
	struct http_server *s = l->server;
	const int on = 1;

	int64_t before = atomic_fetch_add_explicit(
		&s->shared->connections, 1, memory_order_relaxed);
	bool has_room = before < s->shared->conf->max_connections || l->kind == HTTP_CONTROL;
	struct http_conn *c = has_room ? calloc(1, sizeof(*c)) : NULL;
	struct tls *tls = l->kind == HTTP_TLS ? s->tls : NULL;
	if (c == NULL || transport_open(&c->transport, fd, tls) != HSW_OK) {
		free(c);
		http_gone(s->shared);
		metric_add(s->refused, 1);
		refuse_connection(fd, l->kind);
		return;
	}
	if (from->ss_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->server = s;
	c->peer = address_of(from);
	c->is_control = l->kind == HTTP_CONTROL;
	llhttp_init(&c->parser, HTTP_REQUEST, &callbacks);
	c->parser.data = c;
	event_assign(&c->read_event, s->base, fd, EV_READ | EV_PERSIST, on_readable, c);
	event_assign(&c->write_event, s->base, fd, EV_WRITE, on_writable, c);
	c->state = tls != NULL ? CONN_HANDSHAKE : CONN_IDLE;
	TAILQ_INSERT_TAIL(&s->conns[c->state], c, link);
	set_state(c, c->state);
	set_reading(c, true);
}

/* Without descriptors or memory accept would fail again at once: pause. */
static void
pause_accepting(struct http_server *s)
{
	const struct timeval tv = { ACCEPT_PAUSE_MS / 1000, ACCEPT_PAUSE_MS % 1000 * 1000 };

	log_error("http", "cannot accept connections: %s", strerror(errno));
	for (struct listener *l = s->listeners; l != NULL; l = l->next)
		event_del(l->event);
	event_add(s->resume, &tv);
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;

	(void)fd;
	(void)what;
	for (struct listener *l = s->listeners; l != NULL; l = l->next)
		event_add(l->event, NULL);
}

static void
on_accept(evutil_socket_t listening, short what, void *arg)
{
	struct listener *l = arg;

	(void)what;
	for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t len = sizeof(from);
		int fd = accept4(
			listening, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			conn_open(l, fd, &from);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accepting(l->server);
		return;
	}
}

static void
on_expired(struct http_conn *c)
{
	if (c->state == CONN_HEAD || c->state == CONN_BODY)
		refuse(c, 408,
			c->state == CONN_HEAD ? "Request header took too long"
					      : "Request body took too long");
	else
		conn_close(c);
}

static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;
	int64_t now = clock_mono_ms();
	struct http_conn *c;

	(void)fd;
	(void)what;
	for (int state = 0; state < CONN_STATES; state++) {
		while ((c = TAILQ_FIRST(&s->conns[state])) != NULL && c->deadline_ms <= now)
			on_expired(c);
	}
}

/* ---- the server ---- */

struct http_server *
http_server_new(
	struct event_base *base, struct http_shared *shared, const struct http_handler *handler)
{
	static const struct timeval every = { 0, SWEEP_MS * 1000 };
	struct http_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->base = base;
	s->shared = shared;
	s->handler = *handler;
	for (int i = 0; i < CONN_STATES; i++)
		TAILQ_INIT(&s->conns[i]);
	s->requests = metric_get("hookswitch_http_requests_total", NULL, 0);
	s->refused = metric_get("hookswitch_http_refused_total", NULL, 0);
	s->tls_failed = metric_get("hookswitch_tls_failed_total", NULL, 0);
	s->sweep = event_new(base, -1, EV_PERSIST, on_sweep, s);
	s->resume = evtimer_new(base, on_resume, s);
	if (s->sweep != NULL && s->resume != NULL && event_add(s->sweep, &every) == 0)
		return s;
	http_server_free(s);
	return NULL;
}

int
http_server_listen(struct http_server *s, int fd, enum http_listener kind)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (l == NULL ||
		(l->event = event_new(s->base, fd, EV_READ | EV_PERSIST, on_accept, l)) == NULL) {
		free(l);
		close(fd);
		return HSW_ENOMEM;
	}
	l->server = s;
	l->fd = fd;
	l->kind = kind;
	l->next = s->listeners;
	s->listeners = l;
	event_add(l->event, NULL);
	return HSW_OK;
}

void
http_server_set_tls(struct http_server *s, struct tls *tls)
{
	tls_unref(s->tls);
	s->tls = tls;
}

static void
close_listeners(struct http_server *s)
{
	while (s->listeners != NULL) {
		struct listener *l = s->listeners;
		s->listeners = l->next;
		event_free(l->event);
		close(l->fd);
		free(l);
	}
}

void
http_server_drain(struct http_server *s)
{
	struct http_conn *c;

	s->is_draining = true;
	event_del(s->resume);
	for (struct listener *l = s->listeners; l != NULL; l = l->next)
		on_accept(l->fd, EV_READ, l);
	close_listeners(s);
	while ((c = TAILQ_FIRST(&s->conns[CONN_HANDSHAKE])) != NULL)
		conn_close(c);
	while ((c = TAILQ_FIRST(&s->conns[CONN_IDLE])) != NULL)
		conn_close(c);
}

bool
http_server_is_idle(const struct http_server *s)
{
	for (int i = 0; i < CONN_STATES; i++) {
		if (!TAILQ_EMPTY(&s->conns[i]))
			return false;
	}
	return s->pumps.first == NULL;
}

void
http_server_free(struct http_server *s)
{
	struct http_conn *c;

	if (s == NULL)
		return;
	close_listeners(s);
	for (int i = 0; i < CONN_STATES; i++) {
		while ((c = TAILQ_FIRST(&s->conns[i])) != NULL)
			conn_close(c);
	}
	if (s->sweep != NULL)
		event_free(s->sweep);
	if (s->resume != NULL)
		event_free(s->resume);
	pump_list_close(&s->pumps);
	free(s->spare);
	tls_unref(s->tls);
	free(s);
}
