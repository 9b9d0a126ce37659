/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of how fast a destination may be served: rate, pauses, slow start, automatic concurrency. */
#include "unit.h"

#include "pace.h"
#include "retry.h"

/* How many start from one ms to another, none being on its way for longer than an instant. */
static int
starts(struct pace *p, int64_t from_ms, int64_t to_ms)
{
	int n = 0;

	for (int64_t now = from_ms; now < to_ms; now++) {
		while (pace_allows(p, 0, now)) {
			pace_started(p, now);
			n++;
		}
	}
	return n;
}

START_TEST(a_rate_holds_and_does_not_save_up)
{
	static const int64_t intervals_us[] = { 20000, 200, 1000, 1200000 };

	for (size_t i = 0; i < 4; i++) {
		struct pace p = { .ceiling = 0 };
		pace_configure(&p, 0, 100000, false, intervals_us[i]);
		int64_t wanted = 10000000 / intervals_us[i], burst = 20000 / intervals_us[i] + 1;
		int got = starts(&p, 1000, 11000);
		ck_assert_int_ge(got, wanted - 1);
		ck_assert_int_le(got, wanted + burst);
		/* A minute without anything to do is no credit. */
		ck_assert_int_le(starts(&p, 71000, 71001), burst + 1);
	}
}
END_TEST

START_TEST(the_wake_of_a_rate_is_when_one_may_start)
{
	struct pace p = { .ceiling = 0 };

	pace_configure(&p, 0, 10, false, 333333);
	pace_started(&p, 1000);
	int64_t at = pace_wake_ms(&p, 1000);
	ck_assert(!pace_allows(&p, 0, at - 1));
	ck_assert(pace_allows(&p, 0, at));
	ck_assert_int_eq(pace_wake_ms(&p, at), 0);
}
END_TEST

START_TEST(pauses_grow_until_one_arrives_and_are_bounded)
{
	struct pace p = { .ceiling = 0 };
	int64_t now = 1000, last = 0;

	pace_configure(&p, 0, 10, false, 0);
	for (int i = 0; i < 20; i++) {
		pace_pause(&p, 0, now);
		pace_pause(&p, 0, now); /* of the same burst: no longer for it */
		int64_t wake = pace_wake_ms(&p, now);
		ck_assert_int_ge(wake - now, last);
		ck_assert_int_le(wake - now, 1000);
		last = wake - now;
		now = wake;
	}
	ck_assert_int_eq(last, 1000);
	pace_succeeded(&p, 0, 1, now);
	pace_pause(&p, 0, now);
	ck_assert_int_eq(pace_wake_ms(&p, now), now + 250);
}
END_TEST

/* What it was sent before it asked may still arrive, and end an outage. */
START_TEST(a_pause_that_was_asked_for_holds_through_a_slow_start)
{
	struct pace p = { .ceiling = 0 };

	pace_configure(&p, 0, 10, false, 0);
	pace_pause(&p, 5000, 1000);
	pace_start_slowly(&p, 1001);
	ck_assert(!pace_allows(&p, 0, 5999));
	ck_assert_int_eq(pace_wake_ms(&p, 1001), 6000);
	ck_assert(pace_allows(&p, 0, 6000));
}
END_TEST

START_TEST(retry_after_is_followed_up_to_a_day)
{
	struct pace p = { .ceiling = 0 };

	pace_configure(&p, 0, 10, false, 0);
	pace_pause(&p, 30000, 1000);
	ck_assert(!pace_allows(&p, 0, 30999));
	ck_assert(pace_allows(&p, 0, 31000));
	pace_pause(&p, INT64_MAX, 31000);
	ck_assert_int_eq(pace_wake_ms(&p, 31000), 31000 + RETRY_AFTER_MAX_MS);
}
END_TEST

START_TEST(a_slow_start_allows_one_more_for_each_that_arrives)
{
	struct pace p = { .ceiling = 0 };

	pace_configure(&p, 0, 5, false, 0);
	ck_assert(pace_allows(&p, 4, 0));
	pace_start_slowly(&p, 1000);
	for (size_t allowed = 1; allowed <= 5; allowed++) {
		ck_assert(pace_allows(&p, allowed - 1, 1000));
		ck_assert(!pace_allows(&p, allowed, 1000));
		pace_succeeded(&p, 0, 1, 1000);
	}
	ck_assert(!pace_allows(&p, 5, 1000));
	ck_assert(!p.is_starting);
}
END_TEST

/* A destination that takes 10 ms as long as no more than `capacity` come at once, and longer in
 * proportion beyond that. Returns what is allowed after so many rounds. */
static size_t
settle(struct pace *p, double capacity, int rounds)
{
	int64_t now = 1000;

	for (int round = 0; round < rounds; round++) {
		size_t n = (size_t)p->allowed;
		double slower = (double)n > capacity ? (double)n / capacity : 1;
		int64_t took = (int64_t)(10 * slower * slower);
		now += took;
		for (size_t i = n; i-- > 0;)
			pace_succeeded(p, i, took, now);
	}
	return (size_t)p->allowed;
}

