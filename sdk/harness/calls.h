/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls.h - how long the plugin keeps its thread: every call of it on a handle's thread is measured while a round runs.
 *
 * A call blocks when it sleeps, which takes time but no processor, or computes, for longer than CALL_MAX_MS. Waiting
 * for a processor is the machine's doing and not counted. All belongs to the calling thread.
 */
#ifndef HARNESS_CALLS_H
#define HARNESS_CALLS_H

#include <stddef.h>
#include <stdint.h>

enum call_kind {
	CALL_OPEN,
	CALL_CLOSE,
	CALL_REOPEN,
	CALL_DRAIN,
	CALL_DELIVER,
	CALL_CANCEL,
	CALL_ADOPT,
	CALL_BROADCAST,
	CALL_DISMISS,
	CALL_EXPEL,
	CALL_CONFIGURE,
	CALL_VERIFY,
	CALL_TRANSLATE,
	CALL_CHALLENGE,
	CALL_TIMER,
	CALL_WATCH,
	CALL_POST,
	CALL_KINDS
};

#define CALL_MAX_MS 10

struct call_usage {
	int64_t wall_ns, cpu_ns;
	int64_t delay_ns; /* runnable, but without a processor */
	int64_t sleeps;   /* times that the thread waited for something */
};

struct call {
	enum call_kind kind;
	struct call_usage begin;
	struct call_usage elsewhere; /* from fake_calls_leave to fake_calls_return */
	struct call *outer;
};

/* Around a call of the plugin. bytes: of a body that it was given, for which it may compute longer. */
void fake_call_begin(struct call *, enum call_kind);
void fake_call_end(struct call *, size_t bytes);
/* Around work of the harness's own inside a call. */
void fake_calls_leave(void);
void fake_calls_return(void);

/*
 * Calls fn again and again, and fails if calls of one kind blocked in each of the rounds, or many of them in one: the
 * machine, or a first use, may slow some down, but not the same kind each time. Returns after the first round without
 * such a kind.
 */
void fake_calls_expect_none_blocks(void (*fn)(void *arg), void *arg);

#endif
