/* SPDX-License-Identifier: Apache-2.0 */
/* test_gaps.c - core/gaps.c: what lies between two seqs of a log with gaps. */
#include "unit.h"

#include "gaps.h"

static struct {
	size_t n; /* gaps that the store tells of */
	int rc;
} fake;

static struct gaps gaps;

/* Of 100 and of 2,000 seqs. */
static int
fake_gaps(void *self, hsw_gap_fn *fn, void *arg, struct hsw_error *err)
{
	static const struct gap list[] = { { 100, 200 }, { 1000, 3000 } };

	(void)self;
	(void)err;
	for (size_t i = 0; i < fake.n; i++) {
		if (fn(arg, list[i].after, list[i].upto) != HSW_OK)
			break;
	}
	return fake.rc;
}

static const struct hsw_store_ops with_gaps = { .gaps = fake_gaps }, without = { 0 };

static void
setup(void)
{
	fake.n = 2;
	fake.rc = HSW_OK;
	gaps_init(&gaps);
}

static void
teardown(void)
{
	gaps_fini(&gaps);
}

static int
read_from(const struct hsw_store_ops *ops)
{
	const struct store_port port = { ops, NULL };
	struct hsw_error err = { "" };

	return gaps_read(&gaps, &port, &err);
}

START_TEST(without_gaps_every_seq_counts)
{
	ck_assert_int_eq(gaps_count(&gaps, 0, 5000), 5000);
	ck_assert_int_eq(read_from(&without), HSW_OK);
	ck_assert_int_eq(gaps_count(&gaps, 0, 5000), 5000);
	ck_assert_int_eq(gaps_count(&gaps, 7, 7), 0);
	ck_assert_int_eq(gaps_count(&gaps, 8, 7), 0);
}
END_TEST

START_TEST(what_lies_in_a_gap_does_not_count)
{
	ck_assert_int_eq(read_from(&with_gaps), HSW_OK);
	ck_assert_int_eq(gaps_count(&gaps, 0, 100), 100);
	ck_assert_int_eq(gaps_count(&gaps, 0, 101), 100);
	ck_assert_int_eq(gaps_count(&gaps, 99, 201), 2);
	ck_assert_int_eq(gaps_count(&gaps, 150, 180), 0);
	ck_assert_int_eq(gaps_count(&gaps, 150, 210), 10);
	ck_assert_int_eq(gaps_count(&gaps, 200, 210), 10);
	ck_assert_int_eq(gaps_count(&gaps, 0, 4000), 1900);
	ck_assert_int_eq(gaps_count(&gaps, 2000, 4000), 1000);
	ck_assert_int_eq(gaps_count(&gaps, 4000, 0), 0);
}
END_TEST

START_TEST(those_of_the_last_reading_count)
{
	ck_assert_int_eq(read_from(&with_gaps), HSW_OK);
	fake.n = 1;
	ck_assert_int_eq(read_from(&with_gaps), HSW_OK);
	ck_assert_int_eq(gaps_count(&gaps, 0, 4000), 3900);
	fake.n = 0;
	ck_assert_int_eq(read_from(&with_gaps), HSW_OK);
	ck_assert_int_eq(gaps_count(&gaps, 0, 4000), 4000);
}
END_TEST

START_TEST(a_reading_that_failed_changes_nothing)
{
	ck_assert_int_eq(read_from(&with_gaps), HSW_OK);
	fake.n = 1;
	fake.rc = HSW_EAGAIN;
	ck_assert_int_eq(read_from(&with_gaps), HSW_EAGAIN);
	ck_assert_int_eq(gaps_count(&gaps, 0, 4000), 1900);
}
END_TEST

UNIT_MAIN_WITH("gaps", setup, teardown, without_gaps_every_seq_counts,
	what_lies_in_a_gap_does_not_count, those_of_the_last_reading_count,
	a_reading_that_failed_changes_nothing)
