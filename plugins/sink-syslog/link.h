/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link.h - the way to a collector: messages in order, over one socket that is opened when needed.
 *
 * Datagrams are delivered when the system took them. A message on a stream is delivered when the
 * other side's system has acknowledged its last byte (TCP); what was not when a connection broke goes
 * out again on the next one. Whether the collector has read it, no syslog protocol tells.
 */
#ifndef LINK_H
#define LINK_H

#include <hookswitch/sink.h>

#include "address.h"
#include "buffer.h"
#include "tls.h"

struct link;

/* The address and ctx are borrowed. ctx: NULL without TLS. NULL: out of memory. */
struct link *link_new(
	const struct hsw_host *, struct hsw_handle *, const struct address *, SSL_CTX *ctx);
/* Nothing may be in it but cancelled messages. */
void link_free(struct link *);
/* Takes another context for the next connection. */
void link_set_tls(struct link *, SSL_CTX *ctx);

/* Accepts a delivery whose message is in the buffer. */
int link_put(struct link *, struct hsw_delivery *, const struct buffer *message);
/* Forgets a delivery; whether it goes out is open. */
void link_cancel(struct link *, struct hsw_delivery *);

#endif
