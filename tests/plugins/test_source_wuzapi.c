/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of source-wuzapi, as the .so that is installed: every payload of fixtures/wuzapi against the events written
 * beside it, and source-wuzapi.cases.json for what no payload shows.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "signed_rig.h"

static const struct hsw_source_ops *
plugin(void)
{
	return source_plugin("wuzapi");
}

static struct hsw_str
str(const char *s)
{
	return (struct hsw_str){ s, strlen(s) };
}

START_TEST(every_payload_becomes_the_events_beside_it)
{
	source_check_fixtures(plugin(), &signed_plain, "wuzapi", 12);
}
END_TEST

START_TEST(what_no_payload_shows)
{
	source_check_cases(plugin(), &signed_plain, "wuzapi", 60);
}
END_TEST

START_TEST(identity_is_the_same_for_the_same_event_alone)
{
	source_check_identities(plugin(), &signed_plain, "wuzapi", 8);
}
END_TEST

START_TEST(bodies_that_cannot_be_read_are_refused_with_the_reason)
{
	signed_check_bad_bodies(plugin(), "type", "Message");
}
END_TEST

START_TEST(a_body_that_was_cut_is_refused)
{
	signed_check_cuts(plugin(), "wuzapi/Message-text");
	signed_check_cuts(plugin(), "wuzapi/Message-edit-encrypted-decoded");
}
END_TEST

/* ---- forms ---- */

#define PART "Content-Disposition: form-data; name=\"jsonData\"\r\n\r\n"
#define EVENT "{\"type\":\"Disconnected\",\"event\":{}}"
#define ENCODED "%7B%22type%22%3a%22Disconnected%22,\"event\":%7b%7D%7D"

START_TEST(json_is_found_in_forms)
{
	static const char *const bodies[] = {
		"jsonData=" ENCODED,
		"token=x&jsonData=" ENCODED "&userID=",
		"jsonData=+" ENCODED "++",
		"--b\r\n" PART EVENT "\r\n--b--\r\n",
		"--b\r\nContent-Disposition: form-data; "
		"name=\"file\"\r\n\r\n\r\n--c\r\n--b\r\n" PART "\r\n" EVENT "\r\n--b\r\nx",
		"{\"jsonData\":" EVENT ",\"token\":\"x\"}",
		"{\"jsonData\":\"{\\\"type\\\":\\\"Disconnected\\\"}\"}",
	};
	struct hsw_error err = { .text = "" };

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct json_object *events = events_translate(
			plugin(), &signed_plain, "", str(bodies[i]), &err);
		ck_assert_msg(events != NULL, "%s: %s", bodies[i], err.text);
		struct json_object *data = json_object_object_get(
			json_object_array_get_idx(events, 0), "data");
		ck_assert_str_eq(json_object_get_string(json_object_object_get(data, "state")),
			"disconnected");
		json_object_put(events);
	}
}
END_TEST

START_TEST(forms_without_json_are_refused)
{
	static const char *const bodies[][2] = {
		{ "token=x", "body: is a form without jsonData" },
		{ "xjsonData={}", "body: is a form without jsonData" },
		{ "--b\r\n" PART EVENT, "body: is a form without jsonData" },
		{ "--b\r\nname=\"jsonData\"", "body: is a form without jsonData" },
		{ "--b", "body: is a form without jsonData" },
		{ "jsonData=", "body: " },
		{ "jsonData=%7B%", "body: bad JSON at byte 2" },
		{ "jsonData=%7B%2", "body: bad JSON at byte 2" },
		{ "jsonData=%7B%zz", "body: bad JSON at byte 2" },
		{ "{\"jsonData\":\"{\"}", "body: bad JSON: it ends after 1 byte" },
	};
	struct hsw_error err = { .text = "" };

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		ck_assert_ptr_null(
			events_translate(plugin(), &signed_plain, "", str(bodies[i][0]), &err));
		ck_assert_msg(strncmp(err.text, bodies[i][1], strlen(bodies[i][1])) == 0,
			"%s: expected \"%s\", found \"%s\"", bodies[i][0], bodies[i][1], err.text);
	}
}
END_TEST

