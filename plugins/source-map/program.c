/* SPDX-License-Identifier: Apache-2.0 */
/*
 * program.c - see program.h. Each expression becomes a function `_k<its number>`, which stands in the same line
 * of the program as in the file, so that jq's line numbers are the file's. The program's outputs:
 *
 *   a number below n_keys         what comes next is of this key, its values and its error
 *   n_keys                        ... of the name that the file does not tell
 *   n_keys + 1 + i                an event of the section i begins
 *   [v]                           a value; the first one of each key counts
 */
#include "program.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/expression.h"
#include "../common/watchdog.h"

struct program {
	const struct map_file *file;
	jq_state *jq;
	struct watchdog *watchdog;
};

/* What a run has come to. */
struct run {
	struct program *program;
	const struct program_taker *taker;
	const struct map_section *section; /* of the event; NULL: none has begun */
	size_t key;                        /* n_keys: the name */
	bool has_value;                    /* of the key */
};

/* ---- the text ---- */

static void
write_functions(FILE *out, const struct map_file *f)
{
	int line = 1;

	for (size_t i = 0; i < f->n_keys; i++) {
		for (; line < f->keys[i].line; line++)
			fputc('\n', out);
		fprintf(out, "def _k%zu: (%s\n); ", i, f->keys[i].expression);
		for (const char *c = f->keys[i].expression; *c != '\0'; c++)
			line += *c == '\n';
		line++;
	}
}

static void
write_fields(FILE *out, const struct map_file *f, const struct map_section *s)
{
	fprintf(out, "%zu", f->n_keys + 1 + (size_t)(s - f->sections));
	for (size_t i = s->first; i < s->end; i++) {
		if (f->keys[i].role == MAP_FIELD || f->keys[i].role == MAP_NAME)
			fprintf(out, ", %zu, (_k%zu | [.])", i, i);
	}
}

static void
write_section(FILE *out, const struct map_file *f, const struct map_section *s)
{
	const struct map_key *each = file_find(f, s, MAP_EACH);
	size_t n = each != NULL ? (size_t)(each - f->keys) : 0;

	if (each != NULL)
		fprintf(out, "%zu, (_k%zu | (", n, n);
	write_fields(out, f, s);
	if (each != NULL)
		fprintf(out, ", %zu))", n);
}

static void
write_program(FILE *out, const struct map_file *f)
{
	fprintf(out, "%s. as $body | ", expression_prelude);
	write_functions(out, f);
	if (f->n_keys > 0 && f->keys[0].role == MAP_NAME && f->sections[0].first > 0)
		fputs("0, (_k0 | [.]), (", out);
	else
		fprintf(out, "%zu, [.event? // .type?], (", f->n_keys);
	for (size_t i = 0; i < f->n_sections; i++) {
		const struct map_key *when = file_find(f, &f->sections[i], MAP_WHEN);
		if (when != NULL)
			fprintf(out, "%zu, if [_k%zu][0] then ", (size_t)(when - f->keys),
				(size_t)(when - f->keys));
		else
			fputs("0, if true then ", out);
		write_section(out, f, &f->sections[i]);
		fputs(" else ", out);
	}
	fputs("empty", out);
	for (size_t i = 0; i < f->n_sections; i++)
		fputs(" end", out);
	fputs(")", out);
}

/* ---- compiling ---- */

/* Whether it is this expression that jq cannot compile; err says so. */
static bool
is_culprit(const struct map_file *f, const struct map_key *k, struct hsw_error *err)
{
	char *text = NULL;
	struct hsw_error why;

	if (asprintf(&text, "%s. as $body | (%s\n)", expression_prelude, k->expression) < 0)
		return false;
	jq_state *jq = expression_compile(text, &why);
	free(text);
	if (jq != NULL) {
		jq_teardown(&jq);
		return false;
	}
	int line = expression_explain(&why, k->expression);
	snprintf(err->text, sizeof(err->text), "%s:%d: %s: %.180s", f->path, k->line + line - 1,
		k->path, why.text);
	return true;
}

static int
explain(const struct map_file *f, struct hsw_error *why, struct hsw_error *err)
{
	for (size_t i = 0; i < f->n_keys; i++) {
		if (is_culprit(f, &f->keys[i], err))
			return HSW_EINVAL;
	}
	snprintf(err->text, sizeof(err->text), "%s: %.*s", f->path, (int)strcspn(why->text, "\n"),
		why->text);
	return HSW_EINVAL;
}

