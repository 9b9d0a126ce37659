/* SPDX-License-Identifier: Apache-2.0 */
/*
 * who.c - chats and people. Each is a phone number, a LID, or both; which member holds which changed from
 * version to version, so all are looked at and the suffix (@s.whatsapp.net, @lid) decides.
 */
#include "evolution.h"

#include <string.h>

/*
 * Evolution 2.3.7 cuts the server off together with the device: "2007...:12@lid" comes as "2007...". Phone
 * numbers in use have up to 13 digits, LIDs 14 or 15: what is longer is not taken for a phone.
 */
#define BARE_PHONE_MAX 13

static void
add(struct hsw_party *p, struct hsw_str id)
{
	if (id.s != NULL && id.len > BARE_PHONE_MAX && memchr(id.s, '@', id.len) == NULL)
		return;
	canon_party_add(p, id);
}

/* Of people. Some versions name the group itself as the participant: that is nobody. */
static void
add_members(struct hsw_party *p, struct json_object *o, const char *const *names)
{
	char jid[HSW_JID_MAX];

	for (; *names != NULL; names++) {
		struct hsw_str id = cj_string(o, *names);
		if (canon_jid(id, jid) <= HSW_JID_LID)
			add(p, id);
	}
}

void
evolution_party(struct hsw_party *p, struct json_object *o)
{
	static const char *const names[] = { "phoneNumber", "jid", "id", "lid", NULL };

	add(p, cj_text(o));
	add_members(p, o, names);
	if (p->name.len == 0)
		p->name = cj_string(o, "name");
}

void
evolution_participant(struct hsw_party *p, struct json_object *key)
{
	static const char *const names[] = { "participant", "participantAlt", NULL };

	add_members(p, key, names);
}

/* senderPn and senderLid are the chat's only when the other side wrote. */
void
evolution_chat(struct json_object *key, struct json_object *data, struct hsw_party *chat)
{
	static const char *const own[] = { "remoteJidAlt", "previousRemoteJid", NULL };
	static const char *const of_sender[] = { "senderPn", "senderLid", NULL };

	add(chat, cj_string(key, "remoteJid"));
	if (chat->type > HSW_JID_LID)
		return;
	add_members(chat, key, own);
	add_members(chat, data, own);
	if (cj_bool(key, "fromMe"))
		return;
	add_members(chat, key, of_sender);
	add_members(chat, data, of_sender);
}

void
evolution_author(const struct translation *t, struct json_object *key, struct json_object *data,
	const struct hsw_party *chat, struct hsw_party *author)
{
	static const char *const names[] = { "participant", "participantAlt", "participantPn",
		"participantLid", "senderPn", "senderLid", NULL };

	if (cj_bool(key, "fromMe"))
		*author = t->own;
	else if (chat->type <= HSW_JID_LID)
		*author = *chat;
	if (chat->type <= HSW_JID_LID)
		return;
	add_members(author, key, names);
	add_members(author, data, names);
}
