/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_conn.c - a connection from its first byte to its last: states, reading, what is pipelined.
 */
#include "http_impl.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

#define READ_MIN 1024      /* room wanted before a read */
#define PIPELINE_MAX 65536 /* bytes taken in beyond the request that is worked on */
#define WRITE_TIMEOUT_MS 30000
#define LINGER_MS 10000  /* for what a refused request still sends */
#define WASTE_AT_ONCE 16 /* reads of it before others have their turn */
#define BUSY_RETRY_S 5   /* what a refused connection is told */

void
http_conn_set_state(struct http_conn *c, enum conn_state state)
{
	struct http_server *s = c->server;
	const struct server_conf *conf = s->conf;
	const int64_t timeouts[CONN_STATES] = {
		[CONN_HANDSHAKE] = conf->header_timeout_ms,
		[CONN_IDLE] = conf->idle_timeout_ms,
		[CONN_HEAD] = conf->header_timeout_ms,
		[CONN_BODY] = conf->body_timeout_ms,
		[CONN_BUSY] = INT64_MAX / 2, /* ends with the answer */
		[CONN_WRITE] = WRITE_TIMEOUT_MS,
		[CONN_LINGER] = LINGER_MS,
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

void
http_conn_close(struct http_conn *c)
{
	struct http_shared *shared = c->server->shared;
	struct transport t = c->transport;

	conn_free(c);
	transport_close(&t);
	http_gone(shared);
}

/* false: nothing more comes. */
static bool
drop_input(const struct http_conn *c)
{
	char waste[4096];
	ssize_t n = 1;

	for (int i = 0; i < WASTE_AT_ONCE && n > 0; i++)
		n = recv(c->transport.fd, waste, sizeof(waste), 0);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Bytes that are left in the socket when it is closed reset the connection, and with it the answer that the client
 * has not read yet (RFC 9112 section 9.6). */
void
http_conn_close_politely(struct http_conn *c)
{
	bool is_cut = c->request != NULL && !c->request->is_complete && !c->server->is_draining;

	transport_shutdown(&c->transport);
	if (!drop_input(c) || !is_cut) {
		http_conn_close(c);
		return;
	}
	free_request(c);
	http_conn_set_state(c, CONN_LINGER);
	http_conn_set_reading(c, true);
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

void
http_conn_set_reading(struct http_conn *c, bool on)
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

static bool
begin_request(struct http_conn *c)
{
	struct http_server *s = c->server;

	c->request = s->spare != NULL ? s->spare : malloc(sizeof(*c->request));
	s->spare = NULL;
	if (c->request == NULL)
		return false;
	memset(c->request, 0, sizeof(*c->request));
	c->in = malloc(HTTP_BUF_FIRST);
	if (c->in == NULL)
		return false;
	c->in_cap = HTTP_BUF_FIRST;
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

void
http_conn_next_request(struct http_conn *c)
{
	size_t left = c->in_len - c->parsed;

	if (c->must_close || (c->server->is_draining && left == 0)) {
		http_conn_close(c);
		return;
	}
	llhttp_reset(&c->parser);
	if (left == 0) {
		free_request(c);
		http_conn_set_state(c, CONN_IDLE);
		http_conn_set_reading(c, true);
		return;
	}
	struct http_request *r = c->request;
	memmove(c->in, c->in + c->parsed, left);
	c->in_len = left;
	c->parsed = 0;
	buf_free(&r->decoded);
	memset(r, 0, sizeof(*r));
	http_conn_set_state(c, CONN_HEAD);
	/* On the next turn of the loop: a long row of pipelined requests must not recurse. What is read before that is
	 * parsed with it. */
	event_active(&c->write_event, EV_WRITE, 0);
}

/* While a request is worked on: takes in what is pipelined, up to a bound, and notices the end. Its
 * strings point into the buffer, so this must not move: what does not fit stays in the socket. */
static void
read_ahead(struct http_conn *c)
{
	size_t room = c->in_cap - c->in_len;

	if (room == 0 || c->in_len - c->parsed >= PIPELINE_MAX) {
		http_conn_set_reading(c, false);
		return;
	}
	ssize_t n = receive(c);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		c->must_close = true;
		http_conn_set_reading(c, false);
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
	http_conn_close_politely(c);
}

/* true: the connection is ready for a request. */
static bool
shake_hands(struct http_conn *c)
{
	const char *why = "";

	switch (transport_accept(&c->transport, &why)) {
	case TRANSPORT_READY:
		http_conn_set_state(c, CONN_IDLE);
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
	http_conn_close(c);
	return false;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)fd;
	(void)what;
	if (c->state == CONN_LINGER) {
		if (!drop_input(c))
			http_conn_close(c);
		return;
	}
	if (c->state == CONN_HANDSHAKE && !shake_hands(c))
		return;
	if (c->state == CONN_BUSY || c->state == CONN_WRITE) {
		read_ahead(c);
		return;
	}
	if (!make_room(c)) {
		http_conn_close(c);
		return;
	}
	ssize_t n = receive(c);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		if (c->state == CONN_IDLE)
			free_request(c);
		return;
	}
	if (n <= 0) {
		http_conn_close(c);
		return;
	}
	if (c->state == CONN_IDLE)
		http_conn_set_state(c, CONN_HEAD);
	http_conn_parse(c);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct http_conn *c = arg;

	(void)fd;
	(void)what;
	if (c->read_waits) {
		c->read_waits = false;
		event_active(&c->read_event, EV_READ, 0);
	}
	if (c->state == CONN_WRITE) {
		http_conn_send(c);
	} else if (c->state == CONN_HEAD && c->parsed < c->in_len) {
		http_conn_set_reading(c, true);
		http_conn_parse(c);
	}
}

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

void
http_conn_open(struct listener *l, int fd, const struct sockaddr_storage *from)
{
	struct http_server *s = l->server;
	const int on = 1;

	int64_t before = atomic_fetch_add_explicit(
		&s->shared->connections, 1, memory_order_relaxed);
	bool has_room = before < s->conf->max_connections || l->kind == HTTP_CONTROL;
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
	llhttp_init(&c->parser, HTTP_REQUEST, &http_callbacks);
	c->parser.data = c;
	event_assign(&c->read_event, s->base, fd, EV_READ | EV_PERSIST, on_readable, c);
	event_assign(&c->write_event, s->base, fd, EV_WRITE, on_writable, c);
	c->state = tls != NULL ? CONN_HANDSHAKE : CONN_IDLE;
	TAILQ_INSERT_TAIL(&s->conns[c->state], c, link);
	http_conn_set_state(c, c->state);
	http_conn_set_reading(c, true);
}