START_TEST(automatic_concurrency_finds_what_a_destination_takes)
{
	struct pace fast = { .ceiling = 0 }, slow = { .ceiling = 0 };

	pace_configure(&fast, 0, 128, true, 0);
	pace_configure(&slow, 0, 128, true, 0);
	ck_assert_uint_ge(settle(&fast, 1000, 1000), 100);
	size_t found = settle(&slow, 20, 5000);
	ck_assert_uint_ge(found, 10);
	ck_assert_uint_le(found, 50);
}
END_TEST

START_TEST(an_overloaded_destination_is_halved_once_a_round_down_to_one)
{
	struct pace p = { .ceiling = 0 };

	pace_configure(&p, 0, 64, true, 0);
	p.allowed = 64;
	pace_overloaded(&p, 1000);
	pace_overloaded(&p, 1001);
	ck_assert_uint_eq((size_t)p.allowed, 32);
	for (int64_t now = 2000; now < 20000; now += 100)
		pace_overloaded(&p, now);
	ck_assert(pace_allows(&p, 0, 20000));
	ck_assert(!pace_allows(&p, 1, 20000));
}
END_TEST

START_TEST(what_a_request_gathers_may_always_start)
{
	struct pace p = { .ceiling = 0 }, few = { .ceiling = 0 };

	pace_configure(&p, 50, 200, true, 0);
	ck_assert(pace_allows(&p, 99, 0));
	ck_assert(!pace_allows(&p, 100, 0));
	for (int64_t now = 1000; now < 20000; now += 100)
		pace_overloaded(&p, now);
	ck_assert(pace_allows(&p, 49, 20000));
	ck_assert(!pace_allows(&p, 50, 20000));
	pace_start_slowly(&p, 20000);
	ck_assert(pace_allows(&p, 49, 20000));
	ck_assert(!pace_allows(&p, 50, 20000));
	pace_succeeded(&p, 0, 1, 20000);
	ck_assert(pace_allows(&p, 49, 20000));
	pace_configure(&p, 70, 200, true, 0);
	ck_assert(pace_allows(&p, 69, 21000));
	pace_configure(&few, 3, 200, true, 0);
	ck_assert(pace_allows(&few, 7, 0));
	ck_assert(!pace_allows(&few, 8, 0));
}
END_TEST

START_TEST(a_slow_start_begins_with_what_a_request_gathers)
{
	struct pace p = { .ceiling = 0 };

	pace_configure(&p, 10, 12, false, 0);
	pace_start_slowly(&p, 1000);
	for (size_t allowed = 10; allowed <= 12; allowed++) {
		ck_assert(pace_allows(&p, allowed - 1, 1000));
		ck_assert(!pace_allows(&p, allowed, 1000));
		pace_succeeded(&p, 0, 1, 1000);
	}
	ck_assert(!p.is_starting);
	pace_configure(&p, 10, 10, false, 0);
	pace_start_slowly(&p, 1000);
	ck_assert(!p.is_starting);
	ck_assert(pace_allows(&p, 9, 1000));
}
END_TEST

START_TEST(after_an_outage_the_rate_doubles_each_second)
{
	struct pace p = { .ceiling = 0 };
	int expected = PACE_FIRST_RATE;

	pace_configure(&p, 0, 100000, false, 0);
	pace_start_slowly(&p, 1000);
	p.allowed = 100000;
	ck_assert_int_le(starts(&p, 1000, 1100), 12);
	int got = starts(&p, 1100, 2000) + 12;
	for (int second = 1; second < PACE_RAMP_S; second++) {
		ck_assert_int_ge(got, expected * 95 / 100);
		ck_assert_int_le(got, expected * 103 / 100 + 2);
		expected *= 2;
		got = starts(&p, second * 1000 + 1000, second * 1000 + 2000);
	}
	int64_t end = 1000 + PACE_RAMP_S * 1000;
	ck_assert_int_eq(pace_wake_ms(&p, end), 0);
	for (int i = 0; i < 100000; i++, pace_started(&p, end))
		ck_assert(pace_allows(&p, 0, end));
}
END_TEST

UNIT_MAIN("pace", a_rate_holds_and_does_not_save_up, the_wake_of_a_rate_is_when_one_may_start,
	pauses_grow_until_one_arrives_and_are_bounded,
	a_pause_that_was_asked_for_holds_through_a_slow_start, retry_after_is_followed_up_to_a_day,
	a_slow_start_allows_one_more_for_each_that_arrives,
	automatic_concurrency_finds_what_a_destination_takes,
	an_overloaded_destination_is_halved_once_a_round_down_to_one,
	what_a_request_gathers_may_always_start, a_slow_start_begins_with_what_a_request_gathers,
	after_an_outage_the_rate_doubles_each_second)
