/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of source-eazewa, as the .so that is installed: every payload of fixtures/eazewa against the events
 * written beside it, and source-eazewa.cases.json for what no payload shows.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "source_rig.h"

/* As the plugin has it: see its option table. */
struct conf {
	const char *apikey;
};

static const struct conf plain = { NULL };

static const struct hsw_source_ops *
plugin(void)
{
	return source_plugin("eazewa");
}

static struct hsw_str
str(const char *s)
{
	return (struct hsw_str){ s, strlen(s) };
}

START_TEST(every_payload_becomes_the_events_beside_it)
{
	source_check_fixtures(plugin(), &plain, "eazewa", 20);
}
END_TEST

START_TEST(what_no_payload_shows)
{
	source_check_cases(plugin(), &plain, "eazewa", 200);
}
END_TEST

START_TEST(identity_is_the_same_for_the_same_event_alone)
{
	source_check_identities(plugin(), &plain, "eazewa", 25);
}
END_TEST

static const struct {
	const char *body, *text;
} refused[] = {
	{ "", "body: is empty, expected a JSON object" },
	{ "{\"event\":\"call\",\"da", "body: bad JSON: it ends after 19 bytes, too soon" },
	{ "{\"event\":\"call\",,}", "body: bad JSON at byte 17: " },
	{ "{\"dataType\":\"ca\xff\xfell\"}", "body: bad JSON at byte " },
	{ "[]", "body: expected a JSON object, found array" },
	{ "{}", "event: is missing, expected a name such as message (or dataType)" },
	{ "{\"event\":null,\"data\":{}}", "event: is missing, " },
	{ "{\"event\":\"\",\"data\":{}}", "event: is missing, " },
	{ "{\"event\":7,\"data\":{}}", "event: expected a string, found int" },
	{ "{\"dataType\":{\"a\":1}}", "dataType: expected a string, found object" },
	{ "{\"id\":\"A\",\"reaction\":\"x\"}", "event: is missing, " },
};

START_TEST(bodies_that_cannot_be_read_are_refused_with_the_reason)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct hsw_error err;
		void *self;
		int rc;
		ck_assert_int_eq(plugin()->open(NULL, NULL, &plain, &self, &err), HSW_OK);
		ck_assert_ptr_null(
			events_translate_with(plugin(), self, "", str(refused[i].body), &err, &rc));
		ck_assert_int_eq(rc, HSW_EINVAL);
		ck_assert_msg(strncmp(err.text, refused[i].text, strlen(refused[i].text)) == 0,
			"%s: expected \"%s\", found \"%s\"", refused[i].body, refused[i].text,
			err.text);
		plugin()->close(self);
	}
}
END_TEST

START_TEST(a_body_that_was_cut_anywhere_is_refused)
{
	char path[1024];
	size_t len;
	void *self;
	struct hsw_error err;

	source_fixture_path(path, sizeof(path), "eazewa/waapi-message-media", ".json");
	char *body = source_read_file(path, &len);
	ck_assert_int_eq(plugin()->open(NULL, NULL, &plain, &self, &err), HSW_OK);
	while (body[len - 1] == '\n')
		len--;
	for (size_t n = 0; n < len; n++) {
		int rc;
		ck_assert_ptr_null(events_translate_with(
			plugin(), self, "", (struct hsw_str){ body, n }, &err, &rc));
		ck_assert_int_eq(rc, HSW_EINVAL);
	}
	plugin()->close(self);
	free(body);
}
END_TEST

/* ---- options ---- */

static struct hsw_str given_key;

static struct hsw_str
header(const struct hsw_request *request, const char *name)
{
	(void)request;
	ck_assert_str_eq(name, "x-api-key");
	return given_key;
}

START_TEST(apikey_is_checked_where_it_is_set)
{
	static const struct {
		const char *key;
		int rc;
	} cases[] = {
		{ "secret-1", HSW_OK },
		{ "secret-2", HSW_EAUTH },
		{ "secret-11", HSW_EAUTH },
		{ "secret-", HSW_EAUTH },
		{ "", HSW_EAUTH },
	};
	static const struct conf conf = { "secret-1" };
	struct hsw_request request = { .size = sizeof(request), .header = header };
	struct hsw_error err;
	void *self;

	ck_assert_int_eq(plugin()->open(NULL, NULL, &conf, &self, &err), HSW_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		given_key = str(cases[i].key);
		ck_assert_int_eq(plugin()->verify(self, &request, &err), cases[i].rc);
	}
	ck_assert_ptr_null(strstr(err.text, "secret"));
	given_key = (struct hsw_str){ NULL, 0 };
	ck_assert_int_eq(plugin()->verify(self, &request, &err), HSW_EAUTH);
	ck_assert_str_eq(err.text, "x-api-key: is missing");
	plugin()->close(self);
}
END_TEST

START_TEST(apikey_is_not_looked_at_where_it_is_not_set)
{
	struct hsw_request request = { .size = sizeof(request) };
	struct hsw_error err;
	void *self;

	ck_assert_int_eq(plugin()->open(NULL, NULL, &plain, &self, &err), HSW_OK);
	ck_assert_int_eq(plugin()->verify(self, &request, &err), HSW_OK);
	plugin()->close(self);
}
END_TEST

/* ---- secrets ---- */

static const char *const with_secrets[] = {
	"{\"event\":\"message\",\"apikey\":\"S3CRET\",\"data\":{\"token\":\"S3CRET\",\"message\":{"
	"\"id\":{\"id\":\"A\",\"remote\":\"1@g.us\"},\"type\":\"image\",\"mediaKey\":\"UzNDUkVU\","
	"\"token\":\"S3CRET\",\"_data\":{\"mediaKey\":\"UzNDUkVU\",\"messageSecret\":\"S3CRET\","
	"\"deprecatedMms3Url\":\"https://mmg.whatsapp.net/x.enc\"}}}}",
	"{\"event\":\"qr\",\"data\":{\"qr\":\"S3CRET\",\"base64\":\"S3CRET\"}}",
	"{\"event\":\"code\",\"data\":{\"code\":\"S3CRET\"}}",
};

START_TEST(no_credential_of_a_body_leaves)
{
	for (size_t i = 0; i < sizeof(with_secrets) / sizeof(with_secrets[0]); i++) {
		struct hsw_error err;
		struct json_object *events = events_translate(
			plugin(), &plain, "", str(with_secrets[i]), &err);
		struct json_object *event = json_object_array_get_idx(events, 0);
		const char *text = json_object_to_json_string(
			json_object_object_get(event, "without_parts"));
		ck_assert_msg(strstr(text, "\"timestamp\"") != NULL, "%s", text);
		ck_assert_msg(strstr(text, "S3CRET") == NULL, "%s", text);
		ck_assert_msg(strstr(text, "UzNDUkVU") == NULL, "%s", text);
		json_object_put(events);
	}
}
END_TEST

UNIT_MAIN("source-eazewa", every_payload_becomes_the_events_beside_it, what_no_payload_shows,
	identity_is_the_same_for_the_same_event_alone,
	bodies_that_cannot_be_read_are_refused_with_the_reason,
	a_body_that_was_cut_anywhere_is_refused, apikey_is_checked_where_it_is_set,
	apikey_is_not_looked_at_where_it_is_not_set, no_credential_of_a_body_leaves)
