/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ini.c - see ini.h. Our own reader, since libinih (Debian's r56) has no includes, stops at its first
 * error, and cuts values at its compiled-in line length.
 */
#include "ini.h"

#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "buf.h"

/* Where the reader is. */
struct reader {
	struct ini *ini;
	struct config_errors *errors;
	const char *file;
	int line;
	int depth;
	struct ini_section *section; /* NULL: before the first */
};

void
config_error(struct config_errors *errors, const char *file, int line, const char *fmt, ...)
{
	char *text = NULL, *whole = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (asprintf(&whole, "%s:%d: %s", file, line, text != NULL ? text : "out of memory") < 0)
		whole = NULL;
	free(text);
	if (errors->count < CONFIG_ERRORS_MAX)
		errors->text[errors->count] = whole;
	else
		free(whole);
	errors->count++;
}

#define FAIL(r, ...) config_error((r)->errors, (r)->file, (r)->line, __VA_ARGS__)

static char *
trim(char *s)
{
	while (*s == ' ' || *s == '\t')
		s++;
	char *end = s + strlen(s);
	while (end > s && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r' || end[-1] == '\n'))
		end--;
	*end = '\0';
	return s;
}

/* ---- values ---- */

/* "..." with \" and \\ in it; only a comment may follow. In place. */
static char *
read_quoted(struct reader *r, char *s)
{
	char *in = s + 1, *out = s;

	for (; *in != '\0' && *in != '"'; in++) {
		if (*in == '\\' && (in[1] == '"' || in[1] == '\\'))
			in++;
		*out++ = *in;
	}
	if (*in != '"') {
		FAIL(r, "a value that begins with \" must end with \"");
		return NULL;
	}
	char *rest = trim(in + 1);
	*out = '\0';
	if (*rest == '\0' || *rest == ';' || *rest == '#')
		return s;
	FAIL(r, "after the closing \" only a comment may follow, found `%.40s`", rest);
	return NULL;
}

/* A comment begins with ; or # after white space. */
static char *
read_plain(char *s)
{
	for (char *c = s; *c != '\0'; c++) {
		bool is_mark = *c == ';' || *c == '#';
		if (is_mark && (c == s || c[-1] == ' ' || c[-1] == '\t')) {
			*c = '\0';
			break;
		}
	}
	return trim(s);
}

/* ---- sections and keys ---- */

static bool
same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void
add_section(struct reader *r, const char *kind, const char *name)
{
	struct ini_section **last = &r->ini->sections;

	while (*last != NULL) {
		if (same((*last)->kind, kind) && same((*last)->name, name))
			FAIL(r, "[%s%s%s] stands twice, first at %s:%d", kind,
				name != NULL ? " " : "", name != NULL ? name : "", (*last)->file,
				(*last)->line);
		last = &(*last)->next;
	}
	struct ini_section *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return;
	s->kind = strdup(kind);
	s->name = name != NULL ? strdup(name) : NULL;
	s->file = r->file;
	s->line = r->line;
	*last = s;
	r->section = s;
}

static void
read_section(struct reader *r, char *s)
{
	char *end = strchr(s, ']');
	char *rest = end != NULL ? trim(end + 1) : NULL;

	if (end == NULL || (*rest != '\0' && *rest != ';' && *rest != '#')) {
		FAIL(r, "a section is written [kind] or [kind NAME], found `%.60s`", s);
		return;
	}
	*end = '\0';
	char *kind = trim(s + 1);
	char *name = kind + strcspn(kind, " \t");
	if (*name != '\0') {
		*name++ = '\0';
		name = trim(name);
		if (*name == '"')
			name = read_quoted(r, name);
		if (name == NULL)
			return;
	} else {
		name = NULL;
	}
	if (*kind == '\0')
		FAIL(r, "a section needs a name: [server], [sink NAME], ...");
	else
		add_section(r, kind, name);
}

static void
add_entry(struct reader *r, const char *key, const char *value)
{
	struct ini_entry **last = &r->section->entries;

	for (; *last != NULL; last = &(*last)->next) {
		if (strcmp((*last)->key, key) == 0) {
			FAIL(r, "[%s%s%s] %s stands twice, first at %s:%d", r->section->kind,
				r->section->name != NULL ? " " : "",
				r->section->name != NULL ? r->section->name : "", key,
				(*last)->file, (*last)->line);
			return;
		}
	}
	struct ini_entry *e = calloc(1, sizeof(*e));
	if (e == NULL)
		return;
	e->key = strdup(key);
	e->value = strdup(value);
	e->file = r->file;
	e->line = r->line;
	*last = e;
}

static void read_file(struct reader *, const char *path);

/* Why a folder could not be read; what is not there has no files. */
static _Thread_local int folder_error;

static int
on_folder_error(const char *path, int error)
{
	(void)path;
	if (error != ENOENT)
		folder_error = error;
	return error != ENOENT;
}

static void
read_matches(struct reader *r, const char *pattern, const char *full)
{
	bool is_pattern = strpbrk(pattern, "*?[") != NULL;
	glob_t found = { 0 };

	folder_error = 0;
	int rc = glob(full, 0, on_folder_error, &found);
	if (rc == GLOB_NOMATCH && !is_pattern)
		FAIL(r, "include = %s: no such file", pattern);
	else if (rc != 0 && rc != GLOB_NOMATCH)
		FAIL(r, "include = %s: %s", pattern,
			strerror(folder_error != 0 ? folder_error : ENOMEM));
	for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
		read_file(r, found.gl_pathv[i]);
	globfree(&found);
}

static void
include(struct reader *r, const char *pattern)
{
	char *copy = strdup(r->file), *full = NULL;

	if (pattern[0] == '/')
		full = strdup(pattern);
	else if (copy == NULL || asprintf(&full, "%s/%s", dirname(copy), pattern) < 0)
		full = NULL;
	if (full != NULL)
		read_matches(r, pattern, full);
	else
		FAIL(r, "out of memory");
	free(full);
	free(copy);
}

static void
read_entry(struct reader *r, char *s)
{
	char *equals = strchr(s, '=');

	if (equals == NULL) {
		FAIL(r, "expected `key = value`, a [section] or a comment, found `%.60s`", s);
		return;
	}
	*equals = '\0';
	char *key = trim(s), *value = trim(equals + 1);
	value = *value == '"' ? read_quoted(r, value) : read_plain(value);
	if (*key == '\0')
		FAIL(r, "there is no key before `=`");
	else if (value == NULL)
		return;
	else if (strcmp(key, "include") == 0)
		include(r, value);
	else if (r->section == NULL)
		FAIL(r, "%s stands before the first [section]", key);
	else
		add_entry(r, key, value);
}

/* ---- files ---- */

static void
read_line(struct reader *r, char *line, size_t len)
{
	char *s = line;

	if (memchr(line, '\0', len) != NULL) {
		FAIL(r, "a NUL byte: this is no text file");
		return;
	}
	if (r->line == 1 && strncmp(s, "\xef\xbb\xbf", 3) == 0)
		s += 3;
	s = trim(s);
	if (*s == '\0' || *s == ';' || *s == '#')
		return;
	if (*s == '[')
		read_section(r, s);
	else
		read_entry(r, s);
}

/* Keeps a file's name; NULL: it was read before, or there are too many. */
static const char *
keep_file(struct reader *r, const char *path)
{
	for (size_t i = 0; i < r->ini->n_files; i++) {
		if (strcmp(r->ini->files[i], path) == 0)
			return NULL;
	}
	if (r->ini->n_files >= INI_FILES_MAX)
		return NULL;
	char **files = realloc(r->ini->files, (r->ini->n_files + 1) * sizeof(files[0]));
	if (files == NULL)
		return NULL;
	r->ini->files = files;
	files[r->ini->n_files] = strdup(path);
	return files[r->ini->n_files++];
}

/* Where an error about a whole file is told: at the line that includes it, else at its own. */
static void
fail_file(struct reader *r, const char *path, const char *why)
{
	if (r->file != NULL)
		FAIL(r, "%s: %s", path, why);
	else
		config_error(r->errors, path, 0, "%s", why);
}

static void
read_lines(struct reader *r, FILE *f)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, f)) >= 0) {
		r->line++;
		if (n > INI_LINE_MAX)
			FAIL(r, "a line of %zd bytes: at most %d are allowed", n, INI_LINE_MAX);
		else
			read_line(r, line, (size_t)n);
	}
	if (ferror(f))
		FAIL(r, "the rest of the file cannot be read: %s", strerror(errno));
	free(line);
}

