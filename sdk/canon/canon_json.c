/* SPDX-License-Identifier: Apache-2.0 */
/* canon_json.c - see hookswitch/canon_json.h. */
#include <hookswitch/canon_json.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX (64 << 20) /* of an array of bytes */

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

static bool
number_of_text(struct hsw_str s, int64_t *out)
{
	char text[32], *end;

	if (s.len == 0 || s.len >= sizeof(text))
		return false;
	memcpy(text, s.s, s.len);
	text[s.len] = '\0';
	*out = strtoll(text, &end, 10);
	if (*end == '\0')
		return true;
	double d = strtod(text, &end);
	if (*end != '\0' || !(d > -9e18 && d < 9e18))
		return false;
	*out = (int64_t)d;
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
	case json_type_double: {
		double d = json_object_get_double(o);
		if (!(d > -9e18 && d < 9e18))
			return false;
		*out = (int64_t)d;
		return true;
	}
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

bool
cj_bool(struct json_object *o, const char *key)
{
	struct json_object *value = cj_get(o, key);
	struct hsw_str text = cj_text(value);

	if (text.s != NULL)
		return text.len == 4 && memcmp(text.s, "true", 4) == 0;
	return json_object_get_boolean(value);
}

bool
cj_time(struct json_object *o, const char *key, int64_t *ms)
{
	struct json_object *value = cj_get(o, key);
	int64_t n;

	if (json_object_is_type(value, json_type_string))
		return canon_time_parse(cj_text(value), ms);
	if (json_object_is_type(value, json_type_double)) {
		double d = json_object_get_double(value);
		*ms = (int64_t)(d < 1e11 ? d * 1000 : d);
		return d > 0 && d < 1e15;
	}
	if (!cj_number_of(value, &n) || n <= 0 || n >= 1000000000000000)
		return false;
	*ms = canon_epoch_ms(n);
	return true;
}

/* ---- bytes ---- */

static char *
encode(const unsigned char *bytes, size_t n, size_t *len)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *out = malloc((n + 2) / 3 * 4 + 1), *at = out;

	for (size_t i = 0; out != NULL && i < n; i += 3) {
		unsigned v = (unsigned)bytes[i] << 16 |
			(i + 1 < n ? (unsigned)bytes[i + 1] << 8 : 0) |
			(i + 2 < n ? bytes[i + 2] : 0);
		*at++ = alphabet[v >> 18];
		*at++ = alphabet[v >> 12 & 63];
		*at++ = i + 1 < n ? alphabet[v >> 6 & 63] : '=';
		*at++ = i + 2 < n ? alphabet[v & 63] : '=';
	}
	*len = (size_t)(at - out);
	return out;
}

static struct json_object *
byte_at(struct json_object *o, size_t i)
{
	char key[24];

	if (json_object_is_type(o, json_type_array))
		return json_object_array_get_idx(o, i);
	snprintf(key, sizeof(key), "%zu", i);
	return cj_get(o, key);
}

static struct hsw_str
encode_elements(struct json_object *o, size_t n, char **owned)
{
	struct hsw_str none = { NULL, 0 }, out = none;
	unsigned char *bytes = n > 0 && n <= BYTES_MAX ? malloc(n) : NULL;
	size_t i = 0;

	for (; bytes != NULL && i < n; i++) {
		struct json_object *value = byte_at(o, i);
		int64_t byte;
		if (!json_object_is_type(value, json_type_int) ||
			(byte = json_object_get_int64(value)) < 0 || byte > 255)
			break;
		bytes[i] = (unsigned char)byte;
	}
	if (bytes != NULL && i == n)
		out.s = *owned = encode(bytes, n, &out.len);
	free(bytes);
	return out;
}

struct hsw_str
cj_bytes(struct json_object *o, const char *key, char **owned)
{
	struct json_object *value = cj_get(o, key);
	struct hsw_str text = cj_text(value);

	*owned = NULL;
	if (text.s != NULL)
		return canon_base64(&text) ? text : (struct hsw_str){ NULL, 0 };
	struct json_object *array = cj_array(value, "data");
	if (array == NULL && json_object_is_type(value, json_type_array))
		array = value;
	if (array != NULL)
		return encode_elements(array, json_object_array_length(array), owned);
	if (json_object_is_type(value, json_type_object))
		return encode_elements(value, (size_t)json_object_object_length(value), owned);
	return (struct hsw_str){ NULL, 0 };
}

/* ---- parsing ---- */

static bool
is_blank(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s[i] != ' ' && s[i] != '\t' && s[i] != '\r' && s[i] != '\n')
			return false;
	}
	return true;
}

struct json_object *
cj_parse(struct json_tokener *tokener, struct hsw_str body, struct hsw_error *err)
{
	if (is_blank(body.s, body.len)) {
		snprintf(err->text, sizeof(err->text), "the body is empty, expected a JSON object");
		return NULL;
	}
	if (body.len > INT_MAX) {
		snprintf(err->text, sizeof(err->text), "the body is too large");
		return NULL;
	}
	json_tokener_reset(tokener);
	struct json_object *root = json_tokener_parse_ex(tokener, body.s, (int)body.len);
	enum json_tokener_error error = json_tokener_get_error(tokener);
	size_t end = json_tokener_get_parse_end(tokener);
	/* A number at the very end could go on; nothing else can. */
	if (error == json_tokener_continue)
		snprintf(err->text, sizeof(err->text),
			"bad JSON: the body ends after %zu bytes in the middle of it", body.len);
	else if (error != json_tokener_success)
		snprintf(err->text, sizeof(err->text), "bad JSON at byte %zu: %s", end + 1,
			json_tokener_error_desc(error));
	else if (!is_blank(body.s + end, body.len - end))
		snprintf(err->text, sizeof(err->text),
			"bad JSON at byte %zu: something follows the JSON value", end + 1);
	else if (!json_object_is_type(root, json_type_object))
		snprintf(err->text, sizeof(err->text),
			"expected a JSON object, found another kind of value");
	else
		return root;
	json_object_put(root);
	return NULL;
}
