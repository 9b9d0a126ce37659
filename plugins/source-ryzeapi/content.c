/* SPDX-License-Identifier: Apache-2.0 */
/* content.c - what a message holds: its type, its media, and the members that some types have. */
#include "ryzeapi.h"

#include <string.h>

struct json_object *
content_get(const struct content *content, const char *name)
{
	struct json_object *o = cj_get(content->message, as(content->message, name));

	return o != NULL ? o : cj_get(content->data, as(content->data, name));
}

/* The same for an object. */
static struct json_object *
object_of(const struct content *content, const char *name)
{
	struct json_object *o = content_get(content, name);
	return json_object_is_type(o, json_type_object) ? o : NULL;
}

/* ---- types ---- */

static const char *const types[] = { "text", "image", "video", "audio", "document", "sticker",
	"ptv", "location", "live_location", "contact", "contacts", "poll", "poll_vote", "reaction",
	"buttons_response", "list_response", "template_button_reply", "interactive", "order",
	"product", "event", "group_invite", "message_edit", "message_revoke", "system", "unknown",
	NULL };

/* Members that tell the type of a message that does not say it. */
static const struct {
	const char *member, *type;
} holds[] = {
	{ "reaction", "reaction" },
	{ "location", "location" },
	{ "contact", "contact" },
	{ "contacts", "contacts" },
	{ "poll", "poll" },
	{ "button_response", "buttons_response" },
	{ "list_response", "list_response" },
	{ "order", "order" },
	{ "product", "product" },
	{ "event", "event" },
	{ "group_invite", "group_invite" },
	{ "interactive", "interactive" },
};

static const char *
type_of_media(const char *media)
{
	return strcmp(media, "ptt") == 0 ? "audio" : media;
}

static const char *
type_by_members(const struct content *content, const struct hsw_media *media)
{
	if (media->type != NULL)
		return type_of_media(media->type);
	for (size_t i = 0; i < sizeof(holds) / sizeof(holds[0]); i++) {
		if (content_get(content, holds[i].member) != NULL)
			return holds[i].type;
	}
	return content_get(content, "content") != NULL ? "text" : "unknown";
}

const char *
content_type(const struct content *content, const struct hsw_media *media)
{
	struct json_object *message = content->message;
	struct hsw_str type = cj_string(message, as(message, "type"));
	const char *known = ryzeapi_word(types, type);

	if (known != NULL)
		return known;
	if (ryzeapi_is(type, "button_response"))
		return "buttons_response";
	if (ryzeapi_is(type, "ptt"))
		return "audio";
	return type.len > 0 ? "unknown" : type_by_members(content, media);
}

/* ---- media ---- */

static const char *const media_types[] = { "image", "video", "audio", "document", "sticker", "ptt",
	"ptv", NULL };

/* WhatsApp's own URLs lead to encrypted bytes. */
static bool
is_encrypted(struct hsw_str url)
{
	if (url.s == NULL)
		return false;
	const char *query = memchr(url.s, '?', url.len);
	size_t path = query != NULL ? (size_t)(query - url.s) : url.len;
	bool is_enc = path >= 4 && memcmp(url.s + path - 4, ".enc", 4) == 0;

	return is_enc || memmem(url.s, path, "whatsapp.net/", 13) != NULL;
}

/* What it says it is, else what the message does, else what its bytes are. */
static const char *
media_type(const struct content *content, struct json_object *media)
{
	struct hsw_str said = cj_string(media, as(media, "type"));
	struct hsw_str message = cj_string(content->message, as(content->message, "type"));
	struct hsw_str mime = cj_string(media, as(media, "mimetype"));
	const char *slash = mime.len > 0 ? memchr(mime.s, '/', mime.len) : NULL;
	const char *type = ryzeapi_word(media_types, said);

	if (type == NULL)
		type = ryzeapi_word(media_types, message);
	if (type == NULL && slash != NULL)
		type = ryzeapi_word(
			media_types, (struct hsw_str){ mime.s, (size_t)(slash - mime.s) });
	return type == NULL && mime.len > 0 ? "document" : type;
}

static struct hsw_str
bytes_of(struct hsw_canon *c, struct json_object *o, const char *name)
{
	return cj_bytes(c, o, as(o, name));
}

static void
read_urls(struct hsw_canon *c, struct json_object *o, struct hsw_media *m)
{
	struct hsw_str url = cj_string(o, as(o, "url"));
	struct json_object *encrypted = cj_object(o, "encrypted");

	m->s3_url = cj_string(o, as(o, "s3Url"));
	m->encrypted_url = cj_string(encrypted, "url");
	if (is_encrypted(url))
		m->encrypted_url = url;
	else
		m->url = url;
	m->encrypted_sha256 = bytes_of(c, o, "fileEncSha256");
	if (m->encrypted_sha256.s == NULL)
		m->encrypted_sha256 = bytes_of(c, encrypted, "sha256");
	m->media_key = bytes_of(c, o, "mediaKey");
	if (m->media_key.s == NULL)
		m->media_key = bytes_of(c, encrypted, "mediaKey");
}

static int64_t
count_of(struct json_object *o, const char *name, const char *other)
{
	int64_t n = cj_count(o, as(o, name));
	return n > 0 ? n : cj_count(o, as(o, other));
}

