/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the events that the library of sources writes: their members' order, and natural keys. */
#include "canon_rig.h"

#include <stddef.h>
#include <stdio.h>
#include "unit.h"

#include <string.h>

/* ---- the events ---- */

static void
write_extra(struct hsw_canon *c, const void *arg)
{
	canon_text(c, arg, "x");
}

static void
write_mention(struct hsw_canon *c, const void *arg)
{
	canon_mention(c, str(arg));
}

START_TEST(message_has_its_members_in_order)
{
	struct hsw_message m = { .id = str("A"),
		.is_outgoing = true,
		.time_ms = 1768469400000,
		.is_community = true,
		.mentions = { write_mention, "300@lid" },
		.reply_id = str("Q"),
		.reply_text = str("q"),
		.type = "image",
		.content = str("c"),
		.is_api = true,
		.is_forwarded = true,
		.media = { .type = "image",
			.mimetype = str("image/png"),
			.url = str("u"),
			.s3_url = str("s"),
			.base64 = str("QUJD"),
			.file_name = str("f"),
			.caption = str("c"),
			.size = 1,
			.sha256 = str("h"),
			.seconds = 2,
			.width = 3,
			.height = 4,
			.is_voice_note = HSW_NO,
			.is_animated = HSW_YES,
			.encrypted_url = str("e"),
			.encrypted_sha256 = str("eh"),
			.media_key = str("k") },
		.context = { write_extra, "ctx" },
		.details = { write_extra, "details" },
		.is_history = true,
		.extras = { write_extra, "extra" } };

	canon_party_add(&m.chat, str("55"));
	canon_party_add(&m.chat, str("300@lid"));
	m.chat.name = str("n");
	canon_party_add(&m.sender, str("56"));
	canon_party_add(&m.reply_sender, str("57"));
	canon_message(&canon, &m);
	canon_finish();
	ck_assert_str_eq(out.type, "message.exchange");
	ck_assert_str_eq(out.key, "55@s.whatsapp.net");
	ck_assert_str_eq(out.text,
		"{\"id\":\"A\",\"direction\":\"outgoing\",\"timestamp\":\"2026-01-15T09:30:00Z\","
		"\"chat\":{\"jid\":\"55@s.whatsapp.net\",\"lid\":\"300@lid\",\"name\":\"n\","
		"\"type\":\"private\",\"isCommunity\":true},"
		"\"sender\":{\"jid\":\"56@s.whatsapp.net\"},"
		"\"recipient\":{\"jid\":\"55@s.whatsapp.net\",\"lid\":\"300@lid\"},"
		"\"mentions\":{\"mentionedUsers\":[\"300@lid\"]},"
		"\"reply\":{\"message_id\":\"Q\",\"text\":\"q\",\"sender\":\"57@s.whatsapp.net\"},"
		"\"message\":{\"type\":\"image\",\"content\":\"c\",\"source\":\"api\","
		"\"isForwarded\":true,\"isEdit\":false,"
		"\"media\":{\"type\":\"image\",\"mimetype\":\"image/"
		"png\",\"url\":\"u\",\"s3Url\":\"s\","
		"\"base64\":\"QUJD\",\"fileName\":\"f\",\"caption\":\"c\",\"size\":1,\"sha256\":"
		"\"h\","
		"\"seconds\":2,\"width\":3,\"height\":4,\"isVoiceNote\":false,\"isAnimated\":true,"
		"\"encrypted\":{\"url\":\"e\",\"sha256\":\"eh\",\"mediaKey\":\"k\"}},"
		"\"reaction\":null,\"edit\":null,\"context\":{\"ctx\":\"x\"},\"details\":\"x\"},"
		"\"history\":true,\"extra\":\"x\"}");
	ck_assert_ptr_null(strstr(out.least, "QUJD"));
	ck_assert_ptr_null(strstr(out.least, "mediaKey"));
}
END_TEST

