/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern.c - expands the `path` option.
 *
 * The text is cut into segments once. Dates are made anew when the second changes: events come in
 * about the order of their times.
 */
#include "pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SEGMENTS_MAX 64

enum kind { LITERAL, DATE, INSTANCE, EVENT };

struct segment {
	enum kind kind;
	const char *text; /* of LITERAL; in the pattern's text */
	size_t len;
	char format[3]; /* of DATE */
	char date[16];  /* what it is at `second` */
};

struct pattern {
	char *text;
	bool utc;
	int64_t second; /* of all dates */
	size_t count;
	struct segment segment[SEGMENTS_MAX];
};

/* Those of strftime that are digits or letters in every locale. */
static const char date_letters[] = "YmdHMSjyGVFu";

static const struct name {
	const char *text;
	enum kind kind;
} names[] = { { "%{instance}", INSTANCE }, { "%{event}", EVENT } };

/* Reads what begins with %: returns its length, 0 if it is not known. */
static size_t
read_percent(const char *p, struct segment *s)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strncmp(p, names[i].text, strlen(names[i].text)) == 0) {
			s->kind = names[i].kind;
			return strlen(names[i].text);
		}
	}
	if (p[1] == '%') {
		*s = (struct segment){ .kind = LITERAL, .text = p, .len = 1 };
		return 2;
	}
	if (p[1] == '\0' || strchr(date_letters, p[1]) == NULL)
		return 0;
	s->kind = DATE;
	memcpy(s->format, p, 2);
	return 2;
}

static int
parse(struct pattern *p, struct hsw_error *err)
{
	const char *at = p->text;

	while (*at != '\0') {
		struct segment *s = &p->segment[p->count];
		if (++p->count > SEGMENTS_MAX) {
			snprintf(err->text, sizeof(err->text), "path: more than %d patterns",
				SEGMENTS_MAX);
			return HSW_EINVAL;
		}
		size_t len = strcspn(at, "%");
		*s = (struct segment){ .kind = LITERAL, .text = at, .len = len };
		if (len == 0)
			len = read_percent(at, s);
		if (len == 0) {
			snprintf(err->text, sizeof(err->text),
				"path: %.2s is not known; there are %%{instance}, %%{event}, %%%% "
				"and "
				"%% with one of %s",
				at, date_letters);
			return HSW_EINVAL;
		}
		at += len;
	}
	return HSW_OK;
}

struct pattern *
pattern_new(const char *text, bool utc, struct hsw_error *err)
{
	struct pattern *p = calloc(1, sizeof(*p));

	if (p == NULL || (p->text = strdup(text)) == NULL) {
		snprintf(err->text, sizeof(err->text), "out of memory");
		pattern_free(p);
		return NULL;
	}
	p->utc = utc;
	p->second = -1;
	if (parse(p, err) == HSW_OK)
		return p;
	pattern_free(p);
	return NULL;
}

void
pattern_free(struct pattern *p)
{
	if (p == NULL)
		return;
	free(p->text);
	free(p);
}

size_t
pattern_fixed_len(const struct pattern *p)
{
	size_t len = strcspn(p->text, "%");

	while (len > 0 && p->text[len - 1] != '/')
		len--;
	while (len > 1 && p->text[len - 1] == '/')
		len--;
	return len;
}

static void
set_dates(struct pattern *p, int64_t second)
{
	time_t t = (time_t)second;
	struct tm tm;

	if (p->utc)
		gmtime_r(&t, &tm);
	else
		localtime_r(&t, &tm);
	for (size_t i = 0; i < p->count; i++) {
		struct segment *s = &p->segment[i];
		if (s->kind == DATE)
			s->len = strftime(s->date, sizeof(s->date), s->format, &tm);
	}
	p->second = second;
}

/* Nothing of it may be taken for a folder, for ".." or for a hidden file. */
static char
safe(char c, bool first)
{
	static const char also[] = "_-@+.";
	bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

	if (plain || (c != '\0' && strchr(also, c) != NULL && !(first && c == '.')))
		return c;
	return '_';
}

struct room {
	char *to;
	size_t left;
};

static void
put(struct room *r, const char *s, size_t len)
{
	if (len >= r->left) {
		r->left = 0;
		return;
	}
	memcpy(r->to, s, len);
	r->to += len;
	r->left -= len;
}

static void
put_safe(struct room *r, struct hsw_str s)
{
	if (s.len == 0)
		put(r, "_", 1);
	for (size_t i = 0; i < s.len; i++) {
		char c = safe(s.s[i], i == 0);
		put(r, &c, 1);
	}
}

int
pattern_expand(struct pattern *p, const struct pattern_values *v, char *to, size_t size)
{
	struct room r = { .to = to, .left = size };

	if (v->time_ms / 1000 != p->second)
		set_dates(p, v->time_ms / 1000);
	for (size_t i = 0; i < p->count; i++) {
		const struct segment *s = &p->segment[i];
		switch (s->kind) {
		case LITERAL:
			put(&r, s->text, s->len);
			break;
		case DATE:
			put(&r, s->date, s->len);
			break;
		case INSTANCE:
			put_safe(&r, v->instance);
			break;
		case EVENT:
			put_safe(&r, v->event);
			break;
		}
	}
	if (r.left == 0)
		return HSW_ELIMIT;
	*r.to = '\0';
	return HSW_OK;
}
