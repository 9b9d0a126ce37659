/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destination.h - one sink section as the journal's reader: its cursor, window, attempts and retries.
 *
 * A destination reads the journal in order and keeps a bounded window of events in memory. While it
 * keeps up it lives on what the worker feeds it; when it falls behind it reads pages. Its cursor is the
 * highest seq below which everything is settled: delivered, waiting in the retries table, or dead.
 *
 * Everything here runs on the one worker that serves the destination.
 */
#ifndef DESTINATION_H
#define DESTINATION_H

#include <sys/queue.h>

#include <event2/event.h>

#include "buf.h"
#include "config.h"
#include "journal.h"
#include "webhook.h"

/* The text of a retry's row begins with it while somebody asked for it to be delivered once more. */
#define REPLAY_TEXT "replay"

/* What the destinations of one worker share. */
struct delivery_thread {
	struct event_base *base;
	struct mailbox *box;
	struct journal *journal;
	unsigned port;
	int64_t tail_seq;   /* of the last envelope that was fed */
	uint64_t random;    /* for jitter; not 0 */
	struct event *tick; /* writes cursors; armed while there is something to write */
	bool is_ticking;
	/* Destinations with failed attempts that are not written yet; the timer, while there are any. */
	TAILQ_HEAD(, destination) unsaved_attempts;
	struct event *save_attempts;
	bool is_recalling, must_recall; /* the store is asked for attempts; and will be once more */
	struct destination *first;
	struct destination *leaving; /* removed, but something of them is on its way */
	/* With several nodes: nothing is delivered past it (clock_mono_ms). NULL: there is only this one. */
	const _Atomic int64_t *held_until_ms;
	struct event *watch; /* of held_until_ms; NULL: there is only this node */
	bool is_paused;      /* it is over */
	bool has_waiting;    /* who found it over, if only between two looks, is to be pumped */
	unsigned n_opening;  /* by destination_open_later */
	struct destination_swap *swaps;
	bool is_draining;
	/* The one handle of all destinations that the API made. */
	struct webhook_sink api_sink; /* without a plugin there can be none */
	struct hsw_handle *api_handle;
	void *api_self; /* NULL: not open yet */
	/* One of these was disabled because its destination is gone (the status), or enabled again (0). NULL:
	 * nobody is told. */
	void (*on_gone)(void *arg, const struct webhook_section *, int status);
	void *on_gone_arg;
	struct notices *notices; /* NULL: nobody is told, see notice.h */
};

/* Gives plugins the functions that concern deliveries; once, before any plugin is opened. */
void delivery_register(void);

/* HSW_OK or HSW_ENOMEM. */
int delivery_thread_init(struct delivery_thread *, struct event_base *, struct mailbox *,
	struct journal *, unsigned port);
void delivery_thread_fini(struct delivery_thread *);

/* Opens the sink, finds cursor and retries, and starts to deliver once the loop runs. Blocks on the
 * store: at start only. HSW_OK, or err says why. It is linked into thread->first. */
int destination_open(
	struct delivery_thread *, const struct config_section *, struct hsw_error *err);

/*
 * A webhook of the API: opens a destination at this cursor, or, where there is one of that name, changes
 * what it wants and where it goes from the next attempt on. Takes the section, also on error. HSW_OK,
 * or err says why.
 */
int destination_put(
	struct delivery_thread *, struct webhook_section *, int64_t cursor, struct hsw_error *err);
/* The same for one that the store knows; blocks on it: at start only. */
int destination_put_known(
	struct delivery_thread *, struct webhook_section *, struct hsw_error *err);
/*
 * Closes one that destination_put opened. left: later, or at once when there is none of that name, when
 * the journal gets nothing of it any more; undelivered: how many events it still had to deliver (where
 * it was behind: at most so many).
 */
void destination_remove(struct delivery_thread *, struct hsw_str name,
	void (*left)(void *arg, size_t undelivered), void *arg);

/*
 * One that was disabled (it was gone, or down for longer than disable_after) is tried again, with one event
 * at a time until one gets through. *was_disabled false: it was not, and goes on as before. HSW_EAUTH: it
 * stays disabled, as its credentials cannot be decrypted; err says so.
 */
int destination_enable(struct destination *, bool *was_disabled, struct hsw_error *err);

/*
 * A backlog is given up, piece by piece: events received before before_ms with a seq of at most upto, and the
 * retries of such events. Dead letters stay. One at a time of each destination. The caller's object: zeroed, then
 * its question filled in.
 *
 *   begin (worker) -> the next piece is read and written down (store thread, see skip.h) -> end (the same worker)
 */
struct destination_skip {
	/* the question */
	int64_t before_ms; /* since 1970 */
	int64_t upto;
	bool is_dry; /* they are counted only */
	/* begin */
	struct destination *d; /* that waits for the end; NULL: none does */
	int64_t *busy,
		*excepted; /* seqs that are in flight; that are retries or dead already; sorted */
	size_t n_busy, n_excepted;
	/* of this piece */
	int64_t next;    /* all events of the log up to it were looked at */
	size_t n_events; /* of the log: given up */
	bool is_through; /* the first one that is kept comes next, or there is none */
	int64_t flying;  /* the first one of the log that is in flight bounds the cursor; 0: none */
	/* the store thread's */
	int64_t retry_after; /* retries up to this seq were looked at */
	int64_t *retries;    /* given up; sorted; freed by who made it */
	size_t n_retries;
	bool is_through_retries;
};

