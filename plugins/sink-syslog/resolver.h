/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolver.h - looks up a host's addresses without blocking the loop.
 *
 * All functions belong to the handle's thread. Numbers are answered at once; names by a thread that
 * lives as long as the look-up.
 */
#ifndef RESOLVER_H
#define RESOLVER_H

#include <netdb.h>
#include <stdbool.h>

#include <hookswitch/plugin.h>

struct lookup;

/* Answers when host is a number: addresses to be freed with freeaddrinfo. NULL: it is a name. */
struct addrinfo *resolver_number(const char *host, const char *port, int socktype);

/* Begins a look-up; done is called later on the handle's thread, once, unless it is freed before.
 * NULL: no memory or thread. */
struct lookup *lookup_start(const struct hsw_host *, struct hsw_handle *, const char *host,
	const char *port, int socktype, void (*done)(void *arg), void *arg);
/* The answer, to be called by done once: the addresses, the caller's, or NULL with *why (static). */
struct addrinfo *lookup_take(struct lookup *, const char **why);
/* Ends it: in done, or when the handle is being closed (then done is not called). NULL is allowed. */
void lookup_free(struct lookup *);

#endif
