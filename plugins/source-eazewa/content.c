/* SPDX-License-Identifier: Apache-2.0 */
/*
 * content.c - what a message holds: whatsapp-web.js's types to canonical ones. `body` is the text of most of
 * them, the vCard of a contact, and a thumbnail of a location.
 */
#include "eazewa.h"

#include <string.h>
#include <strings.h>

/* ---- members that only some types have ---- */

static const struct view *
view_of(const void *arg)
{
	return arg;
}

static struct hsw_str
literal(const struct view *v, struct json_object *o, const char *name, const char *raw_name)
{
	struct hsw_str s = cj_literal(o, name);

	return s.len > 0 ? s : cj_literal(v->raw, raw_name);
}

/* Older servers have name and address as two lines of one description, as the browser has in `loc`. */
static void
read_place(struct hsw_str lines, struct hsw_location *out)
{
	const char *end = lines.len > 0 ? memchr(lines.s, '\n', lines.len) : NULL;
	size_t n = end != NULL ? (size_t)(end - lines.s) : lines.len;

	out->name = (struct hsw_str){ lines.s, n };
	if (end != NULL)
		out->address = (struct hsw_str){ end + 1, lines.len - n - 1 };
}

static void
location(struct hsw_canon *c, const void *arg)
{
	const struct view *v = view_of(arg);
	struct json_object *o = cj_object(v->message, "location");
	struct json_object *named = view_inner(o, "options");
	struct hsw_location l = { .latitude = literal(v, o, "latitude", "lat"),
		.longitude = literal(v, o, "longitude", "lng"),
		.name = cj_string(named, "name"),
		.address = cj_string(named, "address") };

	if (l.name.len == 0 && l.address.len == 0)
		read_place(literal(v, o, "description", "loc"), &l);
	canon_location(c, &l);
}

/* The FN of a vCard: what its owner is called. */
static struct hsw_str
vcard_name(struct hsw_str vcard)
{
	struct hsw_str none = { NULL, 0 };

	for (size_t at = 0; at < vcard.len;) {
		const char *line = vcard.s + at, *end = memchr(line, '\n', vcard.len - at);
		size_t n = end != NULL ? (size_t)(end - line) : vcard.len - at;
		at += n + 1;
		if (n > 0 && line[n - 1] == '\r')
			n--;
		const char *colon = n > 0 ? memchr(line, ':', n) : NULL;
		bool is_name = colon != NULL && n > 2 && strncasecmp(line, "FN", 2) == 0 &&
			(line[2] == ':' || line[2] == ';');
		if (is_name)
			return (struct hsw_str){ colon + 1, (size_t)(line + n - colon) - 1 };
	}
	return none;
}

static void
write_contact(struct hsw_canon *c, const char *key, struct hsw_str name, struct hsw_str vcard)
{
	canon_contact(c, key, name.len > 0 ? name : vcard_name(vcard), vcard);
}

static void
contact(struct hsw_canon *c, const void *arg)
{
	const struct view *v = view_of(arg);
	struct hsw_str vcard = cj_text(cj_at(cj_array(v->message, "vCards"), 0));

	if (vcard.len == 0)
		vcard = view_string(v, "body");
	write_contact(c, "contact", view_string(v, "vcardFormattedName"), vcard);
}

/* vCards: [vCard]; _data.vcardList: [{displayName, vcard}] */
static void
contacts(struct hsw_canon *c, const void *arg)
{
	const struct view *v = view_of(arg);
	struct json_object *list = cj_array(v->message, "vCards");

	if (cj_length(list) == 0)
		list = cj_array(v->raw, "vcardList");
	canon_open_array(c, "contacts");
	for (size_t i = 0; i < cj_length(list); i++) {
		struct json_object *one = cj_at(list, i);
		struct hsw_str text = cj_text(one);
		write_contact(c, NULL, cj_string(one, "displayName"),
			text.s != NULL ? text : cj_string(one, "vcard"));
	}
	canon_close_array(c);
}

