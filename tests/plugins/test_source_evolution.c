/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of source-evolution, as the .so that is installed: every payload of fixtures/evolution against the
 * events written beside it, and source-evolution.cases.json for what no capture shows. Its cases are
 *
 *   {name, body, events}   a body (raw: as text), and what its events must have
 *   {name, message, is}    a message's content, and what the event's data.message must have
 *
 * and pairs of bodies whose events have the same natural key, or not.
 */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "source_rig.h"

/* As the plugin has it: see its option table. */
struct conf {
	const char *apikey;
	bool history;
};

static const struct conf plain = { NULL, false };

static const struct hsw_source_ops *
plugin(void)
{
	return source_plugin("evolution");
}

static struct hsw_str
str(const char *s)
{
	return (struct hsw_str){ s, strlen(s) };
}

START_TEST(every_payload_becomes_the_events_beside_it)
{
	source_check_fixtures(plugin(), &plain, "evolution", 60);
}
END_TEST

/* ---- small bodies ---- */

/* The body and the pattern of a case that tells a message's content alone. */
static void
expand(struct json_object *c, char **body, char **events)
{
	int n = asprintf(body,
		"{\"event\":\"messages.upsert\",\"data\":{\"key\":{\"id\":\"A\",\"remoteJid\":"
		"\"5511999999999@s.whatsapp.net\",\"fromMe\":false},\"message\":%s}}",
		source_member(c, "message"));
	int m = asprintf(events, "[{\"type\":\"message.exchange\",\"data\":{\"message\":%s}}]",
		source_member(c, "is"));
	ck_assert(n > 0 && m > 0);
}

/* A case as the others have it: {name, body, events}. */
static struct json_object *
expanded(struct json_object *c)
{
	char *body, *events;
	struct json_object *plain_case = json_object_new_object();

	expand(c, &body, &events);
	json_object_object_add(
		plain_case, "name", json_object_new_string(source_member(c, "name")));
	json_object_object_add(plain_case, "body", json_tokener_parse(body));
	json_object_object_add(plain_case, "events", json_tokener_parse(events));
	free(body);
	free(events);
	return plain_case;
}

START_TEST(what_no_capture_shows)
{
	const struct hsw_source_ops *ops = plugin();
	struct json_object *cases = source_read_cases("evolution", "cases", 200);

	for (size_t i = 0; i < json_object_array_length(cases); i++) {
		struct json_object *c = json_object_array_get_idx(cases, i);
		bool is_short = json_object_object_get_ex(c, "message", NULL);
		c = is_short ? expanded(c) : json_object_get(c);
		source_check_case(ops, &plain, c);
		json_object_put(c);
	}
	json_object_put(cases);
}
END_TEST

static const struct {
	const char *body, *text;
	size_t len; /* 0: up to the NUL */
} refused[] = {
	{ "", "body: is empty, expected a JSON object", 0 },
	{ " \r\n\t", "body: is empty, expected a JSON object", 0 },
	{ "{\"event\":\"call\",\"da", "body: bad JSON: it ends after 19 bytes, too soon", 0 },
	{ "{\"event\":\"call\",,}", "body: bad JSON at byte 17: ", 0 },
	{ "{\"event\":\"call\"} x", "body: bad JSON at byte 18: ", 0 },
	{ "{\"event\":\"call\"}\0", "body: bad JSON at byte 17: ", 17 },
	{ "{\"event\":\"ca\0ll\"}", "body: bad JSON at byte ", 17 },
	{ "{'event':'call'}", "body: bad JSON at byte ", 0 },
	{ "{\"event\":\"call\",}", "body: bad JSON at byte ", 0 },
	{ "{\"event\":\"ca\xff\xfell\"}", "body: bad JSON at byte ", 0 },
	{ "\xef\xbb\xbf{\"event\":\"call\"}", "body: bad JSON at byte 1: ", 0 },
	{ "[]", "body: expected a JSON object, found array", 0 },
	{ "\"x\"", "body: expected a JSON object, found string", 0 },
	{ "null ", "body: expected a JSON object, found null", 0 },
	{ "{}", "event: is missing, expected a name such as messages.upsert", 0 },
	{ "{\"event\":null,\"data\":{}}", "event: is missing, ", 0 },
	{ "{\"event\":\"\",\"data\":{}}", "event: is missing, ", 0 },
	{ "{\"event\":7,\"data\":{}}", "event: expected a string, found int", 0 },
	{ "{\"event\":{\"a\":1}}", "event: expected a string, found object", 0 },
};

