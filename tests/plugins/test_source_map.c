/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of source-map, as the .so that is installed: the maps of etc/maps against every payload of their
 * providers and source-map-<provider>.cases.json; small maps, written to a file, for what maps can and cannot
 * do.
 */
#include "unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "map_conf.h"
#include "source_rig.h"

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

/* ---- the maps of etc/maps ---- */

static const struct {
	const char *map, *fixtures, *cases;
	int n_fixtures;
	size_t n_cases, n_identities;
} providers[] = {
	{ "zapi", "z-api", "map-zapi", 47, 20, 4 },
	{ "greenapi", "green-api", "map-greenapi", 15, 20, 3 },
	{ "ultramsg", "ultramsg", "map-ultramsg", 1, 10, 2 },
	{ "twilio", "twilio", "map-twilio", 24, 10, 2 },
};

static struct conf
conf_of(const char *map, char path[1024])
{
	const char *top = getenv("srcdir");

	snprintf(path, 1024, "%s/etc/maps/%s.ini", top != NULL ? top : ".", map);
	return (struct conf){ .map = path, .budget = 5000 };
}

START_TEST(every_payload_becomes_the_events_beside_it)
{
	for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++) {
		char path[1024];
		struct conf conf = conf_of(providers[i].map, path);
		source_check_fixtures(
			plugin(), &conf, providers[i].fixtures, providers[i].n_fixtures);
	}
}
END_TEST

START_TEST(what_no_payload_shows)
{
	for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++) {
		char path[1024];
		struct conf conf = conf_of(providers[i].map, path);
		source_check_cases(plugin(), &conf, providers[i].cases, providers[i].n_cases);
	}
}
END_TEST

START_TEST(identity_is_the_same_for_the_same_event_alone)
{
	for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++) {
		char path[1024];
		struct conf conf = conf_of(providers[i].map, path);
		source_check_identities(
			plugin(), &conf, providers[i].cases, providers[i].n_identities);
	}
}
END_TEST

/* Evolution's conf is 0 where nothing is set, whatever it is. */
START_TEST(an_event_is_the_same_by_whichever_source_it_came)
{
	static const char zapi[] =
		"{\"type\":\"ReceivedCallback\",\"messageId\":\"3EB0\",\"phone\":\"5511999999999\","
		"\"fromMe\":false,\"momment\":1632228638000,\"text\":{\"message\":\"x\"}}";
	static const char greenapi[] = "{\"typeWebhook\":\"incomingMessageReceived\",\"idMessage\":"
				       "\"3EB0\",\"senderData\":{"
				       "\"chatId\":\"5511999999999@c.us\"},\"messageData\":{"
				       "\"typeMessage\":\"textMessage\"}}";
	static const char evolution[] =
		"{\"event\":\"messages.upsert\",\"data\":{\"key\":{\"id\":\"3EB0\",\"remoteJid\":"
		"\"5511999999999@s.whatsapp.net\",\"fromMe\":false},\"message\":{\"conversation\":"
		"\"x\"}}}";
	static const char nothing[64];
	char path[1024];
	struct conf conf = conf_of("zapi", path);

	char *one = source_identity(plugin(), &conf, zapi);
	conf = conf_of("greenapi", path);
	char *other = source_identity(plugin(), &conf, greenapi);
	char *third = source_identity(source_plugin("evolution"), nothing, evolution);
	ck_assert_str_eq(one, other);
	ck_assert_str_eq(one, third);
	free(one);
	free(other);
	free(third);
}
END_TEST

/* ---- small maps ---- */

#define MAP_START                         \
	"[map \"m\"]\n"                   \
	"event = message.exchange\n"      \
	"data.id = .id\n"                 \
	"data.direction = \"incoming\"\n" \
	"data.chat.jid = \"5511999999999\"\n"

#define MESSAGE MAP_START "data.message.type = \"text\"\n"

static void
write_map(const char *text, size_t len, char path[64])
{
	strcpy(path, "/tmp/hookswitch-test-XXXXXX");
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, len), (ssize_t)len);
	close(fd);
}

