/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_shown.c - any body as what is shown of it: as a line for a terminal, where nothing controls the terminal, and
 * as raw JSON, which is JSON and has no credential that stood in a member of its own.
 */
#include <stdint.h>
#include <stdlib.h>

#include <json.h>

#include "event_line.h"
#include "raw.h"
#include "status_order.h"

#define BODY_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_line(struct json_object *o)
{
	struct buf line = BUF_INIT;

	event_line(&line, o, false);
	if (line.failed || line.len == 0 || line.data[line.len - 1] != '\n')
		abort();
	for (size_t i = 0; i + 1 < line.len; i++) {
		unsigned char c = (unsigned char)line.data[i];
		if (c < 0x20 || c == 0x7f)
			abort();
	}
	buf_free(&line);
}

/* A token whose value was not replaced. */
static void
check_redacted(struct json_object *o)
{
	if (json_object_is_type(o, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(o); i++)
			check_redacted(json_object_array_get_idx(o, i));
	}
	if (!json_object_is_type(o, json_type_object))
		return;
	json_object_object_foreach(o, name, value)
	{
		if (strcasecmp(name, "token") == 0 && value != NULL &&
			strcmp(json_object_get_string(value), "[redacted]") != 0)
			abort();
		check_redacted(value);
	}
}

static struct json_object *
parse(struct hsw_str text)
{
	struct json_tokener *t = json_tokener_new_ex(128);

	if (t == NULL)
		abort();
	json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *o = json_tokener_parse_ex(t, text.s, (int)text.len);
	bool is_whole = json_tokener_get_error(t) == json_tokener_success &&
		json_tokener_get_parse_end(t) == text.len;
	json_tokener_free(t);
	if (is_whole)
		return o;
	json_object_put(o);
	return NULL;
}

static void
check_raw(struct hsw_str body)
{
	struct buf raw = BUF_INIT;

	raw_json(&raw, body);
	struct json_object *shown = parse((struct hsw_str){ raw.data, raw.len });
	if (raw.failed || (shown == NULL && !str_is((struct hsw_str){ raw.data, raw.len }, "null")))
		abort();
	check_redacted(shown);
	json_object_put(shown);
	raw.len = 0;
	raw_type(&raw, body);
	buf_free(&raw);
}

static bool
is_backwards(struct status_order *order, struct hsw_str body, bool is_stored)
{
	struct status_marks marks = { NULL, 0, 0 };
	bool is = status_order_is_backwards(order, &marks, str_of("sales"), body);

	if (is_stored)
		status_marks_free(&marks);
	else
		status_order_take_back(order, &marks);
	return is;
}

static void
check_order(struct status_order *order, struct hsw_str body)
{
	bool before = is_backwards(order, body, false);

	/* What is taken back changes nothing, and what has been is not further than itself. */
	if (is_backwards(order, body, true) != before ||
		is_backwards(order, body, true) != before)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct status_order *order;
	const struct hsw_str body = { size > 0 ? (const char *)data : "", size };

	if (order == NULL && (order = status_order_new()) == NULL)
		abort();
	if (size > BODY_MAX)
		return 0;
	struct json_object *o = parse(body);
	check_line(o);
	json_object_put(o);
	check_raw(body);
	check_order(order, body);
	return 0;
}
