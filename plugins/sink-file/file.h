/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - what the files of sink-file share. */
#ifndef SINK_FILE_H
#define SINK_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include <hookswitch/sink.h>

/* ---- path.c: the file's name from the pattern ---- */

/* HSW_OK, or what is wrong with the pattern (unknown %{name}, a lone % at its end). */
int path_check(const char *pattern, struct hsw_error *err);
/*
 * Expands %{instance}, %{event}, %% and strftime's conversions (UTC, or local time). Values cannot leave
 * the folder: what is not a letter, digit, or one of `_ - .` becomes `_`, and so does a leading dot.
 * HSW_ELIMIT: longer than PATH_MAX.
 */
int path_expand(const char *pattern, struct hsw_str instance, struct hsw_str event, int64_t wall_ms,
	bool utc, char out[PATH_MAX]);

/* ---- output.c: one open file ---- */

enum output_result { OUTPUT_OK, OUTPUT_FULL, OUTPUT_FAILED };

struct output {
	int fd;
	dev_t dev;
	ino_t ino;
	bool is_regular;
};

/*
 * Opens for appending, made with `mode`, missing folders too. A last line that a crash cut off is removed
 * from a regular file, or ended, if it is whole; *repaired is then its length in bytes, negative when
 * it was removed. HSW_EIO: err says why.
 */
int output_open(
	struct output *, const char *path, mode_t mode, int64_t *repaired, struct hsw_error *err);
void output_close(struct output *);
/* Whether the path still names the open file (it does not after a rotation). */
bool output_is_current(const struct output *, const char *path);
/* Writes all of the n pieces, or nothing: what was written in part is taken back. errno says why. */
enum output_result output_write(struct output *, const struct iovec *, int n);

#endif
