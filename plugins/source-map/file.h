/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.h - map files: sections of keys, whose values are jq expressions.
 *
 *   ; comment        # comment
 *   name = .type                      before the first section: what the provider calls the event
 *   [map "received"]
 *   when            = .type == "x"    sections are tried in order; the first that holds takes the event
 *   event           = message.exchange    a word, no expression; `ignore`: counted by its name alone
 *   each            = .items[]        one event for each; the keys see the item as `.`, the whole as $body
 *   data.chat.jid   = .phone | jid    a canonical path
 *   data.message.content = .text // \    a line that ends in \ goes on in the next one
 *                          .caption
 *   data.chat       = {jid: .phone, name: .chatName}    several fields at once
 *
 * UTF-8 with LF or CRLF; NUL is refused. What is read here has been checked against schema.h, and every
 * expression against expression.h, but not compiled.
 */
#ifndef MAP_FILE_H
#define MAP_FILE_H

#include <stddef.h>

#include <hookswitch/plugin.h>

#include "schema.h"

#define MAP_FILE_MAX (1 << 20) /* bytes */

enum map_role { MAP_NAME, MAP_WHEN, MAP_EACH, MAP_FIELD };

struct map_key {
	const char *path;       /* "data.chat.jid" */
	const char *expression; /* with the newlines that it has in the file */
	int line;
	enum map_role role;
	const struct schema_field
		*field; /* of a MAP_FIELD; NULL: a group, whose value is an object */
	size_t section; /* of a key in a section */
};

struct map_section {
	const char *name;
	int line;
	const struct schema_event *event; /* NULL: what it takes is ignored */
	size_t first, end;                /* its keys; the first is MAP_WHEN, if it has one */
};

struct map_file {
	char *text;       /* what the others point into */
	const char *path; /* borrowed */
	const char *base; /* the last part of path: of what a provider is told */
	struct map_key *keys;
	size_t n_keys;
	struct map_section *sections;
	size_t n_sections;
};

/* HSW_OK, or err has "path:line: what is wrong". file_free in any case. */
int file_read(struct map_file *, const char *path, struct hsw_error *err)
	__attribute__((warn_unused_result));
void file_free(struct map_file *);
/* A key of the section; NULL: it has none. */
const struct map_key *file_find(
	const struct map_file *, const struct map_section *, enum map_role role);

#endif
