/* SPDX-License-Identifier: Apache-2.0 */
/* test_sink_websocket.c - sink-websocket alone: frames, rooms, slow clients, the end. */
#include "websocket_rig.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "unit.h"

enum { TEXT = 1, CLOSE = 8, PING = 9, PONG = 10 };

static unsigned
close_code(struct peer_frame f)
{
	ck_assert_uint_eq(f.opcode, CLOSE);
	ck_assert_uint_ge(f.len, 2);
	return (unsigned char)f.text[0] << 8 | (unsigned char)f.text[1];
}

static void
expect_numbers(struct hsw_handle *h, const struct peer *p, int from, int to)
{
	for (int i = from; i <= to; i++) {
		struct peer_frame f = peer_wait(h, p);
		ck_assert_uint_eq(f.opcode, TEXT);
		ck_assert_int_eq(atoi(f.text), i);
	}
}

static void
expect_nothing(struct hsw_handle *h, const struct peer *p)
{
	struct peer_frame f;

	settle(h);
	ck_assert(!peer_frame_next(p, &f));
}

static void
finish(struct hsw_handle *h, struct peer *p)
{
	fake_close(h);
	ck_assert_uint_eq(p->released, 1);
}

START_TEST(frames_of_any_length_have_the_shortest_head)
{
	static const size_t sizes[] = { 1, 125, 126, 127, 65535, 65536, 150000 };
	struct hsw_handle *h = OPEN_WS(NULL);
	struct peer *p = peer_new(h, "sales", NULL, 0);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *text = malloc(sizes[i] + 1);
		memset(text, 'x', sizes[i]);
		text[sizes[i]] = '\0';
		say(h, "sales", text);
		fake_run(h, 10);
		struct peer_frame f = peer_wait(h, p);
		ck_assert_uint_eq(f.len, sizes[i]);
		ck_assert_str_eq(f.text, text);
		free(text);
	}
	finish(h, p);
}
END_TEST

START_TEST(pieces_of_parts_that_are_not_wanted_stay_away)
{
	static const struct fake_piece pieces[] = { { "{\"a\":1", 6, 0 },
		{ ",\"base64\":\"x\"", 13, HSW_MEDIA }, { ",\"token\":\"t\"", 12, HSW_TOKEN },
		{ "}", 1, 0 } };
	const struct hsw_envelope *e = fake_envelope_new(
		&(struct fake_event){ .instance = "sales", .pieces = pieces, .count = 4 });
	struct hsw_handle *h = OPEN_WS(NULL);
	struct peer *p = peer_new(h, "sales", NULL, 0);

	fake_broadcast(h, e, 0);
	fake_broadcast(h, e, HSW_MEDIA | HSW_TOKEN);
	fake_unref(e);
	ck_assert_str_eq(peer_wait(h, p).text, "{\"a\":1}");
	ck_assert_str_eq(peer_wait(h, p).text, "{\"a\":1,\"base64\":\"x\",\"token\":\"t\"}");
	finish(h, p);
}
END_TEST

START_TEST(an_event_goes_to_clients_of_its_instance_only)
{
	struct hsw_handle *h = OPEN_WS(NULL);
	struct peer *a = peer_new(h, "sales", NULL, 0), *b = peer_new(h, "sale", NULL, 0);

	say_numbers(h, "sales", 1, 1);
	say_numbers(h, "sale", 2, 2);
	say_numbers(h, "nobody", 3, 3);
	expect_numbers(h, a, 1, 1);
	expect_numbers(h, b, 2, 2);
	expect_nothing(h, a);
	expect_nothing(h, b);
	ck_assert_int_eq(fake_counted(h, "messages"), 2);
	peer_hang_up(b);
	settle(h);
	ck_assert_uint_eq(b->released, 1);
	finish(h, a);
}
END_TEST

START_TEST(events_of_one_turn_go_out_with_one_call_each)
{
	struct hsw_handle *h = OPEN_WS(NULL);
	struct peer *peers[5];

	for (int i = 0; i < 5; i++)
		peers[i] = peer_new(h, "sales", NULL, 0);
	say_numbers(h, "sales", 1, 50);
	settle(h);
	ck_assert_uint_eq(send_rule.calls, 5);
	for (int i = 0; i < 5; i++)
		expect_numbers(h, peers[i], 1, 50);
	fake_close(h);
}
END_TEST

START_TEST(more_events_than_a_call_takes_come_in_order)
{
	struct hsw_handle *h = OPEN_WS(NULL);
	struct peer *p = peer_new(h, "sales", NULL, 0);

	say_numbers(h, "sales", 1, 3000);
	expect_numbers(h, p, 1, 3000);
	expect_nothing(h, p);
	finish(h, p);
}
END_TEST

