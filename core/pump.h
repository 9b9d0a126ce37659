/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pump.h - gives a connection under TLS the look of a plain socket: its bytes are carried to one end of a pair
 * of sockets, whose other end is handed to who knows nothing of TLS. On the loop of one thread.
 */
#ifndef PUMP_H
#define PUMP_H

#include <event2/event.h>

#include "transport.h"

struct pump;
struct pump_list {
	struct pump *first;
};

/* Takes over the transport, also on error. The plain end, the caller's to close; -1: out of memory or
 * descriptors. Closing it ends the connection when all that was written has left, or after some seconds. */
int pump_start(struct pump_list *, struct event_base *, const struct transport *);
/* Ends all at once. */
void pump_list_close(struct pump_list *);

#endif
