/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of source-map's signatures: what a request must bring to be believed. */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "map_conf.h"
#include "source_rig.h"

enum { SHA1, SHA256, SHA512 };
enum { HEX, BASE64 };
enum { BODY, URL_AND_FORM };

static const struct hsw_source_ops *
plugin(void)
{
	return source_plugin("map");
}

static struct hsw_str
str(const char *s)
{
	return (struct hsw_str){ s, strlen(s) };
}

static struct conf
conf_of(const char *map, char path[1024])
{
	const char *top = getenv("srcdir");

	snprintf(path, 1024, "%s/etc/maps/%s.ini", top != NULL ? top : ".", map);
	return (struct conf){ .map = path, .budget = 5000 };
}

static const char *header_name, *header_value;

static struct hsw_str
one_header(const struct hsw_request *request, const char *name)
{
	(void)request;
	return header_name != NULL && strcasecmp(name, header_name) == 0
		? str(header_value)
		: (struct hsw_str){ NULL, 0 };
}

static int
verify(struct conf conf, const char *instance, const char *path_, const char *query,
	const char *body, const char *value)
{
	char path[1024];
	struct hsw_error err;
	void *self;

	conf.map = conf_of("twilio", path).map;
	header_name = value != NULL ? conf.signature_header : NULL;
	header_value = value;
	const struct hsw_request request = { .size = sizeof(request),
		.method = str("POST"),
		.path = str(path_),
		.query = str(query),
		.instance = str(instance),
		.body = str(body),
		.header = one_header };
	int rc = plugin()->open(NULL, NULL, &conf, &self, &err);
	ck_assert_msg(rc == HSW_OK, "%s", err.text);
	rc = plugin()->verify(self, &request, &err);
	ck_assert_ptr_null(strstr(rc != HSW_OK ? err.text : "", "key-1"));
	plugin()->close(self);
	return rc;
}

START_TEST(a_signature_over_the_body_is_checked)
{
	static const struct {
		int hash, encoding;
		const char *prefix, *value;
		int rc;
	} cases[] = {
		{ SHA1, HEX, NULL, "2f773dafb9b75cebee625eb56f8de0bbc1e74a70", HSW_OK },
		{ SHA256, HEX, "sha256=",
			"sha256=97172d380d9c8941dec9eddb9356197002315521d64de1609e940677098bae0e",
			HSW_OK },
		{ SHA256, HEX, "sha256=",
			"sha256=97172D380D9C8941DEC9EDDB9356197002315521D64DE1609E940677098BAE0E",
			HSW_OK },
		{ SHA256, BASE64, NULL, "lxctOA2ciUHeye3bk1YZcAIxVSHWTeFgnpQGdwmLrg4=", HSW_OK },
		{ SHA512, BASE64, "v1,",
			"v1,Dau3wgT8iZQTegeiij/bse0lIv4PNlmsesShKVFXo+zUNn0IdRVHpbXwtE3/"
			"6pW3T20gZ6pH8YbiS0KZabKSaA==",
			HSW_OK },
		{ SHA512, HEX, NULL,
			"0dabb7c204fc8994137a07a28a3fdbb1ed2522fe0f3659ac7ac4a1295157a3ecd4367d0875"
			"1547a5b5f0b44dffea95b74f6d2067aa47f186e24b429969b29268",
			HSW_OK },
		{ SHA256, HEX, "sha256=",
			"97172d380d9c8941dec9eddb9356197002315521d64de1609e940677098bae0e",
			HSW_EAUTH },
		{ SHA256, HEX, NULL, "2f773dafb9b75cebee625eb56f8de0bbc1e74a70", HSW_EAUTH },
		{ SHA256, HEX, NULL,
			"97172d380d9c8941dec9eddb9356197002315521d64de1609e940677098bae0e0",
			HSW_EAUTH },
		{ SHA256, HEX, "sha256=", "sha256=", HSW_EAUTH },
		{ SHA256, HEX, NULL, "", HSW_EAUTH },
		{ SHA256, HEX, NULL, NULL, HSW_EAUTH },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct conf conf = { .budget = 1000,
			.signature_key = "key-1",
			.signature_header = "X-Sign",
			.signature_prefix = cases[i].prefix,
			.signature_hash = cases[i].hash,
			.signature_encoding = cases[i].encoding };
		int rc = verify(conf, "sales", "", "", "{\"a\": 1}", cases[i].value);
		ck_assert_msg(rc == cases[i].rc, "case %zu: %d", i, rc);
		ck_assert_int_ne(
			verify(conf, "sales", "", "", "{\"a\":1}", cases[i].value), HSW_OK);
	}
}
END_TEST

