/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the library of sources: the writer, identifiers, times, base64, numbers. */
#include "canon_rig.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include <hookswitch/canon_json.h>

/* ---- the writer ---- */

START_TEST(strings_are_escaped_and_repaired)
{
	canon_assert_string(str(""), "{\"k\":\"\"}");
	canon_assert_string(str("a\"b\\c/d"), "{\"k\":\"a\\\"b\\\\c/d\"}");
	canon_assert_string(
		str("\b\f\n\r\t\x01\x1f\x7f"), "{\"k\":\"\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"}");
	canon_assert_string((struct hsw_str){ "a\0b", 3 }, "{\"k\":\"a\\u0000b\"}");
	canon_assert_string(str("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
		"{\"k\":\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"}");
	/* Lone, cut, overlong, surrogate, beyond U+10FFFF. */
	canon_assert_string(str("\x80"), "{\"k\":\"\xef\xbf\xbd\"}");
	canon_assert_string(str("a\xe2\x82"), "{\"k\":\"a\xef\xbf\xbd\xef\xbf\xbd\"}");
	canon_assert_string(str("\xc0\xaf"), "{\"k\":\"\xef\xbf\xbd\xef\xbf\xbd\"}");
	canon_assert_string(
		str("\xed\xa0\x80"), "{\"k\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}");
	canon_assert_string(str("\xf4\x90\x80\x80"),
		"{\"k\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"}");
	canon_assert_string((struct hsw_str){ NULL, 0 }, "{}");
}
END_TEST

START_TEST(members_of_all_kinds_have_their_commas)
{
	canon_begin(&canon, "message.status", str(""));
	canon_open_object(&canon, NULL);
	canon_int(&canon, "min", INT64_MIN);
	canon_int(&canon, "max", INT64_MAX);
	canon_int(&canon, "zero", 0);
	canon_open_array(&canon, "a");
	canon_null(&canon, NULL);
	canon_open_object(&canon, NULL);
	canon_close_object(&canon);
	canon_bool(&canon, NULL, true);
	canon_close_array(&canon);
	canon_tri(&canon, "no", HSW_NO);
	canon_tri(&canon, "none", HSW_UNKNOWN);
	canon_some(&canon, "empty", str(""));
	canon_key(&canon, str("q\""));
	canon_text(&canon, NULL, "v");
	canon_when(&canon, "t", 0);
	canon_close_object(&canon);
	canon_finish();
	ck_assert_str_eq(out.text,
		"{\"min\":-9223372036854775808,\"max\":9223372036854775807,\"zero\":0,\"a\":[null,{"
		"},"
		"true],\"no\":false,\"q\\\"\":\"v\",\"t\":\"2026-11-21T05:33:48.123Z\"}");
}
END_TEST

START_TEST(numbers_as_text_are_checked)
{
	static const char *const good[] = { "0", "-0", "12", "-1.5", "1e9", "1.25E-3", "0.1" };
	static const char *const bad[] = { "", "-", "01", "1.", ".5", "1e", "1e+", "+1", "NaN",
		"Infinity", "0x1", "1 ", "1,5" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]) + sizeof(bad) / sizeof(bad[0]); i++) {
		bool is_good = i < sizeof(good) / sizeof(good[0]);
		const char *number = is_good ? good[i] : bad[i - sizeof(good) / sizeof(good[0])];
		char expected[64];
		snprintf(expected, sizeof(expected), is_good ? "{\"n\":%s}" : "{}", number);
		canon_begin(&canon, "message.status", str(""));
		canon_open_object(&canon, NULL);
		canon_number(&canon, "n", str(number));
		canon_close_object(&canon);
		canon_finish();
		ck_assert_str_eq(out.text, expected);
	}
}
END_TEST

START_TEST(what_is_borrowed_is_not_copied)
{
	static const char bytes[] = "QUJD";
	struct hsw_message m = { .id = str("A"),
		.type = "image",
		.media = { .type = "image", .base64 = { bytes, 4 } } };

	canon_message(&canon, &m);
	canon_part(&canon, 0); /* ends the piece that is open */
	bool found = false;
	for (size_t i = 0; i < canon.n_cuts; i++) {
		if (canon.cuts[i].foreign.s == bytes)
			found = canon.cuts[i].part == HSW_MEDIA;
	}
	ck_assert(found);
	canon_finish();
	ck_assert_ptr_nonnull(strstr(out.text, "{\"type\":\"image\",\"base64\":\"QUJD\"}"));
	ck_assert_ptr_nonnull(strstr(out.least, "{\"type\":\"image\"}"));
}
END_TEST

