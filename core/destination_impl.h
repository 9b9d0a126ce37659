/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destination_impl.h - what the files of a destination (destination*.c, delivery*.c, circuit.c) share.
 *
 * A slot (struct hsw_delivery) is one event of one destination in memory:
 *
 *   taken -> READY <-> WAITING (behind an earlier event of its chat)
 *            READY -> FLYING -> settled, or SAVING (its retry or dead row is being written) -> settled
 *
 * With ordering = chat-strict an event in retry holds its chat: what comes after it is parked, that is
 * saved as a retry with no attempts made, and takes its turn by the chat's lane.
 *
 * While a backlog is given up those of the log that are READY or WAITING are LIFTED: in no queue.
 *
 * Slots of the log are in `unsettled`, in seq order, until settled; its first element bounds the cursor.
 * Slots of retries are not: their rows are in the store until their outcome is.
 */
#ifndef DESTINATION_IMPL_H
#define DESTINATION_IMPL_H

#include <sys/queue.h>

#include <uthash.h>

#include "attempts.h"
#include "destination.h"
#include "lane.h"
#include "metrics.h"
#include "pace.h"
#include "retry.h"

#define WINDOW_EVENTS 1024      /* slots of the log in memory, and as many of retries */
#define WINDOW_BYTES (4u << 20) /* their bodies */
#define RETRY_LOAD_MAX 64       /* due retries that are read at once */
#define LOG_FAILURE_EVERY_MS 60000
#define EAGAIN_PAUSE_MS 100
#define SAVE_AGAIN_MS 1000 /* after the store refused a write */

enum slot_state { SLOT_READY, SLOT_WAITING, SLOT_FLYING, SLOT_SAVING, SLOT_LIFTED };

TAILQ_HEAD(slot_list, hsw_delivery);

struct hsw_delivery {
	struct destination *d;
	struct hsw_envelope *envelope;
	int64_t seq;
	enum slot_state state;
	bool is_retry;
	bool is_counted; /* in d->in_retry */
	bool is_replay;
	bool is_parked;   /* waits in a lane: its row is being written */
	int attempts;     /* made before this one */
	int64_t first_ms; /* when the first of them began; 0: before this run */
	int64_t started_ms, deadline_ms;
	int64_t sent_ms; /* when its request began: later than started_ms where it was gathered */
	void *data;      /* the plugin's */
	TAILQ_ENTRY(hsw_delivery) order; /* in d->unsettled */
	TAILQ_ENTRY(hsw_delivery)
	link;              /* in d->ready, d->retries_ready, d->flying, d->unsaved or behind */
	UT_hash_handle hh; /* in d->chats, while it is the first of its chat */
	struct slot_list behind;     /* slots of the same chat that wait for this one */
	struct save_note *note;      /* its write, while SAVING */
	enum hsw_write_kind save_as; /* while SAVING: RETRY, SETTLED or DEAD */
	int64_t due_ms;              /* of save_as RETRY: clock_mono_ms */
};

struct destination {
	struct destination *next;
	struct delivery_thread *thread;
	char *name; /* a copy: the section may be replaced while a write with it is on its way */
	const struct config_section *section;
	const struct config *config; /* the section's: a reference; NULL: it has none */
	const struct sink_conf *conf;
	const void *target; /* the plugin's conf of this destination; NULL: the handle's own */
	const struct hsw_sink_ops *ops;
	struct hsw_handle *handle;     /* NULL: the thread's shared one */
	void *self;                    /* the sink's */
	struct webhook_section *owned; /* the section, where the API made it */
	/* What the end of a delivery is told to, where it is none of delivery.c's; else NULL. */
	void (*ended)(struct hsw_delivery *, enum hsw_outcome, const struct hsw_detail *);
	bool is_leaving; /* removed, and waits for what is on its way */
	void (*left)(void *arg, size_t undelivered);
	void *left_arg;
	size_t undelivered; /* when it was removed */
	int64_t leave_by_ms; /* until then what is in flight, and gaps before it, may end; 0: it was removed */
	int64_t settled_seq; /* the last event of the log that was settled, whatever is open before it */

	/* what it wants */
	unsigned types; /* bit 1 << enum event_type */
	unsigned parts;
	size_t concurrency;

