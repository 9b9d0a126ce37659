/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hookswitch/sink.h - plugins that bring envelopes to a destination.
 *
 * Life of a handle: open, then any number of deliver (each ended by exactly one host->done, or taken
 * back by cancel), drain when the daemon stops or the section changed, close. All on one thread, and
 * none may block.
 *
 * The daemon owns deadlines (`timeout`), retries, order and dead letters: a sink tries once and says
 * how it went. It never sleeps, retries or exits.
 */
#ifndef HOOKSWITCH_SINK_H
#define HOOKSWITCH_SINK_H

#include <hookswitch/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A connection whose HTTP upgrade the daemon has checked, for hsw_sink_ops.adopt. */
struct hsw_conn {
	uint32_t size;
	int fd;                  /* non-blocking; the sink's to close iff adopt returns HSW_OK */
	struct hsw_str instance; /* borrowed */
	struct hsw_str key;      /* Sec-WebSocket-Key as sent (RFC 6455 section 4.1); borrowed */
	struct hsw_str early;    /* bytes that came after the request's head; borrowed */
	void *tls;               /* SSL * of OpenSSL 3 that wraps fd, or NULL; goes with fd */
};

struct hsw_sink_ops {
	uint32_t size; /* sizeof(struct hsw_sink_ops) */
	/* Deliveries in flight at once when the section does not set `concurrency`; 1 to 65536. */
	uint32_t concurrency;
	/* The parts (enum hsw_part) that destinations get unless their section says otherwise. */
	uint32_t parts;
	/* HSW_SINK_* bits. */
	uint32_t flags;

	/*
	 * Starts the handle. conf is the plugin's conf struct (or NULL without options), valid until
	 * close returns; host too. Puts its state into *self. Anything but HSW_OK stops the daemon's
	 * start with err's text; close is not called then.
	 */
	int (*open)(const struct hsw_host *host, struct hsw_handle *handle, const void *conf,
		void **self, struct hsw_error *err);
	/*
	 * Starts one delivery. HSW_OK: accepted, exactly one host->done follows, now or later.
	 * HSW_EAGAIN: not taken, no done; the daemon offers it again after another delivery of
	 * this handle has ended, or 100 ms. Any other error: not taken, counted as HSW_RETRY.
	 */
	int (*deliver)(void *self, struct hsw_delivery *);
	/*
	 * The daemon gives up an accepted delivery (its deadline is over, or the daemon stops). The
	 * sink must forget it: no done, no use of the delivery or its envelope after this returns.
	 */
	void (*cancel)(void *self, struct hsw_delivery *);
	/*
	 * No deliver will follow: write out what is buffered and end what is in flight soon, without
	 * waiting inside this call. Optional (NULL).
	 */
	void (*drain)(void *self);
	/* Frees the handle. Every delivery has been done or cancelled before. */
	void (*close)(void *self);
	/* The operator asked (SIGHUP) to open files again. Optional (NULL). */
	void (*reopen)(void *self);
	/*
	 * Takes over an upgraded connection. Owns conn->fd (and tls) iff it returns HSW_OK.
	 * Optional (NULL).
	 */
	int (*adopt)(void *self, const struct hsw_conn *conn);
};

/* The sink writes in the order it is called and ends deliveries in that order: `ordering` and
 * `concurrency` have no meaning for it and are refused in its section. */
#define HSW_SINK_SERIAL 1u

#ifdef __cplusplus
}
#endif
#endif
