/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transport.h - a connection's bytes, plain or under TLS, without blocking. One thread.
 *
 * transport_recv and transport_send behave like recv and send on a non-blocking socket: EAGAIN means to
 * try again once the socket is readable or writable, and `wants_write` tells which: under TLS a read may
 * have to write first. The plain form is the bare system call.
 */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "tls.h"

struct transport {
	int fd;
	struct ssl_st *tls; /* NULL: plain */
	bool wants_write;   /* of the last call that gave EAGAIN */
	bool is_broken;     /* the TLS session is beyond repair: no close_notify */
};

/* How a handshake stands. */
enum transport_state { TRANSPORT_READY, TRANSPORT_WAITING, TRANSPORT_FAILED, TRANSPORT_IS_HTTP };

/* Takes ownership of the socket. tls: NULL for a plain one. HSW_OK or HSW_ENOMEM (the socket is still
 * the caller's then). */
int transport_open(struct transport *, int fd, struct tls *tls);
/* Goes on with the server's side of the handshake. TRANSPORT_IS_HTTP: the client speaks plain HTTP.
 * TRANSPORT_FAILED: why says so. */
enum transport_state transport_accept(struct transport *, const char **why);
ssize_t transport_recv_tls(struct transport *, void *, size_t);
ssize_t transport_send_tls(struct transport *, const void *, size_t);
/* Whether bytes were taken from the socket that are not received yet: it does not become readable for
 * them. */
bool transport_has_pending(const struct transport *);
/* Nothing is sent any more: close_notify, and the end of the stream. */
void transport_shutdown(struct transport *);
/* Closes the socket, after a close_notify if that can be sent at once. */
void transport_close(struct transport *);

static inline ssize_t
transport_recv(struct transport *t, void *at, size_t n)
{
	return t->tls != NULL ? transport_recv_tls(t, at, n) : recv(t->fd, at, n, 0);
}

static inline ssize_t
transport_send(struct transport *t, const void *at, size_t n)
{
	return t->tls != NULL ? transport_send_tls(t, at, n) : send(t->fd, at, n, MSG_NOSIGNAL);
}

#endif
