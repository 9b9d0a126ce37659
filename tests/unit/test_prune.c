/* SPDX-License-Identifier: Apache-2.0 */
/* test_prune.c - core/prune.c: batches that fit the store, and pauses that leave time for commits. */
#include "unit.h"

#include "prune.h"

/* A store whose batches take fixed_ms and so long for each event. */
struct cost {
	double fixed_ms, us_each;
};

/*
 * How many are deleted within so many ms of wall clock, all of them in full batches, when what is there
 * never ends. *longest_ms: of the batches.
 */
static int64_t
delete_for(struct cost c, double ms, int64_t *longest_ms)
{
	struct prune p = { 0 };
	int64_t n = 0;

	*longest_ms = 0;
	for (double now_ms = 0; now_ms < ms;) {
		size_t batch = prune_batch(&p);
		double took_ms = c.fixed_ms + (double)batch * c.us_each / 1000;
		n += (int64_t)batch;
		if ((int64_t)took_ms > *longest_ms)
			*longest_ms = (int64_t)took_ms;
		now_ms += took_ms + (double)prune_done(&p, batch, (int64_t)took_ms);
	}
	return n;
}

START_TEST(more_is_deleted_than_comes_in)
{
	static const struct {
		struct cost cost;
		int64_t per_s; /* what such a store can take in */
	} cases[] = {
		{ { 0.2, 3 }, 60000 },                        /* a fast disk */
		{ { 4, 5 }, 30000 },                          /* syncs of 4 ms */
		{ { 12, 10 }, 15000 },                        /* a server with syncs of 12 ms */
		{ { 15, 20 }, 6000 }, { { 0.2, 1000 }, 300 }, /* bodies of a megabyte */
	};
	int64_t longest_ms;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t n = delete_for(cases[i].cost, 10000, &longest_ms) / 10;
		ck_assert_msg(n > cases[i].per_s, "case %zu: %d/s", i, (int)n);
	}
}
END_TEST

START_TEST(a_little_is_deleted_without_a_long_wait_of_commits)
{
	static const double us_each[] = { 0.1, 1, 3, 7, 20, 50, 100 };
	int64_t longest_ms;

	for (size_t i = 0; i < sizeof(us_each) / sizeof(us_each[0]); i++) {
		delete_for((struct cost){ 0.2, us_each[i] }, 100, &longest_ms);
		ck_assert_msg(
			longest_ms <= PRUNE_TARGET_MS, "%g us: %d ms", us_each[i], (int)longest_ms);
	}
}
END_TEST

START_TEST(in_a_hurry_too_no_batch_takes_longer_than_its_bound)
{
	int64_t longest_ms, bound_ms = PRUNE_TARGET_MS << PRUNE_HURRY_MAX;

	delete_for((struct cost){ 4, 30 }, 60000, &longest_ms);
	ck_assert_int_le(longest_ms, bound_ms);
	delete_for((struct cost){ 15, 10 }, 60000, &longest_ms);
	ck_assert_int_gt(longest_ms, PRUNE_TARGET_MS);
	ck_assert_int_le(longest_ms, bound_ms);
}
END_TEST

START_TEST(large_bodies_make_small_batches)
{
	struct prune p = { 0 };

	while (prune_batch(&p) < PRUNE_BATCH_MAX / 2)
		prune_done(&p, prune_batch(&p), 1);
	for (int i = 0; i < 10; i++)
		prune_done(&p, prune_batch(&p), 500);
	ck_assert_uint_eq(prune_batch(&p), PRUNE_BATCH_MIN);
}
END_TEST

START_TEST(what_took_long_rests_long)
{
	struct prune p = { 0 };

	ck_assert_int_eq(prune_done(&p, PRUNE_BATCH_MIN, 500), 500 * PRUNE_REST);
	ck_assert_int_gt(prune_done(&p, PRUNE_BATCH_MIN, 0), 0);
	ck_assert_int_eq(prune_rest_ms(500), 500 * PRUNE_REST);
	ck_assert_int_gt(prune_rest_ms(0), 0);
}
END_TEST

START_TEST(with_nothing_left_it_looks_again_later)
{
	struct prune p = { 0 };

	ck_assert_int_eq(prune_done(&p, 1, 1), PRUNE_STEADY_MS);
	ck_assert_int_eq(prune_done(&p, 0, 1), PRUNE_EVERY_MS);
	ck_assert_uint_eq(prune_batch(&p), PRUNE_BATCH_MIN);
}
END_TEST

UNIT_MAIN("prune", more_is_deleted_than_comes_in,
	a_little_is_deleted_without_a_long_wait_of_commits,
	in_a_hurry_too_no_batch_takes_longer_than_its_bound, large_bodies_make_small_batches,
	what_took_long_rests_long, with_nothing_left_it_looks_again_later)