	/* intake */
	bool is_live;     /* has seen everything up to the thread's tail */
	int64_t position; /* every event up to it was taken or passed over */
	int64_t *
		excepted; /* seqs past the stored cursor that are retries or dead already; sorted */
	size_t n_excepted;
	struct journal_page *page;
	bool is_reading;
	struct destination_skip *skip; /* NULL, or what holds up intake and attempts for a moment */
	struct retry loading[RETRY_LOAD_MAX]; /* what the page was asked for, by seq */
	int64_t loading_seqs[RETRY_LOAD_MAX];
	size_t n_loading; /* 0: the page is of the log */

	/* slots */
	struct slot_list unsettled, ready, retries_ready, flying, unsaved;
	struct hsw_delivery *chats;    /* hash by key_hash: the first slot of each chat */
	size_t n_window, window_bytes; /* slots of the log */
	size_t n_flying, n_retries_ready, n_saving; /* n_saving: their notes are at the store */
	size_t n_retries_held, retries_held_bytes;  /* slots of retries, wherever they wait; their bodies */
	bool has_skipped;                           /* the sink passed over what it was given last */
	struct retry_heap retries;
	struct lanes lanes; /* of ORDERING_CHAT_STRICT: chats that an event in retry holds */
	size_t in_retry; /* events in retry: in the heap, loading, as slots or being saved as such */

	/* health */
	struct pace pace;
	int failures;           /* in a row; those of one request are one */
	int64_t failed_at_ms;   /* the last one that was counted; clock_mono_ms */
	size_t failed_events;   /* since then, that one included */
	int64_t answered_at_ms; /* it took or refused an event; clock_mono_ms; 0: not in this run */
	bool has_failed;        /* the last attempt, however */
	bool is_held;           /* the circuit is not closed, see circuit.c */
	bool is_unknown;        /* and is held because nothing is known of it yet: it may be up */
	bool probes_first;      /* and probes take the earliest event, whatever was tried last */
	bool is_disabled, is_draining;
	bool is_still; /* it drained, and may be freed at any time: nothing more is written */
	bool is_ended; /* the sink was told that nothing follows */
	int64_t changed_ms; /* where it goes: what came back of an attempt before tells nothing; 0: never */
	int64_t opened_at_ms;     /* the circuit */
	int64_t probed_seq;       /* the event that was tried last while it is open */
	bool probes_aside;        /* all that may be probed failed: now one that is behind them */
	int64_t probed_aside_seq; /* the last of these */
	int64_t log_failure_at_ms;
	int64_t probe_at_ms, blocked_until_ms, save_again_at_ms;
	struct event *wake; /* the earliest of what is waited for */
	int64_t wake_at_ms; /* 0: not set */
	struct event *deadline;
	bool has_deadline;
	struct event *pump;
	bool will_pump;

	/* cursor */
	struct journal_note cursor_note;
	bool is_writing_cursor, is_dirty;
	unsigned settled;       /* since the last write */
	int64_t cursor;         /* as stored */
	int64_t skipped_at_ms;  /* when the cursor first moved without a delivery; 0: it did not */
	bool has_cursor_failed; /* the last write of it */

	/* for people */
	struct metric *delivered, *retried, *died, *lag, *waiting;
	struct metric *circuit, *opened, *disabled, *allowed, *skipped;
	struct attempts attempts;
	TAILQ_ENTRY(destination) unsaved_attempts; /* in thread->unsaved_attempts */
	bool wants_attempts; /* those of the store have not come yet; nothing is written before */
	bool has_unsaved_attempts;                    /* it is in there */
	bool is_saving_attempts, has_attempts_failed; /* the last write of them */
	int64_t failed_since_ms; /* the first failure that is not written; clock_mono_ms */
	struct attempts_note *attempts_note; /* NULL: nothing was written yet */
	int last_status;
	char last_error[NOTE_TEXT_MAX];
	int64_t last_error_at_ms, last_delivered_at_ms; /* since 1970 */
	int64_t dead_untold,
		dead_since_ms; /* dead letters since the last notice of them; the first one's time */
	int64_t lagging_since_ms; /* since 1970; 0: it is not */
};

/* ---- destination.c ---- */

