/* SPDX-License-Identifier: Apache-2.0 */
/* source_rig.c - see source_rig.h. */
#include "source_rig.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <check.h>

#define EXPECTED ".expected.json"

const struct hsw_source_ops *
source_plugin(const char *name)
{
	const char *dir = getenv("PLUGIN_DIR");
	char path[512];

	snprintf(path, sizeof(path), "%s/source-%s.so", dir != NULL ? dir : "plugins/.libs", name);
	return events_load(path);
}

/* ---- files ---- */

void
source_fixture_path(char *out, size_t size, const char *name, const char *suffix)
{
	const char *top = getenv("srcdir");

	snprintf(out, size, "%s/tests/fixtures/%s%s", top != NULL ? top : ".", name, suffix);
}

char *
source_read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	char *text = NULL;
	FILE *out = open_memstream(&text, len);
	char page[4096];
	size_t n;

	ck_assert_msg(f != NULL, "%s cannot be read", path);
	while ((n = fread(page, 1, sizeof(page), f)) > 0)
		fwrite(page, 1, n, out);
	fclose(f);
	fclose(out);
	return text;
}

/* ---- payloads ---- */

static void
payload_path(char *out, size_t size, const char *name)
{
	source_fixture_path(out, size, name, ".form");
	if (access(out, R_OK) != 0)
		source_fixture_path(out, size, name, ".json");
}

/* Opened once for many bodies, as the daemon does it: to compile a map takes a tenth of a second. */
static void *
open_source(const struct hsw_source_ops *ops, const void *conf)
{
	void *self = NULL;
	struct hsw_error err;

	ck_assert_msg(ops->open(NULL, NULL, conf, &self, &err) == HSW_OK, "%s", err.text);
	return self;
}

static void
check_fixture(const struct hsw_source_ops *ops, void *self, const char *name)
{
	int rc;
	char path[1024];
	size_t len, expected_len;
	struct hsw_error err;

	payload_path(path, sizeof(path), name);
	char *body = source_read_file(path, &len);
	source_fixture_path(path, sizeof(path), name, EXPECTED);
	char *text = source_read_file(path, &expected_len);
	struct json_object *expected = json_tokener_parse(text);
	struct json_object *events = events_translate_with(
		ops, self, "", (struct hsw_str){ body, len }, &err, &rc);
	ck_assert_msg(events != NULL, "%s: %s", name, err.text);
	events_simplify(events);
	ck_assert_msg(json_object_equal(expected, events), "%s: expected\n%s\nfound\n%s", name,
		json_object_to_json_string(expected), json_object_to_json_string(events));
	json_object_put(expected);
	json_object_put(events);
	free(body);
	free(text);
}

void
source_check_fixtures(
	const struct hsw_source_ops *ops, const void *conf, const char *folder, int at_least)
{
	char path[1024];
	int n = 0;

	source_fixture_path(path, sizeof(path), folder, "");
	DIR *dir = opendir(path);
	ck_assert_msg(dir != NULL, "%s cannot be read", path);
	void *self = open_source(ops, conf);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		const char *end = strstr(entry->d_name, EXPECTED);
		if (end == NULL)
			continue;
		char name[512];
		snprintf(name, sizeof(name), "%s/%.*s", folder, (int)(end - entry->d_name),
			entry->d_name);
		check_fixture(ops, self, name);
		n++;
	}
	ops->close(self);
	closedir(dir);
	ck_assert_int_ge(n, at_least);
}

/* ---- cases ---- */

struct json_object *
source_read_cases(const char *provider, const char *list, size_t at_least)
{
	char path[1024], name[128];
	size_t len;

	snprintf(name, sizeof(name), "source-%s.cases", provider);
	source_fixture_path(path, sizeof(path), name, ".json");
	char *text = source_read_file(path, &len);
	struct json_object *all = json_tokener_parse(text);
	struct json_object *cases = json_object_get(json_object_object_get(all, list));
	json_object_put(all);
	free(text);
	ck_assert_msg(json_object_is_type(cases, json_type_array), "%s: no list %s", path, list);
	ck_assert_uint_ge(json_object_array_length(cases), at_least);
	return cases;
}

const char *
source_member(struct json_object *o, const char *key)
{
	struct json_object *value = json_object_object_get(o, key);

	return json_object_is_type(value, json_type_string)
		? json_object_get_string(value)
		: json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN);
}

static void
check_case(const struct hsw_source_ops *ops, void *self, struct json_object *c)
{
	int rc;
	char why[1024] = "";
	struct hsw_error err;
	const char *name = source_member(c, "name");
	const char *key = json_object_object_get_ex(c, "raw", NULL) ? "raw" : "body";
	const char *body = source_member(c, key);
	const char *path = json_object_object_get_ex(c, "path", NULL) ? source_member(c, "path")
								      : "";
	struct json_object *events = events_translate_with(
		ops, self, path, (struct hsw_str){ body, strlen(body) }, &err, &rc);

	ck_assert_msg(events != NULL, "%s: %s", name, err.text);
	events_simplify(events);
	ck_assert_msg(events_match(json_object_object_get(c, "events"), events, why, sizeof(why)),
		"%s: %s\n%s\nfound\n%s", name, why, body, json_object_to_json_string(events));
	json_object_put(events);
}

void
source_check_case(const struct hsw_source_ops *ops, const void *conf, struct json_object *c)
{
	void *self = open_source(ops, conf);

	check_case(ops, self, c);
	ops->close(self);
}

void
source_check_cases(
	const struct hsw_source_ops *ops, const void *conf, const char *provider, size_t at_least)
{
	struct json_object *cases = source_read_cases(provider, "cases", at_least);
	void *self = open_source(ops, conf);

	for (size_t i = 0; i < json_object_array_length(cases); i++)
		check_case(ops, self, json_object_array_get_idx(cases, i));
	ops->close(self);
	json_object_put(cases);
}

/* ---- natural keys ---- */

static char *
identity(const struct hsw_source_ops *ops, void *self, const char *body)
{
	struct hsw_error err;
	int rc;
	struct json_object *events = events_translate_with(
		ops, self, "", (struct hsw_str){ body, strlen(body) }, &err, &rc);

	ck_assert_msg(events != NULL, "%s", err.text);
	ck_assert_uint_eq(json_object_array_length(events), 1);
	const char *text = json_object_get_string(
		json_object_object_get(json_object_array_get_idx(events, 0), "identity"));
	ck_assert_msg(text != NULL, "%s is ignored", body);
	char *copy = strdup(text);
	json_object_put(events);
	return copy;
}

char *
source_identity(const struct hsw_source_ops *ops, const void *conf, const char *body)
{
	void *self = open_source(ops, conf);
	char *copy = identity(ops, self, body);

	ops->close(self);
	return copy;
}

void
source_check_identities(
	const struct hsw_source_ops *ops, const void *conf, const char *provider, size_t at_least)
{
	struct json_object *pairs = source_read_cases(provider, "identities", at_least);
	void *self = open_source(ops, conf);

	for (size_t i = 0; i < json_object_array_length(pairs); i++) {
		struct json_object *c = json_object_array_get_idx(pairs, i);
		bool is_same = json_object_get_boolean(json_object_object_get(c, "same"));
		char *one = identity(ops, self, source_member(c, "one"));
		char *other = identity(ops, self, source_member(c, "other"));
		ck_assert_msg((strcmp(one, other) == 0) == is_same, "%s: expected %s identity",
			source_member(c, "name"), is_same ? "the same" : "another");
		free(one);
		free(other);
	}
	ops->close(self);
	json_object_put(pairs);
}