START_TEST(message_with_nothing_known_has_its_nulls)
{
	struct hsw_message m = {
		.id = str("A"), .type = "text", .mentions = { write_mention, "nobody" }
	};

	canon_message(&canon, &m);
	canon_finish();
	ck_assert_str_eq(out.text,
		"{\"id\":\"A\",\"direction\":\"incoming\",\"timestamp\":\"2026-11-21T05:33:48."
		"123Z\","
		"\"chat\":{\"type\":\"private\"},\"recipient\":null,\"message\":{\"type\":\"text\","
		"\"content\":\"\",\"source\":\"\",\"isForwarded\":false,\"isEdit\":false,\"media\":"
		"null,"
		"\"reaction\":null,\"edit\":null,\"context\":null}}");
	m.is_outgoing = true;
	canon_message(&canon, &m);
	canon_finish();
	ck_assert_ptr_nonnull(
		strstr(out.text, "\"chat\":{\"type\":\"private\"},\"recipient\":null,\"message\""));
}
END_TEST

START_TEST(other_events_have_their_members_in_order)
{
	const struct hsw_str ids[] = { { "A", 1 }, { "B", 1 } };
	struct hsw_status status = { .status = "read",
		.ids = ids,
		.n_ids = 2,
		.error_code = 131026,
		.error_text = str("no") };
	struct hsw_call call = { .type = "offer",
		.id = str("C"),
		.is_video = HSW_YES,
		.is_group = HSW_NO,
		.reason = str("r"),
		.platform = str("p") };
	struct hsw_group group = { .type = "name", .value = str("new") };
	struct hsw_state state = { .state = "qr_ready",
		.instance = str("i"),
		.code = str("2@x"),
		.pairing_code = str("P"),
		.reason = str("r"),
		.status = 401,
		.progress = str("50") };
	struct hsw_label label = { .type = "edit",
		.id = str("4"),
		.action = "updated",
		.name = str("n"),
		.color = str("1"),
		.is_deleted = HSW_NO,
		.message_id = str("M"),
		.is_labeled = HSW_YES };

	canon_party_add(&status.chat, str("1@g.us"));
	canon_party_add(&status.recipient, str("55"));
	canon_party_add(&status.message_sender, str("56"));
	canon_status(&canon, &status);
	canon_finish();
	ck_assert_str_eq(out.text,
		"{\"status\":\"read\",\"messageIds\":[\"A\",\"B\"],\"chat\":{\"jid\":\"1@g.us\","
		"\"type\":\"group\"},\"recipient\":\"55@s.whatsapp.net\",\"messageSender\":"
		"\"56@s.whatsapp.net\",\"timestamp\":\"2026-11-21T05:33:48.123Z\",\"error\":{"
		"\"code\":"
		"131026,\"text\":\"no\"}}");

	canon_party_add(&call.from, str("300@lid"));
	canon_party_add(&call.to, str("55"));
	canon_party_add(&call.group, str("1@g.us"));
	canon_call(&canon, &call);
	canon_finish();
	ck_assert_str_eq(out.text,
		"{\"type\":\"offer\",\"callId\":\"C\",\"from\":{\"jid\":\"300@lid\"},\"to\":"
		"\"55@s.whatsapp.net\",\"timestamp\":\"2026-11-21T05:33:48.123Z\",\"isVideo\":true,"
		"\"isGroup\":false,\"groupJid\":\"1@g.us\",\"reason\":\"r\",\"platform\":\"p\"}");

	canon_party_add(&group.group, str("1@g.us"));
	group.group.name = str("old");
	canon_group(&canon, &group);
	canon_finish();
	ck_assert_str_eq(out.key, "1@g.us");
	ck_assert_str_eq(out.text,
		"{\"type\":\"name\",\"groupJid\":\"1@g.us\",\"groupName\":\"old\",\"timestamp\":"
		"\"2026-11-21T05:33:48.123Z\",\"value\":\"new\"}");

	canon_party_add(&state.own, str("55"));
	canon_state(&canon, &state);
	canon_finish();
	ck_assert_str_eq(out.text,
		"{\"state\":\"qr_ready\",\"timestamp\":\"2026-11-21T05:33:48.123Z\",\"instance\":"
		"\"i\","
		"\"jid\":\"55@s.whatsapp.net\",\"codes\":[\"2@x\"],\"pairingCode\":\"P\","
		"\"reason\":\"r\","
		"\"status\":401,\"progress\":50}");
	ck_assert_ptr_null(strstr(out.least, "codes"));
	ck_assert_ptr_null(strstr(out.least, "pairingCode"));

	canon_party_add(&label.chat, str("55"));
	canon_label(&canon, &label);
	canon_finish();
	ck_assert_str_eq(out.text,
		"{\"type\":\"edit\",\"labelId\":\"4\",\"action\":\"updated\",\"name\":\"n\","
		"\"color\":\"1\","
		"\"deleted\":false,\"chatJid\":\"55@s.whatsapp.net\",\"messageId\":\"M\","
		"\"labeled\":true,"
		"\"timestamp\":\"2026-11-21T05:33:48.123Z\"}");
}
END_TEST

