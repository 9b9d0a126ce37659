/* SPDX-License-Identifier: Apache-2.0 */
/* ws_client.h - a client of the live stream: RFC 6455 without extensions, on a ws_stream. */
#ifndef WS_CLIENT_H
#define WS_CLIENT_H

#include "ws_stream.h"

struct ws_client {
	struct ws_stream stream; /* must_stop and mask are set by the caller */
	struct buf in;           /* what was received and not read yet */
	struct buf message;      /* the last one; of fragments: the ones so far */
	bool is_partial;         /* more fragments of it are to come */
	int status;              /* HTTP status of a refused upgrade; 0: there was no answer */
	unsigned close_code;     /* of the server's close frame; 0: there was none */
	/* Called by ws_client_read when nothing has come for half a minute. May be NULL. */
	void (*on_silence)(void *arg);
	void *arg;
};

/*
 * Connects and upgrades. target: the request's path; token may be NULL. HSW_OK; HSW_EAUTH: refused, see
 * status and err; HSW_ECLOSED: must_stop; other: err says why. ws_client_close is to be called in any case.
 */
int ws_client_open(struct ws_client *, const struct ws_url *, const char *target, const char *token,
	const char *ca, struct hsw_error *err);
/*
 * Waits for a message, into `message`; PINGs are answered, and the server is sent one when it is silent.
 * HSW_OK; HSW_EIO: the connection is gone, err says why; HSW_ECLOSED: must_stop.
 */
int ws_client_read(struct ws_client *, struct hsw_error *err);
/*
 * Asks the same server for something else, on a connection of its own, which it closes: stream.must_stop and
 * stream.mask are set, the rest is 0. body gets what is answered with 200. HSW_OK; HSW_EAUTH: another status, see
 * status; else as ws_client_open.
 */
int ws_client_ask(const struct ws_url *, const char *target, const char *token, const char *ca,
	struct ws_client *, struct buf *body, struct hsw_error *err);
/* Says goodbye, if there is a connection. */
void ws_client_close(struct ws_client *);

#endif
