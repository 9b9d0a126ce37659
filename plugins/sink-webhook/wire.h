/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire.h - HTTP/1.1 without TLS (RFC 9112): one request after the other on a connection that curl has made.
 *
 * What curl does for a transfer that needs no more than this costs about as much as all the rest of an
 * event's way together. So curl resolves names and connects, llhttp reads the answers, and what is
 * between is here. Everything else (TLS, HTTP/2, receivers whose answers llhttp does not take) stays
 * with curl.
 */
#ifndef WIRE_H
#define WIRE_H

#include "answer.h"

/* A request and its answer. */
struct exchange {
	/* Of the caller; all of it lives until `ended` or wire_stop. */
	struct webhook *w;
	struct target *target;
	struct hsw_str head, lines,
		tail; /* request line and header lines, in order, and the empty one */
	const struct iovec *body;
	size_t body_pieces;
	bool is_guarded; /* connects only to where the guard allows */
	struct answer *answer;
	/* Called once, never inside wire_start. The code is for answer_outcome. */
	void (*ended)(struct exchange *, CURLcode);
	/* The head of an answer of success came, its body is still coming: called with each part of
	 * that. May call wire_stop. */
	void (*succeeded)(struct exchange *);
	/* The same of an answer of failure. */
	void (*refused)(struct exchange *);
	/* Of wire.c. */
	struct wire *wire;
	size_t sent;
	bool resent;
};

/* Sends the request. HSW_OK, or HSW_ENOMEM: nothing was sent and `ended` is not called. */
int wire_start(struct exchange *);
/* Gives the exchange up, and its connection with it; `ended` is not called. */
void wire_stop(struct exchange *);
/* Closes idle connections that were not used for this long. */
void wires_close_idle(struct webhook *, int64_t ms);
/* Ends the connections that the guard does not allow. */
void wires_guard(struct webhook *);
/* curl has ended a transfer whose CURLOPT_PRIVATE was a wire: it is connected, or failed. */
void wire_connected(struct wire *, CURLcode);

#endif