START_TEST(who_has_no_number_has_a_user_id_alone)
{
	struct hsw_message m = { .id = str("A"), .is_outgoing = true, .type = "text" };
	struct hsw_status status = { .status = "read" };
	struct hsw_call call = { .type = "offer", .id = str("C") };

	canon_party_add_user_id(&m.chat, str("US.1"));
	m.chat.name = str("n");
	canon_message(&canon, &m);
	canon_finish();
	ck_assert_str_eq(out.key, "US.1");
	ck_assert_ptr_nonnull(strstr(out.text,
		"\"chat\":{\"userId\":\"US.1\",\"name\":\"n\",\"type\":\"private\"},"
		"\"recipient\":{\"userId\":\"US.1\"},"));

	status.chat = status.recipient = m.chat;
	canon_status(&canon, &status);
	canon_finish();
	ck_assert_str_eq(out.key, "US.1");
	ck_assert_ptr_nonnull(strstr(out.text, "},\"recipientUserId\":\"US.1\",\"timestamp\""));

	call.from = call.to = m.chat;
	canon_call(&canon, &call);
	canon_finish();
	ck_assert_str_eq(out.key, "US.1");
	ck_assert_ptr_nonnull(strstr(out.text,
		"\"from\":{\"userId\":\"US.1\",\"name\":\"n\"},\"toUserId\":\"US.1\","
		"\"timestamp\""));
}
END_TEST

/* An element of an array. */
static void
write_code(struct hsw_canon *c, const void *arg)
{
	canon_text(c, NULL, arg);
}

START_TEST(codes_that_follow_each_other_stay_in_order)
{
	struct hsw_state s = {
		.state = "qr_ready", .code = str("1@a"), .more_codes = { write_code, "2@b" }
	};

	canon_state(&canon, &s);
	canon_finish();
	ck_assert_ptr_nonnull(strstr(out.text, ",\"codes\":[\"1@a\",\"2@b\"]"));
	ck_assert_ptr_null(strstr(out.least, "@"));
}
END_TEST

/* ---- natural keys ---- */

START_TEST(edit_without_a_target_goes_by_its_id)
{
	struct hsw_message m = { .id = str("1"), .change = HSW_EDIT, .content = str("x") };
	struct hsw_emit first;

	canon_party_add(&m.chat, str("55"));
	canon_message(&canon, &m);
	canon_finish();
	first = out;
	m.id = str("2");
	canon_message(&canon, &m);
	canon_finish();
	ck_assert(first.identity_len != out.identity_len ||
		memcmp(first.identity, out.identity, out.identity_len) != 0);
}
END_TEST

static bool
is_same(struct hsw_emit a, struct hsw_emit b)
{
	return a.identity_len == b.identity_len &&
		memcmp(a.identity, b.identity, a.identity_len) == 0;
}

/* The identity of an edit to this text, s = NULL: not told, at this time. */
static struct hsw_emit
edit_of(const char *text, const char *edit_id, int64_t time_ms)
{
	struct hsw_message m = {
		.id = str("1"), .change = HSW_EDIT, .target_id = str("T"), .time_ms = time_ms
	};

	if (text != NULL)
		m.content = str(text);
	if (edit_id != NULL)
		m.edit_id = str(edit_id);
	canon_party_add(&m.chat, str("55"));
	canon_message(&canon, &m);
	canon_finish();
	return out;
}

