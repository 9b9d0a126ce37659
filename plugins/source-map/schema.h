/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.h - which keys each canonical event has, of which kind, and which words they may have; and the
 * check of what a map made against that.
 */
#ifndef MAP_SCHEMA_H
#define MAP_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include <json.h>

#include <hookswitch/plugin.h>

enum schema_kind {
	KIND_TEXT,   /* string or number */
	KIND_WORD,   /* one of `words` */
	KIND_TIME,   /* RFC 3339, seconds or milliseconds */
	KIND_JID,    /* an identifier or a phone number */
	KIND_NUMBER, /* number, or a string of one */
	KIND_FLAG,   /* boolean, "true", "false", 0 or 1 */
	KIND_LIST,   /* array, or a single element */
	KIND_OBJECT, /* object */
	KIND_ANY     /* string, number, boolean or object */
};

struct schema_field {
	const char *path; /* after "data." */
	enum schema_kind kind;
	bool is_required;
	const char *const *words; /* of KIND_WORD, ends with NULL */
};

struct schema_event {
	const char *type;                  /* "message.exchange" */
	const struct schema_field *fields; /* ends with one without a path */
};

/* NULL: there is no such event. */
const struct schema_event *schema_find(const char *type);
/* path with "data." before it. NULL: the event has no such field. */
const struct schema_field *schema_field(const struct schema_event *, const char *path);
/* Whether fields of the event begin with path, such as data.message.media. */
bool schema_has_group(const struct schema_event *, const char *path);

/*
 * Whether a value, which is not null, is of the field's kind; err says what was expected and what found.
 * A jid, a time or a number that cannot be read is no error but where it is required: it is left out.
 */
bool schema_value_is_good(
	const struct schema_field *, struct json_object *value, struct hsw_error *err);

#endif
