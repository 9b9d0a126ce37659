/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - message.exchange: what was written, edited, deleted, reacted to or voted. */
#include "evolution.h"

#include <string.h>

/* What makes a message's event more than a new message. */
struct change {
	const char *kind;    /* of the natural key: "new", "edit", "revoke", "reaction", "vote" */
	const char *type;    /* of the message, where it is not its content's */
	struct hsw_str id;   /* of the message that is meant; s = NULL: its own */
	struct hsw_str text; /* of an edit */
	bool is_edit;
};

static bool
is_word(struct hsw_str s, const char *word)
{
	return s.s != NULL && s.len == strlen(word) && memcmp(s.s, word, s.len) == 0;
}

/* protocolMessage.type, as a number or a name: 0 REVOKE, 14 MESSAGE_EDIT (proto.Message.ProtocolMessage). */
static bool
has_protocol_type(struct json_object *protocol, int64_t number, const char *name)
{
	int64_t n;

	if (cj_number(protocol, "type", &n))
		return n == number;
	return is_word(cj_string(protocol, "type"), name);
}

static struct hsw_str
edited_text(struct json_object *protocol)
{
	struct content c = content_find(cj_object(protocol, "editedMessage"));

	return c.text.s != NULL ? c.text : (struct hsw_str){ "", 0 };
}

static struct change
find_change(const struct content *content)
{
	struct change change = { .kind = "new", .type = content->type };
	struct json_object *protocol = content->node;

	if (strcmp(content->type, "reaction") == 0)
		change.kind = "reaction";
	if (strcmp(content->type, "poll_vote") == 0)
		change.kind = "vote";
	if (content->node_name == NULL || strcmp(content->node_name, "protocolMessage") != 0)
		return change;
	change.id = cj_string(cj_object(protocol, "key"), "id");
	if (change.id.s != NULL && cj_object(protocol, "editedMessage") != NULL &&
		has_protocol_type(protocol, 14, "MESSAGE_EDIT")) {
		change.kind = "edit";
		change.type = "message_edit";
		change.is_edit = true;
		change.text = edited_text(protocol);
	} else if (change.id.s != NULL &&
		(cj_get(protocol, "type") == NULL || has_protocol_type(protocol, 0, "REVOKE"))) {
		change.kind = "revoke";
		change.type = "message_revoke";
	}
	return change;
}

/* ---- who and where ---- */

struct parties {
	struct hsw_party chat, sender;
	bool from_me;
};

/* In a private chat who writes is the chat; elsewhere `participant`. */
static void
find_parties(struct translation *t, struct json_object *key, struct json_object *data, bool from_me,
	struct parties *p)
{
	*p = (struct parties){ .from_me = from_me };
	evolution_chat(key, data, &p->chat);
	if (from_me)
		canon_party_add(&p->sender, t->own);
	else if (p->chat.type == HSW_JID_PHONE || p->chat.type == HSW_JID_LID)
		p->sender = p->chat;
	else
		evolution_author(key, data, &p->sender);
}

static void
write_parties(struct translation *t, const struct parties *p, struct json_object *data)
{
	struct hsw_canon *c = t->canon;
	struct hsw_party chat = p->chat, sender = p->sender;
	struct hsw_str push_name = cj_string(data, "pushName");
	bool from_me = p->from_me;

	sender.name = push_name;
	if (!from_me && (chat.type == HSW_JID_PHONE || chat.type == HSW_JID_LID))
		chat.name = push_name;
	canon_open_object(c, "chat");
	canon_party_members(c, &chat);
	canon_text(c, "type", canon_chat_type(chat.type));
	canon_close_object(c);
	canon_party(c, "sender", &sender);
	if (from_me) {
		chat.name = (struct hsw_str){ NULL, 0 };
		canon_party(c, "recipient", &chat);
	} else {
		canon_null(c, "recipient");
	}
}

/* v2 has it beside the message, v1 within the content's node. */
static struct json_object *
context_of(const struct content *content, struct json_object *data)
{
	struct json_object *context = cj_object(content->node, "contextInfo");
	return context != NULL ? context : cj_object(data, "contextInfo");
}

static void
write_mentions(struct hsw_canon *c, struct json_object *context)
{
	struct json_object *list = cj_array(context, "mentionedJid");
	size_t n = list != NULL ? json_object_array_length(list) : 0;
	char jid[HSW_JID_MAX];

	if (n == 0)
		return;
	canon_open_object(c, "mentions");
	canon_open_array(c, "mentionedUsers");
	for (size_t i = 0; i < n; i++) {
		if (canon_jid(cj_text(json_object_array_get_idx(list, i)), jid) != HSW_JID_NONE)
			canon_text(c, NULL, jid);
	}
	canon_close_array(c);
	canon_close_object(c);
}

