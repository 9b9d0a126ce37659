/* SPDX-License-Identifier: Apache-2.0 */
/* listen.h - listening sockets from the words of the configuration. */
#ifndef LISTEN_H
#define LISTEN_H

#include <stdbool.h>

#include <hookswitch/plugin.h>

/*
 * "127.0.0.1:8080", "[::1]:8080", "localhost:8080", "*:8080" or "unix:/path". Non-blocking, close on
 * exec. shared: other sockets of this process listen on the same address (SO_REUSEPORT); the kernel
 * spreads connections over them. unix_mode: of the file of a unix socket. A socket that the service manager has
 * handed over for the address is taken instead of a new one, as often as it is asked for. -1: err says which
 * address and why.
 */
int listen_open(const char *address, bool shared, unsigned unix_mode, struct hsw_error *err);
/*
 * Whether another process listens on a TCP address: sockets that share one do not find out by themselves. Before
 * the first of them is opened. HSW_OK for unix sockets and for what was handed over; else err says which address
 * and why.
 */
int listen_probe(const char *address, struct hsw_error *err);
/* A unix socket with this file mode; an old one that nobody listens on is replaced. */
int listen_unix(const char *path, unsigned mode, struct hsw_error *err);
/* Removes a unix socket, at the end; not one that was handed over: it goes on taking connections. */
void listen_unlink(const char *path);

#endif