START_TEST(edit_back_to_a_text_is_another_where_edits_have_ids)
{
	ck_assert(is_same(edit_of("a", NULL, 1), edit_of("a", NULL, 2)));
	ck_assert(!is_same(edit_of("a", "1", 1), edit_of("a", "2", 1)));
	ck_assert(is_same(edit_of("a", "1", 1), edit_of("a", "1", 2)));
	ck_assert(!is_same(edit_of("a", "1", 1), edit_of("b", "1", 1)));
	/* Without a text: by the time, unless there is an id. */
	ck_assert(!is_same(edit_of(NULL, NULL, 1), edit_of(NULL, NULL, 2)));
	ck_assert(is_same(edit_of(NULL, "1", 1), edit_of(NULL, "1", 2)));
	ck_assert(!is_same(edit_of(NULL, "1", 1), edit_of(NULL, "2", 1)));
}
END_TEST

/* The identity of a state, told at received_ms with this occasion and provider's time. */
static struct hsw_emit
state_at(int64_t received_ms, const char *occasion, int64_t time_ms)
{
	struct hsw_state s = { .state = "connected", .time_ms = time_ms };

	canon_request.received_ms = received_ms;
	canon_start(&canon, &canon_request,
		occasion != NULL ? str(occasion) : (struct hsw_str){ NULL, 0 });
	canon_state(&canon, &s);
	canon_finish();
	return out;
}

START_TEST(time_of_a_natural_key)
{
	/* The provider's own; then what it repeats; then buckets of 2 s. */
	ck_assert(is_same(state_at(1000, "a", 5), state_at(90000, "b", 5)));
	ck_assert(!is_same(state_at(1000, "a", 5), state_at(1000, "a", 6)));
	ck_assert(is_same(state_at(1000, "a", 0), state_at(90000, "a", 0)));
	ck_assert(!is_same(state_at(1000, "a", 0), state_at(1000, "b", 0)));
	ck_assert(is_same(state_at(4000, NULL, 0), state_at(5999, NULL, 0)));
	ck_assert(!is_same(state_at(5999, NULL, 0), state_at(6000, NULL, 0)));
}
END_TEST

START_TEST(parts_of_a_natural_key_do_not_run_into_each_other)
{
	static const struct hsw_str cases[][2] = { { { "a", 1 }, { "bc", 2 } },
		{ { "ab", 2 }, { "c", 1 } }, { { "a\0b", 3 }, { "c", 1 } },
		{ { "a", 1 }, { "b\0c", 3 } }, { { "", 0 }, { "abc", 3 } } };
	struct hsw_emit seen[5];

	for (size_t i = 0; i < 5; i++) {
		canon_begin(&canon, "message.status", str(""));
		canon_open_object(&canon, NULL);
		canon_close_object(&canon);
		canon_identity(&canon, cases[i][0]);
		canon_identity(&canon, cases[i][1]);
		canon_finish();
		seen[i] = out;
		for (size_t k = 0; k < i; k++)
			ck_assert(!is_same(seen[i], seen[k]));
	}
}
END_TEST

/* ---- what earlier events told ---- */

static char learned[512];

static void
learn(const struct hsw_request *r, struct hsw_str lid, struct hsw_str phone)
{
	size_t n = strlen(learned);

	(void)r;
	snprintf(learned + n, sizeof(learned) - n, "%.*s=%.*s ", (int)lid.len, lid.s,
		(int)phone.len, phone.s);
}

static size_t
phone_of(const struct hsw_request *r, struct hsw_str lid, char *out_phone, size_t size)
{
	(void)r;
	if (lid.len != 7 || memcmp(lid.s, "222@lid", 7) != 0)
		return 0;
	return (size_t)snprintf(out_phone, size, "5511222222222@s.whatsapp.net");
}

