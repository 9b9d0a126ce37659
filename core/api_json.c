/* SPDX-License-Identifier: Apache-2.0 */
/* api_json.c - see api_json.h. */
#include "api_json.h"

#include <inttypes.h>
#include <stdlib.h>

#include "clock.h"
#include "err.h"
#include "option.h"

#define DEPTH_MAX 16

/* The members of all objects, as the text has them: each has one colon outside of strings. */
static size_t
count_colons(struct hsw_str body)
{
	bool is_string = false;
	size_t n = 0;

	for (size_t i = 0; i < body.len; i++) {
		if (is_string && body.s[i] == '\\')
			i++;
		else if (body.s[i] == '"')
			is_string = !is_string;
		else
			n += !is_string && body.s[i] == ':';
	}
	return n;
}

/* The same, as they were read: of two of one name the last is left. At most DEPTH_MAX deep. */
static size_t
count_members(struct json_object *o)
{
	size_t n = 0;

	if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, name, value)
		{
			(void)name;
			n += 1 + count_members(value);
		}
	} else if (json_object_is_type(o, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(o); i++)
			n += count_members(json_object_array_get_idx(o, i));
	}
	return n;
}

int
api_json_parse(struct hsw_str body, struct json_object **out, struct hsw_error *err)
{
	struct json_tokener *t = json_tokener_new_ex(DEPTH_MAX);

	*out = NULL;
	if (t == NULL)
		return err_set(err, HSW_ENOMEM, "Out of memory");
	json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *root = json_tokener_parse_ex(t, body.s, (int)body.len);
	enum json_tokener_error why = json_tokener_get_error(t);
	size_t at = json_tokener_get_parse_end(t);
	if (why == json_tokener_continue) { /* a number or word ends only with what follows it */
		root = json_tokener_parse_ex(t, "", 1);
		why = json_tokener_get_error(t) == json_tokener_success ? json_tokener_success
									: json_tokener_continue;
	}
	json_tokener_free(t);
	while (why == json_tokener_success && at < body.len && strchr(" \t\r\n", body.s[at]))
		at++;
	int rc = HSW_OK;
	if (body.len == 0)
		rc = err_set(err, HSW_EINVAL, "Invalid JSON: the body is empty");
	else if (why == json_tokener_continue)
		rc = err_set(
			err, HSW_EINVAL, "Invalid JSON: it ends too early, at byte %zu", body.len);
	else if (why != json_tokener_success)
		rc = err_set(err, HSW_EINVAL, "Invalid JSON at byte %zu: %s", at,
			json_tokener_error_desc(why));
	else if (at < body.len)
		rc = err_set(err, HSW_EINVAL, "Invalid JSON at byte %zu: more after its end", at);
	else if (!json_object_is_type(root, json_type_object))
		rc = err_set(err, HSW_EINVAL, "Invalid JSON: expected an object");
	else if (count_colons(body) != count_members(root))
		rc = err_set(err, HSW_EINVAL, "Invalid JSON: a member stands there twice");
	if (rc == HSW_OK)
		*out = root;
	else
		json_object_put(root);
	return rc;
}

int
api_json_check_names(struct json_object *o, const char *const *known, struct hsw_error *err)
{
	json_object_object_foreach(o, name, value)
	{
		const char *const *k = known;
		(void)value;
		while (*k != NULL && strcmp(*k, name) != 0)
			k++;
		if (*k != NULL)
			continue;
		const char *nearest = nearest_word(known, name);
		return err_set(err, HSW_EINVAL, "%.60s: unknown field%s%s%s", name,
			nearest != NULL ? ", did you mean " : "", nearest != NULL ? nearest : "",
			nearest != NULL ? "?" : "");
	}
	return HSW_OK;
}

static int
wrong_type(const char *field, struct json_object *v, const char *expected, struct hsw_error *err)
{
	return err_set(err, HSW_EINVAL, "%.60s: expected %s, found %s", field, expected,
		json_type_to_name(json_object_get_type(v)));
}

static int
copy_text(const char *field, struct json_object *v, size_t max, char **out, struct hsw_error *err)
{
	if (!json_object_is_type(v, json_type_string))
		return wrong_type(field, v, "a string", err);
	const char *s = json_object_get_string(v);
	size_t n = (size_t)json_object_get_string_len(v);
	if (n > max)
		return err_set(err, HSW_EINVAL, "%.60s: longer than %zu bytes", field, max);
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return err_set(
				err, HSW_EINVAL, "%.60s: has a control character in it", field);
	}
	*out = n > 0 ? strndup(s, n) : NULL;
	return n == 0 || *out != NULL ? HSW_OK : err_set(err, HSW_ENOMEM, "Out of memory");
}

int
api_json_text(
	struct json_object *o, const char *field, size_t max, char **out, struct hsw_error *err)
{
	struct json_object *v = json_object_object_get(o, field);

	*out = NULL;
	return v != NULL ? copy_text(field, v, max, out, err) : HSW_OK;
}

int
api_json_bool(
	struct json_object *o, const char *field, bool *out, bool *is_set, struct hsw_error *err)
{
	struct json_object *v = json_object_object_get(o, field);

	if (is_set != NULL)
		*is_set = v != NULL;
	if (v == NULL)
		return HSW_OK;
	if (!json_object_is_type(v, json_type_boolean))
		return wrong_type(field, v, "true or false", err);
	*out = json_object_get_boolean(v);
	return HSW_OK;
}

