/* SPDX-License-Identifier: Apache-2.0 */
/*
 * guard.h - which addresses a webhook may reach that somebody set who does not own this machine.
 *
 * A URL says little: names resolve to what their owner likes, and to something else a second later. So
 * it is the address of each connection that is looked at, at the moment when it is made.
 */
#ifndef GUARD_H
#define GUARD_H

#include <stdbool.h>

#include <sys/socket.h>

#include <hookswitch/plugin.h>

struct guard;

/*
 * allow: networks that are open although they are not public, "10.1.0.0/16", "fd00::/8", "192.168.1.7";
 * "any": all are; "none". NULL: none. NULL is returned when memory is out or one is malformed: err.
 */
struct guard *guard_new(const char *const *allow, struct hsw_error *err);
void guard_free(struct guard *); /* NULL is allowed */
/* Whether it may be connected to: a public unicast address, or one that is opened. */
bool guard_allows(const struct guard *, const struct sockaddr *, socklen_t len);
/* The same of a URL's host, an IPv6 address with or without its brackets; true: it is a name. */
bool guard_allows_host(const struct guard *, const char *host);

#endif
