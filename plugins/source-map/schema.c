/* SPDX-License-Identifier: Apache-2.0 */
/* schema.c - see schema.h. */
#include "schema.h"

#include <stdio.h>
#include <string.h>

#include <hookswitch/canon_json.h>

#define WORDS(...)                \
	(const char *const[])     \
	{                         \
		__VA_ARGS__, NULL \
	}

static const struct schema_field message_fields[] = {
	{ "id", KIND_TEXT, true, NULL },
	{ "direction", KIND_WORD, true, WORDS("incoming", "outgoing") },
	{ "timestamp", KIND_TIME, false, NULL },
	{ "chat.jid", KIND_JID, true, NULL },
	{ "chat.lid", KIND_JID, false, NULL },
	{ "chat.name", KIND_TEXT, false, NULL },
	{ "chat.isCommunity", KIND_FLAG, false, NULL },
	{ "sender.jid", KIND_JID, false, NULL },
	{ "sender.lid", KIND_JID, false, NULL },
	{ "sender.name", KIND_TEXT, false, NULL },
	{ "mentions.mentionedUsers", KIND_LIST, false, NULL },
	{ "reply.message_id", KIND_TEXT, false, NULL },
	{ "reply.text", KIND_TEXT, false, NULL },
	{ "reply.sender", KIND_JID, false, NULL },
	{ "message.type", KIND_WORD, true,
		WORDS("text", "image", "video", "audio", "document", "sticker", "ptv", "location",
			"live_location", "contact", "contacts", "poll", "poll_vote", "reaction",
			"buttons_response", "list_response", "template_button_reply", "interactive",
			"order", "product", "event", "group_invite", "message_edit",
			"message_revoke", "system", "unknown") },
	{ "message.content", KIND_TEXT, false, NULL },
	{ "message.source", KIND_WORD, false, WORDS("", "api") },
	{ "message.isForwarded", KIND_FLAG, false, NULL },
	{ "message.media.type", KIND_WORD, false,
		WORDS("image", "video", "audio", "document", "sticker", "ptt", "ptv") },
	{ "message.media.mimetype", KIND_TEXT, false, NULL },
	{ "message.media.url", KIND_TEXT, false, NULL },
	{ "message.media.s3Url", KIND_TEXT, false, NULL },
	{ "message.media.base64", KIND_TEXT, false, NULL },
	{ "message.media.fileName", KIND_TEXT, false, NULL },
	{ "message.media.caption", KIND_TEXT, false, NULL },
	{ "message.media.size", KIND_NUMBER, false, NULL },
	{ "message.media.sha256", KIND_TEXT, false, NULL },
	{ "message.media.seconds", KIND_NUMBER, false, NULL },
	{ "message.media.width", KIND_NUMBER, false, NULL },
	{ "message.media.height", KIND_NUMBER, false, NULL },
	{ "message.media.isVoiceNote", KIND_FLAG, false, NULL },
	{ "message.media.isAnimated", KIND_FLAG, false, NULL },
	{ "message.media.encrypted.url", KIND_TEXT, false, NULL },
	{ "message.media.encrypted.sha256", KIND_TEXT, false, NULL },
	{ "message.media.encrypted.mediaKey", KIND_TEXT, false, NULL },
	{ "message.reaction.text", KIND_TEXT, false, NULL },
	{ "message.reaction.message_id", KIND_TEXT, false, NULL },
	{ "message.reaction.fromMe", KIND_FLAG, false, NULL },
	{ "message.edit.original_id", KIND_TEXT, false, NULL },
	{ "message.edit.text", KIND_TEXT, false, NULL },
	{ "message.context", KIND_OBJECT, false, NULL },
	{ "message.location.latitude", KIND_NUMBER, false, NULL },
	{ "message.location.longitude", KIND_NUMBER, false, NULL },
	{ "message.location.name", KIND_TEXT, false, NULL },
	{ "message.location.address", KIND_TEXT, false, NULL },
	{ "message.contact", KIND_OBJECT, false, NULL },
	{ "message.contacts", KIND_LIST, false, NULL },
	{ "message.poll.message_id", KIND_TEXT, false, NULL },
	{ "message.poll.title", KIND_TEXT, false, NULL },
	{ "message.poll.options", KIND_LIST, false, NULL },
	{ "message.poll.selectable", KIND_NUMBER, false, NULL },
	{ "message.interactive", KIND_OBJECT, false, NULL },
	{ "message.order", KIND_OBJECT, false, NULL },
	{ "message.product", KIND_OBJECT, false, NULL },
	{ "message.event", KIND_OBJECT, false, NULL },
	{ "message.groupInvite", KIND_OBJECT, false, NULL },
	{ "history", KIND_FLAG, false, NULL },
	{ NULL, KIND_ANY, false, NULL },
};