START_TEST(too_many_parts_are_an_error_and_not_for_ever)
{
	canon_begin(&canon, "message.status", str(""));
	canon_open_object(&canon, NULL);
	for (int i = 0; i < HSW_PIECES_MAX; i++) {
		canon_part(&canon, i % 2 == 0 ? 0 : HSW_KEYS);
		canon_int(&canon, "k", i);
	}
	canon_close_object(&canon);
	canon_part(&canon, 0);
	canon_int(&canon, "one", 1);
	size_t before = out.n;
	ck_assert_int_eq(canon_emit(&canon, str("x"), canon_collect, &out), HSW_ELIMIT);
	ck_assert_uint_eq(out.n, before);
	canon_setup();
	canon_assert_string(str("a"), "{\"k\":\"a\"}");
}
END_TEST

/* ---- identifiers ---- */

START_TEST(identifiers_have_one_form)
{
	static const struct {
		const char *in, *out;
		enum hsw_jid type;
	} cases[] = {
		{ "5511999999999@s.whatsapp.net", "5511999999999@s.whatsapp.net", HSW_JID_PHONE },
		{ "5511999999999@c.us", "5511999999999@s.whatsapp.net", HSW_JID_PHONE },
		{ "5511999999999:57@s.whatsapp.net", "5511999999999@s.whatsapp.net",
			HSW_JID_PHONE },
		{ "5511999999999_1:57@c.us", "5511999999999@s.whatsapp.net", HSW_JID_PHONE },
		{ "5511999999999", "5511999999999@s.whatsapp.net", HSW_JID_PHONE },
		{ "+55 (11) 99999-9999", "5511999999999@s.whatsapp.net", HSW_JID_PHONE },
		{ "+5511999999999@c.us", "5511999999999@s.whatsapp.net", HSW_JID_PHONE },
		{ "5511999999999@hosted", "5511999999999@s.whatsapp.net", HSW_JID_PHONE },
		{ "200759773786203@lid", "200759773786203@lid", HSW_JID_LID },
		{ "200759773786203:12@lid", "200759773786203@lid", HSW_JID_LID },
		{ "120363421904721723@g.us", "120363421904721723@g.us", HSW_JID_GROUP },
		{ "5511999999999-1600000000@g.us", "5511999999999-1600000000@g.us", HSW_JID_GROUP },
		{ "120363000000000000@newsletter", "120363000000000000@newsletter",
			HSW_JID_NEWSLETTER },
		{ "status@broadcast", "status@broadcast", HSW_JID_BROADCAST },
		{ "1600000000@broadcast", "1600000000@broadcast", HSW_JID_BROADCAST },
		{ "", "", HSW_JID_NONE },
		{ "@s.whatsapp.net", "", HSW_JID_NONE },
		{ ":3@lid", "", HSW_JID_NONE },
		{ "abc", "", HSW_JID_NONE },
		{ "+", "", HSW_JID_NONE },
		{ "+@c.us", "", HSW_JID_NONE },
		{ "55@example.com", "", HSW_JID_NONE },
		{ "55@s.whatsapp.net@lid", "", HSW_JID_NONE },
		{ "55 11@s.whatsapp.net", "", HSW_JID_NONE },
		{ "55\"@lid", "", HSW_JID_NONE },
		{ "55\xc3\xa9@lid", "", HSW_JID_NONE },
		{ "1111111111111111111111111111111111111111111111111111111111111111111111111111111"
		  "111111111111111111111@s.whatsapp.net",
			"", HSW_JID_NONE },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char jid[HSW_JID_MAX];
		ck_assert_int_eq(canon_jid(str(cases[i].in), jid), cases[i].type);
		ck_assert_str_eq(jid, cases[i].out);
	}
}
END_TEST

