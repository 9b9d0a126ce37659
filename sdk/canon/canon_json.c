/* SPDX-License-Identifier: Apache-2.0 */
/* canon_json.c - see hookswitch/canon_json.h. */
#include <hookswitch/canon_json.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 9e18 /* of what fits into an int64_t */

struct json_object *
cj_get(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	if (o == NULL || !json_object_is_type(o, json_type_object))
		return NULL;
	json_object_object_get_ex(o, key, &value);
	return value;
}

struct json_object *
cj_object(struct json_object *o, const char *key)
{
	struct json_object *value = cj_get(o, key);
	return json_object_is_type(value, json_type_object) ? value : NULL;
}

struct json_object *
cj_array(struct json_object *o, const char *key)
{
	struct json_object *value = cj_get(o, key);
	return json_object_is_type(value, json_type_array) ? value : NULL;
}

size_t
cj_length(struct json_object *o)
{
	return json_object_is_type(o, json_type_array) ? json_object_array_length(o) : 0;
}

struct json_object *
cj_at(struct json_object *o, size_t i)
{
	return i < cj_length(o) ? json_object_array_get_idx(o, i) : NULL;
}

struct hsw_str
cj_text(struct json_object *o)
{
	if (!json_object_is_type(o, json_type_string))
		return (struct hsw_str){ NULL, 0 };
	return (struct hsw_str){ json_object_get_string(o), (size_t)json_object_get_string_len(o) };
}

struct hsw_str
cj_string(struct json_object *o, const char *key)
{
	return cj_text(cj_get(o, key));
}

/* As it was written: json-c keeps the text of a float. */
static struct hsw_str
number_text(struct json_object *o)
{
	const char *text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
	return (struct hsw_str){ text, text != NULL ? strlen(text) : 0 };
}

struct hsw_str
cj_literal(struct json_object *o, const char *key)
{
	struct json_object *value = cj_get(o, key);

	if (json_object_is_type(value, json_type_int) ||
		json_object_is_type(value, json_type_double))
		return number_text(value);
	return cj_text(value);
}

/* ---- numbers ---- */

static bool
number_of_double(double d, int64_t *out)
{
	if (!(d > -NUMBER_MAX && d < NUMBER_MAX))
		return false;
	*out = (int64_t)d;
	return true;
}

static bool
number_of_text(struct hsw_str s, int64_t *out)
{
	char text[32], *end;

	if (s.len == 0 || s.len >= sizeof(text))
		return false;
	memcpy(text, s.s, s.len);
	text[s.len] = '\0';
	if (strspn(text, "0123456789+-.eE") != s.len)
		return false;
	double d = strtod(text, &end);
	if (*end != '\0')
		return false;
	/* Integers keep their last digits. */
	long long n = strtoll(text, &end, 10);
	if (*end != '\0' || n == LLONG_MAX || n == LLONG_MIN)
		return number_of_double(d, out);
	*out = n;
	return true;
}

/* A 64-bit number as JavaScript's Long writes it: two signed 32-bit halves. */
static bool
number_of_long(struct json_object *o, int64_t *out)
{
	struct json_object *low = cj_get(o, "low"), *high = cj_get(o, "high");

	if (!json_object_is_type(low, json_type_int) || !json_object_is_type(high, json_type_int))
		return false;
	*out = (int64_t)((uint64_t)json_object_get_int64(high) << 32 |
		(uint32_t)json_object_get_int64(low));
	return true;
}

bool
cj_number_of(struct json_object *o, int64_t *out)
{
	switch (json_object_get_type(o)) {
	case json_type_int:
		*out = json_object_get_int64(o);
		return true;
	case json_type_double:
		return number_of_double(json_object_get_double(o), out);
	case json_type_string:
		return number_of_text(cj_text(o), out);
	case json_type_object:
		return number_of_long(o, out);
	case json_type_null:
	case json_type_boolean:
	case json_type_array:
		return false;
	}
	return false;
}

bool
cj_number(struct json_object *o, const char *key, int64_t *out)
{
	return cj_number_of(cj_get(o, key), out);
}

int64_t
cj_count(struct json_object *o, const char *key)
{
	int64_t n;
	return cj_number(o, key, &n) ? n : 0;
}

enum hsw_tri
cj_tri(struct json_object *o, const char *key)
{
	struct json_object *value = cj_get(o, key);
	struct hsw_str text = cj_text(value);

	if (value == NULL)
		return HSW_UNKNOWN;
	if (text.s != NULL)
		return text.len == 4 && memcmp(text.s, "true", 4) == 0 ? HSW_YES : HSW_NO;
	return json_object_get_boolean(value) ? HSW_YES : HSW_NO;
}

bool
cj_bool(struct json_object *o, const char *key)
{
	return cj_tri(o, key) == HSW_YES;
}

int64_t
cj_time(struct json_object *o, const char *key)
{
	struct json_object *value = cj_get(o, key);
	int64_t n;

	if (json_object_is_type(value, json_type_string))
		return canon_time_parse(cj_text(value), &n) ? n : 0;
	if (json_object_is_type(value, json_type_double))
		return canon_epoch_ms(json_object_get_double(value));
	return cj_number_of(value, &n) ? canon_epoch_ms((double)n) : 0;
}

/* ---- bytes ---- */

static struct json_object *
element(struct json_object *o, size_t i)
{
	char key[24];

	if (json_object_is_type(o, json_type_array))
		return json_object_array_get_idx(o, i);
	snprintf(key, sizeof(key), "%zu", i);
	return cj_get(o, key);
}