static const struct schema_field status_fields[] = {
	{ "status", KIND_WORD, true,
		WORDS("sent", "delivered", "read", "played", "sender", "read_self", "played_self",
			"retry", "inactive", "server_error") },
	{ "messageIds", KIND_LIST, true, NULL },
	{ "chat.jid", KIND_JID, false, NULL },
	{ "chat.lid", KIND_JID, false, NULL },
	{ "chat.name", KIND_TEXT, false, NULL },
	{ "recipient", KIND_JID, false, NULL },
	{ "messageSender", KIND_JID, false, NULL },
	{ "timestamp", KIND_TIME, false, NULL },
	{ "error.code", KIND_NUMBER, false, NULL },
	{ "error.text", KIND_TEXT, false, NULL },
	{ NULL, KIND_ANY, false, NULL },
};

static const struct schema_field call_fields[] = {
	{ "type", KIND_WORD, true,
		WORDS("offer", "accepted", "rejected", "terminated", "notification", "latency") },
	{ "callId", KIND_TEXT, true, NULL },
	{ "from.jid", KIND_JID, true, NULL },
	{ "from.lid", KIND_JID, false, NULL },
	{ "from.name", KIND_TEXT, false, NULL },
	{ "to", KIND_JID, false, NULL },
	{ "timestamp", KIND_TIME, false, NULL },
	{ "isVideo", KIND_FLAG, false, NULL },
	{ "isGroup", KIND_FLAG, false, NULL },
	{ "groupJid", KIND_JID, false, NULL },
	{ "reason", KIND_TEXT, false, NULL },
	{ "platform", KIND_TEXT, false, NULL },
	{ NULL, KIND_ANY, false, NULL },
};

static const struct schema_field group_fields[] = {
	{ "type", KIND_WORD, true,
		WORDS("created", "joined", "left", "promoted", "demoted", "name", "topic",
			"picture", "announce", "locked", "ephemeral", "membership_approval", "link",
			"join_request", "delete", "info") },
	{ "groupJid", KIND_JID, true, NULL },
	{ "groupName", KIND_TEXT, false, NULL },
	{ "timestamp", KIND_TIME, false, NULL },
	{ "author.jid", KIND_JID, false, NULL },
	{ "author.lid", KIND_JID, false, NULL },
	{ "author.name", KIND_TEXT, false, NULL },
	{ "participants", KIND_LIST, false, NULL },
	{ "value", KIND_ANY, false, NULL },
	{ "reason", KIND_TEXT, false, NULL },
	{ NULL, KIND_ANY, false, NULL },
};

static const struct schema_field state_fields[] = {
	{ "state", KIND_WORD, true,
		WORDS("connected", "connecting", "disconnected", "logged_out", "stream_replaced",
			"temp_banned", "client_outdated", "connect_failure", "stream_error",
			"cat_refresh_error", "qr_ready", "pair_success", "pair_error",
			"qr_scanned_no_multidevice", "keepalive_timeout", "keepalive_restored",
			"manual_reconnect", "unknown") },
	{ "timestamp", KIND_TIME, false, NULL },
	{ "instance", KIND_TEXT, false, NULL },
	{ "jid", KIND_JID, false, NULL },
	{ "codes", KIND_LIST, false, NULL },
	{ "pairingCode", KIND_TEXT, false, NULL },
	{ "reason", KIND_TEXT, false, NULL },
	{ "status", KIND_NUMBER, false, NULL },
	{ "progress", KIND_NUMBER, false, NULL },
	{ NULL, KIND_ANY, false, NULL },
};

static const struct schema_field label_fields[] = {
	{ "type", KIND_WORD, true, WORDS("edit", "chat", "message") },
	{ "labelId", KIND_TEXT, true, NULL },
	{ "action", KIND_WORD, true, WORDS("updated", "deleted", "add", "remove") },
	{ "name", KIND_TEXT, false, NULL },
	{ "color", KIND_TEXT, false, NULL },
	{ "deleted", KIND_FLAG, false, NULL },
	{ "chatJid", KIND_JID, false, NULL },
	{ "messageId", KIND_TEXT, false, NULL },
	{ "labeled", KIND_FLAG, false, NULL },
	{ "timestamp", KIND_TIME, false, NULL },
	{ NULL, KIND_ANY, false, NULL },
};

