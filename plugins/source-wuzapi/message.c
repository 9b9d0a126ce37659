/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.c - message.exchange: {Info, Message, IsEdit, ...}. Message is unwrapped already. Info.Edit tells what it
 * is to another: "1" and "3" an edit, "2" a pin, "7" a revocation, "8" one by an admin.
 */
#include "wuzapi.h"

#include <string.h>

/* ---- who ---- */

static void
read_parties(struct json_object *info, struct hsw_message *m)
{
	struct hsw_party sender = { .type = HSW_JID_NONE };

	m->id = cj_string(info, "ID");
	m->time_ms = wuzapi_time(info);
	m->is_outgoing = m->is_outgoing || cj_bool(info, "IsFromMe");
	wuzapi_party(&m->chat, info, "Chat");
	wuzapi_party(&sender, info, "Sender");
	wuzapi_party(&sender, info, "SenderAlt");
	bool is_private = m->chat.type <= HSW_JID_LID;
	if (is_private && m->is_outgoing)
		wuzapi_party(&m->chat, info, "RecipientAlt");
	m->sender = sender;
	if (m->is_outgoing)
		return;
	m->sender.name = cj_string(info, "PushName");
	if (!is_private)
		return;
	if (canon_party_id(&sender)[0] == '\0')
		m->sender = m->chat;
	frame_party(&m->chat, (struct hsw_str){ sender.jid, strlen(sender.jid) });
	frame_party(&m->chat, (struct hsw_str){ sender.lid, strlen(sender.lid) });
	m->sender.name = m->chat.name = cj_string(info, "PushName");
}

/* ---- what ---- */

/*
 * The key of what was reacted to is as the one who reacted has it: in a chat of two, what is not theirs is ours. In a
 * group only our own number would tell, which is not known.
 */
static void
read_target(struct hsw_message *m)
{
	if (m->change == HSW_REACTION && !m->is_outgoing)
		m->is_target_own = m->chat.type <= HSW_JID_LID && !m->is_target_own;
}

/* What it says is encrypted, but not what it edits; 2 is MESSAGE_EDIT. */
static bool
is_encrypted_edit(struct json_object *nodes, struct hsw_str edit, struct hsw_message *m)
{
	struct json_object *secret = cj_object(nodes, "secretEncryptedMessage");
	struct json_object *type = cj_get(secret, "secretEncType");
	struct hsw_str target = cj_string(cj_object(secret, "targetMessageKey"), "id");
	int64_t n;
	bool is_edit = word_is(edit, "1") || word_is(cj_text(type), "MESSAGE_EDIT") ||
		(cj_number_of(type, &n) && n == 2);

	if (target.len == 0 || !is_edit)
		return false;
	m->change = HSW_EDIT;
	m->type = "message_edit";
	m->target_id = target;
	return true;
}

/* What the nodes alone do not tell. */
static void
read_edit(struct json_object *event, struct json_object *nodes, struct hsw_message *m)
{
	struct hsw_str edit = cj_literal(cj_object(event, "Info"), "Edit");
	struct hsw_str target = cj_string(
		cj_object(cj_object(nodes, "protocolMessage"), "key"), "id");

	if (m->change != HSW_NEW || is_encrypted_edit(nodes, edit, m))
		return;
	if ((word_is(edit, "7") || word_is(edit, "8")) && target.len > 0) {
		m->change = HSW_REVOKE;
		m->type = "message_revoke";
		m->id = target;
	} else if (word_is(edit, "2")) {
		m->type = "system";
	} else if (m->content.s != NULL &&
		(cj_bool(event, "IsEdit") || word_is(edit, "1") || word_is(edit, "3"))) {
		m->change = HSW_EDIT;
		m->type = "message_edit";
		m->target_id = m->id;
	}
}

/* wuzapi puts what it decrypted beside the event: base64, mimeType, s3{url}. fileName there is a temporary one. */
static void
read_media(struct translation *t, const struct hsw_content *content, struct json_object *event,
	struct hsw_media *m)
{
	canon_media(t->canon, content, event, m);
	if (m->type == NULL)
		return;
	if (m->base64.s == NULL)
		m->base64 = cj_bytes(t->canon, t->body, "base64");
	if (m->mimetype.len == 0)
		m->mimetype = cj_string(t->body, "mimeType");
	if (m->s3_url.len == 0)
		m->s3_url = cj_string(cj_object(t->body, "s3"), "url");
	if (m->url.len == 0)
		m->url = cj_string(t->body, "mediaUrl");
}

/* Without content it is only told of: it may come yet. */
static int
translate(struct translation *t, struct json_object *event, bool is_api)
{
	struct json_object *nodes = canon_camel(cj_object(event, "Message"));
	struct hsw_content content = canon_content(nodes);
	struct hsw_message m = { .is_api = is_api, .is_outgoing = is_api };

	read_parties(cj_object(event, "Info"), &m);
	m.edit_id = m.id;
	canon_content_fill(&content, &m);
	read_target(&m);
	read_edit(event, nodes, &m);
	read_media(t, &content, event, &m.media);
	canon_context(cj_object(content.value, "contextInfo"), &m);
	if (content.node == NULL && content.value == NULL && m.change == HSW_NEW)
		m.change = HSW_STUB;
	int rc = frame_emit_message(t, &m);
	json_object_put(nodes);
	return rc;
}

int
wuzapi_message(struct translation *t, struct json_object *event)
{
	return translate(t, event, false);
}

int
wuzapi_sent_message(struct translation *t, struct json_object *event)
{
	return translate(t, event, true);
}

int
wuzapi_undecryptable(struct translation *t, struct json_object *event)
{
	struct hsw_message m = { .change = HSW_STUB, .type = "unknown" };

	read_parties(cj_object(event, "Info"), &m);
	return frame_emit_message(t, &m);
}
