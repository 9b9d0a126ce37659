/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evolution.c - source-evolution: webhooks of Evolution API, v1 and v2.
 *
 *   {event, instance, data, destination, date_time, sender, server_url, apikey}
 *
 * `event` is written messages.upsert or MESSAGES_UPSERT; with webhook_by_events it may only be in the path
 * (/messages-upsert). `data` is an object or an array of them. `sender` is the instance's own number.
 * `apikey` is a credential: only what the translators name ever leaves here.
 */
#include "evolution.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64      /* of the JSON */
#define NAME_MAX_BYTES 64 /* of an event */

/* ---- what the translators use ---- */

int
evolution_emit(struct translation *t, const char *type, const struct hsw_identity *identity,
	const char *key)
{
	size_t pieces = canon_pieces(t->canon);
	const struct hsw_event event = {
		.size = sizeof(event),
		.type = type,
		.provider_event = t->event,
		.identity = { identity->data, identity->len },
		.key = { key, strlen(key) },
		.data = t->canon->pieces,
		.pieces = pieces,
	};

	return pieces > 0 ? t->emit(t->out, &event) : HSW_ENOMEM;
}

int
evolution_ignore(struct translation *t)
{
	const struct hsw_event event = { .size = sizeof(event), .provider_event = t->event };

	return t->emit(t->out, &event);
}

int64_t
evolution_timestamp(struct translation *t, struct json_object *o, const char *key)
{
	char text[HSW_TIME_MAX];
	int64_t ms = 0;
	bool is_known = key != NULL && cj_time(o, key, &ms);

	canon_time(is_known ? ms : t->request->received_ms, text);
	canon_text(t->canon, "timestamp", text);
	return is_known ? ms : 0;
}

int64_t
evolution_key_time(const struct translation *t, int64_t provider_ms)
{
	return provider_ms != 0 ? provider_ms : t->request->received_ms / 2000;
}

/* ---- identities ---- */

/* One walk over the few members that there are costs less than looking each name up. */
static void
add_members(struct hsw_party *p, struct json_object *o, const char *const *names)
{
	if (!json_object_is_type(o, json_type_object))
		return;
	json_object_object_foreach(o, key, value)
	{
		for (const char *const *name = names; *name != NULL; name++) {
			if (strcmp(*name, key) == 0)
				canon_party_add(p, cj_text(value));
		}
	}
}

/* remoteJid may be a LID whose phone stands beside it, or the other way round. */
void
evolution_chat(struct json_object *key, struct json_object *data, struct hsw_party *chat)
{
	static const char *const alternatives[] = { "remoteJidAlt", "senderPn", "senderLid",
		"previousRemoteJid", NULL };

	canon_party_add(chat, cj_string(key, "remoteJid"));
	if (chat->type != HSW_JID_PHONE && chat->type != HSW_JID_LID)
		return;
	add_members(chat, key, alternatives);
	add_members(chat, data, alternatives);
}

void
evolution_author(struct json_object *key, struct json_object *data, struct hsw_party *author)
{
	static const char *const names[] = { "participant", "participantAlt", "participantPn",
		"participantLid", "senderPn", "senderLid", NULL };

	add_members(author, key, names);
	add_members(author, data, names);
}

/* ---- events by name ---- */

static const struct route {
	const char *name; /* in the form of normal_name */
	int (*translate)(struct translation *, struct json_object *data);
} routes[] = {
	{ "messages.upsert", evolution_message },
	{ "send.message", evolution_sent_message },
	{ "messages.update", evolution_update },
	{ "connection.update", evolution_connection },
	{ "qrcode.updated", evolution_qrcode },
	{ "group.participants.update", evolution_participants },
	{ "call", evolution_call },
};

