/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the pump: what goes in at one end comes out at the other, and ends are passed on after it. */
#include "unit.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "pump.h"

#define LARGE (4u << 20) /* more than all buffers on the way hold */
#define TURNS_MAX 100000

static struct event_base *base;
static struct pump_list pumps;
static int client, plain; /* the far end's peer, and the end that is handed out */

static void
setup(void)
{
	struct transport far = { .wants_write = false };
	int pair[2];

	base = event_base_new();
	ck_assert_int_eq(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	client = pair[0];
	ck_assert_int_eq(transport_open(&far, pair[1], NULL), 0);
	plain = pump_start(&pumps, base, &far);
	ck_assert_int_ge(plain, 0);
}

static void
teardown(void)
{
	pump_list_close(&pumps);
	ck_assert_ptr_null(pumps.first);
	event_base_free(base);
	if (client >= 0)
		close(client);
	if (plain >= 0)
		close(plain);
}

static void
turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

/* Byte i of a text that shows when something is missing, doubled or out of order. */
static char
byte_at(size_t i)
{
	return (char)(i % 251);
}

static size_t
send_more(int fd, size_t at, size_t end)
{
	char bytes[10000];
	size_t n = end - at < sizeof(bytes) ? end - at : sizeof(bytes);

	for (size_t i = 0; i < n; i++)
		bytes[i] = byte_at(at + i);
	ssize_t sent = n > 0 ? send(fd, bytes, n, MSG_NOSIGNAL) : 0;
	return sent > 0 ? (size_t)sent : 0;
}

/* How many came; *has_ended: the end, too. */
static size_t
take_more(int fd, size_t at, bool *has_ended)
{
	char bytes[7000];
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

	*has_ended = n == 0 || (n < 0 && errno != EAGAIN);
	bool is_good = true;
	for (ssize_t i = 0; i < n; i++)
		is_good &= bytes[i] == byte_at(at + (size_t)i);
	ck_assert(is_good);
	return n > 0 ? (size_t)n : 0;
}

/* All of it is sent at one end, which is closed then, and comes out at the other. */
static void
carry(int *from, int *to)
{
	size_t sent = 0, got = 0;
	bool has_ended = false;

	for (int i = 0; i < TURNS_MAX && !has_ended; i++) {
		sent += *from >= 0 ? send_more(*from, sent, LARGE) : 0;
		if (sent == LARGE && *from >= 0) {
			close(*from);
			*from = -1;
		}
		turn();
		got += take_more(*to, got, &has_ended);
	}
	ck_assert(has_ended);
	ck_assert_uint_eq(got, LARGE);
}

START_TEST(all_that_was_written_leaves_before_the_end)
{
	carry(&plain, &client);
	for (int i = 0; i < TURNS_MAX && pumps.first != NULL; i++) {
		close(client);
		client = -1;
		turn();
	}
	ck_assert_ptr_null(pumps.first);
}
END_TEST

START_TEST(all_that_came_in_is_read_before_the_end)
{
	carry(&client, &plain);
	close(plain);
	plain = -1;
	for (int i = 0; i < TURNS_MAX && pumps.first != NULL; i++)
		turn();
	ck_assert_ptr_null(pumps.first);
}
END_TEST

START_TEST(both_directions_go_on_at_once)
{
	size_t sent[2] = { 0 }, got[2] = { 0 };
	bool has_ended;

	for (int i = 0; i < TURNS_MAX && got[0] + got[1] < 2 * LARGE; i++) {
		sent[0] += send_more(client, sent[0], LARGE);
		sent[1] += send_more(plain, sent[1], LARGE);
		turn();
		got[0] += take_more(plain, got[0], &has_ended);
		got[1] += take_more(client, got[1], &has_ended);
	}
	ck_assert_uint_eq(got[0], LARGE);
	ck_assert_uint_eq(got[1], LARGE);
}
END_TEST

START_TEST(who_does_not_read_holds_up_the_other)
{
	size_t sent = 0, got = 0;
	int idle = 0;
	bool has_ended;

	while (idle < 100) {
		size_t n = send_more(client, sent, LARGE);
		sent += n;
		idle = n == 0 ? idle + 1 : 0;
		turn();
	}
	ck_assert_uint_lt(sent, LARGE);
	for (int i = 0; i < TURNS_MAX && got < LARGE; i++) {
		got += take_more(plain, got, &has_ended);
		turn();
		sent += send_more(client, sent, LARGE);
	}
	ck_assert_uint_eq(got, LARGE);
}
END_TEST

START_TEST(a_client_that_half_closes_still_gets_its_answer)
{
	char byte;
	bool has_ended = false;

	shutdown(client, SHUT_WR);
	for (int i = 0; i < TURNS_MAX && !has_ended; i++) {
		turn();
		take_more(plain, 0, &has_ended);
	}
	ck_assert(has_ended);
	ck_assert_int_eq(send(plain, "x", 1, MSG_NOSIGNAL), 1);
	ssize_t n = -1;
	for (int i = 0; i < TURNS_MAX && n < 0; i++) {
		turn();
		n = recv(client, &byte, 1, 0);
	}
	ck_assert_int_eq(n, 1);
	ck_assert_int_eq(byte, 'x');
}
END_TEST

START_TEST(what_a_client_that_is_gone_does_not_get_ends_the_pump)
{
	size_t sent = 0;

	close(client);
	client = -1;
	for (int i = 0; i < 100; i++) {
		sent += send_more(plain, sent, LARGE);
		turn();
	}
	close(plain);
	plain = -1;
	for (int i = 0; i < TURNS_MAX && pumps.first != NULL; i++)
		turn();
	ck_assert_ptr_null(pumps.first);
}
END_TEST

START_TEST(closing_the_list_ends_pumps_that_hold_bytes)
{
	size_t sent = 0;
	char byte;

	for (int i = 0; i < 100; i++) {
		sent += send_more(client, sent, LARGE);
		turn();
	}
	ck_assert_ptr_nonnull(pumps.first);
	pump_list_close(&pumps);
	ck_assert_ptr_null(pumps.first);
	ck_assert_int_eq(send(client, "x", 1, MSG_NOSIGNAL), -1);
	while (recv(plain, &byte, 1, 0) == 1)
		;
	ck_assert_int_eq(recv(plain, &byte, 1, 0), 0);
}
END_TEST

UNIT_MAIN_WITH("pump", setup, teardown, all_that_was_written_leaves_before_the_end,
	all_that_came_in_is_read_before_the_end, both_directions_go_on_at_once,
	who_does_not_read_holds_up_the_other, a_client_that_half_closes_still_gets_its_answer,
	what_a_client_that_is_gone_does_not_get_ends_the_pump,
	closing_the_list_ends_pumps_that_hold_bytes)
