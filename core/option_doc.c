/* SPDX-License-Identifier: Apache-2.0 */
/* option_doc.c - option tables for people: texts, man page rows, and what a misspelt key may have meant. */
#include "option.h"

#include <string.h>

static const char *const type_names[] = {
	[HSW_OPT_STRING] = "text",
	[HSW_OPT_SECRET] = "secret",
	[HSW_OPT_URL] = "URL",
	[HSW_OPT_PATH] = "path",
	[HSW_OPT_LIST] = "list",
	[HSW_OPT_BOOL] = "yes or no",
	[HSW_OPT_INT] = "number",
	[HSW_OPT_SIZE] = "size",
	[HSW_OPT_MSEC] = "duration",
	[HSW_OPT_ENUM] = "one of",
};

static void
print_type(const struct hsw_option *o, FILE *out)
{
	fputs(type_names[o->type], out);
	for (size_t i = 0; o->type == HSW_OPT_ENUM && o->choices[i] != NULL; i++)
		fprintf(out, "%s%s", i > 0 ? ", " : " ", o->choices[i]);
	if (o->flags & HSW_OPT_REQUIRED)
		fputs(", required", out);
	else if (o->def != NULL)
		fprintf(out, ", default %s", o->def);
}

/* Words of text in lines of at most 76 columns, indented by 6. */
static void
print_wrapped(const char *text, FILE *out)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t n = strcspn(text, " ");
		if (column == 0 || column + 1 + n > 76) {
			fputs(column == 0 ? "      " : "\n      ", out);
			column = 6;
		} else {
			fputc(' ', out);
			column++;
		}
		fwrite(text, 1, n, out);
		column += n;
		text += n + (text[n] == ' ');
	}
	fputc('\n', out);
}

void
option_print(const struct hsw_option *table, FILE *out)
{
	for (const struct hsw_option *o = table; o != NULL && o->key != NULL; o++) {
		fprintf(out, "  %s  (", o->key);
		print_type(o, out);
		fputs(")\n", out);
		print_wrapped(o->help, out);
	}
}

/* mdoc(7): a backslash begins an escape, a dot or quote at the start of a line a request; each sentence has a
 * line of its own. */
static void
print_roff(const char *text, FILE *out)
{
	fputs("\\&", out);
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == ' ' && text[-1] == '.')
			fputc('\n', out);
		else
			fputc(*text, out);
	}
}

void
option_print_man(const struct hsw_option *table, FILE *out)
{
	for (const struct hsw_option *o = table; o != NULL && o->key != NULL; o++) {
		fprintf(out, ".It Cm %s\n(", o->key);
		print_type(o, out);
		fputs(")\n", out);
		print_roff(o->help, out);
		fputc('\n', out);
	}
}

/* ---- suggestions ---- */

#define WORD_MAX 40 /* longer ones are not compared */

static size_t
least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;
	return ab < c ? ab : c;
}

/* Levenshtein's distance. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[WORD_MAX + 1], na = strlen(a), nb = strlen(b);

	if (na > WORD_MAX || nb > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t above = row[j];
			row[j] = least(
				above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[nb];
}

struct best {
	const char *word;
	size_t distance;
};

/* A third of the letters may be wrong. */
static void
consider(struct best *best, const char *candidate, const char *word)
{
	size_t d = distance(candidate, word);

	if (d < best->distance && d <= strlen(word) / 3 + 1) {
		best->word = candidate;
		best->distance = d;
	}
}

const char *
nearest_word(const char *const *words, const char *word)
{
	struct best best = { NULL, WORD_MAX };

	for (; *words != NULL; words++)
		consider(&best, *words, word);
	return best.word;
}

const char *
option_nearest(const struct hsw_option *a, const struct hsw_option *b, const char *key)
{
	struct best best = { NULL, WORD_MAX };

	for (; a != NULL && a->key != NULL; a++)
		consider(&best, a->key, key);
	for (; b != NULL && b->key != NULL; b++)
		consider(&best, b->key, key);
	return best.word;
}
