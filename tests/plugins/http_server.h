/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_server.h - an HTTP/1.1 receiver on the loopback that behaves as badly as a test wants.
 *
 * A thread for each connection; requests are kept for the test to look at.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include <openssl/ssl.h>

/* What is done after the answer. */
enum http_then { HTTP_KEEP, HTTP_CLOSE, HTTP_HANG };

/* What a path gets. A table of them ends with a path of NULL, which is for all others. */
struct http_rule {
	const char *path;   /* as in the request, with the query */
	const char *answer; /* NULL: 500 with the request's head in its body */
	const char *repeat; /* sent again and again behind the answer, until the other side goes */
	enum http_then then;
};

struct http_request {
	unsigned connection; /* 1 for the first one */
	char *head;          /* up to the empty line */
	char *body;
	size_t len;
};

struct http_server;

#define HTTP_OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

/* tls: NULL for plain HTTP; borrowed. rules are borrowed too. */
struct http_server *http_server_start(const struct http_rule *rules, SSL_CTX *tls);
/* Ends all connections and threads, and frees. */
void http_server_stop(struct http_server *);
/* Ends all connections that are open now. */
void http_server_hang_up(struct http_server *);
unsigned http_server_port(const struct http_server *);
/* How many requests came, connections were made, connections are open. */
unsigned http_server_requests(struct http_server *);
unsigned http_server_connections(struct http_server *);
unsigned http_server_open(struct http_server *);
/* The i-th request; NULL if there is none yet. */
const struct http_request *http_server_request(struct http_server *, unsigned i);
/* The value of a header, up to the end of its line, in a static buffer; NULL if it is not there. */
const char *http_header(const struct http_request *, const char *name);

#endif