/* What opening the map says, with "$MAP" for its path; "": it is good. */
static void
open_error(const char *map, size_t len, char out[2 * HSW_ERROR_SIZE])
{
	char path[64];
	struct hsw_error err;
	void *self = NULL;

	write_map(map, len, path);
	const struct conf conf = { .map = path, .budget = 1000 };
	out[0] = '\0';
	if (plugin()->open(NULL, NULL, &conf, &self, &err) == HSW_OK) {
		plugin()->close(self);
	} else {
		size_t n = strlen(path);
		bool has_path = strncmp(err.text, path, n) == 0;
		snprintf(out, 2 * HSW_ERROR_SIZE, "%s%s", has_path ? "$MAP" : "",
			err.text + (has_path ? n : 0));
	}
	unlink(path);
}

static const struct {
	const char *map, *error;
} bad_maps[] = {
	{ "", "$MAP:1: there is no [map \"NAME\"]" },
	{ "; nothing\n\n", "$MAP:1: there is no [map \"NAME\"]" },
	{ "x = 1\n", "$MAP:1: x: before the first section there is only `name`" },
	{ "name = 1\nname = 2\n", "$MAP:2: name stands already in line 1" },
	{ "[sink x]\n", "$MAP:1: expected [map \"NAME\"], found [sink x]" },
	{ "[map \"x\"", "$MAP:1: expected [map \"NAME\"], found [map \"x\"" },
	{ "[map \"\"]", "$MAP:1: expected [map \"NAME\"]" },
	{ "[map \"x\"]\n", "$MAP:1: [map \"x\"] lacks event" },
	{ "[map \"x\"]\nwhen = 1\nevent = ignore\n[map \"x\"]\n",
		"$MAP:4: [map \"x\"] stands already in line 1" },
	{ "[map \"x\"]\nevent = ignore\nevent = ignore\n",
		"$MAP:3: event stands twice in the section" },
	{ "[map \"x\"]\nevent = ignore\n[map \"y\"]\n",
		"$MAP:3: [map \"y\"] is never reached: [map \"x\"] has no when" },
	{ "[map \"x\"]\nevent = message\n", "$MAP:2: event: expected one of message.exchange, " },
	{ "[map \"x\"]\nevent = ignore\ndata.id = 1\n",
		"$MAP:3: data.id: what is ignored has no data" },
	{ "[map \"x\"]\nwhen\n", "$MAP:2: expected `key = expression`, found when" },
	{ "[map \"x\"]\n= 1\n", "$MAP:2: expected a key before =" },
	{ "[map \"x\"]\nwhen =\n", "$MAP:2: when: expected an expression after =" },
	{ "[map \"x\"]\nevent = message.exchange\n",
		"$MAP:1: [map \"x\"] lacks data.id, which every message.exchange has" },
	{ MESSAGE "data.message.type = 1\n", "$MAP:7: data.message.type stands already in line 6" },
	{ MESSAGE "data.foo = 1\n", "$MAP:7: data.foo: message.exchange has no such field" },
	{ MESSAGE "data.messageIds = 1\n",
		"$MAP:7: data.messageIds: message.exchange has no such field" },
	{ MESSAGE "data = 1\n", "$MAP:7: data: message.exchange has no such field" },
	{ MESSAGE "foo = 1\n", "$MAP:7: foo: message.exchange has no such field" },
	/* What jq says, with the line in which it stands. */
	{ MESSAGE "\ndata.message.content = .a +\n",
		"$MAP:8: data.message.content: syntax error, " },
	{ MESSAGE "data.message.content = .a | \\\n  .b | \\\n  nosuch\n",
		"$MAP:9: data.message.content: nosuch/0 is not defined" },
	{ MESSAGE "data.message.content = if .a then 1\n",
		"$MAP:7: data.message.content: syntax error, " },
	{ MESSAGE "data.message.content = $x\n",
		"$MAP:7: data.message.content: $x is not defined" },
	{ MESSAGE "data.message.content = $each\n",
		"$MAP:7: data.message.content: $each is not defined" },
	{ "name = .a.\n" MESSAGE, "$MAP:1: name: syntax error, " },
	{ MESSAGE "when = 1 2\n", "$MAP:7: when: syntax error, " },
	/* Brackets that would be closed by what follows. */
	{ MESSAGE "data.message.content = 1) | (2\n",
		"$MAP:7: data.message.content: ) closes what is not open" },
	{ MESSAGE "data.message.content = (1\n", "$MAP:7: data.message.content: ( is not closed" },
	{ MESSAGE "data.message.content = [1)\n",
		"$MAP:7: data.message.content: ) closes what is not open" },
	{ MESSAGE "data.message.content = \"a\n",
		"$MAP:7: data.message.content: a string has no end" },
	{ MESSAGE "data.message.content = \"\\(1\"\n",
		"$MAP:7: data.message.content: a string has no end" },
	/* What reaches outside the event. */
	{ MESSAGE "data.message.content = env.HOME\n",
		"$MAP:7: data.message.content: env is not allowed" },
	{ MESSAGE "data.message.content = $ENV.HOME\n",
		"$MAP:7: data.message.content: $ENV is not allowed" },
	{ MESSAGE "data.message.content = input\n",
		"$MAP:7: data.message.content: input is not allowed" },
	{ MESSAGE "data.message.content = \"\\(now)\"\n",
		"$MAP:7: data.message.content: now is not allowed" },
	{ MESSAGE "data.message.content = halt\n",
		"$MAP:7: data.message.content: halt is not allowed" },
	{ MESSAGE "data.message.content = import \"a\" as a; 1\n",
		"$MAP:7: data.message.content: import is not allowed" },
	{ MESSAGE "data.message.content = .a = 1\n",
		"$MAP:7: data.message.content: an assignment (=) is not allowed" },
	{ MESSAGE "data.message.content = .a |= 1\n",
		"$MAP:7: data.message.content: an assignment (=) is not allowed" },
	{ MESSAGE "data.message.content = _k0\n",
		"$MAP:7: data.message.content: _k0 is not allowed" },
};

