/* SPDX-License-Identifier: Apache-2.0 */
/* base64.c - base64 of hookswitch/canon.h: checked, tidied, written. */
#include <hookswitch/canon.h>

#include <string.h>

#define PREFIX_MAX 256 /* bytes of `data:<type>;base64,` */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* 1: it is a byte of base64. Padding is looked at apart. */
static const unsigned char is_base64[256] = {
	['A' ... 'Z'] = 1,
	['a' ... 'z'] = 1,
	['0' ... '9'] = 1,
	['+'] = 1,
	['/'] = 1,
};

static void
skip_prefix(struct hsw_str *s)
{
	static const char mark[] = ";base64,";
	size_t look = s->len < PREFIX_MAX ? s->len : PREFIX_MAX;

	if (s->len < 5 || memcmp(s->s, "data:", 5) != 0)
		return;
	for (size_t i = 5; i + sizeof(mark) - 1 <= look; i++) {
		if (memcmp(s->s + i, mark, sizeof(mark) - 1) != 0)
			continue;
		s->s += i + sizeof(mark) - 1;
		s->len -= i + sizeof(mark) - 1;
		return;
	}
}

/* Takes off a prefix; true: the rest is base64 and nothing else. */
static bool
is_tidy(struct hsw_str *s)
{
	unsigned all = 1;

	if (s->s == NULL)
		return false;
	skip_prefix(s);
	size_t n = s->len;
	for (int pads = 0; pads < 2 && n > 0 && s->s[n - 1] == '='; pads++)
		n--;
	/* Media has megabytes: no branch in the loop. */
	for (size_t i = 0; i < n; i++)
		all &= is_base64[(unsigned char)s->s[i]];
	return all == 1 && n > 0 && n % 4 != 1;
}

bool
canon_base64(struct hsw_canon *c, struct hsw_str *s)
{
	if (is_tidy(s))
		return true;
	char *out = canon_scratch(c, s->len);
	struct hsw_str tidy = { out, 0 };
	for (size_t i = 0; out != NULL && i < s->len; i++) {
		char ch = s->s[i];
		if (ch != '\n' && ch != '\r' && ch != ' ' && ch != '\t')
			out[tidy.len++] = ch == '-' ? '+' : ch == '_' ? '/' : ch;
	}
	if (out == NULL || !is_tidy(&tidy))
		return false;
	*s = tidy;
	return true;
}

struct hsw_str
canon_base64_encode(struct hsw_canon *c, const unsigned char *bytes, size_t n)
{
	char *out = n <= SIZE_MAX / 2 ? canon_scratch(c, (n + 2) / 3 * 4) : NULL, *at = out;

	for (size_t i = 0; out != NULL && i < n; i += 3) {
		size_t left = n - i;
		unsigned v = (unsigned)bytes[i] << 16 |
			(left > 1 ? (unsigned)bytes[i + 1] << 8 : 0) |
			(left > 2 ? bytes[i + 2] : 0);
		*at++ = alphabet[v >> 18];
		*at++ = alphabet[v >> 12 & 63];
		*at++ = left > 1 ? alphabet[v >> 6 & 63] : '=';
		*at++ = left > 2 ? alphabet[v & 63] : '=';
	}
	return (struct hsw_str){ out, out != NULL ? (size_t)(at - out) : 0 };
}