/* Each boundary between the pieces of frames and control frames is hit, and PINGs come at each. */
START_TEST(short_writes_cut_no_frame)
{
	static const size_t steps[] = { 1, 2, 3, 7, 11 };
	struct peer_frame f;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct hsw_handle *h = OPEN_WS(NULL);
		struct peer *p = peer_new(h, "sales", NULL, 0);
		int numbers = 0, pings = 0, pongs = 0;

		send_rule.at_most = steps[i];
		say_numbers(h, "sales", 1, 40);
		for (int turn = 0; numbers < 40 || pongs < pings; turn++) {
			ck_assert_int_lt(turn, 5000);
			if (numbers < 40 && pings == pongs && turn % 7 == 0 && ++pings > 0)
				peer_send_frame(p, PING, "are you there?");
			event_base_loop(fake_base(h), EVLOOP_ONCE);
			while (peer_has_frame(p) && peer_frame_next(p, &f)) {
				if (f.opcode == PONG && ++pongs > 0)
					ck_assert_str_eq(f.text, "are you there?");
				else
					ck_assert_int_eq(atoi(f.text), ++numbers);
			}
		}
		ck_assert_int_eq(pongs, pings);
		finish(h, p);
	}
}
END_TEST

START_TEST(a_new_client_gets_nothing_of_before)
{
	struct hsw_handle *h = OPEN_WS(NULL);
	struct peer *old = peer_new(h, "sales", NULL, 0);

	say_numbers(h, "sales", 1, 1);
	struct peer *p = peer_new(h, "sales", NULL, 0);
	say_numbers(h, "sales", 2, 2);
	expect_numbers(h, p, 2, 2);
	expect_numbers(h, old, 1, 2);
	finish(h, p);
}
END_TEST

START_TEST(as_many_events_may_wait_as_queue_says)
{
	struct hsw_handle *h = OPEN_WS("queue", "256");
	struct peer *slow = peer_new(h, "sales", NULL, 0), *fast = peer_new(h, "sales", NULL, 0);

	send_rule.stuck_fd = slow->sink_fd;
	say_numbers(h, "sales", 1, 256);
	settle(h);
	ck_assert_int_eq(fake_counted(h, "dropped"), 0);
	send_rule.stuck_fd = 0;
	expect_numbers(h, slow, 1, 256);
	send_rule.stuck_fd = slow->sink_fd;
	say_numbers(h, "sales", 257, 513);
	settle(h);
	ck_assert_int_eq(fake_counted(h, "dropped"), 1);
	expect_numbers(h, fast, 1, 513);
	send_rule.stuck_fd = 0;
	ck_assert_uint_eq(close_code(peer_wait(h, slow)), 1008);
	say_numbers(h, "sales", 514, 514);
	expect_numbers(h, fast, 514, 514);
	ck_assert(peer_is_ended(slow));
	finish(h, fast);
}
END_TEST

START_TEST(a_frame_that_is_begun_is_ended_before_the_close)
{
	struct hsw_handle *h = OPEN_WS("queue", "3");
	struct peer *p = peer_new(h, "sales", NULL, 0);

	send_rule.stuck_fd = p->sink_fd;
	send_rule.stuck_at = 4;
	say(h, "sales", "1 and some more");
	settle(h);
	say_numbers(h, "sales", 2, 4);
	settle(h);
	ck_assert_int_eq(fake_counted(h, "dropped"), 1);
	send_rule.stuck_fd = 0;
	settle(h);
	ck_assert_str_eq(peer_wait(h, p).text, "1 and some more");
	ck_assert_uint_eq(close_code(peer_wait(h, p)), 1008);
	finish(h, p);
}
END_TEST

START_TEST(so_many_bytes_may_wait_as_queue_bytes_says)
{
	struct hsw_handle *h = OPEN_WS("queue_bytes", "4k");
	struct peer *p = peer_new(h, "sales", NULL, 0);
	char text[6001];

	memset(text, '7', sizeof(text));
	text[6000] = '\0';
	send_rule.stuck_fd = p->sink_fd;
	say(h, "sales", text);
	settle(h);
	ck_assert_int_eq(fake_counted(h, "dropped"), 0);
	send_rule.stuck_fd = 0;
	ck_assert_uint_eq(peer_wait(h, p).len, 6000);
	send_rule.stuck_fd = p->sink_fd;
	text[2000] = '\0';
	say(h, "sales", text);
	say(h, "sales", text);
	settle(h);
	ck_assert_int_eq(fake_counted(h, "dropped"), 0);
	say(h, "sales", text);
	settle(h);
	ck_assert_int_eq(fake_counted(h, "dropped"), 1);
	finish(h, p);
}
END_TEST

