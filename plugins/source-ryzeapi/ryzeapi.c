/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ryzeapi.c - source-ryzeapi: webhooks of RyzeAPI.
 *
 *   {event, data, instanceData: {baseUrl, instance, token}}
 *
 * `event` is one of the six canonical types, or, with byEvents, it is in the path (/message.exchange,
 * /message-exchange). instanceData is theirs, and has the instance's token: it is never read.
 */
#include "ryzeapi.h"

#include <stdio.h>
#include <string.h>

#include "handle.h"

/* ---- what the translators use ---- */

int
ryzeapi_emit(struct translation *t)
{
	return canon_emit(t->canon, t->event, t->emit, t->out);
}

int
ryzeapi_ignore(struct translation *t)
{
	return canon_ignore(t->canon, t->event, t->emit, t->out);
}

/* ---- events by name ---- */

static const struct route {
	const char *name;
	int (*translate)(struct translation *, struct json_object *data);
} routes[] = {
	{ "message.exchange", ryzeapi_message },
	{ "message.status", ryzeapi_status },
	{ "call.update", ryzeapi_call },
	{ "group.flow", ryzeapi_flow },
	{ "instance.state", ryzeapi_state },
	{ "label.update", ryzeapi_label },
};

static int
translate_data(struct translation *t, struct json_object *data)
{
	const struct route *route = NULL;
	int rc = HSW_OK;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (ryzeapi_is(t->event, routes[i].name))
			route = &routes[i];
	}
	if (route == NULL)
		return ryzeapi_ignore(t);
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

	t->event = cj_string(body, "event");
	if (t->event.len == 0 && path.len > 0) {
		const char *slash = memrchr(path.s, '/', path.len);
		size_t skip = slash != NULL ? (size_t)(slash - path.s) + 1 : 0;
		t->event = (struct hsw_str){ path.s + skip, path.len - skip };
	}
	if (t->event.len > 0)
		return HSW_OK;
	snprintf(err->text, sizeof(err->text),
		"event: is missing, expected a name such as message.exchange");
	return HSW_EINVAL;
}

/* ---- the source ---- */

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
		rc = translate_data(&t, cj_get(body, "data"));
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
	.translate = source_translate,
	.close = handle_close,
};

HSW_PLUGIN(HSW_SOURCE, "ryzeapi", "1.0", "RyzeAPI", 0, NULL, &ops);
