/* SPDX-License-Identifier: Apache-2.0 */
/* events.c - see hookswitch/harness_events.h. */
#include <hookswitch/harness_events.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include <hookswitch/harness.h>

#include "calls.h"
#include "suite.h"

#define DEPTH_MAX 1000 /* of an event's JSON */

struct hsw_emit {
	struct json_object *events;
	bool is_by_event; /* events name their instances */
	unsigned refuse_from;
	size_t bytes;
};

/* The request comes first. */
struct request {
	struct hsw_request request;
	const char *const *headers;
};

static const char *const types[] = { "message.exchange", "message.status", "call.update",
	"group.flow", "instance.state", "label.update" };

static void
die(const char *what, const char *detail)
{
	printf("Bail out! %s: %s\n", what, detail);
	exit(EXIT_FAILURE);
}

const struct hsw_source_ops *
events_load(const char *path)
{
	struct hsw_error err;
	const struct hsw_plugin *plugin = fake_load(path, &err);

	if (plugin == NULL)
		die(path, err.text);
	if (plugin->kind != HSW_SOURCE)
		die(path, "is no source plugin");
	return plugin->ops;
}

/* The text of an event's data with these parts. */
static char *
join(const struct hsw_event *event, unsigned parts, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	for (size_t i = 0; i < event->pieces; i++) {
		const struct hsw_piece *piece = &event->data[i];
		if (piece->part == 0 || (piece->part & parts) != 0)
			fwrite(piece->bytes.s, 1, piece->bytes.len, f);
	}
	fclose(f);
	return text;
}

static struct json_object *
parse(const char *text, size_t len)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	struct json_object *o = json_tokener_parse_ex(tokener, text, (int)len);
	if (json_tokener_get_error(tokener) != json_tokener_success ||
		json_tokener_get_parse_end(tokener) != len ||
		!json_object_is_type(o, json_type_object))
		die("an event is no valid JSON", text);
	json_tokener_free(tokener);
	return o;
}

static struct json_object *
data_with(const struct hsw_event *event, unsigned parts)
{
	size_t len;
	char *text = join(event, parts, &len);
	struct json_object *o = parse(text, len);

	free(text);
	return o;
}

/* What the daemon refuses. */
static void
check_pieces(const struct hsw_event *event)
{
	if (event->pieces == 0 || event->pieces > HSW_PIECES_MAX || event->identity.len == 0)
		die("an event has no pieces, or no identity", event->type);
	for (size_t i = 0; i < event->pieces; i++) {
		unsigned part = event->data[i].part;
		if (part != 0 && part != HSW_MEDIA && part != HSW_CODES && part != HSW_KEYS)
			die("a piece is neither for all nor of media, codes or keys", event->type);
	}
	const struct hsw_str first = event->data[0].bytes;
	const struct hsw_str last = event->data[event->pieces - 1].bytes;
	if (first.len == 0 || first.s[0] != '{' || last.len == 0 || last.s[last.len - 1] != '}')
		die("an event's data does not begin with { and end with }", event->type);
}

static void
check(const struct hsw_event *event)
{
	static const unsigned choice[] = { HSW_MEDIA, HSW_CODES, HSW_KEYS };
	bool is_known = false;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		is_known |= strcmp(types[i], event->type) == 0;
	if (!is_known)
		die("no type of event", event->type);
	check_pieces(event);
	for (unsigned set = 0; set < 8; set++) {
		unsigned parts = 0;
		for (unsigned i = 0; i < 3; i++)
			parts |= (set >> i & 1) != 0 ? choice[i] : 0;
		json_object_put(data_with(event, parts));
	}
}

static struct json_object *
string_of(struct hsw_str s)
{
	return json_object_new_string_len(s.s != NULL ? s.s : "", (int)s.len);
}

static struct json_object *
hex_of(struct hsw_str s)
{
	char *text = calloc(1, 2 * s.len + 1);

	for (size_t i = 0; i < s.len; i++)
		snprintf(text + 2 * i, 3, "%02x", (unsigned char)s.s[i]);
	struct json_object *o = json_object_new_string(text);
	free(text);
	return o;
}