static void
write_message(const char *chat, const char *sender, const char *sender_lid)
{
	struct hsw_message m = { .id = str("A"), .type = "text", .time_ms = RECEIVED };

	canon_start(&canon, &canon_request, (struct hsw_str){ NULL, 0 });
	canon_party_add(&m.chat, str(chat));
	canon_party_add(&m.sender, str(sender));
	canon_party_add(&m.sender, str(sender_lid));
	canon_message(&canon, &m);
	canon_finish();
}

START_TEST(a_lid_is_shown_with_the_phone_that_is_known)
{
	learned[0] = '\0';
	write_message("222@lid", "333@lid", "");
	struct hsw_emit before = out;
	canon_request.phone_of = phone_of;
	canon_request.learn = learn;
	write_message("222@lid", "333@lid", "");
	ck_assert_msg(strstr(out.text,
			      "\"chat\":{\"jid\":\"5511222222222@s.whatsapp.net\","
			      "\"lid\":\"222@lid\",\"type\":\"private\"},"
			      "\"sender\":{\"jid\":\"333@lid\"},") != NULL,
		"%s", out.text);
	ck_assert_str_eq(out.key, "5511222222222@s.whatsapp.net");
	ck_assert_str_eq(before.key, "222@lid");
	/* The same event, whatever was known when it came. */
	ck_assert(is_same(before, out));
	ck_assert_str_eq(learned, "");
}
END_TEST

START_TEST(pairs_are_learned_of_people_alone)
{
	learned[0] = '\0';
	canon_request.phone_of = phone_of;
	canon_request.learn = learn;
	write_message("1@g.us", "5511333333333", "333@lid");
	ck_assert_str_eq(learned, "333@lid=5511333333333@s.whatsapp.net ");
	learned[0] = '\0';
	write_message("1@g.us", "2@g.us", "333@lid");
	ck_assert_str_eq(learned, "");
}
END_TEST

START_TEST(a_daemon_of_before_remembers_nothing)
{
	canon_request.phone_of = phone_of;
	canon_request.learn = learn;
	canon_request.size = offsetof(struct hsw_request, phone_of);
	write_message("222@lid", "5511333333333", "333@lid");
	canon_request.size = sizeof(canon_request);
	ck_assert_str_eq(out.key, "222@lid");
}
END_TEST

static char learned_by[64];

static void
learn_whose(const struct hsw_request *r, struct hsw_str lid, struct hsw_str phone)
{
	snprintf(learned_by, sizeof(learned_by), "%.*s", (int)r->instance.len, r->instance.s);
	learn(r, lid, phone);
}

START_TEST(what_follows_is_of_the_instance_that_was_named)
{
	static const char *const names[] = { "sales", "support", "", "sales" };

	canon_request.phone_of = phone_of;
	canon_request.learn = learn_whose;
	canon_request.instance = str("url");
	canon_start(&canon, &canon_request, (struct hsw_str){ NULL, 0 });
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct hsw_message m = { .id = str("A"), .type = "text", .time_ms = RECEIVED };
		canon_instance(&canon, str(names[i]));
		canon_party_add(&m.chat, str("5511333333333"));
		canon_party_add(&m.chat, str("333@lid"));
		canon_message(&canon, &m);
		canon_finish();
		ck_assert_str_eq(out.instance, names[i]);
		ck_assert_str_eq(learned_by, names[i]);
		ck_assert_int_eq(canon_ignore(&canon, str("x"), canon_collect, &out), HSW_OK);
		ck_assert_str_eq(out.instance, names[i]);
	}
	/* Not of the next request. */
	write_message("5511333333333", "333@lid", "5511333333333");
	ck_assert_str_eq(out.instance, "");
	ck_assert_str_eq(learned_by, "url");
}
END_TEST

START_TEST(an_instance_is_named_to_a_daemon_of_before_too)
{
	canon_request.size = offsetof(struct hsw_request, phone_of);
	canon_start(&canon, &canon_request, (struct hsw_str){ NULL, 0 });
	canon_instance(&canon, str("sales"));
	ck_assert_uint_eq(canon.request->size, canon_request.size);
	ck_assert_int_eq(canon_ignore(&canon, str("x"), canon_collect, &out), HSW_OK);
	canon_request.size = sizeof(canon_request);
	ck_assert_str_eq(out.instance, "sales");
}
END_TEST

