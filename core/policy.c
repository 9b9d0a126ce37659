/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c - see policy.h. */
#include "policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "option.h"

#define STEP_MAX_MS (7 * 86400000LL)
/* One that repeats has no end: a receiver that refuses an event must not be asked without a pause. */
#define ENDLESS_STEP_MIN_MS 10
#define CONCURRENCY_MAX 1024

/* The schedules that senders of webhooks are known for, in the order of enum sink_policy. */
static const struct preset {
	int64_t ms[RETRY_STEPS_MAX];
	size_t n;
	bool is_endless;
} presets[] = {
	[POLICY_RYZE] = { { 1000, 15000, 240000, 3600000 }, 4, false },
	[POLICY_EAZEWA] = { { 3000 }, 1, true },
	/* Standard Webhooks 1.0.0, "Delivery schedule" */
	[POLICY_STANDARD_WEBHOOKS] = { { 5000, 300000, 1800000, 7200000, 18000000, 36000000,
					       50400000, 72000000, 86400000 },
		9, false },
};

static void
take_preset(struct sink_conf *c)
{
	const struct preset *p = &presets[c->policy];

	memcpy(c->retry_ms, p->ms, sizeof(c->retry_ms));
	c->retry_steps = p->n;
	c->is_retry_endless = p->is_endless;
}