/* The instance that an event names; one of the first headers has no such member. */
static struct hsw_str
instance_of(const struct hsw_emit *e, const struct hsw_event *event)
{
	const size_t end = offsetof(struct hsw_event, instance) + sizeof(event->instance);

	if (event->size < end || event->instance.len == 0)
		return (struct hsw_str){ "", 0 };
	if (!e->is_by_event)
		die("an event names its instance, and names_instances does not say so",
			event->type != NULL ? event->type : "");
	return event->instance;
}

static int
take(struct hsw_emit *e, const struct hsw_event *event)
{
	if (e->refuse_from != 0 && json_object_array_length(e->events) + 1 >= e->refuse_from)
		return HSW_ELIMIT;
	if (event->size < offsetof(struct hsw_event, instance) || event->provider_event.len == 0)
		die("an event has no size, or no name", event->type != NULL ? event->type : "");
	struct hsw_str instance = instance_of(e, event);
	struct json_object *o = json_object_new_object();
	json_object_array_add(e->events, o);
	e->bytes += event->provider_event.len + event->key.len + event->identity.len;
	for (size_t i = 0; i < event->pieces; i++)
		e->bytes += event->data[i].bytes.len;
	if (instance.len > 0)
		json_object_object_add(o, "instance", string_of(instance));
	json_object_object_add(
		o, "type", event->type != NULL ? json_object_new_string(event->type) : NULL);
	json_object_object_add(o, "key", string_of(event->key));
	json_object_object_add(o, "provider_event", string_of(event->provider_event));
	if (event->type == NULL)
		return HSW_OK;
	check(event);
	json_object_object_add(o, "identity", hex_of(event->identity));
	struct json_object *all = data_with(event, ~0u), *least = data_with(event, 0);
	json_object_object_add(o, "data", all);
	if (json_object_equal(all, least))
		json_object_put(least);
	else
		json_object_object_add(o, "without_parts", least);
	return HSW_OK;
}

/* What is checked of an event is no work of the plugin. */
static int
emit(struct hsw_emit *e, const struct hsw_event *event)
{
	fake_calls_leave();
	int rc = take(e, event);
	fake_calls_return();
	return rc;
}

static struct hsw_str
find_header(const struct hsw_request *request, const char *name)
{
	const char *const *h = ((const struct request *)request)->headers;

	for (; h != NULL && h[0] != NULL; h += 2) {
		if (strcasecmp(h[0], name) == 0)
			return (struct hsw_str){ h[1], strlen(h[1]) };
	}
	return (struct hsw_str){ NULL, 0 };
}

/* Pages whose last is not to be read; the bytes end before it. *size: of all. */
static char *
fence(struct hsw_str bytes, void **pages, size_t *size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = (bytes.len + page - 1) / page * page;

	*size = room + page;
	*pages = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (*pages == MAP_FAILED || mprotect((char *)*pages + room, page, PROT_NONE) != 0)
		die("mmap", "out of memory");
	char *at = (char *)*pages + room - bytes.len;
	if (bytes.len > 0)
		memcpy(at, bytes.s, bytes.len);
	return at;
}

static struct hsw_str
str(const char *s)
{
	return (struct hsw_str){ s != NULL ? s : "", s != NULL ? strlen(s) : 0 };
}

bool
fake_names_instances(const struct hsw_source_ops *ops, void *self)
{
	return SUITE_HAS(ops, names_instances) && ops->names_instances(self) != 0;
}

void
events_of_request(const struct hsw_source_ops *ops, void *self, const struct events_request *wanted,
	struct events_result *result)
{
	struct hsw_emit out = { .events = json_object_new_array(),
		.is_by_event = fake_names_instances(ops, self),
		.refuse_from = wanted->refuse_from };
	void *pages;
	size_t size;
	char *body = fence(wanted->body, &pages, &size);
	struct call call;
	const struct request r = { .request = { .size = sizeof(r.request),
					   .method = str("POST"),
					   .path = str(wanted->path),
					   .query = str(wanted->query),
					   .instance = str(out.is_by_event ? "" : EVENTS_INSTANCE),
					   .body = { body, wanted->body.len },
					   .received_ms = EVENTS_RECEIVED_MS,
					   .header = find_header },
		.headers = wanted->headers };

