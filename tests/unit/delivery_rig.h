/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery_rig.h - one worker's delivery layer on a store in memory, with one destination "out" whose
 * sink is scripted. One at a time.
 */
#ifndef DELIVERY_RIG_H
#define DELIVERY_RIG_H

#include <check.h>

#include "destination.h"

/* The script of the sink; set before or while it runs. */
struct rig_sink {
	bool is_async;            /* keeps deliveries in flight until the test ends them */
	enum hsw_outcome outcome; /* of those that are not async */
	int64_t fail_first_attempts_of_seq; /* this event's first attempt is HSW_RETRY */
	int64_t fail_always_seq;            /* this event always is HSW_RETRY */
	bool fail_odd;                      /* events with an odd seq always are HSW_RETRY */
	bool skip_odd;                      /* events with an odd seq are skipped */
	int status;                         /* of those that fail */
	bool tells_statuses;                /* HSW_SINK_STATUSES, from rig_open on */
	int64_t retry_after_ms;
	int eagain; /* so many deliveries are not taken */
};

struct rig_attempt {
	int64_t seq, at_ms;
	int number;
	int chat;
	bool is_delivered;
};

extern struct rig_sink rig_sink;
extern struct sink_conf rig_sink_conf;
/* Where the next restart finds the cursor, as after a crash; -1: where it was written. */
extern int64_t rig_crash_cursor;
/* About so many bytes have the events that are appended. */
extern size_t rig_body_bytes;

/* Back to the defaults: every delivery succeeds at once. */
void rig_reset(void);
void rig_set_retry(int64_t a, int64_t b, int64_t c);
void rig_open(void);
void rig_close(void);
/* Drains, closes, opens again on the same store; forgets the counts of what was delivered. */
void rig_restart(void);
/* As a reload begins: the destination drains while it reads the log, and has read it. */
void rig_drain_while_it_reads(void);
/* A reload with another section: the destination has drained, and its successor is not yet read. */
void rig_swap_begin(void);
/* The successor takes its place. */
void rig_swap_end(void);
/* Appends n events, spread over so many chats, and waits until they are stored. */
void rig_append(int n, int chats);
/* Appends one; how it ended. */
int rig_append_result(int chats);
/* Appends the last one again. */
int rig_repeat_result(int chats);
void rig_retry(const int64_t *seqs, size_t n);
struct destination *rig_destination(void);
/* It has read the log to its end, and reads no more of it. */
bool rig_is_fed(void);
/* The destination is this node's until then; *held_until_ms may change. Between rig_open and rig_close. */
void rig_watch(const _Atomic int64_t *held_until_ms);

/* The destination, for people. Valid until the next call. */
const char *rig_print(void);

size_t rig_attempts(void);
size_t rig_delivered(void);
size_t rig_in_flight(void);
size_t rig_cancelled(void);
const struct rig_attempt *rig_attempt(int i);
void rig_finish_in_flight(enum hsw_outcome);
/* The sink asks for more time for the first one in flight. */
void rig_extend_first(int64_t ms);
/* Ends about every second delivery in flight, in no order; about so many of a hundred fail. */
void rig_finish_some(unsigned failing_percent);
/* Ends what is in flight, again and again, until n were delivered. */
void rig_finish_all_as_they_come(size_t n);
void rig_assert_chat_in_order(int chat);
/* From this attempt on each is of a later event than the one before. */
void rig_assert_goes_up_from(size_t attempt);
/* Every event of the chat (-1: all) was delivered, the first time not before the one before it. */
void rig_assert_first_deliveries_in_order(int chat, size_t n);

/* Runs the loop for some turns, or some time. */
void rig_turns(int n);
void rig_for_ms(int ms);
bool rig_turn_before(int64_t deadline_ms);
int64_t rig_deadline(void);

/* Runs the loop until the condition holds; fails after 20 s. */
#define rig_until(condition)                                                                \
	do {                                                                                \
		int64_t deadline_ = rig_deadline();                                         \
		while (!(condition))                                                        \
			ck_assert_msg(rig_turn_before(deadline_), "never: %s", #condition); \
	} while (0)

#endif
