/* SPDX-License-Identifier: Apache-2.0 */
/* How nodes share destinations, with a table in memory in the place of PostgreSQL's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "plugins/store-postgres/share.h"
#include "unit.h"

#define NODES_MAX 4
#define SINKS_MAX 12
#define ROUNDS 20
#define ADOPT_MS 3000
#define ROUND_MS 500

static const char *const node_names[NODES_MAX] = { "a", "b", "c", "d" };
static struct share nodes[NODES_MAX];
static bool is_there[NODES_MAX];
static bool wants[NODES_MAX][SINKS_MAX];
static int owners[SINKS_MAX]; /* -1: nobody */
static int n_sinks, moves;
static int64_t now_ms;

static struct hsw_str
sink_name(int i)
{
	static char names[SINKS_MAX][16];

	snprintf(names[i], sizeof(names[i]), "s%02d", i);
	return (struct hsw_str){ names[i], strlen(names[i]) };
}

static void
tell_wants(int node)
{
	struct hsw_str names[SINKS_MAX];
	size_t n = 0;

	for (int i = 0; i < n_sinks; i++) {
		if (wants[node][i])
			names[n++] = sink_name(i);
	}
	ck_assert(share_want(&nodes[node], names, n));
}

static void
come(int node)
{
	share_init(&nodes[node], node_names[node]);
	is_there[node] = true;
	tell_wants(node);
}

static void
go(int node)
{
	is_there[node] = false;
	share_fini(&nodes[node]);
}

static int64_t
count_rivals(int sink)
{
	int64_t n = 0;

	for (int i = 0; i < NODES_MAX; i++)
		n += is_there[i] && !nodes[i].is_retiring && wants[i][sink];
	return n;
}

static int64_t
count_held(int node, bool shared_only)
{
	int64_t n = 0;

	for (int i = 0; i < n_sinks; i++)
		n += owners[i] == node && (!shared_only || count_rivals(i) > 1);
	return n;
}

static bool
look(int node)
{
	struct share *s = &nodes[node];

	share_begin(s);
	for (int i = 0; i < NODES_MAX; i++) {
		if (is_there[i] && !nodes[i].is_retiring)
			share_peer(s, (struct hsw_str){ node_names[i], 1 }, count_held(i, true));
	}
	for (int i = 0; i < n_sinks; i++) {
		int owner = owners[i];
		const struct share_row row = { sink_name(i),
			{ owner >= 0 ? node_names[owner] : "", owner >= 0 }, i + 1, 0,
			count_rivals(i) - 1, owner >= 0 && is_there[owner] };
		if (wants[node][i])
			share_row(s, &row);
	}
	return share_end(s, now_ms, ADOPT_MS);
}

/* What node.c and the daemon do of it. */
static void
take_part(int node)
{
	struct share *s = &nodes[node];

	for (size_t i = 0; i < s->n; i++) {
		struct share_item *item = s->items[i];
		if (item->state != SHARE_RELEASED)
			continue;
		item->is_told = true;
		owners[item->id - 1] = -1;
	}
	if (look(node)) {
		for (size_t i = 0; i < s->n; i++) {
			int *owner = &owners[s->items[i]->id - 1];
			if (!s->items[i]->is_due || (*owner >= 0 && is_there[*owner]))
				continue;
			*owner = node;
			moves++;
		}
		look(node);
	}
	for (size_t i = 0; i < s->n; i++) {
		if (s->items[i]->state == SHARE_ENDING)
			share_release(s, s->items[i]->name);
	}
}

static void
run(void)
{
	for (int round = 0; round < ROUNDS; round++) {
		now_ms += ROUND_MS;
		for (int i = 0; i < NODES_MAX; i++) {
			if (is_there[i])
				take_part(i);
		}
	}
}

static void
set_up(int sinks)
{
	n_sinks = sinks;
	now_ms = 1;
	moves = 0;
	for (int i = 0; i < SINKS_MAX; i++)
		owners[i] = -1;
	for (int n = 0; n < NODES_MAX; n++) {
		is_there[n] = false;
		for (int i = 0; i < SINKS_MAX; i++)
			wants[n][i] = i < sinks;
	}
}

static void
tear_down(void)
{
	for (int i = 0; i < NODES_MAX; i++) {
		if (is_there[i])
			go(i);
	}
}

static void
check_even(void)
{
	int64_t most = 0, least = SINKS_MAX;

	for (int i = 0; i < NODES_MAX; i++) {
		int64_t held = count_held(i, false);
		ck_assert(is_there[i] || held == 0);
		if (is_there[i] && held > most)
			most = held;
		if (is_there[i] && held < least)
			least = held;
	}
	ck_assert_int_le(most - least, 1);
	for (int i = 0; i < n_sinks; i++)
		ck_assert_int_ge(owners[i], 0);
}

