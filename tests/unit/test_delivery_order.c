/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of `ordering`: what a failed event holds up, over failures, a store that refuses, and restarts.
 */
#include "unit.h"

#include <stdio.h>

#include "delivery_rig.h"
#include "destination_impl.h"
#include "memory_store.h"

#define CHATS 500
#define EACH 8

/* Ends deliveries, some of them badly, and restarts now and then (as after a crash every other time),
 * until everything is delivered. */
static void
run_until_all_are_settled(int64_t n, int restarts)
{
	int64_t deadline = rig_deadline();
	int turns = 0;
	int64_t cursor = memory_store_cursor("out");

	while (memory_store_cursor("out") < n || memory_store_retries() > 0) {
		ck_assert_msg(rig_turn_before(deadline), "never settled: cursor %lld, %zu retries",
			(long long)memory_store_cursor("out"), memory_store_retries());
		rig_finish_some(20);
		if (restarts == 0 || ++turns % 6 != 0)
			continue;
		rig_crash_cursor = restarts % 2 == 0 ? cursor : -1;
		rig_restart();
		cursor = memory_store_cursor("out");
		restarts--;
	}
	ck_assert_msg(restarts == 0, "it was over before the last %d restarts", restarts);
}

static void
open_with(int ordering)
{
	rig_sink.is_async = true;
	rig_sink_conf.ordering = ordering;
	rig_sink_conf.concurrency = 64;
	rig_sink_conf.probe_interval_ms = 10;
	for (int i = 0; i < RETRY_STEPS_MAX; i++)
		rig_sink_conf.retry_ms[i] = 5 * (i % 4);
	rig_sink_conf.retry_steps = RETRY_STEPS_MAX;
	rig_open();
}

START_TEST(chat_strict_keeps_500_chats_in_order_over_failures_and_restarts)
{
	open_with(ORDERING_CHAT_STRICT);
	rig_append(CHATS * EACH / 2, CHATS);
	run_until_all_are_settled(CHATS * EACH / 4, 3);
	rig_append(CHATS * EACH / 2, CHATS);
	run_until_all_are_settled(CHATS * EACH, 4);
	for (int chat = 0; chat < CHATS; chat++)
		rig_assert_first_deliveries_in_order(chat, EACH);
	rig_close();
}
END_TEST

START_TEST(strict_keeps_all_in_order_over_failures_and_restarts)
{
	open_with(ORDERING_STRICT);
	rig_append(300, 30);
	run_until_all_are_settled(300, 4);
	rig_assert_first_deliveries_in_order(-1, 300);
	rig_close();
}
END_TEST

START_TEST(strict_has_one_delivery_in_flight)
{
	open_with(ORDERING_STRICT);
	rig_append(20, 20);
	rig_until(rig_in_flight() == 1);
	rig_turns(20);
	ck_assert_uint_eq(rig_in_flight(), 1);
	rig_finish_all_as_they_come(20);
	rig_close();
}
END_TEST

START_TEST(a_failed_event_holds_its_chat_and_no_other)
{
	rig_sink_conf.ordering = ORDERING_CHAT_STRICT;
	rig_sink.fail_first_attempts_of_seq = 1;
	rig_set_retry(200, 200, 200);
	rig_open();
	rig_append(30, 3);
	rig_until(rig_delivered() == 20);
	rig_turns(10);
	ck_assert_uint_eq(rig_delivered(), 20);
	ck_assert_uint_eq(memory_store_retries(), 10);
	rig_until(rig_delivered() == 30);
	rig_assert_first_deliveries_in_order(0, 10);
	rig_until(memory_store_retries() == 0 && memory_store_cursor("out") == 30);
	rig_close();
}
END_TEST

START_TEST(a_dead_event_lets_its_chat_go_on)
{
	rig_sink_conf.ordering = ORDERING_CHAT_STRICT;
	rig_sink.fail_always_seq = 1;
	rig_set_retry(20, 20, 20);
	rig_open();
	rig_append(10, 1);
	rig_until(memory_store_dead() == 1);
	rig_until(rig_delivered() == 9);
	ck_assert_int_eq(rig_attempt(3)->seq, 1);
	rig_assert_goes_up_from(4);
	rig_close();
}
END_TEST

START_TEST(a_held_chat_waits_through_a_store_that_refuses)
{
	open_with(ORDERING_CHAT_STRICT);
	rig_append(10, 1);
	rig_until(rig_in_flight() == 1);
	atomic_store(&memory_store_refuses, HSW_ELIMIT);
	rig_finish_in_flight(HSW_RETRY);
	rig_for_ms(50);
	atomic_store(&memory_store_refuses, HSW_OK);
	run_until_all_are_settled(10, 0);
	rig_assert_first_deliveries_in_order(0, 10);
	rig_close();
}
END_TEST

/* Its successor knows only what it had when nothing of it was on its way. */
START_TEST(one_that_drains_is_fed_nothing_more)
{
	rig_sink_conf.ordering = ORDERING_CHAT_STRICT;
	rig_sink.fail_first_attempts_of_seq = 1;
	rig_set_retry(60000, 60000, 60000);
	rig_open();
	rig_append(1, 1);
	rig_until(memory_store_retries() == 1);
	rig_restart();
	rig_drain_while_it_reads();
	rig_append(1, 1);
	rig_for_ms(50);
	ck_assert_uint_eq(memory_store_retries(), 1);
	rig_close();
}
END_TEST

