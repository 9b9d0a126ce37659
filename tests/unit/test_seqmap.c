/* SPDX-License-Identifier: Apache-2.0 */
#include "seqmap.h"

#include <stdlib.h>

#include "unit.h"

static struct seqmap
make(void)
{
	static const int64_t pairs[][2] = { { 5, 1 }, { 6, 2 }, { 7, 3 }, { 20, 4 }, { 21, 5 },
		{ 22, 9 }, { 23, 10 } };
	struct seqmap m = { NULL, 0, 0, 0 };

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		ck_assert(seqmap_add(&m, pairs[i][0], pairs[i][1]));
	return m;
}

START_TEST(numbers_that_follow_each_other_are_one_run)
{
	struct seqmap m = make();

	ck_assert_uint_eq(m.n_runs, 3);
	ck_assert_int_eq(m.n, 7);
	seqmap_free(&m);
}
END_TEST

START_TEST(an_event_is_found_and_a_gap_is_the_event_before_it)
{
	static const int64_t cases[][2] = { { 0, 0 }, { 4, 0 }, { 5, 1 }, { 7, 3 }, { 8, 3 },
		{ 19, 3 }, { 20, 4 }, { 21, 5 }, { 22, 9 }, { 23, 10 }, { 24, 10 }, { 9999, 10 } };
	struct seqmap m = make();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ck_assert_int_eq(seqmap_at_or_before(&m, cases[i][0]), cases[i][1]);
	seqmap_free(&m);
}
END_TEST

START_TEST(an_empty_map_finds_nothing)
{
	const struct seqmap m = { NULL, 0, 0, 0 };

	ck_assert_int_eq(seqmap_at_or_before(&m, 7), 0);
}
END_TEST

START_TEST(many_gaps_are_kept)
{
	struct seqmap m = { NULL, 0, 0, 0 };

	for (int64_t i = 1; i <= 1000; i++)
		ck_assert(seqmap_add(&m, 3 * i, i));
	for (int64_t i = 1; i <= 1000; i++) {
		ck_assert_int_eq(seqmap_at_or_before(&m, 3 * i), i);
		ck_assert_int_eq(seqmap_at_or_before(&m, 3 * i + 2), i);
	}
	seqmap_free(&m);
}
END_TEST

UNIT_MAIN("seqmap", numbers_that_follow_each_other_are_one_run,
	an_event_is_found_and_a_gap_is_the_event_before_it, an_empty_map_finds_nothing,
	many_gaps_are_kept)
