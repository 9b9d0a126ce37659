/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - message.exchange: what was written, edited, deleted, reacted to or voted. */
#include "waha.h"

#include <string.h>

/* ---- who ---- */

/* The chat stands in the id; from and to are the chat only by direction, and some engines turn them around. */
static void
read_chat(struct json_object *payload, const struct waha_id *id, struct hsw_message *m)
{
	frame_party(&m->chat, id->chat);
	if (m->chat.type > HSW_JID_LID)
		return;
	waha_party(&m->chat, cj_get(payload, m->is_outgoing ? "to" : "from"));
}

static void
read_author(const struct translation *t, struct json_object *payload, const struct waha_id *id,
	struct hsw_message *m)
{
	if (m->is_outgoing) {
		m->sender = t->own;
		return;
	}
	if (m->chat.type <= HSW_JID_LID)
		return;
	waha_party(&m->sender, cj_get(payload, "participant"));
	waha_party(&m->sender, cj_get(payload, "author"));
	frame_party(&m->sender, id->participant);
}

void
waha_parties(const struct translation *t, const struct waha_engine *e, struct json_object *payload,
	struct hsw_message *m)
{
	struct waha_id id = waha_id(cj_get(payload, "id"));

	m->id = id.id;
	m->time_ms = cj_time(payload, "timestamp");
	if (m->time_ms == 0)
		m->time_ms = t->time_ms;
	m->is_outgoing = id.is_own != HSW_UNKNOWN ? id.is_own == HSW_YES
						  : cj_bool(payload, "fromMe");
	read_chat(payload, &id, m);
	read_author(t, payload, &id, m);
	waha_engine_parties(e, m);
	bool is_private = m->chat.type <= HSW_JID_LID;
	if (!m->is_outgoing && is_private)
		m->sender = m->chat;
	if (m->is_outgoing)
		return;
	m->sender.name = e->name;
	if (is_private)
		m->chat.name = e->name;
}

/* ---- messages ---- */

static void
write_mentions(struct hsw_canon *c, const void *list)
{
	struct json_object *ids = (struct json_object *)list;

	for (size_t i = 0; i < cj_length(ids); i++) {
		struct hsw_str id = cj_text(cj_at(ids, i));
		canon_mention(c, id.s != NULL ? id : cj_string(cj_at(ids, i), "_serialized"));
	}
}

static struct json_object *
find_mentions(struct json_object *payload, struct json_object *data)
{
	struct json_object *list = cj_array(payload, "mentionedIds");

	return list != NULL ? list : cj_array(data, "mentionedJidList");
}

/* What the nodes do not tell, or are not there to. */
static void
read_context(const struct waha_engine *e, struct json_object *payload, struct hsw_message *m)
{
	struct json_object *reply = cj_object(payload, "replyTo");
	struct json_object *mentioned = find_mentions(payload, e->data);

	canon_context(cj_object(e->content.value, "contextInfo"), m);
	if (e->is_forwarded == HSW_YES)
		m->is_forwarded = true;
	if (m->mentions.write == NULL && cj_length(mentioned) > 0)
		m->mentions = (struct hsw_fill){ write_mentions, mentioned };
	struct waha_id id = waha_id(cj_get(reply, "id"));
	if (m->reply_id.len == 0)
		m->reply_id = id.id;
	if (m->reply_text.len == 0)
		m->reply_text = cj_string(reply, "body");
	waha_party(&m->reply_sender, cj_get(reply, "participant"));
	frame_party(&m->reply_sender, id.participant);
}

/* Nothing can be told of it: it could not be decrypted, and may come yet. */
static bool
is_empty(const struct hsw_message *m)
{
	return m->change == HSW_NEW && strcmp(m->type, "unknown") == 0 && m->content.len == 0;
}

/* A vote in here is still encrypted; poll.vote says what was voted for. */
int
waha_message(struct translation *t, struct json_object *payload)
{
	struct hsw_message m = { .is_api = word_is(cj_string(payload, "source"), "api") };
	struct waha_engine e;
	int rc;

	waha_engine_open(&e, payload);
	waha_parties(t, &e, payload, &m);
	m.edit_id = m.id;
	waha_shape(t->canon, &e, payload, &m);
	read_context(&e, payload, &m);
	if (is_empty(&m))
		m.change = HSW_STUB;
	if (m.change == HSW_VOTE)
		rc = frame_ignore(t);
	else
		rc = frame_emit_message(t, &m);
	waha_engine_close(&e);
	return rc;
}

/* The message itself may still come, and is another event. */
int
waha_waiting(struct translation *t, struct json_object *payload)
{
	struct hsw_message m = { .change = HSW_STUB, .type = "unknown" };
	struct waha_engine e;

	waha_engine_open(&e, payload);
	waha_parties(t, &e, payload, &m);
	int rc = frame_emit_message(t, &m);
	waha_engine_close(&e);
	return rc;
}

