/* SPDX-License-Identifier: Apache-2.0 */
/* test_sink_syslog.c - sink-syslog: what a message looks like, and which options are refused. */
#include "syslog_rig.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

#define RECEIVED_MS 1795239228123 /* 2026-11-21T05:33:48.123Z */

static struct peer peer;

static void
setup(void)
{
	syslog_rig_setup();
	setenv("TZ", "UTC", 1);
	peer = (struct peer){ 0 };
}

static void
teardown(void)
{
	peer_close(&peer);
	syslog_rig_teardown();
}

/* The message that an event becomes, by a handle of its own. */
static const char *
message_of(const struct fake_event *event, const char *const *options)
{
	struct hsw_handle *h = open_syslog(options);
	struct hsw_delivery *d = put_event(h, event);

	peer_wait(h, &peer, 1);
	ck_assert_int_eq(fake_wait(d)->outcome, HSW_DELIVERED);
	fake_close(h);
	return peer_take(&peer);
}

#define MESSAGE_OF(event, ...)         \
	message_of(event,              \
		(const char *const[]){ \
			"target", peer_target(&peer), "hostname", "here", __VA_ARGS__ })

#define JSON(text) \
	(const struct fake_piece[]){ { .bytes = (text), .len = sizeof(text) - 1 } }, .count = 1

static const struct fake_event plain = { .id = "evt_1",
	.type = "call.update",
	.instance = "sales",
	.key = "5511@s.whatsapp.net",
	.received_ms = RECEIVED_MS,
	.pieces = JSON("{\"data\":{\"type\":\"offer\"}}") };

START_TEST(a_message_of_rfc5424_has_all_parts)
{
	char wanted[512];

	peer_open(&peer, AF_INET, SOCK_DGRAM);
	snprintf(wanted, sizeof(wanted),
		"<30>1 2026-11-21T05:33:48.123Z here hookswitch %ld call.update "
		"[hookswitch@32473 instance=\"sales\" event=\"call.update\" id=\"evt_1\" "
		"chat=\"5511@s.whatsapp.net\"] {\"data\":{\"type\":\"offer\"}}",
		(long)getpid());
	ck_assert_str_eq(MESSAGE_OF(&plain, NULL), wanted);
}
END_TEST

START_TEST(a_message_of_rfc3164_has_no_structured_data)
{
	char wanted[512];

	peer_open(&peer, AF_INET, SOCK_DGRAM);
	snprintf(wanted, sizeof(wanted),
		"<158>Nov 21 05:33:48 here hooks[%ld]: instance=sales event=call.update "
		"event_id=evt_1 chat=5511@s.whatsapp.net type=offer",
		(long)getpid());
	ck_assert_str_eq(MESSAGE_OF(&plain, "format", "rfc3164", "message", "text", "facility",
				 "local3", "app_name", "hooks", NULL),
		wanted);
}
END_TEST

START_TEST(a_local_socket_gets_no_host_name_in_rfc3164)
{
	char wanted[512];

	peer_open(&peer, AF_UNIX, SOCK_DGRAM);
	snprintf(wanted, sizeof(wanted),
		"<30>Nov 21 05:33:48 hookswitch[%ld]: {\"data\":{\"type\":\"offer\"}}",
		(long)getpid());
	ck_assert_str_eq(MESSAGE_OF(&plain, "format", "rfc3164", NULL), wanted);
}
END_TEST

START_TEST(structured_data_is_escaped_and_bounded)
{
	char chat[400];
	struct fake_event event = plain;

	memset(chat, 'x', sizeof(chat));
	memcpy(chat + 122, "\xf0\x9f\x98\x80", 4);
	memcpy(chat + 126, "\xc3\xa9\xc3\xa9", 4); /* the second one would begin at 128 */
	chat[399] = '\0';
	event.instance = "a\"b\\c]d\n\x7f"
			 "e";
	event.key = chat;
	peer_open(&peer, AF_INET, SOCK_DGRAM);
	const char *got = MESSAGE_OF(&event, "sd_id", "mine@1.2", NULL);
	ck_assert_ptr_nonnull(strstr(got, " [mine@1.2 instance=\"a\\\"b\\\\c\\]d__e\" event=\""));
	chat[126] = '\0';
	const char *value = strstr(got, " chat=\"");
	ck_assert_ptr_nonnull(value);
	ck_assert_int_eq(strncmp(value + 7, chat, 122), 0);
	size_t len = strcspn(value + 7, "\"");
	ck_assert_uint_le(len, 128);
	ck_assert_uint_ge(len, 122);
	/* No half character: what is after the x is whole. */
	ck_assert(len == 122 || len == 126 || len == 128);
}
END_TEST

START_TEST(an_event_without_a_chat_has_none)
{
	struct fake_event event = plain;

	event.key = "";
	peer_open(&peer, AF_INET, SOCK_DGRAM);
	const char *got = MESSAGE_OF(&event, NULL);
	ck_assert_ptr_nonnull(strstr(got, "id=\"evt_1\"] {"));
}
END_TEST