START_TEST(a_bad_map_is_refused_with_its_line)
{
	char error[2 * HSW_ERROR_SIZE];

	for (size_t i = 0; i < sizeof(bad_maps) / sizeof(bad_maps[0]); i++) {
		open_error(bad_maps[i].map, strlen(bad_maps[i].map), error);
		ck_assert_msg(strncmp(error, bad_maps[i].error, strlen(bad_maps[i].error)) == 0,
			"%s\nexpected %s\nfound    %s", bad_maps[i].map, bad_maps[i].error, error);
	}
	open_error("[map \"x\"]\0\n", 11, error);
	ck_assert_str_eq(error, "$MAP:1: the file holds a NUL");
}
END_TEST

START_TEST(a_map_that_is_missing_is_refused)
{
	const struct conf conf = { .map = "/nonexistent/a.ini", .budget = 1000 };
	struct hsw_error err;
	void *self;

	ck_assert_int_eq(plugin()->open(NULL, NULL, &conf, &self, &err), HSW_EIO);
	ck_assert_str_eq(err.text, "/nonexistent/a.ini: No such file or directory");
}
END_TEST

static const char *const good_maps[] = {
	"\xef\xbb\xbf; a BOM\r\nname = .a\r\n[map x]\r\nevent = ignore\r\n",
	"[map \"x\"]\nevent = ignore",
	"  [map \"a b\"]\n\twhen = .env == 1 # a comment (\n\tevent\t=\tignore\n",
	MESSAGE "data.message.content = {env: 1, now: 2} | .input, (.a | .env), \"env (\", "
		"\"\\(\"a)\" + \"\\(1)\")b\"\n",
	MESSAGE "data.message.content = .a == 1 or .b != 2 or .c <= 3 or .d >= 4\n",
	MESSAGE "data.message.content = def f(x): x + 1; f(2)\n",
};

START_TEST(a_good_map_is_taken)
{
	char error[2 * HSW_ERROR_SIZE];

	for (size_t i = 0; i < sizeof(good_maps) / sizeof(good_maps[0]); i++) {
		open_error(good_maps[i], strlen(good_maps[i]), error);
		ck_assert_msg(error[0] == '\0', "%s\n%s", good_maps[i], error);
	}
}
END_TEST

/* The events of a body; NULL: err tells. */
static struct json_object *
map_body(const char *map, const char *body, int64_t budget, struct hsw_error *err)
{
	char path[64];

	write_map(map, strlen(map), path);
	const struct conf conf = { .map = path, .budget = budget };
	struct json_object *events = events_translate(plugin(), &conf, "", str(body), err);
	unlink(path);
	return events;
}

