/* SPDX-License-Identifier: Apache-2.0 */
/* form.c - see form.h. */
#include "form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* in -> out, which advances. Returns the bytes read; less than in.len: they are bad there. */
static size_t
decode(struct hsw_str in, char **out)
{
	size_t i = 0;

	for (; i < in.len; i++) {
		if (in.s[i] == '+') {
			*(*out)++ = ' ';
			continue;
		}
		if (in.s[i] != '%') {
			*(*out)++ = in.s[i];
			continue;
		}
		int high = i + 2 < in.len ? hex_digit(in.s[i + 1]) : -1;
		int low = i + 2 < in.len ? hex_digit(in.s[i + 2]) : -1;
		if (high < 0 || low < 0)
			return i;
		*(*out)++ = (char)(high << 4 | low);
		i += 2;
	}
	return i;
}

/* Decodes what stands between & and &. */
static size_t
read_field(struct hsw_str in, char **at, struct form_field *field)
{
	const char *equals = memchr(in.s, '=', in.len);
	size_t n = equals != NULL ? (size_t)(equals - in.s) : in.len;

	field->name.s = *at;
	size_t good = decode((struct hsw_str){ in.s, n }, at);
	field->name.len = (size_t)(*at - field->name.s);
	field->value.s = *at;
	if (good < n || equals == NULL)
		return good;
	good += 1 + decode((struct hsw_str){ equals + 1, in.len - n - 1 }, at);
	field->value.len = (size_t)(*at - field->value.s);
	return good;
}

static size_t
count_fields(struct hsw_str body)
{
	size_t n = 1;

	for (size_t i = 0; i < body.len; i++)
		n += body.s[i] == '&';
	return n;
}

int
form_read(struct form *form, struct hsw_str body, struct hsw_error *err)
{
	*form = (struct form){ .bytes = malloc(body.len + 1) };
	form->fields = calloc(count_fields(body), sizeof(*form->fields));
	if (form->bytes == NULL || form->fields == NULL) {
		snprintf(err->text, sizeof(err->text), "out of memory");
		return HSW_ENOMEM;
	}
	char *at = form->bytes;
	for (size_t i = 0; i < body.len;) {
		const char *end = memchr(body.s + i, '&', body.len - i);
		size_t n = end != NULL ? (size_t)(end - body.s) - i : body.len - i;
		if (n > 0) {
			size_t good = read_field(
				(struct hsw_str){ body.s + i, n }, &at, &form->fields[form->n++]);
			if (good < n) {
				snprintf(err->text, sizeof(err->text),
					"body: bad form at byte %zu: expected two hex digits after "
					"%%",
					i + good + 1);
				return HSW_EINVAL;
			}
		}
		i += n + 1;
	}
	return HSW_OK;
}

void
form_free(struct form *form)
{
	free(form->bytes);
	free(form->fields);
	*form = (struct form){ .bytes = NULL };
}
