/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the SDK's library for sources: identifiers, times, JSON, tolerant reading. */
#include "unit.h"

#include <string.h>

#include <hookswitch/canon_json.h>

static struct hsw_str
str(const char *s)
{
	return (struct hsw_str){ s, strlen(s) };
}

START_TEST(identifiers_have_one_form)
{
	static const struct {
		const char *in, *out;
		enum hsw_jid type;
	} cases[] = {
		{ "5511999999999@s.whatsapp.net", "5511999999999@s.whatsapp.net", HSW_JID_PHONE },
		{ "5511999999999:57@s.whatsapp.net", "5511999999999@s.whatsapp.net",
			HSW_JID_PHONE },
		{ "5511999999999_1:57@s.whatsapp.net", "5511999999999@s.whatsapp.net",
			HSW_JID_PHONE },
		{ "5511999999999@c.us", "5511999999999@s.whatsapp.net", HSW_JID_PHONE },
		{ "5511999999999", "5511999999999@s.whatsapp.net", HSW_JID_PHONE },
		{ "+55 (11) 99999-9999", "5511999999999@s.whatsapp.net", HSW_JID_PHONE },
		{ "200759773786203:3@lid", "200759773786203@lid", HSW_JID_LID },
		{ "120363405226577317@g.us", "120363405226577317@g.us", HSW_JID_GROUP },
		{ "5511999999999-1600000000@g.us", "5511999999999-1600000000@g.us", HSW_JID_GROUP },
		{ "status@broadcast", "status@broadcast", HSW_JID_BROADCAST },
		{ "120363@newsletter", "120363@newsletter", HSW_JID_NEWSLETTER },
		{ "", "", HSW_JID_NONE },
		{ "Ana", "", HSW_JID_NONE },
		{ "a@b.c", "", HSW_JID_NONE },
		{ "@s.whatsapp.net", "", HSW_JID_NONE },
		{ ":5@lid", "", HSW_JID_NONE },
		{ "a b@g.us", "", HSW_JID_NONE },
	};
	char out[HSW_JID_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_int_eq(canon_jid(str(cases[i].in), out), cases[i].type);
		ck_assert_str_eq(out, cases[i].out);
	}
	ck_assert_int_eq(canon_jid((struct hsw_str){ NULL, 0 }, out), HSW_JID_NONE);
	char longest[300];
	memset(longest, '1', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	ck_assert_int_eq(canon_jid(str(longest), out), HSW_JID_NONE);
}
END_TEST

START_TEST(a_lid_is_never_passed_off_as_a_phone)
{
	struct hsw_party p = { .name = { NULL, 0 } };

	canon_party_add(&p, str("1@lid"));
	ck_assert_str_eq(canon_party_id(&p), "1@lid");
	ck_assert_int_eq(p.type, HSW_JID_LID);
	canon_party_add(&p, str("2@s.whatsapp.net"));
	canon_party_add(&p, str("3@s.whatsapp.net"));
	ck_assert_str_eq(canon_party_id(&p), "2@s.whatsapp.net");
	ck_assert_str_eq(p.lid, "1@lid");
	ck_assert_int_eq(p.type, HSW_JID_PHONE);
}
END_TEST

START_TEST(times_are_read_in_every_form)
{
	static const struct {
		const char *in;
		int64_t ms; /* -1: refused */
	} cases[] = {
		{ "1749766134", 1749766134000 },
		{ "1749766134123", 1749766134123 },
		{ "1749766134.5", 1749766134500 },
		{ "2026-01-15T09:30:00.000Z", 1768469400000 },
		{ "2026-01-15T09:30:00Z", 1768469400000 },
		{ "2026-01-15T06:30:00-03:00", 1768469400000 },
		{ "2026-01-15 09:30:00.25", 1768469400250 },
		{ "2024-02-29T00:00:00Z", 1709164800000 },
		{ "", -1 },
		{ "soon", -1 },
		{ "2026-13-15T09:30:00Z", -1 },
		{ "2026-01-15T09:30:00+3", -1 },
		{ "-5", -1 },
		{ "1e300", -1 },
		{ "nan", -1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ms = -1;
		ck_assert_msg(canon_time_parse(str(cases[i].in), &ms) == (cases[i].ms >= 0), "%s",
			cases[i].in);
		if (cases[i].ms >= 0)
			ck_assert_int_eq(ms, cases[i].ms);
	}
}
END_TEST

START_TEST(times_are_written_as_rfc_3339)
{
	char out[HSW_TIME_MAX];

	canon_time(1768469400000, out);
	ck_assert_str_eq(out, "2026-01-15T09:30:00Z");
	canon_time(1768469400007, out);
	ck_assert_str_eq(out, "2026-01-15T09:30:00.007Z");
	canon_time(-1, out);
	ck_assert_str_eq(out, "1970-01-01T00:00:00Z");
	canon_time(INT64_MAX, out);
	ck_assert_str_eq(out, "9999-12-31T23:59:59.999Z");
}
END_TEST

static char *
joined(struct hsw_canon *c, unsigned parts)
{
	size_t n = canon_pieces(c), len = 0;
	char *out = calloc(1, 10000);

	ck_assert_uint_gt(n, 0);
	for (size_t i = 0; i < n; i++) {
		if (c->pieces[i].part != 0 && !(c->pieces[i].part & parts))
			continue;
		memcpy(out + len, c->pieces[i].bytes.s, c->pieces[i].bytes.len);
		len += c->pieces[i].bytes.len;
	}
	return out;
}

START_TEST(objects_are_written_with_parts_of_their_own)
{
	struct hsw_canon c = { .data = NULL };

	for (int round = 0; round < 2; round++) {
		canon_reset(&c);
		canon_open_object(&c, NULL);
		canon_text(&c, "a", "x\"\\\n\x01\xc3\xa9\xff");
		canon_string(&c, "left out", (struct hsw_str){ NULL, 0 });
		canon_open_object(&c, "media");
		canon_int(&c, "n", -42);
		canon_part(&c, HSW_MEDIA);
		canon_borrowed(&c, "base64", str("QUJD"));
		canon_part(&c, 0);
		canon_bool(&c, "t", true);
		canon_close_object(&c);
		canon_open_array(&c, "list");
		canon_int(&c, NULL, INT64_MIN);
		canon_null(&c, NULL);
		canon_close_array(&c);
		canon_close_object(&c);
		char *with = joined(&c, HSW_MEDIA), *without = joined(&c, 0);
		ck_assert_str_eq(without,
			"{\"a\":\"x\\\"\\\\\\n\\u0001\xc3\xa9\xef\xbf\xbd\",\"media\":{\"n\":-42,"
			"\"t\":true},"
			"\"list\":[-9223372036854775808,null]}");
		ck_assert_ptr_nonnull(strstr(with, "\"n\":-42,\"base64\":\"QUJD\",\"t\":true"));
		free(with);
		free(without);
	}
	canon_free(&c);
}
END_TEST

START_TEST(base64_is_checked_and_freed_of_its_prefix)
{
	struct hsw_str s = str("data:image/png;base64,iVBORw0KGgo=");

	ck_assert(canon_base64(&s));
	ck_assert_uint_eq(s.len, 12);
	s = str("QUJD");
	ck_assert(canon_base64(&s));
	s = str("QUJ\"D");
	ck_assert(!canon_base64(&s));
	s = str("QUI===");
	ck_assert(!canon_base64(&s));
	s = str("data:image/png;base64,");
	ck_assert(!canon_base64(&s));
	s = str("");
	ck_assert(!canon_base64(&s));
}
END_TEST

START_TEST(keys_with_the_same_letters_differ_by_their_parts)
{
	struct hsw_identity a = { .len = 0 }, b = { .len = 0 };

	canon_identity_text(&a, "ab");
	canon_identity_text(&a, "c");
	canon_identity_text(&b, "a");
	canon_identity_text(&b, "bc");
	ck_assert_uint_eq(a.len, b.len);
	ck_assert(memcmp(a.data, b.data, a.len) != 0);
	for (int i = 0; i < 1000; i++)
		canon_identity_int(&a, INT64_MIN);
	ck_assert_uint_eq(a.len, sizeof(a.data));
}
END_TEST

START_TEST(numbers_bytes_and_flags_are_read_in_every_form)
{
	struct json_object *o = json_tokener_parse(
		"{\"i\":7,\"f\":7.9,\"s\":\"7\",\"l\":{\"low\":7,\"high\":0,\"unsigned\":true},"
		"\"big\":{\"low\":-1081243781,\"high\":411,\"unsigned\":false},\"bad\":\"x\","
		"\"null\":null,"
		"\"t\":\"true\",\"one\":1,\"b\":{\"0\":65,\"1\":66,\"2\":67},"
		"\"buf\":{\"type\":\"Buffer\",\"data\":[65,66]},\"arr\":[65],\"over\":[300],"
		"\"b64\":\"QUJD\"}");
	static const struct {
		const char *key, *base64;
	} bytes[] = { { "b", "QUJD" }, { "buf", "QUI=" }, { "arr", "QQ==" }, { "b64", "QUJD" },
		{ "over", NULL }, { "bad", "x" }, { "null", NULL }, { "i", NULL } };
	int64_t n;
	char *owned;

	for (const char *const *key = (const char *const[]){ "i", "f", "s", "l", NULL };
		*key != NULL; key++) {
		ck_assert(cj_number(o, *key, &n));
		ck_assert_int_eq(n, 7);
	}
	ck_assert(cj_number(o, "big", &n));
	ck_assert_int_eq(n, 1768445282171);
	ck_assert(!cj_number(o, "bad", &n) && !cj_number(o, "null", &n) && !cj_number(o, "no", &n));
	ck_assert(cj_bool(o, "t") && cj_bool(o, "one") && !cj_bool(o, "no") && !cj_bool(o, "bad"));
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		struct hsw_str s = cj_bytes(o, bytes[i].key, &owned);
		if (bytes[i].base64 == NULL)
			ck_assert_ptr_null(s.s);
		else
			ck_assert_mem_eq(s.s, bytes[i].base64, strlen(bytes[i].base64));
		free(owned);
	}
	ck_assert_ptr_null(cj_get(NULL, "x"));
	json_object_put(o);
}
END_TEST

UNIT_MAIN("canon", identifiers_have_one_form, a_lid_is_never_passed_off_as_a_phone,
	times_are_read_in_every_form, times_are_written_as_rfc_3339,
	objects_are_written_with_parts_of_their_own, base64_is_checked_and_freed_of_its_prefix,
	keys_with_the_same_letters_differ_by_their_parts,
	numbers_bytes_and_flags_are_read_in_every_form)
