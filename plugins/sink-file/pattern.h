/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern.h - the `path` option: a path with strftime(3)'s dates and %{instance} and %{event}.
 */
#ifndef PATTERN_H
#define PATTERN_H

#include <stdbool.h>

#include <hookswitch/plugin.h>

struct pattern;

struct pattern_values {
	struct hsw_str instance, event;
	int64_t time_ms; /* since 1970 */
};

/* NULL: err tells which pattern is not known. */
struct pattern *pattern_new(const char *text, bool utc, struct hsw_error *err);
void pattern_free(struct pattern *);

/* The path for these values. HSW_ELIMIT: it does not fit. What is put in cannot leave its
 * folder. */
int pattern_expand(struct pattern *, const struct pattern_values *, char *to, size_t size);

/* Length of the folder in front of the first pattern, without the slash; 0: there is none. */
size_t pattern_fixed_len(const struct pattern *);

#endif