/* HSW_EAGAIN: something is on its way to the store: again after a turn of the store thread, with the same two
 * objects, which hold it up until then. Else HSW_OK, and end must follow; or err says why not. */
int destination_skip_begin(struct destination_skip *, struct destination *, struct hsw_error *err);
/* is_done: what was found is written down, and forgotten here; else all is as before. */
void destination_skip_end(struct destination_skip *, bool is_done);

/*
 * Several nodes: those destinations are open that this one may deliver.
 */

/* Delivers nothing past that time from now on: milliseconds of clock_mono_ms. HSW_OK or HSW_ENOMEM. */
int destinations_watch(struct delivery_thread *, const _Atomic int64_t *held_until_ms);
/* Opens one while events flow, when cursor and exceptions were read. Takes the webhook's section, where it is
 * one of the API's: else NULL. opened: later, with HSW_OK or why not, which was logged; while the worker
 * drains, HSW_ECLOSED. */
void destination_open_later(struct delivery_thread *, const struct config_section *,
	struct webhook_section *, void (*opened)(void *arg, int rc), void *arg);
/* Closes one: what is in flight may come to its end within ms. left: as of destination_remove. */
void destination_hand_over(struct delivery_thread *, struct hsw_str name, int64_t ms,
	void (*left)(void *arg, size_t undelivered), void *arg);

/*
 * A sink section comes, changes or goes while events flow. One at a time of each name. The owner's object.
 *
 *   begin (worker) -> what is in flight ends -> drained (worker)
 *   -> destination_swap_read (store thread) -> destination_swap_end (worker)
 *
 * A section that goes ends with drained: nothing else is to be done.
 */
struct destination_swap {
	struct destination_swap *next;
	struct delivery_thread *thread;
	struct destination *before, *after; /* NULL: it comes, it goes */
	int64_t until_ms; /* what is in flight then is taken back; clock_mono_ms */
	bool has_cancelled, is_drained;
	bool is_open; /* at the end: there is a destination of that name */
	int rc;       /* HSW_OK: and it is as its section says */
	struct hsw_error error;
	void (*drained)(struct destination_swap *);
};

/* section: NULL: it goes. drain_ms: how long attempts may take to end. drained is called later, but at once when
 * the destination cannot be made (rc tells); never when the thread is drained first. */
void destination_swap_begin(struct destination_swap *, struct delivery_thread *, const char *name,
	const struct config_section *section, int64_t drain_ms);
/* Reads what the store knows of it. */
void destination_swap_read(struct destination_swap *, const struct store_port *);
/* Closes the old handle and opens the new one, which takes over what the old one had not delivered. Where it does
 * not open, the old one is opened again. */
void destination_swap_end(struct destination_swap *);

/* For the start, when the loop is about to run: the failed attempts that were kept, of all that are open, come later. */
void destinations_recall_attempts(struct delivery_thread *);

/* The worker feeds committed envelopes, ascending. */
void destinations_feed(struct delivery_thread *, struct hsw_envelope *const *, size_t n);
/* The destinations of the API may go where this configuration says. HSW_OK; or err says why they stay as they
 * were. */
int destinations_configure_api(
	struct delivery_thread *, const struct config *, struct hsw_error *err);
/* The operator asked to open files again. */
void destinations_reopen(struct delivery_thread *);

/* No new attempt from now on, but until then (clock_mono_ms) of what lies before events that were settled already:
 * the cursor cannot leave it out, so that the next start would deliver these once more. */
void destinations_drain(struct delivery_thread *, int64_t until_ms);
/* Gives up what is in flight: it will be delivered after the next start. */
void destinations_cancel(struct delivery_thread *);
/* Whether nothing is in flight and everything is written down. */
bool destinations_are_idle(const struct delivery_thread *);
/* Closes and frees all; they must be idle. */
void destinations_close(struct delivery_thread *);

/* Dead letters became retries in the store: they are due now. NULL: no such destination here. */
struct destination *destination_find(struct delivery_thread *, struct hsw_str name);
void destination_retry(struct destination *, const int64_t *seqs, size_t n, bool is_replay);
/* Events in retry, those that are replayed included. */
size_t destination_retrying(const struct destination *);
/* "disabled", "held" (its circuit is open), "failing" or "active". */
const char *destination_state(const struct destination *);
/* The last attempts as a JSON array, newest first. */
void destination_print_attempts(const struct destination *, bool with_delivered, struct buf *);

/* A JSON object for people: state, cursor, lag, retries, ... */
void destination_print(const struct destination *, struct buf *);
struct destination *destination_next(const struct destination *);
/* Sets the gauges. */
void destinations_measure(struct delivery_thread *);

#endif
