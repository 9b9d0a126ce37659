/* SPDX-License-Identifier: Apache-2.0 */
/* expression.c - see expression.h: jq's words and brackets, and nothing of its grammar. */
#include "expression.h"

#include <stdio.h>
#include <string.h>

#define NESTED_MAX 100 /* brackets in brackets */

/* Of jq 1.6, whose input, environment and clock are not the event's; or whose time or memory nothing bounds:
 * paths that come from the event may have an index of any size. */
static const char *const refused[] = {
	"$ENV",
	"$__loc__",
	"$__prog_args",
	"builtins",
	"debug",
	"env",
	"fromstream",
	"get_search_list",
	"getpath",
	"halt",
	"halt_error",
	"import",
	"include",
	"input",
	"input_filename",
	"input_line_number",
	"inputs",
	"modulemeta",
	"now",
	"setpath",
	"stderr",
};

struct scan {
	const char *at;
	char open[NESTED_MAX]; /* the brackets that are open; 's': \( of a string */
	size_t depth;
	struct hsw_error *err;
};

static bool
refuse(struct scan *s, const char *what, size_t n)
{
	snprintf(s->err->text, sizeof(s->err->text), "%.*s is not allowed in a map", (int)n, what);
	return false;
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
is_word(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9');
}

static bool
push(struct scan *s, char bracket)
{
	if (s->depth == NESTED_MAX) {
		snprintf(s->err->text, sizeof(s->err->text), "more than %d brackets in brackets",
			NESTED_MAX);
		return false;
	}
	s->open[s->depth++] = bracket;
	return true;
}

/* From behind the opening quote, or from behind the bracket that ended \(, to the end or the next \(. */
static bool
string(struct scan *s)
{
	for (; *s->at != '\0' && *s->at != '"'; s->at++) {
		if (*s->at != '\\')
			continue;
		s->at++;
		if (*s->at == '(') {
			s->at++;
			return push(s, 's');
		}
		if (*s->at == '\0')
			break;
	}
	if (*s->at == '"') {
		s->at++;
		return true;
	}
	snprintf(s->err->text, sizeof(s->err->text), "a string has no end");
	return false;
}

static bool
close_bracket(struct scan *s, char bracket)
{
	char open = s->depth > 0 ? s->open[--s->depth] : '\0';

	s->at++;
	if (bracket == ')' && open == 's')
		return string(s);
	if ((bracket == ')' && open == '(') || (bracket == ']' && open == '[') ||
		(bracket == '}' && open == '{'))
		return true;
	snprintf(s->err->text, sizeof(s->err->text), "%c closes what is not open", bracket);
	return false;
}

/* $name, name, or a name's field behind a dot or before a colon, which may be any. */
static bool
word(struct scan *s, bool is_field)
{
	const char *start = s->at;

	s->at++;
	while (is_word(*s->at))
		s->at++;
	size_t n = (size_t)(s->at - start);
	const char *next = s->at + strspn(s->at, " \t\r\n");
	if (is_field || (*start != '$' && *next == ':'))
		return true;
	if (*start == '_')
		return refuse(s, start, n);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (strlen(refused[i]) == n && memcmp(refused[i], start, n) == 0)
			return refuse(s, start, n);
	}
	return true;
}

/* An operator that begins here; assignments are refused. */
static bool
other(struct scan *s)
{
	const char *c = s->at;

	if (*c != '\0' && strchr("=!<>", *c) != NULL && c[1] == '=') {
		s->at += 2;
		return true;
	}
	if (*c == '=')
		return refuse(s, "an assignment (=)", 17);
	s->at++;
	return true;
}

static bool
next_token(struct scan *s, char before)
{
	char c = *s->at;

	if (c == '"') {
		s->at++;
		return string(s);
	}
	if (c == '#') {
		s->at += strcspn(s->at, "\n");
		return true;
	}
	if (strchr("([{", c) != NULL) {
		s->at++;
		return push(s, c);
	}
	if (strchr(")]}", c) != NULL)
		return close_bracket(s, c);
	if (is_letter(c) || (c == '$' && is_letter(s->at[1])))
		return word(s, before == '.');
	return other(s);
}

bool
expression_is_allowed(const char *expression, struct hsw_error *err)
{
	struct scan s = { .at = expression, .err = err };

	while (*s.at != '\0') {
		if (!next_token(&s, s.at > expression ? s.at[-1] : '\0'))
			return false;
	}
	if (s.depth == 0)
		return true;
	snprintf(err->text, sizeof(err->text), "%c is not closed",
		s.open[s.depth - 1] == 's' ? '(' : s.open[s.depth - 1]);
	return false;
}
