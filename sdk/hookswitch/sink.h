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

/* hsw_conn.flags: the client came with the account's token, not with its instance's. */
#define HSW_CONN_ACCOUNT 1u

/* A connection whose HTTP upgrade the daemon has checked, for hsw_sink_ops.adopt. */
struct hsw_conn {
	uint32_t size;
	int fd;                  /* non-blocking; the sink's to close iff adopt returns HSW_OK */
	struct hsw_str instance; /* borrowed */
	struct hsw_str key;      /* Sec-WebSocket-Key as sent (RFC 6455 section 4.1); borrowed */
	struct hsw_str early;    /* bytes that came after the request's head; borrowed */
	void *tls;               /* NULL: bytes of fd are plain, also where the client speaks TLS */
	/* Not NULL: to be called once, after fd was closed, on the handle's thread. */
	void (*released)(void *token);
	void *token;
	uint32_t flags; /* HSW_CONN_* bits */
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
	/*
	 * Of HSW_SINK_LIVE: a committed envelope, in the journal's order, for the adopted connections
	 * of its instance; ref it to keep it. parts: what they get (set of enum hsw_part).
	 */
	void (*broadcast)(void *self, const struct hsw_envelope *, unsigned parts);
	/* Of HSW_SINK_LIVE without expel: ends the instance's connections. Optional (NULL). */
	void (*dismiss)(void *self, struct hsw_str instance);
	/*
	 * More parts (set of enum hsw_part) that a destination with these options gets, because it can
	 * do nothing without them. conf: the plugin's conf struct, of a section or of a destination
	 * made by the API. Called before open, and on any thread: it depends on nothing but conf.
	 * Optional (NULL: none).
	 */
	unsigned (*needs)(const void *conf);
	/*
	 * Whether these options can be used: what open() would refuse because of what the section says is
	 * refused here. conf is as in open, and of a section; every option fits its table. Files may be
	 * looked at and read; nothing is made or changed, no connection opened, no thread started. Called
	 * without a handle: by `hookswitch check`, at the start before anything is opened, and at a reload
	 * before anything changes; on any thread, several handles may be open. Returns HSW_OK, or an error
	 * with text in err; one that begins with an option's name, a colon and a space, like "mode: found
	 * ...", is reported at that option's line. open() may count on it for a section, but not for the
	 * options of a destination made by the API. Optional (NULL: open finds out).
	 */
	int (*check)(const void *conf, struct hsw_error *err);
	/*
	 * How many deliveries a request carries at most with these options, where deliver gathers them:
	 * unless the section says otherwise, twice as many may be in flight; a section whose concurrency
	 * could never fill a request is refused. conf: of a section. On any thread: it depends on nothing
	 * but conf. Optional (NULL, or 0: each goes alone).
	 */
	size_t (*gathers)(const void *conf);
	/*
	 * The options were changed while the handle is open: conf, as in open and accepted by check, takes
	 * the place of the one before, which is valid until this returns. Of HSW_SINK_LIVE, and of the
	 * handle of the destinations made by the API, where nothing but allow_private can differ; the handle
	 * of a section [sink NAME] is closed instead, and another one opened. On the handle's thread.
	 * HSW_OK, or an error with text in err, and everything goes on with the conf before. Optional (NULL:
	 * the daemon says that the change takes effect with a restart).
	 */
	int (*configure)(void *self, const void *conf, struct hsw_error *err);
	/*
	 * Of HSW_SINK_LIVE: ends connections with close code 1001, and sends them nothing that is broadcast
	 * later: those of the instance (s = NULL: of every instance) that were adopted with all of these
	 * flags (HSW_CONN_*; 0: with any). reason: what the client is told, ASCII of at most 123 bytes,
	 * borrowed. Optional (NULL: dismiss is called for each of the instances, whatever the flags).
	 */
	void (*expel)(void *self, struct hsw_str instance, uint32_t flags, const char *reason);
	/*
	 * As check, but tells every error instead of the first: calls report with arg once for each, with a
	 * text as check's that is valid until report returns. Tells nothing where check returns HSW_OK; where
	 * it tells nothing, check is asked. Optional (NULL: people get one error at a time).
	 */
	void (*check_each)(
		const void *conf, void (*report)(void *arg, const char *text), void *arg);
	/*
	 * Whether the section's options and what its destination gets have a meaning together. parts: what the
	 * daemon's own options ask for (set of enum hsw_part: token = yes, media_base64 = yes, raw = yes, and
	 * secrets = yes, which is HSW_CODES and HSW_KEYS). An option that would be taken and do nothing is told
	 * with report, as by check_each; so are the daemon's own: "token: has no meaning with ...". Called after
	 * check, whatever that found, under its rules. Optional (NULL: all have a meaning).
	 */
	void (*check_parts)(const void *conf, unsigned parts,
		void (*report)(void *arg, const char *text), void *arg);
};

/* The sink writes in the order it is called and ends deliveries in that order: `ordering` and
 * `concurrency` have no meaning for it and are refused in its section. */
#define HSW_SINK_SERIAL 1u
/* The sink serves connections that clients open, and only those: it has a handle on every worker, gets
 * envelopes by broadcast and never by deliver (which is NULL, like cancel), and is set up by [websocket]
 * instead of [sink NAME]. Needs adopt and broadcast. */
#define HSW_SINK_LIVE 2u
/* hsw_detail.status is an HTTP status where there was an answer: `retry_on` and `drop_on` go by it. */
#define HSW_SINK_STATUSES 4u

/* Whether an HTTP status answers to what an event is or says, rather than to who asks, where or when: a 4xx, but for
 * 401, 403, 404, 407, 408, 410, 425 and 429 (RFC 9110 section 15.5, RFC 8470, RFC 6585). Such an answer does not count
 * for the circuit; a sink that sends several events in one request cannot tell from it which of them is meant. Any
 * thread. */
static inline int
hsw_status_is_about_event(int status)
{
	switch (status) {
	case 401:
	case 403:
	case 404:
	case 407:
	case 408:
	case 410:
	case 425:
	case 429:
		return 0;
	default:
		return status >= 400 && status < 500;
	}
}

#ifdef __cplusplus
}
#endif
#endif
