/* SPDX-License-Identifier: Apache-2.0 */
/* content.c - what a message holds: `type`, and the member that is called like it, to canonical types. */
#include "cloudapi.h"

#include <string.h>

static struct json_object *
value_of(const void *content)
{
	return ((const struct content *)content)->value;
}

/* ---- members that only some types have ---- */

static void
location(struct hsw_canon *c, const void *content)
{
	struct json_object *value = value_of(content);

	canon_location(c,
		&(struct hsw_location){ .latitude = cj_literal(value, "latitude"),
			.longitude = cj_literal(value, "longitude"),
			.name = cj_string(value, "name"),
			.address = cj_string(value, "address") });
}

static size_t
phone_number(struct json_object *contact, char *digits, size_t size)
{
	struct json_object *phone = cj_at(cj_array(contact, "phones"), 0);
	size_t n = canon_phone_digits(cj_literal(phone, "wa_id"), digits, size);

	return n > 0 ? n : canon_phone_digits(cj_literal(phone, "phone"), digits, size);
}

static void
contact(struct hsw_canon *c, const char *key, struct json_object *one)
{
	struct json_object *name = cj_object(one, "name");
	struct hsw_str display = cj_string(name, "formatted_name");
	struct hsw_str vcard = cj_string(one, "vcard");
	char digits[32];
	size_t n = phone_number(one, digits, sizeof(digits));

	if (display.len == 0)
		display = cj_string(name, "first_name");
	if (n == 0) {
		canon_contact(c, key, display, vcard);
		return;
	}
	canon_open_object(c, key);
	canon_string(c, "display_name", display.s != NULL ? display : (struct hsw_str){ "", 0 });
	canon_string(c, "phone_number", (struct hsw_str){ digits, n });
	canon_some(c, "vcard", vcard);
	canon_close_object(c);
}

static void
contacts(struct hsw_canon *c, const void *content)
{
	struct json_object *list = value_of(content);

	if (cj_length(list) == 1) {
		contact(c, "contact", cj_at(list, 0));
		return;
	}
	canon_open_array(c, "contacts");
	for (size_t i = 0; i < cj_length(list); i++)
		contact(c, NULL, cj_at(list, i));
	canon_close_array(c);
}

static void
order_item(struct hsw_canon *c, struct json_object *item)
{
	canon_open_object(c, NULL);
	canon_some(c, "id", cj_literal(item, "product_retailer_id"));
	canon_number(c, "quantity", cj_literal(item, "quantity"));
	canon_number(c, "price", cj_literal(item, "item_price"));
	canon_some(c, "currency", cj_string(item, "currency"));
	canon_close_object(c);
}

static void
order(struct hsw_canon *c, const void *content)
{
	struct json_object *value = value_of(content), *items = cj_array(value, "product_items");

	canon_open_object(c, "order");
	canon_some(c, "catalogId", cj_literal(value, "catalog_id"));
	canon_open_array(c, "items");
	for (size_t i = 0; i < cj_length(items); i++)
		order_item(c, cj_at(items, i));
	canon_close_array(c);
	canon_close_object(c);
}

/* The answer to a button of a template. */
static void
button(struct hsw_canon *c, const void *content)
{
	canon_open_object(c, "interactive");
	canon_string(c, "selectedButtonId", cj_literal(value_of(content), "payload"));
	canon_string(c, "title", cj_string(value_of(content), "text"));
	canon_close_object(c);
}

/* ---- interactive ---- */

