/* SPDX-License-Identifier: Apache-2.0 */
/* content.c - what a WhatsApp message holds: Baileys' nodes (proto.IMessage) to canonical types. */
#include "evolution.h"

#include <string.h>

#define WRAPPERS_MAX 5 /* within each other */

/* Nodes that hold a whole message in `message`. */
static const char *const wrappers[] = { "ephemeralMessage", "viewOnceMessage", "viewOnceMessageV2",
	"viewOnceMessageV2Extension", "documentWithCaptionMessage", "deviceSentMessage",
	"editedMessage", "lottieStickerMessage", "botInvokeMessage", "groupMentionedMessage",
	"associatedChildMessage" };

/* text: the member that is its text; "" where the node itself is a string. */
static const struct kind {
	const char *node, *type, *media, *text;
} kinds[] = {
	{ "conversation", "text", NULL, "" },
	{ "extendedTextMessage", "text", NULL, "text" },
	{ "imageMessage", "image", "image", "caption" },
	{ "videoMessage", "video", "video", "caption" },
	{ "ptvMessage", "ptv", "ptv", "caption" },
	{ "audioMessage", "audio", "audio", NULL },
	{ "documentMessage", "document", "document", "caption" },
	{ "stickerMessage", "sticker", "sticker", NULL },
	{ "locationMessage", "location", NULL, "comment" },
	{ "liveLocationMessage", "live_location", NULL, "caption" },
	{ "contactMessage", "contact", NULL, NULL },
	{ "contactsArrayMessage", "contacts", NULL, NULL },
	{ "pollCreationMessage", "poll", NULL, NULL },
	{ "pollCreationMessageV2", "poll", NULL, NULL },
	{ "pollCreationMessageV3", "poll", NULL, NULL },
	{ "pollUpdateMessage", "poll_vote", NULL, NULL },
	{ "reactionMessage", "reaction", NULL, NULL },
	{ "buttonsResponseMessage", "buttons_response", NULL, NULL },
	{ "listResponseMessage", "list_response", NULL, NULL },
	{ "templateButtonReplyMessage", "template_button_reply", NULL, NULL },
	{ "interactiveResponseMessage", "interactive", NULL, NULL },
	{ "interactiveMessage", "interactive", NULL, NULL },
	{ "buttonsMessage", "interactive", NULL, "contentText" },
	{ "listMessage", "interactive", NULL, "description" },
	{ "templateMessage", "interactive", NULL, NULL },
	{ "orderMessage", "order", NULL, "message" },
	{ "productMessage", "product", NULL, "body" },
	{ "eventMessage", "event", NULL, "description" },
	{ "groupInviteMessage", "group_invite", NULL, "caption" },
	{ "protocolMessage", "system", NULL, NULL },
};

/* Nodes that go along with others and are no content by themselves. */
static const char *const companions[] = { "messageContextInfo", "senderKeyDistributionMessage",
	"fastRatchetKeySenderKeyDistributionMessage", "base64", "mediaUrl", "speechToText" };

/* The message within a wrapper, NULL: it is none. */
static struct json_object *
wrapped(const char *name, struct json_object *value)
{
	for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++) {
		if (strcmp(wrappers[i], name) == 0)
			return cj_object(value, "message");
	}
	return NULL;
}

static struct json_object *
unwrap(struct json_object *message)
{
	for (int depth = 0; depth < WRAPPERS_MAX && message != NULL; depth++) {
		struct json_object *inner = NULL;
		json_object_object_foreach(message, name, value)
		{
			inner = inner != NULL ? inner : wrapped(name, value);
		}
		if (inner == NULL)
			break;
		message = inner;
	}
	return message;
}

static bool
is_companion(const char *name)
{
	for (size_t i = 0; i < sizeof(companions) / sizeof(companions[0]); i++) {
		if (strcmp(companions[i], name) == 0)
			return true;
	}
	return false;
}

static const struct kind *
find_kind(const char *node)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].node, node) == 0)
			return &kinds[i];
	}
	return NULL;
}

static struct hsw_str
interactive_text(struct json_object *node)
{
	return cj_string(cj_object(node, "body"), "text");
}

static struct content
content_of(const struct kind *kind, struct json_object *message)
{
	struct json_object *value = cj_get(message, kind->node);
	struct content c = { .type = kind->type,
		.media = kind->media,
		.node_name = kind->node,
		.node = json_object_is_type(value, json_type_object) ? value : NULL,
		.message = message };

	if (kind->text != NULL && kind->text[0] == '\0')
		c.text = cj_text(value);
	else if (kind->text != NULL)
		c.text = cj_string(c.node, kind->text);
	if (strcmp(kind->node, "interactiveMessage") == 0)
		c.text = interactive_text(c.node);
	return c;
}

