/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evolution.c - source-evolution: webhooks of Evolution API, v1 and v2.
 *
 *   {event, instance, data, destination, date_time, sender, server_url, apikey}
 *
 * `event` is written messages.upsert or MESSAGES_UPSERT, or it is in the path (/messages-upsert). `data` is an
 * object or an array of them. `sender` is the instance's own number. `date_time` is local time that says it
 * were UTC: it tells one event from the next, and no time.
 */
#include "evolution.h"
#include "secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64 /* of the JSON */
#define EVENT_MAX 64 /* bytes of a name that is known, with a NUL */

struct conf {
	const char *apikey;
	bool history;
};

static const struct hsw_option options[] = {
	{ .key = "apikey",
		.type = HSW_OPT_SECRET,
		.offset = offsetof(struct conf, apikey),
		.help = "The `apikey` that bodies must carry; others are refused with 401. Without "
			"it: it "
			"is not looked at." },
	{ .key = "history",
		.type = HSW_OPT_BOOL,
		.offset = offsetof(struct conf, history),
		.def = "no",
		.help = "Make events of the old messages that a phone hands over when it is linked "
			"(messages.set)." },
	{ .key = NULL },
};

struct evolution {
	const struct conf *conf;
	struct json_tokener *tokener;
	struct hsw_canon canon;
	/* The body that verify has read, for the translate that follows it; NULL: none. */
	struct json_object *body;
	const struct hsw_request *request;
};

/* ---- what the translators use ---- */

int
evolution_emit(struct translation *t)
{
	return canon_emit(t->canon, t->event, t->emit, t->out);
}

int
evolution_ignore(struct translation *t)
{
	return canon_ignore(t->canon, t->event, t->emit, t->out);
}

/* ---- events by name ---- */

static const struct route {
	const char *name; /* as normal_name makes it */
	int (*translate)(struct translation *, struct json_object *data);
} routes[] = {
	{ "messages.upsert", evolution_message },
	{ "messages.update", evolution_update },
	{ "send.message", evolution_sent_message },
	{ "send.message.update", evolution_sent_edit },
	{ "messages.edited", evolution_edited },
	{ "messages.delete", evolution_deleted },
	{ "messages.set", evolution_history },
	{ "group.participants.update", evolution_participants },
	{ "groups.upsert", evolution_group },
	{ "groups.update", evolution_group_update },
	{ "group.update", evolution_group_update },
	{ "labels.edit", evolution_label },
	{ "labels.association", evolution_label_association },
	{ "application.startup", evolution_startup },
	{ "status.instance", evolution_status },
	{ "logout.instance", evolution_logout },
	{ "remove.instance", evolution_logout },
	{ "connection.update", evolution_connection },
	{ "qrcode.updated", evolution_qrcode },
	{ "call", evolution_call },
};

/* Lower case, with dots: MESSAGES_UPSERT, messages.upsert and messages-upsert are one. */
static void
normal_name(struct hsw_str name, char out[EVENT_MAX])
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.s[i];
		out[i] = (char)(c == '_' || c == '-' ? '.' : c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	out[name.len] = '\0';
}

static const struct route *
find_route(struct hsw_str name)
{
	char normal[EVENT_MAX];

	if (name.len >= EVENT_MAX)
		return NULL;
	normal_name(name, normal);
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (strcmp(routes[i].name, normal) == 0)
			return &routes[i];
	}
	return NULL;
}

static int
translate_data(struct translation *t, struct json_object *data)
{
	const struct route *route = find_route(t->event);
	int rc = HSW_OK;

	if (route == NULL)
		return evolution_ignore(t);
	if (cj_length(data) == 0)
		return route->translate(t, data);
	for (size_t i = 0; i < cj_length(data) && rc == HSW_OK; i++)
		rc = route->translate(t, cj_at(data, i));
	return rc;
}

/* The name in the body, else the path's last part. */
static int
find_event(struct translation *t, struct json_object *body, struct hsw_error *err)
{
	struct hsw_str path = t->request->path;
	struct json_object *name = cj_get(body, "event");

	t->event = cj_text(name);
	if (name != NULL && t->event.s == NULL) {
		snprintf(err->text, sizeof(err->text), "event: expected a string, found %s",
			json_type_to_name(json_object_get_type(name)));
		return HSW_EINVAL;
	}
	if (t->event.len == 0 && path.len > 0) {
		const char *slash = memrchr(path.s, '/', path.len);
		size_t skip = slash != NULL ? (size_t)(slash - path.s) + 1 : 0;
		t->event = (struct hsw_str){ path.s + skip, path.len - skip };
	}
	if (t->event.len > 0)
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

	(void)host;
	(void)handle;
	if (e == NULL || (e->tokener = cj_tokener_new(DEPTH_MAX)) == NULL) {
		free(e);
		snprintf(err->text, sizeof(err->text), "out of memory");
		return HSW_ENOMEM;
	}
	e->conf = conf;
	*self = e;
	return HSW_OK;
}

static void
forget_body(struct evolution *e)
{
	json_object_put(e->body);
	e->body = NULL;
}

static int
source_verify(void *self, const struct hsw_request *request, struct hsw_error *err)
{
	struct evolution *e = self;

	forget_body(e);
	if (e->conf->apikey == NULL)
		return HSW_OK;
	e->body = cj_parse(e->tokener, request->body, err);
	e->request = request;
	if (e->body == NULL)
		return HSW_EINVAL;
	struct hsw_str given = cj_string(e->body, "apikey");
	if (given.s != NULL && secret_is(given, e->conf->apikey))
		return HSW_OK;
	snprintf(err->text, sizeof(err->text), "apikey: is %s",
		given.s != NULL ? "not the one expected" : "missing");
	forget_body(e);
	return HSW_EAUTH;
}

static int
source_translate(void *self, const struct hsw_request *request,
	int (*emit)(struct hsw_emit *, const struct hsw_event *), struct hsw_emit *out,
	struct hsw_error *err)
{
	struct evolution *e = self;
	struct translation t = { .canon = &e->canon,
		.request = request,
		.emit = emit,
		.out = out,
		.keeps_history = e->conf->history };

	if (e->request != request)
		forget_body(e);
	if (e->body == NULL)
		e->body = cj_parse(e->tokener, request->body, err);
	if (e->body == NULL)
		return HSW_EINVAL;
	canon_start(&e->canon, request, cj_string(e->body, "date_time"));
	evolution_party(&t.own, cj_get(e->body, "sender"));
	int rc = find_event(&t, e->body, err);
	if (rc == HSW_OK) {
		rc = translate_data(&t, cj_get(e->body, "data"));
		if (rc != HSW_OK)
			snprintf(err->text, sizeof(err->text),
				"data: too many or too large events, or no memory");
	}
	forget_body(e);
	return rc;
}

static void
source_close(void *self)
{
	struct evolution *e = self;

	forget_body(e);
	json_tokener_free(e->tokener);
	canon_free(&e->canon);
	free(e);
}

static const struct hsw_source_ops ops = {
	.size = sizeof(struct hsw_source_ops),
	.open = source_open,
	.verify = source_verify,
	.translate = source_translate,
	.close = source_close,
};

HSW_PLUGIN(HSW_SOURCE, "evolution", "1.0", "Evolution API, v1 and v2", sizeof(struct conf), options,
	&ops);
