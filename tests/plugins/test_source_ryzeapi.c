/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of source-ryzeapi, as the .so that is installed: every payload of fixtures/ryzeapi against the events written
 * beside it, and source-ryzeapi.cases.json for what no capture shows. A case may be
 *
 *   {name, message, is}    data.message, and what the event's data.message must have
 */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "source_rig.h"

static const struct hsw_source_ops *
plugin(void)
{
	return source_plugin("ryzeapi");
}

static struct hsw_str
str(const char *s)
{
	return (struct hsw_str){ s, strlen(s) };
}

START_TEST(every_payload_becomes_the_events_beside_it)
{
	source_check_fixtures(plugin(), NULL, "ryzeapi", 7);
}
END_TEST

/* ---- small bodies ---- */

/* A case as the others have it: {name, body, events}. */
static struct json_object *
expanded(struct json_object *c)
{
	struct json_object *plain = json_object_new_object(), *data, *found;
	struct json_object *body = json_tokener_parse(
		"{\"event\":\"message.exchange\",\"data\":{\"id\":\"A\",\"direction\":\"incoming\","
		"\"chat\":{\"jid\":\"5511999999999\",\"type\":\"private\"}}}");
	struct json_object *events = json_tokener_parse(
		"[{\"type\":\"message.exchange\",\"data\":{\"direction\":\"incoming\"}}]");

	ck_assert_int_eq(json_pointer_get(body, "/data", &data), 0);
	ck_assert_int_eq(json_pointer_get(events, "/0/data", &found), 0);
	json_object_object_add(
		data, "message", json_object_get(json_object_object_get(c, "message")));
	json_object_object_add(found, "message", json_object_get(json_object_object_get(c, "is")));
	json_object_object_add(plain, "name", json_object_new_string(source_member(c, "name")));
	json_object_object_add(plain, "body", body);
	json_object_object_add(plain, "events", events);
	return plain;
}

START_TEST(what_no_capture_shows)
{
	const struct hsw_source_ops *ops = plugin();
	struct json_object *cases = source_read_cases("ryzeapi", "cases", 130);

	for (size_t i = 0; i < json_object_array_length(cases); i++) {
		struct json_object *c = json_object_array_get_idx(cases, i);
		bool is_short = json_object_object_get_ex(c, "message", NULL);
		c = is_short ? expanded(c) : json_object_get(c);
		source_check_case(ops, NULL, c);
		json_object_put(c);
	}
	json_object_put(cases);
}
END_TEST

START_TEST(identity_is_the_same_for_the_same_event_alone)
{
	source_check_identities(plugin(), NULL, "ryzeapi", 15);
}
END_TEST

START_TEST(an_event_of_evolution_has_the_same_identity)
{
	char *ours = source_identity(plugin(), NULL,
		"{\"event\":\"message.exchange\",\"data\":{\"id\":\"A\",\"direction\":\"incoming\","
		"\"chat\":{\"jid\":\"5511999999999\",\"type\":\"private\"},\"message\":{"
		"\"content\":\"x\"}}}");
	static const struct {
		const char *apikey;
		bool history;
	} conf = { NULL, false };
	char *theirs = source_identity(source_plugin("evolution"), &conf,
		"{\"event\":\"messages.upsert\",\"data\":{\"key\":{\"id\":\"A\",\"remoteJid\":"
		"\"5511999999999@s.whatsapp.net\"},\"message\":{\"conversation\":\"x\"}}}");

	ck_assert_str_eq(ours, theirs);
	free(ours);
	free(theirs);
}
END_TEST

