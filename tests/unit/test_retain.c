/* SPDX-License-Identifier: Apache-2.0 */
/* test_retain.c - core/retain.c: what it asks of a store that has so many events of EVENT_BYTES. */
#include "unit.h"

#include <string.h>

#include "clock.h"
#include "log.h"
#include "metrics.h"
#include "retain.h"

#define EVENT_BYTES 1000
#define HOUR_MS INT64_C(3600000)

static struct {
	int64_t first, last;    /* seq of what there is; first > last: nothing */
	int64_t cursor;         /* of the sink */
	int64_t webhook_cursor; /* of one that the API made; 0: there is none */
	int64_t before_ms;      /* of the last prune */
	int64_t expire_ms;      /* of the last look at dead letters */
	size_t expire_n, looks;
	bool is_through;
	int rc;             /* of usage */
	bool is_on_its_way; /* past what exceptions name */
} fake;

static struct config_section sink = { .name = "crm" };
static struct config config;
static struct retain retain;

static int
fake_cursors(void *self, hsw_cursor_fn *fn, void *arg, struct hsw_error *err)
{
	(void)self;
	(void)err;
	fn(arg, str_of("removed"), 0);
	if (fake.webhook_cursor > 0)
		fn(arg, str_of("sales/hook"), fake.webhook_cursor);
	return fn(arg, str_of("crm"), fake.cursor);
}

static int
fake_prune(
	void *self, int64_t upto, int64_t before_ms, size_t max, size_t *n, struct hsw_error *err)
{
	(void)self;
	(void)err;
	fake.before_ms = before_ms;
	*n = fake.is_on_its_way ? SIZE_MAX : 0;
	if (fake.is_on_its_way)
		return HSW_OK;
	/* They came an hour ago. */
	if (before_ms <= clock_wall_ms() - HOUR_MS)
		return HSW_OK;
	while (*n < max && fake.first <= fake.last && fake.first <= upto) {
		fake.first++;
		++*n;
	}
	return HSW_OK;
}

static int
fake_usage(void *self, struct hsw_store_usage *usage, struct hsw_error *err)
{
	(void)self;
	(void)err;
	*usage = (struct hsw_store_usage){
		.bytes = (fake.last - fake.first + 1) * EVENT_BYTES,
		.oldest_ms = clock_wall_ms() - HOUR_MS,
	};
	return fake.rc;
}

static int
fake_expire(void *self, int64_t before_ms, size_t max, size_t *n, int *is_through,
	struct hsw_error *err)
{
	(void)self;
	(void)max;
	(void)err;
	fake.expire_ms = before_ms;
	fake.looks++;
	*n = fake.expire_n;
	*is_through = fake.is_through;
	return HSW_OK;
}

static const struct hsw_store_ops ops = { .size = sizeof(ops),
	.cursors = fake_cursors,
	.prune = fake_prune,
	.usage = fake_usage,
	.dead_expire = fake_expire };

static void
setup(void)
{
	memset(&fake, 0, sizeof(fake));
	memset(&retain, 0, sizeof(retain));
	fake.first = 1;
	fake.last = fake.cursor = 20000;
	config = (struct config){ .sinks = &sink, .store = { .retention_ms = 24 * HOUR_MS } };
}

static int64_t
run(void)
{
	const struct store_port port = { &ops, NULL };
	struct hsw_error err = { "" };
	int64_t wait_ms = -1;

	ck_assert_int_eq(retain_run(&retain, &config, &port, &wait_ms, &err), HSW_OK);
	ck_assert_int_ge(wait_ms, 0);
	return wait_ms;
}

static int64_t
left(void)
{
	return fake.last - fake.first + 1;
}

START_TEST(without_a_limit_only_age_counts)
{
	run();
	ck_assert_int_eq(left(), 20000);
	ck_assert_int_le(fake.before_ms, clock_wall_ms() - 24 * HOUR_MS);
	ck_assert_uint_eq(fake.looks, 0);
	ck_assert_int_eq(metric_value(metric_get("hookswitch_store_used_bytes", NULL, 0)),
		20000 * EVENT_BYTES);
	ck_assert_int_ge(
		metric_value(metric_get("hookswitch_store_oldest_event_seconds", NULL, 0)), 3599);
}
END_TEST

START_TEST(above_the_limit_the_oldest_go_until_a_twentieth_is_free)
{
	config.store.retention_size = 10000 * EVENT_BYTES;
	for (int i = 0; i < 1000; i++)
		run();
	ck_assert_int_le(left(), 9500);
	/* However large batches have become. */
	ck_assert_int_ge(left(), 9500 - RETAIN_FIRST);
	ck_assert(!retain.is_short);
	ck_assert_int_le(fake.before_ms, clock_wall_ms() - 24 * HOUR_MS);
}
END_TEST

START_TEST(below_the_limit_nothing_goes_early)
{
	config.store.retention_size = 20000 * EVENT_BYTES;
	for (int i = 0; i < 100; i++)
		run();
	ck_assert_int_eq(left(), 20000);
	/* Between the limit and what it is undershot by, too. */
	fake.first = 501;
	retain.measure_at = 0;
	run();
	ck_assert_int_eq(left(), 19500);
}
END_TEST

