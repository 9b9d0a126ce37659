/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of what leaves an event for people and logs: raw bodies, lines for a terminal; and of receipts' order. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include <json.h>

#include "event_line.h"
#include "raw.h"
#include "status_order.h"

/* ---- raw bodies ---- */

static void
check_raw(const char *body, const char *expected)
{
	struct buf b = BUF_INIT;

	raw_json(&b, str_of(body));
	buf_append(&b, "", 1);
	ck_assert_str_eq(b.data, expected);
	buf_free(&b);
}

START_TEST(credentials_are_redacted_at_any_depth_and_in_any_case)
{
	check_raw("{\"apikey\":\"s\",\"a\":[{\"Token\":{\"x\":1}}],\"JWT\":5,\"mediakey\":\"k\"}",
		"{\"apikey\":\"[redacted]\",\"a\":[{\"Token\":\"[redacted]\"}],"
		"\"JWT\":\"[redacted]\",\"mediakey\":\"[redacted]\"}");
	check_raw("{\"token\":null,\"tokens\":\"t\"}", "{\"token\":null,\"tokens\":\"t\"}");
}
END_TEST

START_TEST(json_stays_what_it_is)
{
	check_raw("{\"a\":[1,-2.50,1e999,true,null,\"\\u00e9\\n\"]} \r\n",
		"{\"a\":[1,-2.50,1e999,true,null,\"\xc3\xa9\\n\"]}");
	check_raw("[]", "[]");
	check_raw("\"x\"", "\"x\"");
}
END_TEST

START_TEST(words_that_are_no_json_as_texts_are_no_reason_to_pass_credentials_on)
{
	check_raw("{\"text\":\"NaN\",\"token\":\"s\"}",
		"{\"text\":\"NaN\",\"token\":\"[redacted]\"}");
	check_raw("{\"Infinity\":\"\\\"NaN\",\"token\":\"s\"}",
		"{\"Infinity\":\"\\\"NaN\",\"token\":\"[redacted]\"}");
	check_raw("{\"a\":\"\\\\\",\"b\":\"-Infinity\"}", "{\"a\":\"\\\\\",\"b\":\"-Infinity\"}");
}
END_TEST

START_TEST(what_is_no_json_is_base64)
{
	check_raw("abc", "\"YWJj\"");
	check_raw("", "\"\"");
	check_raw("{\"a\":NaN}", "\"eyJhIjpOYU59\"");
	check_raw("[-Infinity]", "\"Wy1JbmZpbml0eV0=\"");
	check_raw("{} x", "\"e30geA==\"");
	check_raw("\"\xff\"", "\"Iv8i\"");
}
END_TEST

START_TEST(raw_types_are_of_plain_characters_and_bounded)
{
	struct buf b = BUF_INIT;
	char name[100];

	raw_type(&b, str_of("messages.upsert/\xc3\xa9 A-1_"));
	ck_assert(str_is((struct hsw_str){ b.data, b.len }, "raw.messages.upsert____A-1_"));
	b.len = 0;
	memset(name, 'x', sizeof(name));
	raw_type(&b, (struct hsw_str){ name, sizeof(name) });
	ck_assert_uint_eq(b.len, 4 + 64);
	buf_free(&b);
}
END_TEST

/* ---- lines ---- */

static const char *
line(const char *json, bool with_colour)
{
	static char out[1024];
	struct json_object *o = json_tokener_parse(json);
	struct buf b = BUF_INIT;

	event_line(&b, o, with_colour);
	ck_assert(!b.failed && b.len < sizeof(out));
	memcpy(out, b.data, b.len);
	out[b.len] = '\0';
	buf_free(&b);
	json_object_put(o);
	return out;
}

#define OF(event, data)                                                         \
	"{\"event\":\"" event "\",\"receivedAt\":\"2026-11-21T02:53:48.123Z\"," \
	"\"instanceData\":{\"instance\":\"sales\"},\"data\":" data "}"

