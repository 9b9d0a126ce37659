/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of raw: what is passed on of a request's body, and what is not. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "raw.h"

static const char *
source_of(const char *body, const char *type)
{
	static char text[4096];
	struct hasher *hasher = hasher_new();
	struct buf b = BUF_INIT;

	ck_assert(raw_source(&b, hasher, str_of(body), str_of(type)));
	ck_assert_uint_lt(b.len, sizeof(text));
	memcpy(text, b.data, b.len);
	text[b.len] = '\0';
	buf_free(&b);
	hasher_free(hasher);
	return text;
}

START_TEST(json_stays_json_without_its_credentials)
{
	const char *text = source_of(
		" {\"apikey\":\"S\",\"a\":[{\"JWT\":1,\"b\":2.50}]}\n", "application/json");

	ck_assert_str_eq(text,
		",\"raw\":{\"apikey\":\"[redacted]\",\"a\":[{\"JWT\":\"[redacted]\",\"b\":2.50}]},"
		"\"rawSha256\":"
		"\"56e75eb7fffdcb63f5420d2f9c0e8881d0be6939df3daa5b0e1dd088fdee6f59\","
		"\"rawType\":\"application/json\"");
}
END_TEST

START_TEST(forms_lose_their_credentials)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "" },
		{ "a=1&b=2", "a=1&b=2" },
		{ "&&a&=&", "&&a&=&" },
		{ "token=S&x=y+z%20", "token=%5Bredacted%5D&x=y+z%20" },
		{ "x=1&api%6Bey=S", "x=1&api%6Bey=%5Bredacted%5D" },
		{ "TOKEN=S", "TOKEN=%5Bredacted%5D" },
		{ "token=", "token=" },
		{ "jsonData=%7B%22token%22%3A%22S%22%2C%22n%22%3A1%7D&type=M",
			"jsonData=%7B%22token%22%3A%22%5Bredacted%5D%22%2C%22n%22%3A1%7D&type=M" },
		{ "j=[{\"jwt\":\"S\"}]", "j=%5B%7B%22jwt%22%3A%22%5Bredacted%5D%22%7D%5D" },
		{ "j=%7Btoken", "j=%5Bredacted%5D" },
		{ "plain text, no form", "plain text, no form" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b = BUF_INIT;
		raw_form(&b, str_of(cases[i].in));
		ck_assert(!b.failed);
		ck_assert_uint_eq(b.len, strlen(cases[i].out));
		ck_assert_msg(b.len == 0 || memcmp(b.data, cases[i].out, b.len) == 0,
			"%s gives %.*s", cases[i].in, (int)b.len, b.data);
		buf_free(&b);
	}
}
END_TEST

START_TEST(what_is_no_json_is_base64)
{
	const char *text = source_of("token=S&a=1", "application/x-www-form-urlencoded");

	/* token=%5Bredacted%5D&a=1 */
	ck_assert_ptr_nonnull(strstr(text, ",\"raw\":\"dG9rZW49JTVCcmVkYWN0ZWQlNUQmYT0x\","));
	ck_assert_ptr_nonnull(strstr(text, "\"rawType\":\"application/x-www-form-urlencoded\""));
	ck_assert_ptr_nonnull(
		strstr(source_of("\"a string\"", ""), ",\"raw\":\"ImEgc3RyaW5nIg==\","));
	ck_assert_ptr_nonnull(
		strstr(source_of("x", ""), "\"rawType\":\"application/octet-stream\""));
}
END_TEST

START_TEST(a_body_whose_credentials_cannot_be_found_is_left_out)
{
	static const struct {
		const char *body, *type;
	} cases[] = {
		{ "{\"token\":\"SECRET\"", "application/json" },
		{ "[NaN,{\"token\":\"SECRET\"}]", "application/json" },
		{ "--b\r\nContent-Disposition: form-data; name=token\r\n\r\nSECRET\r\n--b--\r\n",
			"" },
		{ "preamble SECRET", "Multipart/form-data; boundary=b" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *text = source_of(cases[i].body, cases[i].type);
		ck_assert_ptr_null(strstr(text, "\"raw\""));
		ck_assert_int_eq(strncmp(text, ",\"rawSha256\":\"", 14), 0);
	}
}
END_TEST

START_TEST(deep_json_is_left_out_rather_than_passed_on_as_it_is)
{
	char body[512];
	size_t n = 0;

	for (; n < 100; n++)
		body[n] = '[';
	n += (size_t)snprintf(body + n, sizeof(body) - n, "{\"token\":\"SECRET\"}");
	memset(body + n, ']', 100);
	body[n + 100] = '\0';
	ck_assert_ptr_null(strstr(source_of(body, ""), "\"raw\""));
}
END_TEST

START_TEST(a_type_cannot_break_out_of_its_string)
{
	ck_assert_ptr_nonnull(strstr(
		source_of("x", "text/x; a=\"b\\\"\r\nX: y"), "\"rawType\":\"text/x; a=bX: y\""));
}
END_TEST

UNIT_MAIN("raw", json_stays_json_without_its_credentials, forms_lose_their_credentials,
	what_is_no_json_is_base64, a_body_whose_credentials_cannot_be_found_is_left_out,
	deep_json_is_left_out_rather_than_passed_on_as_it_is, a_type_cannot_break_out_of_its_string)
