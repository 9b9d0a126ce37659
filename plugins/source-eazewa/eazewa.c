/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eazewa.c - source-eazewa: webhooks of eazeWA (WaAPI) and other servers around whatsapp-web.js.
 *
 *   {event, instanceId, data}      eazeWA, WaAPI
 *   {dataType, data, sessionId}    wwebjs-api, whatsapp-api
 *   {event, args: [...], id}       the arguments of whatsapp-web.js's own event, in its order
 *
 * or the object itself, with the name of the event in it, in the path, or told by its members.
 */
#include "eazewa.h"

#include <stdio.h>
#include <string.h>

#include "handle.h"
#include "secret.h"

#define EVENT_MAX 64 /* bytes of a name that is known, with a NUL */
#define ARGS_MAX 3   /* of an event */

struct conf {
	const char *apikey;
};

static const struct hsw_option options[] = {
	{ .key = "apikey",
		.type = HSW_OPT_SECRET,
		.offset = offsetof(struct conf, apikey),
		.help = "What the header `x-api-key` must be, as wwebjs-api sends it; others are "
			"refused with 401. Without it: it is not looked at." },
	{ .key = NULL },
};

/* ---- what the translators use ---- */

int
eazewa_emit(struct translation *t)
{
	return canon_emit(t->canon, t->event, t->emit, t->out);
}

int
eazewa_ignore(struct translation *t)
{
	return canon_ignore(t->canon, t->event, t->emit, t->out);
}

/* ---- events by name ---- */

static const struct route {
	const char *name; /* as normal_name makes it */
	int (*translate)(struct translation *, struct json_object *data);
	const char *args[ARGS_MAX]; /* what they are called in data */
} routes[] = {
	{ "message", eazewa_message, { "message" } },
	{ "message_create", eazewa_message, { "message" } },
	{ "message_ciphertext", eazewa_message, { "message" } },
	{ "media", eazewa_uploaded, { "message" } },
	{ "media_uploaded", eazewa_uploaded, { "message" } },
	{ "message_ack", eazewa_ack, { "message", "ack" } },
	{ "message_revoke_everyone", eazewa_revoke_everyone, { "after", "before" } },
	{ "message_revoke_me", eazewa_revoke_me, { "message" } },
	{ "message_reaction", eazewa_reaction, { "reaction" } },
	{ "message_edit", eazewa_edit, { "message", "newBody", "prevBody" } },
	{ "vote_update", eazewa_vote, { "vote" } },
	{ "group_join", eazewa_group, { "notification" } },
	{ "group_leave", eazewa_group, { "notification" } },
	{ "group_update", eazewa_group, { "notification" } },
	{ "group_admin_changed", eazewa_group, { "notification" } },
	{ "group_membership_request", eazewa_group, { "notification" } },
	{ "call", eazewa_call, { "call" } },
	{ "incoming_call", eazewa_call, { "call" } },
	{ "loading_screen", eazewa_loading, { "percent", "message" } },
	{ "qr", eazewa_qr, { "qr" } },
	{ "code", eazewa_code, { "code" } },
	{ "authenticated", eazewa_authenticated, { NULL } },
	{ "auth_failure", eazewa_auth_failure, { "message" } },
	{ "status", eazewa_auth_failure, { "msg" } }, /* so wwebjs-api calls it */
	{ "ready", eazewa_ready, { NULL } },
	{ "disconnected", eazewa_disconnected, { "reason" } },
	{ "change_state", eazewa_change_state, { "state" } },
};

/* Lower case, with underscores: message-create and MESSAGE_CREATE are one. */
static void
normal_name(struct hsw_str name, char out[EVENT_MAX])
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.s[i];
		out[i] = (char)(c == '.' || c == '-' ? '_' : c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	out[name.len] = '\0';
}

static const struct route *
find_route(struct hsw_str name)
{
	char normal[EVENT_MAX];

	if (name.s == NULL || name.len >= EVENT_MAX)
		return NULL;
	normal_name(name, normal);
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(routes[i].name, normal) == 0)
			return &routes[i];
	}
	return NULL;
}

static struct hsw_str
last_part(struct hsw_str path)
{
	const char *slash = path.len > 0 ? memrchr(path.s, '/', path.len) : NULL;
	size_t skip = slash != NULL ? (size_t)(slash - path.s) + 1 : 0;

	return slash != NULL ? (struct hsw_str){ slash + 1, path.len - skip } : path;
}

/* A reaction and a message of whatsapp-web.js are known by their members; a message has a key for id. */
static const char *
name_by_members(struct json_object *o)
{
	struct json_object *id = cj_object(o, "id");

	if (cj_get(o, "reaction") != NULL &&
		(cj_get(o, "msgId") != NULL || cj_get(o, "msg_id") != NULL))
		return "message_reaction";
	if (cj_get(id, "remote") != NULL && cj_get(id, "fromMe") != NULL &&
		cj_get(o, "type") != NULL && cj_get(o, "chatId") == NULL)
		return "message";
	return NULL;
}