/* messageType may be empty or name a wrapper, so the node is looked for; unknown ones are `unknown`. */
struct content
content_find(struct json_object *message)
{
	struct content c = { .type = "unknown" };

	message = unwrap(message);
	c.message = message;
	if (message == NULL)
		return c;
	json_object_object_foreach(message, name, value)
	{
		const struct kind *kind = value != NULL ? find_kind(name) : NULL;
		if (kind != NULL)
			return content_of(kind, message);
		if (value != NULL && c.node == NULL && !is_companion(name) &&
			json_object_is_type(value, json_type_object))
			c.node = value;
	}
	return c;
}

/* ---- members of single types ---- */

static void
number_member(struct hsw_canon *c, const char *key, struct json_object *o, const char *from)
{
	struct json_object *value = cj_get(o, from);

	if (json_object_is_type(value, json_type_double) ||
		json_object_is_type(value, json_type_int)) {
		const char *text = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN);
		canon_raw(c, key, (struct hsw_str){ text, strlen(text) });
	}
}

static void
location(struct hsw_canon *c, const struct content *content)
{
	canon_open_object(c, "location");
	number_member(c, "latitude", content->node, "degreesLatitude");
	number_member(c, "longitude", content->node, "degreesLongitude");
	canon_string(c, "name", cj_string(content->node, "name"));
	canon_string(c, "address", cj_string(content->node, "address"));
	canon_close_object(c);
}

/* "waid=5511999999999:" in a vCard is the number as WhatsApp knows it. */
static struct hsw_str
vcard_phone(struct hsw_str vcard)
{
	static const char mark[] = "waid=";
	const char *at = vcard.s != NULL ? memmem(vcard.s, vcard.len, mark, sizeof(mark) - 1)
					 : NULL;
	struct hsw_str phone = { NULL, 0 };

	if (at == NULL)
		return phone;
	phone.s = at + sizeof(mark) - 1;
	const char *end = vcard.s + vcard.len;
	while (phone.s + phone.len < end && phone.s[phone.len] >= '0' && phone.s[phone.len] <= '9')
		phone.len++;
	return phone.len > 0 ? phone : (struct hsw_str){ NULL, 0 };
}

static void
contact_members(struct hsw_canon *c, struct json_object *node)
{
	struct hsw_str vcard = cj_string(node, "vcard");

	canon_string(c, "display_name", cj_string(node, "displayName"));
	canon_string(c, "phone_number", vcard_phone(vcard));
	canon_string(c, "vcard", vcard);
}

static void
contact(struct hsw_canon *c, const struct content *content)
{
	canon_open_object(c, "contact");
	contact_members(c, content->node);
	canon_close_object(c);
}

static void
contacts(struct hsw_canon *c, const struct content *content)
{
	struct json_object *list = cj_array(content->node, "contacts");
	size_t n = list != NULL ? json_object_array_length(list) : 0;

	canon_open_array(c, "contacts");
	for (size_t i = 0; i < n; i++) {
		canon_open_object(c, NULL);
		contact_members(c, json_object_array_get_idx(list, i));
		canon_close_object(c);
	}
	canon_close_array(c);
}

static void
poll(struct hsw_canon *c, const struct content *content)
{
	struct json_object *list = cj_array(content->node, "options");
	size_t n = list != NULL ? json_object_array_length(list) : 0;
	int64_t selectable;

	canon_open_object(c, "poll");
	canon_string(c, "title", cj_string(content->node, "name"));
	canon_open_array(c, "options");
	for (size_t i = 0; i < n; i++) {
		canon_open_object(c, NULL);
		canon_string(
			c, "name", cj_string(json_object_array_get_idx(list, i), "optionName"));
		canon_close_object(c);
	}
	canon_close_array(c);
	if (cj_number(content->node, "selectableOptionsCount", &selectable))
		canon_int(c, "selectable", selectable);
	canon_close_object(c);
}

/* The vote is encrypted here; its options come later, with messages.update. */
static void
poll_vote(struct hsw_canon *c, const struct content *content)
{
	canon_open_object(c, "poll");
	canon_string(c, "message_id",
		cj_string(cj_object(content->node, "pollCreationMessageKey"), "id"));
	canon_open_array(c, "options");
	canon_close_array(c);
	canon_close_object(c);
}

