/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lane.h - chats that an event in retry holds up (ordering = chat-strict): which events wait behind it.
 *
 * A lane exists while an event of its chat is in retry. That event is the running one; those that came
 * after it wait, each with a row of its own in the store's retries. One owner, no locking.
 */
#ifndef LANE_H
#define LANE_H

#include <uthash.h>

#include "retry.h"

struct lane_item {
	struct retry retry;
	bool is_saved; /* its row is in the store */
};

struct lane {
	uint64_t key;            /* of the chat */
	int64_t running;         /* seq of the event that may be tried; 0: none at the moment */
	struct lane_item *items; /* [first, n) wait, by seq */
	size_t first, n, cap;
	UT_hash_handle hh;
};

/* All of one destination, by key. */
struct lanes {
	struct lane *by_key;
};

/* NULL: nothing holds that chat. */
struct lane *lane_find(const struct lanes *, uint64_t key);
/* The one whose running event is seq; NULL: none. Looks at all of them. */
struct lane *lane_of_running(const struct lanes *, int64_t seq);
/* The chat's lane, made if there is none; seq runs (0: none yet). NULL: out of memory. */
struct lane *lane_hold(struct lanes *, uint64_t key, int64_t seq);
/* One more waits. false: out of memory. */
bool lane_wait(struct lane *, struct retry, bool is_saved);
/* The row of one that waits is in the store now. */
void lane_saved(struct lane *, int64_t seq);
/*
 * Where nothing runs, takes the first that waits as the running one; false: none may run yet. A lane
 * without anything in it is freed.
 */
bool lane_next(struct lanes *, struct lane *, struct retry *out);
/* Those with these seqs (sorted, n of them) are not tried any more; returns how many of them waited. The
 * running one may be among them: then nothing runs. */
size_t lane_drop(struct lane *, const int64_t *seqs, size_t n);
void lanes_free(struct lanes *);

#endif
