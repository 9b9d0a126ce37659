/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_source.c - any bytes as a body of a source plugin's; linked with each of them. What it says must hold: an
 * event is valid JSON with and without its parts, has an identity, and its chat as key.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <json.h>

#include <hookswitch/source.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

extern const struct hsw_plugin hsw_plugin;

#define CONF_MAX 1024 /* bytes of a conf struct */

/* What a path is that the plugin needs. */
#ifndef FUZZ_PATH
#define FUZZ_PATH NULL
#endif

struct hsw_emit {
	struct json_tokener *tokener;
	char *text;
	size_t cap;
};

static void
check_json(struct hsw_emit *e, const struct hsw_event *event, unsigned parts)
{
	size_t len = 0;

	for (size_t i = 0; i < event->pieces; i++) {
		const struct hsw_piece *p = &event->data[i];
		if (p->part != 0 && (p->part & parts) == 0)
			continue;
		if (len + p->bytes.len > e->cap) {
			e->cap = 2 * (len + p->bytes.len);
			e->text = realloc(e->text, e->cap);
			if (e->text == NULL)
				abort();
		}
		memcpy(e->text + len, p->bytes.s, p->bytes.len);
		len += p->bytes.len;
	}
	json_tokener_reset(e->tokener);
	struct json_object *o = json_tokener_parse_ex(e->tokener, e->text, (int)len);
	if (json_tokener_get_error(e->tokener) != json_tokener_success ||
		json_tokener_get_parse_end(e->tokener) != len ||
		!json_object_is_type(o, json_type_object))
		abort();
	json_object_put(o);
}

/* Labels are of chats, or of none when they themselves change; a map's receipts may name messages alone. */
static bool
has_chat(const char *type)
{
	return strcmp(type, "message.exchange") == 0 || strcmp(type, "group.flow") == 0;
}

static int
emit(struct hsw_emit *e, const struct hsw_event *event)
{
	if (event->provider_event.len == 0)
		abort();
	if (event->type == NULL)
		return HSW_OK;
	if (event->identity.len == 0 || event->pieces == 0 || event->pieces > HSW_PIECES_MAX)
		abort();
	if (event->key.len == 0 && has_chat(event->type))
		abort();
	check_json(e, event, 0);
	check_json(e, event, HSW_MEDIA | HSW_CODES | HSW_KEYS);
	check_json(e, event, HSW_MEDIA);
	check_json(e, event, HSW_KEYS);
	return HSW_OK;
}

static struct hsw_str
no_header(const struct hsw_request *request, const char *name)
{
	(void)request;
	(void)name;
	return (struct hsw_str){ NULL, 0 };
}

/* Every yes-or-no option on, instances that events name, time enough, and all others as if they were not set. */
static void
switch_on(char *conf)
{
	if (hsw_plugin.conf_size > CONF_MAX)
		abort();
	for (const struct hsw_option *o = hsw_plugin.options; o != NULL && o->key != NULL; o++) {
		if (o->type == HSW_OPT_BOOL)
			conf[o->offset] = 1;
		else if (strcmp(o->key, "instance_from") == 0)
			*(int *)(void *)(conf + o->offset) = 1; /* of each event */
		else if (o->type == HSW_OPT_MSEC)
			*(int64_t *)(void *)(conf + o->offset) = 1000;
		else if (o->type == HSW_OPT_PATH)
			*(const char **)(void *)(conf + o->offset) = FUZZ_PATH;
	}
}

static void *self; /* the handle */

/* A library may hold memory by pointers that a leak checker does not know, until the handle is closed. */
static void
close_handle(void)
{
	((const struct hsw_source_ops *)hsw_plugin.ops)->close(self);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = { "", "/messages-upsert", "/", "/a/call" };
	const char *path = paths[size % 4];
	static struct hsw_emit out;
	static _Alignas(max_align_t) char conf[CONF_MAX];
	const struct hsw_source_ops *ops = hsw_plugin.ops;
	struct hsw_error err = { "" };
	const struct hsw_request request = { .size = sizeof(request),
		.path = { path, strlen(path) },
		.instance = { "sales", 5 },
		.body = { (const char *)data, size },
		.received_ms = 1795239228123,
		.header = no_header };

	if (self == NULL) {
		out.tokener = json_tokener_new_ex(128);
		json_tokener_set_flags(
			out.tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
		switch_on(conf);
		if (ops->open(NULL, NULL, conf, &self, &err) != HSW_OK || atexit(close_handle) != 0)
			abort();
	}
	int rc = ops->translate(self, &request, emit, &out, &err);
	bool is_refused = rc == HSW_EINVAL || rc == HSW_EUNPROCESSABLE;
	if (rc != HSW_OK && (!is_refused || err.text[0] == '\0'))
		abort();
	return 0;
}
