/* SPDX-License-Identifier: Apache-2.0 */
/* raw.c - see raw.h. */
#include "raw.h"

#include <limits.h>
#include <stdlib.h>
#include <strings.h>

#include <json.h>
#include <openssl/evp.h>

#define DEPTH_MAX 64
#define NAME_MAX_BYTES 64
#define TYPE_MAX_BYTES 100 /* of a Content-Type are kept */

bool
raw_is_credential(const char *name)
{
	static const char *const names[] = { "apikey", "api_key", "token", "access_token",
		"instanceToken", "jwt", "authorization", "mediaKey", "password", "secret" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static void write_value(struct buf *, struct json_object *);

static void
write_object(struct buf *b, struct json_object *o)
{
	bool is_first = true;

	buf_str(b, "{");
	json_object_object_foreach(o, name, value)
	{
		if (!is_first)
			buf_str(b, ",");
		is_first = false;
		buf_json_cstr(b, name);
		buf_str(b, ":");
		if (value != NULL && raw_is_credential(name))
			buf_str(b, "\"[redacted]\"");
		else
			write_value(b, value);
	}
	buf_str(b, "}");
}

static void
write_array(struct buf *b, struct json_object *o)
{
	size_t n = json_object_array_length(o);

	buf_str(b, "[");
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_str(b, ",");
		write_value(b, json_object_array_get_idx(o, i));
	}
	buf_str(b, "]");
}

static void
write_value(struct buf *b, struct json_object *o)
{
	if (json_object_is_type(o, json_type_object))
		write_object(b, o);
	else if (json_object_is_type(o, json_type_array))
		write_array(b, o);
	else if (json_object_is_type(o, json_type_string))
		buf_json(b,
			(struct hsw_str){
				json_object_get_string(o), (size_t)json_object_get_string_len(o) });
	else
		buf_str(b, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
}

static void
write_base64(struct buf *b, struct hsw_str body)
{
	buf_str(b, "\"");
	if (body.len < INT_MAX / 2 && buf_reserve(b, 4 * (body.len / 3 + 1) + 2))
		b->len += (size_t)EVP_EncodeBlock((unsigned char *)b->data + b->len,
			(const unsigned char *)body.s, (int)body.len);
	buf_str(b, "\"");
}

/* json-c takes NaN and Infinity, which are no JSON (RFC 8259 section 6). Outside of strings, no other word has
 * these letters. */
static bool
has_no_number(struct hsw_str body)
{
	bool in_string = false;

	for (size_t i = 0; i < body.len; i++) {
		char c = body.s[i];
		if (c == '\\' && in_string)
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == 'N' || c == 'I'))
			return true;
	}
	return false;
}

/* NULL: it is no JSON. */
static struct json_object *
parse(struct hsw_str body)
{
	struct json_tokener *t = body.len < INT_MAX ? json_tokener_new_ex(DEPTH_MAX) : NULL;

	if (t == NULL)
		return NULL;
	json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *o = json_tokener_parse_ex(t, body.s, (int)body.len);
	bool is_whole = json_tokener_get_error(t) == json_tokener_success &&
		json_tokener_get_parse_end(t) == body.len;
	json_tokener_free(t);
	if (is_whole && !has_no_number(body))
		return o;
	json_object_put(o);
	return NULL;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct hsw_str
trim(struct hsw_str s)
{
	while (s.len > 0 && is_space(s.s[s.len - 1]))
		s.len--;
	while (s.len > 0 && is_space(s.s[0]))
		s = (struct hsw_str){ s.s + 1, s.len - 1 };
	return s;
}

bool
raw_redact(struct buf *b, struct hsw_str body)
{
	struct json_object *o = parse(trim(body));

	if (o == NULL)
		return false;
	write_value(b, o);
	json_object_put(o);
	return true;
}

void
raw_json(struct buf *b, struct hsw_str body)
{
	if (!raw_redact(b, body))
		write_base64(b, body);
}

/* ---- source.raw ---- */

static bool
is_multipart(struct hsw_str body, struct hsw_str type)
{
	static const char multipart[] = "multipart/";

	return (type.len >= sizeof(multipart) - 1 &&
		       strncasecmp(type.s, multipart, sizeof(multipart) - 1) == 0) ||
		(body.len > 2 && memcmp(body.s, "--", 2) == 0);
}

static void
write_form(struct buf *b, struct hsw_str body)
{
	struct buf form = BUF_INIT;

	raw_form(&form, body);
	write_base64(b, (struct hsw_str){ form.data, form.len });
	b->failed = b->failed || form.failed;
	buf_free(&form);
}

/* A member of a header: what stands in one without escapes. */
static void
write_type(struct buf *b, struct hsw_str type)
{
	for (size_t i = 0; i < type.len && i < TYPE_MAX_BYTES; i++) {
		if (type.s[i] >= ' ' && type.s[i] <= '~' && type.s[i] != '"' && type.s[i] != '\\')
			buf_append(b, &type.s[i], 1);
	}
}

/* false: nothing is known of the credentials in it. */
static bool
write_raw(struct buf *b, struct hsw_str body, struct hsw_str type, bool *is_json)
{
	struct hsw_str text = trim(body);

	*is_json = text.len > 0 && (text.s[0] == '{' || text.s[0] == '[');
	if (*is_json)
		return raw_redact(b, body);
	if (body.len > RAW_MAX / 2 || is_multipart(text, type))
		return false;
	write_form(b, body);
	return true;
}

bool
raw_source(struct buf *b, struct hasher *hasher, struct hsw_str body, struct hsw_str type)
{
	unsigned char digest[SHA256_BYTES];
	size_t before = b->len;
	bool is_json = false;

	if (!hasher_sha256(hasher, &body, 1, digest))
		return false;
	buf_str(b, ",\"raw\":");
	if (!write_raw(b, body, type, &is_json) || b->len - before > RAW_MAX)
		b->len = before;
	buf_str(b, ",\"rawSha256\":\"");
	buf_hex(b, digest, sizeof(digest));
	buf_str(b, "\",\"rawType\":\"");
	if (type.len > 0)
		write_type(b, type);
	else
		buf_str(b, is_json ? "application/json" : "application/octet-stream");
	buf_str(b, "\"");
	return !b->failed;
}

void
raw_type(struct buf *b, struct hsw_str name)
{
	buf_str(b, "raw.");
	for (size_t i = 0; i < name.len && i < NAME_MAX_BYTES; i++) {
		char c = name.s[i];
		bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
		buf_append(b, is_plain ? &c : "_", 1);
	}
}
