/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of the delivery layer (journal, destination, delivery) on a store in memory and a sink that is
 * scripted: order, windows, retries, holding, restarts, a store that refuses.
 */
#include "unit.h"

#include <stdio.h>

#include "clock.h"
#include "delivery_rig.h"
#include "destination_impl.h"
#include "memory_store.h"

START_TEST(events_arrive_in_order_and_move_the_cursor)
{
	rig_open();
	rig_append(2000, 50);
	rig_until(rig_delivered() == 2000);
	for (int i = 0; i < 2000; i++)
		ck_assert_int_eq(rig_attempt(i)->seq, i + 1);
	rig_until(memory_store_cursor("out") == 2000);
	rig_close();
}
END_TEST

START_TEST(one_chat_has_one_delivery_in_flight)
{
	rig_sink.is_async = true;
	rig_open();
	rig_append(100, 3);
	rig_until(rig_in_flight() == 3);
	rig_turns(20);
	ck_assert_uint_eq(rig_in_flight(), 3);
	rig_finish_all_as_they_come(100);
	for (int chat = 0; chat < 3; chat++)
		rig_assert_chat_in_order(chat);
	rig_close();
}
END_TEST

START_TEST(without_ordering_only_concurrency_bounds)
{
	rig_sink.is_async = true;
	rig_sink_conf.ordering = ORDERING_NONE;
	rig_sink_conf.concurrency = 8;
	rig_open();
	rig_append(100, 1);
	rig_until(rig_in_flight() == 8);
	rig_turns(20);
	ck_assert_uint_eq(rig_in_flight(), 8);
	rig_finish_all_as_they_come(100);
	rig_close();
}
END_TEST

START_TEST(a_backlog_beyond_the_window_is_read_in_pages)
{
	rig_sink.is_async = true;
	rig_sink_conf.concurrency = 4;
	rig_open();
	rig_append(10000, 1000);
	rig_turns(50);
	rig_sink.is_async = false;
	rig_finish_in_flight(HSW_DELIVERED);
	rig_until(rig_delivered() == 10000);
	for (int i = 4; i < 10000; i++)
		ck_assert_int_eq(rig_attempt(i)->seq, i + 1);
	rig_append(10, 10);
	rig_until(rig_delivered() == 10010);
	rig_until(memory_store_cursor("out") == 10010);
	rig_close();
}
END_TEST

START_TEST(a_failed_event_is_tried_by_the_schedule_then_dies)
{
	rig_sink.outcome = HSW_RETRY;
	rig_set_retry(30, 60, 90);
	rig_open();
	rig_append(1, 1);
	rig_until(memory_store_dead() == 1);
	ck_assert_uint_eq(rig_attempts(), 4);
	static const int64_t least[] = { 0, 27, 54, 81 };
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(rig_attempt(i)->number, i + 1);
		ck_assert_int_ge(
			rig_attempt(i)->at_ms - rig_attempt(i > 0 ? i - 1 : 0)->at_ms, least[i]);
	}
	ck_assert_uint_eq(memory_store_retries(), 0);
	rig_until(memory_store_cursor("out") == 1);
	rig_close();
}
END_TEST

START_TEST(a_retrying_event_steps_aside_for_its_chat)
{
	rig_sink.fail_first_attempts_of_seq = 1;
	rig_set_retry(200, 200, 200);
	rig_open();
	rig_append(5, 1);
	rig_until(rig_delivered() >= 4);
	ck_assert_int_eq(rig_attempt(1)->seq, 2);
	rig_until(rig_delivered() == 5);
	rig_until(memory_store_retries() == 0);
	rig_close();
}
END_TEST

START_TEST(rejected_events_die_at_once)
{
	rig_sink.outcome = HSW_REJECT;
	rig_open();
	rig_append(3, 3);
	rig_until(memory_store_dead() == 3);
	ck_assert_uint_eq(rig_attempts(), 3);
	rig_close();
}
END_TEST

