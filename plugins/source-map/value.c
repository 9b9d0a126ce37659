/* SPDX-License-Identifier: Apache-2.0 */
/* value.c - see value.h. */
#include "value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <hookswitch/canon_json.h>

#include "form.h"

#define DEPTH_MAX 64          /* of what an expression gives */
#define NODES_MAX 100000      /* of the same */
#define EXACT_MAX (1LL << 53) /* integers that a double holds */

/* ---- JSON to jq ---- */

static jv
text_value(struct hsw_str s)
{
	return jv_string_sized(s.s, (int)s.len);
}

static jv
int_value(struct json_object *o)
{
	int64_t n = json_object_get_int64(o);

	if (n > EXACT_MAX || n < -EXACT_MAX)
		return jv_string(json_object_get_string(o));
	return jv_number((double)n);
}

static jv of_json(struct json_object *o);

static jv
array_value(struct json_object *o)
{
	size_t n = json_object_array_length(o);
	jv array = jv_array_sized((int)n + 1);

	for (size_t i = 0; i < n; i++)
		array = jv_array_append(array, of_json(json_object_array_get_idx(o, i)));
	return array;
}

static jv
object_value(struct json_object *o)
{
	jv object = jv_object();

	json_object_object_foreach(o, name, value)
	{
		object = jv_object_set(object, jv_string(name), of_json(value));
	}
	return object;
}

static jv
of_json(struct json_object *o)
{
	switch (json_object_get_type(o)) {
	case json_type_null:
		return jv_null();
	case json_type_boolean:
		return jv_bool(json_object_get_boolean(o));
	case json_type_double:
		return jv_number(json_object_get_double(o));
	case json_type_int:
		return int_value(o);
	case json_type_object:
		return object_value(o);
	case json_type_array:
		return array_value(o);
	case json_type_string:
		return text_value(cj_text(o));
	}
	return jv_null();
}

/* ---- forms to jq ---- */

static jv
with_field(jv object, const struct form_field *field)
{
	jv name = text_value(field->name), value = text_value(field->value);

	if (!jv_object_has(jv_copy(object), jv_copy(name)))
		return jv_object_set(object, name, value);
	/* The object lets go of the array first: one of which it holds a reference, too, is copied to append to it. */
	jv other = jv_object_get(jv_copy(object), jv_copy(name));
	object = jv_object_set(object, jv_copy(name), jv_null());
	if (jv_get_kind(other) != JV_KIND_ARRAY)
		other = jv_array_append(jv_array(), other);
	return jv_object_set(object, name, jv_array_append(other, value));
}

static int
of_form(struct hsw_str body, jv *out, struct hsw_error *err)
{
	struct form form;
	int rc = form_read(&form, body, err);
	jv object = jv_object();

	for (size_t i = 0; i < form.n && rc == HSW_OK; i++)
		object = with_field(object, &form.fields[i]);
	form_free(&form);
	if (rc == HSW_OK)
		*out = object;
	else
		jv_free(object);
	return rc;
}

/* ---- requests ---- */

static bool
begins_like_json(struct hsw_str body)
{
	for (size_t i = 0; i < body.len; i++) {
		if (memchr(" \t\r\n", body.s[i], 4) == NULL)
			return memchr("{[\"", body.s[i], 3) != NULL ||
				memchr(body.s, '=', body.len) == NULL;
	}
	return true;
}

bool
value_is_form(const struct hsw_request *request)
{
	static const char form[] = "application/x-www-form-urlencoded";
	struct hsw_str type = request->header(request, "Content-Type");

	if (type.s == NULL)
		return !begins_like_json(request->body);
	return type.len >= sizeof(form) - 1 && strncasecmp(type.s, form, sizeof(form) - 1) == 0;
}

int
value_of_request(const struct hsw_request *request, struct json_tokener *tokener, jv *out,
	struct hsw_error *err)
{
	if (value_is_form(request))
		return of_form(request->body, out, err);
	struct json_object *o = cj_parse_any(tokener, request->body, err);
	if (o == NULL)
		return HSW_EINVAL;
	*out = of_json(o);
	json_object_put(o);
	return HSW_OK;
}

