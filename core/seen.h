/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seen.h - the ids of events of the last while, so that what a provider sends twice is stored once.
 *
 * An id is kept as the 64 bits that the store remembers of it: that two different events of a window of ten
 * million have the same is as likely as a bit flipped in memory. Everything is called on the store thread.
 */
#ifndef SEEN_H
#define SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hookswitch/store.h>

/* Ids that are kept at most, with 8 to 21 bytes each; of more, the oldest are given up early. */
#define SEEN_MAX (4u << 20)

struct seen;

/* max: SEEN_MAX, or fewer. NULL: out of memory. */
struct seen *seen_new(int64_t window_ms, size_t max);
void seen_free(struct seen *);

/* Whether the id is new, and part of the transaction from now on. Out of memory: it is new, too. */
bool seen_add(struct seen *, const unsigned char id[HSW_EVENT_ID_BYTES]);
/* The ids that were added since the last transaction, as the store is to remember them; valid until the
 * next call of any function. len = 0: none. */
struct hsw_str seen_added(struct seen *);
/* The transaction is over: what was added is kept, or forgotten. */
void seen_commit(struct seen *, int64_t now_ms);
void seen_rollback(struct seen *);
/* What the store remembers of a transaction at that time; ascending by time, before the first seen_add. */
void seen_recall(struct seen *, int64_t at_ms, struct hsw_str added);

#endif
