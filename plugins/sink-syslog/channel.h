/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.h - one non-blocking socket to a collector, with or without TLS.
 *
 * Knows nothing of deliveries or the loop: every step says what it waits for.
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "tls.h"

/* Bytes that nobody acknowledges for this long: the connection is dead. */
#define UNACKNOWLEDGED_MS 20000

enum step {
	STEP_DONE,
	STEP_READ,   /* go on when it is readable */
	STEP_WRITE,  /* go on when it is writable */
	STEP_FAILED, /* `error` and `why` tell */
};

struct channel {
	int fd; /* -1: closed */
	bool is_stream;
	SSL *ssl;            /* NULL: none */
	bool is_refused;     /* the other side ended TLS with a fatal alert */
	uint64_t sent_bytes; /* without TLS */
	int error;           /* errno of the last failure; 0: not the system's */
	char why[160];
};

/* Opens a socket and begins to connect; STEP_WRITE: channel_connected tells when it is writable. */
enum step channel_open(struct channel *, const struct addrinfo *);
/* The same for the path of a local socket, of datagrams or, where that is one, of a stream. */
enum step channel_open_local(struct channel *, const char *path);
enum step channel_connected(struct channel *);
/* Shakes hands; the first call makes the session. */
enum step channel_shake(struct channel *, SSL_CTX *, const char *host);
/* Whether the other side could still refuse our certificate after the handshake (TLS 1.3). */
bool channel_is_unconfirmed(const struct channel *);
void channel_close(struct channel *);

/* Sends bytes; *sent, at most len, also unless STEP_DONE (all of them). */
enum step channel_send(struct channel *, const char *bytes, size_t len, size_t *sent);
/* Reads and forgets what came. STEP_FAILED: the other side has closed, or the connection broke. */
enum step channel_check(struct channel *);
/* Bytes that the system took since the connection began, and those of them that the other side's
 * system has acknowledged. */
uint64_t channel_position(const struct channel *);
uint64_t channel_acknowledged(const struct channel *);

#endif