/* A burst in one turn is no reason: the client had no chance to take it. */
START_TEST(a_client_that_can_take_a_burst_is_not_dropped)
{
	struct hsw_handle *h = OPEN_WS("queue", "4");
	struct peer *p = peer_new(h, "sales", NULL, 0);
	char text[22001];

	memset(text, 'x', sizeof(text));
	text[22000] = '\0';
	send_rule.stuck_fd = p->sink_fd;
	say(h, "sales", "first");
	settle(h);
	send_rule.stuck_fd = 0;
	for (int i = 0; i < 7; i++)
		say(h, "sales", text); /* more than is kept until the turn's end */
	ck_assert_str_eq(peer_wait(h, p).text, "first");
	for (int i = 0; i < 7; i++)
		ck_assert_uint_eq(peer_wait(h, p).len, 22000);
	expect_nothing(h, p);
	ck_assert_int_eq(fake_counted(h, "dropped"), 0);
	finish(h, p);
}
END_TEST

START_TEST(events_come_behind_a_pong_that_waits)
{
	struct hsw_handle *h = OPEN_WS(NULL);
	struct peer *p = peer_new(h, "sales", NULL, 0);

	send_rule.stuck_fd = p->sink_fd;
	peer_send_frame(p, PING, "x");
	settle(h);
	say_numbers(h, "sales", 1, 2);
	settle(h);
	say_numbers(h, "sales", 3, 3);
	settle(h);
	send_rule.stuck_fd = 0;
	ck_assert_uint_eq(peer_wait(h, p).opcode, PONG);
	expect_numbers(h, p, 1, 3);
	expect_nothing(h, p);
	finish(h, p);
}
END_TEST

START_TEST(a_connection_that_breaks_harms_no_other)
{
	struct hsw_handle *h = OPEN_WS(NULL);
	struct peer *a = peer_new(h, "sales", NULL, 0), *b = peer_new(h, "sales", NULL, 0),
		    *c = peer_new(h, "sales", NULL, 0);

	send_rule.broken_fd = b->sink_fd;
	say_numbers(h, "sales", 1, 3);
	expect_numbers(h, a, 1, 3);
	expect_numbers(h, c, 1, 3);
	ck_assert_uint_eq(b->released, 1);
	send_rule.broken_fd = 0;
	peer_hang_up(a);
	say_numbers(h, "sales", 4, 4);
	expect_numbers(h, c, 4, 4);
	ck_assert_uint_eq(a->released, 1);
	finish(h, c);
}
END_TEST

START_TEST(what_came_with_the_request_is_read)
{
	static const char early[] = "\x89\x81\0\0\0\0A\x89\x81\0\0\0\0B\x89";
	struct hsw_handle *h = OPEN_WS(NULL);
	struct peer *p = peer_new(h, "sales", early, sizeof(early) - 1);

	ck_assert_str_eq(peer_wait(h, p).text, "A");
	ck_assert_str_eq(peer_wait(h, p).text, "B");
	peer_send(p, "\x81\0\0\0\0C", 6);
	ck_assert_str_eq(peer_wait(h, p).text, "C");
	finish(h, p);
}
END_TEST

START_TEST(fragments_may_come_one_by_one)
{
	struct hsw_handle *h = OPEN_WS(NULL);
	struct peer *p = peer_new(h, "sales", "\x01\x81\0\0\0\0a", 7);

	settle(h);
	peer_send(p, "\x00\x81\0\0\0\0b", 7);
	settle(h);
	peer_send(p, "\x80\x81\0\0\0\0c", 7);
	peer_send_frame(p, PING, "d");
	ck_assert_uint_eq(peer_wait(h, p).opcode, PONG);
	finish(h, p);
}
END_TEST

/* A client may have been sent away by what came early: then it is released, but was adopted. */
START_TEST(an_early_close_is_answered)
{
	struct hsw_handle *h = OPEN_WS(NULL);
	struct peer *p = peer_new(h, "sales", "\x88\x82\0\0\0\0\x03\xe8", 8);

	ck_assert_uint_eq(p->released, 1);
	ck_assert_uint_eq(close_code(peer_wait(h, p)), 1000);
	say_numbers(h, "sales", 1, 1);
	settle(h);
	finish(h, p);
}
END_TEST