static void
check_map(const char *map, const char *body, const char *pattern)
{
	struct hsw_error err;
	char why[512];
	struct json_object *events = map_body(map, body, 5000, &err);
	struct json_object *wanted = json_tokener_parse(pattern);

	ck_assert_msg(events != NULL, "%s%s\n%s", map, body, err.text);
	ck_assert_ptr_nonnull(wanted);
	ck_assert_msg(events_match(wanted, events, why, sizeof(why)), "%s%s\n%s", map, body, why);
	json_object_put(events);
	json_object_put(wanted);
}

#define NAME_16 "nnnnnnnnnnnnnnnn"
#define NAME_127 NAME_16 NAME_16 NAME_16 NAME_16 NAME_16 NAME_16 NAME_16 "nnnnnnnnnnnnnnn"

static const struct {
	const char *map, *body, *events;
} maps[] = {
	/* The first section that holds takes the event; without one it is ignored by its name. */
	{ "[map \"a\"]\nwhen = .x == 1\nevent = ignore\nname = \"one\"\n"
	  "[map \"b\"]\nwhen = .x\nevent = ignore\nname = \"other\"\n",
		"{\"x\":1}", "[{\"type\":null,\"provider_event\":\"one\"}]" },
	{ "[map \"a\"]\nwhen = .x == 1\nevent = ignore\nname = \"one\"\n"
	  "[map \"b\"]\nwhen = .x\nevent = ignore\nname = \"other\"\n",
		"{\"x\":2}", "[{\"type\":null,\"provider_event\":\"other\"}]" },
	{ "[map \"a\"]\nwhen = .x\nevent = ignore\n", "{\"event\":\"e\",\"type\":\"t\"}",
		"[{\"type\":null,\"provider_event\":\"e\"}]" },
	{ "[map \"a\"]\nwhen = .x\nevent = ignore\n", "{\"type\":\"t\"}",
		"[{\"type\":null,\"provider_event\":\"t\"}]" },
	{ "[map \"a\"]\nwhen = .x\nevent = ignore\n", "{\"type\":{}}",
		"[{\"type\":null,\"provider_event\":\"unknown\"}]" },
	{ "[map \"a\"]\nwhen = empty\nevent = ignore\n", "{}",
		"[{\"type\":null,\"provider_event\":\"unknown\"}]" },
	{ "name = .n\n[map \"a\"]\nwhen = .x\nevent = ignore\n", "{\"n\":7,\"event\":\"e\"}",
		"[{\"type\":null,\"provider_event\":\"7\"}]" },
	{ "[map \"a\"]\nevent = ignore\n", "{}", "[{\"type\":null,\"provider_event\":\"a\"}]" },
	/* A name has 128 bytes at most, and no half character. */
	{ "[map \"a\"]\nevent = ignore\n", "{\"event\":\"" NAME_127 "xy\"}",
		"[{\"type\":null,\"provider_event\":\"" NAME_127 "x\"}]" },
	{ "[map \"a\"]\nevent = ignore\n", "{\"event\":\"" NAME_127 "\303\251\"}",
		"[{\"type\":null,\"provider_event\":\"" NAME_127 "\"}]" },
	/* null, "" and nothing are left out; the first value counts. */
	{ MESSAGE "data.sender.name = .no\ndata.sender.jid = \"\"\ndata.reply.text = empty\n"
		  "data.message.content = \"a\", \"b\"\n",
		"{\"id\":\"A\"}",
		"[{\"data\":{\"id\":\"A\",\"sender\":\"$ABSENT\",\"reply\":\"$ABSENT\",\"message\":"
		"{\"content\":"
		"\"a\"}}}]" },
	/* each */
	{ MESSAGE "each = .list[]\ndata.message.content = $body.x + .t\n",
		"{\"x\":\"X\",\"list\":[{\"id\":\"A\",\"t\":\"1\"},{\"id\":\"B\",\"t\":\"2\"}]}",
		"[{\"data\":{\"id\":\"A\",\"message\":{\"content\":\"X1\"}}},"
		"{\"data\":{\"id\":\"B\",\"message\":{\"content\":\"X2\"}}}]" },
	{ MESSAGE "each = .[]\n", "[{\"id\":\"A\"},{\"id\":\"B\"}]",
		"[{\"data\":{\"id\":\"A\"}},{\"data\":{\"id\":\"B\"}}]" },
	{ MESSAGE "each = .list[]\n", "{\"event\":\"e\",\"list\":[]}",
		"[{\"type\":null,\"provider_event\":\"e\"}]" },
	/* groups of fields */
	{ MESSAGE "data.sender = {jid: .p, lid: \"5@lid\", name: null}\n",
		"{\"id\":\"A\",\"p\":\"551199\"}",
		"[{\"data\":{\"sender\":{\"jid\":\"551199@s.whatsapp.net\",\"lid\":\"5@lid\","
		"\"name\":\"$ABSENT\"}}}]" },
	{ MAP_START "data.message = {type: \"image\", media: {url: \"u\", size: \"12\"}}\n",
		"{\"id\":\"A\"}",
		"[{\"data\":{\"message\":{\"type\":\"image\",\"media\":{\"type\":\"image\",\"url\":"
		"\"u\",\"size\":"
		"12}}}}]" },
	/* helpers */
	{ MESSAGE "data.message.content = [.l[] | jid | tostring] | join(\" \")\n",
		"{\"id\":\"A\",\"l\":[\"5511\",5511999999999,\"+55 (11) "
		"9-9\",\"whatsapp:+5511\",\"12-group\",\"1@c.us\","
		"\"\",null,\"x\",{},\"US.12\",\"1e3\",\"+\"]}",
		"[{\"data\":{\"message\":{\"content\":\"5511@s.whatsapp.net "
		"5511999999999@s.whatsapp.net "
		"551199@s.whatsapp.net 5511@s.whatsapp.net 12@g.us 1@c.us null null null null null "
		"null null\"}}}]" },
	{ MESSAGE "data.message.content = [.l[] | phone | tostring] | join(\" \")\n",
		"{\"id\":\"A\",\"l\":[\"5511:3@c.us\",\"+55 "
		"11\",\"12@g.us\",\"5@lid\",null,\"+5511@s.whatsapp.net\"]}",
		"[{\"data\":{\"message\":{\"content\":\"5511 5511 null null null 5511\"}}}]" },
	{ MESSAGE "data.message.content = [.l[] | epoch | tostring] | join(\" \")\n",
		"{\"id\":\"A\",\"l\":[1632228638,1632228638000,\"1632228638\",\"1632228638500\","
		"1632228638000000,"
		"{\"low\":-1,\"high\":0},null,\"2026-01-01T00:00:00Z\"]}",
		"[{\"data\":{\"message\":{\"content\":\"1632228638 1632228638 1632228638 "
		"1632228638.5 1632228638 "
		"4294967295 null 2026-01-01T00:00:00Z\"}}}]" },
	{ MESSAGE "data.message.content = [.l[] | nonempty | tostring] | join(\" \")\n",
		"{\"id\":\"A\",\"l\":[\"\",[],{},0,false,\"x\"]}",
		"[{\"data\":{\"message\":{\"content\":\"null null null 0 false x\"}}}]" },
	{ MESSAGE "data.timestamp = .t | epoch\n", "{\"id\":\"A\",\"t\":\"1632228638500\"}",
		"[{\"data\":{\"timestamp\":\"2021-09-21T12:50:38.500Z\"}}]" },
	{ MESSAGE "data.timestamp = .t / 1000 | todate\n", "{\"id\":\"A\",\"t\":1632228638500}",
		"[{\"data\":{\"timestamp\":\"2021-09-21T12:50:38Z\"}}]" },
	/* What cannot be read and need not be there. */
	{ MESSAGE "data.timestamp = .t\ndata.sender.jid = .t\n", "{\"id\":\"A\",\"t\":\"soon\"}",
		"[{\"data\":{\"timestamp\":\"2026-11-21T05:33:48.123Z\",\"sender\":\"$ABSENT\"}}"
		"]" },
	/* Numbers. */
	{ MESSAGE, "{\"id\":12345678901234567890}",
		"[{\"data\":{\"id\":\"12345678901234567890\"}}]" },
	{ MESSAGE, "{\"id\":9007199254740993}", "[{\"data\":{\"id\":\"9007199254740993\"}}]" },
	{ MESSAGE "data.message.location = {latitude: .a, longitude: .b}\n",
		"{\"id\":\"A\",\"a\":-23.5505199,\"b\":\"0.1\"}",
		"[{\"data\":{\"message\":{\"location\":{\"latitude\":-23.5505199,\"longitude\":0.1}"
		"}}}]" },
	/* Secrets and media are pieces of their own. */
	{ MESSAGE "data.message.media = {type: \"image\", base64: .b, encrypted: {url: \"e\", "
		  "mediaKey: \"S3CRET\"}}\n",
		"{\"id\":\"A\",\"b\":\"data:image/png;base64,aGk=\"}",
		"[{\"data\":{\"message\":{\"media\":{\"base64\":\"aGk=\",\"encrypted\":{"
		"\"mediaKey\":\"S3CRET\"}}}},"
		"\"without_parts\":{\"message\":{\"media\":{\"base64\":\"$ABSENT\",\"encrypted\":{"
		"\"mediaKey\":"
		"\"$ABSENT\"}}}}}]" },
	{ "[map \"q\"]\nevent = instance.state\ndata.state = \"qr_ready\"\ndata.codes = .qr\n",
		"{\"qr\":\"2@S3CRET\"}",
		"[{\"data\":{\"codes\":[\"2@S3CRET\"],\"instance\":\"sales\"},\"without_parts\":{"
		"\"codes\":\"$ABSENT\"}}]" },
	{ "[map \"q\"]\nevent = instance.state\ndata.state = \"qr_ready\"\ndata.codes = .qr\n",
		"{\"qr\":[\"2@S3CRET\",\"2@NEXT\",null,7]}",
		"[{\"data\":{\"codes\":[\"2@S3CRET\",\"2@NEXT\",\"7\"]},\"without_parts\":{"
		"\"codes\":\"$ABSENT\"}}]" },
	/* Changes. */
	{ MAP_START "data.message.type = \"message_edit\"\ndata.message.edit = {original_id: "
		    "\"B\", text: \"n\"}\n",
		"{\"id\":\"A\"}",
		"[{\"data\":{\"message\":{\"isEdit\":true,\"content\":\"n\",\"edit\":{\"original_"
		"id\":\"B\",\"text\":"
		"\"n\"}}}}]" },
	{ MESSAGE "data.message.contacts = [{display_name: \"a\", phone_number: \"1\"}, "
		  "{display_name: \"b\"}]\n",
		"{\"id\":\"A\"}",
		"[{\"data\":{\"message\":{\"contacts\":[{\"display_name\":\"a\",\"phone_number\":"
		"\"1\"},"
		"{\"display_name\":\"b\"}]}}}]" },
	{ "[map \"g\"]\nevent = group.flow\ndata.type = \"announce\"\ndata.groupJid = "
	  "\"1@g.us\"\ndata.value = .on\n"
	  "data.participants = [\"551\", {lid: \"5@lid\", name: \"x\"}]\n",
		"{\"on\":true}",
		"[{\"key\":\"1@g.us\",\"data\":{\"value\":true,\"participants\":[{\"jid\":\"551@s."
		"whatsapp.net\"},"
		"{\"jid\":\"5@lid\",\"name\":\"x\"}]}}]" },
	{ "[map \"g\"]\nevent = group.flow\ndata.type = \"info\"\ndata.groupJid = "
	  "\"1@g.us\"\ndata.value = .\n",
		"{\"size\":3,\"none\":null}",
		"[{\"data\":{\"value\":{\"size\":3,\"none\":\"$ABSENT\"}}}]" },
	/* Forms. */
	{ MESSAGE "data.message.content = [.t, .e, .f] | tostring\n",
		"id=A&t=a+b%26%C3%a9&t=c&e=&f&&",
		"[{\"data\":{\"message\":{\"content\":\"[[\\\"a "
		"b&é\\\",\\\"c\\\"],\\\"\\\",\\\"\\\"]\"}}}]" },
};

