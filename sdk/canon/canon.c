/* SPDX-License-Identifier: Apache-2.0 */
/* canon.c - see hookswitch/canon.h: the JSON writer, natural keys and base64. */
#include <hookswitch/canon.h>

#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 2048

static const char hex_digits[] = "0123456789abcdef";

void
canon_reset(struct hsw_canon *c)
{
	c->len = c->n_cuts = 0;
	c->failed = c->has_member = false;
	c->part = 0;
}

void
canon_free(struct hsw_canon *c)
{
	free(c->data);
	*c = (struct hsw_canon){ .data = NULL };
}

static bool
reserve(struct hsw_canon *c, size_t more)
{
	size_t cap = c->cap != 0 ? c->cap : FIRST_BYTES;

	if (c->failed || more <= c->cap - c->len)
		return !c->failed;
	while (cap - c->len < more && cap <= SIZE_MAX / 2)
		cap *= 2;
	char *data = cap - c->len >= more ? realloc(c->data, cap) : NULL;
	if (data == NULL) {
		c->failed = true;
		return false;
	}
	c->data = data;
	c->cap = cap;
	return true;
}

static void
put(struct hsw_canon *c, const char *s, size_t n)
{
	if (!reserve(c, n))
		return;
	memcpy(c->data + c->len, s, n);
	c->len += n;
}

static void
put_char(struct hsw_canon *c, char ch)
{
	if (reserve(c, 1))
		c->data[c->len++] = ch;
}

/* 0: plain; 1: to be escaped or looked at. */
static bool
is_special(unsigned char ch)
{
	return ch < 0x20 || ch == '"' || ch == '\\' || ch >= 0x80;
}

