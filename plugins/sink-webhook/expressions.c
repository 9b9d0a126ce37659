/* SPDX-License-Identifier: Apache-2.0 */
/* expressions.c - see expressions.h. */
#include "expressions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef WITH_JQ

#include "../common/expression.h"
#include "../common/watchdog.h"

/* All else on the thread waits meanwhile. */
#define BUDGET_MS 100

struct expressions {
	jq_state *filter, *transform; /* NULL: none */
	struct watchdog *watchdog;
};

void
expressions_free(struct expressions *x)
{
	if (x == NULL)
		return;
	watchdog_free(x->watchdog);
	if (x->filter != NULL)
		jq_teardown(&x->filter);
	if (x->transform != NULL)
		jq_teardown(&x->transform);
	free(x);
}

static int
compile(const char *key, const char *text, jq_state **out, struct hsw_error *err)
{
	struct hsw_error why = { "" };
	char *program = NULL;

	*out = NULL;
	if (text == NULL)
		return HSW_OK;
	if (!expression_is_allowed(text, true, &why)) {
		snprintf(err->text, sizeof(err->text), "%s: %.200s", key, why.text);
		return HSW_EINVAL;
	}
	if (asprintf(&program, "%s(%s\n)", expression_prelude, text) < 0) {
		snprintf(err->text, sizeof(err->text), "out of memory");
		return HSW_ENOMEM;
	}
	*out = expression_compile(program, &why);
	free(program);
	if (*out != NULL)
		return HSW_OK;
	expression_explain(&why, text);
	snprintf(err->text, sizeof(err->text), "%s: %.200s", key, why.text);
	return HSW_EINVAL;
}

static int
compile_both(const struct webhook_conf *conf, struct expressions *x, struct hsw_error *err)
{
	int rc = compile("filter", conf->filter, &x->filter, err);

	return rc == HSW_OK ? compile("transform", conf->transform, &x->transform, err) : rc;
}

static int
check(const char *key, const char *text, struct hsw_error *err)
{
	jq_state *compiled;
	int rc = compile(key, text, &compiled, err);

	if (compiled != NULL)
		jq_teardown(&compiled);
	return rc;
}

int
expressions_check_filter(const struct webhook_conf *conf, struct hsw_error *err)
{
	return check("filter", conf->filter, err);
}

int
expressions_check_transform(const struct webhook_conf *conf, struct hsw_error *err)
{
	return check("transform", conf->transform, err);
}

int
expressions_new(const struct webhook_conf *conf, struct expressions **out, struct hsw_error *err)
{
	*out = NULL;
	if (conf->filter == NULL && conf->transform == NULL)
		return HSW_OK;
	struct expressions *x = calloc(1, sizeof(*x));
	if (x == NULL || (x->watchdog = watchdog_new()) == NULL) {
		snprintf(err->text, sizeof(err->text),
			"out of memory, or no thread could be started");
		expressions_free(x);
		return HSW_ENOMEM;
	}
	int rc = compile_both(conf, x, err);
	if (rc == HSW_OK)
		*out = x;
	else
		expressions_free(x);
	return rc;
}

static jv
parse(const struct pieces *envelope)
{
	char *text = malloc(envelope->len + 1), *at = text;

	if (text == NULL || envelope->len > INT32_MAX) {
		free(text);
		return jv_invalid();
	}
	for (size_t i = 0; i < envelope->n; i++)
		at = mempcpy(at, envelope->iov[i].iov_base, envelope->iov[i].iov_len);
	*at = '\0'; /* jq's parser looks one byte beyond a number */
	jv value = jv_parse_sized(text, (int)envelope->len);
	free(text);
	return value;
}

static void
describe(const char *key, jv message, struct hsw_error *err)
{
	if (jv_get_kind(message) != JV_KIND_STRING)
		message = jv_dump_string(message, 0);
	snprintf(err->text, sizeof(err->text), "%s: %.150s", key, jv_string_value(message));
	jv_free(message);
}

/* The first thing that the expression gives; takes ownership of input. */
static int
run(struct expressions *x, jq_state *jq, const char *key, jv input, jv *out, struct hsw_error *err)
{
	int rc = HSW_OK;

	jq_start(jq, input, 0); /* before the watchdog: it takes back a halt */
	watchdog_start(x->watchdog, jq, BUDGET_MS);
	*out = jq_next(jq);
	if (watchdog_stop(x->watchdog)) {
		describe(key, jv_string("takes too long"), err);
		rc = HSW_ELIMIT;
	} else if (!jv_is_valid(*out) && jv_invalid_has_msg(jv_copy(*out))) {
		describe(key, jv_invalid_get_msg(jv_copy(*out)), err);
		rc = HSW_EINVAL;
	} else if (!jv_is_valid(*out)) {
		rc = HSW_ENOENT;
	}
	if (rc != HSW_OK)
		jv_free(*out);
	jq_start(jq, jv_null(), 0); /* lets go of what it holds of this event */
	return rc;
}

static int
run_filter(struct expressions *x, jv envelope, struct hsw_error *err)
{
	jv result;

	if (x->filter == NULL) {
		jv_free(envelope);
		return HSW_OK;
	}
	int rc = run(x, x->filter, "filter", envelope, &result, err);
	if (rc != HSW_OK)
		return rc;
	jv_kind kind = jv_get_kind(result);
	jv_free(result);
	return kind == JV_KIND_FALSE || kind == JV_KIND_NULL ? HSW_ENOENT : HSW_OK;
}

static int
run_transform(struct expressions *x, jv envelope, char **text, struct hsw_error *err)
{
	jv result;

	if (x->transform == NULL) {
		jv_free(envelope);
		return HSW_OK;
	}
	int rc = run(x, x->transform, "transform", envelope, &result, err);
	if (rc != HSW_OK)
		return rc;
	jv dumped = jv_dump_string(result, 0);
	*text = strdup(jv_string_value(dumped));
	jv_free(dumped);
	return *text != NULL ? HSW_OK : HSW_ENOMEM;
}

int
expressions_run(
	struct expressions *x, const struct pieces *envelope, char **text, struct hsw_error *err)
{
	jv value = parse(envelope);

	*text = NULL;
	if (!jv_is_valid(value)) {
		jv_free(value);
		snprintf(err->text, sizeof(err->text), "jq cannot read the event");
		return HSW_EINVAL;
	}
	int rc = run_filter(x, jv_copy(value), err);
	if (rc == HSW_OK)
		return run_transform(x, value, text, err);
	jv_free(value);
	return rc;
}

#else

int
expressions_check_filter(const struct webhook_conf *conf, struct hsw_error *err)
{
	(void)conf, (void)err;
	return HSW_OK;
}

int
expressions_check_transform(const struct webhook_conf *conf, struct hsw_error *err)
{
	(void)conf, (void)err;
	return HSW_OK;
}

void
expressions_free(struct expressions *x)
{
	(void)x;
}

int
expressions_new(const struct webhook_conf *conf, struct expressions **out, struct hsw_error *err)
{
	(void)conf, (void)err;
	*out = NULL;
	return HSW_OK;
}

int
expressions_run(
	struct expressions *x, const struct pieces *envelope, char **text, struct hsw_error *err)
{
	(void)x, (void)envelope, (void)err;
	*text = NULL;
	return HSW_OK;
}

#endif