static void
read_file(struct reader *r, const char *path)
{
	struct stat st;

	if (r->depth >= INI_DEPTH_MAX) {
		fail_file(r, path, "includes are nested too deep");
		return;
	}
	FILE *f = fopen(path, "re");
	if (f == NULL || fstat(fileno(f), &st) != 0 || S_ISDIR(st.st_mode)) {
		fail_file(r, path, f == NULL ? strerror(errno) : "is a directory");
		if (f != NULL)
			fclose(f);
		return;
	}
	const char *kept = keep_file(r, path);
	if (kept != NULL) {
		struct reader inner = {
			.ini = r->ini, .errors = r->errors, .file = kept, .depth = r->depth + 1
		};
		read_lines(&inner, f);
	} else {
		fail_file(r, path, "is included twice");
	}
	fclose(f);
}

void
ini_read(struct ini *ini, const char *path, struct config_errors *errors)
{
	struct reader r = { .ini = ini, .errors = errors };

	*ini = (struct ini){ NULL, NULL, 0 };
	read_file(&r, path);
}

void
ini_free(struct ini *ini)
{
	while (ini->sections != NULL) {
		struct ini_section *s = ini->sections;
		ini->sections = s->next;
		while (s->entries != NULL) {
			struct ini_entry *e = s->entries;
			s->entries = e->next;
			free(e->key);
			free(e->value);
			free(e);
		}
		free(s->kind);
		free(s->name);
		free(s);
	}
	for (size_t i = 0; i < ini->n_files; i++)
		free(ini->files[i]);
	free(ini->files);
}
