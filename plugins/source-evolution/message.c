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

	if (m->is_outgoing && evolution_is(name, "Voc\xc3\xaa"))
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

/* protocolMessage.type, as a number or a name (proto.Message.ProtocolMessage.Type). */
static bool
has_type(struct json_object *protocol, int64_t number, const char *name)
{
	struct json_object *type = cj_get(protocol, "type");
	int64_t n;

	return evolution_is(cj_text(type), name) || (cj_number_of(type, &n) && n == number);
}

/* What a protocolMessage does to another message; some do nothing to any. */
static void
read_protocol(struct json_object *protocol, struct hsw_message *m)
{
	struct hsw_str target = cj_string(cj_object(protocol, "key"), "id");

	if (target.len > 0 && has_type(protocol, 0, "REVOKE")) {
		m->change = HSW_REVOKE;
		m->type = "message_revoke";
		m->id = target;
	} else if (target.len > 0 && cj_object(protocol, "editedMessage") != NULL) {
		m->change = HSW_EDIT;
		m->type = "message_edit";
		m->target_id = target;
		m->content = canon_content(cj_object(protocol, "editedMessage")).text;
		if (m->content.s == NULL)
			m->content = (struct hsw_str){ "", 0 };
	}
}

static void
read_reaction(struct json_object *reaction, struct hsw_message *m)
{
	struct json_object *target = cj_object(reaction, "key");

	m->change = HSW_REACTION;
	m->reaction = cj_string(reaction, "text");
	m->target_id = cj_string(target, "id");
	m->is_target_own = cj_bool(target, "fromMe");
}

/* An edit that came without a protocolMessage has the id of the message that was edited. */
static void
read_edited(struct hsw_message *m)
{
	m->change = HSW_EDIT;
	m->type = "message_edit";
	m->target_id = m->id;
}

static void
read_content(struct translation *t, const struct hsw_content *content, struct json_object *data,
	struct hsw_message *m)
{
	m->type = content->node != NULL ? content->node->type : "unknown";
	m->content = content->text;
	canon_media(t->canon, content, data, &m->media);
	if (content->node != NULL && content->node->details != NULL)
		m->details = (struct hsw_fill){ content->node->details, content };
	if (canon_content_is(content, "reaction"))
		read_reaction(content->value, m);
	else if (canon_content_is(content, "poll_vote"))
		m->change = HSW_VOTE;
	else if (canon_content_is(content, "system"))
		read_protocol(content->value, m);
	else if (content->is_edited)
		read_edited(m);
}

/* A notice of WhatsApp's, or a message that could not be decrypted (2, CIPHERTEXT): it may come yet. */
static void
read_stub(struct json_object *data, struct hsw_message *m)
{
	struct json_object *stub = cj_get(data, "messageStubType");

	m->change = HSW_STUB;
	if (stub != NULL && cj_count(data, "messageStubType") != 2 &&
		!evolution_is(cj_text(stub), "CIPHERTEXT"))
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

static int
translate_edit(struct translation *t, struct json_object *data, bool is_api)
{
	struct json_object *key = cj_object(data, "key");
	struct hsw_message m = { .id = cj_string(key, "id"),
		.time_ms = cj_time(data, "timestampMs"),
		.is_api = is_api };

	message_parties(t, key, data, &m);
	read_protocol(data, &m);
	return m.change != HSW_NEW ? message_emit(t, &m) : evolution_ignore(t);
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

int
message_revoke(
	struct translation *t, struct json_object *key, struct json_object *data, struct hsw_str id)
{
	struct hsw_message m = { .id = id,
		.change = HSW_REVOKE,
		.type = "message_revoke",
		.time_ms = cj_time(data, "datetime") };

	message_parties(t, key, data, &m);
	return message_emit(t, &m);
}

/* The key itself, or the database's row with the key in it. */
int
evolution_deleted(struct translation *t, struct json_object *data)
{
	struct json_object *key = cj_object(data, "key") != NULL ? cj_object(data, "key") : data;

	return message_revoke(t, key, data, cj_string(key, "id"));
}
