/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.h - names and the numbers that stand for them in a store's tables, all in memory.
 *
 * For one thread at a time.
 */
#ifndef NAMES_H
#define NAMES_H

#include <hookswitch/plugin.h>

struct name;

/* Sorted by name; all zero: none. */
struct names {
	struct name *all;
	size_t n;
};

/* The number of a name; 0: it is not there. */
int64_t names_find(const struct names *, struct hsw_str name);
/* Adds a copy of a name that is not there. HSW_OK or HSW_ENOMEM; then nothing is changed. */
int names_add(struct names *, struct hsw_str name, int64_t id);
/* Takes a name out; one that is not there is passed over. */
void names_remove(struct names *, struct hsw_str name);
/* Takes all out and frees what they had. */
void names_clear(struct names *);

#endif
