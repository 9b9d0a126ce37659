/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of source-waha, as the .so that is installed: every payload of fixtures/waha against the events written
 * beside it, and source-waha.cases.json for what no payload shows.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "signed_rig.h"

static const struct hsw_source_ops *
plugin(void)
{
	return source_plugin("waha");
}

START_TEST(every_payload_becomes_the_events_beside_it)
{
	source_check_fixtures(plugin(), &signed_plain, "waha", 30);
}
END_TEST

START_TEST(what_no_payload_shows)
{
	source_check_cases(plugin(), &signed_plain, "waha", 50);
}
END_TEST

START_TEST(identity_is_the_same_for_the_same_event_alone)
{
	source_check_identities(plugin(), &signed_plain, "waha", 10);
}
END_TEST

START_TEST(bodies_that_cannot_be_read_are_refused_with_the_reason)
{
	signed_check_bad_bodies(plugin(), "event", "message");
}
END_TEST

START_TEST(a_body_that_was_cut_is_refused)
{
	signed_check_cuts(plugin(), "waha/capture-message-gows-lid");
}
END_TEST

/* The vector that WAHA documents. */
START_TEST(signature_is_the_sha512_hmac_of_the_body)
{
	char path[1024];
	size_t len;

	source_fixture_path(path, sizeof(path), "source-waha.signature", ".json");
	char *text = source_read_file(path, &len);
	struct json_object *vector = json_tokener_parse(text);
	const char *body = source_member(vector, "body");
	signed_check_signature(plugin(), source_member(vector, "key"),
		(struct hsw_str){ body, strlen(body) }, "X-Webhook-Hmac",
		source_member(vector, "X-Webhook-Hmac"));
	json_object_put(vector);
	free(text);
}
END_TEST

START_TEST(no_secret_of_a_body_leaves)
{
	signed_check_secrets(plugin(),
		"{\"event\":\"message\",\"apiKey\":\"S3CRET\",\"metadata\":{\"a\":\"S3CRET\"},"
		"\"payload\":{\"id\":\"false_1@c.us_A\",\"_data\":{\"mediaKey\":\"S3CRET\","
		"\"Message\":{\"imageMessage\":{\"mediaKey\":\"S3CRET\",\"URL\":"
		"\"https://mmg.whatsapp.net/x.enc\",\"contextInfo\":{\"stanzaID\":\"B\","
		"\"quotedMessage\":{\"imageMessage\":{\"mediaKey\":\"S3CRET\"}}}},"
		"\"messageContextInfo\":{\"messageSecret\":\"S3CRET\"}}}}}");
	signed_check_secrets(plugin(),
		"{\"event\":\"session.status\",\"payload\":{\"status\":"
		"\"PASSKEY_CONFIRMATION_REQUIRED\",\"data\":{\"code\":\"S3CRET\"}}}");
}
END_TEST

UNIT_MAIN("source-waha", every_payload_becomes_the_events_beside_it, what_no_payload_shows,
	identity_is_the_same_for_the_same_event_alone,
	bodies_that_cannot_be_read_are_refused_with_the_reason, a_body_that_was_cut_is_refused,
	signature_is_the_sha512_hmac_of_the_body, no_secret_of_a_body_leaves)