/* Without a handle; conf is the section's. NULL: out of memory. */
struct destination *destination_new(struct delivery_thread *, const struct config_section *);
/* NULL is allowed. */
void destination_free(struct destination *);
/* Takes over what the section says. */
void destination_adopt(struct destination *, const struct config_section *);
/* Makes the handle. HSW_OK, or err says why, and there is none. */
int destination_open_sink(struct destination *, struct hsw_error *err);
/* Closes it; nothing is in flight. */
void destination_close_sink(struct destination *);
/* As destinations_drain, of one; 0: no attempt at all. */
void destination_drain(struct destination *, int64_t until_ms);
/* Whether nothing is in flight and everything is written down; writes the cursor where that is all. */
bool destination_is_idle(struct destination *);
/* It begins to deliver. */
void destination_link(struct destination *);

/* ---- destination_attach.c ---- */

/* Reads cursor and exceptions; blocks on the store. HSW_OK, or err says why. */
int destination_attach(struct destination *, struct hsw_error *err);
/* The same on the store thread, while no worker has the destination. */
int destination_read(struct destination *, const struct store_port *, struct hsw_error *err);
/* After a crash the cursor may stand before events whose outcome was written down already. */
bool destination_excepts(const struct destination *, int64_t seq);

/* ---- destination_cursor.c ---- */

/* The highest seq below which everything is settled; what is stored may be less. */
int64_t destination_cursor(const struct destination *);
/* Has the journal write the cursor, unless it is as stored or being written already. */
void destination_write_cursor(struct destination *);
/* Something of the log was settled: the cursor may move. */
void destination_moved(struct destination *, unsigned settled);
/* Cursors are written, and those that leave looked after, soon. */
void destination_start_tick(struct delivery_thread *);
/* Event callback of that. */
void destinations_on_tick(evutil_socket_t, short, void *delivery_thread);

/* ---- destination_attempts.c ---- */

/* An attempt failed: it will be written, soon. */
void destination_keep_attempts(struct destination *);
/* It will not. Whether there was something to write. */
bool destination_drop_attempts(struct destination *);
/* Writes what is not written yet, unless a write is on its way. */
void destination_save_attempts(struct destination *);
/* Event callback: those that have waited long enough. */
void destinations_on_save_attempts(evutil_socket_t, short, void *delivery_thread);
/* Frees them; no write is on its way. */
void destination_free_attempts(struct destination *);
/* It was opened: what the store has of it comes, later, before what failed since. One read of the store is for
 * all that are opened meanwhile. */
void destination_recall_attempts(struct destination *);

/* ---- destination_intake.c ---- */

/* A retry of the store waits for its time; or, in memory, one of a lane may be tried now. */
void destination_push_retry(struct destination *, struct retry);
/* The chat goes on: the next one of its lane is tried, if it may be. */
void destination_advance(struct destination *, struct lane *);
/* So many retries may be ready: what may fly, or enough to probe with. */
size_t destination_retries_max(const struct destination *);
/* Whether more of them may be read: most may wait for their chats. */
bool destination_has_room_for_retries(const struct destination *);
/* Takes more events in, if there is room. */
void destination_refill(struct destination *);
/* Whether its section asks for the event. */
bool destination_wants(const struct destination *, const struct hsw_envelope *);
/* What d->page calls when it was read. */
void destination_on_page(struct journal_page *);

/* ---- destination_api.c ---- */

/* Frees those that were removed and have nothing on its way any more. */
void destinations_free_left(struct delivery_thread *);
void destinations_close_api(struct delivery_thread *);
/* One of the API's, without a link; takes the section, also on error. NULL: err says why. */
/* Of one that the API made, tells who keeps it: see struct delivery_thread's on_gone. */
void destination_tell_gone(const struct destination *, int status);
struct destination *destination_new_api(
	struct delivery_thread *, struct webhook_section *, struct hsw_error *err);
/* Takes it from those that deliver; left comes when nothing of it is on its way any more. */
void destination_leave(
	struct destination *, void (*left)(void *arg, size_t undelivered), void *arg);

/* ---- destination_claim.c ---- */

/* Whether this node cannot tell that the destinations are its own. */
bool destinations_are_paused(const struct delivery_thread *, int64_t now_ms);
/* The same, of one that has no other reason to wake: it is pumped when the node can tell again. */
bool destinations_wait_for_claim(struct delivery_thread *, int64_t now_ms);

/* No longer among those of its thread. */
void destination_unlink(struct destination *);

