/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seqmap.h - which number an event of one log got in another one. Both ascend, and mostly both by one, so
 * that runs take little memory.
 */
#ifndef SEQMAP_H
#define SEQMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct seqmap {
	struct seqmap_run {
		int64_t from, to, n; /* from + i became to + i, for i < n */
	} * runs;
	size_t n_runs, cap;
	int64_t n;
};

/* Ascending in both numbers. false: out of memory. */
bool seqmap_add(struct seqmap *, int64_t from, int64_t to);
/* What `from` became, or, where there is no such event, the last one before it; 0: none is before it. */
int64_t seqmap_at_or_before(const struct seqmap *, int64_t from);
void seqmap_free(struct seqmap *);

#endif
