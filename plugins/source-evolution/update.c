/* SPDX-License-Identifier: Apache-2.0 */
/* update.c - messages.update: receipts, and what becomes of a message: votes, edits. */
#include "evolution.h"

#include <string.h>

struct update {
	struct json_object *key, *data;
	struct hsw_str id;
	bool is_own;
};

/* ---- receipts ---- */

/*
 * Baileys' WebMessageInfo.Status by its numbers, then the Cloud channel's; PENDING is no receipt. DELETED is not here:
 * Evolution writes it for every change without a status, such as an edit, but never for a deletion.
 */
static const struct word statuses[] = { { "ERROR", "server_error" }, { "PENDING", "" },
	{ "SERVER_ACK", "sent" }, { "DELIVERY_ACK", "delivered" }, { "READ", "read" },
	{ "PLAYED", "played" }, { "SENT", "sent" }, { "DELIVERED", "delivered" },
	{ "FAILED", "server_error" }, { NULL, NULL } };

#define LAST_NUMBER 5

/* A message that came in was read or played by ourselves. */
static const char *
status_of(struct json_object *value, bool is_own)
{
	static const struct word by_us[] = { { "read", "read_self" }, { "played", "played_self" },
		{ NULL, NULL } };
	const char *status = word_find(statuses, cj_text(value)), *self = NULL;
	int64_t n;

	if (status == NULL && cj_number_of(value, &n) && n >= 0 && n <= LAST_NUMBER)
		status = statuses[n].to;
	if (status != NULL && !is_own)
		self = word_find(by_us, (struct hsw_str){ status, strlen(status) });
	return self != NULL ? self : status;
}

/* In a group, participant is who got our message, or who wrote the one that we read. */
static int
emit_status(struct translation *t, const struct update *u, const char *status)
{
	struct hsw_status s = {
		.status = status, .ids = &u->id, .n_ids = 1, .time_ms = cj_time(u->data, "datetime")
	};
	struct hsw_party participant = { .type = HSW_JID_NONE };

	evolution_chat(u->key, u->data, &s.chat);
	evolution_participant(&participant, u->key);
	if (s.chat.type > HSW_JID_LID) {
		s.recipient = u->is_own ? participant : s.recipient;
		s.message_sender = u->is_own ? t->own : participant;
	} else if (u->is_own) {
		s.recipient = s.chat;
	}
	bool is_known = status != NULL && status[0] != '\0' && u->id.len > 0 &&
		canon_party_id(&s.chat)[0] != '\0';
	if (!is_known)
		return evolution_ignore(t);
	canon_status(t->canon, &s);
	return evolution_emit(t);
}

/* ---- votes ---- */

/* updates: [{name, voters: [jid or "me"]}] */
struct vote {
	struct hsw_str poll_id;
	struct json_object *updates;
};

static void
write_vote(struct hsw_canon *c, const void *arg)
{
	const struct vote *vote = arg;

	canon_open_object(c, "poll");
	canon_string(c, "message_id", vote->poll_id);
	canon_open_array(c, "options");
	for (size_t i = 0; i < cj_length(vote->updates); i++) {
		struct json_object *update = cj_at(vote->updates, i);
		if (cj_length(cj_array(update, "voters")) > 0)
			canon_option(c, cj_string(update, "name"));
	}
	canon_close_array(c);
	canon_close_object(c);
}

/* The only one who voted; NULL: nobody, as a vote that was taken back names none, or several. */
static struct json_object *
only_voter(struct json_object *updates)
{
	struct json_object *voter = NULL;

	for (size_t i = 0; i < cj_length(updates); i++) {
		struct json_object *voters = cj_array(cj_at(updates, i), "voters");
		for (size_t k = 0; k < cj_length(voters); k++) {
			if (voter != NULL && !json_object_equal(voter, cj_at(voters, k)))
				return NULL;
			voter = cj_at(voters, k);
		}
	}
	return voter;
}

/* The key does not tell who voted, but whose the poll is. */
static void
read_voter(const struct translation *t, struct json_object *updates, struct hsw_message *m)
{
	struct json_object *voter = only_voter(updates);

	evolution_party(&m->sender, voter);
	m->is_outgoing = word_is(cj_text(voter), "me") ||
		(m->sender.jid[0] != '\0' && strcmp(m->sender.jid, t->own.jid) == 0);
	if (m->is_outgoing)
		m->sender = t->own;
}

static int
emit_vote(struct translation *t, const struct update *u, struct json_object *updates)
{
	struct vote vote = { u->id, updates };
	const char *text = json_object_to_json_string_ext(updates, JSON_C_TO_STRING_PLAIN);
	struct hsw_message m = { .id = u->id,
		.change = HSW_VOTE,
		.type = "poll_vote",
		.time_ms = cj_time(u->data, "datetime"),
		.details = { write_vote, &vote } };

	if (text == NULL)
		return HSW_ENOMEM;
	m.vote = (struct hsw_str){ text, strlen(text) };
	evolution_chat(u->key, u->data, &m.chat);
	read_voter(t, updates, &m);
	return message_emit(t, &m);
}

/* ---- edits ---- */

static int
emit_edit(struct translation *t, const struct update *u, struct hsw_str text)
{
	struct hsw_message m = { .id = u->id,
		.change = HSW_EDIT,
		.type = "message_edit",
		.time_ms = cj_time(u->data, "datetime"),
		.target_id = u->id,
		.content = text };

	message_parties(t, u->key, u->data, &m);
	return message_emit(t, &m);
}

/* The new text, which comes with a status that says nothing; s = NULL: it is no edit. */
static struct hsw_str
edited_text(struct json_object *data, struct json_object *changed)
{
	struct json_object *places[] = { data, changed };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct hsw_content content = canon_content(cj_object(places[i], "message"));
		if (content.is_edited && content.text.s != NULL)
			return content.text;
	}
	return (struct hsw_str){ NULL, 0 };
}

/* Forks nest the key, and what changed in `update`. */
int
evolution_update(struct translation *t, struct json_object *data)
{
	struct json_object *key = cj_object(data, "key") != NULL ? cj_object(data, "key") : data;
	struct json_object *changed = cj_object(data, "update");
	struct json_object *votes = cj_array(data, "pollUpdates");
	struct json_object *status = cj_get(data, "status");
	struct update u = { key, data, cj_string(data, "keyId"), cj_bool(key, "fromMe") };

	if (u.id.len == 0)
		u.id = cj_string(key, "id");
	if (cj_length(votes) > 0)
		return emit_vote(t, &u, votes);
	struct hsw_str text = edited_text(data, changed);
	if (text.s != NULL)
		return emit_edit(t, &u, text);
	if (status == NULL)
		status = cj_get(changed, "status");
	if (status == NULL && changed == NULL)
		return emit_edit(t, &u, text); /* v1 tells no more than that there was one */
	return emit_status(t, &u, status_of(status, u.is_own));
}
