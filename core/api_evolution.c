/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_evolution.c - the part of Evolution API's own interface that sets an instance's webhook (versions 1
 * and 2): programs that configure it there can configure it here. What is posted are our envelopes.
 *
 * An instance has one such webhook, labelled "evolution". Fields come in either version's spelling, flat
 * or inside "webhook", and others are passed over, as Evolution does. Event names are kept as given.
 */
#include <ctype.h>
#include <stdlib.h>

#include "api_call.h"
#include "api_json.h"
#include "err.h"

#define LABEL "evolution"
#define NAME_MAX_BYTES 40
#define NO_HOME (-1) /* an event that has no canonical type */

static const struct event_name {
	const char *name;
	int type;
} event_names[] = {
	{ "APPLICATION_STARTUP", TYPE_INSTANCE_STATE },
	{ "CALL", TYPE_CALL_UPDATE },
	{ "CHATS_DELETE", NO_HOME },
	{ "CHATS_SET", NO_HOME },
	{ "CHATS_UPDATE", NO_HOME },
	{ "CHATS_UPSERT", NO_HOME },
	{ "CONNECTION_UPDATE", TYPE_INSTANCE_STATE },
	{ "CONTACTS_SET", NO_HOME },
	{ "CONTACTS_UPDATE", NO_HOME },
	{ "CONTACTS_UPSERT", NO_HOME },
	{ "ERRORS", NO_HOME },
	{ "GROUPS_UPDATE", TYPE_GROUP_FLOW },
	{ "GROUPS_UPSERT", TYPE_GROUP_FLOW },
	{ "GROUP_PARTICIPANTS_UPDATE", TYPE_GROUP_FLOW },
	{ "GROUP_UPDATE", TYPE_GROUP_FLOW },
	{ "INSTANCE_CREATE", TYPE_INSTANCE_STATE },
	{ "INSTANCE_DELETE", TYPE_INSTANCE_STATE },
	{ "LABELS_ASSOCIATION", TYPE_LABEL_UPDATE },
	{ "LABELS_EDIT", TYPE_LABEL_UPDATE },
	{ "LOGOUT_INSTANCE", TYPE_INSTANCE_STATE },
	{ "MESSAGES_DELETE", TYPE_MESSAGE_EXCHANGE },
	{ "MESSAGES_EDITED", TYPE_MESSAGE_EXCHANGE },
	{ "MESSAGES_SET", TYPE_MESSAGE_EXCHANGE },
	{ "MESSAGES_UPDATE", TYPE_MESSAGE_STATUS },
	{ "MESSAGES_UPSERT", TYPE_MESSAGE_EXCHANGE },
	{ "NEW_JWT_TOKEN", NO_HOME },
	{ "PRESENCE_UPDATE", NO_HOME },
	{ "QRCODE_UPDATED", TYPE_INSTANCE_STATE },
	{ "REMOVE_INSTANCE", TYPE_INSTANCE_STATE },
	{ "SEND_MESSAGE", TYPE_MESSAGE_EXCHANGE },
	{ "SEND_MESSAGE_UPDATE", TYPE_MESSAGE_EXCHANGE },
	{ "STATUS_INSTANCE", TYPE_INSTANCE_STATE },
	{ "TYPEBOT_CHANGE_STATUS", NO_HOME },
	{ "TYPEBOT_START", NO_HOME },
};

/* "messages.upsert", "messages-upsert" and "MESSAGES_UPSERT" are the same. */
static const struct event_name *
find_event(const char *given)
{
	char name[NAME_MAX_BYTES];
	size_t n = 0;

	for (; given[n] != '\0' && n < sizeof(name) - 1; n++)
		name[n] = given[n] == '.' || given[n] == '-'
			? '_'
			: (char)toupper((unsigned char)given[n]);
	name[n] = '\0';
	for (size_t i = 0; i < sizeof(event_names) / sizeof(event_names[0]); i++) {
		if (given[n] == '\0' && strcmp(event_names[i].name, name) == 0)
			return &event_names[i];
	}
	return NULL;
}

