/* SPDX-License-Identifier: Apache-2.0 */
/* address.h - who is at the other end: internet addresses and networks. IPv4 stands in its IPv6-mapped
 * form (RFC 4291 section 2.5.5.2), so that both compare alike. */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include <hookswitch/plugin.h>

#define ADDRESS_TEXT_SIZE 48

enum address_kind { ADDRESS_UNKNOWN, ADDRESS_UNIX, ADDRESS_INTERNET };

struct address {
	enum address_kind kind;
	unsigned char bytes[16];
};

struct network {
	struct address base;
	unsigned bits; /* of the base that count */
};

struct address address_of(const struct sockaddr_storage *);
/* "192.0.2.1", "2001:db8::1", "[2001:db8::1]", each with or without a port; false: none of these. */
bool address_parse(struct hsw_str text, struct address *);
/* Into `text` of ADDRESS_TEXT_SIZE bytes; "unix" and "unknown" for what has no address. Returns it. */
const char *address_print(const struct address *, char *text);
/* The same for who can take one another's address: an IPv6 network of 64 bits is one customer's. */
uint64_t address_hash(const struct address *);
/* This machine: 127.0.0.0/8, ::1, or a unix socket. */
bool address_is_local(const struct address *);
/* "10.0.0.0/8", "2001:db8::/32", a single address, or "unix"; false: none of these. */
bool network_parse(const char *text, struct network *);
bool network_has(const struct network *, const struct address *);

#endif