START_TEST(pings_come_and_silence_ends_it)
{
	struct hsw_handle *h = OPEN_WS("heartbeat", "50ms", "pong_timeout", "120ms");
	struct peer *alive = peer_new(h, "sales", NULL, 0), *silent = peer_new(h, "sales", NULL, 0);

	for (int i = 0; i < 6; i++) {
		struct peer_frame f = peer_wait(h, alive);
		ck_assert_uint_eq(f.opcode, PING);
		peer_send_frame(alive, PONG, "");
	}
	ck_assert_uint_eq(peer_wait(h, silent).opcode, PING);
	struct peer_frame f = peer_wait(h, silent);
	while (f.opcode == PING)
		f = peer_wait(h, silent);
	ck_assert_uint_eq(close_code(f), 1008);
	ck_assert_int_eq(fake_counted(h, "dropped"), 1);
	say_numbers(h, "sales", 1, 1);
	f = peer_wait(h, alive);
	while (f.opcode == PING)
		f = peer_wait(h, alive);
	ck_assert_str_eq(f.text, "1");
	finish(h, alive);
}
END_TEST

/* A machine that is suspended or overloaded: the client could not say anything in that time. */
START_TEST(nobody_is_sent_away_because_the_daemon_stood_still)
{
	struct hsw_handle *h = OPEN_WS("heartbeat", "500ms", "pong_timeout", "1s");
	struct peer *p = peer_new(h, "sales", NULL, 0);

	for (int i = 0; i < 2; i++) {
		usleep(1500 * 1000);
		ck_assert_uint_eq(peer_wait(h, p).opcode, PING);
		peer_send_frame(p, PONG, "");
	}
	ck_assert_int_eq(fake_counted(h, "dropped"), 0);
	finish(h, p);
}
END_TEST

START_TEST(who_does_not_end_after_the_close_is_ended)
{
	struct hsw_handle *h = OPEN_WS("close_timeout", "50ms");
	struct peer *p = peer_new(h, "sales", NULL, 0);

	say_numbers(h, "sales", 1, 2);
	fake_drain(h);
	expect_numbers(h, p, 1, 2);
	ck_assert_uint_eq(close_code(peer_wait(h, p)), 1001);
	ck_assert(peer_is_ended(p));
	peer_send_frame(p, TEXT, "still here");
	for (int i = 0; i < 5000 && p->released == 0; i++)
		fake_run(h, 1);
	finish(h, p);
}
END_TEST

START_TEST(nobody_is_taken_while_it_stops)
{
	struct hsw_handle *h = OPEN_WS(NULL);
	const struct hsw_conn conn = { .size = sizeof(conn), .fd = 0, .instance = { "sales", 5 } };

	fake_drain(h);
	ck_assert_int_eq(fake_adopt(h, &conn), HSW_ECLOSED);
	fake_close(h);
}
END_TEST

START_TEST(tls_is_not_spoken)
{
	struct hsw_handle *h = OPEN_WS(NULL);
	const struct hsw_conn conn = {
		.size = sizeof(conn), .fd = 0, .instance = { "sales", 5 }, .tls = h
	};

	ck_assert_int_eq(fake_adopt(h, &conn), HSW_ENOTSUP);
	fake_close(h);
}
END_TEST

START_TEST(clients_of_a_deleted_instance_are_told)
{
	struct hsw_handle *h = OPEN_WS(NULL);
	struct peer *gone = peer_new(h, "sales", NULL, 0), *kept = peer_new(h, "support", NULL, 0);

	say_numbers(h, "sales", 1, 1);
	fake_dismiss(h, "sales");
	fake_dismiss(h, "nobody");
	expect_numbers(h, gone, 1, 1);
	ck_assert_uint_eq(close_code(peer_wait(h, gone)), 1001);
	say_numbers(h, "support", 2, 2);
	expect_numbers(h, kept, 2, 2);
	settle(h);
	finish(h, kept);
}
END_TEST

START_TEST(clients_are_expelled_by_what_they_came_with)
{
	struct hsw_handle *h = OPEN_WS(NULL);
	struct peer *own = peer_new(h, "sales", NULL, 0);
	struct peer *account = peer_of_account(h, "sales"), *other = peer_of_account(h, "support");

	say_numbers(h, "sales", 1, 1);
	fake_expel(h, NULL, HSW_CONN_ACCOUNT, "the account token was changed");
	say_numbers(h, "sales", 2, 2);
	say_numbers(h, "support", 3, 3);
	expect_numbers(h, account, 1, 1);
	struct peer_frame bye = peer_wait(h, account);
	ck_assert_uint_eq(close_code(bye), 1001);
	ck_assert_str_eq(bye.text + 2, "the account token was changed");
	ck_assert_uint_eq(close_code(peer_wait(h, other)), 1001);
	expect_numbers(h, own, 1, 2);
	fake_expel(h, "nobody", 0, "");
	fake_expel(h, "sales", 0, "the token was changed");
	bye = peer_wait(h, own);
	ck_assert_uint_eq(close_code(bye), 1001);
	ck_assert_str_eq(bye.text + 2, "the token was changed");
	fake_close(h);
}
END_TEST