START_TEST(a_party_has_a_phone_and_a_lid)
{
	struct hsw_party p = { .type = HSW_JID_NONE };

	ck_assert_str_eq(canon_party_id(&p), "");
	canon_party_add(&p, str("300@lid"));
	ck_assert_str_eq(canon_party_id(&p), "300@lid");
	ck_assert_int_eq(p.type, HSW_JID_LID);
	canon_party_add(&p, str("55@c.us"));
	canon_party_add(&p, str("56@c.us"));
	canon_party_add(&p, str("400@lid"));
	ck_assert_str_eq(canon_party_id(&p), "55@s.whatsapp.net");
	ck_assert_str_eq(p.lid, "300@lid");
	ck_assert_int_eq(p.type, HSW_JID_PHONE);
}
END_TEST

START_TEST(a_user_id_is_no_jid)
{
	static const struct {
		const char *in;
		bool is_one;
	} cases[] = { { "US.13491208655302741918", true }, { "US.ENT.118", true },
		{ "BR.aZ9", true }, { "US.", false }, { "us.1", false }, { "USA1", false },
		{ "U5.1", false }, { "US.1@lid", false }, { "5511999999999", false },
		{ "", false } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hsw_party p = { .type = HSW_JID_NONE };
		ck_assert_int_eq(canon_party_add_user_id(&p, str(cases[i].in)), cases[i].is_one);
		ck_assert_str_eq(p.user_id, cases[i].is_one ? cases[i].in : "");
		ck_assert_str_eq(canon_party_id(&p), "");
		ck_assert_str_eq(canon_party_key(&p), p.user_id);
		ck_assert(canon_party_add_user_id(&p, str("DE.1")));
		ck_assert_str_eq(p.user_id, cases[i].is_one ? cases[i].in : "DE.1");
		canon_party_add(&p, str("55"));
		ck_assert_str_eq(canon_party_key(&p), "55@s.whatsapp.net");
	}
}
END_TEST

/* ---- times ---- */

START_TEST(times_are_written_in_utc)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{ 1, "1970-01-01T00:00:00.001Z" },
		{ 951782400000, "2000-02-29T00:00:00Z" },
		{ 1709251199999, "2024-02-29T23:59:59.999Z" },
		{ 4107542400000, "2100-03-01T00:00:00Z" },
		{ RECEIVED, "2026-11-21T05:33:48.123Z" },
		{ 253402300799999, "9999-12-31T23:59:59.999Z" },
		{ INT64_MAX, "9999-12-31T23:59:59.999Z" },
		{ INT64_MIN, "1970-01-01T00:00:00Z" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[HSW_TIME_MAX];
		canon_time(cases[i].ms, text);
		ck_assert_str_eq(text, cases[i].text);
	}
}
END_TEST