/* ---- jq to JSON ---- */

struct copying {
	int depth, nodes;
	int rc;
};

static struct json_object *to_json(struct copying *c, jv value);

/* The shortest text that is this number again; NULL: it is none that JSON has. */
static struct json_object *
number_to_json(double d)
{
	char text[32];

	if (d > (double)-EXACT_MAX && d < (double)EXACT_MAX && d == (double)(int64_t)d)
		return json_object_new_int64((int64_t)d);
	if (!(d > -1e308 && d < 1e308))
		return NULL;
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, d);
		if (strtod(text, NULL) == d)
			break;
	}
	return json_object_new_double_s(d, text);
}

static struct json_object *
array_to_json(struct copying *c, jv array)
{
	struct json_object *o = json_object_new_array();

	jv_array_foreach(array, i, value)
	{
		struct json_object *element = to_json(c, value);
		if (c->rc == HSW_OK && json_object_array_add(o, element) == 0)
			continue;
		json_object_put(element);
		c->rc = c->rc != HSW_OK ? c->rc : HSW_ENOMEM;
		break;
	}
	jv_free(array);
	return o;
}

static struct json_object *
object_to_json(struct copying *c, jv object)
{
	struct json_object *o = json_object_new_object();

	jv_object_foreach(object, name, value)
	{
		struct json_object *member = to_json(c, value);
		if (c->rc != HSW_OK ||
			json_object_object_add(o, jv_string_value(name), member) != 0) {
			json_object_put(member);
			c->rc = c->rc != HSW_OK ? c->rc : HSW_ENOMEM;
		}
		jv_free(name);
	}
	jv_free(object);
	return o;
}

static struct json_object *
string_to_json(jv string)
{
	struct json_object *o = json_object_new_string_len(
		jv_string_value(string), jv_string_length_bytes(jv_copy(string)));

	jv_free(string);
	return o;
}

static struct json_object *
plain_to_json(jv value)
{
	jv_kind kind = jv_get_kind(value);
	struct json_object *o = NULL;

	if (kind == JV_KIND_TRUE || kind == JV_KIND_FALSE)
		o = json_object_new_boolean(kind == JV_KIND_TRUE);
	else if (kind == JV_KIND_NUMBER)
		o = number_to_json(jv_number_value(value));
	jv_free(value);
	return o;
}

static struct json_object *
to_json(struct copying *c, jv value)
{
	jv_kind kind = jv_get_kind(value);
	struct json_object *o;

	if (++c->nodes > NODES_MAX || c->depth == DEPTH_MAX)
		c->rc = HSW_ELIMIT;
	if (c->rc != HSW_OK) {
		jv_free(value);
		return NULL;
	}
	c->depth++;
	if (kind == JV_KIND_ARRAY)
		o = array_to_json(c, value);
	else if (kind == JV_KIND_OBJECT)
		o = object_to_json(c, value);
	else if (kind == JV_KIND_STRING)
		o = string_to_json(value);
	else
		o = plain_to_json(value);
	c->depth--;
	return o;
}

int
value_to_json(jv value, struct json_object **out)
{
	struct copying c = { .rc = HSW_OK };

	*out = to_json(&c, value);
	if (c.rc == HSW_OK)
		return HSW_OK;
	json_object_put(*out);
	*out = NULL;
	return c.rc;
}

int
value_set(struct json_object *root, const char *path, struct json_object *value)
{
	char name[64];

	for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
		struct json_object *next = NULL;
		snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
		if (!json_object_object_get_ex(root, name, &next)) {
			next = json_object_new_object();
			if (json_object_object_add(root, name, next) != 0) {
				json_object_put(next);
				json_object_put(value);
				return HSW_ENOMEM;
			}
		}
		root = next;
	}
	if (json_object_object_add(root, path, value) == 0)
		return HSW_OK;
	json_object_put(value);
	return HSW_ENOMEM;
}
