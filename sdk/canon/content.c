/* SPDX-License-Identifier: Apache-2.0 */
/* content.c - what a WhatsApp message holds: Baileys' nodes (proto.IMessage) to canonical types. */
#include <hookswitch/canon_content.h>

#include <stdlib.h>
#include <string.h>

#define WRAPPERS_MAX 8 /* within each other */

/* ---- members that only some types have ---- */

static struct json_object *
value_of(const void *content)
{
	return ((const struct hsw_content *)content)->value;
}

static void
location(struct hsw_canon *c, const void *content)
{
	struct json_object *value = value_of(content);

	canon_location(c,
		&(struct hsw_location){ .latitude = cj_literal(value, "degreesLatitude"),
			.longitude = cj_literal(value, "degreesLongitude"),
			.name = cj_string(value, "name"),
			.address = cj_string(value, "address") });
}

static void
contact(struct hsw_canon *c, const void *content)
{
	struct json_object *value = value_of(content);

	canon_contact(c, "contact", cj_string(value, "displayName"), cj_string(value, "vcard"));
}

static void
contacts(struct hsw_canon *c, const void *content)
{
	struct json_object *list = cj_array(value_of(content), "contacts");

	canon_open_array(c, "contacts");
	for (size_t i = 0; i < cj_length(list); i++) {
		struct json_object *one = cj_at(list, i);
		canon_contact(c, NULL, cj_string(one, "displayName"), cj_string(one, "vcard"));
	}
	canon_close_array(c);
}

static void
poll(struct hsw_canon *c, const void *content)
{
	struct json_object *value = value_of(content), *list = cj_array(value, "options");
	int64_t selectable;

	canon_open_object(c, "poll");
	canon_string(c, "title", cj_string(value, "name"));
	canon_open_array(c, "options");
	for (size_t i = 0; i < cj_length(list); i++)
		canon_option(c, cj_string(cj_at(list, i), "optionName"));
	canon_close_array(c);
	if (cj_number(value, "selectableOptionsCount", &selectable))
		canon_int(c, "selectable", selectable);
	canon_close_object(c);
}

/* What was voted for is encrypted, but a provider may add the names where it has the poll itself. */
static void
poll_vote(struct hsw_canon *c, const void *content)
{
	struct json_object *value = value_of(content);
	struct json_object *chosen = cj_array(cj_object(value, "vote"), "selectedOptions");

	canon_open_object(c, "poll");
	canon_string(c, "message_id", cj_string(cj_object(value, "pollCreationMessageKey"), "id"));
	if (chosen != NULL) {
		canon_open_array(c, "options");
		for (size_t i = 0; i < cj_length(chosen); i++)
			canon_option(c, cj_text(cj_at(chosen, i)));
		canon_close_array(c);
	}
	canon_close_object(c);
}

static void
buttons_response(struct hsw_canon *c, const void *content)
{
	struct json_object *value = value_of(content);
	struct hsw_str title = cj_string(value, "selectedDisplayText");

	if (title.s == NULL) /* Go writes a oneof as an object of its own */
		title = cj_string(cj_object(value, "response"), "selectedDisplayText");
	canon_open_object(c, "interactive");
	canon_string(c, "selectedButtonId", cj_string(value, "selectedButtonId"));
	canon_string(c, "title", title);
	canon_close_object(c);
}

static void
template_reply(struct hsw_canon *c, const void *content)
{
	struct json_object *value = value_of(content);

	canon_open_object(c, "interactive");
	canon_string(c, "selectedButtonId", cj_string(value, "selectedId"));
	canon_string(c, "title", cj_string(value, "selectedDisplayText"));
	canon_close_object(c);
}

static void
list_response(struct hsw_canon *c, const void *content)
{
	struct json_object *value = value_of(content);

	canon_open_object(c, "interactive");
	canon_string(c, "selectedRowId",
		cj_string(cj_object(value, "singleSelectReply"), "selectedRowId"));
	canon_string(c, "title", cj_string(value, "title"));
	canon_some(c, "description", cj_string(value, "description"));
	canon_close_object(c);
}