START_TEST(any_number_of_sinks_is_shared_evenly_as_nodes_come_and_go)
{
	for (int sinks = 1; sinks <= SINKS_MAX; sinks++) {
		set_up(sinks);
		for (int node = 0; node < NODES_MAX; node++) {
			come(node);
			run();
			check_even();
		}
		for (int node = 0; node < NODES_MAX - 1; node++) {
			go(node);
			run();
			check_even();
		}
		tear_down();
	}
}
END_TEST

START_TEST(what_is_even_stays_where_it_is)
{
	set_up(7);
	for (int node = 0; node < 3; node++)
		come(node);
	run();
	check_even();
	moves = 0;
	run();
	ck_assert_int_eq(moves, 0);
	tear_down();
}
END_TEST

START_TEST(a_node_that_comes_takes_no_more_than_its_part)
{
	set_up(12);
	for (int node = 0; node < 3; node++)
		come(node);
	run();
	moves = 0;
	come(3);
	run();
	check_even();
	ck_assert_int_eq(moves, 3);
	tear_down();
}
END_TEST

START_TEST(a_sink_that_one_node_alone_knows_is_served_there)
{
	set_up(6);
	for (int node = 0; node < 3; node++) {
		for (int i = 0; i < 3; i++)
			wants[node][i] = node == 0;
	}
	for (int node = 0; node < 3; node++)
		come(node);
	run();
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(owners[i], 0);
	/* They do not count against the node that has to have them. */
	for (int node = 0; node < 3; node++)
		ck_assert_int_eq(count_held(node, true), 1);
	tear_down();
}
END_TEST

START_TEST(nodes_that_know_different_sinks_leave_none_out_and_come_to_rest)
{
	set_up(6);
	for (int i = 0; i < 6; i++) {
		wants[0][i] = i < 4;
		wants[1][i] = i >= 2;
		wants[2][i] = i % 2 == 0;
	}
	for (int node = 0; node < 3; node++)
		come(node);
	run();
	for (int i = 0; i < 6; i++)
		ck_assert(owners[i] >= 0 && wants[owners[i]][i]);
	moves = 0;
	run();
	ck_assert_int_eq(moves, 0);
	tear_down();
}
END_TEST

START_TEST(what_another_node_took_is_lost_until_it_was_released)
{
	set_up(1);
	come(0);
	come(1);
	run();
	ck_assert_int_eq(owners[0], 0);
	ck_assert_int_eq(share_claim(&nodes[0], 0).state, HSW_CLAIM_HELD);
	owners[0] = 1;
	look(0);
	ck_assert(share_has_lost(&nodes[0]));
	ck_assert_int_eq(share_claim(&nodes[0], 0).state, HSW_CLAIM_ENDING);
	/* Also when it comes back meanwhile: what is in memory is out of date. */
	owners[0] = 0;
	look(0);
	ck_assert(share_has_lost(&nodes[0]));
	share_release(&nodes[0], sink_name(0));
	ck_assert(!share_has_lost(&nodes[0]));
	ck_assert_int_eq(share_claim(&nodes[0], 0).state, HSW_CLAIM_OTHER);
	tear_down();
}
END_TEST

START_TEST(a_node_that_retires_gives_all_to_the_others_at_once)
{
	set_up(9);
	for (int node = 0; node < 3; node++)
		come(node);
	run();
	check_even();
	share_retire(&nodes[1]);
	/* No time passes: nothing is left to be adopted. */
	for (int round = 0; round < 4; round++) {
		for (int node = 0; node < 3; node++)
			take_part(node);
	}
	ck_assert_int_eq(count_held(1, false), 0);
	ck_assert_int_eq(count_held(0, false) + count_held(2, false), 9);
	ck_assert_int_le(llabs(count_held(0, false) - count_held(2, false)), 1);
	tear_down();
}
END_TEST

UNIT_MAIN("share", any_number_of_sinks_is_shared_evenly_as_nodes_come_and_go,
	what_is_even_stays_where_it_is, a_node_that_comes_takes_no_more_than_its_part,
	a_sink_that_one_node_alone_knows_is_served_there,
	nodes_that_know_different_sinks_leave_none_out_and_come_to_rest,
	what_another_node_took_is_lost_until_it_was_released,
	a_node_that_retires_gives_all_to_the_others_at_once)
