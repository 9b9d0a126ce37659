/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map.c - source-map: any provider's webhooks, by a file that says in jq how they become canonical events.
 *
 * A request runs the file's program (program.h); each value it gives is set in a tree {"data": {...}}; when the
 * next event begins, or none does, the tree is written (canonical.h) and emitted.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hookswitch/canon_json.h>

#include "canonical.h"
#include "file.h"
#include "program.h"
#include "signature.h"
#include "value.h"

#define DEPTH_MAX 64 /* of the JSON */
#define NAME_MAX_BYTES 128

struct conf {
	const char *map;
	int64_t budget;
	bool explain;
	const char *signature_key, *signature_header, *signature_prefix, *signature_url;
	int signature_hash, signature_encoding, signature_over;
};

static const char *const hashes[] = { "sha1", "sha256", "sha512", NULL };
static const char *const encodings[] = { "hex", "base64", NULL };
static const char *const overs[] = { "body", "url-and-form", NULL };

static const struct hsw_option options[] = {
	{ .key = "map",
		.type = HSW_OPT_PATH,
		.flags = HSW_OPT_REQUIRED,
		.offset = offsetof(struct conf, map),
		.help = "The map file, see hookswitch-maps(5)." },
	{ .key = "budget",
		.type = HSW_OPT_MSEC,
		.offset = offsetof(struct conf, budget),
		.def = "100ms",
		.min = 1,
		.max = 10000,
		.help = "How long the expressions of the map may take for one request; it is "
			"answered 422 then." },
	{ .key = "explain",
		.type = HSW_OPT_BOOL,
		.offset = offsetof(struct conf, explain),
		.def = "no",
		.help = "Log for each event which section took it and which keys were empty." },
	{ .key = "signature_key",
		.type = HSW_OPT_SECRET,
		.offset = offsetof(struct conf, signature_key),
		.help = "The key of the HMAC that requests must carry; others are refused with "
			"401. "
			"Without it: none is looked for." },
	{ .key = "signature_header",
		.type = HSW_OPT_STRING,
		.offset = offsetof(struct conf, signature_header),
		.def = "X-Hub-Signature-256",
		.help = "The header that has the signature." },
	{ .key = "signature_prefix",
		.type = HSW_OPT_STRING,
		.offset = offsetof(struct conf, signature_prefix),
		.help = "What stands before the signature in the header, such as sha256=." },
	{ .key = "signature_hash",
		.type = HSW_OPT_ENUM,
		.offset = offsetof(struct conf, signature_hash),
		.def = "sha256",
		.choices = hashes,
		.help = "The hash of the HMAC." },
	{ .key = "signature_encoding",
		.type = HSW_OPT_ENUM,
		.offset = offsetof(struct conf, signature_encoding),
		.def = "hex",
		.choices = encodings,
		.help = "How the signature is written." },
	{ .key = "signature_over",
		.type = HSW_OPT_ENUM,
		.offset = offsetof(struct conf, signature_over),
		.def = "body",
		.choices = overs,
		.help = "What is signed: the body, or as Twilio does, the URL and the sorted "
			"fields of "
			"the "
			"form." },
	{ .key = "signature_url",
		.type = HSW_OPT_URL,
		.offset = offsetof(struct conf, signature_url),
		.help = "For url-and-form: the URL of this section as the provider has it, without "
			"the "
			"instance: https://hooks.example.com/in/twilio." },
	{ .key = NULL },
};

struct map {
	const struct hsw_host *host; /* NULL: nobody to log to */
	struct hsw_handle *handle;
	const struct conf *conf;
	struct signature signature;
	struct map_file file;
	struct program *program;
	struct json_tokener *tokener;
	struct hsw_canon canon;
};

/* What becomes of one request. */
struct translation {
	struct map *map;
	const struct hsw_request *request;
	int (*emit)(struct hsw_emit *, const struct hsw_event *);
	struct hsw_emit *out;
	struct hsw_error *err;
	struct json_object *name; /* of the whole request */
	size_t n_events;
	/* Of the event that is being read; NULL: none. */
	const struct map_section *section;
	struct json_object *root;
	struct json_object *own_name; /* what the section says */
};

