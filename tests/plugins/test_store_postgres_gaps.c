/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_store_postgres_gaps.c - what store-postgres tells of a log whose seqs were passed over when another server
 * took over. Run by store_postgres.sh, which starts a server: PGTEST_DSN.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../plugins/store-postgres/node.h"
#include "unit.h"

#define EVENT_BYTES 1000
#define MILLION INT64_C(1000000)

#define assert_ok(call) ck_assert_msg((call) == HSW_OK, "%s: %s", #call, error.text)

static struct hsw_error error;
static struct postgres_conf conf;
static struct postgres_store *store;
static PGconn *admin;
static char schema[64];

static const char *
sql(const char *text)
{
	static char value[100];
	PGresult *r = PQexec(admin, text);
	ExecStatusType status = PQresultStatus(r);

	ck_assert_msg(status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK, "%s: %s", text,
		PQerrorMessage(admin));
	snprintf(value, sizeof(value), "%s", PQntuples(r) > 0 ? PQgetvalue(r, 0, 0) : "");
	PQclear(r);
	return value;
}

static void
ignore_log(struct hsw_handle *handle, int level, const char *fmt, ...)
{
	(void)handle;
	(void)level;
	(void)fmt;
}

static void
open_store(void)
{
	static const struct hsw_host host = { .size = sizeof(host), .log = ignore_log };

	assert_ok(postgres_open(&host, NULL, &conf, true, &store, &error));
}

static void
start(void)
{
	char text[200];

	snprintf(schema, sizeof(schema), "gaps%d_%lld", (int)getpid(), (long long)session_now_ms());
	conf = (struct postgres_conf){ getenv("PGTEST_DSN"), schema, "a", 10000 };
	open_store();
	admin = PQconnectdb(conf.dsn);
	ck_assert_int_eq(PQstatus(admin), CONNECTION_OK);
	snprintf(text, sizeof(text), "SET search_path = %s", schema);
	sql(text);
}

static void
end(void)
{
	postgres_close(store);
	PQfinish(admin);
}

static int64_t
append(size_t n)
{
	static const char body[EVENT_BYTES];
	int64_t seq = 0;

	for (size_t i = 0; i < n; i++) {
		struct hsw_store_event e = { .received_ms = 1, .body = { body, sizeof(body) } };
		struct hsw_write w = { .kind = HSW_WRITE_EVENT, .event = &e }, *batch[] = { &w };
		assert_ok(store_commit(store, batch, 1, &error));
		seq = e.seq;
	}
	return seq;
}

/* The server that comes next has nothing of the events up to seq. */
static void
take_over_without(int64_t seq)
{
	struct hsw_store_stats stats;

	store->last_seq = seq;
	store->connect_at = 0;
	session_drop(store);
	assert_ok(store_stats(store, &stats, &error));
	ck_assert_int_ge(stats.last_seq, seq);
}

static int
add_gap(void *arg, int64_t after, int64_t upto)
{
	char *text = arg;
	size_t len = strlen(text);

	snprintf(text + len, 200 - len, "%s%lld-%lld", len > 0 ? " " : "", (long long)after,
		(long long)upto);
	return HSW_OK;
}

static const char *
gaps(void)
{
	static char text[200];

	text[0] = '\0';
	assert_ok(store_gaps(store, add_gap, text, &error));
	return text;
}

static struct hsw_store_usage
usage(void)
{
	struct hsw_store_usage u;

	store->usage = (struct usage){ 0 };
	assert_ok(store_usage(store, &u, &error));
	return u;
}

static int64_t
events(void)
{
	struct hsw_store_stats stats;

	assert_ok(store_stats(store, &stats, &error));
	return stats.events;
}