/* pollOptions: [{name, localId}] or [name] */
static void
poll(struct hsw_canon *c, const void *arg)
{
	const struct view *v = view_of(arg);
	struct json_object *list = view_get(v, "pollOptions");
	struct hsw_str title = view_string(v, "pollName");
	int64_t n;

	canon_open_object(c, "poll");
	canon_string(c, "title", title.s != NULL ? title : view_string(v, "body"));
	canon_open_array(c, "options");
	for (size_t i = 0; i < cj_length(list); i++) {
		struct json_object *one = cj_at(list, i);
		canon_option(c, cj_text(one).s != NULL ? cj_text(one) : cj_string(one, "name"));
	}
	canon_close_array(c);
	if (cj_number_of(view_get(v, "pollSelectableOptionsCount"), &n))
		canon_int(c, "selectable", n);
	canon_close_object(c);
}

static void
response(struct hsw_canon *c, const void *arg)
{
	const struct view *v = view_of(arg);
	struct json_object *list = cj_object(v->raw, "listResponse");
	struct hsw_str row = view_string(v, "selectedRowId"), title = cj_string(list, "title");

	if (row.len == 0)
		row = cj_string(cj_object(list, "singleSelectReply"), "selectedRowId");
	canon_open_object(c, "interactive");
	canon_some(c, "selectedButtonId", view_string(v, "selectedButtonId"));
	canon_some(c, "selectedRowId", row);
	canon_some(c, "title", title.len > 0 ? title : view_string(v, "body"));
	canon_some(c, "description", cj_string(list, "description"));
	canon_close_object(c);
}

static void
interactive(struct hsw_canon *c, const void *arg)
{
	const struct view *v = view_of(arg);

	canon_open_object(c, "interactive");
	canon_some(c, "title", view_string(v, "title"));
	canon_some(c, "footer", view_string(v, "footer"));
	canon_close_object(c);
}

static void
order(struct hsw_canon *c, const void *arg)
{
	const struct view *v = view_of(arg);
	int64_t n;

	canon_open_object(c, "order");
	canon_some(c, "id", view_string(v, "orderId"));
	canon_some(c, "title", view_string(v, "orderTitle"));
	if (cj_number(v->raw, "itemCount", &n))
		canon_int(c, "itemCount", n);
	if (cj_number(v->raw, "totalAmount1000", &n))
		canon_int(c, "totalAmount1000", n);
	canon_some(c, "currency", view_string(v, "totalCurrencyCode"));
	canon_close_object(c);
}

static void
product(struct hsw_canon *c, const void *arg)
{
	const struct view *v = view_of(arg);

	canon_open_object(c, "product");
	canon_some(c, "id", view_string(v, "productId"));
	canon_some(c, "title", view_string(v, "title"));
	canon_some(c, "description", view_string(v, "description"));
	canon_some(c, "url", view_string(v, "url"));
	canon_close_object(c);
}

static void
write_time(struct hsw_canon *c, const char *key, const struct view *v, const char *name)
{
	int64_t ms = cj_time(view_holder(v, name), name);

	if (ms != 0)
		canon_when(c, key, ms);
}

static void
event(struct hsw_canon *c, const void *arg)
{
	const struct view *v = view_of(arg);
	struct json_object *canceled = view_holder(v, "isEventCanceled");

	canon_open_object(c, "event");
	canon_some(c, "name", view_string(v, "eventName"));
	write_time(c, "startTime", v, "eventStartTime");
	write_time(c, "endTime", v, "eventEndTime");
	canon_some(c, "link", view_string(v, "eventJoinLink"));
	canon_tri(c, "isCanceled", cj_tri(canceled, "isEventCanceled"));
	canon_close_object(c);
}

/* The code lets anyone in who has it, as the invitation does: it is what was sent. */
static void
group_invite(struct hsw_canon *c, const void *arg)
{
	const struct view *v = view_of(arg);
	struct json_object *invite = cj_object(v->message, "inviteV4");
	struct hsw_party group = { .type = HSW_JID_NONE };
	struct hsw_str code = cj_string(invite, "inviteCode");
	struct hsw_str name = cj_string(invite, "groupName");

	eazewa_add(c, &group, cj_get(invite, "groupId"));
	eazewa_add(c, &group, cj_get(v->raw, "inviteGrp"));
	canon_open_object(c, "groupInvite");
	canon_some(c, "groupJid", (struct hsw_str){ group.jid, strlen(group.jid) });
	canon_some(c, "groupName", name.len > 0 ? name : view_string(v, "inviteGrpName"));
	canon_some(c, "code", code.len > 0 ? code : view_string(v, "inviteCode"));
	canon_close_object(c);
}