START_TEST(each_type_has_its_line)
{
	static const struct {
		const char *json, *expected;
	} rows[] = {
		{ OF("message.exchange",
			  "{\"direction\":\"incoming\",\"chat\":{\"jid\":\"1@s\",\"name\":\"Ana\"},"
			  "\"message\":{\"type\":\"text\",\"content\":\"hello\"}}"),
			"02:53:48 sales message.exchange < Ana: hello\n" },
		{ OF("message.exchange",
			  "{\"direction\":\"outgoing\",\"chat\":{\"jid\":\"g@g\",\"type\":"
			  "\"group\"},"
			  "\"sender\":{\"lid\":\"9@lid\"},\"message\":{\"type\":\"image\","
			  "\"media\":{\"fileName\":\"a.jpg\"}}}"),
			"02:53:48 sales message.exchange > g@g / 9@lid: [image] a.jpg\n" },
		{ OF("message.status",
			  "{\"chat\":{\"jid\":\"1@s\"},\"status\":\"read\","
			  "\"messageIds\":[\"a\",\"b\"]}"),
			"02:53:48 sales message.status 1@s: read (2 messages)\n" },
		{ OF("call.update",
			  "{\"from\":{\"jid\":\"1@s\"},\"type\":\"offer\","
			  "\"isVideo\":true}"),
			"02:53:48 sales call.update 1@s: offer, video\n" },
		{ OF("group.flow",
			  "{\"groupJid\":\"g@g\",\"type\":\"add\",\"participants\":"
			  "[{\"jid\":\"a\"},{\"jid\":\"b\"},3,4,5,6]}"),
			"02:53:48 sales group.flow g@g: add a, b, -, -, -, ...\n" },
		{ OF("instance.state", "{\"state\":\"connecting\",\"pairingCode\":\"AB-CD\"}"),
			"02:53:48 sales instance.state connecting, pairing code AB-CD\n" },
		{ OF("label.update", "{\"type\":\"edit\",\"labelId\":\"7\"}"),
			"02:53:48 sales label.update edit 7\n" },
		{ OF("raw.x", "[]"), "02:53:48 sales raw.x \n" },
	};

	setenv("TZ", "UTC", 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_str_eq(line(rows[i].json, false), rows[i].expected);
}
END_TEST

START_TEST(what_is_missing_or_of_another_type_is_left_out)
{
	ck_assert_str_eq(line("{}", false), "--:--:--   \n");
	ck_assert_str_eq(line("[1]", false), "--:--:--   \n");
	ck_assert_str_eq(line("{\"event\":\"message.exchange\",\"receivedAt\":7,"
			      "\"instanceData\":3,\"data\":{\"chat\":\"x\",\"message\":[]}}",
				 false),
		"7  message.exchange < -:\n");
}
END_TEST

START_TEST(nothing_of_an_event_controls_a_terminal)
{
	static const struct {
		const char *content, *shown;
	} rows[] = {
		{ "a\\u001b[2Jb", "a?[2Jb" },
		{ "a\\u009bb\\u007f", "a?b?" },
		{ "a\\nb\\tc\\r", "a b c?" },
		{ "a\\u202eb\\u2066c", "a?b?c" },
		{ "\xe0\x80\x9b[2J", "???[2J" },      /* overlong: ESC in three bytes */
		{ "\xf0\x80\x80\x9b[2J", "????[2J" }, /* and in four */
		{ "\xed\xa0\x80", "???" },            /* half of a surrogate pair */
		{ "\xf4\x90\x80\x80", "????" },       /* beyond Unicode */
		{ "\xc3\xa9\xe2\x82\xac", "\xc3\xa9\xe2\x82\xac" },
	};
	char json[256], expected[256];

	setenv("TZ", "UTC", 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(json, sizeof(json),
			OF("message.exchange", "{\"message\":{\"content\":\"%s\"}}"),
			rows[i].content);
		snprintf(expected, sizeof(expected), "02:53:48 sales message.exchange < -: %s\n",
			rows[i].shown);
		ck_assert_msg(strcmp(line(json, false), expected) == 0, "row %zu: %s", i,
			line(json, false));
	}
}
END_TEST

START_TEST(long_texts_are_cut_between_characters)
{
	char json[2048], content[1024] = "";

	for (int i = 0; i < 101; i++)
		strcat(content, "\xc3\xa9");
	snprintf(json, sizeof(json), OF("message.exchange", "{\"message\":{\"content\":\"%s\"}}"),
		content);
	content[200] = '\0';
	const char *shown = strstr(line(json, false), content);
	ck_assert_ptr_nonnull(shown);
	ck_assert_str_eq(shown + 200, "...\n");
}
END_TEST

/* ---- the order of receipts ---- */

static struct status_order *order;

static bool
is_backwards(const char *instance, const char *data)
{
	return status_order_is_backwards(order, str_of(instance), str_of(data));
}

#define RECEIPT(status, ids) \
	"{\"status\":\"" status "\",\"recipient\":\"1@s\",\"messageIds\":[" ids "]}"

START_TEST(only_receipts_behind_a_later_one_go_backwards)
{
	order = status_order_new();
	ck_assert(!is_backwards("sales", RECEIPT("delivered", "\"a\"")));
	ck_assert(!is_backwards("sales", RECEIPT("delivered", "\"a\"")));
	ck_assert(!is_backwards("sales", RECEIPT("read", "\"a\"")));
	ck_assert(is_backwards("sales", RECEIPT("delivered", "\"a\"")));
	ck_assert(is_backwards("sales", RECEIPT("sent", "\"a\"")));
	ck_assert(!is_backwards("sales", RECEIPT("played", "\"a\"")));
	ck_assert(is_backwards("sales", RECEIPT("read", "\"a\"")));
	/* Another instance, message, recipient, or way. */
	ck_assert(!is_backwards("other", RECEIPT("sent", "\"a\"")));
	ck_assert(!is_backwards("sales", RECEIPT("sent", "\"b\"")));
	ck_assert(!is_backwards(
		"sales", "{\"status\":\"sent\",\"recipient\":\"2@s\",\"messageIds\":[\"a\"]}"));
	ck_assert(!is_backwards("sales", RECEIPT("read_self", "\"a\"")));
	status_order_free(order);
}
END_TEST

START_TEST(of_several_messages_all_must_have_been_further)
{
	order = status_order_new();
	ck_assert(!is_backwards("sales", RECEIPT("read", "\"a\"")));
	ck_assert(!is_backwards("sales", RECEIPT("delivered", "\"a\",\"b\"")));
	ck_assert(!is_backwards("sales", RECEIPT("read", "\"b\"")));
	ck_assert(is_backwards("sales", RECEIPT("delivered", "\"a\",\"b\"")));
	status_order_free(order);
}
END_TEST

START_TEST(what_is_no_step_never_goes_backwards)
{
	static const char *const rows[] = { RECEIPT("server_error", "\"a\""),
		RECEIPT("retry", "\"a\""), RECEIPT("sent", ""),
		"{\"status\":\"sent\",\"messageIds\":\"a\"}",
		"{\"status\":5,\"messageIds\":[\"a\"]}", "{\"messageIds\":[\"a\"]}", "[]", "7", "{",
		"" };

	order = status_order_new();
	ck_assert(!is_backwards("sales", RECEIPT("played", "\"a\"")));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(!is_backwards("sales", rows[i]), "%s", rows[i]);
	status_order_free(order);
}
END_TEST

START_TEST(the_oldest_message_is_forgotten_first)
{
	char data[128];

	order = status_order_new();
	for (int i = 0; i <= STATUS_MESSAGES_MAX; i++) {
		snprintf(data, sizeof(data), RECEIPT("read", "\"%d\""), i);
		ck_assert(!is_backwards("sales", data));
	}
	ck_assert(is_backwards("sales", RECEIPT("sent", "\"1\"")));
	ck_assert(!is_backwards("sales", RECEIPT("sent", "\"0\"")));
	status_order_free(order);
}
END_TEST

UNIT_MAIN("shown", credentials_are_redacted_at_any_depth_and_in_any_case, json_stays_what_it_is,
	words_that_are_no_json_as_texts_are_no_reason_to_pass_credentials_on,
	what_is_no_json_is_base64, raw_types_are_of_plain_characters_and_bounded,
	each_type_has_its_line, what_is_missing_or_of_another_type_is_left_out,
	nothing_of_an_event_controls_a_terminal, long_texts_are_cut_between_characters,
	only_receipts_behind_a_later_one_go_backwards,
	of_several_messages_all_must_have_been_further, what_is_no_step_never_goes_backwards,
	the_oldest_message_is_forgotten_first)