static void
write_reply(struct hsw_canon *c, struct json_object *context)
{
	struct hsw_str id = cj_string(context, "stanzaId");
	struct hsw_party author = { .name = { NULL, 0 } };

	if (id.s == NULL || id.len == 0)
		return;
	struct content quoted = content_find(cj_object(context, "quotedMessage"));
	canon_party_add(&author, cj_string(context, "participant"));
	canon_open_object(c, "reply");
	canon_string(c, "message_id", id);
	canon_string(c, "text", quoted.text);
	if (canon_party_id(&author)[0] != '\0')
		canon_text(c, "sender", canon_party_id(&author));
	canon_close_object(c);
}

/* ---- the message ---- */

static void
write_reaction(struct hsw_canon *c, const struct content *content)
{
	struct json_object *target = cj_object(content->node, "key");
	struct hsw_str text = cj_string(content->node, "text");

	if (strcmp(content->type, "reaction") != 0) {
		canon_null(c, "reaction");
		return;
	}
	canon_open_object(c, "reaction");
	canon_string(c, "text", text.s != NULL ? text : (struct hsw_str){ "", 0 });
	canon_string(c, "message_id", cj_string(target, "id"));
	canon_bool(c, "fromMe", cj_bool(target, "fromMe"));
	canon_close_object(c);
}

static void
write_edit(struct hsw_canon *c, const struct change *change)
{
	if (!change->is_edit) {
		canon_null(c, "edit");
		return;
	}
	canon_open_object(c, "edit");
	canon_string(c, "original_id", change->id);
	canon_string(c, "text", change->text);
	canon_close_object(c);
}

static bool
is_forwarded(struct json_object *context)
{
	int64_t score;

	return cj_bool(context, "isForwarded") ||
		(cj_number(context, "forwardingScore", &score) && score > 0);
}

static void
write_message(struct translation *t, const struct content *content, const struct change *change,
	struct json_object *context, struct json_object *data, bool is_api)
{
	struct hsw_canon *c = t->canon;
	struct hsw_str text = change->is_edit ? change->text : content->text;

	canon_open_object(c, "message");
	canon_text(c, "type", change->type);
	canon_string(c, "content", text.s != NULL ? text : (struct hsw_str){ "", 0 });
	canon_text(c, "source", is_api ? "api" : "");
	canon_bool(c, "isForwarded", is_forwarded(context));
	canon_bool(c, "isEdit", change->is_edit);
	media_member(t, content, data);
	write_reaction(c, content);
	write_edit(c, change);
	canon_null(c, "context");
	content_members(c, content);
	canon_close_object(c);
}

static void
add_change(struct hsw_identity *id, const struct change *change, const struct content *content,
	const char *sender)
{
	canon_identity_text(id, change->kind);
	if (change->is_edit)
		canon_identity(id, change->text);
	if (strcmp(change->kind, "reaction") != 0)
		return;
	struct hsw_str text = cj_string(content->node, "text");
	canon_identity(id, cj_string(cj_object(content->node, "key"), "id"));
	canon_identity_text(id, sender);
	canon_identity(id, text);
}

static int
translate(struct translation *t, struct json_object *data, bool is_api)
{
	struct hsw_canon *c = t->canon;
	struct json_object *key = cj_object(data, "key");
	struct hsw_str id = cj_string(key, "id");
	struct content content = content_find(cj_object(data, "message"));
	struct change change = find_change(&content);
	bool from_me = cj_bool(key, "fromMe") || is_api;
	struct json_object *context = context_of(&content, data);
	struct hsw_identity identity = { .len = 0 };
	struct parties parties;

	if (strcmp(change.kind, "revoke") == 0)
		id = change.id;
	find_parties(t, key, data, from_me, &parties);
	const char *chat = canon_party_id(&parties.chat);
	if (id.s == NULL || id.len == 0 || chat[0] == '\0')
		return evolution_ignore(t);
	canon_open_object(c, NULL);
	canon_string(c, "id", id);
	canon_text(c, "direction", from_me ? "outgoing" : "incoming");
	evolution_timestamp(t, data, "messageTimestamp");
	write_parties(t, &parties, data);
	write_mentions(c, context);
	write_reply(c, context);
	write_message(t, &content, &change, context, data, is_api);
	canon_close_object(c);
	canon_identity(&identity, id);
	canon_identity_text(&identity, chat);
	add_change(&identity, &change, &content, from_me ? "me" : canon_party_id(&parties.sender));
	return evolution_emit(t, "message.exchange", &identity, chat);
}

int
evolution_message(struct translation *t, struct json_object *data)
{
	return translate(t, data, false);
}