START_TEST(held_chats_fill_no_more_than_max_retrying)
{
	rig_sink_conf.ordering = ORDERING_CHAT_STRICT;
	rig_sink_conf.max_retrying = 600;
	rig_sink.fail_first_attempts_of_seq = 1;
	rig_set_retry(600, 200, 200);
	rig_open();
	rig_append(8000, 1);
	rig_for_ms(200);
	/* One window, and a page that was on its way. */
	ck_assert_uint_le(memory_store_retries(), 600 + 1024 + 512);
	rig_until(rig_delivered() == 8000);
	rig_assert_first_deliveries_in_order(0, 8000);
	rig_close();
}
END_TEST

START_TEST(after_a_crash_none_overtakes_what_failed_before_it)
{
	open_with(ORDERING_CHAT_STRICT);
	rig_append(10, 1);
	rig_until(rig_in_flight() == 1);
	atomic_store(&memory_store_keeps, 1);
	rig_finish_in_flight(HSW_RETRY);
	rig_until(memory_store_retries() == 1);
	rig_for_ms(50);
	rig_crash_cursor = 0;
	rig_restart();
	atomic_store(&memory_store_keeps, -1);
	run_until_all_are_settled(10, 0);
	rig_assert_first_deliveries_in_order(0, 10);
	rig_close();
}
END_TEST

static void
retry_all_of(int64_t first, int64_t last)
{
	static int64_t seqs[5000];
	size_t n = (size_t)(last - first + 1);

	ck_assert_uint_le(n, sizeof(seqs) / sizeof(seqs[0]));
	for (size_t i = 0; i < n; i++)
		seqs[i] = first + (int64_t)i;
	rig_retry(seqs, n);
}

/* One retry alone is as much as may be in memory: while it is stored nothing goes in its place. */
START_TEST(strict_lets_none_overtake_a_large_event)
{
	rig_sink_conf.ordering = ORDERING_STRICT;
	rig_sink.fail_always_seq = 1;
	rig_set_retry(20, 20, 20);
	rig_body_bytes = WINDOW_BYTES;
	rig_open();
	rig_append(1, 1);
	rig_body_bytes = 0;
	rig_append(2, 1);
	rig_until(rig_attempts() == 6);
	rig_assert_goes_up_from(3);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(rig_attempt(i)->seq, 1);
	rig_close();
}
END_TEST

START_TEST(retries_of_one_chat_do_not_all_come_into_memory)
{
	rig_sink_conf.ordering = ORDERING_CHAT;
	rig_open();
	rig_append(5000, 1);
	rig_until(rig_delivered() == 5000);
	rig_sink.is_async = true;
	retry_all_of(1, 5000);
	rig_until(rig_in_flight() == 1);
	rig_for_ms(200);
	ck_assert_uint_ge(rig_destination()->n_retries_held, WINDOW_EVENTS);
	ck_assert_uint_lt(rig_destination()->n_retries_held, WINDOW_EVENTS + RETRY_LOAD_MAX);
	rig_sink.is_async = false;
	rig_finish_in_flight(HSW_DELIVERED);
	rig_until(rig_delivered() == 10000);
	rig_assert_goes_up_from(5000);
	rig_until(rig_destination()->n_retries_held == 0);
	ck_assert_uint_eq(rig_destination()->retries_held_bytes, 0);
	rig_close();
}
END_TEST

/* No more of them are read, and nothing else is to go while so many are in retry: it goes all the same. */
START_TEST(an_event_of_the_log_that_many_retries_wait_behind_goes)
{
	rig_sink_conf.ordering = ORDERING_CHAT;
	rig_sink_conf.max_retrying = 1000;
	rig_sink.fail_first_attempts_of_seq = 1;
	rig_sink.status = 429;
	rig_sink.retry_after_ms = 500;
	rig_open();
	rig_append(1, 1);
	rig_until(memory_store_retries() == 1);
	rig_append(1500, 1);
	retry_all_of(3, 1501);
	rig_until(rig_destination()->n_retries_held >= WINDOW_EVENTS);
	ck_assert_uint_eq(rig_attempts(), 1);
	rig_until(rig_delivered() == 1501 + 1499);
	rig_close();
}
END_TEST

UNIT_MAIN_WITH("delivery_order", rig_reset, memory_store_clear,
	chat_strict_keeps_500_chats_in_order_over_failures_and_restarts,
	strict_keeps_all_in_order_over_failures_and_restarts, strict_has_one_delivery_in_flight,
	a_failed_event_holds_its_chat_and_no_other, a_dead_event_lets_its_chat_go_on,
	a_held_chat_waits_through_a_store_that_refuses, one_that_drains_is_fed_nothing_more,
	held_chats_fill_no_more_than_max_retrying,
	after_a_crash_none_overtakes_what_failed_before_it,
	strict_lets_none_overtake_a_large_event, retries_of_one_chat_do_not_all_come_into_memory,
	an_event_of_the_log_that_many_retries_wait_behind_goes)