void
content_media(struct hsw_canon *c, const struct content *content, struct hsw_media *m)
{
	struct json_object *o = cj_object(content->message, "media");

	m->type = o != NULL ? media_type(content, o) : NULL;
	if (m->type == NULL)
		return;
	m->mimetype = cj_string(o, as(o, "mimetype"));
	read_urls(c, o, m);
	m->base64 = bytes_of(c, o, "base64");
	m->file_name = cj_string(o, as(o, "fileName"));
	m->caption = cj_string(o, as(o, "caption"));
	m->size = count_of(o, "size", "fileSize");
	m->sha256 = bytes_of(c, o, "sha256");
	if (m->sha256.s == NULL)
		m->sha256 = bytes_of(c, o, "fileSha256");
	m->seconds = count_of(o, "seconds", "duration");
	m->width = cj_count(o, as(o, "width"));
	m->height = cj_count(o, as(o, "height"));
	m->is_animated = cj_tri(o, as(o, "isAnimated"));
	m->is_voice_note = cj_tri(o, as(o, "isVoiceNote"));
	if (strcmp(m->type, "ptt") == 0)
		m->is_voice_note = HSW_YES;
	else if (strcmp(m->type, "audio") == 0 && m->is_voice_note == HSW_YES)
		m->type = "ptt";
}

/* ---- members that some types have ---- */

static void
location(struct hsw_canon *c, struct json_object *o)
{
	canon_location(c,
		&(struct hsw_location){ .latitude = cj_literal(o, as(o, "latitude")),
			.longitude = cj_literal(o, as(o, "longitude")),
			.name = cj_string(o, as(o, "name")),
			.address = cj_string(o, as(o, "address")) });
}

static void
contact(struct hsw_canon *c, const char *key, struct json_object *o)
{
	struct hsw_str name = cj_string(o, as(o, "display_name"));
	struct hsw_str vcard = cj_string(o, as(o, "vcard"));
	char digits[32];
	size_t n = canon_phone_digits(cj_literal(o, as(o, "phone_number")), digits, sizeof(digits));

	if (n == 0) {
		canon_contact(c, key, name, vcard);
		return;
	}
	canon_open_object(c, key);
	canon_string(c, "display_name", name.s != NULL ? name : (struct hsw_str){ "", 0 });
	canon_string(c, "phone_number", (struct hsw_str){ digits, n });
	canon_some(c, "vcard", vcard);
	canon_close_object(c);
}

static void
contacts(struct hsw_canon *c, struct json_object *list)
{
	canon_open_array(c, "contacts");
	for (size_t i = 0; i < cj_length(list); i++)
		contact(c, NULL, cj_at(list, i));
	canon_close_array(c);
}

/* Options are {name}, or the names alone. */
static void
poll(struct hsw_canon *c, struct json_object *o)
{
	struct json_object *options = cj_array(o, as(o, "options"));
	int64_t selectable;

	canon_open_object(c, "poll");
	canon_string(c, "message_id", cj_string(o, as(o, "message_id")));
	canon_string(c, "title", cj_string(o, as(o, "title")));
	if (options != NULL) {
		canon_open_array(c, "options");
		for (size_t i = 0; i < cj_length(options); i++) {
			struct json_object *one = cj_at(options, i);
			struct hsw_str name = cj_text(one);
			canon_option(c, name.s != NULL ? name : cj_string(one, as(one, "name")));
		}
		canon_close_array(c);
	}
	if (cj_number(o, as(o, "selectable"), &selectable))
		canon_int(c, "selectable", selectable);
	canon_close_object(c);
}

/* The first of the objects that has it. */
static struct hsw_str
first_of(struct json_object *const *objects, size_t n, const char *name)
{
	struct hsw_str s = { NULL, 0 };

	for (size_t i = 0; i < n && s.s == NULL; i++)
		s = cj_literal(objects[i], as(objects[i], name));
	return s;
}

/* What was chosen: live in `interactive`, by the catalog in button_response and list_response. */
static void
interactive(struct hsw_canon *c, const struct content *content)
{
	struct json_object *live = object_of(content, "interactive");
	struct json_object *list = object_of(content, "list_response");
	struct json_object *places[] = { live, cj_object(live, as(live, "selectedReply")),
		object_of(content, "button_response"), list,
		cj_object(list, as(list, "single_select_reply")) };
	static const char *const names[] = { "selectedButtonId", "selectedRowId", "title",
		"description", "body", "footer", "name", "paramsJson", "flow_token" };
	size_t n = sizeof(places) / sizeof(places[0]);

	if (places[0] == NULL && places[2] == NULL && places[3] == NULL)
		return;
	canon_open_object(c, "interactive");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		canon_string(c, names[i], first_of(places, n, names[i]));
	canon_number(
		c, "selectedCarouselCardIndex", first_of(places, n, "selectedCarouselCardIndex"));
	canon_close_object(c);
}

static void
copy_object(struct hsw_canon *c, const struct content *content, const char *name)
{
	struct json_object *o = object_of(content, name);

	if (o == NULL)
		return;
	canon_open_object(c, name);
	ryzeapi_copy(c, o);
	canon_close_object(c);
}

void
content_details(struct hsw_canon *c, const void *arg)
{
	static const char *const others[] = { "order", "product", "event", "groupInvite" };
	const struct content *content = arg;
	struct json_object *list = content_get(content, "contacts");

	if (object_of(content, "location") != NULL)
		location(c, object_of(content, "location"));
	if (object_of(content, "contact") != NULL)
		contact(c, "contact", object_of(content, "contact"));
	if (json_object_is_type(list, json_type_array))
		contacts(c, list);
	if (object_of(content, "poll") != NULL)
		poll(c, object_of(content, "poll"));
	interactive(c, content);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		copy_object(c, content, others[i]);
}
