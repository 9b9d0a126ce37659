/* SPDX-License-Identifier: Apache-2.0 */
/* webhook.h - what the files of sink-webhook share. Everything belongs to the handle's thread. */
#ifndef WEBHOOK_H
#define WEBHOOK_H

#include <stdbool.h>
#include <sys/queue.h>

#include <curl/curl.h>

#include <hookswitch/sink.h>

#include "conf.h"
#include "guard.h"
#include "resolving.h"

LIST_HEAD(slot_list, slot);
TAILQ_HEAD(slot_order, slot);
TAILQ_HEAD(item_list, item);
LIST_HEAD(wire_list, wire);
TAILQ_HEAD(wire_order, wire);
LIST_HEAD(sock_list, sock);

/* Chains of sockets by fd; a handle has about as many sockets as deliveries in flight. */
#define SOCK_CHAINS 64
#define WIRE_CHAINS 64

/* What CURLOPT_PRIVATE of each of curl's handles points to: the first member of a slot or a wire. */
struct transfer {
	bool is_wire;
};

struct webhook {
	const struct hsw_host *host;
	struct hsw_handle *handle;
	const struct webhook_conf *conf;
	CURLM *multi;
	struct hsw_timer *timer;      /* curl's */
	struct hsw_timer *idle_timer; /* runs while there are sockets or wires */
	bool is_idle_timer_set;
	bool used; /* since idle_timer ran last */
	struct targets *targets;
	struct guard *guard;
	struct target *target; /* the section's own */
	struct sock_list socks[SOCK_CHAINS];
	size_t sock_count;
	struct slot_list busy, idle;
	size_t slot_count, idle_count;
	struct slot_order headed; /* of busy: a head came to curl, since slots_look_at_heads */
	/* Of busy: only the rest of an answer is read, the first one first; of deliveries that have ended, and
	 * of others. */
	struct slot_order settled, refused;
	size_t settled_count;
	struct hsw_timer *resting_timer; /* runs while there are some of these */
	struct item_list free_items;
	size_t free_item_count;
	struct conf_batch batch;
	struct slot *pending; /* the batch that is being gathered; it has an event, or is NULL */
	struct hsw_timer *batch_timer;   /* runs while one is pending */
	struct expressions *expressions; /* NULL: none; not for destinations of the API */
	struct gzip *gzip;               /* NULL: bodies are not compressed */
	struct resolving resolving;
	struct wire_list wires;                   /* all */
	struct wire_list idle_wires[WIRE_CHAINS]; /* by where they go */
	struct wire_order idle_order; /* all of these; the one that is idle longest first */
	size_t idle_wire_count;
};

/* curl has something to say about its transfers: tells the daemon of those that ended. */
void webhook_transfers_ended(struct webhook *);

#endif