START_TEST(bodies_that_cannot_be_read_are_refused_with_the_reason)
{
	static const struct {
		const char *body, *text;
	} cases[] = {
		{ "", "body: is empty, expected a JSON object" },
		{ "[]", "body: expected a JSON object, found array" },
		{ "{\"event\":\"call.update\",", "body: bad JSON: it ends after 23 bytes" },
		{ "{\"event\":\"call.update\",}", "body: bad JSON at byte 24: " },
		{ "{}", "event: is missing, expected a name such as message.exchange" },
		{ "{\"event\":null}", "event: is missing" },
		{ "{\"event\":7}", "event: is missing" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hsw_error err;
		void *self;
		int rc;
		ck_assert_int_eq(plugin()->open(NULL, NULL, NULL, &self, &err), HSW_OK);
		ck_assert_ptr_null(
			events_translate_with(plugin(), self, "", str(cases[i].body), &err, &rc));
		ck_assert_int_eq(rc, HSW_EINVAL);
		ck_assert_msg(strncmp(err.text, cases[i].text, strlen(cases[i].text)) == 0,
			"%s: expected \"%s\", found \"%s\"", cases[i].body, cases[i].text,
			err.text);
		plugin()->close(self);
	}
}
END_TEST

START_TEST(a_body_that_was_cut_anywhere_is_refused)
{
	const struct hsw_source_ops *ops = plugin();
	char path[1024];
	size_t len;
	void *self;
	struct hsw_error err;

	source_fixture_path(path, sizeof(path), "ryzeapi/live-message.exchange-voice", ".json");
	char *body = source_read_file(path, &len);
	ck_assert_int_eq(ops->open(NULL, NULL, NULL, &self, &err), HSW_OK);
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

/* ---- secrets ---- */

/* Secrets wherever a body may have them; parts have their own, that only some get. */
static const char *const secret_bodies[] = {
	"{\"event\":\"message.exchange\",\"token\":\"S3CRET\",\"instanceData\":{\"token\":"
	"\"S3CRET\"},\"data\":{\"id\":\"A\",\"token\":\"S3CRET\",\"instanceData\":{\"token\":"
	"\"S3CRET\"},\"chat\":{\"jid\":\"1@g.us\",\"token\":\"S3CRET\"},\"message\":{\"apikey\":"
	"\"S3CRET\",\"new\":{\"x\":\"S3CRET\"},\"context\":{\"kept\":1,\"instanceToken\":"
	"\"S3CRET\",\"deep\":[{\"messageSecret\":\"S3CRET\",\"Authorization\":\"S3CRET\","
	"\"api_key\":\"S3CRET\",\"JPEGThumbnail\":\"S3CRET\"}]},\"order\":{\"id\":\"o\","
	"\"token\":\"S3CRET\"},\"media\":{\"type\":\"image\",\"url\":\"https://mmg.whatsapp.net/"
	"x.enc\",\"mediaKey\":\"S3CRETaa\",\"base64\":\"S3CRETaa\"}}}}",
	"{\"event\":\"instance.state\",\"data\":{\"state\":\"qr_ready\",\"codes\":[\"S3CRET\","
	"\"S3CRET\"],\"pairingCode\":\"S3CRET\",\"qrCodeBase64\":\"S3CRET\",\"token\":\"S3CRET\"}}",
	"{\"event\":\"group.flow\",\"data\":{\"type\":\"info\",\"groupJid\":\"1@g.us\",\"value\":{"
	"\"topic\":\"t\",\"mediaKey\":\"S3CRET\",\"a\":{\"password\":\"S3CRET\"}}}}",
};

START_TEST(no_credential_of_a_body_leaves)
{
	for (size_t i = 0; i < sizeof(secret_bodies) / sizeof(secret_bodies[0]); i++) {
		struct hsw_error err;
		struct json_object *events = events_translate(
			plugin(), NULL, "", str(secret_bodies[i]), &err);
		struct json_object *event = json_object_array_get_idx(events, 0), *least = NULL;
		ck_assert_ptr_nonnull(json_object_object_get(event, "type"));
		if (!json_object_object_get_ex(event, "without_parts", &least))
			least = json_object_object_get(event, "data");
		const char *text = json_object_to_json_string(least);
		ck_assert_msg(strstr(text, "S3CRET") == NULL, "%s", text);
		json_object_put(events);
	}
}
END_TEST

UNIT_MAIN("source-ryzeapi", every_payload_becomes_the_events_beside_it, what_no_capture_shows,
	identity_is_the_same_for_the_same_event_alone, an_event_of_evolution_has_the_same_identity,
	bodies_that_cannot_be_read_are_refused_with_the_reason,
	a_body_that_was_cut_anywhere_is_refused, no_credential_of_a_body_leaves)