/* ---- reading ---- */

static void
want(struct event_list *l, int type)
{
	if (type != NO_HOME && (event_list_bits(l) & 1u << type) == 0)
		l->types[l->n++] = (unsigned char)type;
}

static bool
read_names(struct json_object *list, struct webhook *w, struct hsw_error *err)
{
	struct buf names = BUF_INIT;
	bool is_good = true;

	for (size_t i = 0; i < json_object_array_length(list) && is_good; i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(list, i));
		const struct event_name *e = name != NULL ? find_event(name) : NULL;
		is_good = e != NULL;
		if (!is_good) {
			err_set(err, HSW_EINVAL, "events: unknown event `%.60s`",
				name != NULL ? name : "null");
			continue;
		}
		want(&w->events, e->type);
		buf_printf(&names, "%s%s", i > 0 ? "," : "", e->name);
	}
	buf_append(&names, "", 1);
	if (is_good && names.failed)
		err_set(err, HSW_ENOMEM, "Out of memory");
	is_good &= !names.failed;
	if (is_good)
		w->aliases = names.data;
	else
		buf_free(&names);
	return is_good;
}

/* None named are all. */
static bool
read_events(struct json_object *o, struct webhook *w, struct hsw_error *err)
{
	struct json_object *list = json_object_object_get(o, "events");

	if (list != NULL && !json_object_is_type(list, json_type_array)) {
		err_set(err, HSW_EINVAL, "events: expected an array");
		return false;
	}
	if (list != NULL && json_object_array_length(list) > 0)
		return read_names(list, w, err);
	if (w->enabled)
		event_list_all(&w->events);
	return true;
}

/* Evolution's own example says the Content-Type that every delivery has. */
static bool
read_headers(struct json_object *o, struct webhook *w, struct hsw_error *err)
{
	struct json_object *headers = json_object_object_get(o, "headers");
	struct json_object *type = json_object_is_type(headers, json_type_object)
		? json_object_object_get(headers, "Content-Type")
		: NULL;

	if (json_object_is_type(type, json_type_string) &&
		strcmp(json_object_get_string(type), "application/json") == 0)
		json_object_object_del(headers, "Content-Type");
	return api_json_headers(o, "headers", &w->headers, err) == HSW_OK;
}

/* The first of these members that is there; spellings ends with NULL. */
static bool
read_flag(struct json_object *o, const char *const *spellings, bool *out, struct hsw_error *err)
{
	bool is_set = false;

	for (; *spellings != NULL && !is_set; spellings++) {
		if (api_json_bool(o, *spellings, out, &is_set, err) != HSW_OK)
			return false;
	}
	return true;
}

static bool
read_webhook(struct change *c, struct json_object *root, struct hsw_error *err)
{
	static const char *const by_events[] = { "webhookByEvents", "webhook_by_events", "byEvents",
		NULL };
	static const char *const base64[] = { "webhookBase64", "webhook_base64", "base64", NULL };
	struct json_object *inner = json_object_object_get(root, "webhook");
	struct json_object *o = json_object_is_type(inner, json_type_object) ? inner : root;
	struct webhook *w = c->webhook = webhook_new(str_of(LABEL));

	if (w == NULL) {
		err_set(err, HSW_ENOMEM, "Out of memory");
		return false;
	}
	if (api_json_text(o, "url", WEBHOOK_TEXT_MAX, &w->url, err) != HSW_OK)
		return false;
	w->enabled = w->url != NULL;
	w->is_dashed = true;
	c->kept = WEBHOOK_EXTRAS & ~(unsigned)WEBHOOK_HEADERS; /* that interface has headers */
	c->not_given = WEBHOOK_CREDENTIALS;
	if (json_object_object_get_ex(o, "headers", NULL))
		c->not_given &= ~(unsigned)WEBHOOK_HEADERS;
	return api_json_bool(o, "enabled", &w->enabled, NULL, err) == HSW_OK &&
		read_flag(o, by_events, &w->by_events, err) &&
		read_flag(o, base64, &w->media_base64, err) && read_headers(o, w, err) &&
		read_events(o, w, err) && api_check_webhook(c, "url", err);
}

