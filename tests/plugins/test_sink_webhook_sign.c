/* SPDX-License-Identifier: Apache-2.0 */
/* test_sink_webhook_sign.c - sink-webhook: signatures of requests. */
#include "payload_rig.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "unit.h"

#define KEY "0123456789abcdefghijklmn"                    /* 24 bytes */
#define KEY_TEXT "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u" /* its base64 */
#define PLAIN "any other text of 24 byt"
#define HMAC_KEY "sixteen bytes it"
#define SHORT_TEXT "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG0" /* 23 bytes */

static size_t
hmac_of(const EVP_MD *md, const char *key, const void *bytes, size_t len, unsigned char *digest)
{
	unsigned n = 0;

	ck_assert_ptr_nonnull(HMAC(md, key, (int)strlen(key), bytes, len, digest, &n));
	return n;
}

/* "v1," and base64 of the HMAC of id.timestamp.body, as the request should have it. */
static const char *
expected_signature(const struct http_request *q, const char *key)
{
	static char text[128];
	char message[1024];
	unsigned char digest[EVP_MAX_MD_SIZE];
	int n = snprintf(message, sizeof(message), "%s.", http_header(q, "webhook-id"));

	n += snprintf(message + n, sizeof(message) - (size_t)n, "%s.",
		http_header(q, "webhook-timestamp"));
	memcpy(message + n, q->body, q->len);
	size_t len = hmac_of(EVP_sha256(), key, message, (size_t)n + q->len, digest);
	strcpy(text, "v1,");
	EVP_EncodeBlock((unsigned char *)text + 3, digest, (int)len);
	return text;
}

static void
assert_signed(const struct http_request *q, const char *key)
{
	const char *wanted = expected_signature(q, key);
	const char *got = http_header(q, "webhook-signature");

	ck_assert_msg(got != NULL && strcmp(got, wanted) == 0, "%s, not %s", got, wanted);
}

START_TEST(a_request_is_signed_with_the_secrets_bytes)
{
	static const struct {
		const char *secret, *key;
	} cases[] = { { KEY_TEXT, KEY }, { PLAIN, PLAIN } };

	for (int way = 0; way < WAYS; way++) {
		for (size_t i = 0; i < 2; i++) {
			struct hsw_handle *h = OPEN_WAY(way, "secret", cases[i].secret, NULL);
			ck_assert_int_eq(fake_wait(put(h))->outcome, HSW_DELIVERED);
			assert_signed(last_request(way), cases[i].key);
			fake_close(h);
		}
	}
}
END_TEST

START_TEST(two_secrets_give_two_signatures_the_new_one_first)
{
	for (int way = 0; way < WAYS; way++) {
		struct hsw_handle *h = OPEN_WAY(way, "secret", PLAIN, "secret_old", KEY_TEXT, NULL);
		ck_assert_int_eq(fake_wait(put(h))->outcome, HSW_DELIVERED);
		const struct http_request *q = last_request(way);
		char both[128];
		snprintf(both, sizeof(both), "%s ", expected_signature(q, PLAIN));
		strcat(both, expected_signature(q, KEY));
		ck_assert_str_eq(http_header(q, "webhook-signature"), both);
		fake_close(h);
	}
}
END_TEST

