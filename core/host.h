/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.h - what the daemon gives to plugins: struct hsw_host over libevent.
 *
 * A handle belongs to one thread. The functions of struct hsw_host that concern deliveries are the
 * delivery layer's; it puts them in at start with host_set_delivery.
 */
#ifndef HOST_H
#define HOST_H

#include <event2/event.h>

#include <hookswitch/plugin.h>

#include "mailbox.h"

/* The thread of a handle: its loop, and the mailbox that reaches it. NULL for the store, which has
 * no loop: only log, ref and unref work there. */
struct host_thread {
	struct event_base *base;
	struct mailbox *box;
};

/* A handle named `who` in the log and `name` in metrics: "sink crm". NULL: out of memory. */
struct hsw_handle *host_handle_new(const char *who, const struct host_thread *thread);
/* Frees it once mail that was posted through it has come; such mail does not run any more. NULL is
 * allowed. */
void host_handle_free(struct hsw_handle *);

/* The function table, the same for all handles. */
const struct hsw_host *host_functions(void);

/* The functions that the delivery layer implements; before any plugin is opened. */
struct host_delivery {
	const struct hsw_envelope *(*envelope)(const struct hsw_delivery *);
	unsigned (*parts)(const struct hsw_delivery *);
	int (*attempt)(const struct hsw_delivery *);
	const void *(*target)(const struct hsw_delivery *);
	void (*done)(struct hsw_delivery *, enum hsw_outcome, const struct hsw_detail *);
	void (*set_data)(struct hsw_delivery *, void *);
	void *(*get_data)(const struct hsw_delivery *);
	int (*is_replay)(const struct hsw_delivery *);
	void (*skip)(struct hsw_delivery *);
	void (*postpone)(struct hsw_delivery *, int64_t ms);
	void (*extend)(struct hsw_delivery *, int64_t ms);
};
void host_set_delivery(const struct host_delivery *);

#endif
