/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bad_input.c - the spoilt forms of a payload: cut at every byte, bytes replaced, and of JSON each value replaced by
 * those of other types, numbers that fit nowhere, text that is no UTF-8 and values that are nested deeply.
 */
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json.h>

#define CUTS_MAX 4096   /* of longer payloads not every byte is tried */
#define BYTES_MAX 512   /* that are replaced */
#define VALUES_MAX 512  /* of JSON that are replaced */
#define DEEP 100000     /* a body */
#define DEEP_VALUE 200  /* a value in a body */
#define HUGE_DIGITS 400 /* of a number */

struct spoil {
	bad_input_fn *fn;
	void *arg;
};

static void
give(const struct spoil *s, const char *bytes, size_t len)
{
	s->fn(s->arg, (struct hsw_str){ bytes, len });
}

/* ---- without a look at the payload ---- */

/* n times open, then n times close, where that is not NULL. To be freed. */
static char *
nested(const char *open, const char *close, size_t n, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	for (size_t i = 0; i < n; i++)
		fputs(open, f);
	for (size_t i = 0; close != NULL && i < n; i++)
		fputs(close, f);
	fclose(f);
	return text;
}

static void
give_nested(const struct spoil *s, const char *open, const char *close)
{
	size_t len;
	char *text = nested(open, close, DEEP, &len);

	give(s, text, len);
	free(text);
}

static void
give_foreign(const struct spoil *s)
{
	static const struct hsw_str bodies[] = { { "", 0 }, { " ", 1 }, { "\0", 1 }, { "null", 4 },
		{ "true", 4 }, { "0", 1 }, { "1e999", 5 }, { "\"x\"", 3 }, { "[]", 2 }, { "{}", 2 },
		{ "[{}]", 4 }, { "[[],{}]", 7 }, { "{\"a\":", 5 }, { "{}{}", 4 },
		{ "\xff\xfe\0{", 4 }, { "\xef\xbb\xbf{}", 5 }, { "a=b&c=%zz&%", 11 },
		{ "&&==%00", 7 }, { "<x>\xc3\x28</x>", 9 } };

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		give(s, bodies[i].s, bodies[i].len);
	give_nested(s, "[", NULL);
	give_nested(s, "[", "]");
	give_nested(s, "{\"a\":", NULL);
}

/* ---- of the bytes ---- */

static void
give_cuts(const struct spoil *s, struct hsw_str body)
{
	size_t step = 1 + body.len / CUTS_MAX;

	for (size_t n = 0; n < body.len; n += step)
		give(s, body.s, n);
}

static void
give_replaced_bytes(const struct spoil *s, struct hsw_str body)
{
	static const char bytes[] = { '\xff', '\xc3', '\0', '"', '{', '\n' };
	size_t step = 1 + body.len / BYTES_MAX;
	char *copy = malloc(body.len + 1);

	for (size_t at = 0; copy != NULL && at < body.len; at += step) {
		memcpy(copy, body.s, body.len);
		for (size_t i = 0; i < sizeof(bytes); i++) {
			copy[at] = bytes[i];
			give(s, copy, body.len);
		}
	}
	free(copy);
}

/* ---- of the values of JSON ---- */

/* Prints the value, another text in place of the one whose number *left counts down to. */
static void
print(FILE *f, struct json_object *value, size_t *left, const char *other)
{
	const char *comma = "";

	if ((*left)-- == 0) {
		fputs(other, f);
		return;
	}
	if (json_object_is_type(value, json_type_object)) {
		fputc('{', f);
		json_object_object_foreach(value, key, member)
		{
			struct json_object *name = json_object_new_string(key);
			fprintf(f, "%s%s:", comma, json_object_to_json_string(name));
			json_object_put(name);
			print(f, member, left, other);
			comma = ",";
		}
		fputc('}', f);
	} else if (json_object_is_type(value, json_type_array)) {
		fputc('[', f);
		for (size_t i = 0; i < json_object_array_length(value); i++) {
			fputs(comma, f);
			print(f, json_object_array_get_idx(value, i), left, other);
			comma = ",";
		}
		fputc(']', f);
	} else {
		fputs(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN), f);
	}
}

/* Whether there was a value of that number to be replaced. */
static bool
give_value(const struct spoil *s, struct json_object *whole, size_t number, const char *other)
{
	char *text = NULL;
	size_t len, left = number;
	FILE *f = open_memstream(&text, &len);

	print(f, whole, &left, other);
	fclose(f);
	/* Counted down beyond 0 where it was found. */
	bool is_there = left > number;
	if (is_there)
		give(s, text, len);
	free(text);
	return is_there;
}

static void
give_values(const struct spoil *s, struct json_object *whole, const char *other)
{
	size_t n = 0;

	while (n < VALUES_MAX && give_value(s, whole, n, other))
		n++;
}

static void
give_replaced_values(const struct spoil *s, struct hsw_str body)
{
	static const char *const others[] = { "null", "true", "-1", "0", "1e999", "-1e-999",
		"9223372036854775808", "0.1", "\"\"", "\"0\"", "[]", "[null]", "{}", "{\"\":null}",
		"\"\\ud800\"", "\"\\u0000x\"", "\"\xff\xc3\x28\"", "\"\\n\\r\\u001b[0m\"" };
	char digits[HUGE_DIGITS + 1] = "";
	size_t len;
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *whole = json_tokener_parse_ex(tokener, body.s, (int)body.len);

	for (size_t i = 0; whole != NULL && i < sizeof(others) / sizeof(others[0]); i++)
		give_values(s, whole, others[i]);
	memset(digits, '9', HUGE_DIGITS);
	char *deep = nested("[", "]", DEEP_VALUE, &len);
	if (whole != NULL) {
		give_values(s, whole, digits);
		give_values(s, whole, deep);
	}
	free(deep);
	json_object_put(whole);
	json_tokener_free(tokener);
}

void
fake_bad_input_each(struct hsw_str body, bad_input_fn *fn, void *arg)
{
	const struct spoil s = { fn, arg };

	give_foreign(&s);
	give_cuts(&s, body);
	give_replaced_bytes(&s, body);
	give_replaced_values(&s, body);
}