static const struct schema_event events[] = {
	{ "message.exchange", message_fields },
	{ "message.status", status_fields },
	{ "call.update", call_fields },
	{ "group.flow", group_fields },
	{ "instance.state", state_fields },
	{ "label.update", label_fields },
};

const struct schema_event *
schema_find(const char *type)
{
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (strcmp(events[i].type, type) == 0)
			return &events[i];
	}
	return NULL;
}

const struct schema_field *
schema_field(const struct schema_event *event, const char *path)
{
	if (strncmp(path, "data.", 5) != 0)
		return NULL;
	for (const struct schema_field *f = event->fields; f->path != NULL; f++) {
		if (strcmp(f->path, path + 5) == 0)
			return f;
	}
	return NULL;
}

bool
schema_has_group(const struct schema_event *event, const char *path)
{
	size_t n = strlen(path);

	if (strncmp(path, "data.", 5) != 0)
		return false;
	for (const struct schema_field *f = event->fields; f->path != NULL; f++) {
		if (strncmp(f->path, path + 5, n - 5) == 0 && f->path[n - 5] == '.')
			return true;
	}
	return false;
}

/* ---- values ---- */

static bool
expected(struct hsw_error *err, const char *what, struct json_object *value)
{
	snprintf(err->text, sizeof(err->text), "expected %s, found %s", what,
		json_type_to_name(json_object_get_type(value)));
	return false;
}

static bool
is_literal(struct json_object *value)
{
	return json_object_is_type(value, json_type_string) ||
		json_object_is_type(value, json_type_int) ||
		json_object_is_type(value, json_type_double);
}

static bool
word_is_good(const struct schema_field *f, struct json_object *value, struct hsw_error *err)
{
	const char *word = json_object_get_string(value);
	size_t n = 0;

	if (!json_object_is_type(value, json_type_string))
		return expected(err, "a word", value);
	for (const char *const *w = f->words; *w != NULL; w++) {
		if (strcmp(*w, word) == 0)
			return true;
	}
	n = (size_t)snprintf(
		err->text, sizeof(err->text), "found \"%.40s\", expected one of", word);
	for (const char *const *w = f->words; *w != NULL && n + 40 < sizeof(err->text); w++)
		n += (size_t)snprintf(err->text + n, sizeof(err->text) - n, "%s %s",
			w == f->words ? "" : ",", **w != '\0' ? *w : "\"\"");
	return false;
}

/* What is a string and reads as nothing is left out, see schema.h. */
static bool
number_is_good(struct json_object *value, struct hsw_error *err)
{
	int64_t n;

	return is_literal(value) || cj_number_of(value, &n) || expected(err, "a number", value);
}

static bool
flag_is_good(struct json_object *value, struct hsw_error *err)
{
	const char *text = json_object_get_string(value);

	return json_object_is_type(value, json_type_boolean) ||
		json_object_is_type(value, json_type_int) || strcmp(text, "true") == 0 ||
		strcmp(text, "false") == 0 || expected(err, "true or false", value);
}

static bool
jid_is_good(const struct schema_field *f, struct json_object *value, struct hsw_error *err)
{
	char jid[HSW_JID_MAX];
	const char *text = json_object_get_string(value);

	if (!is_literal(value))
		return expected(err, "an identifier", value);
	if (!f->is_required ||
		canon_jid((struct hsw_str){ text, strlen(text) }, jid) != HSW_JID_NONE)
		return true;
	snprintf(err->text, sizeof(err->text), "\"%.40s\" is neither a jid nor a phone number",
		text);
	return false;
}

bool
schema_value_is_good(const struct schema_field *f, struct json_object *value, struct hsw_error *err)
{
	bool is_object = json_object_is_type(value, json_type_object);

	switch (f->kind) {
	case KIND_TEXT:
		return is_literal(value) || expected(err, "a string", value);
	case KIND_WORD:
		return word_is_good(f, value, err);
	case KIND_TIME:
		return is_literal(value) || is_object || expected(err, "a time", value);
	case KIND_JID:
		return jid_is_good(f, value, err);
	case KIND_NUMBER:
		return number_is_good(value, err);
	case KIND_FLAG:
		return flag_is_good(value, err);
	case KIND_OBJECT:
		return is_object || expected(err, "an object", value);
	case KIND_LIST:
	case KIND_ANY:
		return true;
	}
	return true;
}
