/* SPDX-License-Identifier: Apache-2.0 */
/* text.c - see text.h. */
#include "text.h"

#include <json.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 8
#define KEY_MAX 160
#define JSON_DEPTH_MAX 256 /* of what is parsed: raw bodies nest deeper than data */

static void
add_name(struct buffer *b, const char *key)
{
	if (b->len > 0)
		buffer_add(b, " ", 1);
	buffer_add_text(b, key);
	buffer_add(b, "=", 1);
}

static bool
is_bare(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)s[i] <= 32 || s[i] == 127 || s[i] == '"' || s[i] == '=' ||
			s[i] == '\\')
			return false;
	}
	return len > 0;
}

static void
add_quoted_char(struct buffer *b, char c)
{
	if (c == '"' || c == '\\')
		buffer_printf(b, "\\%c", c);
	else if (c == '\n')
		buffer_add_text(b, "\\n");
	else if ((unsigned char)c < 32 || c == 127)
		buffer_add(b, " ", 1);
	else
		buffer_add(b, &c, 1);
}

static void
add_pair(struct buffer *b, const char *key, const char *s, size_t len)
{
	if (len == 0)
		return;
	add_name(b, key);
	if (is_bare(s, len)) {
		buffer_add(b, s, len);
		return;
	}
	buffer_add(b, "\"", 1);
	for (size_t i = 0; i < len; i++)
		add_quoted_char(b, s[i]);
	buffer_add(b, "\"", 1);
}

static void add_value(struct buffer *, const char *key, struct json_object *, int depth);

static void
add_members(struct buffer *b, const char *key, struct json_object *object, int depth)
{
	char longer[KEY_MAX];

	json_object_object_foreach(object, name, value)
	{
		int len = snprintf(
			longer, sizeof(longer), "%s%s%s", key, key[0] != '\0' ? "." : "", name);
		/* It was cut, perhaps inside a character: the last byte that is left tells. */
		if (len >= KEY_MAX)
			longer[utf8_fit(longer, (size_t)len, KEY_MAX - 2)] = '\0';
		for (char *c = longer; *c != '\0'; c++) {
			if (!is_bare(c, 1))
				*c = '_';
		}
		add_value(b, longer, value, depth + 1);
	}
}

static void
add_elements(struct buffer *b, const char *key, struct json_object *array, int depth)
{
	char longer[KEY_MAX];
	size_t count = json_object_array_length(array);

	for (size_t i = 0; i < count && b->dropped == 0; i++) {
		snprintf(longer, sizeof(longer), "%s.%zu", key, i);
		add_value(b, longer, json_object_array_get_idx(array, i), depth + 1);
	}
}

static void
add_value(struct buffer *b, const char *key, struct json_object *value, int depth)
{
	enum json_type type = json_object_get_type(value);

	if (depth > DEPTH_MAX || type == json_type_null)
		return;
	if (type == json_type_object) {
		add_members(b, key, value, depth);
	} else if (type == json_type_array) {
		add_elements(b, key, value, depth);
	} else {
		const char *s = json_object_get_string(value);
		size_t len = type == json_type_string ? (size_t)json_object_get_string_len(value)
						      : strlen(s);
		add_pair(b, key, s, len);
	}
}

static struct json_object *
parse(const struct message_event *e, struct json_tokener *tokener)
{
	struct json_object *envelope = NULL;

	for (int i = 0; i < e->json_count; i++) {
		if (envelope == NULL && e->json[i].iov_len > 0)
			envelope = json_tokener_parse_ex(
				tokener, e->json[i].iov_base, (int)e->json[i].iov_len);
	}
	return envelope;
}

void
text_write(struct buffer *b, const struct message_event *e, bool with_names)
{
	struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
	struct json_object *data;

	if (with_names) {
		add_pair(b, "instance", e->instance.s, e->instance.len);
		add_pair(b, "event", e->type.s, e->type.len);
		add_pair(b, "event_id", e->id.s, e->id.len);
		add_pair(b, "chat", e->chat.s, e->chat.len);
	}
	if (tokener == NULL) {
		b->failed = true;
		return;
	}
	struct json_object *envelope = parse(e, tokener);
	if (json_object_object_get_ex(envelope, "data", &data))
		add_value(b, "", data, 0);
	json_object_put(envelope);
	json_tokener_free(tokener);
}
