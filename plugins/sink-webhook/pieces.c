/* SPDX-License-Identifier: Apache-2.0 */
/* pieces.c - see pieces.h. */
#include "pieces.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 32

void
pieces_free(struct pieces *p)
{
	free(p->iov);
	*p = (struct pieces){ 0 };
}

void
pieces_clear(struct pieces *p)
{
	p->n = p->len = 0;
}

struct iovec *
pieces_room(struct pieces *p, size_t n)
{
	size_t room = p->room > 0 ? p->room : ROOM_MIN;

	while (room - p->n < n)
		room *= 2;
	if (room > p->room) {
		struct iovec *larger = realloc(p->iov, room * sizeof(*larger));
		if (larger == NULL)
			return NULL;
		p->iov = larger;
		p->room = room;
	}
	return p->iov + p->n;
}

void
pieces_take(struct pieces *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p->len += p->iov[p->n + i].iov_len;
	p->n += n;
}

bool
pieces_add(struct pieces *p, const void *bytes, size_t len)
{
	if (len == 0)
		return true;
	struct iovec *iov = pieces_room(p, 1);
	if (iov == NULL)
		return false;
	*iov = (struct iovec){ (void *)bytes, len };
	pieces_take(p, 1);
	return true;
}

bool
pieces_add_all(struct pieces *p, const struct pieces *more)
{
	struct iovec *iov = pieces_room(p, more->n);

	if (iov == NULL)
		return false;
	if (more->n > 0)
		memcpy(iov, more->iov, more->n * sizeof(*iov));
	pieces_take(p, more->n);
	return true;
}

bool
pieces_add_slice(struct pieces *p, const struct pieces *of, size_t from, size_t to)
{
	size_t at = 0; /* where the piece begins */
	bool has_memory = true;

	for (size_t i = 0; i < of->n && at < to && has_memory; i++) {
		const struct iovec *iov = &of->iov[i];
		size_t end = at + iov->iov_len;
		size_t first = from > at ? from : at, last = to < end ? to : end;
		if (first < last)
			has_memory = pieces_add(
				p, (const char *)iov->iov_base + (first - at), last - first);
		at = end;
	}
	return has_memory;
}

/* ---- finding a member ---- */

/* A walk over JSON that is known to be well-formed. */
struct walk {
	const char *member;
	size_t member_len;
	unsigned depth; /* 1: in the object */
	bool in_string, is_escaped;
	bool is_key;     /* the next string at depth 1 is a member's name */
	bool is_wanted;  /* the name before was the wanted one */
	size_t name_len; /* of the name that is being read */
	bool is_same;    /* so far */
	size_t from;     /* of the value; 0: it has not begun */
};

static void
name_byte(struct walk *w, char c)
{
	w->is_same = w->is_same && w->name_len < w->member_len && w->member[w->name_len] == c;
	w->name_len++;
}

static void
string_begins(struct walk *w)
{
	w->in_string = true;
	w->name_len = 0;
	w->is_same = true;
}

static void
string_ends(struct walk *w)
{
	w->in_string = false;
	if (w->depth != 1 || !w->is_key)
		return;
	w->is_key = false;
	w->is_wanted = w->is_same && w->name_len == w->member_len;
}

/* A byte of a string; returns how many bytes may be passed over. */
static size_t
in_string(struct walk *w, const char *s, size_t n)
{
	if (w->is_escaped) {
		w->is_escaped = false;
		name_byte(w, '\\');
		return 1;
	}
	if (*s == '"') {
		string_ends(w);
		return 1;
	}
	if (*s == '\\') {
		w->is_escaped = true;
		return 1;
	}
	if (w->depth == 1 && w->is_key) {
		name_byte(w, *s);
		return 1;
	}
	/* Media is megabytes without an escape. */
	const char *end = memchr(s, '"', n);
	size_t len = end != NULL ? (size_t)(end - s) : n;
	const char *escape = memchr(s, '\\', len);
	return escape != NULL ? (size_t)(escape - s) : len;
}

/* A byte outside of strings; true: the wanted value ends before it. */
static bool
out_of_string(struct walk *w, char c, size_t at)
{
	bool is_end = w->depth == 1 && w->from > 0 && (c == ',' || c == '}');

	if (is_end)
		return true;
	if (w->depth == 1 && w->is_wanted && w->from == 0 && c != ':' &&
		strchr(" \t\r\n", c) == NULL)
		w->from = at;
	if (c == '"')
		string_begins(w);
	else if (c == '{' || c == '[')
		w->is_key = w->depth++ == 0;
	else if (c == '}' || c == ']')
		w->depth--;
	else if (c == ',' && w->depth == 1)
		w->is_key = true;
	return false;
}

bool
pieces_find(const struct pieces *p, const char *member, size_t *from, size_t *to)
{
	struct walk w = { .member = member, .member_len = strlen(member) };
	size_t at = 0;

	for (size_t i = 0; i < p->n; i++) {
		const char *s = p->iov[i].iov_base, *end = s + p->iov[i].iov_len;
		while (s < end) {
			size_t step = 1;
			if (w.in_string) {
				step = in_string(&w, s, (size_t)(end - s));
			} else if (out_of_string(&w, *s, at)) {
				*from = w.from;
				*to = at;
				return true;
			}
			s += step;
			at += step;
		}
	}
	return false;
}