/* ---- changes ---- */

/*
 * Whether a reaction is to our message. GOWS has the id of that as the one who reacted has it: what is theirs begins
 * with true_, and in a group the participant tells who wrote the others.
 */
static bool
is_target_own(
	const struct translation *t, const struct waha_id *target, const struct hsw_message *m)
{
	struct hsw_party author = { .type = HSW_JID_NONE };

	if (m->is_outgoing || !word_is(cj_string(t->body, "engine"), "GOWS"))
		return target->is_own == HSW_YES;
	frame_party(&author, target->participant);
	bool is_private = m->chat.type <= HSW_JID_LID;
	return target->is_own == HSW_NO && (is_private || frame_is_same(&author, &t->own));
}

int
waha_reaction(struct translation *t, struct json_object *payload)
{
	struct json_object *reaction = cj_object(payload, "reaction");
	struct waha_id target = waha_id(cj_get(reaction, "messageId"));
	struct hsw_message m = { .change = HSW_REACTION,
		.type = "reaction",
		.reaction = cj_string(reaction, "text"),
		.target_id = target.id,
		.is_api = word_is(cj_string(payload, "source"), "api") };
	struct waha_engine e;

	if (target.id.len == 0)
		return frame_ignore(t);
	waha_engine_open(&e, payload);
	waha_parties(t, &e, payload, &m);
	m.is_target_own = is_target_own(t, &target, &m);
	int rc = frame_emit_message(t, &m);
	waha_engine_close(&e);
	return rc;
}

/* WEBJS has only the edited message itself, but when that was. */
int
waha_edited(struct translation *t, struct json_object *payload)
{
	struct hsw_message m = { .change = HSW_EDIT,
		.type = "message_edit",
		.content = cj_string(payload, "body"),
		.target_id = waha_bare_id(payload, "editedMessageId"),
		.is_api = word_is(cj_string(payload, "source"), "api") };
	struct waha_engine e;

	waha_engine_open(&e, payload);
	waha_parties(t, &e, payload, &m);
	m.edit_id = m.id;
	if (m.target_id.len == 0) {
		m.target_id = m.id;
		m.edit_id = cj_literal(e.data, "latestEditSenderTimestampMs");
	}
	int rc = frame_emit_message(t, &m);
	waha_engine_close(&e);
	return rc;
}

/* after: the revocation, before: what was revoked, if it was known. */
int
waha_revoked(struct translation *t, struct json_object *payload)
{
	struct json_object *after = cj_object(payload, "after"),
			   *before = cj_object(payload, "before");
	struct json_object *one = after != NULL ? after : before;
	struct hsw_message m = { .change = HSW_REVOKE, .type = "message_revoke" };
	struct hsw_str id = waha_bare_id(payload, "revokedMessageId");
	struct waha_engine e;

	waha_engine_open(&e, one);
	waha_parties(t, &e, one, &m);
	if (id.len == 0)
		id = waha_bare_id(before, "id");
	if (id.len > 0)
		m.id = id;
	int rc = frame_emit_message(t, &m);
	waha_engine_close(&e);
	return rc;
}

/* ---- votes ---- */

static void
write_vote(struct hsw_canon *c, const void *payload)
{
	struct json_object *o = (struct json_object *)payload;
	struct json_object *chosen = cj_array(cj_object(o, "vote"), "selectedOptions");

	canon_open_object(c, "poll");
	canon_string(c, "message_id", waha_bare_id(cj_object(o, "poll"), "id"));
	if (chosen != NULL) {
		canon_open_array(c, "options");
		for (size_t i = 0; i < cj_length(chosen); i++)
			canon_option(c, cj_text(cj_at(chosen, i)));
		canon_close_array(c);
	}
	canon_close_object(c);
}

/* In a group, from is who voted. */
int
waha_vote(struct translation *t, struct json_object *payload)
{
	struct json_object *vote = cj_object(payload, "vote");
	struct hsw_message m = {
		.change = HSW_VOTE, .type = "poll_vote", .details = { write_vote, payload }
	};
	struct waha_engine e;

	waha_engine_open(&e, vote);
	waha_parties(t, &e, vote, &m);
	if (m.chat.type > HSW_JID_LID && !m.is_outgoing)
		waha_party(&m.sender, cj_get(vote, "from"));
	if (m.sender.type > HSW_JID_LID)
		m.sender = (struct hsw_party){ .type = HSW_JID_NONE };
	int rc = frame_emit_message(t, &m);
	waha_engine_close(&e);
	return rc;
}