START_TEST(an_hmac_of_the_body_goes_into_the_named_header)
{
	static const struct {
		const char *algorithm, *encoding, *prefix;
	} cases[] = { { "sha256", "hex", "sha256=" }, { "sha1", "base64", "" },
		{ "sha512", "hex", "v0=" }, { "sha512", "base64", "" } };
	const EVP_MD *const mds[] = { EVP_sha256(), EVP_sha1(), EVP_sha512(), EVP_sha512() };
	unsigned char digest[EVP_MAX_MD_SIZE];

	for (int i = 0; i < 4 * WAYS; i++) {
		int way = i / 4, c = i % 4;
		struct hsw_handle *h = OPEN_WAY(way, "hmac_header", "X-Hub-Signature-256",
			"hmac_secret", HMAC_KEY, "hmac_algorithm", cases[c].algorithm,
			"hmac_encoding", cases[c].encoding, "hmac_prefix", cases[c].prefix, NULL);
		ck_assert_int_eq(fake_wait(put(h))->outcome, HSW_DELIVERED);
		const struct http_request *q = last_request(way);
		size_t len = hmac_of(mds[c], HMAC_KEY, q->body, q->len, digest);
		char text[256];
		int n = snprintf(text, sizeof(text), "%s", cases[c].prefix);
		for (size_t k = 0; k < len && strcmp(cases[c].encoding, "hex") == 0; k++)
			n += snprintf(text + n, sizeof(text) - (size_t)n, "%02x", digest[k]);
		if (strcmp(cases[c].encoding, "base64") == 0)
			EVP_EncodeBlock((unsigned char *)text + n, digest, (int)len);
		ck_assert_str_eq(http_header(q, "X-Hub-Signature-256"), text);
		ck_assert_ptr_null(http_header(q, "webhook-signature"));
		fake_close(h);
	}
}
END_TEST

START_TEST(both_kinds_of_signatures_go_together)
{
	for (int way = 0; way < WAYS; way++) {
		struct hsw_handle *h = OPEN_WAY(way, "secret", KEY_TEXT, "hmac_header", "X-Sign",
			"hmac_secret", HMAC_KEY, "headers", "X-A: 1", NULL);
		ck_assert_int_eq(fake_wait(put(h))->outcome, HSW_DELIVERED);
		const struct http_request *q = last_request(way);
		assert_signed(q, KEY);
		ck_assert_uint_eq(strlen(http_header(q, "X-Sign")), 64);
		ck_assert_str_eq(http_header(q, "X-A"), "1");
		fake_close(h);
	}
}
END_TEST

START_TEST(wrong_options_of_signatures_are_refused)
{
	static const struct {
		const char *options[8], *expected;
	} cases[] = { { { "secret", SHORT_TEXT }, "secret: expected whsec_" },
		{ { "secret", "whsec_" }, "secret: expected whsec_" },
		{ { "secret", KEY_TEXT, "secret_old", SHORT_TEXT }, "secret_old: expected whsec_" },
		{ { "secret_old", KEY_TEXT }, "secret_old: is set, but no secret" },
		{ { "hmac_header", "X-Sign" }, "hmac_header and hmac_secret:" },
		{ { "hmac_secret", HMAC_KEY }, "hmac_header and hmac_secret:" },
		{ { "secret", "any other text of 24 by" }, "secret: expected whsec_" },
		{ { "secret", PLAIN, "secret_old", "short" }, "secret_old: expected whsec_" },
		{ { "secret", PLAIN PLAIN "and of 17 more..." }, "secret: expected whsec_" },
		{ { "hmac_header", "X-Sign", "hmac_secret", "sixteen bytes i" },
			"hmac_secret: expected at least 16 bytes" },
		{ { "hmac_header", "Content-Length", "hmac_secret", HMAC_KEY }, "hmac_header:" },
		{ { "hmac_header", "X Y", "hmac_secret", HMAC_KEY }, "hmac_header:" },
		{ { "hmac_header", "X-Y", "hmac_secret", HMAC_KEY, "hmac_prefix", "a\nb" },
			"hmac_prefix:" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *options[16] = { "url", "http://127.0.0.1/" };
		struct hsw_error err = { "" };
		for (size_t k = 0; k < 8 && cases[i].options[k] != NULL; k++)
			options[2 + k] = cases[i].options[k];
		ck_assert_ptr_null(fake_open("sink-webhook", options, &err));
		ck_assert_msg(strncmp(err.text, cases[i].expected, strlen(cases[i].expected)) == 0,
			"%s", err.text);
	}
}
END_TEST

UNIT_MAIN_WITH("sink-webhook: signatures", payload_rig_setup, payload_rig_teardown,
	a_request_is_signed_with_the_secrets_bytes,
	two_secrets_give_two_signatures_the_new_one_first,
	an_hmac_of_the_body_goes_into_the_named_header, both_kinds_of_signatures_go_together,
	wrong_options_of_signatures_are_refused)