START_TEST(a_destination_that_is_gone_keeps_its_events)
{
	rig_sink.outcome = HSW_GONE;
	rig_sink_conf.concurrency = 1;
	rig_open();
	rig_append(5, 5);
	rig_until(rig_attempts() == 1);
	rig_turns(50);
	ck_assert_uint_eq(rig_attempts(), 1);
	ck_assert_uint_eq(memory_store_dead(), 0);
	rig_sink.outcome = HSW_DELIVERED;
	rig_restart();
	rig_until(rig_delivered() == 5);
	rig_close();
}
END_TEST

START_TEST(an_outage_does_not_use_up_the_backlog)
{
	rig_sink.outcome = HSW_RETRY;
	rig_sink_conf.concurrency = 2;
	rig_sink_conf.probe_interval_ms = 100;
	rig_set_retry(3600000, 3600000, 3600000);
	rig_open();
	rig_append(3000, 3000);
	rig_until(rig_attempts() >= 10);
	int64_t opened_ms = clock_mono_ms();
	rig_for_ms(350);
	rig_until(rig_attempts() >= 12);
	ck_assert_int_le((int64_t)rig_attempts(), 15 + (clock_mono_ms() - opened_ms) / 100);
	rig_sink.outcome = HSW_DELIVERED;
	size_t before = rig_attempts();
	rig_until(rig_delivered() == 3000);
	rig_until(memory_store_retries() == 0);
	/* Those that were waiting come first, by seq, after the probe that found it well again. */
	for (size_t i = before + 2; i < before + 10; i++)
		ck_assert_int_lt(rig_attempt((int)i)->seq, 30);
	for (size_t i = before + 40; i < rig_attempts(); i++)
		ck_assert_int_gt(rig_attempt((int)i)->seq, rig_attempt((int)i - 1)->seq);
	rig_close();
}
END_TEST

START_TEST(retries_survive_a_restart)
{
	rig_sink.outcome = HSW_RETRY;
	rig_set_retry(400, 400, 400);
	rig_open();
	rig_append(5, 5);
	rig_until(memory_store_retries() == 5);
	rig_until(memory_store_cursor("out") == 5);
	rig_sink.outcome = HSW_DELIVERED;
	rig_restart();
	ck_assert_uint_eq(rig_delivered(), 0);
	rig_until(rig_delivered() == 5);
	for (int i = 5; i < (int)rig_attempts(); i++) {
		int last = i - 1;
		while (rig_attempt(last)->seq != rig_attempt(i)->seq)
			last--;
		ck_assert_int_eq(rig_attempt(i)->number, rig_attempt(last)->number + 1);
		ck_assert_int_ge(rig_attempt(i)->at_ms - rig_attempt(last)->at_ms, 350);
	}
	rig_close();
}
END_TEST

START_TEST(an_outcome_that_was_written_holds_though_the_cursor_was_not)
{
	rig_sink.outcome = HSW_RETRY;
	rig_set_retry(3600000, 3600000, 3600000);
	rig_open();
	rig_append(3, 3);
	rig_until(memory_store_retries() == 3);
	rig_sink.outcome = HSW_REJECT;
	rig_append(2, 2);
	rig_until(memory_store_dead() == 2);
	rig_sink.outcome = HSW_DELIVERED;
	rig_crash_cursor = 0;
	rig_restart();
	rig_append(1, 1);
	rig_until(rig_delivered() == 1);
	rig_turns(20);
	ck_assert_uint_eq(rig_delivered(), 1);
	ck_assert_uint_eq(memory_store_retries(), 3);
	rig_close();
}
END_TEST

START_TEST(what_was_in_flight_comes_again_after_a_restart)
{
	rig_sink.is_async = true;
	rig_open();
	rig_append(10, 10);
	rig_until(rig_in_flight() == 10);
	rig_sink.is_async = false;
	rig_restart();
	rig_until(rig_delivered() == 10);
	rig_close();
}
END_TEST

START_TEST(an_attempt_past_its_deadline_is_cancelled_and_retried)
{
	rig_sink.is_async = true;
	rig_sink_conf.timeout_ms = 50;
	rig_set_retry(10, 10, 10);
	rig_open();
	rig_append(1, 1);
	rig_until(rig_cancelled() == 1);
	rig_sink.is_async = false;
	rig_until(rig_delivered() == 1);
	ck_assert_int_eq(rig_attempt(1)->number, 2);
	rig_close();
}
END_TEST

