/* SPDX-License-Identifier: Apache-2.0 */
/* form.c - forms around JSON: application/x-www-form-urlencoded, and multipart/form-data (RFC 7578), which wuzapi
 * uses where it sends a file along. Told apart by the body itself. */
#include "wuzapi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBER "jsonData"

/* ---- urlencoded ---- */

static int
digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* out has room for s.len bytes. What is no %XX stays as it is. */
static size_t
decode(struct hsw_str s, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++) {
		bool is_escape = s.s[i] == '%' && i + 2 < s.len && digit_of(s.s[i + 1]) >= 0 &&
			digit_of(s.s[i + 2]) >= 0;
		out[n++] = (char)(is_escape     ? digit_of(s.s[i + 1]) * 16 + digit_of(s.s[i + 2])
				: s.s[i] == '+' ? ' '
						: s.s[i]);
		if (is_escape)
			i += 2;
	}
	return n;
}

/* The value of the form's member, still encoded; s = NULL: there is none. */
static struct hsw_str
find_urlencoded(struct hsw_str body)
{
	static const char name[] = MEMBER "=";
	const char *at = body.s, *end = body.s + body.len;

	while (at < end) {
		const char *stop = memchr(at, '&', (size_t)(end - at));
		if (stop == NULL)
			stop = end;
		size_t n = (size_t)(stop - at), skip = sizeof(name) - 1;
		if (n >= skip && memcmp(at, name, skip) == 0)
			return (struct hsw_str){ at + skip, n - skip };
		at = stop + (stop < end);
	}
	return (struct hsw_str){ NULL, 0 };
}

/* ---- multipart ---- */

/* The part's body: from the empty line to the next line that begins with the boundary. */
static struct hsw_str
find_part(struct hsw_str body)
{
	static const char name[] = "name=\"" MEMBER "\"";
	const char *end = body.s + body.len, *eol = memmem(body.s, body.len, "\r\n", 2);
	const char *at = memmem(body.s, body.len, name, sizeof(name) - 1);

	if (eol == NULL || at == NULL)
		return (struct hsw_str){ NULL, 0 };
	size_t boundary = (size_t)(eol - body.s);
	const char *start = memmem(at, (size_t)(end - at), "\r\n\r\n", 4);
	if (start == NULL)
		return (struct hsw_str){ NULL, 0 };
	start += 4;
	for (const char *stop = start;
		(stop = memmem(stop, (size_t)(end - stop), "\r\n--", 4)) != NULL; stop += 2) {
		if ((size_t)(end - stop - 2) >= boundary && memcmp(stop + 2, body.s, boundary) == 0)
			return (struct hsw_str){ start, (size_t)(stop - start) };
	}
	return (struct hsw_str){ NULL, 0 };
}

/* ---- any ---- */

int
form_json(struct hsw_str body, struct hsw_str *json, char **buffer, struct hsw_error *err)
{
	bool is_multipart = body.len > 2 && memcmp(body.s, "--", 2) == 0;
	bool is_form = body.len > 0 && ((body.s[0] | 0x20) >= 'a' && (body.s[0] | 0x20) <= 'z') &&
		memchr(body.s, '=', body.len) != NULL;

	*buffer = NULL;
	*json = body;
	if (!is_multipart && !is_form)
		return HSW_OK;
	*json = is_multipart ? find_part(body) : find_urlencoded(body);
	if (json->s == NULL) {
		snprintf(err->text, sizeof(err->text), "body: is a form without " MEMBER);
		return HSW_EINVAL;
	}
	if (is_multipart)
		return HSW_OK;
	*buffer = malloc(json->len + 1);
	if (*buffer == NULL) {
		snprintf(err->text, sizeof(err->text), "out of memory");
		return HSW_ENOMEM;
	}
	json->len = decode(*json, *buffer);
	json->s = *buffer;
	return HSW_OK;
}
