/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tail_watch.h - says why `hookswitch tail` shows nothing: the instance's WebSocket was disabled, or does not carry
 * what is asked for. Clients that are connected are told neither, so the daemon's API is asked.
 */
#ifndef TAIL_WATCH_H
#define TAIL_WATCH_H

#include "ws_client.h"

/* Of one connection; everything is borrowed. */
struct tail_watch {
	const struct ws_url *url;
	const char *instance, *token;
	const char *events; /* names, separated by commas; NULL: all that it carries */
	const char *ca;     /* as for ws_client_open */
	const struct ws_stream *unconnected; /* fd -1, must_stop and mask */
	struct buf told;                     /* the last line; to be freed */
};

/* Asks, and prints a line to standard error unless that was the last one. A server that gives no answer, or has
 * no such API, is not spoken of. watch: struct tail_watch. */
void tail_watch_look(void *watch);

#endif