START_TEST(what_a_map_can_do)
{
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		check_map(maps[i].map, maps[i].body, maps[i].events);
}
END_TEST

static const struct {
	const char *map, *body, *error; /* behind the file's name */
} refused[] = {
	{ MESSAGE, "{}", ":3: [map \"m\"] data.id: is empty, but every message.exchange has it" },
	{ MAP_START "data.message = {content: \"x\"}\n", "{\"id\":\"A\"}",
		":1: [map \"m\"] is empty, but every message.exchange has it" },
	{ MAP_START "data.message.type = \"foo\"\n", "{\"id\":\"A\"}",
		":6: [map \"m\"] data.message.type: found \"foo\", expected one of text, image, " },
	{ MESSAGE "data.message.content = .x\n", "{\"id\":\"A\",\"x\":{\"a\":1}}",
		":7: [map \"m\"] data.message.content: expected a string, found object" },
	{ MESSAGE "data.message.isForwarded = .x\n", "{\"id\":\"A\",\"x\":\"yes\"}",
		":7: [map \"m\"] data.message.isForwarded: expected true or false, found string" },
	{ MESSAGE "data.message.media = .x\n", "{\"id\":\"A\",\"x\":\"u\"}",
		":7: [map \"m\"] data.message.media: expected an object" },
	{ MESSAGE "data.message.media = {href: 1}\n", "{\"id\":\"A\"}",
		":7: [map \"m\"] data.message.media: .href: no such field" },
	{ MESSAGE "data.message.media = {type: \"gif\"}\n", "{\"id\":\"A\"}",
		":7: [map \"m\"] data.message.media: .type: found \"gif\", expected one of "
		"image, " },
	{ MAP_START "data.message.type = \"reaction\"\n", "{\"id\":\"A\"}",
		":1: [map \"m\"] data.message.reaction.message_id is missing, which a reaction "
		"has" },
	{ "[map \"s\"]\nevent = message.status\ndata.status = \"read\"\ndata.messageIds = .ids\n",
		"{\"ids\":[]}", ":1: [map \"s\"] data.messageIds is empty" },
	/* What jq says. */
	{ MESSAGE "data.message.content = .x + 1\n", "{\"id\":\"A\",\"x\":\"u\"}",
		":7: [map \"m\"] data.message.content: string (\"u\") and number (1) cannot be "
		"added" },
	{ MESSAGE "data.message.content = error\n", "{\"id\":\"A\",\"x\":\"u\"}",
		":7: [map \"m\"] data.message.content: {\"id\":\"A\",\"x\":\"u\"}" },
	{ MESSAGE "when = .id.x\n", "{\"id\":\"A\"}",
		":7: [map \"m\"] when: Cannot index string with string \"x\"" },
	{ MESSAGE "each = .id[]\n", "{\"id\":\"A\"}",
		":7: [map \"m\"] each: Cannot iterate over string" },
	{ MESSAGE "each = .[], error(\"late\")\n", "[{\"id\":\"A\"}]",
		":7: [map \"m\"] each: late" },
	{ "name = .a.b\n" MESSAGE, "{\"a\":1}", ":1: name: Cannot index number with string \"b\"" },
	{ MESSAGE "data.message.content = \"x\" * 1e9\n", "{\"id\":\"A\"}",
		":7: [map \"m\"] data.message.content: a string cannot be multiplied" },
	{ MESSAGE "data.message.content = [-1] | implode\n", "{\"id\":\"A\"}",
		":7: [map \"m\"] data.message.content: implode: these are no characters" },
	{ MESSAGE "data.message.context = {a: [range(200000)]}\n", "{\"id\":\"A\"}",
		":7: [map \"m\"] data.message.context: is too deep or too large" },
	{ MESSAGE "data.message.content = reduce range(60) as $i (\"x\"; . + .)\n",
		"{\"id\":\"A\"}", ":7: [map \"m\"] data.message.content: more than 32 MiB" },
	/* Bodies. */
	{ MESSAGE, "{\"id\":", "body: bad JSON: it ends after 6 bytes, too soon" },
	{ MESSAGE, "{\"id\":1,}", "body: bad JSON at byte " },
	{ MESSAGE, "\"x\"", "body: expected a JSON object, found string" },
	{ MESSAGE, "", "body: is empty, expected a JSON object" },
	{ MESSAGE, "id=A&t=%4", "body: bad form at byte 8: expected two hex digits after %" },
	{ MESSAGE, "id=A&t%zz=4", "body: bad form at byte 7: expected two hex digits after %" },
};