/* ---- signatures ---- */

/* openssl dgst -sha256 -hmac my-secret-key, of the JSON and of the form around it */
START_TEST(signature_is_the_sha256_hmac_of_body_or_json)
{
	static const char of_json[] =
		"f8b5b6176f726b07a7a8ba1c4ef954d6bf47a355953378ff461640661a6a5e1b";
	static const char of_form[] =
		"4b0c350f47624b207a93c522b39efdf9ae28b99649739b1b851f2898cdd14f8f";
	static const char json[] =
		"{\"type\":\"ChatPresence\",\"event\":{\"Chat\":\"1@s.whatsapp.net\"}}";
	static const char form[] =
		"instanceName=Bot&jsonData=%7B"
		"%22type%22%3A%22ChatPresence%22%2C"
		"%22event%22%3A%7B%22Chat%22%3A%221%40s.whatsapp.net%22%7D%7D&userID=1";

	signed_check_signature(plugin(), "my-secret-key", str(json), "x-hmac-signature", of_json);
	signed_check_signature(plugin(), "my-secret-key", str(form), "x-hmac-signature", of_form);
	ck_assert_int_eq(
		signed_verify(plugin(), "my-secret-key", str(form), "x-hmac-signature", of_json),
		HSW_OK);
	ck_assert_int_eq(
		signed_verify(plugin(), "my-secret-key", str(json), "x-hmac-signature", of_form),
		HSW_EAUTH);
	ck_assert_int_eq(signed_verify(plugin(), "my-secret-key", str("token=x"),
				 "x-hmac-signature", of_json),
		HSW_EAUTH);
}
END_TEST

/* ---- secrets ---- */

START_TEST(no_secret_of_a_body_leaves)
{
	signed_check_secrets(plugin(),
		"{\"type\":\"Message\",\"token\":\"S3CRET\",\"instanceToken\":\"S3CRET\",\"event\":"
		"{"
		"\"Info\":{\"ID\":\"A\",\"Chat\":\"1@g.us\"},\"RawMessage\":{\"a\":\"S3CRET\"},"
		"\"Message\":{\"messageContextInfo\":{\"messageSecret\":\"S3CRET\"},"
		"\"imageMessage\":{\"mediaKey\":\"S3CRET\",\"URL\":\"https://mmg.whatsapp.net/"
		"x.enc\","
		"\"JPEGThumbnail\":\"S3CRET\",\"contextInfo\":{\"stanzaID\":\"B\","
		"\"quotedMessage\":{"
		"\"imageMessage\":{\"mediaKey\":\"S3CRET\",\"JPEGThumbnail\":\"S3CRET\",\"URL\":"
		"\"https://mmg.whatsapp.net/S3CRET.enc\",\"caption\":\"c\"},"
		"\"messageContextInfo\":{\"messageSecret\":\"S3CRET\"}}}}}}}");
	signed_check_secrets(plugin(),
		"{\"type\":\"QR\",\"event\":\"code\",\"qrCodeBase64\":\"S3CRET\",\"token\":"
		"\"S3CRET\"}");
	signed_check_secrets(plugin(),
		"{\"event\":\"QRCode\",\"data\":{\"qrcode\":\"S3CRET\",\"code\":\"S3CRET\"}}");
}
END_TEST

UNIT_MAIN("source-wuzapi", every_payload_becomes_the_events_beside_it, what_no_payload_shows,
	identity_is_the_same_for_the_same_event_alone,
	bodies_that_cannot_be_read_are_refused_with_the_reason, a_body_that_was_cut_is_refused,
	json_is_found_in_forms, forms_without_json_are_refused,
	signature_is_the_sha256_hmac_of_body_or_json, no_secret_of_a_body_leaves)