START_TEST(times_are_read_in_all_their_forms)
{
	static const struct {
		const char *text;
		int64_t ms; /* 0: none */
	} cases[] = {
		{ "1768469400", 1768469400000 },
		{ "1768469400123", 1768469400123 },
		{ "1768469400.25", 1768469400250 },
		{ "99999999999", 99999999999000 },
		{ "100000000000", 100000000000 },
		{ "99999999999999", 99999999999999 },
		{ "100000000000000", 0 },
		{ "2026-01-15T09:30:00Z", 1768469400000 },
		{ "2026-01-15 09:30:00.5z", 1768469400500 },
		{ "2026-01-15T09:30:00.123456789Z", 1768469400123 },
		{ "2026-01-15T12:30:00+03:00", 1768469400000 },
		{ "2026-01-15T06:30:00-03:00", 1768469400000 },
		{ "2026-01-15T12:30:00+0300", 1768469400000 },
		{ "2026-01-15 04:00:00-0530", 1768469400000 },
		{ "2026-01-15 09:30:00+00", 1768469400000 },
		{ "2026-01-15T06:30:00.5-03", 1768469400500 },
		{ "2026-01-15T09:30:00", 0 },
		{ "2026-01-15T09:30:00+", 0 },
		{ "2026-01-15T09:30:00+0", 0 },
		{ "2026-01-15T09:30:00+03:", 0 },
		{ "2026-01-15T09:30:00+03:0", 0 },
		{ "2026-01-15T09:30:00+030", 0 },
		{ "2026-01-15T09:30:00+03000", 0 },
		{ "2026-01-15T09:30:00+03:000", 0 },
		{ "2026-01-15T09:30:00+03Z", 0 },
		{ "2026-13-15T09:30:00Z", 0 },
		{ "2026-01-15T24:30:00Z", 0 },
		{ "2026-01-15T09:30:00+3:00", 0 },
		{ "1960-01-15T09:30:00Z", 0 },
		{ "0000-00-00T00:00:00Z", 0 },
		{ "", 0 },
		{ "0", 0 },
		{ "-1", 0 },
		{ "1.2.3", 0 },
		{ "0x10", 0 },
		{ "nan", 0 },
		{ "soon", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ms = 0;
		bool is_time = canon_time_parse(str(cases[i].text), &ms);
		ck_assert_msg(is_time == (cases[i].ms != 0), "%s", cases[i].text);
		if (is_time)
			ck_assert_int_eq(ms, cases[i].ms);
	}
}
END_TEST

/* ---- base64 ---- */

START_TEST(base64_is_checked_and_tidied)
{
	static const struct {
		const char *in, *out; /* NULL: none */
	} cases[] = {
		{ "QUJD", "QUJD" },
		{ "QUI=", "QUI=" },
		{ "QQ==", "QQ==" },
		{ "QUI", "QUI" },
		{ "data:image/png;base64,QUJD", "QUJD" },
		{ "data:audio/ogg; codecs=opus;base64,QUJD", "QUJD" },
		{ "QU\r\nJD\n", "QUJD" },
		{ "_-8=", "/+8=" },
		{ "", NULL },
		{ "=", NULL },
		{ "====", NULL },
		{ "Q", NULL },
		{ "QUJDQ", NULL },
		{ "QU=D", NULL },
		{ "data:image/png,QUJD", NULL },
		{ "data:;base64,", NULL },
		{ "QUJ\xc3\xa9", NULL },
		{ "https://example.com/a.jpg", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hsw_str s = str(cases[i].in);
		bool is_base64 = canon_base64(&canon, &s);
		ck_assert_msg(is_base64 == (cases[i].out != NULL), "%s", cases[i].in);
		if (is_base64) {
			ck_assert_uint_eq(s.len, strlen(cases[i].out));
			ck_assert_mem_eq(s.s, cases[i].out, s.len);
		}
	}
}
END_TEST

START_TEST(bytes_are_encoded)
{
	/* RFC 4648 section 10 */
	static const char *const cases[][2] = { { "f", "Zg==" }, { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hsw_str s = canon_base64_encode(
			&canon, (const unsigned char *)cases[i][0], strlen(cases[i][0]));
		ck_assert_uint_eq(s.len, strlen(cases[i][1]));
		ck_assert_mem_eq(s.s, cases[i][1], s.len);
	}
}
END_TEST

/* ---- reading ---- */

START_TEST(numbers_are_read_in_all_their_forms)
{
	static const struct {
		const char *json;
		bool is_number;
		int64_t n;
	} cases[] = {
		{ "7", true, 7 },
		{ "-7", true, -7 },
		{ "7.9", true, 7 },
		{ "\"7\"", true, 7 },
		{ "\"9223372036854775806\"", true, 9223372036854775806 },
		{ "\"7.5\"", true, 7 },
		{ "\"1e3\"", true, 1000 },
		{ "{\"low\":-1,\"high\":0,\"unsigned\":true}", true, 4294967295 },
		{ "{\"low\":0,\"high\":1}", true, 4294967296 },
		{ "{\"low\":-1,\"high\":-1}", true, -1 },
		{ "{\"low\":1}", false, 0 },
		{ "\"\"", false, 0 },
		{ "\"0x10\"", false, 0 },
		{ "\"inf\"", false, 0 },
		{ "\"7 \"", false, 0 },
		{ "1e300", false, 0 },
		{ "true", false, 0 },
		{ "[]", false, 0 },
		{ "null", false, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_object *o = json_tokener_parse(cases[i].json);
		int64_t n = 0;
		ck_assert_msg(cj_number_of(o, &n) == cases[i].is_number, "%s", cases[i].json);
		if (cases[i].is_number)
			ck_assert_int_eq(n, cases[i].n);
		json_object_put(o);
	}
}
END_TEST

START_TEST(bytes_and_flags_are_read_in_all_their_forms)
{
	static const struct {
		const char *json, *base64; /* NULL: none */
		enum hsw_tri flag;
	} cases[] = {
		{ "{\"0\":65,\"1\":66,\"2\":67}", "QUJD", HSW_YES },
		{ "{\"type\":\"Buffer\",\"data\":[65,66]}", "QUI=", HSW_YES },
		{ "[65]", "QQ==", HSW_YES },
		{ "\"QUJD\"", "QUJD", HSW_NO },
		{ "[300]", NULL, HSW_YES },
		{ "[-1]", NULL, HSW_YES },
		{ "[1.5]", NULL, HSW_YES },
		{ "[]", NULL, HSW_NO },
		{ "{}", NULL, HSW_NO },
		{ "{\"0\":65,\"2\":67}", NULL, HSW_YES },
		{ "\"?\"", NULL, HSW_NO },
		{ "1", NULL, HSW_YES },
		{ "true", NULL, HSW_YES },
		{ "\"true\"", "true", HSW_YES },
		{ "false", NULL, HSW_NO },
		{ "0", NULL, HSW_NO },
		{ "null", NULL, HSW_UNKNOWN },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_object *o = json_object_new_object();
		json_object_object_add(o, "k", json_tokener_parse(cases[i].json));
		struct hsw_str s = cj_bytes(&canon, o, "k");
		ck_assert_msg((s.s != NULL) == (cases[i].base64 != NULL), "%s", cases[i].json);
		if (s.s != NULL)
			ck_assert_mem_eq(s.s, cases[i].base64, s.len);
		bool is_plain = !json_object_is_type(cj_get(o, "k"), json_type_object) &&
			!json_object_is_type(cj_get(o, "k"), json_type_array);
		if (is_plain)
			ck_assert_msg(cj_tri(o, "k") == cases[i].flag, "%s", cases[i].json);
		json_object_put(o);
	}
	ck_assert_ptr_null(cj_get(NULL, "k"));
	ck_assert_int_eq(cj_tri(NULL, "k"), HSW_UNKNOWN);
}
END_TEST

/* ---- bodies ---- */

START_TEST(a_body_is_an_object_and_where_it_may_be_an_array)
{
	static const struct {
		const char *body, *object, *any; /* errors; NULL: it is good */
	} cases[] = {
		{ "{}", NULL, NULL },
		{ " [{}] ", "body: expected a JSON object, found array", NULL },
		{ "1 ", "body: expected a JSON object, found int",
			"body: expected a JSON object, found int" },
		{ "", "body: is empty, expected a JSON object",
			"body: is empty, expected a JSON object" },
		{ "[1", "body: bad JSON: it ends after 2 bytes, too soon",
			"body: bad JSON: it ends after 2 bytes, too soon" },
	};
	struct json_tokener *tokener = cj_tokener_new(8);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hsw_error err = { "" };
		struct json_object *o = cj_parse(tokener, str(cases[i].body), &err);
		ck_assert_int_eq(o == NULL, cases[i].object != NULL);
		ck_assert_str_eq(err.text, cases[i].object != NULL ? cases[i].object : "");
		json_object_put(o);
		o = cj_parse_any(tokener, str(cases[i].body), &err);
		ck_assert_int_eq(o == NULL, cases[i].any != NULL);
		ck_assert_str_eq(err.text, cases[i].any != NULL ? cases[i].any : "");
		json_object_put(o);
	}
	json_tokener_free(tokener);
}
END_TEST

UNIT_MAIN_WITH("canon", canon_setup, canon_teardown, strings_are_escaped_and_repaired,
	members_of_all_kinds_have_their_commas, numbers_as_text_are_checked,
	what_is_borrowed_is_not_copied, too_many_parts_are_an_error_and_not_for_ever,
	identifiers_have_one_form, a_party_has_a_phone_and_a_lid, a_user_id_is_no_jid,
	times_are_written_in_utc, times_are_read_in_all_their_forms, base64_is_checked_and_tidied,
	bytes_are_encoded, numbers_are_read_in_all_their_forms,
	bytes_and_flags_are_read_in_all_their_forms,
	a_body_is_an_object_and_where_it_may_be_an_array)
