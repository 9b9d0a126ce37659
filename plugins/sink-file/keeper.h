/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keeper.h - a thread of low priority that compresses rotated files and deletes old ones.
 *
 * Rotated files of a path are path.<time of rotation>Z, and the same with .gz. What a crash left
 * undone is done when the path is named again.
 */
#ifndef KEEPER_H
#define KEEPER_H

#include <stdbool.h>

#include <hookswitch/plugin.h>

struct keeper_settings {
	bool compress;
	int64_t keep;        /* so many rotated files of a path; 0: all */
	int64_t keep_age_ms; /* since the last line; 0: for ever */
};

struct keeper;

/* The name that a path is rotated to at this time (milliseconds since 1970). False: too long. */
bool keeper_name(const char *path, int64_t time_ms, char *to, size_t size);

/* NULL: no thread or memory. */
struct keeper *keeper_new(
	const struct hsw_host *, struct hsw_handle *, const struct keeper_settings *);
/* Looks after the rotated files of a path, soon. */
void keeper_look(struct keeper *, const char *path);
/* Does not wait: the thread stops in the middle, which loses nothing. NULL is allowed. */
void keeper_free(struct keeper *);

#endif