START_TEST(what_was_passed_over_is_no_event)
{
	append(30);
	ck_assert_str_eq(gaps(), "");
	int64_t before = usage().bytes;
	ck_assert_int_gt(before, 30 * EVENT_BYTES);
	ck_assert_int_lt(before, 60 * EVENT_BYTES);
	take_over_without(3 * MILLION);
	ck_assert_int_eq(events(), 30);
	ck_assert_int_eq(usage().bytes, before);
	ck_assert_int_eq(append(10), 3 * MILLION + 10);
	take_over_without(5 * MILLION);
	ck_assert_int_eq(append(20), 5 * MILLION + 20);
	ck_assert_str_eq(gaps(), "30-3000000 3000010-5000000");
	ck_assert_int_eq(events(), 60);
	ck_assert_int_eq(usage().bytes, 2 * before);
	/* Another start, another node: it is the log's. */
	postgres_close(store);
	open_store();
	ck_assert_int_eq(events(), 60);
	ck_assert_int_eq(usage().bytes, 2 * before);
}
END_TEST

/* As events are deleted what is in use falls with them, before a gap, up to it and behind it. */
START_TEST(what_is_left_behind_a_gap_is_counted)
{
	static const struct {
		int64_t upto, left;
	} steps[] = { { 10, 40 }, { 20, 30 }, { 2 * MILLION, 30 }, { 2 * MILLION + 12, 18 },
		{ 2 * MILLION + 30, 0 } };
	size_t n;

	append(20);
	take_over_without(2 * MILLION);
	append(30);
	int64_t all = usage().bytes;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		assert_ok(store_prune(store, steps[i].upto, INT64_MAX, 100, &n, &error));
		ck_assert_int_eq(events(), steps[i].left);
		ck_assert_int_eq(usage().bytes, all / 50 * steps[i].left);
	}
}
END_TEST

/* The sample is of rows that are there, on both sides of the gap. */
START_TEST(events_of_all_sizes_are_in_the_sample)
{
	sql("INSERT INTO events SELECT seq, 1, 'x', 'x', 'x', 'x', 'x', 'x', ''"
	    " FROM generate_series(1, 500) seq");
	sql("UPDATE log SET last_seq = 500");
	take_over_without(9 * MILLION);
	sql("INSERT INTO events SELECT 9000000 + n, 1, 'x', 'x', 'x', 'x', 'x', 'x',"
	    " convert_to(repeat('x', 1000), 'UTF8') FROM generate_series(1, 500) n");
	sql("UPDATE log SET last_seq = 9000500");
	int64_t bytes = usage().bytes;
	ck_assert_int_gt(bytes, 500 * 1000);
	ck_assert_int_lt(bytes, 1000 * 700);
}
END_TEST

START_TEST(gaps_that_nobody_has_before_him_any_more_are_forgotten)
{
	int64_t cursor;
	size_t n;

	append(5);
	assert_ok(store_attach(store, (struct hsw_str){ "crm", 3 }, &cursor, &error));
	ck_assert_int_eq(cursor, 5);
	take_over_without(1 * MILLION);
	append(5);
	assert_ok(store_prune(store, 5, INT64_MAX, 100, &n, &error));
	ck_assert_uint_eq(n, 5);
	/* A cursor is there. */
	take_over_without(2 * MILLION);
	ck_assert_str_eq(gaps(), "5-1000000 1000005-2000000");
	sql("UPDATE destinations SET cursor = 1000001");
	append(1);
	take_over_without(3 * MILLION);
	ck_assert_str_eq(gaps(), "1000005-2000000 2000001-3000000");
}
END_TEST

/* What versions left that did not write it down. */
START_TEST(gaps_of_an_older_schema_are_found)
{
	append(30);
	take_over_without(1 * MILLION + 30);
	append(20);
	take_over_without(4 * MILLION + 30);
	append(1);
	take_over_without(6 * MILLION + 30);
	ck_assert_int_eq(events(), 51);
	sql("DROP TABLE gaps");
	sql("ALTER TABLE log DROP COLUMN timeline");
	sql("UPDATE log SET version = 3");
	postgres_close(store);
	open_store();
	ck_assert_str_eq(gaps(), "30-1000030 1000050-4000030 4000031-6000030");
	ck_assert_int_eq(events(), 51);
}
END_TEST

/* ---- several nodes ---- */

static void
ignore_proof(void *arg, int64_t until_ms)
{
	(void)arg;
	(void)until_ms;
}

static void
ignore_wake(void *arg)
{
	(void)arg;
}

