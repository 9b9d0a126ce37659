/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever comes as a body, the translator neither crashes nor leaks, and what it emits is JSON with and without
 * each part. The first byte chooses the path.
 */
#include <stdlib.h>
#include <string.h>

#include <hookswitch/source.h>
#include <json.h>

extern const struct hsw_plugin hsw_plugin;
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hsw_str
no_header(const struct hsw_request *request, const char *name)
{
	(void)request;
	(void)name;
	return (struct hsw_str){ NULL, 0 };
}

static int
check_event(struct hsw_emit *emit, const struct hsw_event *event)
{
	static const unsigned choices[] = { 0, HSW_MEDIA, HSW_CODES, HSW_KEYS,
		HSW_MEDIA | HSW_CODES | HSW_KEYS };

	(void)emit;
	for (size_t k = 0; event->type != NULL && k < sizeof(choices) / sizeof(choices[0]); k++) {
		char *text = NULL;
		size_t len = 0;
		for (size_t i = 0; i < event->pieces; i++) {
			const struct hsw_piece *p = &event->data[i];
			if (p->part != 0 && !(p->part & choices[k]))
				continue;
			text = realloc(text, len + p->bytes.len + 1);
			memcpy(text + len, p->bytes.s, p->bytes.len);
			len += p->bytes.len;
		}
		struct json_tokener *tokener = json_tokener_new_ex(200);
		json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
		struct json_object *root = json_tokener_parse_ex(tokener, text, (int)len);
		if (!json_object_is_type(root, json_type_object))
			abort();
		json_object_put(root);
		json_tokener_free(tokener);
		free(text);
	}
	return HSW_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = { "", "/messages-upsert", "/", "/a/call" };
	static void *self;
	const struct hsw_source_ops *ops = hsw_plugin.ops;
	const char *path = size > 0 ? paths[data[0] % 4] : "";
	struct hsw_error err;

	if (self == NULL && ops->open(NULL, NULL, NULL, &self, &err) != HSW_OK)
		abort();
	const struct hsw_request request = { .size = sizeof(request),
		.method = { "POST", 4 },
		.path = { path, strlen(path) },
		.instance = { "fuzz", 4 },
		.body = { (const char *)data, size },
		.received_ms = 1795239228123,
		.header = no_header };
	ops->translate(self, &request, check_event, NULL, &err);
	return 0;
}
