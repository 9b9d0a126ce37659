/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program.h - all expressions of a map file as one jq program. It is compiled once, and run on each body.
 */
#ifndef MAP_PROGRAM_H
#define MAP_PROGRAM_H

#include <stdint.h>

#include <jq.h>

#include "file.h"

struct program;

/* What a run gives, in the order of the program. What a function returns other than HSW_OK ends the run. */
struct program_taker {
	/* The name of the event; takes ownership of value. */
	int (*name)(void *arg, jv value);
	/* An event of this section begins; what comes next is its. */
	int (*begin)(void *arg, const struct map_section *);
	/* What a key of it (MAP_FIELD or MAP_NAME) is; takes ownership of value. Nothing for an expression
	 * that gives nothing. */
	int (*value)(void *arg, const struct map_key *, jv value);
	void *arg;
};

/* The file must live as long as the program. HSW_OK, or err has "path:line: key: what jq says". */
int program_new(const struct map_file *, struct program **, struct hsw_error *err)
	__attribute__((warn_unused_result));
void program_free(struct program *);
/*
 * Runs it on body (takes ownership), for no longer than budget_ms. HSW_EINVAL: an expression failed, or took
 * too long; err says which.
 */
int program_run(struct program *, jv body, int64_t budget_ms, const struct program_taker *,
	struct hsw_error *err);
/* "file:line: [map "name"] key: " into err, and how long that is; section and key may be NULL. */
size_t program_place(const struct map_file *, const struct map_section *, const struct map_key *,
	struct hsw_error *err);

#endif
