/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retain.h - what the journal keeps, and for how long: settled events by retention and retention_size, dead
 * letters by dead_retention. One thread, that of the store.
 */
#ifndef RETAIN_H
#define RETAIN_H

#include "prune.h"
#include "store.h"

#define RETAIN_SLACK 20        /* retention_size is undershot by one part in so many */
#define RETAIN_FIRST 10        /* events that go first, to see what one takes */
#define RETAIN_LIMITED_MS 1000 /* how often the room in use is looked at where it is limited, ... */
#define RETAIN_MEASURE_MS 10000 /* ... and where only the metrics want it */
#define RETAIN_SAY_MS 3600000   /* a shortage is logged as often, at most */
#define RETAIN_DEAD_MS 60000    /* between two passes over the dead letters, at most */
#define RETAIN_DEAD_MIN_MS 1000 /* and at least */
#define RETAIN_DEAD_PART 10     /* of dead_retention lies between them where that is less */
#define RETAIN_DEAD_LOOK 1000   /* dead letters that are looked at at a time */
#define RETAIN_DEAD_REST_MS 50  /* between two such looks of a pass */

/* Zeroed: nothing is known yet. */
struct retain {
	struct prune prune;
	/* Whether this daemon wants a destination of the API's: what other daemons want the store keeps by itself. NULL:
	 * each of them counts. */
	bool (*wants)(void *arg, struct hsw_str destination);
	void *wants_arg;
	bool is_short;                /* more than retention_size is in use, or was until now */
	struct hsw_store_usage usage; /* as of the last look */
	int64_t event_bytes;          /* that deleting one set free, at the most; 0: not seen yet */
	size_t deleted;               /* since the last look */
	int64_t measure_at;           /* clock_mono_ms: not before */
	int64_t say_early_at, say_full_at; /* clock_mono_ms: these are not logged before */
	int64_t dead_at;                   /* clock_mono_ms: the next look at dead letters */
	size_t dead;                       /* dead letters that this pass deleted */
};

/* Does one piece of work. config: what is in use. *wait_ms: when the next one is due; it is not set on errors,
 * which are the store's. */
int retain_run(struct retain *, const struct config *config, const struct store_port *,
	int64_t *wait_ms, struct hsw_error *err);

#endif
