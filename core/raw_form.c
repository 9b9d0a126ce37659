/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raw_form.c - see raw.h: forms (application/x-www-form-urlencoded) without their credentials. What stands
 * between the members stays as it is, so that a text that is no form comes out as it went in.
 */
#include "raw.h"

#include <stdbool.h>
#include <string.h>

#define REDACTED "%5Bredacted%5D"
#define NAME_MAX_BYTES 64 /* no credential has a longer name */

static int
digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void
decode(struct buf *b, struct hsw_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.s[i] == '+' ? ' ' : s.s[i];
		if (c == '%' && i + 2 < s.len && digit_of(s.s[i + 1]) >= 0 &&
			digit_of(s.s[i + 2]) >= 0) {
			c = (char)(digit_of(s.s[i + 1]) * 16 + digit_of(s.s[i + 2]));
			i += 2;
		}
		buf_append(b, &c, 1);
	}
}

static void
encode(struct buf *b, struct hsw_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.s[i];
		bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || (c != '\0' && strchr("-._~", c) != NULL);
		if (is_plain)
			buf_append(b, &c, 1);
		else
			buf_printf(b, "%%%02X", c);
	}
}

static bool
names_credential(struct hsw_str name)
{
	struct buf plain = BUF_INIT;

	if (name.len > 3 * NAME_MAX_BYTES)
		return false;
	decode(&plain, name);
	buf_append(&plain, "", 1);
	bool is_credential = plain.failed || raw_is_credential(plain.data);
	buf_free(&plain);
	return is_credential;
}

/* A value that is JSON, as wuzapi's jsonData, goes without its own credentials. */
static void
write_value(struct buf *b, struct hsw_str value)
{
	bool may_be_json = value.len > 0 &&
		(value.s[0] == '{' || value.s[0] == '[' ||
			(value.len > 2 && value.s[0] == '%' &&
				(memcmp(value.s + 1, "7B", 2) == 0 ||
					memcmp(value.s + 1, "7b", 2) == 0 ||
					memcmp(value.s + 1, "5B", 2) == 0 ||
					memcmp(value.s + 1, "5b", 2) == 0)));
	struct buf plain = BUF_INIT, json = BUF_INIT;

	if (!may_be_json) {
		buf_append(b, value.s, value.len);
		return;
	}
	decode(&plain, value);
	bool is_json = !plain.failed &&
		raw_redact(&json, (struct hsw_str){ plain.data, plain.len });
	if (plain.failed || json.failed)
		b->failed = true;
	else if (is_json)
		encode(b, (struct hsw_str){ json.data, json.len });
	else
		buf_str(b, REDACTED);
	buf_free(&plain);
	buf_free(&json);
}

void
raw_form(struct buf *b, struct hsw_str body)
{
	const char *at = body.s, *end = body.s + body.len;

	while (at < end) {
		const char *stop = memchr(at, '&', (size_t)(end - at));
		if (stop == NULL)
			stop = end;
		const char *equals = memchr(at, '=', (size_t)(stop - at));
		const char *value = equals != NULL ? equals + 1 : stop;
		buf_append(b, at, (size_t)(value - at));
		if (value < stop && names_credential((struct hsw_str){ at, (size_t)(equals - at) }))
			buf_str(b, REDACTED);
		else
			write_value(b, (struct hsw_str){ value, (size_t)(stop - value) });
		if (stop < end)
			buf_str(b, "&");
		at = stop + (stop < end);
	}
}
