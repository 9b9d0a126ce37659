/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.h - the HTTP/1.1 server of one worker (RFC 9110, RFC 9112): connections, limits, timeouts.
 *
 * A request is handed to the handler when it is complete, and is answered exactly once with http_reply,
 * then or later, on the same thread. It lives until it is answered, also when the client has gone.
 * One request of a connection is worked on at a time; pipelined ones wait.
 */
#ifndef HTTP_H
#define HTTP_H

#include <stdatomic.h>
#include <stdbool.h>

#include <event2/event.h>

#include "buf.h"
#include "config.h"
#include "forwarded.h"
#include "tls.h"

#define HTTP_HEADERS_MAX 100 /* header lines of a request */

struct http_span {
	uint32_t at, len;
};

struct http_request {
	struct http_conn *conn;
	void *arg;                      /* the handler's own */
	struct forwarded_client client; /* behind trusted proxies; is_local: of this machine */
	bool is_control;                /* came over the control socket */
	bool is_http_1_0;
	/* Valid until http_reply. */
	struct hsw_str method;
	struct hsw_str path;  /* decoded; begins with "/" */
	struct hsw_str query; /* without "?", still encoded */
	struct hsw_str body;
	/* parsing */
	struct buf decoded;
	struct http_span target, body_at;
	struct http_span names[HTTP_HEADERS_MAX], values[HTTP_HEADERS_MAX];
	size_t n_headers;
	bool in_value, is_head_complete, is_complete;
	size_t head_len; /* with the empty line */
	int error;       /* HTTP status, when it was found wrong; 0: none */
	const char *error_text;
};

/* What all workers' servers share. */
struct http_shared {
	const struct server_conf *conf; /* of the start */
	int64_t max_body_bytes;
	_Atomic int64_t connections;
};

struct http_server;

enum http_listener { HTTP_PLAIN, HTTP_TLS, HTTP_CONTROL };

struct http_handler {
	void (*handle)(void *arg, struct http_request *);
	void *arg;
};

/* NULL: out of memory. */
struct http_server *http_server_new(
	struct event_base *, struct http_shared *, const struct http_handler *);
/* Takes connections from a listening, non-blocking socket; owns it. HSW_OK or HSW_ENOMEM. */
int http_server_listen(struct http_server *, int fd, enum http_listener);
/* Limits, timeouts and trusted proxies from now on, instead of those that are shared; it must live as long. */
void http_server_set_conf(struct http_server *, const struct server_conf *);
/* The certificate of new connections to HTTP_TLS listeners; takes over the reference. Must be set before
 * such a listener is. */
void http_server_set_tls(struct http_server *, struct tls *);
/* Takes no new connection or request: closes the listeners and what is idle. What is being read or
 * worked on is finished, and its connection closed then. */
void http_server_drain(struct http_server *);
/* After that: closes what is left, but for requests that wait for their answers. */
void http_server_cut(struct http_server *);
/* Whether no connection is left. */
bool http_server_is_idle(const struct http_server *);
/* Closes everything; no request may be waiting for its answer. NULL is allowed. */
void http_server_free(struct http_server *);

/* The value of the header (name in lower case), s = NULL: there is none. */
struct hsw_str http_header(const struct http_request *, const char *name);
/* Whether the header (name in lower case), which is a list, has the word, of any case; in any of its lines. */
bool http_header_has_word(const struct http_request *, const char *name, const char *word);
/* The value of a query parameter, decoded into out; false: there is none, or it is malformed. */
bool http_query(const struct http_request *, const char *name, struct buf *out);
/* The same as forms write it (application/x-www-form-urlencoded): a + is a space. */
bool http_query_form(const struct http_request *, const char *name, struct buf *out);
struct http_parameter {
	struct hsw_str name, value; /* as they stand in the query */
};
/* Takes the first parameter off what is left of a query; without a "=" it has no value, s = NULL. */
struct http_parameter http_take_parameter(struct hsw_str *rest);
/* The name of the first parameter whose value is malformed: where a query decides what is done, none must pass for one
 * that is not there. s = NULL: there is none. */
struct hsw_str http_query_malformed(const struct http_request *);
/* What is said of it then. */
#define HTTP_QUERY_EXPECTED "expected %XX with two hex digits for each % in the query, and no %00"
/* Appends `s` with %XX decoded; false: a bad escape or %00. */
bool http_decode(struct hsw_str s, struct buf *out);

/* Answers with JSON. extra: header lines, each ending in CRLF, or "". */
void http_reply(struct http_request *, int status, const char *extra, struct hsw_str body);
/* The same with another content type. */
void http_reply_type(struct http_request *, int status, const char *type, const char *extra,
	struct hsw_str body);
/* {"success":false,"error":{"message":"..."}} */
void http_reply_error(struct http_request *, int status, const char *extra, const char *message);

/* Gives up the connection instead of answering, for another protocol on it: the request is gone. Appends
 * to early what the client has sent behind it. Returns the socket, the caller's from now on, or -1: out of
 * memory or descriptors; it counts towards max_connections until http_gone. TLS is taken off before: what goes
 * over the socket is plain. */
int http_give_up(struct http_request *, struct buf *early);
void http_gone(struct http_shared *);

#endif
