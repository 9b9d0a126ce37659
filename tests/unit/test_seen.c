/* SPDX-License-Identifier: Apache-2.0 */
/* test_seen.c - core/seen.c: what is known, for how long, and what a failed transaction leaves. */
#include "unit.h"

#include <string.h>

#include "seen.h"

#define HOUR INT64_C(3600000)
#define NOW INT64_C(1795239228123)

static bool
add(struct seen *s, uint64_t n)
{
	unsigned char id[HSW_EVENT_ID_BYTES] = { 0 };

	/* As a hash would spread them; 0 stays 0. */
	n *= 0x9e3779b97f4a7c15u;
	memcpy(id, &n, sizeof(n));
	return seen_add(s, id);
}

START_TEST(what_was_committed_is_known)
{
	struct seen *s = seen_new(24 * HOUR, SEEN_MAX);

	ck_assert(add(s, 0));
	ck_assert(add(s, 1));
	ck_assert_msg(!add(s, 1), "known within its own transaction");
	ck_assert_uint_eq(seen_added(s).len, 16);
	seen_commit(s, NOW);
	ck_assert_uint_eq(seen_added(s).len, 0);
	ck_assert(!add(s, 0));
	ck_assert(!add(s, 1));
	ck_assert(add(s, 2));
	seen_free(s);
}
END_TEST

START_TEST(what_was_rolled_back_is_new)
{
	struct seen *s = seen_new(24 * HOUR, SEEN_MAX);

	ck_assert(add(s, 1));
	seen_rollback(s);
	ck_assert_uint_eq(seen_added(s).len, 0);
	ck_assert(add(s, 1));
	seen_commit(s, NOW);
	ck_assert(!add(s, 1));
	seen_free(s);
}
END_TEST

START_TEST(it_is_known_for_the_window_and_little_longer)
{
	struct seen *s = seen_new(24 * HOUR, SEEN_MAX);

	for (uint64_t hour = 0; hour < 100; hour++) {
		ck_assert(add(s, hour));
		seen_commit(s, NOW + (int64_t)hour * HOUR);
		for (uint64_t before = hour > 23 ? hour - 23 : 0; before <= hour; before++)
			ck_assert_msg(!add(s, before), "%u is forgotten at %u", (unsigned)before,
				(unsigned)hour);
		seen_rollback(s);
		if (hour >= 28)
			ck_assert_msg(add(s, hour - 28), "%u is still known at %u",
				(unsigned)hour - 28, (unsigned)hour);
		seen_rollback(s);
	}
	seen_free(s);
}
END_TEST

START_TEST(a_long_pause_forgets_all)
{
	struct seen *s = seen_new(24 * HOUR, SEEN_MAX);

	ck_assert(add(s, 1));
	seen_commit(s, NOW);
	ck_assert(add(s, 2));
	seen_commit(s, NOW + 1000 * HOUR);
	ck_assert(add(s, 1));
	ck_assert(!add(s, 2));
	seen_free(s);
}
END_TEST

START_TEST(a_clock_that_is_set_back_forgets_nothing)
{
	struct seen *s = seen_new(24 * HOUR, SEEN_MAX);

	ck_assert(add(s, 1));
	seen_commit(s, NOW);
	ck_assert(add(s, 2));
	seen_commit(s, NOW - 500 * HOUR);
	ck_assert(!add(s, 1));
	ck_assert(!add(s, 2));
	seen_free(s);
}
END_TEST

START_TEST(it_is_recalled_after_a_restart)
{
	struct seen *before = seen_new(24 * HOUR, SEEN_MAX), *after = seen_new(24 * HOUR, SEEN_MAX);

	for (uint64_t i = 0; i < 5000; i++)
		ck_assert(add(before, i));
	seen_recall(after, NOW, seen_added(before));
	for (uint64_t i = 0; i < 5000; i++)
		ck_assert(!add(after, i));
	ck_assert(add(after, 5000));
	seen_free(before);
	seen_free(after);
}
END_TEST

START_TEST(memory_is_bounded_and_the_newest_are_known)
{
	struct seen *s = seen_new(24 * HOUR, 1000);

	for (uint64_t n = 0; n < 5000; n++) {
		ck_assert(add(s, n));
		seen_commit(s, NOW);
	}
	/* Spans go as a whole, the newest last. */
	ck_assert(!add(s, 4999));
	ck_assert(add(s, 0));
	seen_rollback(s);
	uint64_t known = 0;
	while (known < 5000 && !add(s, 4999 - known))
		known++;
	ck_assert_uint_le(known, 1000);
	ck_assert_uint_ge(known, 1000 - 1000 / 8);
	seen_free(s);
}
END_TEST

UNIT_MAIN("seen", what_was_committed_is_known, what_was_rolled_back_is_new,
	it_is_known_for_the_window_and_little_longer, a_long_pause_forgets_all,
	a_clock_that_is_set_back_forgets_nothing, it_is_recalled_after_a_restart,
	memory_is_bounded_and_the_newest_are_known)
