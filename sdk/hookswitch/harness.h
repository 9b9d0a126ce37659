/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hookswitch/harness.h - for tests of plugins: a stand-in for the daemon, with one handle of one plugin on an event
 * loop of its own. `pkg-config --cflags --libs hookswitch-harness`; hookswitch-plugin-test is made of the same.
 *
 * It implements struct hsw_host over libevent and watches over the contract: a breach (done twice,
 * done after cancel, a call on a wrong thread, something left at close, ...) is printed and aborts,
 * so that a test fails where the breach is; out of memory does, too. Run each test in a process of its own,
 * as Check does.
 *
 * The thread that opens the handle is its thread; all functions here belong to it. A pointer that is returned is
 * borrowed, and valid as long as what it was asked of, unless its function says otherwise. Stores need no loop and
 * are not opened by this: see hookswitch/harness_suite.h.
 *
 * Every line that a plugin logs is kept for fake_logged, and shown on standard error where FAKE_LOG is set in the
 * environment.
 */
#ifndef HOOKSWITCH_HARNESS_H
#define HOOKSWITCH_HARNESS_H

#include <stdbool.h>

#include <hookswitch/sink.h>

#ifdef __cplusplus
extern "C" {
#endif

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
	int rc;                   /* of deliver(), where it refused; else HSW_OK */
	enum hsw_outcome outcome; /* of done(), like the rest */
	int status;
	int64_t retry_after_ms;
	char text[2048];      /* "" for none */
	unsigned order;       /* 1 for the first done() of the handle, 2 for the next, ... */
	bool is_skipped;      /* it ended by skip(); the outcome is HSW_DELIVERED then */
	int64_t postponed_ms; /* of the last call of postpone() */
	unsigned n_postponed; /* calls of it */
	int64_t extended_ms;  /* of the last call of extend() */
};

/*
 * Loads the shared object and returns what it exports; it stays loaded as long as the program. NULL: err tells why
 * it cannot be loaded, or that it is no plugin of this version.
 */
const struct hsw_plugin *fake_load(const char *path, struct hsw_error *err);

/*
 * Fills the conf struct of a source or sink from options ("key", "value", ..., NULL; NULL: none; those that are
 * missing get their defaults) and opens a handle. The caller closes it by fake_close. NULL: err tells why.
 */
struct hsw_handle *fake_open_plugin(
	const struct hsw_plugin *, const char *const *options, struct hsw_error *err);
/* The same for <dir>/<plugin>.so, plugin "sink-foo". dir: $PLUGIN_DIR, else plugins/.libs. */
struct hsw_handle *fake_open(const char *plugin, const char *const *options, struct hsw_error *err);
/* Drains and closes the handle, and frees its deliveries. Nothing may be pending. */
void fake_close(struct hsw_handle *);

/* Hands the envelope to the sink, which takes its own references. The delivery lives until fake_close or fake_forget. */
struct hsw_delivery *fake_deliver(struct hsw_handle *, const struct hsw_envelope *, int attempt);
/* The same for a destination with options of its own: the plugin's conf struct. */
struct hsw_delivery *fake_deliver_to(
	struct hsw_handle *, const struct hsw_envelope *, int attempt, const void *target);
/* Takes a pending delivery back. */
void fake_cancel(struct hsw_delivery *);
const struct fake_result *fake_result(const struct hsw_delivery *);
/* Frees a delivery that has ended. */
void fake_forget(struct hsw_delivery *);
/* Runs the loop until the delivery has ended; gives up (aborts) after ten seconds. */
const struct fake_result *fake_wait(struct hsw_delivery *);
/* The same for all deliveries of the handle. */
void fake_wait_all(struct hsw_handle *);
/* Runs the loop for this long, in milliseconds. */
void fake_run(struct hsw_handle *, int64_t ms);

/* Of a live sink: see hookswitch/sink.h. The connection, its instance and the envelope are borrowed. */
int fake_adopt(struct hsw_handle *, const struct hsw_conn *);
void fake_broadcast(struct hsw_handle *, const struct hsw_envelope *, unsigned parts);
void fake_dismiss(struct hsw_handle *, const char *instance);
/* instance NULL: of every instance. */
void fake_expel(struct hsw_handle *, const char *instance, uint32_t flags, const char *reason);

/*
 * Gives the sink other options, as in fake_open_plugin; from then on they are the handle's. HSW_OK, or an error with
 * text in err, and nothing has changed; HSW_ENOTSUP where the sink has no configure.
 */
int fake_configure(struct hsw_handle *, const char *const *options, struct hsw_error *err);

/* Call the function of the same name, where the sink has it. */
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
/* The loop, for servers of the test. */
struct event_base *fake_base(struct hsw_handle *);

/*
 * A conf struct filled by the table, strings owned by it. NULL: err tells which option is wrong.
 * Only what a test needs is checked; the daemon is stricter. Values are taken as they are: ${NAME}, and the @file of a
 * secret, are not replaced by what they stand for.
 */
void *fake_conf_new(const struct hsw_plugin *, const char *const *options, struct hsw_error *err);
void fake_conf_free(const struct hsw_plugin *, void *conf);
/* The plugin of a handle, for fake_conf_new. */
const struct hsw_plugin *fake_plugin(const struct hsw_handle *);
/* What open put into *self. */
void *fake_self(const struct hsw_handle *);

#ifdef __cplusplus
}
#endif
#endif
