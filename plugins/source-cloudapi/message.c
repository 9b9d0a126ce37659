/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - message.exchange: what users write, what the business wrote elsewhere, and what both wrote before. */
#include "cloudapi.h"

#include <string.h>

/* ---- who and where ---- */

static void
read_chat(const struct translation *t, struct json_object *o, struct hsw_message *m)
{
	struct hsw_str group = cj_literal(o, "group_id");

	if (group.len > 0) {
		cloudapi_group(&m->chat, group);
	} else if (m->is_outgoing) {
		cloudapi_party(&m->chat, o, "to", "to_user_id");
		cloudapi_known(t, &m->chat);
	} else {
		m->chat = m->sender;
	}
}

/* A number that was asked for comes without `from`: it is from the only contact that the change has. */
static void
read_author(const struct translation *t, struct json_object *o, struct hsw_party *author)
{
	bool is_told = cj_get(o, "from") != NULL || cj_get(o, "from_user_id") != NULL;

	cloudapi_party(author, o, "from", "from_user_id");
	if (!is_told && cj_length(t->contacts) == 1)
		cloudapi_party(author, cj_at(t->contacts, 0), "wa_id", "user_id");
	cloudapi_known(t, author);
}

static void
read_parties(const struct translation *t, struct json_object *o, struct hsw_message *m)
{
	if (m->is_outgoing) {
		cloudapi_party(&m->sender, o, "from", "from_user_id");
		if (canon_party_key(&m->sender)[0] == '\0')
			m->sender = t->own;
	} else {
		read_author(t, o, &m->sender);
	}
	read_chat(t, o, m);
}

/* ---- what became of another message ---- */

/* A user's reaction comes only for what the business sent; whose message the business reacts to is not told. */
static void
read_reaction(struct json_object *reaction, struct hsw_message *m)
{
	m->change = HSW_REACTION;
	m->target_id = cj_string(reaction, "message_id");
	m->reaction = cj_string(reaction, "emoji");
	m->is_target_own = !m->is_outgoing;
}

/* Fills edited, the message as it is now, whose content must outlive the event. */
static void
read_edit(const struct translation *t, struct json_object *edit, struct content *edited,
	struct hsw_message *m)
{
	struct hsw_message now = { .is_outgoing = m->is_outgoing };

	*edited = content_find(cj_object(edit, "message"));
	content_read(t->canon, edited, &now);
	context_read(t, edited, &now);
	m->change = HSW_EDIT;
	m->target_id = cj_string(edit, "original_message_id");
	m->edit_id = m->id;
	m->content = now.content;
	m->media = now.media;
	m->details = now.details;
	m->context = now.context;
	m->is_forwarded |= now.is_forwarded;
	if (m->reply_id.len == 0) {
		m->reply_id = now.reply_id;
		m->reply_sender = now.reply_sender;
	}
}

static void
read_revoke(struct json_object *revoke, struct hsw_message *m)
{
	m->change = HSW_REVOKE;
	m->id = cj_string(revoke, "original_message_id");
}

/* ---- all of it ---- */

static int
emit_message(struct translation *t, struct json_object *o, struct hsw_message *m)
{
	struct content content = content_find(o), edited = { .kind = NULL };

	m->id = cj_string(o, "id");
	m->time_ms = cj_time(o, "timestamp");
	content_read(t->canon, &content, m);
	context_read(t, &content, m);
	if (content_is(&content, "reaction"))
		read_reaction(content.value, m);
	else if (content_is(&content, "edit"))
		read_edit(t, content.value, &edited, m);
	else if (content_is(&content, "revoke"))
		read_revoke(content.value, m);
	bool has_target = (m->change != HSW_REACTION && m->change != HSW_EDIT) ||
		m->target_id.len > 0;
	if (m->id.len == 0 || !has_target || canon_party_key(&m->chat)[0] == '\0')
		return cloudapi_ignore(t);
	canon_message(t->canon, m);
	return cloudapi_emit(t);
}

/* What comes for the history later: the media of its messages. */
int
cloudapi_message(struct translation *t, struct json_object *o)
{
	struct hsw_message m = { .is_history = word_is(t->event, "history") };

	if (m.is_history && !t->keeps_history)
		return cloudapi_ignore(t);
	read_parties(t, o, &m);
	return emit_message(t, o, &m);
}

int
cloudapi_echo(struct translation *t, struct json_object *o)
{
	struct hsw_message m = { .is_outgoing = true };

	read_parties(t, o, &m);
	return emit_message(t, o, &m);
}

/* ---- history: [{metadata, threads: [{id, messages}]}] ---- */

static bool
is_outgoing(const struct translation *t, struct json_object *o, const struct hsw_party *thread)
{
	enum hsw_tri from_me = cj_tri(cj_object(o, "history_context"), "from_me");
	struct hsw_party from = { .type = HSW_JID_NONE };

	cloudapi_party(&from, o, "from", "from_user_id");
	if (from_me != HSW_UNKNOWN || canon_party_key(&from)[0] == '\0')
		return from_me == HSW_YES;
	if (t->own.jid[0] != '\0')
		return strcmp(from.jid, t->own.jid) == 0;
	return strcmp(canon_party_key(&from), canon_party_key(thread)) != 0;
}

/* A placeholder stands for media that comes later, with the same id. */
static int
old_message(struct translation *t, struct json_object *o, const struct hsw_party *thread)
{
	struct hsw_message m = { .is_history = true, .is_outgoing = is_outgoing(t, o, thread) };

	if (word_is(cj_string(o, "type"), "media_placeholder"))
		m.change = HSW_STUB;
	read_parties(t, o, &m);
	if (cj_literal(o, "group_id").len == 0)
		m.chat = *thread;
	return emit_message(t, o, &m);
}

static int
old_thread(struct translation *t, struct json_object *thread)
{
	struct json_object *messages = cj_array(thread, "messages");
	struct hsw_party chat = { .type = HSW_JID_NONE };
	int rc = HSW_OK;

	cloudapi_party(&chat, thread, "id", "user_id");
	cloudapi_party(&chat, cj_object(thread, "context"), "wa_id", "user_id");
	cloudapi_known(t, &chat);
	for (size_t i = 0; i < cj_length(messages) && rc == HSW_OK; i++)
		rc = old_message(t, cj_at(messages, i), &chat);
	return rc;
}

int
cloudapi_history(struct translation *t, struct json_object *o)
{
	struct json_object *threads = cj_array(o, "threads");
	int rc = HSW_OK;

	if (!t->keeps_history || cj_length(threads) == 0)
		return cloudapi_ignore(t);
	for (size_t i = 0; i < cj_length(threads) && rc == HSW_OK; i++)
		rc = old_thread(t, cj_at(threads, i));
	return rc;
}