static void
buttons_response(struct hsw_canon *c, const struct content *content)
{
	canon_open_object(c, "interactive");
	canon_string(c, "selectedButtonId", cj_string(content->node, "selectedButtonId"));
	canon_string(c, "title", cj_string(content->node, "selectedDisplayText"));
	canon_close_object(c);
}

static void
template_reply(struct hsw_canon *c, const struct content *content)
{
	canon_open_object(c, "interactive");
	canon_string(c, "selectedButtonId", cj_string(content->node, "selectedId"));
	canon_string(c, "title", cj_string(content->node, "selectedDisplayText"));
	canon_close_object(c);
}

static void
list_response(struct hsw_canon *c, const struct content *content)
{
	canon_open_object(c, "interactive");
	canon_string(c, "selectedRowId",
		cj_string(cj_object(content->node, "singleSelectReply"), "selectedRowId"));
	canon_string(c, "title", cj_string(content->node, "title"));
	canon_string(c, "description", cj_string(content->node, "description"));
	canon_close_object(c);
}

static void
interactive_response(struct hsw_canon *c, const struct content *content)
{
	struct json_object *flow = cj_object(content->node, "nativeFlowResponseMessage");

	canon_open_object(c, "interactive");
	canon_string(c, "title", cj_string(cj_object(content->node, "body"), "text"));
	canon_string(c, "name", cj_string(flow, "name"));
	canon_string(c, "paramsJson", cj_string(flow, "paramsJson"));
	canon_close_object(c);
}

static void
interactive(struct hsw_canon *c, const struct content *content)
{
	canon_open_object(c, "interactive");
	canon_string(c, "title", cj_string(content->node, "title"));
	canon_string(c, "buttonText", cj_string(content->node, "buttonText"));
	canon_string(c, "footer", cj_string(content->node, "footerText"));
	canon_close_object(c);
}

static void
order(struct hsw_canon *c, const struct content *content)
{
	canon_open_object(c, "order");
	canon_string(c, "id", cj_string(content->node, "orderId"));
	canon_string(c, "title", cj_string(content->node, "orderTitle"));
	number_member(c, "itemCount", content->node, "itemCount");
	canon_close_object(c);
}

static void
product(struct hsw_canon *c, const struct content *content)
{
	struct json_object *p = cj_object(content->node, "product");

	canon_open_object(c, "product");
	canon_string(c, "id", cj_string(p, "productId"));
	canon_string(c, "title", cj_string(p, "title"));
	canon_string(c, "description", cj_string(p, "description"));
	canon_string(c, "url", cj_string(p, "url"));
	canon_close_object(c);
}

static void
event(struct hsw_canon *c, const struct content *content)
{
	char text[HSW_TIME_MAX];
	int64_t ms;

	canon_open_object(c, "event");
	canon_string(c, "name", cj_string(content->node, "name"));
	if (cj_time(content->node, "startTime", &ms)) {
		canon_time(ms, text);
		canon_text(c, "startTime", text);
	}
	canon_string(c, "link", cj_string(content->node, "joinLink"));
	canon_close_object(c);
}

static void
group_invite(struct hsw_canon *c, const struct content *content)
{
	canon_open_object(c, "groupInvite");
	canon_string(c, "groupJid", cj_string(content->node, "groupJid"));
	canon_string(c, "groupName", cj_string(content->node, "groupName"));
	canon_string(c, "code", cj_string(content->node, "inviteCode"));
	canon_close_object(c);
}

void
content_members(struct hsw_canon *c, const struct content *content)
{
	static const struct {
		const char *node;
		void (*write)(struct hsw_canon *, const struct content *);
	} writers[] = {
		{ "locationMessage", location },
		{ "liveLocationMessage", location },
		{ "contactMessage", contact },
		{ "contactsArrayMessage", contacts },
		{ "pollCreationMessage", poll },
		{ "pollCreationMessageV2", poll },
		{ "pollCreationMessageV3", poll },
		{ "pollUpdateMessage", poll_vote },
		{ "buttonsResponseMessage", buttons_response },
		{ "templateButtonReplyMessage", template_reply },
		{ "listResponseMessage", list_response },
		{ "interactiveResponseMessage", interactive_response },
		{ "interactiveMessage", interactive },
		{ "buttonsMessage", interactive },
		{ "listMessage", interactive },
		{ "orderMessage", order },
		{ "productMessage", product },
		{ "eventMessage", event },
		{ "groupInviteMessage", group_invite },
	};

	for (size_t i = 0; content->node != NULL && i < sizeof(writers) / sizeof(writers[0]); i++) {
		if (content->node_name != NULL && strcmp(writers[i].node, content->node_name) == 0)
			writers[i].write(c, content);
	}
}
