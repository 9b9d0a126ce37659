/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of what the library of sources finds in WhatsApp's own message nodes, and of Go's spelling of them. */
#include "canon_rig.h"
#include "unit.h"

#include <stdio.h>

#include <hookswitch/canon_content.h>

static void
check_camel(const char *go, const char *expected)
{
	struct json_object *o = json_tokener_parse(go);
	struct json_object *camel = canon_camel(o);

	ck_assert_str_eq(json_object_to_json_string_ext(camel, JSON_C_TO_STRING_PLAIN), expected);
	json_object_put(camel);
	json_object_put(o);
}

START_TEST(keys_of_go_become_those_of_javascript)
{
	static const char *const keys[][2] = { { "URL", "url" }, { "PTT", "ptt" }, { "ID", "id" },
		{ "stanzaID", "stanzaId" }, { "mentionedJID", "mentionedJid" },
		{ "fileSHA256", "fileSha256" }, { "fileEncSHA256", "fileEncSha256" },
		{ "JPEGThumbnail", "jpegThumbnail" }, { "paramsJSON", "paramsJson" },
		{ "timestampMS", "timestampMs" }, { "sourceURL", "sourceUrl" },
		{ "Response", "response" },
		{ "NativeFlowResponseMessage", "nativeFlowResponseMessage" },
		{ "pollCreationMessageV3", "pollCreationMessageV3" }, { "vcard", "vcard" },
		{ "imageMessage", "imageMessage" }, { "A", "a" }, { "", "" },
		{ "\xc3\x89T", "\xc3\x89T" } };
	char go[256], expected[256];

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		snprintf(go, sizeof(go), "{\"%s\":1}", keys[i][0]);
		snprintf(expected, sizeof(expected), "{\"%s\":1}", keys[i][1]);
		check_camel(go, expected);
	}
}
END_TEST

START_TEST(keys_are_respelt_at_every_depth_and_values_never)
{
	check_camel("{\"A\":{\"URL\":\"URL\",\"X\":[{\"ID\":null},[\"JID\"],true]}}",
		"{\"a\":{\"url\":\"URL\",\"x\":[{\"id\":null},[\"JID\"],true]}}");
	ck_assert_ptr_null(canon_camel(NULL));
}
END_TEST

START_TEST(a_key_that_is_too_long_stays_as_it_is)
{
	char go[512], key[301];

	memset(key, 'A', sizeof(key));
	key[300] = '\0';
	snprintf(go, sizeof(go), "{\"%s\":1}", key);
	check_camel(go, go);
}
END_TEST

/* What a message's nodes are to the event. */
static const struct {
	const char *nodes, *type, *text;
	enum hsw_change change;
	const char *id, *target;
} contents[] = {
	{ "{\"conversation\":\"x\"}", "text", "x", HSW_NEW, "A", NULL },
	{ "{\"messageContextInfo\":{},\"imageMessage\":{\"caption\":\"c\"}}", "image", "c", HSW_NEW,
		"A", NULL },
	{ "{\"ephemeralMessage\":{\"message\":{\"viewOnceMessage\":{\"message\":{\"conversation\":"
	  "\"x\"}}}}}",
		"text", "x", HSW_NEW, "A", NULL },
	{ "{\"dreamMessage\":{}}", "unknown", NULL, HSW_NEW, "A", NULL },
	{ "{}", "unknown", NULL, HSW_NEW, "A", NULL },
	{ "null", "unknown", NULL, HSW_NEW, "A", NULL },
	{ "{\"reactionMessage\":{\"text\":\"+\",\"key\":{\"id\":\"T\"}}}", "reaction", NULL,
		HSW_REACTION, "A", "T" },
	{ "{\"pollUpdateMessage\":{}}", "poll_vote", NULL, HSW_VOTE, "A", NULL },
	{ "{\"protocolMessage\":{\"type\":0,\"key\":{\"id\":\"T\"}}}", "message_revoke", NULL,
		HSW_REVOKE, "T", NULL },
	{ "{\"protocolMessage\":{\"type\":\"revoke\",\"key\":{\"id\":\"T\"}}}", "message_revoke",
		NULL, HSW_REVOKE, "T", NULL },
	{ "{\"protocolMessage\":{\"type\":0}}", "system", NULL, HSW_NEW, "A", NULL },
	{ "{\"protocolMessage\":{\"type\":14,\"key\":{\"id\":\"T\"},\"editedMessage\":{"
	  "\"conversation\":\"n\"}}}",
		"message_edit", "n", HSW_EDIT, "A", "T" },
	{ "{\"editedMessage\":{\"message\":{\"conversation\":\"n\"}}}", "message_edit", "n",
		HSW_EDIT, "A", "A" },
};

static void
check_text(struct hsw_str found, const char *expected)
{
	ck_assert((found.s == NULL) == (expected == NULL));
	if (expected == NULL)
		return;
	ck_assert_uint_eq(found.len, strlen(expected));
	ck_assert_int_eq(memcmp(found.s, expected, found.len), 0);
}

START_TEST(content_says_what_the_message_is_to_others)
{
	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		struct json_object *nodes = json_tokener_parse(contents[i].nodes);
		struct hsw_content content = canon_content(nodes);
		struct hsw_message m = { .id = str("A") };
		canon_content_fill(&content, &m);
		ck_assert_str_eq(m.type, contents[i].type);
		ck_assert_int_eq(m.change, contents[i].change);
		check_text(m.content, contents[i].text);
		check_text(m.id, contents[i].id);
		check_text(m.target_id, contents[i].target);
		json_object_put(nodes);
	}
}
END_TEST

START_TEST(addresses_of_whatsapp_are_told_from_others)
{
	ck_assert(canon_url_is_encrypted(str("https://mmg.whatsapp.net/v/t62/1.enc?x=1")));
	ck_assert(canon_url_is_encrypted(str("https://media.fgru1-1.fna.whatsapp.net/x")));
	ck_assert(canon_url_is_encrypted(str("https://x/y.enc")));
	ck_assert(!canon_url_is_encrypted(str("https://x/y.jpeg?of=z.enc")));
	ck_assert(!canon_url_is_encrypted(str("")));
	ck_assert(!canon_url_is_encrypted((struct hsw_str){ NULL, 0 }));
}
END_TEST

UNIT_MAIN("canon_content", keys_of_go_become_those_of_javascript,
	keys_are_respelt_at_every_depth_and_values_never, a_key_that_is_too_long_stays_as_it_is,
	content_says_what_the_message_is_to_others, addresses_of_whatsapp_are_told_from_others)
