/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - message.exchange: what was written, edited, deleted or reacted to. */
#include "gowa.h"

#include <string.h>

/* ---- who ---- */

/* Older versions do not say is_from_me, but who wrote it. */
static bool
is_own(const struct translation *t, struct json_object *payload, const struct hsw_party *from)
{
	enum hsw_tri told = cj_tri(payload, "is_from_me");

	return told != HSW_UNKNOWN ? told == HSW_YES : frame_is_same(from, &t->own);
}

static struct hsw_str
read_name(struct json_object *payload)
{
	struct hsw_str name = cj_string(payload, "from_name");

	return name.len > 0 ? name : cj_string(payload, "sender_display_name");
}

static void
read_parties(const struct translation *t, struct json_object *payload, struct hsw_message *m)
{
	struct hsw_party from = { .type = HSW_JID_NONE };

	gowa_party(&from, payload, "from", "from_lid");
	gowa_party(&m->chat, payload, "chat_id", "chat_lid");
	m->time_ms = gowa_time(t, payload);
	m->is_outgoing = is_own(t, payload, &from);
	if (m->is_outgoing) {
		m->sender = canon_party_id(&t->own)[0] != '\0' ? t->own : from;
		return;
	}
	m->sender = from;
	m->sender.name = read_name(payload);
	if (!frame_is_same(&m->sender, &m->chat))
		return;
	frame_party(&m->chat, (struct hsw_str){ m->sender.lid, strlen(m->sender.lid) });
	m->chat.name = m->sender.name;
}

/* ---- messages ---- */

/* What is only told of (view once), or could not be fetched, may come yet. */
int
gowa_message(struct translation *t, struct json_object *payload)
{
	struct hsw_message m = { .id = cj_string(payload, "id"),
		.is_forwarded = cj_bool(payload, "forwarded"),
		.reply_id = cj_string(payload, "replied_to_id"),
		.reply_text = cj_string(payload, "quoted_body") };
	struct gowa_content content;

	read_parties(t, payload, &m);
	gowa_content_open(&content, t, payload, &m);
	bool is_empty = strcmp(m.type, "unknown") == 0 && m.content.len == 0;
	if (is_empty && m.change == HSW_NEW)
		m.change = HSW_STUB;
	int rc = frame_emit_message(t, &m);
	gowa_content_close(&content);
	return rc;
}

int
gowa_reaction(struct translation *t, struct json_object *payload)
{
	struct hsw_message m = { .id = cj_string(payload, "id"),
		.change = HSW_REACTION,
		.type = "reaction",
		.reaction = cj_string(payload, "reaction"),
		.target_id = cj_string(payload, "reacted_message_id") };

	if (m.target_id.len == 0)
		return frame_ignore(t);
	read_parties(t, payload, &m);
	return frame_emit_message(t, &m);
}

int
gowa_edited(struct translation *t, struct json_object *payload)
{
	struct hsw_message m = { .id = cj_string(payload, "id"),
		.change = HSW_EDIT,
		.type = "message_edit",
		.content = cj_string(payload, "body"),
		.target_id = cj_string(payload, "original_message_id"),
		.edit_id = cj_string(payload, "id") };

	if (m.target_id.len == 0)
		return frame_ignore(t);
	read_parties(t, payload, &m);
	return frame_emit_message(t, &m);
}

static void
write_scope(struct hsw_canon *c, const void *scope)
{
	canon_text(c, "scope", scope);
}

int
gowa_revoked(struct translation *t, struct json_object *payload)
{
	struct hsw_message m = { .id = cj_string(payload, "revoked_message_id"),
		.change = HSW_REVOKE,
		.type = "message_revoke",
		.extras = { write_scope, "everyone" } };

	read_parties(t, payload, &m);
	frame_party(&m.chat, cj_string(payload, "revoked_chat"));
	return frame_emit_message(t, &m);
}

/* Only we do not see it any more; `from` wrote it. It may be revoked for everyone yet, which is another event. */
int
gowa_deleted(struct translation *t, struct json_object *payload)
{
	struct hsw_message m = { .id = cj_string(payload, "deleted_message_id"),
		.change = HSW_REVOKE,
		.type = "message_revoke",
		.extras = { write_scope, "me" } };
	enum hsw_tri told = cj_tri(payload, "was_from_me");

	read_parties(t, payload, &m);
	if (told == HSW_YES && !m.is_outgoing)
		m.sender = t->own;
	if (told != HSW_UNKNOWN)
		m.is_outgoing = told == HSW_YES;
	if (m.id.len == 0 || canon_party_id(&m.chat)[0] == '\0')
		return frame_ignore(t);
	canon_message(t->canon, &m);
	canon_identity_text(t->canon, "me");
	return frame_emit(t);
}

/* ---- newsletters ---- */

/* That there is a message, without what it says. */
static int
emit_stub(struct translation *t, struct json_object *payload, struct json_object *one)
{
	static const struct word types[] = { { "text", "text" }, { "image", "image" },
		{ "video", "video" }, { "audio", "audio" }, { "document", "document" },
		{ "sticker", "sticker" }, { "poll", "poll" }, { NULL, NULL } };
	struct hsw_message m = { .id = cj_string(one, "message_id"),
		.change = HSW_STUB,
		.type = word_find(types, cj_string(one, "type")),
		.time_ms = cj_time(one, "timestamp") };

	if (m.type == NULL)
		m.type = "unknown";
	if (m.time_ms == 0)
		m.time_ms = t->time_ms;
	frame_party(&m.chat, cj_string(payload, "newsletter_id"));
	return frame_emit_message(t, &m);
}

int
gowa_newsletter(struct translation *t, struct json_object *payload)
{
	struct json_object *list = cj_array(payload, "messages");
	int rc = HSW_OK;

	if (cj_length(list) == 0)
		return frame_ignore(t);
	for (size_t i = 0; i < cj_length(list) && rc == HSW_OK; i++)
		rc = emit_stub(t, payload, cj_at(list, i));
	return rc;
}
