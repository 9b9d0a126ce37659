/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gaps.h - the parts of the log that the store passed over, so that what lies between two seqs can be counted.
 * Read on the store thread, asked on any.
 */
#ifndef GAPS_H
#define GAPS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h"

#define GAP_SEQS_MIN 1000 /* fewer that are missing are no reason to ask the store */

struct gap {
	int64_t after, upto; /* no event has a seq > after and <= upto */
};

struct gaps {
	pthread_mutex_t lock;
	struct gap *list; /* ascending */
	size_t n;
	_Atomic bool has_any; /* most logs have none: nothing is locked for them */
};

void gaps_init(struct gaps *);
void gaps_fini(struct gaps *);

/* Asks the store for them, in the place of those that are known; one that cannot tell has none. The store thread.
 * HSW_OK; on error those that are known stay, and err says why. */
int gaps_read(struct gaps *, const struct store_port *, struct hsw_error *err);

/* How many seqs > after and <= upto no gap names; 0 where upto <= after. */
int64_t gaps_count(struct gaps *, int64_t after, int64_t upto);

#endif