START_TEST(what_does_not_fit_is_refused_with_its_place)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct hsw_error err;
		ck_assert_ptr_null(map_body(refused[i].map, refused[i].body, 5000, &err));
		const char *text = strncmp(err.text, "hookswitch-test-", 16) == 0
			? strchr(err.text, ':')
			: err.text;
		ck_assert_msg(strncmp(text, refused[i].error, strlen(refused[i].error)) == 0,
			"%s%s\nexpected %s\nfound    %s", refused[i].map, refused[i].body,
			refused[i].error, text);
	}
}
END_TEST

/* ---- bounds ---- */

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
check_endless(const char *expression)
{
	const struct hsw_source_ops *ops = plugin();
	char map[512], path[64];
	struct hsw_error err;
	void *self;
	int rc;

	snprintf(map, sizeof(map),
		MESSAGE "data.message.content = if .x then (%s) else \"good\" end\n", expression);
	write_map(map, strlen(map), path);
	const struct conf conf = { .map = path, .budget = 50 };
	ck_assert_int_eq(ops->open(NULL, NULL, &conf, &self, &err), HSW_OK);
	for (int i = 0; i < 2; i++) {
		int64_t start = now_ms();
		ck_assert_ptr_null(events_translate_with(
			ops, self, "", str("{\"id\":\"A\",\"x\":1}"), &err, &rc));
		ck_assert_int_eq(rc, HSW_EUNPROCESSABLE);
		ck_assert_msg(
			strstr(err.text, ":7: [map \"m\"] data.message.content: takes too long") !=
				NULL,
			"%s: %s", expression, err.text);
		ck_assert_int_lt(now_ms() - start, 5000);
		/* The next event is none the worse for it. */
		struct json_object *events = events_translate_with(
			ops, self, "", str("{\"id\":\"A\"}"), &err, &rc);
		ck_assert_msg(events != NULL, "%s: %s", expression, err.text);
		json_object_put(events);
	}
	ops->close(self);
	unlink(path);
}