static bool
is_secret(const char *name, struct json_object *value)
{
	static const char *const names[] = { "access_token", "token", "password", "sdp" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return value == NULL;
}

static void
choice(struct hsw_canon *c, const char *id, struct json_object *reply)
{
	canon_string(c, id, cj_literal(reply, "id"));
	canon_string(c, "title", cj_string(reply, "title"));
	canon_some(c, "description", cj_string(reply, "description"));
}

/* The answers to a flow are a JSON text in a string. */
static void
flow(struct hsw_canon *c, struct json_object *reply)
{
	canon_string(c, "title", cj_string(reply, "body"));
	canon_string(c, "name", cj_string(reply, "name"));
	canon_string(c, "paramsJson", cj_string(reply, "response_json"));
}

/* What the business itself sent has a header and a footer around the text. */
static void
other(struct hsw_canon *c, struct json_object *value)
{
	struct hsw_str name = cj_string(value, "type");
	char key[64];

	canon_some(c, "title", cj_string(cj_object(value, "header"), "text"));
	canon_some(c, "footer", cj_string(cj_object(value, "footer"), "text"));
	canon_some(c, "name", name);
	if (name.len == 0 || name.len >= sizeof(key))
		return;
	memcpy(key, name.s, name.len);
	key[name.len] = '\0';
	if (cj_object(value, key) == NULL)
		return;
	canon_open_object(c, "params");
	json_object_object_foreach(cj_object(value, key), member, o)
	{
		if (is_secret(member, o))
			continue;
		canon_key(c, (struct hsw_str){ member, strlen(member) });
		cj_copy(c, NULL, o, is_secret);
	}
	canon_close_object(c);
}

static void
interactive(struct hsw_canon *c, const void *content)
{
	struct json_object *value = value_of(content);

	if (value == NULL)
		return;
	canon_open_object(c, "interactive");
	if (cj_object(value, "button_reply") != NULL)
		choice(c, "selectedButtonId", cj_object(value, "button_reply"));
	else if (cj_object(value, "list_reply") != NULL)
		choice(c, "selectedRowId", cj_object(value, "list_reply"));
	else if (cj_object(value, "nfm_reply") != NULL)
		flow(c, cj_object(value, "nfm_reply"));
	else
		other(c, value);
	canon_close_object(c);
}

/* ---- the types ---- */

static const struct kind kinds[] = {
	{ "text", "text", NULL, "body", NULL },
	{ "image", "image", "image", "caption", NULL },
	{ "video", "video", "video", "caption", NULL },
	{ "audio", "audio", "audio", NULL, NULL },
	{ "voice", "audio", "ptt", NULL, NULL },
	{ "document", "document", "document", "caption", NULL },
	{ "sticker", "sticker", "sticker", NULL, NULL },
	{ "location", "location", NULL, NULL, location },
	{ "contacts", "contacts", NULL, NULL, contacts },
	{ "button", "template_button_reply", NULL, NULL, button },
	{ "interactive", "interactive", NULL, NULL, interactive },
	{ "reaction", "reaction", NULL, NULL, NULL },
	{ "order", "order", NULL, "text", order },
	{ "edit", "message_edit", NULL, NULL, NULL },
	{ "revoke", "message_revoke", NULL, NULL, NULL },
	{ "system", "system", NULL, "body", NULL },
	{ "request_welcome", "system", NULL, NULL, NULL },
	{ "unsupported", "unknown", NULL, NULL, NULL },
};

struct content
content_find(struct json_object *message)
{
	struct hsw_str type = cj_string(message, "type");
	struct content content = { .message = message };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct json_object *value = cj_get(message, kinds[i].name);
		bool is_it = type.s != NULL ? word_is(type, kinds[i].name) : value != NULL;
		if (!is_it)
			continue;
		content.kind = &kinds[i];
		content.value = value;
		break;
	}
	return content;
}

bool
content_is(const struct content *content, const char *name)
{
	return content->kind != NULL && strcmp(content->kind->name, name) == 0;
}

/* ---- media ---- */

/* A digest that is written in hex, as old versions do, in base64. */
static struct hsw_str
read_sha256(struct hsw_canon *c, struct json_object *value)
{
	struct hsw_str s = cj_string(value, "sha256");
	unsigned char bytes[32];

	if (s.s == NULL || s.len != 2 * sizeof(bytes))
		return cj_bytes(c, value, "sha256");
	for (size_t i = 0; i < s.len; i++) {
		const char digits[] = "0123456789abcdef";
		const char *at = s.s[i] != '\0' ? strchr(digits, s.s[i] | 0x20) : NULL;
		if (at == NULL)
			return (struct hsw_str){ NULL, 0 };
		int n = (int)(at - digits);
		bytes[i / 2] = (unsigned char)(i % 2 == 0 ? n << 4 : bytes[i / 2] | n);
	}
	return canon_base64_encode(c, bytes, sizeof(bytes));
}

static void
read_media(struct hsw_canon *c, const struct content *content, struct hsw_media *m)
{
	struct json_object *value = content->value;
	bool is_old_voice = content_is(content, "voice");

	m->type = content->kind->media;
	m->mimetype = cj_string(value, "mime_type");
	m->url = cj_string(value, "url");
	if (m->url.len == 0)
		m->url = cj_string(value, "link");
	m->file_name = cj_string(value, "filename");
	m->caption = cj_string(value, "caption");
	m->size = cj_count(value, "file_size");
	m->sha256 = read_sha256(c, value);
	m->is_animated = cj_tri(value, "animated");
	if (is_old_voice || content_is(content, "audio"))
		m->is_voice_note = is_old_voice ? HSW_YES : cj_tri(value, "voice");
	if (m->is_voice_note == HSW_YES)
		m->type = "ptt";
}

/* ---- all of it ---- */

static const char *
interactive_type(struct json_object *value)
{
	if (cj_object(value, "button_reply") != NULL)
		return "buttons_response";
	return cj_object(value, "list_reply") != NULL ? "list_response" : "interactive";
}

void
content_read(struct hsw_canon *c, const struct content *content, struct hsw_message *m)
{
	const struct kind *kind = content->kind;

	m->type = kind != NULL ? kind->type : "unknown";
	if (kind == NULL)
		return;
	if (kind->text != NULL)
		m->content = cj_string(content->value, kind->text);
	if (kind->media != NULL)
		read_media(c, content, &m->media);
	if (kind->details != NULL)
		m->details = (struct hsw_fill){ kind->details, content };
	if (content_is(content, "interactive")) {
		m->type = interactive_type(content->value);
		m->content = cj_string(cj_object(content->value, "body"), "text");
	} else if (content_is(content, "contacts") && cj_length(content->value) == 1) {
		m->type = "contact";
	}
}
