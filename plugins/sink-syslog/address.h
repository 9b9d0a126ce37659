/* SPDX-License-Identifier: Apache-2.0 */
/* address.h - the option `target`: where a collector listens, and by which transport. */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>

#include <hookswitch/plugin.h>

enum transport { TRANSPORT_UNIX, TRANSPORT_UDP, TRANSPORT_TCP, TRANSPORT_TLS };

struct address {
	enum transport transport;
	char host[256]; /* name or number, without brackets; of a local socket: its path */
	char port[6];   /* "" for a local socket */
};

/* Reads unix:/path, udp://host[:port], tcp://host[:port] or tls://host[:port]. */
int address_parse(const char *text, struct address *, struct hsw_error *);
/* Whether it is a stream of messages (TCP, TLS) rather than datagrams. */
bool address_is_stream(const struct address *);

#endif