/* In the body, else in the path, else by what is there. */
static int
find_event(struct translation *t, struct json_object *body, struct hsw_error *err)
{
	const char *key = cj_get(body, "event") == NULL ? "dataType" : "event";
	struct json_object *name = cj_get(body, key);
	struct hsw_str path = last_part(t->request->path);
	const char *known = NULL;

	t->event = cj_text(name);
	if (name != NULL && t->event.s == NULL) {
		snprintf(err->text, sizeof(err->text), "%s: expected a string, found %s", key,
			json_type_to_name(json_object_get_type(name)));
		return HSW_EINVAL;
	}
	if (t->event.len == 0 && find_route(path) != NULL)
		t->event = path;
	else if (t->event.len == 0)
		known = name_by_members(body);
	if (known != NULL)
		t->event = (struct hsw_str){ known, strlen(known) };
	if (t->event.len > 0)
		return HSW_OK;
	snprintf(err->text, sizeof(err->text),
		"event: is missing, expected a name such as message (or dataType)");
	return HSW_EINVAL;
}

/* ---- data ---- */

/* args under their names; NULL: no memory. To be put. */
static struct json_object *
named_args(const struct route *route, struct json_object *args)
{
	struct json_object *data = json_object_new_object();

	for (size_t i = 0; data != NULL && i < ARGS_MAX && route->args[i] != NULL; i++) {
		struct json_object *arg = json_object_get(cj_at(args, i));
		if (json_object_object_add(data, route->args[i], arg) != 0) {
			json_object_put(arg);
			json_object_put(data);
			return NULL;
		}
	}
	return data;
}

/* `data`, or the body itself where it has none. */
static int
translate_data(struct translation *t, const struct route *route, struct json_object *body)
{
	struct json_object *data = cj_get(body, "data");
	int rc = HSW_OK;

	if (!json_object_object_get_ex(body, "data", NULL))
		data = body;
	if (cj_length(data) == 0)
		return route->translate(t, data);
	for (size_t i = 0; i < cj_length(data) && rc == HSW_OK; i++)
		rc = route->translate(t, cj_at(data, i));
	return rc;
}

static int
translate_body(struct translation *t, struct json_object *body)
{
	const struct route *route = find_route(t->event);
	struct json_object *args = cj_array(body, "args");

	if (route == NULL)
		return eazewa_ignore(t);
	if (args == NULL || cj_get(body, "data") != NULL)
		return translate_data(t, route, body);
	struct json_object *data = named_args(route, args);
	if (data == NULL)
		return HSW_ENOMEM;
	int rc = route->translate(t, data);
	json_object_put(data);
	return rc;
}

/* ---- the source ---- */

static int
source_verify(void *self, const struct hsw_request *request, struct hsw_error *err)
{
	const struct conf *conf = ((struct handle *)self)->conf;

	if (conf->apikey == NULL)
		return HSW_OK;
	struct hsw_str given = request->header(request, "x-api-key");
	if (given.s != NULL && secret_is(given, conf->apikey))
		return HSW_OK;
	snprintf(err->text, sizeof(err->text), "x-api-key: is %s",
		given.s != NULL ? "not the one expected" : "missing");
	return HSW_EAUTH;
}

static int
source_translate(void *self, const struct hsw_request *request,
	int (*emit)(struct hsw_emit *, const struct hsw_event *), struct hsw_emit *out,
	struct hsw_error *err)
{
	struct handle *h = self;
	struct translation t = { .canon = &h->canon, .request = request, .emit = emit, .out = out };
	struct json_object *body = cj_parse(h->tokener, request->body, err);

	if (body == NULL)
		return HSW_EINVAL;
	canon_start(&h->canon, request, (struct hsw_str){ NULL, 0 });
	int rc = find_event(&t, body, err);
	if (rc == HSW_OK) {
		rc = translate_body(&t, body);
		if (rc != HSW_OK)
			snprintf(err->text, sizeof(err->text),
				"data: too many or too large events, or no memory");
	}
	json_object_put(body);
	return rc;
}

static const struct hsw_source_ops ops = {
	.size = sizeof(struct hsw_source_ops),
	.open = handle_open,
	.verify = source_verify,
	.translate = source_translate,
	.close = handle_close,
};

HSW_PLUGIN(HSW_SOURCE, "eazewa", "1.0", "eazeWA, WaAPI, wwebjs-api: servers of whatsapp-web.js",
	sizeof(struct conf), options, &ops);