int
evolution_sent_message(struct translation *t, struct json_object *data)
{
	return translate(t, data, true);
}

/* ---- later changes, told by messages.update ---- */

static int
emit_change(struct translation *t, struct json_object *key, struct json_object *data,
	struct hsw_str id, const char *kind, const char *type, struct json_object *options,
	const struct hsw_party *voter)
{
	struct hsw_canon *c = t->canon;
	struct hsw_identity identity = { .len = 0 };
	struct parties parties;
	bool from_me = cj_bool(key, "fromMe"), is_edit = strcmp(kind, "edit") == 0;
	const struct change change = { .id = id, .is_edit = is_edit };

	find_parties(t, key, data, from_me, &parties);
	if (voter != NULL) {
		parties.from_me = from_me = false;
		parties.sender = *voter;
	}
	const char *chat = canon_party_id(&parties.chat);
	if (id.s == NULL || id.len == 0 || chat[0] == '\0')
		return evolution_ignore(t);
	canon_open_object(c, NULL);
	canon_string(c, "id", id);
	canon_text(c, "direction", from_me ? "outgoing" : "incoming");
	int64_t ms = evolution_timestamp(t, data, "datetime");
	write_parties(t, &parties, data);
	canon_open_object(c, "message");
	canon_text(c, "type", type);
	canon_text(c, "content", "");
	canon_text(c, "source", "");
	canon_bool(c, "isForwarded", false);
	canon_bool(c, "isEdit", is_edit);
	canon_null(c, "media");
	canon_null(c, "reaction");
	write_edit(c, &change);
	canon_null(c, "context");
	canon_identity(&identity, id);
	canon_identity_text(&identity, chat);
	canon_identity_text(&identity, kind);
	if (is_edit)
		canon_identity_int(&identity, evolution_key_time(t, ms));
	if (options != NULL) {
		const char *json = json_object_to_json_string_ext(options, JSON_C_TO_STRING_PLAIN);
		canon_identity_text(&identity, json);
		canon_open_object(c, "poll");
		canon_string(c, "message_id", id);
		canon_raw(c, "options", (struct hsw_str){ json, strlen(json) });
		canon_close_object(c);
	}
	canon_close_object(c);
	canon_close_object(c);
	return evolution_emit(t, "message.exchange", &identity, chat);
}

static struct hsw_str
id_of(struct json_object *key)
{
	struct hsw_str id = cj_string(key, "keyId");
	return id.s != NULL ? id : cj_string(key, "id");
}

int
evolution_revoked(struct translation *t, struct json_object *key, struct json_object *data)
{
	return emit_change(t, key, data, id_of(key), "revoke", "message_revoke", NULL, NULL);
}

int
evolution_edited(struct translation *t, struct json_object *key, struct json_object *data)
{
	return emit_change(t, key, data, id_of(key), "edit", "message_edit", NULL, NULL);
}

/* Adds who voted; false: somebody else did before, or the votes of several are told together. */
static bool
add_voters(struct json_object *voters, struct hsw_party *voter)
{
	size_t n = json_object_array_length(voters);
	char jid[HSW_JID_MAX];

	for (size_t i = 0; i < n; i++) {
		struct hsw_str text = cj_text(json_object_array_get_idx(voters, i));
		if (canon_jid(text, jid) == HSW_JID_NONE)
			continue;
		if (canon_party_id(voter)[0] != '\0' && strcmp(canon_party_id(voter), jid) != 0)
			return false;
		canon_party_add(voter, text);
	}
	return true;
}

/* updates: [{name, voters: [...]}]; an option that nobody chose is left out. Where all votes are one person's,
 * that is the sender. */
int
evolution_voted(struct translation *t, struct json_object *key, struct json_object *data,
	struct json_object *updates)
{
	struct json_object *options = json_object_new_array();
	struct hsw_party voter = { .name = { NULL, 0 } };
	size_t n = json_object_array_length(updates);
	bool is_one = true;

	for (size_t i = 0; options != NULL && i < n; i++) {
		struct json_object *update = json_object_array_get_idx(updates, i);
		struct json_object *voters = cj_array(update, "voters"),
				   *name = cj_get(update, "name");
		if (name == NULL || voters == NULL || json_object_array_length(voters) == 0)
			continue;
		is_one &= add_voters(voters, &voter);
		struct json_object *option = json_object_new_object();
		json_object_object_add(option, "name", json_object_get(name));
		json_object_array_add(options, option);
	}
	is_one &= canon_party_id(&voter)[0] != '\0';
	int rc = options != NULL ? emit_change(t, key, data, id_of(key), "vote", "poll_vote",
					   options, is_one ? &voter : NULL)
				 : HSW_ENOMEM;
	json_object_put(options);
	return rc;
}
