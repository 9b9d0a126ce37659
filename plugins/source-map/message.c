/* SPDX-License-Identifier: Apache-2.0 */
/* message.c - message.exchange of canonical.h. */
#include "canonical.h"

#include <stdio.h>
#include <string.h>

#include <hookswitch/canon_json.h>

static const char *
word(struct json_object *o, const char *key)
{
	return cj_string(o, key).s;
}

static bool
is_one_of(const char *s, const char *const *words)
{
	for (; s != NULL && *words != NULL; words++) {
		if (strcmp(*words, s) == 0)
			return true;
	}
	return false;
}

/* ---- media ---- */

/* The media's own type; else the message's, where it is one that has media. */
static const char *
media_type(struct json_object *media, const char *message_type)
{
	static const char *const types[] = { "image", "video", "audio", "document", "sticker",
		"ptv", NULL };
	const char *type = word(media, "type");

	if (media == NULL || type != NULL)
		return type;
	return is_one_of(message_type, types) ? message_type : NULL;
}

static void
fill_media(struct hsw_canon *c, struct hsw_media *m, struct json_object *message)
{
	struct json_object *o = cj_object(message, "media");
	struct json_object *encrypted = cj_object(o, "encrypted");
	struct hsw_str base64 = cj_string(o, "base64");

	m->type = media_type(o, word(message, "type"));
	m->mimetype = cj_literal(o, "mimetype");
	m->url = cj_literal(o, "url");
	m->s3_url = cj_literal(o, "s3Url");
	if (base64.s != NULL && canon_base64(c, &base64))
		m->base64 = base64;
	m->file_name = cj_literal(o, "fileName");
	m->caption = cj_literal(o, "caption");
	m->size = cj_count(o, "size");
	m->sha256 = cj_literal(o, "sha256");
	m->seconds = cj_count(o, "seconds");
	m->width = cj_count(o, "width");
	m->height = cj_count(o, "height");
	m->is_voice_note = cj_tri(o, "isVoiceNote");
	m->is_animated = cj_tri(o, "isAnimated");
	m->encrypted_url = cj_literal(encrypted, "url");
	m->encrypted_sha256 = cj_literal(encrypted, "sha256");
	m->media_key = cj_literal(encrypted, "mediaKey");
}

/* ---- details of the types ---- */

static void
location(struct hsw_canon *c, struct json_object *o)
{
	const struct hsw_location l = { .latitude = cj_literal(o, "latitude"),
		.longitude = cj_literal(o, "longitude"),
		.name = cj_literal(o, "name"),
		.address = cj_literal(o, "address") };

	if (o != NULL)
		canon_location(c, &l);
}

/* The number that the map tells; else the one in the vCard. */
static void
contact(struct hsw_canon *c, const char *key, struct json_object *o)
{
	struct hsw_str phone = cj_literal(o, "phone_number"), name = cj_literal(o, "display_name");
	struct hsw_str vcard = cj_literal(o, "vcard");

	if (o == NULL)
		return;
	if (phone.len == 0) {
		canon_contact(c, key, name, vcard);
		return;
	}
	canon_open_object(c, key);
	canon_string(c, "display_name", name.s != NULL ? name : (struct hsw_str){ "", 0 });
	canon_string(c, "phone_number", phone);
	canon_some(c, "vcard", vcard);
	canon_close_object(c);
}

static void
contacts(struct hsw_canon *c, struct json_object *list)
{
	if (list == NULL)
		return;
	canon_open_array(c, "contacts");
	for (size_t i = 0; i < canonical_length(list); i++)
		contact(c, NULL, canonical_at(list, i));
	canon_close_array(c);
}

/* Options are names, or objects with a name. */
static void
poll(struct hsw_canon *c, struct json_object *o)
{
	struct json_object *options = cj_get(o, "options");
	int64_t selectable;

	if (o == NULL)
		return;
	canon_open_object(c, "poll");
	canon_some(c, "message_id", cj_literal(o, "message_id"));
	canon_string(c, "title", cj_literal(o, "title"));
	if (options != NULL) {
		canon_open_array(c, "options");
		for (size_t i = 0; i < canonical_length(options); i++) {
			struct json_object *option = canonical_at(options, i);
			struct hsw_str name = cj_text(option);
			canon_option(c, name.s != NULL ? name : cj_literal(option, "name"));
		}
		canon_close_array(c);
	}
	if (cj_number(o, "selectable", &selectable))
		canon_int(c, "selectable", selectable);
	canon_close_object(c);
}

/* Whether there is a member to write. */
static bool
has_content(struct json_object *o)
{
	if (o == NULL)
		return false;
	json_object_object_foreach(o, name, value)
	{
		if (!canonical_is_empty(name, value))
			return true;
	}
	return false;
}