static void
interactive_response(struct hsw_canon *c, const void *content)
{
	struct json_object *value = value_of(content);
	struct json_object *flow = cj_object(value, "nativeFlowResponseMessage");

	if (flow == NULL)
		flow = cj_object(cj_object(value, "interactiveResponseMessage"),
			"nativeFlowResponseMessage");
	canon_open_object(c, "interactive");
	canon_string(c, "title", cj_string(cj_object(value, "body"), "text"));
	canon_string(c, "name", cj_string(flow, "name"));
	canon_string(c, "paramsJson", cj_string(flow, "paramsJson"));
	canon_close_object(c);
}

static void
interactive(struct hsw_canon *c, const void *content)
{
	struct json_object *value = value_of(content);
	struct hsw_str title = cj_string(value, "title"), footer = cj_string(value, "footerText");

	if (title.s == NULL)
		title = cj_string(cj_object(value, "header"), "title");
	if (footer.s == NULL)
		footer = cj_string(cj_object(value, "footer"), "text");
	canon_open_object(c, "interactive");
	canon_some(c, "title", title);
	canon_some(c, "buttonText", cj_string(value, "buttonText"));
	canon_some(c, "footer", footer);
	canon_close_object(c);
}

static void
order(struct hsw_canon *c, const void *content)
{
	struct json_object *value = value_of(content);
	int64_t n;

	canon_open_object(c, "order");
	canon_string(c, "id", cj_string(value, "orderId"));
	canon_some(c, "title", cj_string(value, "orderTitle"));
	if (cj_number(value, "itemCount", &n))
		canon_int(c, "itemCount", n);
	if (cj_number(value, "totalAmount1000", &n))
		canon_int(c, "totalAmount1000", n);
	canon_some(c, "currency", cj_string(value, "totalCurrencyCode"));
	canon_close_object(c);
}

static void
product(struct hsw_canon *c, const void *content)
{
	struct json_object *value = cj_object(value_of(content), "product");

	canon_open_object(c, "product");
	canon_string(c, "id", cj_string(value, "productId"));
	canon_some(c, "title", cj_string(value, "title"));
	canon_some(c, "description", cj_string(value, "description"));
	canon_some(c, "url", cj_string(value, "url"));
	canon_close_object(c);
}

static void
event(struct hsw_canon *c, const void *content)
{
	struct json_object *value = value_of(content);
	int64_t start = cj_time(value, "startTime"), end = cj_time(value, "endTime");

	canon_open_object(c, "event");
	canon_string(c, "name", cj_string(value, "name"));
	if (start != 0)
		canon_when(c, "startTime", start);
	if (end != 0)
		canon_when(c, "endTime", end);
	canon_some(c, "link", cj_string(value, "joinLink"));
	canon_tri(c, "isCanceled", cj_tri(value, "isCanceled"));
	canon_close_object(c);
}

/* The code lets anyone in who has it, as the invitation does: it is what was sent. */
static void
group_invite(struct hsw_canon *c, const void *content)
{
	struct json_object *value = value_of(content);

	canon_open_object(c, "groupInvite");
	canon_string(c, "groupJid", cj_string(value, "groupJid"));
	canon_some(c, "groupName", cj_string(value, "groupName"));
	canon_string(c, "code", cj_string(value, "inviteCode"));
	canon_close_object(c);
}

/* ---- the nodes ---- */