START_TEST(an_attempt_that_is_extended_outlives_its_deadline)
{
	rig_sink.is_async = true;
	rig_sink_conf.timeout_ms = 50;
	rig_set_retry(60000, 60000, 60000);
	rig_open();
	rig_append(2, 2);
	rig_until(rig_in_flight() == 2);
	rig_extend_first(60000);
	rig_extend_first(0); /* takes nothing back */
	rig_until(rig_cancelled() == 1);
	ck_assert_uint_eq(rig_in_flight(), 1);
	rig_finish_in_flight(HSW_DELIVERED);
	ck_assert(rig_attempt(0)->is_delivered);
	rig_close();
}
END_TEST

START_TEST(a_sink_that_takes_nothing_now_is_asked_again)
{
	rig_sink.eagain = 3;
	rig_open();
	rig_append(4, 4);
	rig_until(rig_delivered() == 4);
	rig_close();
}
END_TEST

START_TEST(a_store_that_refuses_loses_nothing)
{
	rig_sink.outcome = HSW_RETRY;
	rig_set_retry(20, 20, 20);
	rig_open();
	rig_append(3, 3);
	rig_until(memory_store_retries() == 3);
	atomic_store(&memory_store_refuses, HSW_ELIMIT);
	ck_assert_int_eq(rig_append_result(1), HSW_ELIMIT);
	rig_for_ms(200);
	rig_sink.outcome = HSW_DELIVERED;
	atomic_store(&memory_store_refuses, HSW_OK);
	ck_assert_int_eq(rig_append_result(1), HSW_OK);
	rig_until(rig_delivered() == 4);
	rig_until(memory_store_retries() == 0);
	rig_until(memory_store_cursor("out") == 4);
	rig_close();
}
END_TEST

START_TEST(what_a_lost_answer_left_in_the_log_is_delivered_when_it_is_repeated)
{
	rig_open();
	rig_append(1, 1);
	rig_until(rig_delivered() == 1 && rig_is_fed());
	atomic_store(&memory_store_loses_answers, true);
	ck_assert_int_eq(rig_append_result(0), HSW_EAGAIN);
	atomic_store(&memory_store_loses_answers, false);
	ck_assert_int_eq(rig_repeat_result(0), HSW_OK);
	rig_until(rig_delivered() == 2);
	rig_append(1, 1);
	rig_until(rig_delivered() == 3);
	rig_until(memory_store_cursor("out") == 3);
	rig_close();
}
END_TEST

START_TEST(replayed_dead_letters_are_delivered)
{
	int64_t seqs[2] = { 1, 2 };

	rig_sink.outcome = HSW_REJECT;
	rig_open();
	rig_append(2, 2);
	rig_until(memory_store_dead() == 2);
	rig_sink.outcome = HSW_DELIVERED;
	rig_retry(seqs, 2);
	rig_until(rig_delivered() == 2);
	rig_close();
}
END_TEST

START_TEST(filters_pass_events_over_and_still_move_the_cursor)
{
	static const char *only_calls[] = { "call.update", NULL };

	rig_sink_conf.events = only_calls;
	rig_open();
	rig_append(100, 10);
	rig_turns(50);
	ck_assert_uint_eq(rig_attempts(), 0);
	rig_restart();
	ck_assert_int_eq(memory_store_cursor("out"), 100);
	rig_close();
}
END_TEST

START_TEST(too_many_in_retry_stop_the_intake)
{
	rig_sink.fail_odd = true;
	rig_sink_conf.max_retrying = 20;
	rig_sink_conf.concurrency = 1;
	rig_set_retry(3600000, 3600000, 3600000);
	rig_open();
	rig_append(500, 500);
	rig_until(memory_store_retries() == 20);
	rig_for_ms(100);
	ck_assert_uint_eq(memory_store_retries(), 20);
	ck_assert_uint_le(rig_delivered(), 21);
	rig_close();
}
END_TEST