START_TEST(bodies_that_cannot_be_read_are_refused_with_the_reason)
{
	const struct hsw_source_ops *ops = plugin();

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct hsw_error err;
		void *self;
		int rc;
		struct hsw_str body = { refused[i].body,
			refused[i].len != 0 ? refused[i].len : strlen(refused[i].body) };
		ck_assert_int_eq(ops->open(NULL, NULL, &plain, &self, &err), HSW_OK);
		ck_assert_ptr_null(events_translate_with(ops, self, "", body, &err, &rc));
		ck_assert_int_eq(rc, HSW_EINVAL);
		ck_assert_msg(strncmp(err.text, refused[i].text, strlen(refused[i].text)) == 0,
			"%s: expected \"%s\", found \"%s\"", refused[i].body, refused[i].text,
			err.text);
		ops->close(self);
	}
}
END_TEST

/* {"event":"messages.upsert","data":{"x":[[[...]]]}} with this many arrays. */
static struct json_object *
translate_nested(int depth)
{
	char body[1024];
	struct hsw_error err;
	int n = snprintf(body, sizeof(body), "{\"event\":\"x.y\",\"data\":{\"x\":");

	for (int i = 0; i < depth; i++)
		body[n++] = '[';
	for (int i = 0; i < depth; i++)
		body[n++] = ']';
	body[n++] = '}';
	body[n++] = '}';
	return events_translate(plugin(), &plain, "", (struct hsw_str){ body, (size_t)n }, &err);
}

START_TEST(depth_of_the_json_is_bounded)
{
	struct json_object *events = translate_nested(60);

	ck_assert_ptr_nonnull(events);
	json_object_put(events);
	ck_assert_ptr_null(translate_nested(70));
}
END_TEST

START_TEST(a_body_that_was_cut_anywhere_is_refused_or_read)
{
	const struct hsw_source_ops *ops = plugin();
	char path[1024];
	size_t len;
	void *self;
	struct hsw_error err;

	source_fixture_path(
		path, sizeof(path), "evolution/v2-messages.upsert-audioMessage-base64", ".json");
	char *body = source_read_file(path, &len);
	ck_assert_int_eq(ops->open(NULL, NULL, &plain, &self, &err), HSW_OK);
	while (body[len - 1] == '\n')
		len--;
	for (size_t n = 0; n < len; n++) {
		int rc;
		ck_assert_ptr_null(events_translate_with(
			ops, self, "", (struct hsw_str){ body, n }, &err, &rc));
		ck_assert_int_eq(rc, HSW_EINVAL);
		ck_assert_uint_gt(strlen(err.text), 0);
	}
	ops->close(self);
	free(body);
}
END_TEST

START_TEST(the_name_may_be_in_the_path_alone)
{
	static const struct {
		const char *path, *body, *type;
	} cases[] = {
		{ "/messages-upsert",
			"{\"data\":{\"key\":{\"id\":\"A\",\"remoteJid\":\"1@g.us\"}}}",
			"message.exchange" },
		{ "/x/connection-update", "{\"data\":{\"state\":\"open\"}}", "instance.state" },
		{ "/group-participants-update",
			"{\"event\":null,\"data\":{\"id\":\"1@g.us\",\"action\":\"add\"}}",
			"group.flow" },
		/* The body's own name wins. */
		{ "/messages-upsert",
			"{\"event\":\"CONNECTION_UPDATE\",\"data\":{\"state\":\"open\"}}",
			"instance.state" },
	};
	struct hsw_error err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_object *events = events_translate(
			plugin(), &plain, cases[i].path, str(cases[i].body), &err);
		ck_assert_msg(events != NULL, "%s", err.text);
		ck_assert_uint_eq(json_object_array_length(events), 1);
		ck_assert_str_eq(json_object_get_string(json_object_object_get(
					 json_object_array_get_idx(events, 0), "type")),
			cases[i].type);
		json_object_put(events);
	}
}
END_TEST

/* ---- identity ---- */

START_TEST(identity_is_the_same_for_the_same_event_alone)
{
	source_check_identities(plugin(), &plain, "evolution", 20);
}
END_TEST

START_TEST(long_texts_that_differ_at_the_end_are_two_edits)
{
	char bodies[2][8192], text[4097];

	memset(text, 'x', sizeof(text));
	text[4096] = '\0';
	for (int i = 0; i < 2; i++)
		snprintf(bodies[i], sizeof(bodies[i]),
			"{\"event\":\"messages.edited\",\"data\":{\"key\":{\"id\":\"A\","
			"\"remoteJid\":"
			"\"1@g.us\"},\"type\":14,\"editedMessage\":{\"conversation\":\"%s%d\"}}}",
			text, i);
	char *one = source_identity(plugin(), &plain, bodies[0]),
	     *other = source_identity(plugin(), &plain, bodies[1]);
	ck_assert_str_ne(one, other);
	free(one);
	free(other);
}
END_TEST

