/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine.c - `_data`, the message as WAHA's engine has it:
 *
 *   GOWS   {Info: {PushName, SenderAlt, ...}, Message: nodes as Go spells them}
 *   NOWEB  {key, pushName, message: nodes}
 *   WEBJS  {type, notifyName, size, mediaKey, ...}
 *
 * It may change with any version: nothing is relied on.
 */
#include "waha.h"

#include <string.h>

/* WhatsApp Web's types. What is not here is found out by the message's shape. */
static const struct word types[] = { { "chat", "text" }, { "image", "image" }, { "video", "video" },
	{ "gif", "video" }, { "audio", "audio" }, { "ptt", "audio" }, { "ptv", "ptv" },
	{ "document", "document" }, { "sticker", "sticker" }, { "location", "location" },
	{ "vcard", "contact" }, { "multi_vcard", "contacts" }, { "poll_creation", "poll" },
	{ "list_response", "list_response" }, { "buttons_response", "buttons_response" },
	{ "template_button_reply", "template_button_reply" }, { "interactive", "interactive" },
	{ "list", "interactive" }, { "order", "order" }, { "product", "product" },
	{ "groups_v4_invite", "group_invite" }, { "event_creation", "event" },
	{ "revoked", "system" }, { "protocol", "system" }, { "call_log", "system" },
	{ "gp2", "system" }, { "e2e_notification", "system" }, { "notification", "system" },
	{ "notification_template", "system" }, { NULL, NULL } };

static struct hsw_str
first_of(struct hsw_str one, struct hsw_str other)
{
	return one.len > 0 ? one : other;
}

void
waha_engine_open(struct waha_engine *e, struct json_object *payload)
{
	*e = (struct waha_engine){ .data = cj_object(payload, "_data") };
	struct json_object *nodes = cj_object(e->data, "Message");

	if (nodes == NULL)
		nodes = cj_object(e->data, "message");
	e->nodes = canon_camel(nodes);
	e->content = canon_content(e->nodes);
	e->name = first_of(cj_string(cj_object(e->data, "Info"), "PushName"),
		first_of(cj_string(e->data, "pushName"), cj_string(e->data, "notifyName")));
	e->name = first_of(e->name, cj_string(payload, "notifyName"));
	e->is_forwarded = cj_tri(e->data, "isForwarded");
}

void
waha_engine_close(struct waha_engine *e)
{
	json_object_put(e->nodes);
}

/* ---- who ---- */

static void
add_each(struct hsw_party *p, struct json_object *o, const char *const *names)
{
	for (; *names != NULL; names++)
		waha_party(p, cj_get(o, *names));
}

void
waha_engine_parties(const struct waha_engine *e, struct hsw_message *m)
{
	static const char *const of_sender[] = { "Sender", "SenderAlt", NULL };
	static const char *const of_recipient[] = { "RecipientAlt", NULL };
	static const char *const of_chat[] = { "remoteJidAlt", NULL };
	static const char *const of_peer[] = { "senderPn", "senderLid", NULL };
	static const char *const of_author[] = { "participant", "participantAlt", "participantPn",
		"participantLid", NULL };
	struct json_object *info = cj_object(e->data, "Info"), *key = cj_object(e->data, "key");
	bool is_private = m->chat.type <= HSW_JID_LID;

	if (is_private) {
		add_each(&m->chat, key, of_chat);
		add_each(&m->chat, info, m->is_outgoing ? of_recipient : of_sender);
	}
	if (is_private && !m->is_outgoing)
		add_each(&m->chat, key, of_peer);
	if (!is_private && !m->is_outgoing) {
		add_each(&m->sender, info, of_sender);
		add_each(&m->sender, key, of_author);
	}
}

/* ---- what ---- */

const char *
waha_engine_type(const struct waha_engine *e)
{
	return word_find(types, cj_string(e->data, "type"));
}

static void
web_media(struct hsw_canon *c, struct json_object *data, struct hsw_media *m)
{
	m->mimetype = cj_string(data, "mimetype");
	m->file_name = cj_string(data, "filename");
	m->size = cj_count(data, "size");
	m->sha256 = cj_bytes(c, data, "filehash");
	m->seconds = cj_count(data, "duration");
	m->width = cj_count(data, "width");
	m->height = cj_count(data, "height");
	m->encrypted_url = cj_string(data, "deprecatedMms3Url");
	m->encrypted_sha256 = cj_bytes(c, data, "encFilehash");
	m->media_key = cj_bytes(c, data, "mediaKey");
}

void
waha_engine_media(struct hsw_canon *c, const struct waha_engine *e, struct json_object *payload,
	struct hsw_media *m)
{
	const char *type = m->type;

	if (e->content.node != NULL)
		canon_media(c, &e->content, payload, m);
	else if (cj_get(e->data, "type") != NULL)
		web_media(c, e->data, m);
	if (m->type == NULL)
		m->type = type;
}
