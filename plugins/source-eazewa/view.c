/* SPDX-License-Identifier: Apache-2.0 */
/* view.c - a message of whatsapp-web.js: its members, beside _data or in it, and who is who. */
#include "eazewa.h"

struct json_object *
view_inner(struct json_object *data, const char *name)
{
	struct json_object *inner = cj_object(data, name);

	return inner != NULL ? inner : data;
}

struct json_object *
view_holder(const struct view *v, const char *name)
{
	if (cj_get(v->message, name) != NULL)
		return v->message;
	return cj_get(v->raw, name) != NULL ? v->raw : NULL;
}

struct json_object *
view_get(const struct view *v, const char *name)
{
	return cj_get(view_holder(v, name), name);
}

struct hsw_str
view_string(const struct view *v, const char *name)
{
	struct hsw_str s = cj_string(v->message, name);

	return s.len > 0 ? s : cj_string(v->raw, name);
}

/* The top's fromMe is known to contradict the id's, which is right. */
static void
read_key(struct translation *t, struct view *v)
{
	struct key raw = eazewa_key(t->canon, cj_get(v->raw, "id"));

	v->key = eazewa_key(t->canon, cj_get(v->message, "id"));
	if (v->key.id.len == 0)
		v->key = raw;
	if (v->key.id.len == 0)
		v->key = eazewa_key(t->canon, cj_get(v->message, "messageId"));
	if (v->key.is_own == HSW_UNKNOWN)
		v->key.is_own = raw.is_own;
	if (v->key.is_own == HSW_UNKNOWN)
		v->key.is_own = cj_tri(view_holder(v, "fromMe"), "fromMe");
	v->is_own = v->key.is_own == HSW_YES;
}

static void
add_both(struct translation *t, const struct view *v, struct hsw_party *p, const char *name)
{
	eazewa_add(t->canon, p, cj_get(v->message, name));
	if (p->type <= HSW_JID_LID)
		eazewa_add(t->canon, p, cj_get(v->raw, name));
}

static void
add_person(struct translation *t, const struct view *v, struct hsw_party *p, const char *name)
{
	eazewa_add_person(t->canon, p, cj_get(v->message, name));
	eazewa_add_person(t->canon, p, cj_get(v->raw, name));
}

static void
read_author(struct translation *t, struct view *v)
{
	struct hsw_str name = view_string(v, "notifyName");

	if (v->is_own) {
		v->author = v->own;
	} else if (v->chat.type <= HSW_JID_LID) {
		v->author = v->chat;
		v->chat.name = name;
	} else {
		add_person(t, v, &v->author, "author");
		if (v->key.participant.len > 0)
			canon_party_add(&v->author, v->key.participant);
	}
	v->author.name = name;
}

/* The other side of a private chat, and the chat itself of all others, is `to` of our own and `from` else. */
void
view_open(struct translation *t, struct json_object *message, struct view *v)
{
	*v = (struct view){ .message = message, .raw = cj_object(message, "_data") };
	read_key(t, v);
	canon_party_add(&v->chat, v->key.remote);
	if (v->chat.type <= HSW_JID_LID)
		add_both(t, v, &v->chat, v->is_own ? "to" : "from");
	if (v->chat.type == HSW_JID_NONE)
		eazewa_add(t->canon, &v->chat, cj_get(v->message, "chatId"));
	add_person(t, v, &v->own, v->is_own ? "from" : "to");
	if (v->is_own)
		add_person(t, v, &v->own, "author");
	read_author(t, v);
}