/* The example of Twilio's documentation: its URL, cut where the section's instance begins. */
START_TEST(a_signature_over_url_and_form_is_checked)
{
	static const char body[] = "To=%2B18005551212&CallSid=CA1234567890ABCDE&Digits=1234"
				   "&From=%2B14158675309&Caller=%2B14158675309";
	static const char twice[] =
		"To=%2B18005551212&CallSid=CA1234567890ABCDE&Digits=1234&Digits=1234"
		"&From=%2B14158675309&Caller=%2B14158675309";
	static const char sign[] = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
	struct conf conf = { .budget = 1000,
		.signature_key = "12345",
		.signature_header = "X-Twilio-Signature",
		.signature_url = "https://mycompany.com/",
		.signature_hash = SHA1,
		.signature_encoding = BASE64,
		.signature_over = URL_AND_FORM };

	ck_assert_int_eq(verify(conf, "myapp.php", "", "foo=1&bar=2", body, sign), HSW_OK);
	ck_assert_int_eq(verify(conf, "myapp.php", "", "foo=1&bar=2", twice, sign), HSW_OK);
	ck_assert_int_eq(verify(conf, "myapp.php", "", "foo=1&bar=3", body, sign), HSW_EAUTH);
	ck_assert_int_eq(verify(conf, "myapp.php", "/x", "foo=1&bar=2", body, sign), HSW_EAUTH);
	ck_assert_int_eq(verify(conf, "myapp.php", "", "foo=1&bar=2", body + 1, sign), HSW_EAUTH);
	ck_assert_int_eq(verify(conf, "myapp.php", "", "foo=1&bar=2", "a=%", sign), HSW_EINVAL);
	conf.signature_url = "https://mycompany.com";
	ck_assert_int_eq(verify(conf, "myapp.php", "", "foo=1&bar=2", body, sign), HSW_OK);
	conf.signature_key = "12346";
	ck_assert_int_eq(verify(conf, "myapp.php", "", "foo=1&bar=2", body, sign), HSW_EAUTH);
}
END_TEST

/* Then the URL alone is signed, and the hash of the body is in its query. */
START_TEST(a_body_that_is_no_form_is_vouched_for_by_its_hash)
{
	static const char query[] =
		"bodySHA256=f9d86028c6e0d64e225186f96acb69338b2c59764df79162107f5c4bb34d1310";
	const struct conf conf = { .budget = 1000,
		.signature_key = "12345",
		.signature_header = "X-Twilio-Signature",
		.signature_url = "https://h.example/in/t",
		.signature_hash = SHA1,
		.signature_encoding = BASE64,
		.signature_over = URL_AND_FORM };

	ck_assert_int_eq(
		verify(conf, "sales", "", query, "{\"a\": 1}", "+vmOzH7LkeHKL+7kx4MjMQi80Oc="),
		HSW_OK);
	ck_assert_int_eq(
		verify(conf, "sales", "", query, "{\"a\": 2}", "+vmOzH7LkeHKL+7kx4MjMQi80Oc="),
		HSW_EAUTH);
	ck_assert_int_eq(
		verify(conf, "sales", "", "", "{\"a\": 1}", "flQ0ewRdttnt3rOlSwn4veqI8mg="),
		HSW_EAUTH);
	ck_assert_int_eq(verify(conf, "sales", "", "bodySHA256=ab", "{\"a\": 1}",
				 "+vmOzH7LkeHKL+7kx4MjMQi80Oc="),
		HSW_EAUTH);
}
END_TEST

START_TEST(a_form_signature_needs_the_url)
{
	char path[1024];
	struct conf conf = conf_of("twilio", path);
	struct hsw_error err;
	void *self;

	conf.signature_key = "key-1";
	conf.signature_over = URL_AND_FORM;
	ck_assert_int_eq(plugin()->open(NULL, NULL, &conf, &self, &err), HSW_EINVAL);
	ck_assert_str_eq(err.text, "signature_over = url-and-form needs signature_url");
}
END_TEST

UNIT_MAIN("source-map signatures", a_signature_over_the_body_is_checked,
	a_signature_over_url_and_form_is_checked, a_body_that_is_no_form_is_vouched_for_by_its_hash,
	a_form_signature_needs_the_url)