	*result = (struct events_result){ .rc = HSW_OK };
	if (ops->verify != NULL) {
		fake_call_begin(&call, CALL_VERIFY);
		result->rc = ops->verify(self, &r.request, &result->err);
		fake_call_end(&call, wanted->body.len);
	}
	if (result->rc == HSW_OK) {
		fake_call_begin(&call, CALL_TRANSLATE);
		result->rc = ops->translate(self, &r.request, emit, &out, &result->err);
		fake_call_end(&call, wanted->body.len);
	}
	munmap(pages, size);
	result->events = out.events;
	result->bytes = out.bytes;
}

struct json_object *
events_translate_with(const struct hsw_source_ops *ops, void *self, const char *path,
	struct hsw_str body, struct hsw_error *err, int *rc)
{
	const struct events_request request = { .path = path, .body = body };
	struct events_result result;

	events_of_request(ops, self, &request, &result);
	*err = result.err;
	*rc = result.rc;
	if (result.rc == HSW_OK)
		return result.events;
	json_object_put(result.events);
	return NULL;
}

struct json_object *
events_translate(const struct hsw_source_ops *ops, const void *conf, const char *path,
	struct hsw_str body, struct hsw_error *err)
{
	void *self = NULL;
	int rc;

	if (ops->open(NULL, NULL, conf, &self, err) != HSW_OK)
		die("open", err->text);
	struct json_object *events = events_translate_with(ops, self, path, body, err, &rc);
	ops->close(self);
	return events;
}

static void
simplify_data(struct json_object *data)
{
	const char *time = json_object_get_string(json_object_object_get(data, "timestamp"));

	if (time != NULL && strcmp(time, EVENTS_RECEIVED) == 0)
		json_object_object_add(data, "timestamp", json_object_new_string("$RECEIVED"));
}

void
events_simplify(struct json_object *events)
{
	for (size_t i = 0; i < json_object_array_length(events); i++) {
		struct json_object *event = json_object_array_get_idx(events, i);
		json_object_object_del(event, "identity");
		simplify_data(json_object_object_get(event, "data"));
		simplify_data(json_object_object_get(event, "without_parts"));
	}
}

/* ---- patterns ---- */

static bool
differs(struct json_object *pattern, struct json_object *actual, const char *at, char *why,
	size_t size)
{
	snprintf(why, size, "%s: expected %s, found %s", at, json_object_to_json_string(pattern),
		actual != NULL ? json_object_to_json_string(actual) : "nothing");
	return false;
}

static bool match(struct json_object *pattern, struct json_object *actual, const char *at,
	char *why, size_t size);

static bool
match_object(struct json_object *pattern, struct json_object *actual, const char *at, char *why,
	size_t size)
{
	json_object_object_foreach(pattern, name, wanted)
	{
		char path[256];
		struct json_object *value = NULL;
		bool has = json_object_object_get_ex(actual, name, &value);
		const char *text = json_object_get_string(wanted);
		snprintf(path, sizeof(path), "%s.%s", at, name);
		if (text != NULL && strcmp(text, "$ABSENT") == 0) {
			if (has)
				return differs(wanted, value, path, why, size);
			continue;
		}
		if (!has || !match(wanted, value, path, why, size))
			return has ? false : differs(wanted, NULL, path, why, size);
	}
	return true;
}

static bool
match(struct json_object *pattern, struct json_object *actual, const char *at, char *why,
	size_t size)
{
	if (json_object_is_type(pattern, json_type_object) &&
		json_object_is_type(actual, json_type_object))
		return match_object(pattern, actual, at, why, size);
	if (!json_object_is_type(pattern, json_type_array) ||
		!json_object_is_type(actual, json_type_array) ||
		json_object_array_length(pattern) != json_object_array_length(actual))
		return json_object_equal(pattern, actual) ||
			differs(pattern, actual, at, why, size);
	for (size_t i = 0; i < json_object_array_length(pattern); i++) {
		char path[256];
		snprintf(path, sizeof(path), "%s[%zu]", at, i);
		if (!match(json_object_array_get_idx(pattern, i),
			    json_object_array_get_idx(actual, i), path, why, size))
			return false;
	}
	return true;
}

bool
events_match(struct json_object *pattern, struct json_object *actual, char *why, size_t size)
{
	return match(pattern, actual, "", why, size);
}
