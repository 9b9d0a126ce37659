/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate.h - everything that one store holds, copied into another one that is empty: records,
 * events, destinations with their cursors, retries and dead letters, memos.
 *
 * Events get new numbers, as the store gives them; whatever names them is changed accordingly. How far the
 * copy is stands in the target, in the same transactions, until it is complete: after a failure the
 * next call goes on there.
 */
#ifndef MIGRATE_H
#define MIGRATE_H

#include <hookswitch/store.h>

/* A record of this kind tells how far the copy is: who else finds one must leave the store alone. */
#define MIGRATE_STATE_KIND "migration"

struct migrate_side {
	const struct hsw_store_ops *ops;
	void *self;
};

struct migrate_counts {
	int64_t records, events, destinations, retries, dead, memos;
};

/* Called now and then: what is copied, how many of it are done, how many there are (an estimate). */
typedef void migrate_progress_fn(void *arg, const char *what, int64_t done, int64_t all);

/* Copies and verifies: counts are what the target holds, as it was read there. HSW_EINVAL: the target is
 * not empty, the source is itself a copy that is not complete, or the two differ in the end. */
int migrate(const struct migrate_side *from, const struct migrate_side *to,
	migrate_progress_fn *progress, void *arg, struct migrate_counts *counts,
	struct hsw_error *err);

#endif