/* ---- options ---- */

START_TEST(apikey_is_checked_where_it_is_set)
{
	static const struct {
		const char *body;
		int rc;
	} cases[] = {
		{ "{\"event\":\"x\",\"apikey\":\"secret-1\"}", HSW_OK },
		{ "{\"event\":\"x\",\"apikey\":\"secret-2\"}", HSW_EAUTH },
		{ "{\"event\":\"x\",\"apikey\":\"secret-11\"}", HSW_EAUTH },
		{ "{\"event\":\"x\",\"apikey\":\"secret-\"}", HSW_EAUTH },
		{ "{\"event\":\"x\",\"apikey\":\"\"}", HSW_EAUTH },
		{ "{\"event\":\"x\",\"apikey\":null}", HSW_EAUTH },
		{ "{\"event\":\"x\"}", HSW_EAUTH },
		{ "{\"event\":", HSW_EINVAL },
		{ "{\"event\":\"x\",\"apikey\":\"secret-1\"}", HSW_OK },
	};
	static const struct conf conf = { "secret-1", false };
	const struct hsw_source_ops *ops = plugin();
	struct hsw_error err;
	void *self;

	ck_assert_int_eq(ops->open(NULL, NULL, &conf, &self, &err), HSW_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc;
		json_object_put(
			events_translate_with(ops, self, "", str(cases[i].body), &err, &rc));
		ck_assert_msg(rc == cases[i].rc, "%s: %d %s", cases[i].body, rc, err.text);
		ck_assert_ptr_null(strstr(err.text, "secret"));
	}
	ops->close(self);
}
END_TEST

START_TEST(history_is_translated_where_it_is_wanted)
{
	static const struct conf conf = { NULL, true };
	char path[1024];
	size_t len;
	struct hsw_error err;

	source_fixture_path(
		path, sizeof(path), "evolution/derived-v2-messages.set-history", ".json");
	char *body = source_read_file(path, &len);
	struct json_object *events = events_translate(
		plugin(), &conf, "", (struct hsw_str){ body, len }, &err);
	struct json_object *data = json_object_object_get(
		json_object_array_get_idx(events, 0), "data");
	ck_assert(json_object_get_boolean(json_object_object_get(data, "history")));
	ck_assert_str_eq(
		json_object_get_string(json_object_object_get(data, "id")), "3A0000000000000000A1");
	json_object_put(events);
	free(body);
}
END_TEST

/* ---- secrets ---- */

START_TEST(no_credential_of_a_body_leaves)
{
	static const char body[] =
		"{\"event\":\"messages.upsert\",\"apikey\":\"S3CRET-a\",\"server_url\":\"S3CRET-"
		"b\","
		"\"data\":{\"apikey\":\"S3CRET-c\",\"token\":\"S3CRET-d\",\"key\":{\"id\":\"A\","
		"\"remoteJid\":\"1@g.us\",\"apikey\":\"S3CRET-e\"},\"message\":{"
		"\"messageContextInfo\":"
		"{\"messageSecret\":\"S3CRET\"},\"imageMessage\":{\"mediaKey\":\"S3CRET\",\"url\":"
		"\"https://mmg.whatsapp.net/x.enc\",\"contextInfo\":{\"stanzaId\":\"B\","
		"\"ephemeralSharedSecret\":\"S3CRET\",\"quotedMessage\":{\"imageMessage\":{"
		"\"mediaKey\":"
		"\"S3CRET\",\"caption\":\"c\",\"url\":\"https://mmg.whatsapp.net/S3CRET.enc\"},"
		"\"messageContextInfo\":{\"messageSecret\":\"S3CRET\"}}}}}}}";
	struct hsw_error err;
	struct json_object *events = events_translate(plugin(), &plain, "", str(body), &err);
	struct json_object *event = json_object_array_get_idx(events, 0);

	const char *text = json_object_to_json_string(
		json_object_object_get(event, "without_parts"));
	ck_assert_msg(strstr(text, "S3CRET") == NULL, "%s", text);
	ck_assert_ptr_nonnull(strstr(text, "\"caption\": \"c\""));
	json_object_put(events);
}
END_TEST

UNIT_MAIN("source-evolution", every_payload_becomes_the_events_beside_it, what_no_capture_shows,
	bodies_that_cannot_be_read_are_refused_with_the_reason, depth_of_the_json_is_bounded,
	a_body_that_was_cut_anywhere_is_refused_or_read, the_name_may_be_in_the_path_alone,
	identity_is_the_same_for_the_same_event_alone,
	long_texts_that_differ_at_the_end_are_two_edits, apikey_is_checked_where_it_is_set,
	history_is_translated_where_it_is_wanted, no_credential_of_a_body_leaves)