/* ---- the types ---- */

static const struct type {
	const char *name, *type;
	const char *media; /* its type; NULL: none */
	const char *text;  /* the member that is its text; NULL: none */
	void (*details)(struct hsw_canon *, const void *view);
} types[] = {
	{ "chat", "text", NULL, "body", NULL },
	{ "text", "text", NULL, "body", NULL },
	{ "image", "image", "image", "body", NULL },
	{ "video", "video", "video", "body", NULL },
	{ "ptv", "ptv", "ptv", "body", NULL },
	{ "audio", "audio", "audio", NULL, NULL },
	{ "ptt", "audio", "ptt", NULL, NULL },
	{ "document", "document", "document", "body", NULL },
	{ "sticker", "sticker", "sticker", NULL, NULL },
	{ "location", "location", NULL, "comment", location },
	{ "live_location", "live_location", NULL, "comment", location },
	{ "vcard", "contact", NULL, NULL, contact },
	{ "multi_vcard", "contacts", NULL, NULL, contacts },
	{ "poll_creation", "poll", NULL, NULL, poll },
	{ "list_response", "list_response", NULL, NULL, response },
	{ "buttons_response", "buttons_response", NULL, NULL, response },
	{ "template_button_reply", "template_button_reply", NULL, NULL, response },
	{ "interactive", "interactive", NULL, "body", interactive },
	{ "interactive_response", "interactive", NULL, "body", interactive },
	{ "native_flow", "interactive", NULL, "body", interactive },
	{ "list", "interactive", NULL, "body", interactive },
	{ "buttons", "interactive", NULL, "body", interactive },
	{ "hsm", "interactive", NULL, "body", interactive },
	{ "order", "order", NULL, "body", order },
	{ "product", "product", NULL, "body", product },
	{ "event_creation", "event", NULL, "eventDescription", event },
	{ "scheduled_event_creation", "event", NULL, "eventDescription", event },
	{ "groups_v4_invite", "group_invite", NULL, "body", group_invite },
	{ "call_log", "system", NULL, "body", NULL },
	{ "gp2", "system", NULL, "body", NULL },
	{ "group_notification", "system", NULL, "body", NULL },
	{ "broadcast_notification", "system", NULL, "body", NULL },
	{ "e2e_notification", "system", NULL, "body", NULL },
	{ "notification", "system", NULL, "body", NULL },
	{ "notification_template", "system", NULL, "body", NULL },
	{ "protocol", "system", NULL, "body", NULL },
};

static const struct type *
find_type(struct hsw_str name)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (word_is(name, types[i].name))
			return &types[i];
	}
	return NULL;
}

const char *
content_media(struct hsw_str name)
{
	const struct type *type = find_type(name);

	return type != NULL ? type->media : NULL;
}

/* In _data the body of media is a thumbnail, and the caption the text. */
static struct hsw_str
text_of(const struct view *v, const struct type *type)
{
	if (strcmp(type->text, "body") != 0)
		return view_string(v, type->text);
	if (type->media == NULL)
		return view_string(v, "body");
	if (cj_string(v->message, "caption").len > 0 || cj_string(v->message, "body").s == NULL)
		return view_string(v, "caption");
	return cj_string(v->message, "body");
}

static struct hsw_str
name_of(const struct view *v)
{
	struct hsw_str name = view_string(v, "type");

	if (!word_is(name, "location") || !cj_bool(v->raw, "isLive"))
		return name;
	return (struct hsw_str){ "live_location", strlen("live_location") };
}

/* What could not be decrypted (ciphertext) may come yet. */
void
content_read(const struct view *v, struct hsw_message *m)
{
	struct hsw_str name = name_of(v);
	const struct type *type = find_type(name);

	m->type = type != NULL ? type->type : "unknown";
	if (word_is(name, "ciphertext"))
		m->change = HSW_STUB;
	else if (type == NULL)
		m->content = cj_string(v->message, "body");
	else if (type->text != NULL)
		m->content = text_of(v, type);
	if (type != NULL && type->details != NULL)
		m->details = (struct hsw_fill){ type->details, v };
}
