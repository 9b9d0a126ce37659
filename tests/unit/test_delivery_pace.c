/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of what a destination's answers do to its other deliveries: pauses, the circuit, slow start, the
 * rate; and of statuses that settle or end an event.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "delivery_rig.h"
#include "memory_store.h"

static void
fail_with(int status, int64_t retry_after_ms)
{
	rig_sink.outcome = HSW_RETRY;
	rig_sink.status = status;
	rig_sink.retry_after_ms = retry_after_ms;
}

START_TEST(an_overloaded_destination_gets_nothing_until_it_wants)
{
	static const int pausing[] = { 429, 502, 503, 504 };

	for (size_t i = 0; i < 4; i++) {
		rig_reset();
		rig_sink_conf.concurrency = 1;
		fail_with(pausing[i], 400);
		rig_open();
		rig_append(20, 20);
		rig_until(rig_attempts() >= 1);
		rig_sink.outcome = HSW_DELIVERED;
		rig_until(rig_delivered() >= 19);
		ck_assert_int_ge(rig_attempt(1)->at_ms - rig_attempt(0)->at_ms, 395);
		rig_close();
	}
}
END_TEST

/* The edges: less than the most is followed, what is more is taken for it, and 0 asks nobody. */
START_TEST(what_a_destination_asks_for_is_bounded)
{
	static const struct {
		int64_t most_ms, asked_ms, from_ms, to_ms;
	} cases[] = { { 3600000, 600, 595, 3000 }, { 600, 600, 595, 3000 }, { 600, 601, 595, 3000 },
		{ 600, INT64_MAX, 595, 3000 }, { 0, 60000, 45, 3000 }, { 600, -5000, 45, 3000 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_reset();
		rig_sink_conf.retry_after_max_ms = cases[i].most_ms;
		rig_set_retry(50, 50, 50);
		fail_with(500, cases[i].asked_ms);
		rig_open();
		rig_append(1, 1);
		rig_until(rig_attempts() >= 1);
		rig_sink.outcome = HSW_DELIVERED;
		rig_until(rig_delivered() == 1);
		int64_t waited = rig_attempt(1)->at_ms - rig_attempt(0)->at_ms;
		ck_assert_msg(waited >= cases[i].from_ms && waited < cases[i].to_ms, "%zu: %lld", i,
			(long long)waited);
		rig_close();
	}
}
END_TEST

START_TEST(other_failures_pause_nobody)
{
	static const int others[] = { 0, 400, 404, 500 };

	for (size_t i = 0; i < 4; i++) {
		rig_reset();
		rig_sink_conf.concurrency = 1;
		fail_with(others[i], 5000);
		rig_open();
		rig_append(1, 1);
		rig_until(rig_attempts() >= 1);
		rig_sink.outcome = HSW_DELIVERED;
		int64_t begin = clock_mono_ms();
		rig_append(20, 20);
		rig_until(rig_delivered() >= 20);
		ck_assert_int_lt(clock_mono_ms() - begin, 3000);
		rig_close();
	}
}
END_TEST

START_TEST(a_pause_that_nobody_asked_for_is_short)
{
	rig_sink_conf.concurrency = 1;
	fail_with(503, 0);
	rig_open();
	rig_append(20, 20);
	rig_until(rig_attempts() >= 1);
	rig_sink.outcome = HSW_DELIVERED;
	rig_until(rig_delivered() >= 19);
	int64_t pause = rig_attempt(1)->at_ms - rig_attempt(0)->at_ms;
	ck_assert_int_ge(pause, 245);
	ck_assert_int_le(pause, 2000);
	rig_close();
}
END_TEST

START_TEST(an_open_circuit_does_not_use_up_attempts)
{
	rig_sink_conf.failures_to_open = 3;
	rig_sink_conf.probe_interval_ms = 10;
	rig_sink_conf.concurrency = 1;
	rig_set_retry(20, 20, 20);
	rig_sink.outcome = HSW_RETRY;
	rig_open();
	rig_append(6, 6);
	rig_until(rig_attempts() > 60);
	ck_assert_ptr_nonnull(strstr(rig_print(), "\"circuit\":\"open\""));
	ck_assert_uint_eq(memory_store_dead(), 0);
	for (size_t i = 0; i < rig_attempts(); i++)
		ck_assert_int_le(rig_attempt((int)i)->number, 2);
	rig_sink.outcome = HSW_DELIVERED;
	rig_until(rig_delivered() == 6);
	ck_assert_ptr_nonnull(strstr(rig_print(), "\"circuit\":\"closed\""));
	rig_until(memory_store_retries() == 0 && memory_store_cursor("out") == 6);
	rig_close();
}
END_TEST

START_TEST(a_probe_is_one_delivery_and_half_open)
{
	rig_sink_conf.failures_to_open = 2;
	rig_sink_conf.probe_interval_ms = 20;
	rig_sink.outcome = HSW_RETRY;
	rig_open();
	rig_append(40, 40);
	rig_until(strstr(rig_print(), "\"circuit\":\"open\"") != NULL);
	rig_sink.is_async = true;
	rig_until(rig_in_flight() == 1);
	ck_assert_ptr_nonnull(strstr(rig_print(), "\"circuit\":\"half-open\""));
	rig_for_ms(100);
	ck_assert_uint_eq(rig_in_flight(), 1);
	rig_finish_in_flight(HSW_DELIVERED);
	/* The start is slow: the probe, then two, then four at once, though 32 may. */
	for (size_t wanted = 2; wanted <= 8; wanted *= 2) {
		rig_until(rig_in_flight() >= wanted);
		rig_turns(10);
		ck_assert_uint_eq(rig_in_flight(), wanted);
		rig_finish_in_flight(HSW_DELIVERED);
	}
	rig_finish_all_as_they_come(40);
	rig_close();
}
END_TEST

START_TEST(an_event_that_nobody_takes_does_not_keep_the_circuit_open)
{
	rig_sink_conf.failures_to_open = 3;
	rig_sink_conf.probe_interval_ms = 10;
	rig_sink_conf.concurrency = 1;
	rig_set_retry(10, 10, 10);
	rig_sink.outcome = HSW_RETRY;
	rig_open();
	rig_append(5, 5);
	rig_until(strstr(rig_print(), "\"circuit\":\"open\"") != NULL);
	rig_sink.fail_always_seq = 1;
	rig_sink.outcome = HSW_DELIVERED;
	rig_until(rig_delivered() == 4);
	rig_until(memory_store_dead() == 1);
	rig_close();
}
END_TEST

START_TEST(what_is_down_for_too_long_is_disabled_and_keeps_its_events)
{
	rig_sink_conf.failures_to_open = 3;
	rig_sink_conf.probe_interval_ms = 20;
	rig_sink_conf.disable_after_ms = 150;
	rig_sink.outcome = HSW_RETRY;
	rig_open();
	rig_append(10, 10);
	rig_until(strstr(rig_print(), "\"state\":\"disabled\"") != NULL);
	size_t attempts = rig_attempts();
	rig_for_ms(100);
	ck_assert_uint_eq(rig_attempts(), attempts);
	ck_assert_uint_eq(memory_store_dead(), 0);
	rig_sink.outcome = HSW_DELIVERED;
	rig_restart();
	rig_until(rig_delivered() == 10);
	rig_close();
}
END_TEST

START_TEST(a_rate_is_kept)
{
	rig_sink_conf.rate_interval_us = 20000;
	rig_open();
	rig_append(40, 40);
	rig_until(rig_delivered() == 40);
	ck_assert_int_ge(rig_attempt(39)->at_ms - rig_attempt(0)->at_ms, 39 * 20 - 25);
	/* Most of them are as fast as they may be, though the machine may stand still between others. */
	int prompt = 0;
	for (int i = 1; i < 40; i++)
		prompt += rig_attempt(i)->at_ms - rig_attempt(i - 1)->at_ms <= 20 * 3;
	ck_assert_int_ge(prompt, 20);
	rig_close();
}
END_TEST

START_TEST(what_is_passed_over_does_not_count_for_the_rate)
{
	rig_sink_conf.rate_interval_us = 60000000;
	rig_sink.skip_odd = true;
	rig_open();
	rig_append(2, 1);
	rig_until(rig_delivered() == 1);
	rig_close();
}
END_TEST

START_TEST(an_answer_settles_with_the_policy_of_eazewa)
{
	rig_sink_conf.policy = POLICY_EAZEWA;
	fail_with(500, 0);
	rig_open();
	rig_append(3, 3);
	rig_until(memory_store_cursor("out") == 3);
	ck_assert_uint_eq(rig_attempts(), 3);
	ck_assert_uint_eq(memory_store_retries() + memory_store_dead(), 0);
	rig_close();
}
END_TEST

START_TEST(an_answer_that_drops_its_event_pauses_all_the_same)
{
	rig_sink_conf.drop_statuses.words[429 / 64] = UINT64_C(1) << 429 % 64;
	rig_sink_conf.concurrency = 1;
	fail_with(429, 400);
	rig_open();
	rig_append(2, 2);
	rig_until(memory_store_dead() == 2);
	ck_assert_int_ge(rig_attempt(1)->at_ms - rig_attempt(0)->at_ms, 395);
	rig_close();
}
END_TEST

/* One that the sink refused by itself, say for its size, in an outage. */
START_TEST(what_was_never_sent_is_no_answer)
{
	rig_sink.tells_statuses = true;
	rig_sink.fail_odd = true;
	rig_sink.outcome = HSW_REJECT;
	rig_set_retry(10, 10, 10);
	rig_open();
	rig_append(3, 3);
	rig_until(strstr(rig_print(), "\"circuit\":\"open\"") != NULL);
	ck_assert_uint_eq(memory_store_dead(), 1);
	rig_close();
}
END_TEST

START_TEST(no_answer_is_retried_without_end_with_an_endless_schedule)
{
	rig_set_retry(5, 5, 5);
	rig_sink_conf.is_retry_endless = true;
	rig_sink_conf.failures_to_open = 1000;
	rig_sink.outcome = HSW_RETRY;
	rig_open();
	rig_append(1, 1);
	rig_until(rig_attempts() > 20);
	ck_assert_int_eq(rig_attempt(20)->number, 21);
	ck_assert_uint_eq(memory_store_dead(), 0);
	rig_close();
}
END_TEST

static bool
prints(const char *text)
{
	return strstr(rig_print(), text) != NULL;
}

START_TEST(skipped_events_are_no_sign_of_life)
{
	rig_sink_conf.failures_to_open = 5;
	rig_sink_conf.probe_interval_ms = 20;
	rig_sink_conf.concurrency = 1;
	rig_set_retry(5, 5, 5);
	rig_sink.outcome = HSW_RETRY;
	rig_sink.skip_odd = true;
	rig_open();
	rig_append(400, 400);
	rig_until(prints("\"circuit\":\"open\""));
	rig_for_ms(200);
	ck_assert(!prints("\"circuit\":\"closed\""));
	ck_assert_uint_eq(memory_store_dead(), 0);
	ck_assert(prints("\"delivered\":0,"));
	rig_sink.outcome = HSW_DELIVERED;
	rig_until(rig_delivered() == 200);
	rig_until(memory_store_cursor("out") == 400 && memory_store_retries() == 0);
	ck_assert(prints("\"delivered\":200,"));
	rig_close();
}
END_TEST

START_TEST(answers_about_one_event_do_not_open_the_circuit)
{
	static const int about_events[] = { 400, 413, 415, 422 };

	rig_sink_conf.failures_to_open = 3;
	rig_sink_conf.probe_interval_ms = 3600000;
	rig_set_retry(5, 5, 5);
	for (size_t i = 0; i < 4; i++) {
		rig_sink = (struct rig_sink){ .outcome = HSW_RETRY, .status = about_events[i] };
		memory_store_clear();
		rig_open();
		size_t before = rig_attempts();
		rig_append(6, 6);
		rig_until(memory_store_dead() == 6);
		ck_assert_uint_eq(rig_attempts() - before, 24);
		ck_assert(prints("\"circuit\":\"closed\""));
		rig_close();
	}
}
END_TEST

START_TEST(other_answers_open_it)
{
	static const int down[] = { 0, 401, 403, 404, 407, 408, 425, 500 };

	rig_sink_conf.failures_to_open = 3;
	rig_sink_conf.probe_interval_ms = 3600000;
	rig_set_retry(5, 5, 5);
	for (size_t i = 0; i < 8; i++) {
		rig_sink = (struct rig_sink){ .outcome = HSW_RETRY, .status = down[i] };
		memory_store_clear();
		rig_open();
		rig_append(6, 6);
		rig_until(prints("\"circuit\":\"open\""));
		rig_close();
	}
}
END_TEST

/* Nothing else comes whose success could close the circuit. */
START_TEST(an_event_alone_that_always_gets_500_dies_on_its_schedule)
{
	rig_sink_conf.failures_to_open = 2;
	rig_sink_conf.probe_interval_ms = 3600000;
	rig_set_retry(50, 100, 150);
	fail_with(500, 0);
	rig_open();
	rig_append(1, 1);
	rig_until(memory_store_dead() == 1);
	ck_assert_uint_eq(rig_attempts(), 4);
	for (int i = 1; i < 4; i++)
		ck_assert_int_ge(rig_attempt(i)->at_ms - rig_attempt(i - 1)->at_ms, 45 * i);
	ck_assert(prints("\"circuit\":\"closed\""));
	rig_close();
}
END_TEST

START_TEST(it_dies_though_the_daemon_starts_again)
{
	rig_sink_conf.failures_to_open = 10;
	rig_sink_conf.probe_interval_ms = 3600000;
	rig_set_retry(50, 50, 50);
	fail_with(500, 0);
	rig_open();
	rig_append(1, 1);
	rig_until(memory_store_retries() == 1);
	rig_restart();
	rig_until(memory_store_dead() == 1);
	ck_assert_int_eq(rig_attempt((int)rig_attempts() - 1)->number, 4);
	rig_close();
}
END_TEST

START_TEST(the_last_event_of_an_outage_dies_once_it_is_alone)
{
	rig_sink_conf.failures_to_open = 3;
	rig_sink_conf.probe_interval_ms = 10;
	rig_sink_conf.concurrency = 1;
	rig_set_retry(20, 20, 20);
	fail_with(500, 0);
	rig_open();
	rig_append(4, 4);
	rig_until(prints("\"circuit\":\"open\""));
	rig_for_ms(100);
	ck_assert_uint_eq(memory_store_dead(), 0);
	rig_sink.fail_always_seq = 3;
	rig_sink.outcome = HSW_DELIVERED;
	rig_until(rig_delivered() == 3 && memory_store_dead() == 1);
	rig_close();
}
END_TEST

START_TEST(an_event_alone_without_an_answer_waits_for_the_destination)
{
	static const int away[] = { 0, 502, 503, 504 };

	for (size_t i = 0; i < 4; i++) {
		rig_reset();
		memory_store_clear();
		rig_sink_conf.failures_to_open = 2;
		rig_sink_conf.probe_interval_ms = 10;
		rig_set_retry(5, 5, 5);
		fail_with(away[i], 0);
		rig_open();
		rig_append(1, 1);
		rig_until(rig_attempts() > 8 || prints("\"circuit\":\"open\""));
		rig_for_ms(100);
		ck_assert_uint_eq(memory_store_dead(), 0);
		rig_close();
	}
}
END_TEST

/* Each is the only one that may be tried: they would die one after the other. */
START_TEST(an_outage_of_500s_takes_no_event_that_holds_others)
{
	static const enum sink_ordering orderings[] = { ORDERING_STRICT, ORDERING_CHAT_STRICT };

	for (size_t i = 0; i < 2; i++) {
		rig_reset();
		memory_store_clear();
		rig_sink_conf.ordering = orderings[i];
		rig_sink_conf.probe_interval_ms = 10;
		rig_set_retry(20, 20, 20);
		fail_with(500, 0);
		rig_sink.tells_statuses = true;
		rig_open();
		rig_append(3, 1);
		rig_until(prints("\"circuit\":\"open\""));
		ck_assert_uint_eq(rig_attempts(), 4);
		rig_until(rig_attempts() > 20);
		ck_assert_uint_eq(memory_store_dead(), 0);
		rig_sink.outcome = HSW_DELIVERED;
		rig_until(rig_delivered() == 3);
		rig_assert_first_deliveries_in_order(-1, 3);
		rig_close();
	}
}
END_TEST

START_TEST(an_event_that_is_refused_dies_though_the_circuit_is_open)
{
	static const enum sink_ordering orderings[] = { ORDERING_STRICT, ORDERING_CHAT,
		ORDERING_CHAT_STRICT, ORDERING_NONE };

	for (size_t i = 0; i < 4; i++) {
		rig_reset();
		memory_store_clear();
		rig_sink_conf.ordering = orderings[i];
		rig_sink_conf.failures_to_open = 2;
		rig_sink_conf.probe_interval_ms = 50;
		rig_set_retry(5, 5, 5);
		rig_sink.outcome = HSW_RETRY;
		rig_open();
		rig_append(1, 1);
		rig_until(prints("\"circuit\":\"open\""));
		rig_sink.status = 400;
		rig_until(memory_store_dead() == 1);
		rig_sink.outcome = HSW_DELIVERED;
		rig_append(3, 3);
		rig_until(rig_delivered() == 3);
		rig_close();
	}
}
END_TEST

START_TEST(probes_take_turns_though_one_flies_at_a_time)
{
	rig_sink_conf.failures_to_open = 2;
	rig_sink_conf.probe_interval_ms = 10;
	rig_sink_conf.concurrency = 1;
	rig_sink_conf.ordering = ORDERING_NONE;
	rig_set_retry(5, 5, 5);
	rig_sink.outcome = HSW_RETRY;
	rig_open();
	rig_append(4, 4);
	rig_until(prints("\"circuit\":\"open\""));
	size_t first = rig_attempts() + 4;
	rig_until(rig_attempts() >= first + 8);
	for (size_t i = first; i < first + 7; i++)
		ck_assert_int_ne(rig_attempt((int)i)->seq, rig_attempt((int)i + 1)->seq);
	rig_close();
}
END_TEST

/* What failed as the circuit opened is due, and more than one read brings. */
START_TEST(a_read_that_fails_stops_nothing)
{
	rig_sink_conf.failures_to_open = 40;
	rig_sink_conf.probe_interval_ms = 20;
	rig_sink_conf.concurrency = 1;
	rig_set_retry(60000, 60000, 60000);
	rig_sink.outcome = HSW_RETRY;
	atomic_store(&memory_store_refuses_reads, 1);
	rig_open();
	rig_append(60, 60);
	rig_until(prints("\"circuit\":\"open\""));
	rig_sink.outcome = HSW_DELIVERED;
	rig_until(rig_delivered() == 60);
	ck_assert_int_eq(atomic_load(&memory_store_refuses_reads), 0);
	rig_close();
}
END_TEST

START_TEST(restarts_during_an_outage_use_up_no_attempts)
{
	rig_sink_conf.failures_to_open = 3;
	rig_sink_conf.probe_interval_ms = 10;
	rig_set_retry(5, 5, 5);
	rig_sink.outcome = HSW_RETRY;
	rig_open();
	rig_append(40, 40);
	for (int i = 0; i < 8; i++) {
		rig_until(prints("\"circuit\":\"open\""));
		size_t before = rig_attempts();
		rig_until(rig_attempts() >= before + 3);
		rig_restart();
		if (i > 0)
			ck_assert_uint_eq(memory_store_dead(), 0);
	}
	for (size_t i = 0; i < rig_attempts(); i++)
		ck_assert_int_le(rig_attempt((int)i)->number, 2);
	rig_sink.outcome = HSW_DELIVERED;
	rig_until(memory_store_retries() == 0 && memory_store_cursor("out") == 40);
	ck_assert(prints("\"circuit\":\"closed\""));
	rig_close();
}
END_TEST

START_TEST(a_start_with_retries_tries_one_at_a_time_until_one_arrives)
{
	rig_sink_conf.probe_interval_ms = 3600000;
	rig_set_retry(50, 50, 50);
	rig_sink.fail_first_attempts_of_seq = 1;
	rig_open();
	rig_append(1, 1);
	rig_until(memory_store_retries() == 1);
	rig_sink.is_async = true;
	rig_restart();
	ck_assert(prints("\"circuit\":\"half-open\""));
	ck_assert(prints("\"state\":\"active\""));
	rig_append(20, 20);
	rig_until(rig_in_flight() == 1);
	rig_for_ms(100);
	ck_assert_uint_eq(rig_in_flight(), 1);
	/* Nothing is known to be down: a failure does not stop it for a probe_interval. */
	rig_finish_in_flight(HSW_RETRY);
	rig_until(rig_in_flight() == 1);
	rig_finish_in_flight(HSW_DELIVERED);
	rig_until(rig_in_flight() > 1);
	ck_assert(prints("\"circuit\":\"closed\""));
	rig_finish_all_as_they_come(21);
	rig_close();
}
END_TEST

UNIT_MAIN_WITH("delivery_pace", rig_reset, memory_store_clear,
	an_overloaded_destination_gets_nothing_until_it_wants,
	what_a_destination_asks_for_is_bounded, other_failures_pause_nobody,
	a_pause_that_nobody_asked_for_is_short, an_open_circuit_does_not_use_up_attempts,
	a_probe_is_one_delivery_and_half_open,
	an_event_that_nobody_takes_does_not_keep_the_circuit_open,
	what_is_down_for_too_long_is_disabled_and_keeps_its_events, a_rate_is_kept,
	what_is_passed_over_does_not_count_for_the_rate,
	an_answer_settles_with_the_policy_of_eazewa,
	an_answer_that_drops_its_event_pauses_all_the_same, what_was_never_sent_is_no_answer,
	no_answer_is_retried_without_end_with_an_endless_schedule,
	skipped_events_are_no_sign_of_life, answers_about_one_event_do_not_open_the_circuit,
	other_answers_open_it, an_event_alone_that_always_gets_500_dies_on_its_schedule,
	it_dies_though_the_daemon_starts_again, the_last_event_of_an_outage_dies_once_it_is_alone,
	an_event_alone_without_an_answer_waits_for_the_destination,
	an_event_that_is_refused_dies_though_the_circuit_is_open,
	an_outage_of_500s_takes_no_event_that_holds_others,
	probes_take_turns_though_one_flies_at_a_time, a_read_that_fails_stops_nothing,
	restarts_during_an_outage_use_up_no_attempts,
	a_start_with_retries_tries_one_at_a_time_until_one_arrives)