/* ---- printing ---- */

static void
print_names(const struct webhook *w, struct buf *out)
{
	const char *name = w->aliases != NULL ? w->aliases : "";
	bool is_first = true;

	if (w->aliases == NULL && w->enabled) {
		for (size_t i = 0; i < sizeof(event_names) / sizeof(event_names[0]); i++) {
			if (event_names[i].type == NO_HOME)
				continue;
			buf_printf(out, "%s\"%s\"", is_first ? "" : ",", event_names[i].name);
			is_first = false;
		}
	}
	while (*name != '\0') {
		size_t n = strcspn(name, ",");
		buf_printf(out, "%s\"%.*s\"", is_first ? "" : ",", (int)n, name);
		is_first = false;
		name += n + (name[n] == ',');
	}
}

static void
print_members(const struct webhook *w, struct buf *out)
{
	buf_printf(out, "{\"enabled\":%s,\"url\":", webhook_is_on(w) ? "true" : "false");
	buf_json_cstr(out, w->url != NULL ? w->url : "");
	buf_printf(out, ",\"webhookByEvents\":%s,\"webhookBase64\":%s,\"events\":[",
		w->by_events ? "true" : "false", w->media_base64 ? "true" : "false");
	print_names(w, out);
	buf_str(out, "]}");
}

static void
print_set(struct change *c, const struct webhook *w)
{
	c->status = 201;
	buf_str(&c->out, "{\"webhook\":{\"instanceName\":");
	buf_json_cstr(&c->out, c->instance);
	buf_str(&c->out, ",\"webhook\":");
	print_members(w, &c->out);
	buf_str(&c->out, "}}");
}

static void
print_found(struct change *c, const struct webhook *w)
{
	static const struct webhook none = { .enabled = false };

	print_members(w != NULL ? w : &none, &c->out);
}

/* ---- routes ---- */

/* Takes the body. */
static void
set(struct api_call *call, struct json_object *root)
{
	struct change *c = api_change(call);
	struct hsw_error err = { "" };

	if (c != NULL && read_webhook(c, root, &err)) {
		api_post_webhook(c, print_set);
	} else if (c != NULL) {
		change_free(c);
		api_error(call, 400, "%s", err.text);
	}
	json_object_put(root);
}

void
api_evolution_set(struct api_call *call)
{
	struct json_object *root = api_body(call, NULL);

	if (root != NULL)
		set(call, root);
}

/* The instance is the body's, or the token's. */
void
api_evolution_set_own(struct api_call *call)
{
	struct json_object *root = api_body(call, NULL);
	struct json_object *name = json_object_object_get(root, "instanceName");

	if (root == NULL)
		return;
	if (name == NULL)
		name = json_object_object_get(root, "instance");
	call->instance = json_object_is_type(name, json_type_string)
		? str_of(json_object_get_string(name))
		: call->of_token != NULL ? call->of_token->name
					 : (struct hsw_str){ NULL, 0 };
	bool is_anothers = call->of_token != NULL && call->instance.len > 0 &&
		!str_equal(call->of_token->name, call->instance);
	if (call->instance.len > 0 && !is_anothers) {
		set(call, root);
		return;
	}
	json_object_put(root);
	if (is_anothers)
		api_error(call, 403, "Instance token does not match requested instance");
	else
		api_error(call, 400, "instanceName: is missing");
}

void
api_evolution_find(struct api_call *call)
{
	struct change *c = api_change(call);

	if (c == NULL)
		return;
	c->label = strdup(LABEL);
	if (c->label != NULL) {
		api_post_find(c, print_found);
		return;
	}
	change_free(c);
	api_error(call, 503, "Out of memory");
}
