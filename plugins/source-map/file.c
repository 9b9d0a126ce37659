/* SPDX-License-Identifier: Apache-2.0 */
/* file.c - see file.h. The text is cut in place: lines end with NUL where something ends. */
#include "file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/expression.h"

struct reader {
	struct map_file *file;
	struct hsw_error *err;
	char *at; /* what is not read yet */
	int line; /* of what was read last */
};

static int fail(struct reader *, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int
fail(struct reader *r, int line, const char *fmt, ...)
{
	char *text = r->err->text;
	int n = snprintf(text, sizeof(r->err->text), "%s:%d: ", r->file->path, line);
	va_list ap;

	if (n < 0 || (size_t)n >= sizeof(r->err->text))
		return HSW_EINVAL;
	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(r->err->text) - (size_t)n, fmt, ap);
	va_end(ap);
	return HSW_EINVAL;
}

/* Makes room for one more of *array, in steps of powers of two. */
static void *
grown(void *array, size_t n, size_t size)
{
	if ((n & (n - 1)) != 0)
		return array;
	return reallocarray(array, n == 0 ? 1 : 2 * n, size);
}

/* ---- lines ---- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static char *
trimmed(char *s)
{
	char *end = s + strlen(s);

	while (is_blank(*s))
		s++;
	while (end > s && (is_blank(end[-1]) || end[-1] == '\n'))
		*--end = '\0';
	return s;
}

/* Whether the line that ends here goes on in the next one; takes the mark out. */
static bool
goes_on(const char *start, char *newline)
{
	char *last = newline;

	while (last > start && is_blank(last[-1]))
		last--;
	if (last == start || last[-1] != '\\')
		return false;
	last[-1] = ' ';
	return true;
}

/* The next line, with those it goes on in; NULL at the end. *line: where it begins. */
static char *
next_line(struct reader *r, int *line)
{
	char *start = r->at, *newline;

	if (*start == '\0')
		return NULL;
	*line = r->line + 1;
	for (char *from = start;; from = newline + 1) {
		r->line++;
		newline = strchr(from, '\n');
		if (newline == NULL) {
			r->at = from + strlen(from);
			return trimmed(start);
		}
		if (!goes_on(from, newline))
			break;
	}
	*newline = '\0';
	r->at = newline + 1;
	return trimmed(start);
}

/* ---- sections ---- */

static const struct map_key *
find_path(const struct map_file *f, const struct map_section *s, const char *path)
{
	for (size_t i = s->first; i < s->end; i++) {
		if (strcmp(f->keys[i].path, path) == 0)
			return &f->keys[i];
	}
	return NULL;
}

const struct map_key *
file_find(const struct map_file *f, const struct map_section *s, enum map_role role)
{
	for (size_t i = s->first; i < s->end; i++) {
		if (f->keys[i].role == role)
			return &f->keys[i];
	}
	return NULL;
}

static struct map_section *
last_section(const struct map_file *f)
{
	return f->n_sections > 0 ? &f->sections[f->n_sections - 1] : NULL;
}

/* [map "NAME"] or [map NAME] */
static int
read_section(struct reader *r, char *s, int line)
{
	struct map_file *f = r->file;
	char *end = s + strlen(s) - 1;

	if (*end != ']' || strncmp(s, "[map", 4) != 0 || !(is_blank(s[4]) || s[4] == '"'))
		return fail(r, line, "expected [map \"NAME\"], found %s", s);
	*end = '\0';
	char *name = trimmed(s + 4);
	size_t n = strlen(name);
	if (n >= 2 && name[0] == '"' && name[n - 1] == '"') {
		name[n - 1] = '\0';
		name++;
	}
	if (name[0] == '\0' || strchr(name, '"') != NULL)
		return fail(r, line, "expected [map \"NAME\"]");
	const struct map_section *last = last_section(f);
	if (last != NULL && file_find(f, last, MAP_WHEN) == NULL)
		return fail(r, line, "[map \"%s\"] is never reached: [map \"%s\"] has no when",
			name, last->name);
	for (size_t i = 0; i < f->n_sections; i++) {
		if (strcmp(f->sections[i].name, name) == 0)
			return fail(r, line, "[map \"%s\"] stands already in line %d", name,
				f->sections[i].line);
	}
	struct map_section *sections = grown(f->sections, f->n_sections, sizeof(*sections));
	if (sections == NULL)
		return HSW_ENOMEM;
	f->sections = sections;
	f->sections[f->n_sections++] = (struct map_section){
		.name = name, .line = line, .first = f->n_keys, .end = f->n_keys
	};
	return HSW_OK;
}