static void
details(struct hsw_canon *c, const void *arg)
{
	static const char *const others[] = { "interactive", "order", "product", "event",
		"groupInvite" };
	struct json_object *const *message = arg;

	location(c, cj_object(*message, "location"));
	contact(c, "contact", cj_object(*message, "contact"));
	contacts(c, cj_get(*message, "contacts"));
	poll(c, cj_object(*message, "poll"));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (has_content(cj_object(*message, others[i])))
			cj_copy(c, others[i], cj_object(*message, others[i]), canonical_is_empty);
	}
}

static void
context(struct hsw_canon *c, const void *arg)
{
	struct json_object *const *message = arg;
	struct json_object *o = cj_object(*message, "context");

	if (o == NULL)
		return;
	json_object_object_foreach(o, name, value)
	{
		if (!canonical_is_empty(name, value))
			cj_copy(c, name, value, canonical_is_empty);
	}
}

static void
mentions(struct hsw_canon *c, const void *arg)
{
	struct json_object *const *list = arg;

	for (size_t i = 0; i < canonical_length(*list); i++)
		canon_mention(c, cj_text(canonical_at(*list, i)));
}

/* ---- what it is to another message ---- */

static int
lacks(struct hsw_error *err, const char *field, const char *why)
{
	snprintf(err->text, sizeof(err->text), "%s is missing, which a %s has", field, why);
	return HSW_EINVAL;
}

static int
fill_change(struct hsw_message *m, struct json_object *message, struct hsw_error *err)
{
	struct json_object *reaction = cj_object(message, "reaction");
	struct json_object *edit = cj_object(message, "edit");
	struct hsw_str text = cj_literal(edit, "text");

	if (strcmp(m->type, "message_revoke") == 0) {
		m->change = HSW_REVOKE;
	} else if (strcmp(m->type, "poll_vote") == 0) {
		m->change = HSW_VOTE;
	} else if (strcmp(m->type, "reaction") == 0) {
		m->change = HSW_REACTION;
		m->target_id = cj_literal(reaction, "message_id");
		m->reaction = cj_literal(reaction, "text");
		m->is_target_own = cj_bool(reaction, "fromMe");
		if (m->target_id.len == 0)
			return lacks(err, "data.message.reaction.message_id", "reaction");
	} else if (edit != NULL || strcmp(m->type, "message_edit") == 0) {
		m->change = HSW_EDIT;
		m->target_id = cj_literal(edit, "original_id");
		if (text.s != NULL)
			m->content = text;
		if (m->target_id.len == 0)
			return lacks(err, "data.message.edit.original_id", "message_edit");
	}
	return HSW_OK;
}

/* With the message's own id, when it was edited tells an edit from an earlier one. */
static struct hsw_str
edit_id(const struct hsw_message *m, struct json_object *data)
{
	bool is_own = m->id.len != m->target_id.len ||
		memcmp(m->id.s, m->target_id.s, m->id.len) != 0;

	return is_own ? m->id : cj_literal(data, "timestamp");
}

int
canonical_message(struct hsw_canon *c, struct json_object *data, struct hsw_error *err)
{
	struct json_object *message = cj_object(data, "message");
	struct json_object *reply = cj_object(data, "reply");
	struct json_object *users = cj_get(cj_object(data, "mentions"), "mentionedUsers");
	struct hsw_str source = cj_string(message, "source");
	struct hsw_message m = { .id = cj_literal(data, "id"),
		.is_outgoing = strcmp(word(data, "direction"), "outgoing") == 0,
		.time_ms = cj_time(data, "timestamp"),
		.is_community = cj_bool(cj_object(data, "chat"), "isCommunity"),
		.mentions = { users != NULL ? mentions : NULL, &users },
		.reply_id = cj_literal(reply, "message_id"),
		.reply_text = cj_literal(reply, "text"),
		.type = word(message, "type"),
		.content = cj_literal(message, "content"),
		.is_api = source.len > 0,
		.is_forwarded = cj_bool(message, "isForwarded"),
		.context = { context, &message },
		.details = { details, &message },
		.is_history = cj_bool(data, "history") };

	canonical_person(&m.chat, cj_object(data, "chat"));
	canonical_person(&m.sender, cj_object(data, "sender"));
	canonical_party(&m.reply_sender, reply, "sender");
	fill_media(c, &m.media, message);
	if (m.content.s == NULL)
		m.content = m.media.caption;
	if (m.id.len > 256) {
		snprintf(err->text, sizeof(err->text), "data.id is longer than 256 bytes");
		return HSW_EINVAL;
	}
	int rc = fill_change(&m, message, err);
	if (rc != HSW_OK)
		return rc;
	m.edit_id = edit_id(&m, data);
	canon_message(c, &m);
	return HSW_OK;
}
