/* SPDX-License-Identifier: Apache-2.0 */
/* buf.c - see buf.h. */
#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST 256 /* bytes of the first allocation */

static const char hex_digits[] = "0123456789abcdef";

bool
buf_reserve(struct buf *b, size_t more)
{
	if (b->failed)
		return false;
	if (more <= b->cap - b->len)
		return true;
	size_t cap = b->cap != 0 ? b->cap : BUF_FIRST;
	while (cap - b->len < more && cap <= SIZE_MAX / 2)
		cap *= 2;
	char *data = cap - b->len >= more ? realloc(b->data, cap) : NULL;
	if (data == NULL) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void
buf_append(struct buf *b, const void *bytes, size_t n)
{
	if (n == 0 || !buf_reserve(b, n))
		return;
	memcpy(b->data + b->len, bytes, n);
	b->len += n;
}

void
buf_str(struct buf *b, const char *s)
{
	buf_append(b, s, strlen(s));
}

void
buf_number(struct buf *b, uint64_t n)
{
	char digits[20], *end = digits + sizeof(digits), *p = end;

	do
		*--p = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	buf_append(b, p, (size_t)(end - p));
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	if (n >= 0 && buf_reserve(b, (size_t)n + 1)) {
		vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
	va_end(ap);
}

/* The length of the UTF-8 sequence at s (RFC 3629 section 4), 0 where there is none. */
static size_t
utf8_length(const unsigned char *s, size_t n)
{
	static const struct {
		unsigned char first_min, first_max, second_min, second_max, length;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	if (s[0] < 0x80)
		return 1;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (s[0] < forms[i].first_min || s[0] > forms[i].first_max)
			continue;
		if (forms[i].length > n || s[1] < forms[i].second_min || s[1] > forms[i].second_max)
			return 0;
		for (size_t k = 2; k < forms[i].length; k++) {
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		}
		return forms[i].length;
	}
	return 0;
}

static void
json_escape(struct buf *b, unsigned char c)
{
	static const char named[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
	char text[6] = { '\\', 'u', '0', '0', hex_digits[c >> 4], hex_digits[c & 15] };

	const char *at = c != 0 ? strchr(named, c) : NULL;
	if (at == NULL) {
		buf_append(b, text, sizeof(text));
		return;
	}
	text[1] = names[at - named];
	buf_append(b, text, 2);
}

void
buf_json(struct buf *b, struct hsw_str s)
{
	const unsigned char *p = (const unsigned char *)s.s;
	size_t start = 0, i = 0;

	buf_append(b, "\"", 1);
	while (i < s.len) {
		size_t n = utf8_length(p + i, s.len - i);
		if (n != 0 && p[i] >= 0x20 && p[i] != '"' && p[i] != '\\') {
			i += n;
			continue;
		}
		buf_append(b, p + start, i - start);
		if (n == 0)
			buf_str(b, "\xef\xbf\xbd");
		else
			json_escape(b, p[i]);
		start = ++i;
	}
	buf_append(b, p + start, i - start);
	buf_append(b, "\"", 1);
}

void
buf_json_cstr(struct buf *b, const char *s)
{
	buf_json(b, str_of(s));
}

void
buf_hex(struct buf *b, const unsigned char *bytes, size_t n)
{
	if (!buf_reserve(b, 2 * n))
		return;
	for (size_t i = 0; i < n; i++) {
		b->data[b->len++] = hex_digits[bytes[i] >> 4];
		b->data[b->len++] = hex_digits[bytes[i] & 15];
	}
}

void
buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf)BUF_INIT;
}
