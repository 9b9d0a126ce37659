/* SPDX-License-Identifier: Apache-2.0 */
/* tail_watch.c - see tail_watch.h. */
#include "tail_watch.h"

#include <stdio.h>
#include <string.h>

#include "client.h"
#include "json_text.h"

static bool
carries(struct json_object *events, struct hsw_str name)
{
	for (size_t i = 0; i < json_object_array_length(events); i++) {
		const char *one = json_object_get_string(json_object_array_get_idx(events, i));
		if (one != NULL && str_is(name, one))
			return true;
	}
	return false;
}

/* The wanted names that are not among the events, with commas. */
static void
list_missing(const char *wanted, struct json_object *events, struct buf *out)
{
	for (const char *at = wanted; at != NULL; at = *at == ',' ? at + 1 : NULL) {
		at += strspn(at, " ");
		const struct hsw_str name = { at, strcspn(at, ", ") };
		if (!carries(events, name)) {
			buf_str(out, out->len > 0 ? ", " : "");
			buf_append(out, name.s, name.len);
		}
		at += strcspn(at, ",");
	}
}

/* What is to be said of it; nothing, where all is well. */
static void
judge(const struct tail_watch *w, struct json_object *websocket, struct buf *line)
{
	struct json_object *enabled = json_object_object_get(websocket, "enabled");
	struct json_object *events = json_object_object_get(websocket, "events");
	struct buf missing = BUF_INIT;

	if (!json_object_is_type(enabled, json_type_boolean))
		return;
	if (!json_object_get_boolean(enabled)) {
		buf_printf(line, "the WebSocket of %s is disabled: nothing comes", w->instance);
		return;
	}
	if (json_object_is_type(events, json_type_array))
		list_missing(w->events, events, &missing);
	if (missing.len > 0)
		buf_printf(line, "the WebSocket of %s does not carry %.*s", w->instance,
			(int)missing.len, missing.data);
	buf_free(&missing);
}

static void
tell(struct tail_watch *w, struct buf *line)
{
	const struct hsw_str now = str_of_buf(line);

	if (now.len > 0 && !line->failed && !str_equal(now, str_of_buf(&w->told)))
		fprintf(stderr, "hookswitch: %.*s\n", (int)now.len, now.s);
	buf_free(&w->told);
	w->told = *line;
}

void
tail_watch_look(void *watch)
{
	struct tail_watch *w = watch;
	struct ws_client c = { .stream = *w->unconnected };
	struct buf target = BUF_INIT, body = BUF_INIT, line = BUF_INIT;
	struct hsw_error err = { "" };

	buf_str(&target, "/api/events/getWebsocket/");
	client_escape(&target, w->instance);
	buf_append(&target, "", 1);
	int rc = target.failed
		? HSW_ENOMEM
		: ws_client_ask(w->url, target.data, w->token, w->ca, &c, &body, &err);
	if (rc == HSW_OK) {
		struct json_object *root = json_text_parse(str_of_buf(&body));
		judge(w, json_object_object_get(root, "websocket"), &line);
		json_object_put(root);
		tell(w, &line);
	}
	buf_free(&target);
	buf_free(&body);
}