/* With all it has ever said: a text, half a message that is ended, a PONG. */
START_TEST(an_idle_client_is_small)
{
	enum { CLIENTS = 400 };
	struct rlimit files = { 4096, 4096 };
	struct hsw_handle *h = OPEN_WS(NULL);
	struct peer *peers[CLIENTS];

	setrlimit(RLIMIT_NOFILE, &files);
	peer_hang_up(peer_new(h, "sales", NULL, 0));
	settle(h);
	size_t before = mallinfo2().uordblks;
	for (int i = 0; i < CLIENTS; i++) {
		peers[i] = peer_new(h, "sales", NULL, 0);
		peer_send_frame(peers[i], TEXT, "hello");
		peer_send(peers[i], "\x01\x81\0\0\0\0a\x80\x81\0\0\0\0b", 14);
		peer_send_frame(peers[i], PONG, "");
	}
	say_numbers(h, "sales", 1, 10);
	settle(h);
	ck_assert_uint_lt((mallinfo2().uordblks - before) / CLIENTS, 1024);
	fake_close(h);
}
END_TEST

/* One client's PINGs and events, the n-th allocation failing. Returns whether everything came. */
static bool
all_comes_without(struct hsw_handle *h, unsigned n)
{
	struct peer_frame f;
	unsigned numbers = 0, pongs = 0;

	fail_alloc = n;
	struct peer *p = peer_try(h, "sales", "\x89\x81\0\0\0\0A", 7);
	say_numbers(h, "sales", 1, 2);
	if (p != NULL && p->released == 0)
		peer_send_frame(p, PING, "x");
	settle(h);
	while (p != NULL && peer_frame_next(p, &f)) {
		numbers += f.opcode == TEXT;
		pongs += f.opcode == PONG;
		ck_assert(f.opcode != CLOSE || close_code(f) == 1011);
	}
	return numbers == 2 && pongs == 2;
}

/* Whatever cannot be had costs at most the client or the event that needed it. */
START_TEST(allocations_that_fail_harm_no_other)
{
	bool is_whole = !can_fail_alloc;

	for (unsigned n = 1; !is_whole; n++) {
		struct hsw_handle *h = OPEN_WS(NULL);
		struct peer *other = peer_new(h, "support", NULL, 0);
		is_whole = all_comes_without(h, n);
		ck_assert_msg(is_whole == (fail_alloc > 0), "allocation %u", n);
		ck_assert(!is_whole || n > 5);
		fail_alloc = 0;
		say_numbers(h, "support", 1, 2);
		expect_numbers(h, other, 1, 2);
		finish(h, other);
	}
}
END_TEST

START_TEST(a_pong_timeout_below_the_heartbeat_is_refused)
{
	static const char *const options[] = { "heartbeat", "60s", "pong_timeout", "60s", NULL };
	struct hsw_error err = { "" };

	ck_assert_ptr_null(fake_open("sink-websocket", options, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "pong_timeout"));
}
END_TEST

UNIT_MAIN_WITH("sink-websocket", NULL, peers_free, frames_of_any_length_have_the_shortest_head,
	pieces_of_parts_that_are_not_wanted_stay_away,
	an_event_goes_to_clients_of_its_instance_only, events_of_one_turn_go_out_with_one_call_each,
	more_events_than_a_call_takes_come_in_order, short_writes_cut_no_frame,
	a_new_client_gets_nothing_of_before, as_many_events_may_wait_as_queue_says,
	a_frame_that_is_begun_is_ended_before_the_close, so_many_bytes_may_wait_as_queue_bytes_says,
	a_client_that_can_take_a_burst_is_not_dropped, events_come_behind_a_pong_that_waits,
	a_connection_that_breaks_harms_no_other, what_came_with_the_request_is_read,
	fragments_may_come_one_by_one, an_early_close_is_answered, pings_come_and_silence_ends_it,
	nobody_is_sent_away_because_the_daemon_stood_still,
	who_does_not_end_after_the_close_is_ended, nobody_is_taken_while_it_stops,
	tls_is_not_spoken, clients_of_a_deleted_instance_are_told,
	clients_are_expelled_by_what_they_came_with, an_idle_client_is_small,
	allocations_that_fail_harm_no_other, a_pong_timeout_below_the_heartbeat_is_refused)
