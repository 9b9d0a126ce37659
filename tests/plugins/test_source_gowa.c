/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of source-gowa, as the .so that is installed: every payload of fixtures/gowa against the events written
 * beside it, and source-gowa.cases.json for what no payload shows.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "signed_rig.h"

static const struct hsw_source_ops *
plugin(void)
{
	return source_plugin("gowa");
}

START_TEST(every_payload_becomes_the_events_beside_it)
{
	source_check_fixtures(plugin(), &signed_plain, "gowa", 27);
}
END_TEST

START_TEST(what_no_payload_shows)
{
	source_check_cases(plugin(), &signed_plain, "gowa", 40);
}
END_TEST

START_TEST(identity_is_the_same_for_the_same_event_alone)
{
	source_check_identities(plugin(), &signed_plain, "gowa", 8);
}
END_TEST

START_TEST(bodies_that_cannot_be_read_are_refused_with_the_reason)
{
	signed_check_bad_bodies(plugin(), "event", "message");
}
END_TEST

START_TEST(a_body_that_was_cut_is_refused)
{
	signed_check_cuts(plugin(), "gowa/message-referral");
}
END_TEST

/* openssl dgst -sha256 -hmac my-secret-key */
START_TEST(signature_is_the_sha256_hmac_of_the_body)
{
	static const char body[] = "{\"event\":\"chat_presence\",\"device_id\":"
				   "\"628123456789@s.whatsapp.net\",\"payload\":{}}";
	static const char hex[] =
		"60194b65d2e4881dc79d33ad7c846950ca115a5f83cc570f3b0f93ec7f887bb7";
	struct hsw_str bytes = { body, sizeof(body) - 1 };

	signed_check_signature(plugin(), "my-secret-key", bytes, "X-Hub-Signature-256",
		"sha256=60194b65d2e4881dc79d33ad7c846950ca115a5f83cc570f3b0f93ec7f887bb7");
	ck_assert_int_eq(
		signed_verify(plugin(), "my-secret-key", bytes, "X-Hub-Signature-256", hex),
		HSW_EAUTH);
}
END_TEST

/* media.url of a message with this image. */
static void
check_url(const char *base_url, const char *image, const char *expected)
{
	struct signed_conf conf = { .others = { base_url } };
	char body[256];
	struct hsw_error err;

	snprintf(body, sizeof(body),
		"{\"event\":\"message\",\"payload\":{\"id\":\"A\",\"chat_id\":\"1@g.us\","
		"\"image\":\"%s\"}}",
		image);
	struct json_object *events = events_translate(
		plugin(), &conf, "", (struct hsw_str){ body, strlen(body) }, &err);
	struct json_object *data = json_object_object_get(
		json_object_array_get_idx(events, 0), "data");
	struct json_object *media = json_object_object_get(
		json_object_object_get(data, "message"), "media");
	ck_assert_str_eq(json_object_get_string(json_object_object_get(media, "url")), expected);
	json_object_put(events);
}

START_TEST(paths_of_media_are_put_behind_base_url)
{
	check_url(NULL, "statics/a.jpeg", "statics/a.jpeg");
	check_url("http://gowa:3000", "statics/a.jpeg", "http://gowa:3000/statics/a.jpeg");
	check_url("http://gowa:3000/x/", "/statics/a.jpeg", "http://gowa:3000/x/statics/a.jpeg");
	check_url("http://gowa:3000", "https://s3/a.jpeg", "https://s3/a.jpeg");
}
END_TEST

START_TEST(no_secret_of_a_body_leaves)
{
	signed_check_secrets(plugin(),
		"{\"event\":\"message\",\"token\":\"S3CRET\",\"payload\":{\"id\":\"A\","
		"\"chat_id\":\"1@g.us\",\"mediaKey\":\"S3CRET\",\"order\":{\"token\":\"S3CRET\","
		"\"orderID\":\"7\"},\"location\":null}}");
}
END_TEST

UNIT_MAIN("source-gowa", every_payload_becomes_the_events_beside_it, what_no_payload_shows,
	identity_is_the_same_for_the_same_event_alone,
	bodies_that_cannot_be_read_are_refused_with_the_reason, a_body_that_was_cut_is_refused,
	signature_is_the_sha256_hmac_of_the_body, paths_of_media_are_put_behind_base_url,
	no_secret_of_a_body_leaves)
