/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_http.c - any bytes to the HTTP server over a real connection, in one piece and in many: the same requests
 * reach the handler, whole, and the connection ends when the client's does.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "http.h"

#define CUTS 4
#define BODY_MAX 4096
#define QUIET_TURNS 16  /* in which nothing reached the handler */
#define TURNS_MAX 10000 /* of the loop, for one connection */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct server_conf conf = {
	.max_connections = 10,
	.header_timeout_ms = 60000,
	.body_timeout_ms = 60000,
	.idle_timeout_ms = 60000,
	.max_header_bytes = 8192,
};
static struct http_shared shared = { .conf = &conf, .max_body_bytes = BODY_MAX };
static struct event_base *base;
static struct http_server *server;
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static socklen_t address_len;
static uint64_t seen; /* hash of what the handler got */
static struct http_request *waiting;

/* Nothing of a header may go on in a line of its own. */
static void
check_header(struct hsw_str value)
{
	for (size_t i = 0; i < value.len; i++) {
		if (value.s[i] == '\r' || value.s[i] == '\n' || value.s[i] == '\0')
			abort();
	}
}

static void
note(struct hsw_str s)
{
	seen = str_hash(str_hash(seen, s), (struct hsw_str){ "", 1 });
}

static void
handle(void *arg, struct http_request *r)
{
	static const char *const names[] = { "host", "token", "authorization", "connection",
		"content-type", "x", "upgrade", NULL };
	struct buf token = BUF_INIT, early = BUF_INIT;

	(void)arg;
	if (r->method.len == 0 || r->path.len == 0 || r->path.s[0] != '/' ||
		memchr(r->path.s, '\0', r->path.len) != NULL || r->body.len > BODY_MAX)
		abort();
	note(r->method);
	note(r->path);
	note(r->query);
	note(r->body);
	for (size_t i = 0; names[i] != NULL; i++) {
		struct hsw_str value = http_header(r, names[i]);
		check_header(value);
		note(value);
	}
	if (http_query(r, "token", &token))
		note((struct hsw_str){ token.data, token.len });
	token.len = 0;
	if (http_query_form(r, "token", &token)) {
		note((struct hsw_str){ token.data, token.len });
		if (memmem(r->query.s, r->query.len, "%2", 2) == NULL && token.len > 0 &&
			memchr(token.data, '+', token.len) != NULL)
			abort();
	}
	buf_free(&token);
	if (str_is(r->path, "/later")) {
		waiting = r;
	} else if (str_is(r->path, "/ws")) {
		int fd = http_give_up(r, &early);
		buf_free(&early);
		if (fd < 0)
			abort();
		close(fd);
		http_gone(&shared);
	} else if (str_is(r->path, "/no")) {
		http_reply_error(r, 404, "X: y\r\n", "no\n");
	} else {
		http_reply(r, 200, "", str_of("{}"));
	}
}

static void
stop(void)
{
	http_server_free(server);
	event_base_free(base);
}

static void
start(void)
{
	static const struct http_handler handler = { handle, NULL };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	/* A name that the kernel chooses, in no folder (unix(7), "Autobind"). */
	address_len = sizeof(address);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)) != 0 ||
		getsockname(fd, (struct sockaddr *)&address, &address_len) != 0 ||
		listen(fd, 8) != 0)
		abort();
	base = event_base_new();
	server = base != NULL ? http_server_new(base, &shared, &handler) : NULL;
	if (server == NULL || http_server_listen(server, fd, HTTP_PLAIN) != HSW_OK ||
		atexit(stop) != 0)
		abort();
}

/* One turn; an answer that is due later is given then. */
static void
turn(void)
{
	struct http_request *r = waiting;

	event_base_loop(base, EVLOOP_NONBLOCK);
	waiting = waiting == r ? NULL : waiting;
	if (r != NULL)
		http_reply(r, 202, "", str_of("{}"));
}

/* Until nothing more happens: a client that ends its side is not answered what it has pipelined. */
static void
settle(void)
{
	for (int i = 0; i < QUIET_TURNS; i++) {
		uint64_t before = seen;
		turn();
		if (seen != before || waiting != NULL)
			i = 0;
	}
}

/* Until the server has closed the connection. */
static void
await_end(int fd)
{
	char answers[4096];

	for (int i = 0; i < TURNS_MAX; i++) {
		ssize_t n = recv(fd, answers, sizeof(answers), MSG_DONTWAIT);
		if (n == 0 && atomic_load(&shared.connections) == 0)
			return;
		turn();
	}
	abort();
}

/* What the handler saw. cuts: NULL for one piece. */
static uint64_t
converse(const uint8_t *data, size_t size, const uint8_t *cuts)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	seen = HASH_START;
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, address_len) != 0)
		abort();
	for (size_t at = 0, i = 0; at < size; i++) {
		size_t n = cuts != NULL ? (size_t)cuts[i % CUTS] + 1 : size;
		n = n < size - at ? n : size - at;
		if (send(fd, data + at, n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)n)
			break;
		at += n;
		turn();
	}
	settle();
	shutdown(fd, SHUT_WR);
	await_end(fd);
	close(fd);
	return seen;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (server == NULL)
		start();
	if (size <= CUTS || size > 32768)
		return 0;
	uint64_t whole = converse(data + CUTS, size - CUTS, NULL);
	if (converse(data + CUTS, size - CUTS, data) != whole)
		abort();
	return 0;
}
