/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - message.exchange: what was written, edited, deleted, reacted to or voted. */
#include "evolution.h"

#include <string.h>

int
message_emit(struct translation *t, const struct hsw_message *m)
{
	if (m->id.len == 0 || canon_party_id(&m->chat)[0] == '\0')
		return evolution_ignore(t);
	canon_message(t->canon, m);
	return evolution_emit(t);
}

/* "Você" (you) is what Evolution calls ourselves where it knows no name. */
static void
read_names(struct json_object *data, struct hsw_message *m)
{
	struct hsw_str name = cj_string(data, "pushName");

	if (m->is_outgoing && word_is(name, "Voc\xc3\xaa"))
		return;
	m->sender.name = name;
	if (!m->is_outgoing && m->chat.type <= HSW_JID_LID)
		m->chat.name = name;
}

void
message_parties(const struct translation *t, struct json_object *key, struct json_object *data,
	struct hsw_message *m)
{
	m->is_outgoing = cj_bool(key, "fromMe");
	evolution_chat(key, data, &m->chat);
	evolution_author(t, key, data, &m->chat, &m->sender);
	read_names(data, m);
}

static void
read_content(struct translation *t, const struct hsw_content *content, struct json_object *data,
	struct hsw_message *m)
{
	canon_content_fill(content, m);
	canon_media(t->canon, content, data, &m->media);
}

/* A notice of WhatsApp's, or a message that could not be decrypted (2, CIPHERTEXT): it may come yet. */
static void
read_stub(struct json_object *data, struct hsw_message *m)
{
	struct json_object *stub = cj_get(data, "messageStubType");

	m->change = HSW_STUB;
	if (stub != NULL && cj_count(data, "messageStubType") != 2 &&
		!word_is(cj_text(stub), "CIPHERTEXT"))
		m->type = "system";
}

/* v2 has it beside the message, v1 in the content. */
static struct json_object *
find_context(const struct hsw_content *content, struct json_object *data)
{
	struct json_object *context = cj_object(data, "contextInfo");

	if (context == NULL || json_object_object_length(context) == 0)
		context = cj_object(content->value, "contextInfo");
	return context;
}

static int
translate(struct translation *t, struct json_object *data, bool is_api, bool is_history)
{
	struct json_object *key = cj_object(data, "key"), *message = cj_object(data, "message");
	struct hsw_content content = canon_content(message);
	struct hsw_message m = { .id = cj_string(key, "id"),
		.time_ms = cj_time(data, "messageTimestamp"),
		.is_api = is_api,
		.is_history = is_history };

	message_parties(t, key, data, &m);
	if (is_api && !m.is_outgoing) {
		m.is_outgoing = true;
		m.sender = t->own;
	}
	read_content(t, &content, data, &m);
	canon_context(find_context(&content, data), &m);
	if (content.node == NULL && content.value == NULL)
		read_stub(data, &m);
	return message_emit(t, &m);
}

int
evolution_message(struct translation *t, struct json_object *data)
{
	return translate(t, data, false, false);
}

int
evolution_sent_message(struct translation *t, struct json_object *data)
{
	return translate(t, data, true, false);
}

int
evolution_history(struct translation *t, struct json_object *data)
{
	return t->keeps_history ? translate(t, data, false, true) : evolution_ignore(t);
}

/* A LID is ours where an earlier event told that it belongs to our number. */
static bool
is_own(const struct translation *t, const struct hsw_party *p)
{
	char phone[HSW_JID_MAX];

	return strcmp(canon_party_shown(t->canon, p, phone), canon_party_id(&t->own)) == 0;
}

/*
 * Who changed the message: its key is as that one has it, and fromMe is true of whoever changes an own message. A
 * chat of two has our own number there where the other side did it: false, as nothing tells who that is. (A
 * chat with ourselves looks the same.) In a group there may be the participant.
 */
static bool
find_editor(const struct translation *t, struct json_object *key, struct hsw_message *m)
{
	struct hsw_party editor = { .type = HSW_JID_NONE };

	if (canon_party_id(&t->own)[0] == '\0')
		return true;
	if (m->chat.type <= HSW_JID_LID)
		return !is_own(t, &m->chat);
	evolution_participant(&editor, key);
	if (canon_party_id(&editor)[0] != '\0' && !is_own(t, &editor)) {
		m->is_outgoing = false;
		m->sender = editor;
	}
	return true;
}

static int
translate_edit(struct translation *t, struct json_object *data, bool is_api)
{
	struct json_object *key = cj_object(data, "key");
	struct hsw_message m = { .id = cj_string(key, "id"),
		.time_ms = cj_time(data, "timestampMs"),
		.is_api = is_api };

	message_parties(t, key, data, &m);
	canon_protocol(data, &m);
	bool is_known = m.change != HSW_NEW && (is_api || find_editor(t, key, &m));
	return is_known ? message_emit(t, &m) : evolution_ignore(t);
}

int
evolution_edited(struct translation *t, struct json_object *data)
{
	return translate_edit(t, data, false);
}

int
evolution_sent_edit(struct translation *t, struct json_object *data)
{
	return translate_edit(t, data, true);
}

/* The key itself, or the database's row with the key in it. Its messageTimestamp is the message's own: when it was
 * deleted is not told. */
int
evolution_deleted(struct translation *t, struct json_object *data)
{
	struct json_object *key = cj_object(data, "key") != NULL ? cj_object(data, "key") : data;
	struct hsw_message m = { .id = cj_string(key, "id"),
		.change = HSW_REVOKE,
		.type = "message_revoke",
		.time_ms = cj_time(data, "datetime") };

	message_parties(t, key, data, &m);
	return message_emit(t, &m);
}