START_TEST(what_is_ignored_leaves_nothing_behind)
{
	canon_begin(&canon, "message.status", str("k"));
	canon_open_object(&canon, NULL);
	ck_assert_int_eq(canon_ignore(&canon, str("x"), canon_collect, &out), HSW_OK);
	ck_assert_str_eq(out.type, "");
	canon_assert_string(str("a"), "{\"k\":\"a\"}");
	ck_assert_uint_eq(out.identity_len, 0);
}
END_TEST

START_TEST(chat_of_a_status_that_is_not_known_has_no_type)
{
	const struct hsw_str id = str("A");
	const struct hsw_status status = { .status = "read", .ids = &id, .n_ids = 1 };

	canon_status(&canon, &status);
	canon_finish();
	ck_assert_str_eq(out.text,
		"{\"status\":\"read\",\"messageIds\":[\"A\"],\"chat\":{},"
		"\"timestamp\":\"2026-11-21T05:33:48.123Z\"}");
	ck_assert_str_eq(out.key, "");
}
END_TEST

START_TEST(phone_of_a_contact_is_in_a_line_that_tells_one)
{
	static const struct {
		const char *vcard, *phone; /* phone: "": none */
	} cases[] = {
		{ "BEGIN:VCARD\r\nFN:HOTEL: 12\r\nTEL;type=CELL;waid=5511:+55 12\r\nEND:VCARD",
			"5511" },
		{ "FN:GRAND HOTEL\nTEL:+55 (11) 9-8\n", "551198" },
		{ "FN:HOTEL;waid=77:88\nTEL:+55", "55" },
		{ "NOTE:A.TEL:77\nORG.TELS:88\nHOTEL:99", "" },
		{ "item1.TEL;waid=5511:+55 11\nitem1.X-ABLabel:Cell", "5511" },
		{ "item1.TEL:+55 11", "5511" },
		{ "TEL:unknown\nTEL:\nTEL:+55 11", "5511" },
		{ "TEL:+55 1\nTEL:+55 2", "551" },
		{ "TEL:+55 1\nTEL;waid=552:+55 2", "552" },
		{ "TEL;waid=:+55 1", "551" },
		{ "TEL", "" },
		{ "TEL\n:77", "" },
		{ "TE", "" },
		{ "TEL:", "" },
		{ "\n\r\n.TEL:7", "7" },
		{ "", "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char expected[64];
		canon_begin(&canon, "t", str(""));
		canon_open_object(&canon, NULL);
		canon_contact(&canon, "contact", str("n"), str(cases[i].vcard));
		canon_close_object(&canon);
		canon_finish();
		snprintf(expected, sizeof(expected), "\"phone_number\":\"%s\"", cases[i].phone);
		bool has_phone = strstr(out.text, "phone_number") != NULL;
		ck_assert_msg(has_phone == (cases[i].phone[0] != '\0'), "%s: %s", cases[i].vcard,
			out.text);
		ck_assert_msg(!has_phone || strstr(out.text, expected) != NULL, "%s: %s",
			cases[i].vcard, out.text);
	}
}
END_TEST

UNIT_MAIN_WITH("canon events", canon_setup, canon_teardown, message_has_its_members_in_order,
	message_with_nothing_known_has_its_nulls, other_events_have_their_members_in_order,
	who_has_no_number_has_a_user_id_alone, codes_that_follow_each_other_stay_in_order,
	edit_without_a_target_goes_by_its_id, edit_back_to_a_text_is_another_where_edits_have_ids,
	chat_of_a_status_that_is_not_known_has_no_type, a_lid_is_shown_with_the_phone_that_is_known,
	pairs_are_learned_of_people_alone, a_daemon_of_before_remembers_nothing,
	time_of_a_natural_key, what_follows_is_of_the_instance_that_was_named,
	an_instance_is_named_to_a_daemon_of_before_too,
	parts_of_a_natural_key_do_not_run_into_each_other, what_is_ignored_leaves_nothing_behind,
	phone_of_a_contact_is_in_a_line_that_tells_one)