/* Lower case, with dots: MESSAGES_UPSERT, messages.upsert and messages-upsert are one. */
static void
normal_name(struct hsw_str name, char out[NAME_MAX_BYTES])
{
	size_t n = 0;

	for (; n < name.len && n < NAME_MAX_BYTES - 1; n++) {
		char c = name.s[n];
		out[n] = c == '_' || c == '-' ? '.' : c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	out[n] = '\0';
}

static const struct route *
find_route(struct hsw_str name)
{
	char normal[NAME_MAX_BYTES];

	if (name.s == NULL || name.len >= NAME_MAX_BYTES)
		return NULL;
	normal_name(name, normal);
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(routes[i].name, normal) == 0)
			return &routes[i];
	}
	return NULL;
}

static int
translate_one(struct translation *t, const struct route *route, struct json_object *data)
{
	canon_reset(t->canon);
	int rc = route->translate(t, data);
	free(t->owned);
	t->owned = NULL;
	return rc;
}

static int
translate_data(struct translation *t)
{
	const struct route *route = find_route(t->event);
	struct json_object *data = cj_get(t->body, "data");
	int rc = HSW_OK;

	if (route == NULL)
		return evolution_ignore(t);
	if (!json_object_is_type(data, json_type_array))
		return translate_one(t, route, data);
	for (size_t i = 0; i < json_object_array_length(data) && rc == HSW_OK; i++)
		rc = translate_one(t, route, json_object_array_get_idx(data, i));
	return rc;
}

/* The name in the body, else the path's last part. */
static int
find_event(struct translation *t, struct hsw_error *err)
{
	struct hsw_str path = t->request->path;
	struct json_object *name = cj_get(t->body, "event");

	t->event = cj_text(name);
	if (name != NULL && t->event.s == NULL) {
		snprintf(err->text, sizeof(err->text), "event: expected a string, found %s",
			json_type_to_name(json_object_get_type(name)));
		return HSW_EINVAL;
	}
	if (t->event.s == NULL && path.len > 1) {
		const char *slash = memrchr(path.s, '/', path.len);
		size_t skip = slash != NULL ? (size_t)(slash - path.s) + 1 : 0;
		t->event = (struct hsw_str){ path.s + skip, path.len - skip };
	}
	if (t->event.s != NULL && t->event.len > 0)
		return HSW_OK;
	snprintf(err->text, sizeof(err->text),
		"event: is missing, expected a name such as messages.upsert");
	return HSW_EINVAL;
}

/* ---- the source ---- */

static int
source_open(const struct hsw_host *host, struct hsw_handle *handle, const void *conf, void **self,
	struct hsw_error *err)
{
	struct evolution *e = calloc(1, sizeof(*e));

	(void)conf;
	if (e == NULL || (e->tokener = json_tokener_new_ex(DEPTH_MAX)) == NULL) {
		free(e);
		snprintf(err->text, sizeof(err->text), "out of memory");
		return HSW_ENOMEM;
	}
	json_tokener_set_flags(e->tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	e->host = host;
	e->handle = handle;
	*self = e;
	return HSW_OK;
}

static int
source_translate(void *self, const struct hsw_request *request,
	int (*emit)(struct hsw_emit *, const struct hsw_event *), struct hsw_emit *out,
	struct hsw_error *err)
{
	struct evolution *e = self;
	struct translation t = { .source = e,
		.canon = &e->canon,
		.request = request,
		.emit = emit,
		.out = out,
		.body = cj_parse(e->tokener, request->body, err) };

	if (t.body == NULL)
		return HSW_EINVAL;
	t.own = cj_string(t.body, "sender");
	int rc = find_event(&t, err);
	if (rc == HSW_OK) {
		rc = translate_data(&t);
		if (rc != HSW_OK)
			snprintf(err->text, sizeof(err->text),
				"the event could not be translated (error %d)", rc);
	}
	json_object_put(t.body);
	return rc;
}

static void
source_close(void *self)
{
	struct evolution *e = self;

	json_tokener_free(e->tokener);
	canon_free(&e->canon);
	free(e);
}

static const struct hsw_source_ops ops = {
	.size = sizeof(struct hsw_source_ops),
	.open = source_open,
	.translate = source_translate,
	.close = source_close,
};

HSW_PLUGIN(HSW_SOURCE, "evolution", "1.0", "Evolution API, v1 and v2", 0, NULL, &ops);