/* The length of the UTF-8 sequence at s (RFC 3629 section 4), 0: there is none. */
static size_t
utf8_length(const unsigned char *s, size_t n)
{
	size_t want = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

	if (s[0] < 0xc2 || s[0] > 0xf4 || n < want)
		return 0;
	for (size_t i = 1; i < want; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	bool is_overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
	bool is_outside = (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f);
	return is_overlong || is_outside ? 0 : want;
}

static void
put_escape(struct hsw_canon *c, unsigned char ch)
{
	static const char named[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
	const char *at = ch != 0 ? strchr(named, ch) : NULL;
	char text[6] = { '\\', 'u', '0', '0', hex_digits[ch >> 4], hex_digits[ch & 15] };

	if (at != NULL)
		text[1] = names[at - named];
	put(c, text, at != NULL ? 2 : 6);
}

static void
put_string(struct hsw_canon *c, struct hsw_str s)
{
	const unsigned char *p = (const unsigned char *)s.s;
	size_t start = 0, i = 0;

	put_char(c, '"');
	while (i < s.len) {
		if (!is_special(p[i])) {
			i++;
			continue;
		}
		size_t n = p[i] >= 0x80 ? utf8_length(p + i, s.len - i) : 0;
		if (n != 0) {
			i += n;
			continue;
		}
		put(c, s.s + start, i - start);
		if (p[i] >= 0x80)
			put(c, "\xef\xbf\xbd", 3);
		else
			put_escape(c, p[i]);
		start = ++i;
	}
	put(c, s.s + start, s.len - start);
	put_char(c, '"');
}

static void
begin_member(struct hsw_canon *c, const char *key)
{
	if (c->has_member)
		put_char(c, ',');
	c->has_member = true;
	if (key == NULL)
		return;
	put_char(c, '"');
	put(c, key, strlen(key));
	put(c, "\":", 2);
}

void
canon_open_object(struct hsw_canon *c, const char *key)
{
	begin_member(c, key);
	put_char(c, '{');
	c->has_member = false;
}

void
canon_close_object(struct hsw_canon *c)
{
	put_char(c, '}');
	c->has_member = true;
}

void
canon_open_array(struct hsw_canon *c, const char *key)
{
	begin_member(c, key);
	put_char(c, '[');
	c->has_member = false;
}

void
canon_close_array(struct hsw_canon *c)
{
	put_char(c, ']');
	c->has_member = true;
}

void
canon_string(struct hsw_canon *c, const char *key, struct hsw_str s)
{
	if (s.s == NULL)
		return;
	begin_member(c, key);
	put_string(c, s);
}

void
canon_text(struct hsw_canon *c, const char *key, const char *s)
{
	if (s != NULL)
		canon_string(c, key, (struct hsw_str){ s, strlen(s) });
}

/* The decimal digits of n, at the end of out; returns how many bytes. */
static size_t
digits_of(int64_t n, char out[24])
{
	uint64_t u = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
	size_t len = 0;

	do
		out[23 - len++] = (char)('0' + u % 10);
	while ((u /= 10) != 0);
	if (n < 0)
		out[23 - len++] = '-';
	return len;
}

void
canon_int(struct hsw_canon *c, const char *key, int64_t n)
{
	char digits[24];
	size_t len = digits_of(n, digits);

	begin_member(c, key);
	put(c, digits + 24 - len, len);
}

void
canon_bool(struct hsw_canon *c, const char *key, bool value)
{
	begin_member(c, key);
	put(c, value ? "true" : "false", value ? 4 : 5);
}

void
canon_null(struct hsw_canon *c, const char *key)
{
	begin_member(c, key);
	put(c, "null", 4);
}

void
canon_raw(struct hsw_canon *c, const char *key, struct hsw_str json)
{
	begin_member(c, key);
	put(c, json.s, json.len);
}

/* ---- pieces ---- */

static size_t
last_end(const struct hsw_canon *c)
{
	return c->n_cuts > 0 ? c->cuts[c->n_cuts - 1].end : 0;
}

static void
cut(struct hsw_canon *c, struct hsw_str foreign)
{
	if (foreign.s == NULL && last_end(c) == c->len)
		return;
	if (c->n_cuts == HSW_PIECES_MAX) {
		c->failed = true;
		return;
	}
	c->cuts[c->n_cuts].foreign = foreign;
	c->cuts[c->n_cuts].end = c->len;
	c->cuts[c->n_cuts].part = c->part;
	c->n_cuts++;
}

static const struct hsw_str none = { NULL, 0 };

void
canon_part(struct hsw_canon *c, unsigned part)
{
	cut(c, none);
	c->part = part;
}

void
canon_borrowed(struct hsw_canon *c, const char *key, struct hsw_str s)
{
	if (s.s == NULL)
		return;
	begin_member(c, key);
	put_char(c, '"');
	cut(c, none);
	if (s.len > 0)
		cut(c, s);
	put_char(c, '"');
}

size_t
canon_pieces(struct hsw_canon *c)
{
	size_t begin = 0;

	cut(c, none);
	if (c->failed)
		return 0;
	for (size_t i = 0; i < c->n_cuts; i++) {
		struct hsw_str own = { c->data + begin, c->cuts[i].end - begin };
		c->pieces[i].bytes = c->cuts[i].foreign.s != NULL ? c->cuts[i].foreign : own;
		c->pieces[i].part = c->cuts[i].part;
		begin = c->cuts[i].end;
	}
	return c->n_cuts;
}

/* ---- natural keys ---- */

void
canon_identity(struct hsw_identity *id, struct hsw_str part)
{
	size_t room = sizeof(id->data) - id->len;
	size_t n = part.len < room ? part.len : room;

	if (n > 0)
		memcpy(id->data + id->len, part.s, n);
	id->len += n;
	if (id->len < sizeof(id->data))
		id->data[id->len++] = '\0';
}

void
canon_identity_text(struct hsw_identity *id, const char *part)
{
	canon_identity(id, (struct hsw_str){ part, strlen(part) });
}

void
canon_identity_int(struct hsw_identity *id, int64_t part)
{
	char digits[24];
	size_t len = digits_of(part, digits);

	canon_identity(id, (struct hsw_str){ digits + 24 - len, len });
}

/* ---- base64 ---- */

bool
canon_base64(struct hsw_str *s)
{
	static const char mark[] = ";base64,";
	size_t i = 0;

	if (s->len > 5 && memcmp(s->s, "data:", 5) == 0) {
		for (i = 5; i + sizeof(mark) - 1 <= s->len && i < 256; i++) {
			if (memcmp(s->s + i, mark, sizeof(mark) - 1) == 0) {
				s->s += i + sizeof(mark) - 1;
				s->len -= i + sizeof(mark) - 1;
				break;
			}
		}
	}
	for (i = 0; i < s->len; i++) {
		char c = s->s[i];
		bool is_base64 = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			(c >= '0' && c <= '9') || c == '+' || c == '/';
		if (!is_base64)
			break;
	}
	for (size_t pads = 0; i < s->len && pads < 2 && s->s[i] == '='; pads++)
		i++;
	return s->len > 0 && i == s->len;
}
