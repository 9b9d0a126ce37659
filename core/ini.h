/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ini.h - reading INI files: sections, keys, includes, with the place of each.
 *
 *   ; comment        # comment
 *   [server]         [sink NAME]
 *   key = value      ; a comment after white space
 *   key = "value with ; and # and \" in it"
 *   include = conf.d/a.ini      (or a glob pattern: sorted; relative to the file)
 *
 * A line may be up to INI_LINE_MAX bytes. UTF-8, with or without a BOM, LF or CRLF; NUL is refused.
 */
#ifndef INI_H
#define INI_H

#include <stdbool.h>

#include "config.h"

#define INI_LINE_MAX 65536
#define INI_DEPTH_MAX 8 /* includes within includes */
#define INI_FILES_MAX 1000

struct ini_entry {
	struct ini_entry *next;
	char *key, *value;
	const char *file;
	int line;
	bool is_used; /* the reader's own mark */
	const char *secret; /* what the value stands for, which may be in a file; the configuration's. NULL: no secret */
};

struct ini_section {
	struct ini_section *next;
	char *kind, *name; /* "sink", "crm"; name is NULL where there is none */
	const char *file;
	int line;
	struct ini_entry *entries; /* in the file's order */
};

struct ini {
	struct ini_section *sections; /* in the order read */
	char **files;                 /* names, that the others point to */
	size_t n_files;
};

/* Reads path and what it includes into *ini; what is wrong is added to errors (sections and keys that
 * occur twice too) and the reading goes on. ini_free in any case. */
void ini_read(struct ini *ini, const char *path, struct config_errors *errors);
void ini_free(struct ini *);

/* Calls fn for each difference of sections and keys, wherever they stand; a secret that a file has is different where
 * the file has another one now. */
void ini_compare(const struct ini *before, const struct ini *after,
	void (*fn)(void *arg, const struct config_change *), void *arg);

/* Adds "file:line: text" to errors. */
void config_error(struct config_errors *, const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