/* A daemon that was just started: it has seen no server before. */
static void
start_node(const char *name)
{
	static const struct hsw_store_watch watch = { sizeof(watch), NULL, ignore_proof,
		ignore_wake };

	if (store != NULL)
		postgres_close(store);
	conf.node = name;
	open_store();
	assert_ok(node_join(store, &watch, &error));
}

START_TEST(a_node_that_was_just_started_gives_no_seq_of_a_lost_server_away)
{
	append(5);
	start_node("a");
	start_node("b");
	ck_assert_str_eq(gaps(), "");
	/* As the server has it that took over. */
	sql("UPDATE log SET timeline = '00000000'");
	start_node("c");
	ck_assert_str_eq(gaps(), "5-1000005");
	ck_assert_int_eq(append(1), 1 * MILLION + 6);
	ck_assert_str_eq(
		sql("SELECT nextval(pg_get_serial_sequence('memos', 'n')) > 1000000"), "t");
	/* A version that another node has read may be among what was lost, too. */
	ck_assert_str_eq(sql("SELECT version FROM settings"), "1000001");
	/* It did that for all. */
	start_node("a");
	start_node("b");
	ck_assert_str_eq(gaps(), "5-1000005");
	ck_assert_str_eq(sql("SELECT version FROM settings"), "1000001");
	ck_assert_int_eq(append(1), 1 * MILLION + 7);
}
END_TEST

START_TEST(a_node_that_meets_an_earlier_server_again_passes_over_what_came_since)
{
	append(5);
	start_node("a");
	start_node("b");
	memcpy(store->timeline, "7FFFFFFF", TIMELINE_LEN);
	take_over_without(1 * MILLION);
	ck_assert_str_eq(gaps(), "5-1000000 1000000-2000000");
	ck_assert_str_eq(store->timeline, "00000001");
}
END_TEST

/* It knows what it was given, or delivers some again. */
START_TEST(a_node_alone_passes_nothing_over)
{
	append(5);
	start_node("a");
	sql("UPDATE log SET timeline = '00000000'");
	start_node("a");
	ck_assert_str_eq(gaps(), "");
	ck_assert_str_eq(sql("SELECT convert_from(timeline, 'UTF8') FROM log"), "00000001");
}
END_TEST

/* What was appended before it started may be lost as well. */
START_TEST(a_node_alone_gives_no_seq_again_that_it_only_read)
{
	append(5);
	start_node("a");
	sql("DELETE FROM events WHERE seq > 3");
	sql("UPDATE log SET last_seq = 3");
	store->connect_at = 0;
	session_drop(store);
	ck_assert_int_eq(append(1), 6);
	ck_assert_str_eq(gaps(), "3-5");
}
END_TEST

/* Nodes of the version before go on beside it. */
START_TEST(where_no_timeline_was_kept_the_first_node_only_notes_it)
{
	append(5);
	start_node("a");
	sql("ALTER TABLE log DROP COLUMN timeline");
	sql("UPDATE log SET version = 4");
	ck_assert_int_eq(append(1), 6);
	struct postgres_store *older = store, *newer;
	store = NULL;
	start_node("b");
	ck_assert_str_eq(gaps(), "");
	ck_assert_str_eq(sql("SELECT convert_from(timeline, 'UTF8') FROM log"), "00000001");
	ck_assert_int_eq(append(1), 7);
	newer = store;
	store = older;
	ck_assert_int_eq(append(1), 8);
	postgres_close(older);
	store = newer;
}
END_TEST

UNIT_MAIN_WITH("store-postgres-gaps", start, end, what_was_passed_over_is_no_event,
	what_is_left_behind_a_gap_is_counted, events_of_all_sizes_are_in_the_sample,
	gaps_that_nobody_has_before_him_any_more_are_forgotten, gaps_of_an_older_schema_are_found,
	a_node_that_was_just_started_gives_no_seq_of_a_lost_server_away,
	a_node_that_meets_an_earlier_server_again_passes_over_what_came_since,
	a_node_alone_passes_nothing_over, a_node_alone_gives_no_seq_again_that_it_only_read,
	where_no_timeline_was_kept_the_first_node_only_notes_it)
