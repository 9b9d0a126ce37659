/* SPDX-License-Identifier: Apache-2.0 */
/* test_health.c - core/health.c: what it takes a store for that has so much room. */
#include "unit.h"

#include <string.h>

#include "clock.h"
#include "health.h"
#include "metrics.h"

static struct {
	size_t room;   /* bytes of a memo that can be written */
	size_t probed; /* bytes of the last one that was tried */
	int probes, forgotten;
} fake;

static struct health health;

static int
fake_commit(void *self, struct hsw_write *const *writes, size_t n, struct hsw_error *err)
{
	(void)self;
	(void)err;
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(writes[0]->kind, HSW_WRITE_MEMO);
	fake.probed = writes[0]->record->text.len;
	fake.probes++;
	return fake.probed <= fake.room ? HSW_OK : HSW_ELIMIT;
}

static int
fake_forget_memos(void *self, struct hsw_str kind, int64_t before_ms, struct hsw_error *err)
{
	(void)self;
	(void)err;
	ck_assert(str_is(kind, "probe"));
	ck_assert_int_gt(before_ms, clock_wall_ms());
	fake.forgotten++;
	return HSW_OK;
}

static const struct hsw_store_ops ops = {
	.size = sizeof(ops), .commit = fake_commit, .forget_memos = fake_forget_memos
};
static const struct hsw_error why = { "no room" };

static void
setup(void)
{
	memset(&fake, 0, sizeof(fake));
	health_init(&health);
}

static int64_t
look(void)
{
	const struct store_port port = { &ops, NULL };

	return health_look(&health, &port);
}

static int64_t
look_in_time(void)
{
	health.probe_at = 0;
	return look();
}

static void
assert_up(bool is_up)
{
	ck_assert(health.is_up == is_up);
	ck_assert_int_eq(metric_value(metric_get("hookswitch_store_up", NULL, 0)), is_up);
}

START_TEST(a_store_that_was_opened_is_up_and_is_not_probed)
{
	assert_up(true);
	ck_assert_int_gt(look_in_time(), 60000);
	ck_assert_int_eq(fake.probes, 0);
}
END_TEST

START_TEST(only_what_the_store_failed_at_counts)
{
	static const int others[] = { HSW_EINVAL, HSW_ENOENT, HSW_ENOMEM };
	static const int its_own[] = { HSW_ELIMIT, HSW_EAGAIN, HSW_ECLOSED, HSW_EIO };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		health_wrote(&health, 1, others[i], &why);
		assert_up(true);
	}
	for (size_t i = 0; i < sizeof(its_own) / sizeof(its_own[0]); i++) {
		health_init(&health);
		health_wrote(&health, 1, its_own[i], &why);
		assert_up(false);
		ck_assert_str_eq(health.why.text, "no room");
	}
}
END_TEST

START_TEST(it_is_up_again_when_as_much_is_written_as_failed)
{
	health_wrote(&health, 20000, HSW_ELIMIT, &why);
	health_wrote(&health, 0, HSW_OK, &why);
	health_wrote(&health, 19999, HSW_OK, &why);
	assert_up(false);
	health_wrote(&health, 20000, HSW_OK, &why);
	assert_up(true);
}
END_TEST

START_TEST(a_probe_is_as_large_as_what_failed)
{
	health_wrote(&health, 20000, HSW_ELIMIT, &why);
	/* What is smaller changes nothing. */
	health_wrote(&health, 10, HSW_ELIMIT, &why);
	fake.room = 19999;
	ck_assert_int_eq(look_in_time(), HEALTH_PROBE_MS);
	ck_assert_uint_eq(fake.probed, 20000);
	ck_assert_int_eq(fake.forgotten, 0);
	assert_up(false);
	fake.room = 20000;
	look_in_time();
	ck_assert_int_eq(fake.forgotten, 1);
	assert_up(true);
}
END_TEST

START_TEST(a_probe_has_bounds)
{
	fake.room = SIZE_MAX;
	health_failed(&health, HSW_EAGAIN, &why);
	look_in_time();
	ck_assert_uint_eq(fake.probed, HEALTH_PROBE_MIN_BYTES);
	health_wrote(&health, 10 * HEALTH_PROBE_MAX_BYTES, HSW_ELIMIT, &why);
	look_in_time();
	ck_assert_uint_eq(fake.probed, HEALTH_PROBE_MAX_BYTES);
	assert_up(true);
}
END_TEST

START_TEST(writes_that_fail_put_a_probe_off)
{
	health_failed(&health, HSW_EAGAIN, &why);
	ck_assert_int_gt(look(), HEALTH_PROBE_MS / 2);
	health.probe_at = 0;
	health_wrote(&health, 1, HSW_EAGAIN, &why);
	ck_assert_int_gt(look(), HEALTH_PROBE_MS / 2);
	ck_assert_int_eq(fake.probes, 0);
}
END_TEST

UNIT_MAIN_WITH("health", setup, metrics_free, a_store_that_was_opened_is_up_and_is_not_probed,
	only_what_the_store_failed_at_counts, it_is_up_again_when_as_much_is_written_as_failed,
	a_probe_is_as_large_as_what_failed, a_probe_has_bounds, writes_that_fail_put_a_probe_off)
