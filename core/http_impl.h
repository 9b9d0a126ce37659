/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_impl.h - what the files of the HTTP server (http*.c) share: the connection.
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
#ifndef HTTP_IMPL_H
#define HTTP_IMPL_H

#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/event_struct.h>
#include <llhttp.h>

#include "http.h"
#include "metrics.h"
#include "pump.h"
#include "transport.h"

#define HTTP_BUF_FIRST 4096 /* bytes of a request's first buffer */

enum conn_state {
	CONN_HANDSHAKE,
	CONN_IDLE,
	CONN_HEAD,
	CONN_BODY,
	CONN_BUSY,
	CONN_WRITE,
	CONN_LINGER, /* the answer is sent; what the request still brings is dropped */
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
	const struct server_conf *conf; /* in use */
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

/* ---- http_conn.c ---- */

/* Takes over the socket, also when it refuses the connection. */
void http_conn_open(struct listener *, int fd, const struct sockaddr_storage *from);
/* Closes and frees it. */
void http_conn_close(struct http_conn *);
/* Closes so that the answer arrives; may take a moment where the request is not read to its end. */
void http_conn_close_politely(struct http_conn *);
/* Moves it to the list of that state; its deadline begins anew. */
void http_conn_set_state(struct http_conn *, enum conn_state);
/* Whether what comes in is read. */
void http_conn_set_reading(struct http_conn *, bool on);
/* The answer is sent: on to the next request, or to the end. May free it. */
void http_conn_next_request(struct http_conn *);

/* ---- http_answer.c ---- */

/* Sends of c->out what the socket takes; once all of it is sent, goes on to the next request or closes.
 * May free it. */
void http_conn_send(struct http_conn *);
/* RFC 9110 section 10.1.1: the client waits for it before it sends the body. */
void http_conn_send_continue(struct http_conn *);
/* Answers and closes: where the next request begins is not known. */
void http_conn_refuse(struct http_conn *, int status, const char *text);

/* ---- http_parse.c ---- */

extern const llhttp_settings_t http_callbacks;
/* Gives the parser what was read; a request that is complete goes to the handler. May free it. */
void http_conn_parse(struct http_conn *);

/* ---- http_request.c ---- */

/* Points into c->in: valid until that grows or the request ends. */
struct hsw_str http_text(const struct http_conn *, struct http_span);
/* name in lower case. */
bool http_is_name(struct hsw_str, const char *name);
/* Sets path and query; false: malformed. */
bool http_split_target(struct http_request *, struct hsw_str target);
/* Sets r->client. */
void http_find_client(struct http_conn *, struct http_request *);

#endif
