/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ws_stream.h - a client's connection, plain or TLS, over TCP or a unix socket. For commands: it waits, each
 * wait has a bound, and a signal ends it.
 */
#ifndef WS_STREAM_H
#define WS_STREAM_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "buf.h"

/* Where to: parts of ws://host:port/path, wss://..., or unix:/path. */
struct ws_url {
	char host[256], port[8];
	char path[512]; /* of the request, "" for none; of the socket for a unix one */
	bool is_tls, is_unix;
};

/* http and https are the same as ws and wss. HSW_OK, or err says what is wrong with it. */
int ws_url_parse(const char *text, struct ws_url *, struct hsw_error *err);

struct ws_stream {
	int fd;
	struct ssl_st *tls;
	/* Set by a signal handler, which runs only during waits: `mask` is the signal mask of these. */
	const volatile sig_atomic_t *must_stop;
	sigset_t mask;
};

/* ca: PEM file of further certificates to trust, or NULL. HSW_OK; HSW_ECLOSED: must_stop; else err says
 * why. */
int ws_stream_open(
	struct ws_stream *, const struct ws_url *, const char *ca, struct hsw_error *err);
void ws_stream_close(struct ws_stream *);
/* Sends all of it. HSW_OK, HSW_ECLOSED or HSW_EIO. */
int ws_stream_send(struct ws_stream *, const void *, size_t);
/* What there is, at least a byte. Its length; 0: the end; HSW_EAGAIN: nothing came within timeout_ms;
 * HSW_ECLOSED: must_stop; HSW_EIO. */
ssize_t ws_stream_recv(struct ws_stream *, void *, size_t, int timeout_ms);

#endif