/* Sorted by name. */
static const struct hsw_node nodes[] = {
	{ "audioMessage", "audio", "audio", NULL, NULL },
	{ "base64", NULL, NULL, NULL, NULL },
	{ "buttonsMessage", "interactive", NULL, "contentText", interactive },
	{ "buttonsResponseMessage", "buttons_response", NULL, NULL, buttons_response },
	{ "contactMessage", "contact", NULL, NULL, contact },
	{ "contactsArrayMessage", "contacts", NULL, NULL, contacts },
	{ "conversation", "text", NULL, "", NULL },
	{ "documentMessage", "document", "document", "caption", NULL },
	{ "eventMessage", "event", NULL, "description", event },
	{ "extendedTextMessage", "text", NULL, "text", NULL },
	{ "fastRatchetKeySenderKeyDistributionMessage", NULL, NULL, NULL, NULL },
	{ "groupInviteMessage", "group_invite", NULL, "caption", group_invite },
	{ "imageMessage", "image", "image", "caption", NULL },
	{ "interactiveMessage", "interactive", NULL, "body", interactive },
	{ "interactiveResponseMessage", "interactive", NULL, NULL, interactive_response },
	{ "listMessage", "interactive", NULL, "description", interactive },
	{ "listResponseMessage", "list_response", NULL, NULL, list_response },
	{ "liveLocationMessage", "live_location", NULL, "caption", location },
	{ "locationMessage", "location", NULL, "comment", location },
	{ "mediaUrl", NULL, NULL, NULL, NULL },
	{ "messageContextInfo", NULL, NULL, NULL, NULL },
	{ "orderMessage", "order", NULL, "message", order },
	{ "pollCreationMessage", "poll", NULL, NULL, poll },
	{ "pollCreationMessageV2", "poll", NULL, NULL, poll },
	{ "pollCreationMessageV3", "poll", NULL, NULL, poll },
	{ "pollCreationMessageV5", "poll", NULL, NULL, poll },
	{ "pollUpdateMessage", "poll_vote", NULL, NULL, poll_vote },
	{ "productMessage", "product", NULL, "body", product },
	{ "protocolMessage", "system", NULL, NULL, NULL },
	{ "ptvMessage", "ptv", "ptv", "caption", NULL },
	{ "reactionMessage", "reaction", NULL, NULL, NULL },
	{ "senderKeyDistributionMessage", NULL, NULL, NULL, NULL },
	{ "speechToText", NULL, NULL, NULL, NULL },
	{ "stickerMessage", "sticker", "sticker", NULL, NULL },
	{ "templateButtonReplyMessage", "template_button_reply", NULL, NULL, template_reply },
	{ "templateMessage", "interactive", NULL, NULL, NULL },
	{ "videoMessage", "video", "video", "caption", NULL },
};

static int
compare_name(const void *name, const void *node)
{
	return strcmp(name, ((const struct hsw_node *)node)->name);
}

static const struct hsw_node *
find_node(const char *name)
{
	return bsearch(
		name, nodes, sizeof(nodes) / sizeof(nodes[0]), sizeof(nodes[0]), compare_name);
}

/* interactiveMessage's body is an object, too. */
static struct hsw_str
text_of(const struct hsw_node *node, struct json_object *value)
{
	if (node->text == NULL)
		return (struct hsw_str){ NULL, 0 };
	if (node->text[0] == '\0')
		return cj_text(value);
	struct json_object *text = cj_get(value, node->text);
	return json_object_is_type(text, json_type_object) ? cj_string(text, "text")
							   : cj_text(text);
}

/*
 * The first member that is content wins; messageType is not looked at: it may be empty or name a wrapper.
 * A wrapper is any node that holds a whole message in `message`. Returns what is to be looked into next;
 * NULL: out has it all.
 */
static struct json_object *
look_into(struct json_object *message, struct hsw_content *out)
{
	json_object_object_foreach(message, name, value)
	{
		const struct hsw_node *node = find_node(name);
		if (value == NULL || (node != NULL && node->type == NULL))
			continue;
		struct json_object *inner = node == NULL ? cj_object(value, "message") : NULL;
		if (inner != NULL) {
			out->is_edited |= strcmp(name, "editedMessage") == 0;
			return inner;
		}
		bool is_object = json_object_is_type(value, json_type_object);
		if (node == NULL && (out->value != NULL || !is_object))
			continue;
		out->node = node;
		out->value = is_object ? value : NULL;
		if (node == NULL)
			continue;
		out->text = text_of(node, value);
		return NULL;
	}
	return NULL;
}

struct hsw_content
canon_content(struct json_object *message)
{
	struct hsw_content c = { .node = NULL };

	for (int depth = 0; message != NULL && depth < WRAPPERS_MAX; depth++) {
		c.message = json_object_is_type(message, json_type_object) ? message : NULL;
		c.value = NULL;
		message = c.message != NULL ? look_into(message, &c) : NULL;
	}
	return c;
}

bool
canon_content_is(const struct hsw_content *c, const char *type)
{
	return c->node != NULL && strcmp(c->node->type, type) == 0;
}