static struct hsw_str
encode(struct hsw_canon *c, struct json_object *o, size_t n)
{
	const struct hsw_str none = { NULL, 0 };
	unsigned char *bytes = n > 0 ? (unsigned char *)canon_scratch(c, n) : NULL;

	if (bytes == NULL)
		return none;
	for (size_t i = 0; i < n; i++) {
		struct json_object *value = element(o, i);
		int64_t byte = json_object_get_int64(value);
		if (!json_object_is_type(value, json_type_int) || byte < 0 || byte > 255)
			return none;
		bytes[i] = (unsigned char)byte;
	}
	return canon_base64_encode(c, bytes, n);
}

struct hsw_str
cj_bytes(struct hsw_canon *c, struct json_object *o, const char *key)
{
	struct json_object *value = cj_get(o, key), *data = cj_array(value, "data");
	struct hsw_str text = cj_text(value);

	if (text.s != NULL)
		return canon_base64(c, &text) ? text : (struct hsw_str){ NULL, 0 };
	if (data != NULL)
		value = data;
	if (json_object_is_type(value, json_type_array))
		return encode(c, value, json_object_array_length(value));
	if (json_object_is_type(value, json_type_object))
		return encode(c, value, (size_t)json_object_object_length(value));
	return (struct hsw_str){ NULL, 0 };
}

/* ---- copies ---- */

static void
copy_members(struct hsw_canon *c, struct json_object *o,
	bool (*skip)(const char *name, struct json_object *value))
{
	json_object_object_foreach(o, name, value)
	{
		if (skip != NULL && skip(name, value))
			continue;
		canon_key(c, (struct hsw_str){ name, strlen(name) });
		cj_copy(c, NULL, value, skip);
	}
}

/* json-c reads NaN and Infinity, which are no JSON. */
static void
copy_number(struct hsw_canon *c, const char *key, struct hsw_str number)
{
	size_t before = c->text.len;

	canon_number(c, key, number);
	if (c->text.len == before)
		canon_null(c, key);
}

/* As deep as the tokener let the JSON be. */
void
cj_copy(struct hsw_canon *c, const char *key, struct json_object *o,
	bool (*skip)(const char *name, struct json_object *value))
{
	switch (json_object_get_type(o)) {
	case json_type_null:
		canon_null(c, key);
		break;
	case json_type_boolean:
		canon_bool(c, key, json_object_get_boolean(o));
		break;
	case json_type_int:
	case json_type_double:
		copy_number(c, key, number_text(o));
		break;
	case json_type_string:
		canon_string(c, key, cj_text(o));
		break;
	case json_type_array:
		canon_open_array(c, key);
		for (size_t i = 0; i < json_object_array_length(o); i++)
			cj_copy(c, NULL, json_object_array_get_idx(o, i), skip);
		canon_close_array(c);
		break;
	case json_type_object:
		canon_open_object(c, key);
		copy_members(c, o, skip);
		canon_close_object(c);
		break;
	}
}

/* ---- parsing ---- */

struct json_tokener *
cj_tokener_new(int depth)
{
	struct json_tokener *tokener = json_tokener_new_ex(depth);

	if (tokener != NULL)
		json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	return tokener;
}

static bool
is_blank(struct hsw_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.s[i] == '\0' || strchr(" \t\r\n", s.s[i]) == NULL)
			return false;
	}
	return true;
}

/* What is wrong with the text that the tokener has read; "": nothing. */
static void
explain(struct json_tokener *tokener, struct hsw_str body, struct hsw_error *err)
{
	enum json_tokener_error error = json_tokener_get_error(tokener);
	size_t end = json_tokener_get_parse_end(tokener);

	err->text[0] = '\0';
	if (error == json_tokener_continue)
		snprintf(err->text, sizeof(err->text),
			"body: bad JSON: it ends after %zu bytes, too soon", body.len);
	else if (error != json_tokener_success)
		snprintf(err->text, sizeof(err->text), "body: bad JSON at byte %zu: %s", end + 1,
			json_tokener_error_desc(error));
	else if (!is_blank((struct hsw_str){ body.s + end, body.len - end }))
		snprintf(err->text, sizeof(err->text),
			"body: bad JSON at byte %zu: something follows the JSON value", end + 1);
}

struct json_object *
cj_parse_any(struct json_tokener *tokener, struct hsw_str body, struct hsw_error *err)
{
	/* json-c's own check of UTF-8 goes byte by byte and takes a tenth of the time. */
	size_t good = canon_utf8_length(body);

	if (is_blank(body) || body.len > INT_MAX) {
		snprintf(err->text, sizeof(err->text), "body: is %s, expected a JSON object",
			body.len > INT_MAX ? "too large" : "empty");
		return NULL;
	}
	if (good < body.len) {
		snprintf(err->text, sizeof(err->text), "body: bad JSON at byte %zu: invalid UTF-8",
			good + 1);
		return NULL;
	}
	json_tokener_reset(tokener);
	struct json_object *root = json_tokener_parse_ex(tokener, body.s, (int)body.len);
	explain(tokener, body, err);
	if (err->text[0] == '\0' &&
		(json_object_is_type(root, json_type_object) ||
			json_object_is_type(root, json_type_array)))
		return root;
	if (err->text[0] == '\0')
		snprintf(err->text, sizeof(err->text), "body: expected a JSON object, found %s",
			json_type_to_name(json_object_get_type(root)));
	json_object_put(root);
	return NULL;
}

struct json_object *
cj_parse(struct json_tokener *tokener, struct hsw_str body, struct hsw_error *err)
{
	struct json_object *root = cj_parse_any(tokener, body, err);

	if (!json_object_is_type(root, json_type_array))
		return root;
	snprintf(err->text, sizeof(err->text), "body: expected a JSON object, found array");
	json_object_put(root);
	return NULL;
}
