/* SPDX-License-Identifier: Apache-2.0 */
/* change.c - what becomes of a message: receipts, its end, reactions, edits, votes. */
#include "eazewa.h"

#include <string.h>

/* ---- message_ack ---- */

#define ACK_MAX 4

/* MessageAck of whatsapp-web.js from -1 on, by number or name. Baileys' numbers are other ones. */
static const struct word acks[] = { { "ACK_ERROR", "server_error" }, { "ACK_PENDING", "" },
	{ "ACK_SERVER", "sent" }, { "ACK_DEVICE", "delivered" }, { "ACK_READ", "read" },
	{ "ACK_PLAYED", "played" }, { NULL, NULL } };

/* There are several errors below -1; all are one to us. A message that came in was read by ourselves. */
static const char *
status_of(struct json_object *ack, bool is_own)
{
	static const struct word by_us[] = { { "read", "read_self" }, { "played", "played_self" },
		{ NULL, NULL } };
	const char *status = word_find(acks, cj_text(ack)), *self = NULL;
	int64_t n;

	if (status == NULL && cj_number_of(ack, &n) && n <= ACK_MAX)
		status = n < 0 ? acks[0].to : acks[n + 1].to;
	if (status != NULL && !is_own)
		self = word_find(by_us, (struct hsw_str){ status, strlen(status) });
	return self != NULL ? self : status;
}

/* The message's timestamp is its own; when the receipt came is not told. */
int
eazewa_ack(struct translation *t, struct json_object *data)
{
	struct json_object *ack = cj_get(data, "ack");
	struct view v;

	view_open(t, view_inner(data, "message"), &v);
	struct hsw_status s = {
		.status = status_of(ack != NULL ? ack : view_get(&v, "ack"), v.is_own),
		.ids = &v.key.id,
		.n_ids = 1,
		.chat = v.chat,
	};
	if (s.status == NULL || s.status[0] == '\0' || v.key.id.len == 0 ||
		canon_party_id(&s.chat)[0] == '\0')
		return eazewa_ignore(t);
	if (s.chat.type > HSW_JID_LID)
		s.message_sender = v.author;
	else if (v.is_own)
		s.recipient = s.chat;
	canon_status(t->canon, &s);
	return eazewa_emit(t);
}

/* ---- revocations ---- */

static void
write_everyone(struct hsw_canon *c, const void *arg)
{
	(void)arg;
	canon_text(c, "scope", "everyone");
}

static void
write_me(struct hsw_canon *c, const void *arg)
{
	(void)arg;
	canon_text(c, "scope", "me");
}

/* An admin may revoke what another wrote. */
static void
read_revoker(struct translation *t, const struct view *v, struct hsw_message *m)
{
	struct hsw_party who = { .type = HSW_JID_NONE };

	eazewa_add_person(t->canon, &who, view_get(v, "revokeSender"));
	if (canon_party_id(&who)[0] == '\0' || eazewa_is_same(&who, &m->sender) == HSW_YES)
		return;
	enum hsw_tri is_own = eazewa_is_same(&who, &v->own);
	if (is_own != HSW_UNKNOWN)
		m->is_outgoing = is_own == HSW_YES;
	m->sender = who;
}

/* What is left behind may have an id of its own; the message's is in protocolMessageKey then. */
static struct hsw_str
revoked_id(struct translation *t, const struct view *v, struct json_object *before)
{
	struct hsw_str id = eazewa_key(t->canon, view_get(v, "protocolMessageKey")).id;

	if (id.len == 0)
		id = eazewa_key(t->canon, cj_get(before, "id")).id;
	return id.len > 0 ? id : v->key.id;
}

int
eazewa_revoke_everyone(struct translation *t, struct json_object *data)
{
	struct json_object *after = cj_object(data, "after"), *before = cj_object(data, "before");
	struct view v;

	if (after == NULL)
		after = before != NULL ? before : view_inner(data, "message");
	view_open(t, after, &v);
	struct hsw_message m = message_of(&v);
	m.id = revoked_id(t, &v, before);
	m.change = HSW_REVOKE;
	m.type = "message_revoke";
	m.time_ms = cj_time(view_holder(&v, "revokeTimestamp"), "revokeTimestamp");
	m.extras = (struct hsw_fill){ write_everyone, NULL };
	read_revoker(t, &v, &m);
	return message_emit(t, &m, NULL);
}

int
eazewa_revoke_me(struct translation *t, struct json_object *data)
{
	struct view v;

	view_open(t, view_inner(data, "message"), &v);
	struct hsw_message m = message_of(&v);
	m.change = HSW_REVOKE;
	m.type = "message_revoke";
	m.extras = (struct hsw_fill){ write_me, NULL };
	return message_emit(t, &m, "me");
}