int
api_json_number(struct json_object *o, const char *field, int64_t min, int64_t max, int64_t *out,
	struct hsw_error *err)
{
	struct json_object *v = json_object_object_get(o, field);

	if (v == NULL)
		return HSW_OK;
	if (!json_object_is_type(v, json_type_int))
		return wrong_type(field, v, "a number", err);
	int64_t n = json_object_get_int64(v);
	if (n < min)
		return err_set(err, HSW_EINVAL, "%.60s: below %" PRId64, field, min);
	if (n > max)
		return err_set(err, HSW_EINVAL, "%.60s: above %" PRId64, field, max);
	*out = n;
	return HSW_OK;
}

int
api_json_time(struct json_object *o, const char *field, int64_t *wall_ms, bool *is_set,
	struct hsw_error *err)
{
	static const char expected[] = "a time such as 2026-11-21T09:30:00Z, or milliseconds since "
				       "1970";
	struct json_object *v = json_object_object_get(o, field);

	*is_set = v != NULL;
	if (v == NULL || json_object_is_type(v, json_type_int))
		return api_json_number(o, field, 0, CLOCK_LAST_MS, wall_ms, err);
	if (!json_object_is_type(v, json_type_string))
		return wrong_type(field, v, expected, err);
	const char *s = json_object_get_string(v);
	if (strlen(s) == (size_t)json_object_get_string_len(v) && clock_parse(s, wall_ms))
		return HSW_OK;
	return err_set(err, HSW_EINVAL, "%.60s: expected %s", field, expected);
}

static bool
has_type(const struct event_list *l, int type)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->types[i] == type)
			return true;
	}
	return false;
}

int
api_json_events(
	struct json_object *o, const char *field, struct event_list *out, struct hsw_error *err)
{
	struct json_object *list = json_object_object_get(o, field);

	out->n = 0;
	if (list == NULL)
		return HSW_OK;
	if (!json_object_is_type(list, json_type_array))
		return wrong_type(field, list, "an array", err);
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *v = json_object_array_get_idx(list, i);
		if (!json_object_is_type(v, json_type_string))
			return wrong_type(field, v, "names of events", err);
		int type = event_type_of((struct hsw_str){
			json_object_get_string(v), (size_t)json_object_get_string_len(v) });
		if (type < 0)
			return err_set(err, HSW_EINVAL,
				"%.60s: unknown event `%.60s`; events are message.exchange, "
				"message.status, call.update, group.flow, instance.state, "
				"label.update",
				field, json_object_get_string(v));
		if (!has_type(out, type))
			out->types[out->n++] = (unsigned char)type;
	}
	return HSW_OK;
}

/* RFC 9110 section 5.6.2 */
static bool
is_header_name(const char *s)
{
	static const char chars[] = "!#$%&'*+-.^_`~0123456789abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	return *s != '\0' && s[strspn(s, chars)] == '\0';
}

/* What the webhook sink, HTTP itself or another member sets: the sink would refuse it with each delivery. */
static bool
is_reserved(const char *name)
{
	static const char *const reserved[] = { "Authorization", "Connection", "Content-Encoding",
		"Content-Length", "Content-Type", "Expect", "Host", "HTTP2-Settings", "Keep-Alive",
		"Proxy-Authorization", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding",
		"Upgrade", "User-Agent", "webhook-id", "webhook-signature", "webhook-timestamp",
		"X-Hookswitch-Attempt", NULL };

	for (size_t i = 0; reserved[i] != NULL; i++) {
		if (strcasecmp(reserved[i], name) == 0)
			return true;
	}
	return false;
}

int
api_json_headers(struct json_object *o, const char *field, char **out, struct hsw_error *err)
{
	struct json_object *headers = json_object_object_get(o, field);
	struct buf lines = BUF_INIT;
	int rc = HSW_OK;

	*out = NULL;
	if (headers == NULL)
		return HSW_OK;
	if (!json_object_is_type(headers, json_type_object))
		return wrong_type(field, headers, "an object of strings", err);
	json_object_object_foreach(headers, name, value)
	{
		char *text = NULL;
		if (rc == HSW_OK && !is_header_name(name))
			rc = err_set(
				err, HSW_EINVAL, "%s: `%.60s` is no header's name", field, name);
		if (rc == HSW_OK && is_reserved(name))
			rc = err_set(err, HSW_EINVAL, "%s: %.60s cannot be set here", field, name);
		if (rc == HSW_OK)
			rc = copy_text(field, value, WEBHOOK_TEXT_MAX, &text, err);
		if (rc == HSW_OK && text == NULL)
			rc = err_set(err, HSW_EINVAL, "%s: %.60s is empty", field, name);
		if (rc == HSW_OK)
			buf_printf(&lines, "%s: %s\n", name, text);
		free(text);
	}
	bool is_empty = lines.len == 0;
	buf_append(&lines, "", 1);
	if (rc == HSW_OK && lines.failed)
		rc = err_set(err, HSW_ENOMEM, "Out of memory");
	else if (rc == HSW_OK && lines.len > WEBHOOK_HEADERS_MAX)
		rc = err_set(
			err, HSW_EINVAL, "%s: longer than %d bytes", field, WEBHOOK_HEADERS_MAX);
	if (rc != HSW_OK || is_empty)
		buf_free(&lines);
	else
		*out = lines.data;
	return rc;
}
