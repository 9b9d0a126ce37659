/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_server.c - see http_server.h.
 *
 * Threads: one accepts, one for each connection. `lock` guards everything in the struct but what is
 * set at the start.
 */
#include "http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 512
#define REQUESTS_MAX 4096
#define HEAD_MAX (64 * 1024)

struct connection {
	struct http_server *server;
	unsigned number;
	int fd; /* -1: ended */
	SSL *ssl;
	pthread_t thread;
};

struct http_server {
	const struct http_rule *rules;
	SSL_CTX *tls;
	int listener;
	unsigned port;
	pthread_t acceptor;
	pthread_mutex_t lock;
	struct connection connection[CONNECTIONS_MAX];
	unsigned connections, open;
	struct http_request request[REQUESTS_MAX];
	unsigned requests;
};

static ssize_t
receive(const struct connection *c, char *to, size_t size)
{
	if (c->ssl != NULL)
		return SSL_read(c->ssl, to, (int)size);
	return recv(c->fd, to, size, 0);
}

static bool
send_all(const struct connection *c, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = c->ssl != NULL ? SSL_write(c->ssl, bytes, (int)len)
					   : send(c->fd, bytes, len, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

/* Reads a head and its body. False: the other side is gone, or talks nonsense. */
static bool
read_request(const struct connection *c, struct http_request *r)
{
	char *head = malloc(HEAD_MAX + 1), *end = NULL;
	size_t len = 0;

	while (end == NULL) {
		ssize_t n = len < HEAD_MAX ? receive(c, head + len, HEAD_MAX - len) : 0;
		if (n <= 0) {
			free(head);
			return false;
		}
		len += (size_t)n;
		head[len] = '\0';
		end = strstr(head, "\r\n\r\n");
	}
	end[2] = '\0';
	*r = (struct http_request){ .connection = c->number, .head = head };
	const char *length = http_header(r, "Content-Length");
	r->len = length != NULL ? strtoul(length, NULL, 10) : 0;
	r->body = malloc(r->len + 1);
	size_t have = len - (size_t)(end + 4 - head);
	memcpy(r->body, end + 4, have < r->len ? have : r->len);
	while (have < r->len) {
		ssize_t n = receive(c, r->body + have, r->len - have);
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	return have >= r->len;
}

/* Only the connection's own thread looks at `head` of a request before it is kept. */
static void
keep_request(struct http_server *s, const struct http_request *r)
{
	pthread_mutex_lock(&s->lock);
	if (s->requests < REQUESTS_MAX)
		s->request[s->requests++] = *r;
	pthread_mutex_unlock(&s->lock);
}

static const struct http_rule *
rule_for(const struct http_server *s, const char *head)
{
	const struct http_rule *rule = s->rules;
	const char *path = head + strcspn(head, " ") + 1;
	size_t len = strcspn(path, " ");

	while (rule->path != NULL &&
		(strlen(rule->path) != len || strncmp(rule->path, path, len) != 0))
		rule++;
	return rule;
}

/* The end of the head first, where the constant headers are: a short excerpt has them. */
static bool
echo_head(const struct connection *c, const char *head)
{
	size_t len = strlen(head), tail = len < 120 ? len : 120;
	char start[128];
	int n = snprintf(start, sizeof(start),
		"HTTP/1.1 500 Internal Server Error\r\nContent-Length: %zu\r\n\r\n", len + tail);

	return send_all(c, start, (size_t)n) && send_all(c, head + len - tail, tail) &&
		send_all(c, head, len);
}

/* Whether the connection goes on. */
static bool
answer(const struct connection *c, const struct http_rule *rule, const char *head)
{
	char byte;
	bool ok = rule->answer != NULL ? send_all(c, rule->answer, strlen(rule->answer))
				       : echo_head(c, head);

	while (ok && rule->repeat != NULL)
		ok = send_all(c, rule->repeat, strlen(rule->repeat));
	while (ok && rule->then == HTTP_HANG)
		ok = receive(c, &byte, 1) > 0;
	return ok && rule->then == HTTP_KEEP;
}

static void
serve(struct connection *c)
{
	struct http_request r;
	bool more = true;

	if (c->ssl != NULL && SSL_accept(c->ssl) != 1)
		return;
	while (more && read_request(c, &r)) {
		/* Kept first: who has the answer can look at it. */
		char *head = strdup(r.head);
		keep_request(c->server, &r);
		more = answer(c, rule_for(c->server, head), head);
		free(head);
	}
}

static void *
connection_main(void *arg)
{
	struct connection *c = arg;
	struct http_server *s = c->server;

	serve(c);
	if (c->ssl != NULL)
		SSL_free(c->ssl);
	pthread_mutex_lock(&s->lock);
	close(c->fd);
	c->fd = -1;
	s->open--;
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static void
accepted(struct http_server *s, int fd)
{
	const int yes = 1;

	pthread_mutex_lock(&s->lock);
	if (s->connections == CONNECTIONS_MAX)
		abort();
	struct connection *c = &s->connection[s->connections++];
	*c = (struct connection){ .server = s, .number = s->connections, .fd = fd };
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (s->tls != NULL) {
		c->ssl = SSL_new(s->tls);
		SSL_set_fd(c->ssl, fd);
	}
	s->open++;
	pthread_create(&c->thread, NULL, connection_main, c);
	pthread_mutex_unlock(&s->lock);
}

static void *
accept_main(void *arg)
{
	struct http_server *s = arg;
	int fd;

	while ((fd = accept(s->listener, NULL, NULL)) >= 0)
		accepted(s, fd);
	return NULL;
}

struct http_server *
http_server_start(const struct http_rule *rules, SSL_CTX *tls)
{
	struct http_server *s = calloc(1, sizeof(*s));
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	s->rules = rules;
	s->tls = tls;
	pthread_mutex_init(&s->lock, NULL);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(s->listener, (struct sockaddr *)&a, sizeof(a)) != 0 ||
		listen(s->listener, CONNECTIONS_MAX) != 0 ||
		getsockname(s->listener, (struct sockaddr *)&a, &len) != 0)
		abort();
	s->port = ntohs(a.sin_port);
	pthread_create(&s->acceptor, NULL, accept_main, s);
	return s;
}

void
http_server_hang_up(struct http_server *s)
{
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < s->connections; i++) {
		if (s->connection[i].fd >= 0)
			shutdown(s->connection[i].fd, SHUT_RDWR);
	}
	pthread_mutex_unlock(&s->lock);
}

void
http_server_stop(struct http_server *s)
{
	shutdown(s->listener, SHUT_RDWR);
	pthread_join(s->acceptor, NULL);
	close(s->listener);
	http_server_hang_up(s);
	for (unsigned i = 0; i < s->connections; i++)
		pthread_join(s->connection[i].thread, NULL);
	for (unsigned i = 0; i < s->requests; i++) {
		free(s->request[i].head);
		free(s->request[i].body);
	}
	pthread_mutex_destroy(&s->lock);
	free(s);
}

unsigned
http_server_port(const struct http_server *s)
{
	return s->port;
}

static unsigned
read_locked(struct http_server *s, const unsigned *number)
{
	pthread_mutex_lock(&s->lock);
	unsigned n = *number;
	pthread_mutex_unlock(&s->lock);
	return n;
}

unsigned
http_server_requests(struct http_server *s)
{
	return read_locked(s, &s->requests);
}

unsigned
http_server_connections(struct http_server *s)
{
	return read_locked(s, &s->connections);
}

unsigned
http_server_open(struct http_server *s)
{
	return read_locked(s, &s->open);
}

const struct http_request *
http_server_request(struct http_server *s, unsigned i)
{
	return i < http_server_requests(s) ? &s->request[i] : NULL;
}

const char *
http_header(const struct http_request *r, const char *name)
{
	static _Thread_local char value[4096];
	size_t len = strlen(name);

	for (const char *line = strstr(r->head, "\r\n"); line != NULL && line[2] != '\0';
		line = strstr(line + 2, "\r\n")) {
		if (strncasecmp(line + 2, name, len) != 0 || line[2 + len] != ':')
			continue;
		const char *from = line + 3 + len + strspn(line + 3 + len, " ");
		snprintf(value, sizeof(value), "%.*s", (int)strcspn(from, "\r"), from);
		return value;
	}
	return NULL;
}
