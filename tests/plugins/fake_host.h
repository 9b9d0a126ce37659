/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_host.h - a stand-in for the daemon: one handle of one plugin on an event loop of its own.
 *
 * It implements struct hsw_host over libevent and watches over the contract: a breach (done twice,
 * done after cancel, a call on a wrong thread, something left at close, ...) is printed and aborts,
 * so that a test fails where the breach is.
 *
 * The thread that opens the handle is its thread; all functions here belong to it.
 */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include <stdbool.h>

#include <hookswitch/sink.h>

struct event_base;

/* A piece of an envelope's JSON. */
struct fake_piece {
	const void *bytes;
	size_t len;
	unsigned part; /* enum hsw_part that it belongs to; 0: it always goes */
};

/* What an envelope is made of; everything is copied. */
struct fake_event {
	const char *id, *type, *instance, *provider, *key; /* NULL: something plausible */
	int64_t received_ms;                               /* 0: now */
	const struct fake_piece *pieces;
	size_t count; /* of pieces */
};

/* One reference is the caller's, to be given back with fake_unref. */
const struct hsw_envelope *fake_envelope_new(const struct fake_event *);
/* An envelope of one piece. */
const struct hsw_envelope *fake_envelope_text(const char *json);
void fake_unref(const struct hsw_envelope *);

enum fake_state { FAKE_PENDING, FAKE_DONE, FAKE_CANCELLED, FAKE_REFUSED };

/* What became of a delivery. */
struct fake_result {
	enum fake_state state;
	int rc;                   /* of deliver() */
	enum hsw_outcome outcome; /* of done(), like the rest */
	int status;
	int64_t retry_after_ms;
	char text[512]; /* "" for none */
	unsigned order; /* 1 for the first done() of the handle, 2 for the next, ... */
};

/*
 * Loads <dir>/<kind>-<name>.so, fills its conf struct from options ("key", "value", ..., NULL;
 * those that are missing get their defaults) and opens a handle. dir: $PLUGIN_DIR, else
 * plugins/.libs. NULL: err tells why.
 */
struct hsw_handle *fake_open(const char *plugin, const char *const *options, struct hsw_error *err);
/* Drains and closes the handle. Nothing may be pending. */
void fake_close(struct hsw_handle *);

/* Hands the envelope to the sink. The delivery lives until fake_close or fake_forget. */
struct hsw_delivery *fake_deliver(struct hsw_handle *, const struct hsw_envelope *, int attempt);
/* The same for a destination with options of its own: the plugin's conf struct. */
struct hsw_delivery *fake_deliver_to(
	struct hsw_handle *, const struct hsw_envelope *, int attempt, const void *target);
void fake_cancel(struct hsw_delivery *);
const struct fake_result *fake_result(const struct hsw_delivery *);
/* Frees a delivery that has ended. */
void fake_forget(struct hsw_delivery *);
/* Runs the loop until the delivery has ended; gives up (aborts) after ten seconds. */
const struct fake_result *fake_wait(struct hsw_delivery *);
/* The same for all deliveries of the handle. */
void fake_wait_all(struct hsw_handle *);
/* Runs the loop for this long. */
void fake_run(struct hsw_handle *, int64_t ms);

/* Of a live sink. */
int fake_adopt(struct hsw_handle *, const struct hsw_conn *);
void fake_broadcast(struct hsw_handle *, const struct hsw_envelope *, unsigned parts);
void fake_dismiss(struct hsw_handle *, const char *instance);

void fake_drain(struct hsw_handle *);
void fake_reopen(struct hsw_handle *);

/* How often the handle logged a line with this text in it. */
unsigned fake_logged(struct hsw_handle *, const char *text);
/* The sum of a counter over all labels. */
int64_t fake_counted(struct hsw_handle *, const char *metric);
/* Timers and watches that the plugin holds. */
unsigned fake_held(const struct hsw_handle *);
/* Is called by done(), after the result is noted; may deliver and forget. */
void fake_on_done(struct hsw_handle *, void (*fn)(struct hsw_delivery *, void *arg), void *arg);
struct event_base *fake_base(struct hsw_handle *);

/*
 * A conf struct filled by the table, strings owned by it. NULL: err tells which option is wrong.
 * Only what a test needs is checked; the daemon is stricter.
 */
void *fake_conf_new(const struct hsw_plugin *, const char *const *options, struct hsw_error *err);
void fake_conf_free(const struct hsw_plugin *, void *conf);
/* The plugin of a handle, for fake_conf_new. */
const struct hsw_plugin *fake_plugin(const struct hsw_handle *);

#endif