int
program_new(const struct map_file *f, struct program **out, struct hsw_error *err)
{
	struct program *p = calloc(1, sizeof(*p));
	struct hsw_error why;
	char *text = NULL;
	size_t len;
	FILE *stream = open_memstream(&text, &len);

	snprintf(err->text, sizeof(err->text), "out of memory, or no thread could be started");
	if (p == NULL || stream == NULL || (p->watchdog = watchdog_new()) == NULL) {
		if (stream != NULL)
			fclose(stream);
		free(text);
		program_free(p);
		return HSW_ENOMEM;
	}
	write_program(stream, f);
	fclose(stream);
	p->file = f;
	p->jq = expression_compile(text, &why);
	free(text);
	*out = p;
	if (p->jq != NULL)
		return HSW_OK;
	program_free(p);
	return explain(f, &why, err);
}

void
program_free(struct program *p)
{
	if (p == NULL)
		return;
	watchdog_free(p->watchdog);
	if (p->jq != NULL)
		jq_teardown(&p->jq);
	free(p);
}

/* ---- running ---- */

size_t
program_place(const struct map_file *f, const struct map_section *s, const struct map_key *k,
	struct hsw_error *err)
{
	int line = k != NULL ? k->line : s != NULL ? s->line : 1;
	int n = snprintf(err->text, sizeof(err->text), "%.60s:%d: ", f->base, line);

	if (s != NULL)
		n += snprintf(
			err->text + n, sizeof(err->text) - (size_t)n, "[map \"%.40s\"] ", s->name);
	if (k != NULL)
		n += snprintf(err->text + n, sizeof(err->text) - (size_t)n, "%.60s: ", k->path);
	return (size_t)n;
}

static const struct map_section *
section_of(const struct map_file *f, const struct map_key *k)
{
	return k->section == 0 && f->sections[0].first > (size_t)(k - f->keys)
		? NULL
		: &f->sections[k->section];
}

/* Takes ownership of message. */
static int
failed(const struct run *run, jv message, struct hsw_error *err)
{
	const struct map_file *f = run->program->file;
	const struct map_key *k = run->key < f->n_keys ? &f->keys[run->key] : NULL;
	size_t n = program_place(f, k != NULL ? section_of(f, k) : NULL, k, err);

	if (jv_get_kind(message) != JV_KIND_STRING)
		message = jv_dump_string(message, 0);
	snprintf(err->text + n, sizeof(err->text) - n, "%.150s", jv_string_value(message));
	jv_free(message);
	return HSW_EINVAL;
}

static int
take_mark(struct run *run, size_t mark)
{
	const struct map_file *f = run->program->file;

	if (mark > f->n_keys) {
		run->section = &f->sections[mark - f->n_keys - 1];
		return run->taker->begin(run->taker->arg, run->section);
	}
	run->key = mark;
	run->has_value = false;
	return HSW_OK;
}

static int
take(struct run *run, jv output)
{
	const struct map_file *f = run->program->file;

	if (jv_get_kind(output) == JV_KIND_NUMBER) {
		size_t mark = (size_t)jv_number_value(output);
		jv_free(output);
		return take_mark(run, mark);
	}
	if (run->has_value) {
		jv_free(output);
		return HSW_OK;
	}
	run->has_value = true;
	jv value = jv_array_get(output, 0);
	if (run->section == NULL)
		return run->taker->name(run->taker->arg, value);
	return run->taker->value(run->taker->arg, &f->keys[run->key], value);
}

int
program_run(struct program *p, jv body, int64_t budget_ms, const struct program_taker *taker,
	struct hsw_error *err)
{
	struct run run = { .program = p, .taker = taker, .key = p->file->n_keys };
	int rc = HSW_OK;
	jv output;

	jq_start(p->jq, body, 0); /* before the watchdog: it takes back a halt */
	watchdog_start(p->watchdog, p->jq, budget_ms);
	while (jv_is_valid(output = jq_next(p->jq)) && rc == HSW_OK)
		rc = take(&run, output);
	bool has_halted = watchdog_stop(p->watchdog);
	if (rc != HSW_OK)
		jv_free(output);
	else if (has_halted)
		rc = failed(&run, jv_string("takes too long"), err);
	else if (jv_invalid_has_msg(jv_copy(output)))
		rc = failed(&run, jv_invalid_get_msg(output), err);
	else
		jv_free(output);
	if (rc != HSW_OK) /* lets go of what it holds of this body */
		jq_start(p->jq, jv_null(), 0);
	return rc;
}