/* ---- keys ---- */

static int
add_key(struct reader *r, const char *path, const char *expression, int line, enum map_role role)
{
	struct map_file *f = r->file;
	struct hsw_error why;
	struct map_section *section = last_section(f);
	struct map_key *keys = grown(f->keys, f->n_keys, sizeof(*keys));

	if (keys == NULL)
		return HSW_ENOMEM;
	f->keys = keys;
	if (!expression_is_allowed(expression, false, &why))
		return fail(r, line, "%s: %s", path, why.text);
	f->keys[f->n_keys++] = (struct map_key){ .path = path,
		.expression = expression,
		.line = line,
		.role = role,
		.section = section != NULL ? f->n_sections - 1 : 0 };
	if (section != NULL)
		section->end = f->n_keys;
	return HSW_OK;
}

static int
read_event(struct reader *r, const char *type, int line)
{
	struct map_section *section = last_section(r->file);

	section->event = schema_find(type);
	if (section->event != NULL || strcmp(type, "ignore") == 0)
		return HSW_OK;
	return fail(r, line,
		"event: expected one of message.exchange, message.status, call.update, group.flow, "
		"instance.state, label.update, ignore; found %s",
		type);
}

static int
read_section_key(struct reader *r, const char *path, const char *value, int line, bool *has_event)
{
	static const struct {
		const char *path;
		enum map_role role;
	} roles[] = { { "when", MAP_WHEN }, { "each", MAP_EACH }, { "name", MAP_NAME } };
	const struct map_key *other = find_path(r->file, last_section(r->file), path);
	bool is_event = strcmp(path, "event") == 0;

	if (other != NULL)
		return fail(r, line, "%s stands already in line %d", path, other->line);
	if (is_event && *has_event)
		return fail(r, line, "event stands twice in the section");
	*has_event |= is_event;
	if (is_event)
		return read_event(r, value, line);
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (strcmp(roles[i].path, path) == 0)
			return add_key(r, path, value, line, roles[i].role);
	}
	return add_key(r, path, value, line, MAP_FIELD);
}

static int
read_key(struct reader *r, char *s, int line, bool *has_event)
{
	char *equals = strchr(s, '=');

	if (equals == NULL)
		return fail(r, line, "expected `key = expression`, found %s", s);
	*equals = '\0';
	const char *path = trimmed(s);
	const char *value = trimmed(equals + 1);
	if (path[0] == '\0')
		return fail(r, line, "expected a key before =");
	if (value[0] == '\0')
		return fail(r, line, "%s: expected an expression after =", path);
	if (r->file->n_sections > 0)
		return read_section_key(r, path, value, line, has_event);
	if (strcmp(path, "name") != 0)
		return fail(r, line, "%s: before the first section there is only `name`", path);
	if (r->file->n_keys > 0)
		return fail(r, line, "name stands already in line %d", r->file->keys[0].line);
	return add_key(r, path, value, line, MAP_NAME);
}

/* ---- what a section must have ---- */

/* Whether the key gives the field, by itself or in a group. */
static bool
gives_field(const struct map_key *k, const struct schema_field *f)
{
	size_t n = strlen(k->path);

	if (k->role != MAP_FIELD || k->field == f)
		return k->field == f;
	return k->field == NULL && n > 5 && strncmp(f->path, k->path + 5, n - 5) == 0 &&
		f->path[n - 5] == '.';
}

