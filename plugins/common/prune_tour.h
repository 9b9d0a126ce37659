/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prune_tour.h - how far a store has looked for old events that it may delete: between those that retries and dead
 * letters name, or that are too new.
 *
 *	seq:  1 ...... at ..... d ..... x ..... d ..... end ........ last_seq
 *	      looked at  |  deleted   named   deleted   |  too new
 *
 * A tour looks at all from where something may be left to `end`, some of it in each call, so that none takes
 * long, however many exceptions there are. The next tour begins where this one ended, so kept events are not looked
 * at again and again; or at the first event before that which was too new, or whose exception has ended since. Where
 * it is is not stored: the first one after a start looks at all.
 *
 * For one thread at a time.
 */
#ifndef PRUNE_TOUR_H
#define PRUNE_TOUR_H

#include <stdbool.h>
#include <stdint.h>

/* All zero: nothing was looked at. */
struct prune_tour {
	int64_t at;    /* the last seq that it looked at */
	int64_t again; /* where the next one begins; 0: behind this one's end */
	bool is_under_way;
	int64_t named_upto; /* what is left up to here is named by an exception, as far as was seen */
};

/* Before each call: the next tour begins, unless one is under way. */
void prune_tour_begin(struct prune_tour *);
/* The event with this seq lost its last exception, or may have: it can be deleted now. */
void prune_tour_look_again(struct prune_tour *, int64_t seq);
/* It was looked at, and is too new. */
void prune_tour_too_new(struct prune_tour *, int64_t seq);
/* All up to there was looked at. */
void prune_tour_passed(struct prune_tour *, int64_t looked);
/* No event up to there is free: neither deleted nor named. */
void prune_tour_found_named(struct prune_tour *, int64_t upto);
/* Behind which seq the first free event is, at the earliest: also of those that the next tour will look at. */
int64_t prune_tour_free_after(const struct prune_tour *);

#endif