/* The factor whose n-th power is that; ratio >= 1. */
static double
root(double ratio, int n)
{
	double low = 1, high = ratio;

	for (int i = 0; i < 64; i++) {
		double middle = (low + high) / 2, power = 1;
		for (int k = 0; k < n; k++)
			power *= middle;
		if (power < ratio)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/* "exponential 1s..1h x5": five waits, the first 1s, the last 1h, each the same factor longer. */
static bool
read_exponential(struct sink_conf *c, const char *text)
{
	char from[24], to[24], end;
	int64_t first, last;
	int n;

	if (sscanf(text, "exponential %23[0-9a-z]..%23[0-9a-z] x%3d%c", from, to, &n, &end) != 3 ||
		option_parse_msec(from, &first) != HSW_OK ||
		option_parse_msec(to, &last) != HSW_OK || first < 1 || last < first ||
		last > STEP_MAX_MS || n < 1 || n > RETRY_STEPS_MAX)
		return false;
	double factor = n > 1 ? root((double)last / (double)first, n - 1) : 1;
	double ms = (double)first;
	for (int i = 0; i < n; i++, ms *= factor)
		c->retry_ms[i] = (int64_t)(ms + 0.5);
	c->retry_steps = (size_t)n;
	return true;
}

static int
read_steps(struct sink_conf *c, struct hsw_error *err)
{
	for (const char **step = c->retry; *step != NULL; step++) {
		if (step > c->retry && strcmp(*step, "forever") == 0 && step[1] == NULL) {
			c->is_retry_endless = true;
			return c->retry_ms[c->retry_steps - 1] >= ENDLESS_STEP_MIN_MS
				? HSW_OK
				: err_set(err, HSW_EINVAL,
					  "the wait before `forever`, which it repeats, is "
					  "shorter than %d ms",
					  ENDLESS_STEP_MIN_MS);
		}
		if (c->retry_steps == RETRY_STEPS_MAX)
			return err_set(err, HSW_EINVAL, "more than %d steps", RETRY_STEPS_MAX);
		int64_t *ms = &c->retry_ms[c->retry_steps++];
		if (option_parse_msec(*step, ms) != HSW_OK || *ms < 0 || *ms > STEP_MAX_MS)
			return err_set(err, HSW_EINVAL,
				"found `%.40s`, expected durations of at most 7d, such as "
				"`1s, 15s, 4m, 1h`, with `forever` as the last word where the last "
				"one "
				"is to repeat, or `exponential 1s..1h x5`, or `never`",
				*step);
	}
	return HSW_OK;
}

static int
read_retry(struct sink_conf *c, struct hsw_error *err)
{
	take_preset(c);
	if (c->retry == NULL)
		return HSW_OK;
	c->retry_steps = 0;
	c->is_retry_endless = false;
	if (c->retry[1] == NULL &&
		(strcmp(c->retry[0], "never") == 0 || read_exponential(c, c->retry[0])))
		return HSW_OK;
	return read_steps(c, err);
}

/* ---- statuses ---- */

static void
add_status(struct status_set *set, int status)
{
	set->words[status / 64] |= UINT64_C(1) << status % 64;
}

static bool
has_status(const struct status_set *set, int status)
{
	return status >= 0 && status < STATUS_END &&
		(set->words[status / 64] & UINT64_C(1) << status % 64) != 0;
}

/* "503" or "4xx". 1xx is no answer, and 2xx is what counts as delivered. */
static bool
add_statuses(struct status_set *set, const char *text)
{
	if (strlen(text) != 3 || text[0] < '3' || text[0] > '5')
		return false;
	int hundred = (text[0] - '0') * 100;
	bool is_one = strspn(text, "0123456789") == 3;
	if (!is_one && strcmp(text + 1, "xx") != 0)
		return false;
	int first = is_one ? (int)strtol(text, NULL, 10) : hundred;
	for (int status = first; status <= (is_one ? first : hundred + 99); status++)
		add_status(set, status);
	return true;
}

static int
read_statuses(struct status_set *set, const char **words, struct hsw_error *err)
{
	for (; words != NULL && *words != NULL; words++) {
		if (!add_statuses(set, *words))
			return err_set(err, HSW_EINVAL,
				"found `%.40s`, expected statuses from 300 to 599, such as 503 or "
				"4xx",
				*words);
	}
	return HSW_OK;
}

static int
refuse_both(const struct sink_conf *c, struct hsw_error *err)
{
	for (int status = 0; status < STATUS_END; status++) {
		if (has_status(&c->retry_statuses, status) && has_status(&c->drop_statuses, status))
			return err_set(err, HSW_EINVAL, "%d is in retry_on too", status);
	}
	return HSW_OK;
}

/* ---- how much ---- */

static int
read_concurrency(struct sink_conf *c, struct hsw_error *err)
{
	const char *text = c->concurrency_text;
	char *end = NULL;

	if (text == NULL)
		return HSW_OK;
	c->is_concurrency_auto = strcmp(text, "auto") == 0;
	if (c->is_concurrency_auto)
		return HSW_OK;
	long n = strtol(text, &end, 10);
	if (end == text || *end != '\0' || n < 0 || n > CONCURRENCY_MAX)
		return err_set(err, HSW_EINVAL,
			"found `%.40s`, expected auto or a number from 0 to %d", text,
			CONCURRENCY_MAX);
	c->concurrency = n;
	return HSW_OK;
}

static int
read_rate(struct sink_conf *c, struct hsw_error *err)
{
	static const struct {
		const char *unit;
		int64_t us;
	} units[] = { { "/s", 1000000 }, { "/min", 60000000 }, { "/h", INT64_C(3600000000) } };
	char *end = NULL;

	if (c->rate == NULL || strcmp(c->rate, "none") == 0)
		return HSW_OK;
	long long n = strtoll(c->rate, &end, 10);
	for (size_t i = 0; n > 0 && n <= 1000000 && i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(end, units[i].unit) != 0)
			continue;
		c->rate_interval_us = units[i].us / n;
		return HSW_OK;
	}
	return err_set(err, HSW_EINVAL,
		"found `%.40s`, expected a number and /s, /min or /h, such as 50/s, or none",
		c->rate);
}

static int
read_retry_on(struct sink_conf *c, struct hsw_error *err)
{
	return read_statuses(&c->retry_statuses, c->retry_on, err);
}

static int
read_drop_on(struct sink_conf *c, struct hsw_error *err)
{
	int rc = read_statuses(&c->drop_statuses, c->drop_on, err);

	return rc == HSW_OK ? refuse_both(c, err) : rc;
}

void
policy_read(
	struct sink_conf *c, void (*wrong)(void *arg, const char *key, const char *why), void *arg)
{
	/* drop_on is compared with retry_on, which is read before. */
	static const struct {
		const char *key;
		int (*read)(struct sink_conf *, struct hsw_error *);
	} keys[] = { { "retry", read_retry }, { "retry_on", read_retry_on },
		{ "drop_on", read_drop_on }, { "concurrency", read_concurrency },
		{ "rate", read_rate } };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct hsw_error err = { "" };
		if (keys[i].read(c, &err) != HSW_OK)
			wrong(arg, keys[i].key, err.text);
	}
}

/* ---- at run time ---- */

enum hsw_outcome
policy_outcome(const struct sink_conf *c, enum hsw_outcome outcome, int status)
{
	if (outcome == HSW_DELIVERED || status == 0)
		return outcome;
	if (has_status(&c->drop_statuses, status))
		return HSW_REJECT;
	if (has_status(&c->retry_statuses, status))
		return HSW_RETRY;
	if (c->policy == POLICY_EAZEWA)
		return HSW_DELIVERED;
	return c->retry_on != NULL && outcome == HSW_RETRY ? HSW_REJECT : outcome;
}

int
policy_step(const struct sink_conf *c, int attempts)
{
	int last = (int)c->retry_steps;
	return c->is_retry_endless && attempts > last ? last : attempts;
}
