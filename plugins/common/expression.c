/* SPDX-License-Identifier: Apache-2.0 */
/* expression.c - see expression.h: jq's words and brackets, and nothing of its grammar. */
#include "expression.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NESTED_MAX 100 /* brackets in brackets */

/* Of jq 1.6, whose input, environment and clock are not the event's; or whose time or memory nothing bounds:
 * paths that come from the event may have an index of any size (expression_prelude looks at those of assignments). */
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
	bool is_assigning;
	const char *at;
	char open[NESTED_MAX]; /* the brackets that are open; 's': \( of a string */
	size_t depth;
	struct hsw_error *err;
};

static bool
refuse(struct scan *s, const char *what, size_t n)
{
	snprintf(s->err->text, sizeof(s->err->text), "%.*s is not allowed", (int)n, what);
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

/* Whether a colon after a name makes it an object's key: elsewhere it is what a slice begins with, or a definition. */
static bool
is_in_object(const struct scan *s)
{
	return s->depth > 0 && s->open[s->depth - 1] == '{';
}

/* $name, name, or a name that is a field, behind a dot, or a key, before a colon: those may be any. */
static bool
word(struct scan *s, bool is_field)
{
	const char *start = s->at;

	s->at++;
	while (is_word(*s->at))
		s->at++;
	size_t n = (size_t)(s->at - start);
	const char *next = s->at + strspn(s->at, " \t\r\n");
	if (is_field || (*start != '$' && *next == ':' && is_in_object(s)))
		return true;
	if (*start == '_')
		return refuse(s, start, n);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (strlen(refused[i]) == n && memcmp(refused[i], start, n) == 0)
			return refuse(s, start, n);
	}
	return true;
}

/* To the end of the line. From jq 1.7.1 on one that ends with a backslash goes on, so it is neither. */
static bool
comment(struct scan *s)
{
	s->at += strcspn(s->at, "\n");
	const char *last = s->at - 1; /* not before the # */
	if (*last == '\r')
		last--;
	return *last != '\\' || refuse(s, "a comment that ends with \\", 26);
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
	if (*c == '=' && !s->is_assigning)
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
	if (c == '#')
		return comment(s);
	if (strchr("([{", c) != NULL) {
		s->at++;
		return push(s, c);
	}
	if (strchr(")]}", c) != NULL)
		return close_bracket(s, c);
	if (c == '$' && !is_letter(s->at[1])) /* to jq 1.6 the name may follow later */
		return refuse(s, "a $ without a name", 18);
	if (is_letter(c) || c == '$')
		return word(s, before == '.');
	return other(s);
}

bool
expression_is_allowed(const char *expression, bool is_assigning, struct hsw_error *err)
{
	struct scan s = { .is_assigning = is_assigning, .at = expression, .err = err };

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

/* ---- compiling ---- */

/*
 * + and * are the functions _plus and _multiply to jq, = and |= are _assign and _modify: text
 * and lists may not grow without bound by them, for no budget reaches into one step, and a list is filled up to the
 * index that is assigned. implode aborts on numbers that are no characters.
 */
const char expression_prelude[] =
	"def _size: if type == \"string\" then utf8bytelength elif type == \"array\" then length "
	"else 0 end; "
	"def _add(a; b): a + b; "
	"def _plus(a; b): b as $b | a as $a | if ($a | type) == \"number\" or "
	"($a | _size) + ($b | _size) < 33554432 then _add($a; $b) "
	"else error(\"more than 32 MiB\") end; "
	"def _times(a; b): a * b; "
	"def _multiply(a; b): b as $b | a as $a | if ($a | type) == \"string\" or "
	"($b | type) == \"string\" then error(\"a string cannot be multiplied\") "
	"else _times($a; $b) end; "
	"def _short(p): if any(path(p)[]; type == \"number\" and . >= 1048576) "
	"then error(\"a list of more than 1048576\") else . end; "
	"def _set(p; $v): p = $v; "
	"def _assign(p; $v): _short(p) | _set(p; $v); "
	"def _update(p; f): p |= f; "
	"def _modify(p; f): _short(p) | _update(p; f); "
	"def _implode: implode; "
	"def implode: if type == \"array\" and all(.[]; type == \"number\" and . >= 0 and "
	". < 1114112 and (. < 55296 or . > 57343)) then _implode "
	"else error(\"implode: these are no characters\") end; "
	"def nonempty: if . == \"\" or . == [] or . == {} then null else . end; "
	"def _literal: if type == \"number\" then tostring elif type == \"string\" then . "
	"else \"\" end; "
	"def jid: _literal | ltrimstr(\"whatsapp:\") | . as $s | "
	"if . == \"\" then null "
	"elif ((tonumber? // null) | tostring) == $s then . + \"@s.whatsapp.net\" "
	"elif index(\"@\") then . "
	"elif endswith(\"-group\") then rtrimstr(\"-group\") + \"@g.us\" "
	"elif test(\"^[-+0-9 ().]*[0-9][-0-9 ().]*$\") "
	"then ([scan(\"[0-9]+\")] | join(\"\")) + \"@s.whatsapp.net\" else null end; "
	"def phone: jid | if . != null and (endswith(\"@s.whatsapp.net\") or endswith(\"@c.us\")) "
	"then split(\"@\")[0] | split(\":\")[0] | ltrimstr(\"+\") else null end; "
	"def epoch: if type == \"object\" then (.low + (if .low < 0 then 4294967296 else 0 end)) + "
	"(.high // 0) * 4294967296 | epoch "
	"elif type == \"number\" then if . >= 1e14 then . / 1e6 elif . >= 1e11 then . / 1e3 "
	"else . end "
	"elif type == \"string\" then (tonumber? // null) as $n | "
	"if $n == null then . else $n | epoch end else null end; ";

static void
on_compile_error(void *arg, jv message)
{
	struct hsw_error *first = arg;
	const char *text = jv_get_kind(message) == JV_KIND_STRING ? jv_string_value(message) : "";

	if (first->text[0] == '\0')
		snprintf(first->text, sizeof(first->text), "%s", text);
	jv_free(message);
}

jq_state *
expression_compile(const char *text, struct hsw_error *err)
{
	jq_state *jq = jq_init();

	err->text[0] = '\0';
	if (jq == NULL)
		return NULL;
	jq_set_error_cb(jq, on_compile_error, err);
	if (jq_compile(jq, text) != 0) {
		jq_set_error_cb(jq, NULL, NULL);
		return jq;
	}
	jq_teardown(&jq);
	return NULL;
}

static int
lines_of(const char *text)
{
	int n = 1;

	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

/* "jq: error: syntax error, ... (Unix shell quoting issues?) at <top-level>, line 7:..." */
int
expression_explain(struct hsw_error *err, const char *expression)
{
	static const char start[] = "jq: error: ";
	char *message = err->text;
	char *place = strstr(message, " at <top-level>");
	char *hint = strstr(message, " (Unix shell");
	char *number = place != NULL ? strstr(place, ", line ") : NULL;
	int line = number != NULL ? (int)strtol(number + strlen(", line "), NULL, 10) : 1;

	if (line > lines_of(expression)) {
		snprintf(message, sizeof(err->text),
			"syntax error, something is missing at the end");
		return lines_of(expression);
	}
	if (place != NULL)
		*place = '\0';
	if (hint != NULL)
		*hint = '\0';
	message[strcspn(message, "\n")] = '\0';
	if (strncmp(message, start, strlen(start)) == 0)
		memmove(message, message + strlen(start), strlen(message) - strlen(start) + 1);
	return line;
}
