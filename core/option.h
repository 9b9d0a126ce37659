/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option.h - option tables (struct hsw_option): text to typed struct, and documentation.
 *
 * A conf struct is filled by option_set for each key of a section and option_defaults for the rest, and
 * what it holds is freed by option_free. Values may hold ${NAME} (environment; $$ is a dollar sign);
 * secrets may be `@/path/to/file`, the file's first line, or all of it (HSW_OPT_LINES).
 */
#ifndef OPTION_H
#define OPTION_H

#include <stdbool.h>
#include <stdio.h>

#include <hookswitch/plugin.h>

/* NULL: no such key. table may be NULL. */
const struct hsw_option *option_find(const struct hsw_option *table, const char *key);

/*
 * Parses text and stores it in the conf struct. base: the folder that relative paths begin at, or NULL.
 * HSW_EINVAL: err says what was found and what was expected; a secret is never repeated.
 */
int option_set(const struct hsw_option *, void *conf, const char *text, const char *base,
	struct hsw_error *err);
/* The same with a value that comes from elsewhere than the file: taken as it stands, no ${NAME}, no
 * @/path. */
int option_set_plain(
	const struct hsw_option *, void *conf, const char *text, struct hsw_error *err);
/* Sets those options of the table to their defaults for which is_set says no. HSW_OK or HSW_ENOMEM. */
int option_defaults(const struct hsw_option *table, void *conf,
	bool (*is_set)(void *arg, const char *key), void *arg);
/* Frees what the struct holds (not the struct) and zeroes those members. */
void option_free(const struct hsw_option *table, void *conf);

/* Whether the table makes sense for a conf struct of that size: known types, members inside, defaults
 * that parse, no key twice, help everywhere. HSW_EINVAL: err says which option and what is wrong. */
int option_check_table(const struct hsw_option *table, size_t conf_size, struct hsw_error *err);

/* Durations and sizes, for lists of them. HSW_OK or HSW_EINVAL. */
int option_parse_msec(const char *text, int64_t *out);
int option_parse_size(const char *text, int64_t *out);

/* The table for people: an option a paragraph. */
void option_print(const struct hsw_option *table, FILE *);
/* The same as man page source (mdoc(7) list items). */
void option_print_man(const struct hsw_option *table, FILE *);

/* The key of the table (or of the second one; either may be NULL) that looks most like `key`; NULL: none
 * does. */
const char *option_nearest(const struct hsw_option *a, const struct hsw_option *b, const char *key);
/* The same in a list of words that ends with NULL. */
const char *nearest_word(const char *const *words, const char *word);

#endif
