/* SPDX-License-Identifier: Apache-2.0 */
/* prune_rig.h - what deleting old events does where many dead letters name others: the same in each store of ours. */
#ifndef PRUNE_RIG_H
#define PRUNE_RIG_H

#include "store_rig.h"

#define LOOK 5000 /* exceptions that a call passes */

struct prune_rig {
	const char *(*sql)(const char *text); /* the first value of its answer */
	void (*make_dead)(int first, int last); /* dead letters of the first destination, with `at` = seq */
};

/* Until the store is through; how many calls that took. */
int prune_all(int64_t upto, int64_t before_ms);

/* They are passed in steps, and those that end are found. */
void pass_many_dead_letters(const struct prune_rig *);
/* An event before them that was too new goes when it is old. */
void find_what_was_too_new(const struct prune_rig *);

#endif