START_TEST(an_expression_without_end_is_stopped)
{
	check_endless("last(repeat(1))");
	check_endless("def f: f; f");
	check_endless("0 | [recurse(. + 1; true)] | length");
	check_endless("0 | until(false; . + 1)");
	check_endless("\"abc\" | gsub(\"\"; \"x\")");
	check_endless("reduce range(1e12) as $i (0; . + 1)");
}
END_TEST

START_TEST(depth_of_the_json_is_bounded)
{
	char body[256];
	struct hsw_error err;

	for (int depth = 50; depth <= 80; depth += 30) {
		memset(body, 0, sizeof(body));
		strcpy(body, "{\"id\":\"A\",\"x\":");
		memset(body + strlen(body), '[', (size_t)depth);
		memset(body + strlen(body), ']', (size_t)depth);
		strcat(body, "}");
		struct json_object *events = map_body(MESSAGE, body, 5000, &err);
		ck_assert_int_eq(events != NULL, depth == 50);
		json_object_put(events);
	}
}
END_TEST

/* An array that is copied with each of its fields is minutes of work here. */
START_TEST(a_field_that_comes_often_is_read_at_once)
{
	const size_t n = 300000;
	char *body = malloc(2 * n + sizeof("id=A"));
	struct hsw_error err;

	ck_assert_ptr_nonnull(body);
	strcpy(body, "id=A");
	for (size_t i = 0; i < n; i++)
		strcpy(body + 4 + 2 * i, "&x");
	struct json_object *events = map_body(
		MESSAGE "data.message.content = (.x | length)\n", body, 5000, &err);
	ck_assert_msg(events != NULL, "%s", err.text);
	json_object_put(events);
	free(body);
}
END_TEST

UNIT_MAIN("source-map", every_payload_becomes_the_events_beside_it, what_no_payload_shows,
	identity_is_the_same_for_the_same_event_alone,
	an_event_is_the_same_by_whichever_source_it_came, a_bad_map_is_refused_with_its_line,
	a_map_that_is_missing_is_refused, a_good_map_is_taken, what_a_map_can_do,
	what_does_not_fit_is_refused_with_its_place, an_expression_without_end_is_stopped,
	depth_of_the_json_is_bounded, a_field_that_comes_often_is_read_at_once)