/* ---- destination_swap.c ---- */

void destination_swaps_advance(struct delivery_thread *);
void destination_swaps_cancel(struct delivery_thread *);
bool destination_swaps_are_idle(const struct delivery_thread *);
void destination_swaps_close(struct delivery_thread *);

/* ---- destination_print.c ---- */

/* Events behind the tail of the log. */
int64_t destination_lag(const struct destination *);
/* It is not among those that are measured any more: its gauges would stand as they are for good. */
void destination_measure_gone(const struct destination *);

/* ---- circuit.c ---- */

/* It begins to deliver: with care, where some events are known to have failed. */
void circuit_begin(struct destination *);
/* What the store has of it: when it opened (since 1970), if it was open when the last run ended; else 0. */
void circuit_recall(struct destination *, int64_t since_ms);
/* It takes the place of another one, whose attempts it has already: it goes on with the circuit open, if it is. */
void circuit_take_over(struct destination *, const struct destination *before);
/* An attempt failed, with that status (0: no answer); is_last: its event has no other one. Whether it counts
 * for its event. */
bool circuit_failed(struct destination *, const struct hsw_delivery *, int status, bool is_last);
/* An attempt failed as every other one would: the circuit opens, and probes take the earliest event. */
void circuit_hold(struct destination *);
/* An attempt ended without telling whether the destination is up. */
void circuit_told_nothing(struct destination *);
/* One got through. */
void circuit_succeeded(struct destination *);
/* While it is not closed: the event to try now; NULL: not now. */
struct hsw_delivery *circuit_probe(struct destination *, int64_t now_ms);
/* "closed", "open", "half-open"; for the gauge 0, 2, 1. */
const char *circuit_name(const struct destination *);
int circuit_number(const struct destination *);

/* ---- delivery.c ---- */

/* Starts all attempts that may start now, at the end of this turn of the loop: never inside a call of
 * the plugin's. */
void delivery_pump_soon(struct destination *);
/* Event callback of that. */
void delivery_on_pump(evutil_socket_t, short, void *destination);
/* Whether an event that could be delivered now lies before one that was: the cursor cannot tell, so that who
 * goes on would deliver the later one again. */
bool delivery_has_gap(const struct destination *, int64_t now_ms);
/* Takes everything in flight back from the sink. */
void delivery_cancel_all(struct destination *);
/* Event callback: deadlines. */
void delivery_on_deadline(evutil_socket_t, short, void *destination);

/* ---- delivery_queue.c ---- */

/* Makes a slot and queues it; takes over the reference, also on error. false: out of memory. */
bool delivery_add(struct destination *, struct hsw_envelope *, const struct retry *);
/* A retry whose event the journal does not have any more: forget it. */
void delivery_forget(struct destination *, const struct retry *);
/* It may be tried, but for an earlier one that waits behind it, which goes first then; it is in no list. */
void delivery_make_ready(struct hsw_delivery *);
/* It takes its leader's place, though it comes after it; it may be tried. */
void delivery_overtake(struct hsw_delivery *leader, struct hsw_delivery *);
/* Out of the list that delivery_make_ready put it in. */
void delivery_take_ready(struct hsw_delivery *);
/* The lane of its chat; NULL: nothing holds the chat. */
struct lane *delivery_lane(const struct hsw_delivery *);
/* It failed and will be tried again: with chat-strict its chat waits for it. */
void delivery_step_aside(struct hsw_delivery *);
/* It is delivered or dead: its chat goes on. */
void delivery_let_chat_go(struct hsw_delivery *);
/* Nothing more is to be done for it; frees it. */
void delivery_settle(struct hsw_delivery *);
/* All that are READY or WAITING leave their queues: those of the log stay LIFTED, retries go back to the heap. */
void delivery_lift(struct destination *);
/* The LIFTED ones: up to that seq they are settled, the others are queued again. */
void delivery_put_back(struct destination *, int64_t upto);
/* Frees all slots; nothing is in flight or being saved. */
void delivery_free_all(struct destination *);

/* ---- delivery_save.c ---- */

/* Writes down that it is a retry, settled or dead, and settles it once that is stored. */
void delivery_save(struct hsw_delivery *, enum hsw_write_kind);
/* Tries all of d->unsaved again. */
void delivery_save_again(struct destination *);

#endif