/* It is looked every 100 ms whether the destination is the node's own; a lapse may be shorter. */
START_TEST(a_short_lapse_of_the_claim_stops_nothing)
{
	_Atomic int64_t held_until_ms = INT64_MAX;

	rig_set_retry(300, 300, 300);
	rig_sink.fail_first_attempts_of_seq = 1;
	rig_open();
	rig_watch(&held_until_ms);
	rig_append(1, 1);
	rig_until(memory_store_retries() == 1);
	rig_for_ms(20);
	atomic_store(&held_until_ms, 0);
	rig_retry(NULL, 0);
	rig_turns(2);
	atomic_store(&held_until_ms, INT64_MAX);
	rig_until(rig_delivered() == 1);
	rig_close();
}
END_TEST

START_TEST(a_skip_that_the_claim_ended_holds_nothing_up)
{
	struct destination_skip skip = { .before_ms = INT64_MAX, .upto = 1 };
	_Atomic int64_t held_until_ms = INT64_MAX;
	struct hsw_error err;

	rig_sink.is_async = true;
	rig_set_retry(50, 50, 50);
	rig_open();
	rig_watch(&held_until_ms);
	rig_append(1, 1);
	rig_until(rig_in_flight() == 1);
	rig_finish_in_flight(HSW_RETRY); /* which is being written down */
	ck_assert_int_eq(destination_skip_begin(&skip, rig_destination(), &err), HSW_EAGAIN);
	atomic_store(&held_until_ms, 0);
	ck_assert_int_eq(destination_skip_begin(&skip, rig_destination(), &err), HSW_EIO);
	ck_assert_ptr_null(skip.d);
	atomic_store(&held_until_ms, INT64_MAX);
	rig_finish_all_as_they_come(1);
	rig_close();
}
END_TEST

/* It is freed as soon as its successor is there. */
START_TEST(what_gives_way_to_a_successor_writes_nothing_more)
{
	rig_sink.fail_first_attempts_of_seq = 1;
	rig_set_retry(60000, 60000, 60000);
	rig_open();
	rig_append(1, 1);
	rig_until(memory_store_retries() == 1 && memory_store_cursor("out") == 1);
	struct destination *d = rig_destination();
	atomic_store(&memory_store_refuses, HSW_EAGAIN);
	destination_save_attempts(d);
	ck_assert(d->is_saving_attempts);
	rig_until(d->has_attempts_failed);
	atomic_store(&memory_store_refuses, HSW_OK);
	rig_swap_begin();
	destination_save_attempts(d);
	ck_assert(!d->is_saving_attempts);
	rig_swap_end();
	ck_assert(rig_destination()->has_unsaved_attempts);
	rig_close();
}
END_TEST

UNIT_MAIN_WITH("delivery", rig_reset, memory_store_clear,
	events_arrive_in_order_and_move_the_cursor, one_chat_has_one_delivery_in_flight,
	without_ordering_only_concurrency_bounds, a_backlog_beyond_the_window_is_read_in_pages,
	a_failed_event_is_tried_by_the_schedule_then_dies,
	a_retrying_event_steps_aside_for_its_chat, rejected_events_die_at_once,
	a_destination_that_is_gone_keeps_its_events, an_outage_does_not_use_up_the_backlog,
	retries_survive_a_restart, an_outcome_that_was_written_holds_though_the_cursor_was_not,
	what_was_in_flight_comes_again_after_a_restart,
	an_attempt_past_its_deadline_is_cancelled_and_retried,
	an_attempt_that_is_extended_outlives_its_deadline,
	a_sink_that_takes_nothing_now_is_asked_again, a_store_that_refuses_loses_nothing,
	what_a_lost_answer_left_in_the_log_is_delivered_when_it_is_repeated,
	replayed_dead_letters_are_delivered, filters_pass_events_over_and_still_move_the_cursor,
	too_many_in_retry_stop_the_intake, a_short_lapse_of_the_claim_stops_nothing,
	a_skip_that_the_claim_ended_holds_nothing_up,
	what_gives_way_to_a_successor_writes_nothing_more)
