/* SPDX-License-Identifier: Apache-2.0 */
/* sockets.h - all listening sockets of the daemon: made at once, then given to the workers. Main thread. */
#ifndef SOCKETS_H
#define SOCKETS_H

#include "buf.h"
#include "config.h"
#include "http.h"

struct socket {
	int fd; /* -1: given away */
	unsigned worker;
	enum http_listener kind;
};

struct sockets {
	struct socket *list;
	size_t n;
};

/* Opens them all: one for each worker on each TCP address, one on each unix socket, and the control
 * socket. On an error err says which, and sockets_close is still to be called. */
int sockets_open(
	struct sockets *, const struct server_conf *, unsigned workers, struct hsw_error *err);
/* Closes what was not given away. */
void sockets_close(struct sockets *);
/* The addresses of listen and listen_tls with commas between them; what takes TLS begins with "tls:". */
void sockets_print(const struct server_conf *, struct buf *);
/* Removes the files of unix sockets. */
void sockets_remove_files(const struct server_conf *);

#endif
