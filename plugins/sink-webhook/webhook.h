/* SPDX-License-Identifier: Apache-2.0 */
/* webhook.h - what the files of sink-webhook share. Everything belongs to the handle's thread. */
#ifndef WEBHOOK_H
#define WEBHOOK_H

#include <stdbool.h>
#include <sys/queue.h>

#include <curl/curl.h>

#include <hookswitch/sink.h>

#include "guard.h"

enum by_events { BY_EVENTS_NO, BY_EVENTS_DOTTED, BY_EVENTS_DASHED };

struct webhook_conf {
	const char *url;
	const char *authorization;
	const char *headers;
	const char *secret, *secret_old;
	const char *hmac_header, *hmac_prefix, *hmac_secret;
	int hmac_algorithm; /* enum sign_algorithm */
	int hmac_encoding;  /* enum sign_encoding */
	int by_events;
	const char *ca_file;
	const char *cert_file;
	const char *key_file;
	const char **allow_private; /* ends with NULL; NULL: not set */
};

LIST_HEAD(slot_list, slot);
LIST_HEAD(wire_list, wire);
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
	struct hsw_timer *idle_timer; /* runs while there are sockets */
	bool used;                    /* since idle_timer ran last */
	struct targets *targets;
	struct guard *guard;
	struct target *target; /* the section's own */
	struct sock_list socks[SOCK_CHAINS];
	size_t sock_count;
	struct slot_list busy, idle;
	size_t slot_count, idle_count;
	struct wire_list wires;                   /* all */
	struct wire_list idle_wires[WIRE_CHAINS]; /* by where they go */
	size_t idle_wire_count;
};

/* curl has something to say about its transfers: tells the daemon of those that ended. */
void webhook_transfers_ended(struct webhook *);

#endif
