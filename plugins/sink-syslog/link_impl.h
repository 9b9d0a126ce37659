/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link_impl.h - what link.c and link_connect.c share.
 *
 *   DOWN --a message--> LOOKING_UP --addresses--> CONNECTING --tls--> SHAKING --TLS 1.3--> SETTLING
 *     ^                                                |                  |                    |
 *     \--------- failed, timed out, closed ------------+------------------+-------- UP <-------+
 *
 * Messages are on `waiting`, in the order of link_put; on a stream they go over to `sent` when all
 * bytes are out, until these are acknowledged. Only the first of `waiting` can be out by half.
 */
#ifndef LINK_IMPL_H
#define LINK_IMPL_H

#include <sys/queue.h>

#include "channel.h"
#include "link.h"
#include "resolver.h"

#define CONNECT_MS 10000 /* from the look-up to the end of the handshake */

enum link_state { DOWN, LOOKING_UP, CONNECTING, SHAKING, SETTLING, UP };

struct message {
	TAILQ_ENTRY(message) entry;
	struct hsw_delivery *delivery; /* NULL: cancelled */
	uint64_t serial;
	bool is_sent;    /* on `sent` */
	uint64_t end_at; /* while is_sent: the connection's position behind it */
	unsigned breaks;
	size_t sent;   /* of the bytes that this kind of socket gets */
	bool is_begun; /* it was tried to send: TLS may hold a record of it that is not out yet */
	size_t prefix_len; /* RFC 6587 section 3.4.1: the octet count */
	size_t len;        /* prefix, message, newline */
	char bytes[];
};

TAILQ_HEAD(message_list, message);

struct link {
	const struct hsw_host *host;
	struct hsw_handle *handle;
	const struct address *address;
	SSL_CTX *ctx;
	enum link_state state;
	struct channel channel;
	bool is_fresh; /* nothing was sent on it yet */
	int64_t opened_ms;
	int64_t give_up_ms; /* while it is neither DOWN nor UP: when CONNECT_MS are over */
	struct hsw_watch *watch;
	struct lookup *lookup; /* may outlive LOOKING_UP when that timed out */
	struct addrinfo *found, *next;
	struct message_list waiting, sent;
	uint64_t serial;
	struct hsw_timer *flush_timer, *deadline, *ack_timer;
};

/* ---- link.c ---- */

void link_close(struct link *);
/* No way to the collector: what waits is for the daemon to try again, in its order. verb: "connect to". */
void link_failed(struct link *, const char *verb);
/* A connection that was up is gone: what is not acknowledged goes out again. */
void link_broke(struct link *);
/* Waits until the socket is ready for the step; on a stream also for what it has to tell. */
void link_wait_for(struct link *, enum step);
/* Sends what waits on a link that is up; flush_soon: in the loop's next turn, whatever its state. */
void link_send(struct link *);
void link_flush_soon(struct link *);

/* ---- link_connect.c ---- */

/* From DOWN: looks the address up and connects. */
void link_start(struct link *);
/* Connecting took too long, or TLS has settled; a timer's fn. */
void link_deadline_over(void *link);

#endif