/* ---- reactions ---- */

/* Vendors write its members in snake case. */
static struct json_object *
either(struct json_object *o, const char *name, const char *other)
{
	struct json_object *value = cj_get(o, name);

	return value != NULL ? value : cj_get(o, other);
}

/* A private chat is the other one, be it known by its phone or its LID. */
static void
read_reactor(struct translation *t, struct json_object *reaction, const struct key *key,
	struct hsw_message *m)
{
	eazewa_add_person(t->canon, &m->sender, either(reaction, "senderId", "sender_id"));
	if (m->chat.type > HSW_JID_LID) {
		if (key->participant.len > 0)
			canon_party_add(&m->sender, key->participant);
	} else if (!m->is_outgoing) {
		eazewa_add_person(t->canon, &m->chat, either(reaction, "senderId", "sender_id"));
		m->sender = m->chat;
	}
}

int
eazewa_reaction(struct translation *t, struct json_object *data)
{
	struct json_object *reaction = view_inner(data, "reaction");
	struct key key = eazewa_key(t->canon, cj_get(reaction, "id"));
	struct key target = eazewa_key(t->canon, either(reaction, "msgId", "msg_id"));
	struct hsw_message m = { .id = key.id,
		.change = HSW_REACTION,
		.type = "reaction",
		.is_outgoing = key.is_own == HSW_YES,
		.time_ms = cj_time(reaction, "timestamp"),
		.reaction = cj_string(reaction, "reaction"),
		.target_id = target.id,
		.is_target_own = target.is_own == HSW_YES };

	canon_party_add(&m.chat, key.remote.len > 0 ? key.remote : target.remote);
	read_reactor(t, reaction, &key, &m);
	return target.id.len > 0 ? message_emit(t, &m, NULL) : eazewa_ignore(t);
}

/* ---- edits ---- */

int
eazewa_edit(struct translation *t, struct json_object *data)
{
	struct view v;

	view_open(t, view_inner(data, "message"), &v);
	struct json_object *holder = view_holder(&v, "latestEditSenderTimestampMs");
	struct hsw_message m = message_of(&v);
	m.change = HSW_EDIT;
	m.type = "message_edit";
	m.target_id = m.id;
	m.time_ms = cj_time(holder, "latestEditSenderTimestampMs");
	m.edit_id = cj_literal(holder, "latestEditSenderTimestampMs"); /* the id is the message's */
	m.content = cj_string(data, "newBody");
	if (m.content.s == NULL)
		m.content = view_string(&v, "body");
	return message_emit(t, &m, NULL);
}

/* ---- votes ---- */

struct vote {
	struct hsw_str poll_id;
	struct json_object *chosen; /* [{id, name}] */
};

static void
write_vote(struct hsw_canon *c, const void *arg)
{
	const struct vote *vote = arg;

	canon_open_object(c, "poll");
	canon_string(c, "message_id", vote->poll_id);
	canon_open_array(c, "options");
	for (size_t i = 0; i < cj_length(vote->chosen); i++)
		canon_option(c, cj_string(cj_at(vote->chosen, i), "name"));
	canon_close_array(c);
	canon_close_object(c);
}

/* A vote has no id of its own: who chose what, and when, makes it one. */
int
eazewa_vote(struct translation *t, struct json_object *data)
{
	struct json_object *o = view_inner(data, "vote"), *poll = cj_object(o, "parentMessage");
	struct vote vote = { .chosen = cj_array(o, "selectedOptions") };
	const char *text = json_object_to_json_string_ext(vote.chosen, JSON_C_TO_STRING_PLAIN);
	struct hsw_party voter = { .type = HSW_JID_NONE };
	struct view v;

	view_open(t, poll, &v);
	if (poll == NULL) {
		v.key = eazewa_key(t->canon, cj_get(o, "parentMsgKey"));
		canon_party_add(&v.chat, v.key.remote);
	}
	eazewa_add_person(t->canon, &voter, cj_get(o, "voter"));
	vote.poll_id = v.key.id;
	struct hsw_message m = message_of(&v);
	m.change = HSW_VOTE;
	m.type = "poll_vote";
	m.time_ms = cj_time(o, "interractedAtTs"); /* so it is written there */
	m.sender = voter;
	m.is_outgoing = eazewa_is_same(&voter, &v.own) == HSW_YES;
	m.details = (struct hsw_fill){ write_vote, &vote };
	if (text == NULL)
		return HSW_ENOMEM;
	m.vote = (struct hsw_str){ text, strlen(text) };
	return message_emit(t, &m, canon_party_id(&voter));
}
