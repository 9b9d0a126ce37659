/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retry.h - when a failed delivery is tried again: the schedule, and the heap of what is waiting.
 * One owner, no locking. Times are clock_mono_ms.
 */
#ifndef RETRY_H
#define RETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An event in retry. Its row is in the store; the event itself is read when it is due. */
struct retry {
	int64_t due_ms;
	int64_t seq;
	int attempts;   /* made so far */
	bool is_replay; /* somebody asked for it to be delivered once more */
};

/* A heap, earliest first; equal times by seq. */
struct retry_heap {
	struct retry *items;
	size_t n, cap;
};

/* false: out of memory, nothing was added. */
bool retry_push(struct retry_heap *, struct retry);
/* The earliest; NULL: empty. Valid until the heap changes. */
const struct retry *retry_first(const struct retry_heap *);
/* Takes the earliest, if it is due; false: none is. */
bool retry_take_due(struct retry_heap *, int64_t now_ms, struct retry *out);
/* Makes all due at once: the destination is back. They come in seq order then. */
void retry_pull(struct retry_heap *, int64_t now_ms);
/* Takes those with these seqs (sorted, n of them) out; returns how many there were. */
size_t retry_drop(struct retry_heap *, const int64_t *seqs, size_t n);
/* Whether seq is one of those. */
bool retry_is_among(int64_t seq, const int64_t *seqs, size_t n);
void retry_free(struct retry_heap *);

#define RETRY_AFTER_MAX_MS \
	86400000 /* what a destination may ask for at most; retry_after_max is less */

/*
 * The wait before the next attempt, `attempts` having been made and failed: the schedule's step with
 * 10 % jitter either way, or what the destination asked for (retry_after_ms, 0: nothing) if that is
 * longer. -1: the schedule is used up. *random is the state of the generator, not 0.
 */
int64_t retry_delay(const int64_t *steps_ms, size_t n_steps, int attempts, int64_t retry_after_ms,
	uint64_t *random);

#endif
