/* SPDX-License-Identifier: Apache-2.0 */
/* signed_rig.c - see signed_rig.h. */
#include "signed_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <check.h>

const struct signed_conf signed_plain = { .hmac_key = NULL };

/* ---- signatures ---- */

/* A request with one header; the request comes first. */
struct request {
	struct hsw_request request;
	const char *name, *value;
};

static struct hsw_str
header(const struct hsw_request *request, const char *name)
{
	const struct request *r = (const struct request *)request;

	if (r->value == NULL || strcasecmp(r->name, name) != 0)
		return (struct hsw_str){ NULL, 0 };
	return (struct hsw_str){ r->value, strlen(r->value) };
}

int
signed_verify(const struct hsw_source_ops *ops, const char *key, struct hsw_str body,
	const char *name, const char *value)
{
	struct signed_conf conf = { .hmac_key = key };
	struct request r = {
		.request = { .size = sizeof(struct hsw_request), .body = body, .header = header },
		.name = name,
		.value = value
	};
	struct hsw_error err = { .text = "" };
	void *self;

	ck_assert_int_eq(ops->open(NULL, NULL, &conf, &self, &err), HSW_OK);
	int rc = ops->verify(self, &r.request, &err);
	ops->close(self);
	ck_assert_msg(
		key == NULL || strstr(err.text, key) == NULL, "the key is told: %s", err.text);
	ck_assert_msg(rc == HSW_OK || err.text[0] != '\0', "refused without a reason");
	return rc;
}

static void
check_other_signatures(const struct hsw_source_ops *ops, const char *key, struct hsw_str body,
	const char *name, const char *signature)
{
	size_t n = strlen(signature);
	char *other = strdup(signature);

	for (size_t i = 0; i < n; i++) {
		other[i] = (char)(signature[i] == 'f' ? 'e' : 'f');
		ck_assert_int_eq(signed_verify(ops, key, body, name, other), HSW_EAUTH);
		other[i] = signature[i];
	}
	other[n - 1] = '\0';
	ck_assert_int_eq(signed_verify(ops, key, body, name, other), HSW_EAUTH);
	free(other);
	ck_assert_int_eq(signed_verify(ops, key, body, name, ""), HSW_EAUTH);
	ck_assert_int_eq(signed_verify(ops, key, body, name, NULL), HSW_EAUTH);
}

void
signed_check_signature(const struct hsw_source_ops *ops, const char *key, struct hsw_str body,
	const char *name, const char *signature)
{
	struct hsw_str cut = { body.s, body.len - 1 };

	ck_assert_int_eq(signed_verify(ops, key, body, name, signature), HSW_OK);
	ck_assert_int_eq(signed_verify(ops, key, cut, name, signature), HSW_EAUTH);
	ck_assert_int_eq(signed_verify(ops, "another", body, name, signature), HSW_EAUTH);
	check_other_signatures(ops, key, body, name, signature);
	ck_assert_int_eq(signed_verify(ops, NULL, body, name, NULL), HSW_OK);
}

/* ---- bodies ---- */

static void
check_refused(const struct hsw_source_ops *ops, const char *body, const char *text)
{
	struct hsw_error err = { .text = "" };
	struct json_object *events = events_translate(
		ops, &signed_plain, "", (struct hsw_str){ body, strlen(body) }, &err);

	ck_assert_msg(events == NULL, "%s is taken", body);
	ck_assert_msg(strncmp(err.text, text, strlen(text)) == 0,
		"%s: expected \"%s\", found \"%s\"", body, text, err.text);
}

void
signed_check_bad_bodies(const struct hsw_source_ops *ops, const char *member, const char *example)
{
	static const char *const found[][2] = { { "7", "int" }, { "{}", "object" },
		{ "[]", "array" }, { "true", "boolean" } };
	static const char *const nothing[] = { "{}", "{\"%s\":null}", "{\"%s\":\"\"}" };
	char body[256], text[256];

	check_refused(ops, "", "body: ");
	check_refused(ops, "{\"a\":", "body: bad JSON: it ends after 5 bytes");
	check_refused(ops, "{\"a\":\"\xff\"}", "body: bad JSON at byte ");
	check_refused(ops, "{\"a\":1}x", "body: bad JSON at byte ");
	check_refused(ops, "[]", "body: expected a JSON object, found array");
	for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
		snprintf(body, sizeof(body), "{\"%s\":%s}", member, found[i][0]);
		snprintf(
			text, sizeof(text), "%s: expected a string, found %s", member, found[i][1]);
		check_refused(ops, body, text);
	}
	snprintf(text, sizeof(text), "%s: is missing, expected a name such as %s", member, example);
	for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
		const char *form = nothing[i];
		const char *at = strstr(form, "%s");
		if (at == NULL)
			snprintf(body, sizeof(body), "%s", form);
		else
			snprintf(body, sizeof(body), "%.*s%s%s", (int)(at - form), form, member,
				at + 2);
		check_refused(ops, body, text);
	}
}

void
signed_check_cuts(const struct hsw_source_ops *ops, const char *name)
{
	char path[1024];
	size_t len;
	void *self;
	struct hsw_error err;
	int rc;

	source_fixture_path(path, sizeof(path), name, ".json");
	char *body = source_read_file(path, &len);
	while (len > 0 && body[len - 1] == '\n')
		len--;
	ck_assert_int_eq(ops->open(NULL, NULL, &signed_plain, &self, &err), HSW_OK);
	for (size_t n = 0; n < len; n++) {
		ck_assert_ptr_null(events_translate_with(
			ops, self, "", (struct hsw_str){ body, n }, &err, &rc));
		ck_assert_int_eq(rc, HSW_EINVAL);
	}
	struct json_object *events = events_translate_with(
		ops, self, "", (struct hsw_str){ body, len }, &err, &rc);
	ck_assert_int_eq(rc, HSW_OK);
	ck_assert_uint_gt(json_object_array_length(events), 0);
	json_object_put(events);
	ops->close(self);
	free(body);
}

void
signed_check_secrets(const struct hsw_source_ops *ops, const char *body)
{
	struct hsw_error err = { .text = "" };
	struct json_object *events = events_translate(
		ops, &signed_plain, "", (struct hsw_str){ body, strlen(body) }, &err);

	ck_assert_msg(events != NULL, "%s", err.text);
	ck_assert_uint_gt(json_object_array_length(events), 0);
	for (size_t i = 0; i < json_object_array_length(events); i++) {
		struct json_object *event = json_object_array_get_idx(events, i);
		struct json_object *data = json_object_object_get(event, "without_parts");
		if (data == NULL)
			data = json_object_object_get(event, "data");
		ck_assert_msg(data != NULL, "%s: is ignored", body);
		const char *text = json_object_to_json_string(data);
		ck_assert_msg(strstr(text, "S3CRET") == NULL, "%s", text);
	}
	json_object_put(events);
}
