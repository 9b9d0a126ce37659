/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memories.h - the kinds of memos that are recalled from the store: read at the start, followed where other
 * daemons add to them, and forgotten by age. Part of the journal. Of the store thread.
 */
#ifndef MEMORIES_H
#define MEMORIES_H

#include "store.h"

#define MEMORIES_MAX 4

/* A kind of memos. */
struct memory {
	const char *kind; /* a literal */
	int64_t ms;       /* how long they are kept */
	bool is_followed;
	hsw_memo_fn *fn; /* for as long as they are followed */
	void *arg;
	int64_t last; /* number of the last one that fn was told */
};

/* All 0 at first. */
struct memories {
	struct memory list[MEMORIES_MAX];
	size_t n;
	size_t added;      /* since old ones were forgotten */
	int64_t forget_at; /* clock_mono_ms */
	int64_t follow_at; /* clock_mono_ms */
	bool is_failing;   /* the following, which was logged */
};

/* Tells m->fn those of the last m->ms, in order, and keeps the kind. HSW_OK or the store's error. */
int memories_recall(struct memories *, const struct store_port *, const struct memory *m,
	struct hsw_error *err);
/* Tells what was added to the followed kinds, by whichever daemon; does nothing where it looked a moment ago. A
 * failure is logged, and made good with a later call. */
void memories_follow(struct memories *, const struct store_port *);
/* Deletes as many old ones as came since, and some more. HSW_OK or the store's error. */
int memories_forget(struct memories *, const struct store_port *, struct hsw_error *err);

#endif