START_TEST(what_a_sink_waits_for_is_kept_whatever_it_takes)
{
	config.store.retention_size = 100 * EVENT_BYTES;
	fake.cursor = 3000;
	for (int i = 0; i < 1000; i++)
		run();
	ck_assert_int_eq(fake.first, 3001);
	ck_assert(retain.is_short);
	ck_assert_int_ge(run(), PRUNE_STEADY_MS);
}
END_TEST

static bool
wants_none(void *arg, struct hsw_str destination)
{
	(void)arg;
	ck_assert(str_is(destination, "sales/hook"));
	return false;
}

START_TEST(what_a_webhook_waits_for_is_kept_until_nobody_wants_it)
{
	config.store.retention_size = 100 * EVENT_BYTES;
	fake.webhook_cursor = 3000;
	for (int i = 0; i < 1000; i++)
		run();
	ck_assert_int_eq(fake.first, 3001);
	retain.wants = wants_none;
	for (int i = 0; i < 1000; i++)
		run();
	ck_assert_int_gt(fake.first, 10000);
}
END_TEST

START_TEST(a_limit_that_is_taken_away_bites_no_more)
{
	config.store.retention_size = 10000 * EVENT_BYTES;
	run();
	ck_assert_int_lt(left(), 20000);
	config.store.retention_size = 0;
	run();
	int64_t now = left();
	run();
	ck_assert_int_eq(left(), now);
	ck_assert(!retain.is_short);
}
END_TEST

START_TEST(a_shortage_is_logged_once_an_hour)
{
	config.store.retention_size = 19000 * EVENT_BYTES;
	run();
	int64_t at = retain.say_early_at;
	ck_assert_int_gt(at, clock_mono_ms() + RETAIN_SAY_MS - 60000);
	for (int i = 0; i < 100; i++)
		run();
	fake.last += 20000;
	fake.cursor += 20000;
	retain.measure_at = 0;
	run();
	ck_assert(retain.is_short);
	ck_assert_int_eq(retain.say_early_at, at);
}
END_TEST

START_TEST(dead_letters_are_looked_at_in_passes)
{
	config.store.dead_retention_ms = 48 * HOUR_MS;
	fake.expire_n = 10;
	ck_assert_int_le(run(), RETAIN_DEAD_REST_MS);
	ck_assert_int_le(fake.expire_ms, clock_wall_ms() - 48 * HOUR_MS);
	ck_assert_int_ge(fake.expire_ms, clock_wall_ms() - 49 * HOUR_MS);
	run();
	ck_assert_uint_eq(fake.looks, 1);
	retain.dead_at = 0;
	fake.is_through = true;
	run();
	ck_assert_uint_eq(fake.looks, 2);
	ck_assert_int_gt(retain.dead_at, clock_mono_ms() + RETAIN_DEAD_MS / 2);
	ck_assert_int_eq(metric_value(metric_get("hookswitch_dead_expired_total", NULL, 0)), 20);
}
END_TEST

START_TEST(a_store_that_is_on_its_way_is_asked_again_soon)
{
	fake.is_on_its_way = true;
	for (int i = 0; i < 100; i++)
		ck_assert_int_lt(run(), PRUNE_STEADY_MS / 10);
	/* It tells nothing of what deleting takes, or that nothing can be deleted. */
	ck_assert_uint_eq(prune_batch(&retain.prune), PRUNE_BATCH_MIN);
	config.store.retention_size = 10000 * EVENT_BYTES;
	retain.measure_at = 0;
	ck_assert_int_lt(run(), PRUNE_STEADY_MS / 10);
	ck_assert(retain.is_short);
	ck_assert_int_eq(retain.say_full_at, 0);
	ck_assert_int_eq(retain.say_early_at, 0);
	fake.is_on_its_way = false;
	fake.cursor = 0;
	ck_assert_int_ge(run(), PRUNE_STEADY_MS);
}
END_TEST

START_TEST(a_store_that_fails_is_told_of)
{
	const struct store_port port = { &ops, NULL };
	struct hsw_error err = { "" };
	int64_t wait_ms = -1;

	fake.rc = HSW_EAGAIN;
	ck_assert_int_eq(retain_run(&retain, &config, &port, &wait_ms, &err), HSW_EAGAIN);
	ck_assert_int_eq(wait_ms, -1);
	ck_assert_int_eq(fake.before_ms, 0);
}
END_TEST

UNIT_MAIN_WITH("retain", setup, metrics_free, without_a_limit_only_age_counts,
	above_the_limit_the_oldest_go_until_a_twentieth_is_free, below_the_limit_nothing_goes_early,
	what_a_sink_waits_for_is_kept_whatever_it_takes,
	what_a_webhook_waits_for_is_kept_until_nobody_wants_it,
	a_limit_that_is_taken_away_bites_no_more, a_shortage_is_logged_once_an_hour,
	dead_letters_are_looked_at_in_passes, a_store_that_is_on_its_way_is_asked_again_soon,
	a_store_that_fails_is_told_of)