START_TEST(what_is_too_long_is_cut_and_says_so)
{
	static char json[5000];
	struct fake_event event = plain;
	char note[64];

	/* Characters of two bytes at odd and even places: one of the two is cut in its middle. */
	for (int odd = 0; odd < 2; odd++) {
		memset(json, 'a', sizeof(json));
		for (size_t i = (size_t)odd; i + 1 < sizeof(json); i += 2)
			memcpy(json + i, "\xc3\xa9", 2);
		const struct fake_piece piece = { .bytes = json, .len = sizeof(json) };
		event.pieces = &piece;
		if (peer.port == 0)
			peer_open(&peer, AF_INET, SOCK_DGRAM);
		const char *got = MESSAGE_OF(&event, "max_message", "1024", NULL);
		size_t len = strlen(got);
		ck_assert_uint_le(len, 1024);
		ck_assert_uint_ge(len, 1000);
		const char *end = strstr(got, " [");
		while (strstr(end + 1, " [") != NULL)
			end = strstr(end + 1, " [");
		size_t kept = (size_t)(end - body_of(got));
		snprintf(note, sizeof(note), " [%zu bytes cut]", sizeof(json) - kept);
		ck_assert_str_eq(end, note);
		ck_assert_uint_eq((kept - (size_t)odd) % 2, 0);
	}
}
END_TEST

START_TEST(a_message_of_the_greatest_length_is_not_cut)
{
	static char json[5000];
	struct fake_event event = plain;

	memset(json, 'a', sizeof(json));
	struct fake_piece piece = { .bytes = json, .len = 100 };
	event.pieces = &piece;
	peer_open(&peer, AF_INET, SOCK_DGRAM);
	size_t head = strlen(MESSAGE_OF(&event, NULL)) - 100;
	piece.len = 1024 - head;
	const char *got = MESSAGE_OF(&event, "max_message", "1024", NULL);
	ck_assert_uint_eq(strlen(got), 1024);
	ck_assert_ptr_null(strstr(got, "cut"));
	piece.len++;
	ck_assert_ptr_nonnull(
		strstr(MESSAGE_OF(&event, "max_message", "1024", NULL), "bytes cut]"));
}
END_TEST

START_TEST(the_first_rule_that_fits_gives_the_severity)
{
	static const struct {
		const char *rules, *type, *pri;
	} cases[] = {
		{ "call.update: notice", "call.update", "<29>" },
		{ "call.update: notice", "message.exchange", "<30>" },
		{ "call.update: notice", "call.updates", "<30>" },
		{ "message.*:debug,warning", "message.status", "<31>" },
		{ "message.*:debug,warning", "call.update", "<28>" },
		{ "*:emerg, call.update: err", "call.update", "<24>" },
		{ "CALL.Update : Error", "call.update", "<27>" },
		{ "raw.*: debug, notice", "raw.presence.update", "<31>" },
		{ "raw.presence.update: err", "raw.presence.update", "<27>" },
		{ "raw.presence.update: err", "raw.presence", "<30>" },
	};

	peer_open(&peer, AF_INET, SOCK_DGRAM);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake_event event = plain;
		event.type = cases[i].type;
		const char *got = MESSAGE_OF(&event, "severity", cases[i].rules, NULL);
		ck_assert_msg(strncmp(got, cases[i].pri, 4) == 0, "%s %s: %.4s", cases[i].rules,
			cases[i].type, got);
	}
}
END_TEST

START_TEST(the_first_rule_that_fits_gives_the_facility)
{
	static const struct {
		const char *rules, *type, *pri;
	} cases[] = {
		{ "local0", "call.update", "<134>" },
		{ "LOCAL0", "group.flow", "<134>" },
		{ "call.update: local1, *: local0", "call.update", "<142>" },
		{ "call.update: local1, *: local0", "message.status", "<134>" },
		{ "call.update: local1", "message.status", "<30>" },
		{ "message.*:user,mail", "message.exchange", "<14>" },
		{ "instance.state: mail, label.update: lpr, group.flow: kern, message.exchange: "
		  "news",
			"label.update", "<54>" },
	};

	peer_open(&peer, AF_INET, SOCK_DGRAM);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake_event event = plain;
		event.type = cases[i].type;
		const char *got = MESSAGE_OF(&event, "facility", cases[i].rules, NULL);
		ck_assert_msg(strncmp(got, cases[i].pri, strlen(cases[i].pri)) == 0, "%s %s: %.5s",
			cases[i].rules, cases[i].type, got);
	}
}
END_TEST

START_TEST(text_has_the_members_of_data)
{
	struct fake_event event = plain;

	/* The pieces part a word. */
	static const char first[] =
		"{\"event\":\"x\",\"data\":{\"a\":\"one two\",\"b\":{\"c d\":1.5,\"e\":nu";
	static const char second[] =
		"ll,\"f\":\"\"},\"g\":[true,\"\\u0000\\\"\\\\\\n=\"]},\"z\":1}";
	event.pieces = (const struct fake_piece[]){ { .bytes = first, .len = sizeof(first) - 1 },
		{ .bytes = second, .len = sizeof(second) - 1 } };
	event.count = 2;
	peer_open(&peer, AF_INET, SOCK_DGRAM);
	const char *got = MESSAGE_OF(&event, "message", "text", NULL);
	ck_assert_str_eq(body_of(got), "a=\"one two\" b.c_d=1.5 g.0=true g.1=\" \\\"\\\\\\n=\"");
}
END_TEST

