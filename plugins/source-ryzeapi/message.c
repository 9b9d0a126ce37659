/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.c - message.exchange. RyzeAPI really sends {id, direction, timestamp, chat, sender, message: {type, content:
 * "..."}}; its catalog has all of that in `message`, and content is {text}.
 */
#include "ryzeapi.h"

#include <string.h>

/* Where the members lie that tell who wrote it is where one of them is; the two are never mixed. */
static struct content
content_of(struct json_object *data)
{
	struct json_object *message = cj_object(data, "message");
	struct content content = { .message = message != NULL ? message : data, .data = data };
	bool is_catalog = cj_get(data, "direction") == NULL && cj_get(data, "chat") == NULL;

	content.route = is_catalog ? content.message : data;
	return content;
}

/* ---- who and where ---- */

static void
read_parties(const struct content *content, struct hsw_message *m)
{
	struct json_object *route = content->route, *chat = cj_get(route, as(route, "chat"));

	m->is_outgoing = ryzeapi_is(cj_string(route, as(route, "direction")), "outgoing");
	ryzeapi_chat(&m->chat, chat);
	if (canon_party_id(&m->chat)[0] == '\0' && m->is_outgoing)
		ryzeapi_party(&m->chat, cj_get(route, as(route, "recipient")));
	ryzeapi_party(&m->sender, cj_get(route, as(route, "sender")));
	m->is_community = cj_bool(chat, as(chat, "isCommunity"));
}

static void
write_mentions(struct hsw_canon *c, const void *list)
{
	struct json_object *jids = (struct json_object *)list;

	for (size_t i = 0; i < cj_length(jids); i++) {
		struct hsw_party p = { .type = HSW_JID_NONE };
		ryzeapi_party(&p, cj_at(jids, i));
		canon_mention(
			c, (struct hsw_str){ canon_party_id(&p), strlen(canon_party_id(&p)) });
	}
}

static void
read_references(const struct content *content, struct hsw_message *m)
{
	struct json_object *mentions = content_get(content, "mentions");
	struct json_object *reply = content_get(content, "reply");

	if (json_object_is_type(mentions, json_type_object))
		mentions = cj_get(mentions, as(mentions, "mentionedUsers"));
	if (json_object_is_type(mentions, json_type_array))
		m->mentions = (struct hsw_fill){ write_mentions, mentions };
	m->reply_id = cj_string(reply, as(reply, "message_id"));
	m->reply_text = cj_string(reply, as(reply, "text"));
	ryzeapi_party(&m->reply_sender, cj_get(reply, as(reply, "sender")));
}

/* ---- what it says ---- */

static struct hsw_str
text_of(const struct content *content)
{
	struct json_object *o = content_get(content, "content");
	struct hsw_str text = cj_text(o);

	return text.s != NULL ? text : cj_string(o, as(o, "text"));
}

static void
read_reaction(struct json_object *reaction, struct hsw_message *m)
{
	m->change = HSW_REACTION;
	m->type = "reaction";
	m->reaction = cj_string(reaction, as(reaction, "text"));
	if (m->reaction.s == NULL)
		m->reaction = cj_string(reaction, as(reaction, "emoji"));
	m->target_id = cj_string(reaction, as(reaction, "message_id"));
	m->is_target_own = cj_bool(reaction, as(reaction, "fromMe"));
}

static void
read_edit(struct json_object *edit, struct hsw_message *m)
{
	struct hsw_str text = cj_string(edit, as(edit, "text"));

	m->change = HSW_EDIT;
	m->type = "message_edit";
	m->target_id = cj_string(edit, as(edit, "original_id"));
	if (text.s != NULL)
		m->content = text;
}

static void
read_change(const struct content *content, struct hsw_message *m)
{
	struct json_object *message = content->message;
	struct json_object *reaction = content_get(content, "reaction");
	struct json_object *edit = content_get(content, "edit");
	bool is_reaction = json_object_is_type(reaction, json_type_object) &&
		json_object_object_length(reaction) > 0;
	bool is_edit = (json_object_is_type(edit, json_type_object) &&
			       json_object_object_length(edit) > 0) ||
		cj_bool(message, as(message, "isEdit")) || strcmp(m->type, "message_edit") == 0;

	if (strcmp(m->type, "message_revoke") == 0)
		m->change = HSW_REVOKE;
	else if (is_reaction)
		read_reaction(reaction, m);
	else if (is_edit)
		read_edit(edit, m);
	else if (strcmp(m->type, "poll_vote") == 0)
		m->change = HSW_VOTE;
}

static void
read_content(struct hsw_canon *c, const struct content *content, struct hsw_message *m)
{
	struct json_object *message = content->message;
	struct json_object *context = cj_object(message, as(message, "context"));

	content_media(c, content, &m->media);
	m->type = content_type(content, &m->media);
	m->content = text_of(content);
	if (m->content.len == 0)
		m->content = m->media.caption;
	m->is_api = ryzeapi_is(cj_string(message, as(message, "source")), "api");
	m->is_forwarded = cj_bool(message, as(message, "isForwarded"));
	if (context != NULL)
		m->context = (struct hsw_fill){ ryzeapi_copy, context };
	m->details = (struct hsw_fill){ content_details, content };
	read_change(content, m);
}

/* An edit has an id of its own; else the id may be the message's, and when it was edited tells it from others. */
static struct hsw_str
edit_id(const struct hsw_message *m, struct json_object *route)
{
	bool is_own = m->target_id.len > 0 &&
		(m->id.len != m->target_id.len || memcmp(m->id.s, m->target_id.s, m->id.len) != 0);

	return is_own ? m->id : cj_literal(route, as(route, "timestamp"));
}

int
ryzeapi_message(struct translation *t, struct json_object *data)
{
	struct content content = content_of(data);
	struct json_object *route = content.route;
	struct hsw_message m = { .id = cj_string(route, as(route, "id")),
		.time_ms = cj_time(route, as(route, "timestamp")),
		.is_history = cj_bool(data, as(data, "history")) };

	if (m.id.len == 0)
		m.id = cj_string(data, as(data, "id"));
	read_parties(&content, &m);
	read_references(&content, &m);
	read_content(t->canon, &content, &m);
	m.edit_id = edit_id(&m, route);
	if (m.id.len == 0 || canon_party_id(&m.chat)[0] == '\0')
		return ryzeapi_ignore(t);
	canon_message(t->canon, &m);
	return ryzeapi_emit(t);
}
