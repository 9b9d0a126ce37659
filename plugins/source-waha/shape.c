/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shape.c - what a message holds. The engine says it best; without it WAHA's own members do: media{url, mimetype,
 * filename}, location, vCards, body. media.url leads to WAHA's own copy, which is not encrypted.
 */
#include "waha.h"

#include <string.h>

static bool
begins(struct hsw_str s, const char *with)
{
	size_t n = strlen(with);

	return s.len >= n && memcmp(s.s, with, n) == 0;
}

static const char *
type_of_mimetype(struct hsw_str mimetype)
{
	if (begins(mimetype, "image/"))
		return "image";
	if (begins(mimetype, "video/"))
		return "video";
	if (begins(mimetype, "audio/"))
		return "audio";
	return mimetype.len > 0 ? "document" : NULL;
}

/* ---- details ---- */

static void
write_location(struct hsw_canon *c, const void *payload)
{
	struct json_object *l = cj_object((struct json_object *)payload, "location");
	struct hsw_location location = { .latitude = cj_literal(l, "latitude"),
		.longitude = cj_literal(l, "longitude"),
		.name = cj_string(l, "name"),
		.address = cj_string(l, "address") };

	if (location.name.len == 0)
		location.name = cj_string(l, "description");
	canon_location(c, &location);
}

/* The name that a vCard itself says. */
static struct hsw_str
vcard_name(struct hsw_str vcard)
{
	const char *at = vcard.len > 0 ? memmem(vcard.s, vcard.len, "\nFN:", 4) : NULL;
	size_t n = 0;

	if (at == NULL)
		return (struct hsw_str){ NULL, 0 };
	at += 4;
	while (at + n < vcard.s + vcard.len && at[n] != '\r' && at[n] != '\n')
		n++;
	return (struct hsw_str){ at, n };
}

static void
write_contact(struct hsw_canon *c, const void *payload)
{
	struct json_object *cards = cj_array((struct json_object *)payload, "vCards");
	struct hsw_str card = cj_text(cj_at(cards, 0));

	canon_contact(c, "contact", vcard_name(card), card);
}

static void
write_contacts(struct hsw_canon *c, const void *payload)
{
	struct json_object *cards = cj_array((struct json_object *)payload, "vCards");

	canon_open_array(c, "contacts");
	for (size_t i = 0; i < cj_length(cards); i++) {
		struct hsw_str card = cj_text(cj_at(cards, i));
		if (card.s != NULL)
			canon_contact(c, NULL, vcard_name(card), card);
	}
	canon_close_array(c);
}

/* WhatsApp Web's poll: {pollName, pollOptions: [{name}]}. */
static void
write_poll(struct hsw_canon *c, const void *payload)
{
	struct json_object *data = cj_object((struct json_object *)payload, "_data");
	struct json_object *options = cj_array(data, "pollOptions");
	int64_t n;

	canon_open_object(c, "poll");
	canon_string(c, "title", cj_string(data, "pollName"));
	canon_open_array(c, "options");
	for (size_t i = 0; i < cj_length(options); i++)
		canon_option(c, cj_string(cj_at(options, i), "name"));
	canon_close_array(c);
	if (cj_number(data, "pollSelectableOptionsCount", &n))
		canon_int(c, "selectable", n);
	canon_close_object(c);
}

/* WhatsApp Web's answers to lists and buttons. */
static void
write_answer(struct hsw_canon *c, const void *payload)
{
	struct json_object *data = cj_object((struct json_object *)payload, "_data");
	struct json_object *list = cj_object(data, "listResponse");

	canon_open_object(c, "interactive");
	canon_some(c, "selectedButtonId", cj_string(data, "selectedButtonId"));
	canon_some(c, "selectedRowId",
		cj_string(cj_object(list, "singleSelectReply"), "selectedRowId"));
	canon_some(c, "title", cj_string(list, "title"));
	canon_close_object(c);
}

static const struct detail {
	const char *type;
	void (*write)(struct hsw_canon *, const void *payload);
	bool has_text; /* else `body` is a thumbnail in base64, or the vCard */
} details[] = {
	{ "location", write_location, false },
	{ "live_location", write_location, false },
	{ "contact", write_contact, false },
	{ "contacts", write_contacts, false },
	{ "poll", write_poll, false },
	{ "list_response", write_answer, true },
	{ "buttons_response", write_answer, true },
	{ "template_button_reply", write_answer, true },
};

/* ---- the shape ---- */

static const char *
type_of_shape(struct json_object *payload, struct hsw_str mimetype)
{
	struct json_object *cards = cj_array(payload, "vCards");

	if (type_of_mimetype(mimetype) != NULL)
		return type_of_mimetype(mimetype);
	if (cj_bool(payload, "hasMedia"))
		return "unknown";
	if (cj_object(payload, "location") != NULL)
		return "location";
	if (cj_length(cards) > 0)
		return cj_length(cards) > 1 ? "contacts" : "contact";
	return cj_string(payload, "body").len > 0 ? "text" : "unknown";
}

static const struct detail *
find_detail(const char *type)
{
	for (size_t i = 0; i < sizeof(details) / sizeof(details[0]); i++) {
		if (strcmp(details[i].type, type) == 0)
			return &details[i];
	}
	return NULL;
}

static void
read_text(struct json_object *payload, struct hsw_message *m)
{
	const struct detail *detail = find_detail(m->type);

	if (m->content.len == 0 && m->change == HSW_NEW && (detail == NULL || detail->has_text))
		m->content = cj_string(payload, "body");
}

static void
read_details(struct json_object *payload, struct hsw_message *m)
{
	const struct detail *detail = find_detail(m->type);

	if (detail != NULL)
		m->details = (struct hsw_fill){ detail->write, payload };
}

static bool
is_media(const char *type)
{
	static const char *const types[] = { "image", "video", "audio", "document", "sticker",
		"ptv" };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(types[i], type) == 0)
			return true;
	}
	return false;
}

/* What WAHA says of its own copy goes before what the engine says of WhatsApp's. */
static void
read_media(struct hsw_canon *c, const struct waha_engine *e, struct json_object *payload,
	struct hsw_message *m)
{
	struct json_object *media = cj_object(payload, "media");
	struct hsw_media *out = &m->media;
	struct hsw_str url = cj_string(media, "url"), mimetype = cj_string(media, "mimetype"),
		       name = cj_string(media, "filename");

	out->type = m->type;
	waha_engine_media(c, e, payload, out);
	if (word_is(cj_string(e->data, "type"), "ptt")) {
		out->type = "ptt";
		out->is_voice_note = HSW_YES;
	}
	out->url = url.len > 0 ? url : cj_string(payload, "mediaUrl");
	if (mimetype.len > 0)
		out->mimetype = mimetype;
	if (name.len > 0)
		out->file_name = name;
	if (out->caption.len == 0)
		out->caption = m->content;
	if (out->base64.s == NULL)
		out->base64 = cj_bytes(c, media, "data");
}

void
waha_shape(struct hsw_canon *c, const struct waha_engine *e, struct json_object *payload,
	struct hsw_message *m)
{
	struct hsw_str mimetype = cj_string(cj_object(payload, "media"), "mimetype");

	if (e->content.node != NULL) {
		canon_content_fill(&e->content, m);
	} else {
		m->type = waha_engine_type(e);
		if (m->type == NULL)
			m->type = type_of_shape(payload, mimetype);
		read_details(payload, m);
	}
	read_text(payload, m);
	if (is_media(m->type))
		read_media(c, e, payload, m);
}