static int
check_required(struct reader *r, const struct map_section *s)
{
	for (const struct schema_field *f = s->event->fields; f->path != NULL; f++) {
		bool has = !f->is_required;
		for (size_t i = s->first; i < s->end && !has; i++)
			has = gives_field(&r->file->keys[i], f);
		if (!has)
			return fail(r, s->line, "[map \"%s\"] lacks data.%s, which every %s has",
				s->name, f->path, s->event->type);
	}
	return HSW_OK;
}

static int
check_fields(struct reader *r, struct map_section *s)
{
	for (size_t i = s->first; i < s->end; i++) {
		struct map_key *k = &r->file->keys[i];
		if (k->role != MAP_FIELD)
			continue;
		if (s->event == NULL)
			return fail(r, k->line, "%s: what is ignored has no data", k->path);
		k->field = schema_field(s->event, k->path);
		if (k->field == NULL && !schema_has_group(s->event, k->path))
			return fail(
				r, k->line, "%s: %s has no such field", k->path, s->event->type);
	}
	return s->event != NULL ? check_required(r, s) : HSW_OK;
}

static int
check_section(struct reader *r, bool has_event)
{
	struct map_section *s = last_section(r->file);

	if (s == NULL)
		return HSW_OK;
	if (!has_event)
		return fail(r, s->line, "[map \"%s\"] lacks event", s->name);
	return check_fields(r, s);
}

static int
read_lines(struct reader *r)
{
	bool has_event = false;
	int rc = HSW_OK, line = 0;
	char *s;

	while (rc == HSW_OK && (s = next_line(r, &line)) != NULL) {
		if (*s == '\0' || *s == ';' || *s == '#')
			continue;
		if (*s != '[') {
			rc = read_key(r, s, line, &has_event);
			continue;
		}
		rc = check_section(r, has_event);
		has_event = false;
		if (rc == HSW_OK)
			rc = read_section(r, s, line);
	}
	if (rc == HSW_OK)
		rc = check_section(r, has_event);
	if (rc == HSW_OK && r->file->n_sections == 0)
		return fail(r, 1, "there is no [map \"NAME\"]");
	return rc;
}

static int
load(struct map_file *f, size_t *len, struct hsw_error *err)
{
	FILE *in = fopen(f->path, "re");

	f->text = malloc(MAP_FILE_MAX + 2);
	if (in == NULL || f->text == NULL) {
		snprintf(err->text, sizeof(err->text), "%s: %s", f->path,
			in == NULL ? strerror(errno) : "out of memory");
		if (in != NULL)
			fclose(in);
		return in == NULL ? HSW_EIO : HSW_ENOMEM;
	}
	*len = fread(f->text, 1, MAP_FILE_MAX + 1, in);
	bool has_failed = ferror(in) != 0;
	fclose(in);
	f->text[*len] = '\0';
	if (!has_failed && *len <= MAP_FILE_MAX)
		return HSW_OK;
	snprintf(err->text, sizeof(err->text), "%s: %s", f->path,
		has_failed ? "cannot be read" : "is larger than 1 MiB");
	return HSW_EINVAL;
}

int
file_read(struct map_file *f, const char *path, struct hsw_error *err)
{
	const char *slash = strrchr(path, '/');
	size_t len;

	*f = (struct map_file){ .path = path, .base = slash != NULL ? slash + 1 : path };
	int rc = load(f, &len, err);
	if (rc != HSW_OK)
		return rc;
	struct reader r = { .file = f, .err = err, .at = f->text };
	if (strlen(f->text) != len)
		return fail(&r, 1, "the file holds a NUL");
	if (strncmp(r.at, "\xef\xbb\xbf", 3) == 0)
		r.at += 3;
	rc = read_lines(&r);
	if (rc == HSW_ENOMEM)
		snprintf(err->text, sizeof(err->text), "%s: out of memory", path);
	return rc;
}

void
file_free(struct map_file *f)
{
	free(f->keys);
	free(f->sections);
	free(f->text);
	*f = (struct map_file){ .text = NULL };
}
