/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prune.h - how many events are deleted at a time, and how often: enough to keep up with what comes in, in
 * pieces that a commit does not notice. One thread.
 */
#ifndef PRUNE_H
#define PRUNE_H

#include <stddef.h>
#include <stdint.h>

#define PRUNE_EVERY_MS 2000   /* when there was nothing to delete */
#define PRUNE_FAILED_MS 10000 /* when the store could not */
#define PRUNE_STEADY_MS 500   /* when there was, and it is all gone */
#define PRUNE_BATCH_MIN 50    /* events: bodies may be megabytes */
#define PRUNE_BATCH_MAX 5000  /* events */
#define PRUNE_TARGET_MS 6     /* that a batch may take: as long a commit waits */
#define PRUNE_PATIENCE 16     /* full batches in a row, then one may take twice as long, ... */
#define PRUNE_HURRY_MAX 3     /* ... and so on, so many times */
#define PRUNE_REST 2          /* times as long as it took nothing is deleted */

/* Zeroed: nothing is known yet. */
struct prune {
	size_t batch;  /* events */
	unsigned full; /* batches in a row */
};

/* How many events to delete at most. */
size_t prune_batch(const struct prune *);
/* A batch deleted n events and took took_ms. Returns in how many ms the next one is due. */
int64_t prune_done(struct prune *, size_t n, int64_t took_ms);
/* The same for a call that did not come to what is to be deleted: it says nothing of what a batch takes. */
int64_t prune_rest_ms(int64_t took_ms);

#endif