START_TEST(a_key_that_is_too_long_ends_with_a_whole_character)
{
	struct fake_event event = plain;
	char name[201], json[300];

	peer_open(&peer, AF_INET, SOCK_DGRAM);
	for (int odd = 0; odd < 2; odd++) {
		memset(name, 'x', sizeof(name) - 1);
		for (size_t i = (size_t)odd; i + 1 < sizeof(name) - 1; i += 2)
			memcpy(name + i, "\xc3\xa9", 2);
		name[sizeof(name) - 1] = '\0';
		int len = snprintf(json, sizeof(json), "{\"data\":{\"%s\":[1]}}", name);
		const struct fake_piece piece = { .bytes = json, .len = (size_t)len };
		event.pieces = &piece;
		const char *body = body_of(MESSAGE_OF(&event, "message", "text", NULL));
		size_t kept = strcspn(body, ".=");
		ck_assert_uint_ge(kept, 150);
		ck_assert_uint_eq((kept - (size_t)odd) % 2, 0);
		ck_assert_int_eq(strncmp(body, name, kept), 0);
	}
}
END_TEST

START_TEST(secrets_are_left_out)
{
	struct fake_event event = plain;

	event.pieces = (const struct fake_piece[]){ { .bytes = "{\"a\":1", .len = 6 },
		{ .bytes = ",\"token\":\"t\"", .len = 12, .part = HSW_TOKEN },
		{ .bytes = ",\"codes\":\"c\"", .len = 12, .part = HSW_CODES },
		{ .bytes = "}", .len = 1 } };
	event.count = 4;
	peer_open(&peer, AF_INET, SOCK_DGRAM);
	ck_assert_str_eq(body_of(MESSAGE_OF(&event, NULL)), "{\"a\":1}");
}
END_TEST

START_TEST(bad_options_are_refused_with_their_name)
{
	static const struct {
		const char *key, *value, *target;
	} cases[] = {
		{ "target", "http://127.0.0.1", NULL },
		{ "target", "udp://", NULL },
		{ "target", "udp://host:0", NULL },
		{ "target", "udp://host:65536", NULL },
		{ "target", "udp://host:5x", NULL },
		{ "target", "tcp://user@host", NULL },
		{ "target", "tcp://host/path", NULL },
		{ "target", "tcp://[::1", NULL },
		{ "target", "tcp://::1", NULL },
		{ "target", "unix:relative", NULL },
		{ "severity", "call.update: loud", "udp://127.0.0.1" },
		{ "severity", ": notice", "udp://127.0.0.1" },
		{ "severity", "call.updates: notice", "udp://127.0.0.1" },
		{ "severity", "calls.*: notice", "udp://127.0.0.1" },
		{ "facility", "mail.*: local0", "udp://127.0.0.1" },
		{ "facility", "call.update: local9", "udp://127.0.0.1" },
		{ "facility", "local9", "udp://127.0.0.1" },
		{ "sd_id", "hookswitch", "udp://127.0.0.1" },
		{ "sd_id", "a b@1", "udp://127.0.0.1" },
		{ "sd_id", "a@b", "udp://127.0.0.1" },
		{ "max_message", "100000", "udp://127.0.0.1" },
		{ "ca_file", "/dev/null", "tcp://127.0.0.1" },
		{ "ca_file", "/dev/null", "tls://127.0.0.1" },
		{ "cert_file", "/nowhere", "tls://127.0.0.1" },
		{ "key_file", "/nowhere", "tls://127.0.0.1" },
	};

	peer_open(&peer, AF_INET, SOCK_DGRAM);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hsw_error err = { "" };
		const char *const options[] = { cases[i].key, cases[i].value,
			cases[i].target != NULL ? "target" : NULL, cases[i].target, NULL };
		struct hsw_handle *h = fake_open("sink-syslog", options, &err);
		ck_assert_msg(h == NULL, "%s = %s", cases[i].key, cases[i].value);
		ck_assert_msg(
			strstr(err.text, cases[i].key) != NULL, "%s: %s", cases[i].value, err.text);
	}
}
END_TEST

UNIT_MAIN_WITH("sink-syslog", setup, teardown, a_message_of_rfc5424_has_all_parts,
	a_message_of_rfc3164_has_no_structured_data, a_local_socket_gets_no_host_name_in_rfc3164,
	structured_data_is_escaped_and_bounded, an_event_without_a_chat_has_none,
	what_is_too_long_is_cut_and_says_so, a_message_of_the_greatest_length_is_not_cut,
	the_first_rule_that_fits_gives_the_severity, the_first_rule_that_fits_gives_the_facility,
	text_has_the_members_of_data, a_key_that_is_too_long_ends_with_a_whole_character,
	secrets_are_left_out, bad_options_are_refused_with_their_name)