static void explain(const struct map *m, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void
explain(const struct map *m, const char *fmt, ...)
{
	char line[512];
	va_list ap;

	if (!m->conf->explain || m->host == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	m->host->log(m->handle, HSW_LOG_INFO, "%s", line);
}

/* ---- one event ---- */

/* A name is short text, of whole characters; s = NULL: it is none. */
static struct hsw_str
name_of(struct json_object *o)
{
	bool is_text = json_object_is_type(o, json_type_string) ||
		json_object_is_type(o, json_type_int) || json_object_is_type(o, json_type_double);
	const char *text = is_text ? json_object_get_string(o) : NULL;
	size_t n = text != NULL ? strnlen(text, NAME_MAX_BYTES) : 0;

	return (struct hsw_str){ n > 0 ? text : NULL,
		canon_utf8_length((struct hsw_str){ text, n }) };
}

/* What the section says; else what the request is called; else the section's own name. */
static struct hsw_str
event_name(const struct translation *t)
{
	struct hsw_str name = name_of(t->own_name);

	if (name.s == NULL)
		name = name_of(t->name);
	if (name.s != NULL)
		return name;
	const char *fallback = t->section != NULL ? t->section->name : "unknown";
	return (struct hsw_str){ fallback, strlen(fallback) };
}

static int
lacks(const struct translation *t, const struct schema_field *field)
{
	const struct map_file *f = &t->map->file;
	const struct map_key *key = NULL;

	for (size_t i = t->section->first; i < t->section->end; i++) {
		if (f->keys[i].field == field)
			key = &f->keys[i];
	}
	size_t n = program_place(f, t->section, key, t->err);
	snprintf(t->err->text + n, sizeof(t->err->text) - n, "is empty, but every %s has it",
		t->section->event->type);
	return HSW_EINVAL;
}

/* The value at the path "a.b" of o; NULL: none. */
static struct json_object *
at_path(struct json_object *o, const char *path)
{
	char name[64];

	for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
		snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
		o = cj_object(o, name);
	}
	return cj_get(o, path);
}

static int
check_required(const struct translation *t)
{
	struct json_object *data = cj_object(t->root, "data");

	for (const struct schema_field *f = t->section->event->fields; f->path != NULL; f++) {
		if (f->is_required && at_path(data, f->path) == NULL)
			return lacks(t, f);
	}
	return HSW_OK;
}

static int
emit_section(struct translation *t)
{
	struct map *m = t->map;
	int rc = check_required(t);

	if (rc != HSW_OK)
		return rc;
	rc = canonical_write(
		&m->canon, t->section->event->type, t->root, t->request->instance, t->err);
	if (rc == HSW_EINVAL) {
		struct hsw_error why = *t->err;
		size_t n = program_place(&m->file, t->section, NULL, t->err);
		snprintf(t->err->text + n, sizeof(t->err->text) - n, "%.140s", why.text);
	}
	return rc == HSW_OK ? canon_emit(&m->canon, event_name(t), t->emit, t->out) : rc;
}

static void
forget_event(struct translation *t)
{
	json_object_put(t->root);
	json_object_put(t->own_name);
	t->root = t->own_name = NULL;
	t->section = NULL;
}

/* Ends the event that is being read, if there is one. */
static int
end_event(struct translation *t)
{
	struct hsw_str name = event_name(t);
	int rc = HSW_OK;

	if (t->section == NULL)
		return HSW_OK;
	explain(t->map, "map section \"%s\" (line %d) took %.*s: %s", t->section->name,
		t->section->line, (int)name.len, name.s,
		t->section->event != NULL ? t->section->event->type : "ignored");
	if (t->section->event != NULL)
		rc = emit_section(t);
	else
		rc = canon_ignore(&t->map->canon, name, t->emit, t->out);
	t->n_events++;
	forget_event(t);
	return rc;
}

/* ---- what the program gives ---- */

static int
take_name(void *arg, jv value)
{
	struct translation *t = arg;

	return value_to_json(value, &t->name);
}

static int
begin_event(void *arg, const struct map_section *section)
{
	struct translation *t = arg;
	int rc = end_event(t);

	t->root = json_object_new_object();
	struct json_object *data = json_object_new_object();
	if (rc == HSW_OK && json_object_object_add(t->root, "data", data) != 0)
		rc = HSW_ENOMEM;
	else if (rc != HSW_OK)
		json_object_put(data);
	t->section = rc == HSW_OK ? section : NULL;
	return rc;
}

static bool
is_empty(jv value)
{
	return jv_get_kind(value) == JV_KIND_NULL ||
		(jv_get_kind(value) == JV_KIND_STRING &&
			jv_string_length_bytes(jv_copy(value)) == 0);
}

static int
refuse_value(
	const struct translation *t, const struct map_key *key, const char *member, const char *why)
{
	size_t n = program_place(&t->map->file, t->section, key, t->err);

	snprintf(t->err->text + n, sizeof(t->err->text) - n, "%.60s%s%.180s", member,
		member[0] != '\0' ? ": " : "", why);
	return HSW_EINVAL;
}

/* Takes ownership of value. member: what the key itself does not name. */
static int
take_field(struct translation *t, const struct map_key *key, const struct schema_field *field,
	const char *path, struct json_object *value)
{
	struct hsw_error why;

	if (schema_value_is_good(field, value, &why))
		return value_set(t->root, path, value);
	json_object_put(value);
	return refuse_value(t, key, path + strlen(key->path), why.text);
}

/* The members of a group are what keys of their own would be. */
static int
take_group(struct translation *t, const struct map_key *key, const char *path,
	struct json_object *group)
{
	const struct schema_event *event = t->section->event;
	int rc = HSW_OK;

	if (!json_object_is_type(group, json_type_object))
		return refuse_value(t, key, path + strlen(key->path), "expected an object");
	json_object_object_foreach(group, name, value)
	{
		char member[128];
		int n = snprintf(member, sizeof(member), "%s.%s", path, name);
		const struct schema_field *field = schema_field(event, member);
		if (rc != HSW_OK || canonical_is_empty(name, value))
			continue;
		if (n >= (int)sizeof(member) || (field == NULL && !schema_has_group(event, member)))
			rc = refuse_value(t, key, member + strlen(key->path), "no such field");
		else if (field == NULL)
			rc = take_group(t, key, member, value);
		else
			rc = take_field(t, key, field, member, json_object_get(value));
	}
	return rc;
}

static int
take_value(void *arg, const struct map_key *key, jv value)
{
	struct translation *t = arg;
	struct json_object *o;

	if (is_empty(value)) {
		explain(t->map, "map section \"%s\" line %d: %s is empty", t->section->name,
			key->line, key->path);
		jv_free(value);
		return HSW_OK;
	}
	int rc = value_to_json(value, &o);
	if (rc == HSW_OK && key->role == MAP_FIELD && key->field != NULL && o != NULL)
		return take_field(t, key, key->field, key->path, o);
	if (rc == HSW_OK && key->role == MAP_FIELD && o != NULL) {
		rc = take_group(t, key, key->path, o);
		json_object_put(o);
		return rc;
	}
	if (rc == HSW_OK)
		t->own_name = o;
	if (rc == HSW_ELIMIT) {
		size_t n = program_place(&t->map->file, t->section, key, t->err);
		snprintf(t->err->text + n, sizeof(t->err->text) - n, "is too deep or too large");
	}
	return rc == HSW_ELIMIT ? HSW_EINVAL : rc;
}

/* ---- the source ---- */

static int
source_open(const struct hsw_host *host, struct hsw_handle *handle, const void *config, void **self,
	struct hsw_error *err)
{
	const struct conf *conf = config;
	struct map *m = calloc(1, sizeof(*m));
	int rc = HSW_OK;

	snprintf(err->text, sizeof(err->text), "out of memory");
	if (m == NULL || (m->tokener = cj_tokener_new(DEPTH_MAX)) == NULL) {
		free(m);
		return HSW_ENOMEM;
	}
	m->host = host;
	m->handle = handle;
	m->conf = conf;
	m->signature = (struct signature){ .key = conf->signature_key,
		.header = conf->signature_header,
		.prefix = conf->signature_prefix,
		.url = conf->signature_url,
		.hash = conf->signature_hash,
		.encoding = conf->signature_encoding,
		.over = conf->signature_over };
	if (m->signature.key != NULL && m->signature.over == SIGNATURE_FORM &&
		m->signature.url == NULL) {
		snprintf(err->text, sizeof(err->text),
			"signature_over = url-and-form needs signature_url");
		rc = HSW_EINVAL;
	}
	if (rc == HSW_OK)
		rc = file_read(&m->file, conf->map, err);
	if (rc == HSW_OK)
		rc = program_new(&m->file, &m->program, err);
	*self = m;
	if (rc == HSW_OK)
		return HSW_OK;
	file_free(&m->file);
	json_tokener_free(m->tokener);
	free(m);
	return rc;
}

static int
source_verify(void *self, const struct hsw_request *request, struct hsw_error *err)
{
	struct map *m = self;

	return signature_check(&m->signature, request, err);
}

static int
source_translate(void *self, const struct hsw_request *request,
	int (*emit)(struct hsw_emit *, const struct hsw_event *), struct hsw_emit *out,
	struct hsw_error *err)
{
	struct map *m = self;
	struct translation t = {
		.map = m, .request = request, .emit = emit, .out = out, .err = err
	};
	const struct program_taker taker = { take_name, begin_event, take_value, &t };
	jv body;

	int rc = value_of_request(request, m->tokener, &body, err);
	if (rc != HSW_OK)
		return rc;
	canon_start(&m->canon, request, (struct hsw_str){ NULL, 0 });
	snprintf(err->text, sizeof(err->text), "too many or too large events, or no memory");
	rc = program_run(m->program, body, m->conf->budget, &taker, err);
	if (rc == HSW_OK)
		rc = end_event(&t);
	if (rc == HSW_OK && t.n_events == 0) {
		struct hsw_str name = event_name(&t);
		explain(m, "no map section took %.*s", (int)name.len, name.s);
		rc = canon_ignore(&m->canon, name, emit, out);
	}
	forget_event(&t);
	json_object_put(t.name);
	/* The body was read: what failed is the map, or the event lacks what the map needs. */
	return rc == HSW_EINVAL ? HSW_EUNPROCESSABLE : rc;
}

static void
source_close(void *self)
{
	struct map *m = self;

	program_free(m->program);
	file_free(&m->file);
	json_tokener_free(m->tokener);
	canon_free(&m->canon);
	free(m);
}

static const struct hsw_source_ops ops = {
	.size = sizeof(struct hsw_source_ops),
	.open = source_open,
	.verify = source_verify,
	.translate = source_translate,
	.close = source_close,
};

HSW_PLUGIN(HSW_SOURCE, "map", "1.0", "any provider, by a map file", sizeof(struct conf), options,
	&ops);
