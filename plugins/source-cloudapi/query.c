/* SPDX-License-Identifier: Apache-2.0 */
/* query.c - the parameters of a query (application/x-www-form-urlencoded). */
#include "cloudapi.h"

#include <string.h>

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes one byte at s; how many bytes it took, 0: it is malformed. */
static size_t
decode_byte(struct hsw_str s, char *out)
{
	if (s.s[0] != '%') {
		*out = s.s[0] == '+' ? ' ' : s.s[0];
		return 1;
	}
	int high = s.len >= 3 ? hex_digit(s.s[1]) : -1, low = high >= 0 ? hex_digit(s.s[2]) : -1;
	if (low < 0)
		return 0;
	*out = (char)(high << 4 | low);
	return 3;
}

static int
decode(struct hsw_str s, char *out, size_t size)
{
	size_t n = 0;

	while (s.len > 0) {
		size_t took = n < size ? decode_byte(s, &out[n++]) : 0;
		if (took == 0)
			return -1;
		s = (struct hsw_str){ s.s + took, s.len - took };
	}
	return (int)n;
}

int
query_parameter(struct hsw_str query, const char *name, char *out, size_t size)
{
	const size_t wanted = strlen(name);

	while (query.len > 0) {
		const char *end = memchr(query.s, '&', query.len);
		size_t n = end != NULL ? (size_t)(end - query.s) : query.len;
		const char *eq = memchr(query.s, '=', n);
		size_t key = eq != NULL ? (size_t)(eq - query.s) : n;
		/* "hub.mode" may come as "hub%2Emode"; out is large enough for any name. */
		int len = decode((struct hsw_str){ query.s, key }, out, size);
		if (eq != NULL && len == (int)wanted && memcmp(out, name, wanted) == 0)
			return decode((struct hsw_str){ eq + 1, n - key - 1 }, out, size);
		n += end != NULL;
		query = (struct hsw_str){ query.s + n, query.len - n };
	}
	return 0;
}
