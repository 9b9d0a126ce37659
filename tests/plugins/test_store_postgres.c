/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_store_postgres.c - what store-postgres does when the server is in the way, and with several writers.
 * Run by store_postgres.sh, which starts a server of its own: PGTEST_DSN, and PGTEST_CTL for
 * restarting it.
 */
#include "store_rig.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../plugins/store-postgres/postgres.h"
#include "prune_rig.h"
#include "unit.h"

#define assert_ok(call) ck_assert_msg((call) == HSW_OK, "%s: %s", #call, error.text)

static PGconn *admin;
static char schema[64], conf_text[400];

/* ---- the server ---- */

/* The first value of the statement's answer, or "". */
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
set_conf(const char *timeout)
{
	snprintf(conf_text, sizeof(conf_text), "dsn=%s;schema=%s;timeout=%s", getenv("PGTEST_DSN"),
		schema, timeout);
	setenv("STORE_CONF", conf_text, 1);
}

static void
start(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(schema, sizeof(schema), "p%d \"%ld", (int)getpid(), now.tv_nsec);
	set_conf("10s");
	admin = PQconnectdb(getenv("PGTEST_DSN"));
	ck_assert_int_eq(PQstatus(admin), CONNECTION_OK);
	rig_start();
	char *name = PQescapeIdentifier(admin, schema, strlen(schema));
	char text[200];
	snprintf(text, sizeof(text), "SET search_path = %s", name);
	PQfreemem(name);
	sql(text);
}

static void
end(void)
{
	rig_end();
	PQfinish(admin);
}

static int
server(const char *command)
{
	char line[100];

	snprintf(line, sizeof(line), "$PGTEST_CTL %s > /dev/null 2>&1", command);
	return system(line);
}

/* ---- writing ---- */

static int
append_event(const char *id, int64_t received_ms, int64_t since_ms, int64_t *seq)
{
	struct hsw_store_event e = { .received_ms = received_ms, .body = str("x") };
	struct hsw_write w = { .kind = HSW_WRITE_EVENT, .event = &e, .at_ms = since_ms };

	memcpy(e.id, id, strlen(id));
	int rc = commit_one(w);
	*seq = e.seq;
	return rc;
}

/* Until a commit works again, at most 30 s. */
static void
wait_until_it_works(void)
{
	static const struct timespec pause = { 0, 20000000 };
	int64_t end_ms = session_now_ms() + 30000, seq;

	while (append_event("works", 1, 0, &seq) != HSW_OK) {
		ck_assert_msg(session_now_ms() < end_ms, "never again: %s", error.text);
		nanosleep(&pause, NULL);
	}
}

/* ---- what came before ---- */

START_TEST(an_id_that_came_before_is_not_appended_again)
{
	int64_t first, again, other, late;

	assert_ok(append_event("one", 1000, 500, &first));
	assert_ok(append_event("one", 1400, 900, &again));
	assert_ok(append_event("two", 1400, 900, &other));
	ck_assert_int_eq(first, 1);
	ck_assert_int_eq(again, 0);
	ck_assert_int_eq(other, 2);
	/* Outside of the window it is another event. */
	assert_ok(append_event("one", 3000, 2500, &late));
	ck_assert_int_eq(late, 3);
	ck_assert_str_eq(log_seqs(), "1 2 3");
}
END_TEST

START_TEST(of_a_batch_the_first_of_an_id_is_appended)
{
	struct hsw_store_event e[4] = { { 0 } };
	struct hsw_write w[4], *batch[4];

	for (int i = 0; i < 4; i++) {
		e[i] = (struct hsw_store_event){
			.received_ms = 100, .id = { 1 }, .body = str("x")
		};
		e[i].id[0] = (unsigned char)(i < 3 ? 1 + i % 2 : 9);
		w[i] = (struct hsw_write){ .kind = HSW_WRITE_EVENT, .event = &e[i], .at_ms = 50 };
		batch[i] = &w[i];
	}
	assert_ok(ops->commit(store, batch, 4, &error));
	ck_assert_int_eq(e[0].seq, 1);
	ck_assert_int_eq(e[1].seq, 2);
	ck_assert_int_eq(e[2].seq, 0);
	ck_assert_int_eq(e[3].seq, 3);
}
END_TEST

START_TEST(without_a_window_the_same_id_is_appended_twice)
{
	int64_t first, again;

	assert_ok(append_event("one", 1000, 0, &first));
	assert_ok(append_event("one", 1000, 0, &again));
	ck_assert_int_eq(first, 1);
	ck_assert_int_eq(again, 2);
}
END_TEST

START_TEST(ids_that_are_too_old_are_deleted)
{
	int64_t seq;

	assert_ok(append_event("one", 1000, 500, &seq));
	assert_ok(append_event("two", 3000, 2500, &seq));
	prune(0, 0, 10);
	ck_assert_str_eq(sql("SELECT count(*) FROM ids"), "1");
}
END_TEST

#define LARGE_BYTES (300 * 1024)
#define COUNT_STAGES "SELECT count(*) FROM pg_class WHERE relname = 'hookswitch_staged'"

START_TEST(a_table_for_large_events_is_dropped_when_it_was_not_used_for_a_while)
{
	static char body[LARGE_BYTES];
	struct hsw_store_event e = { .received_ms = 1, .body = { body, sizeof(body) } };
	struct hsw_write w = { .kind = HSW_WRITE_EVENT, .event = &e };

	for (int64_t seq = 1; seq <= 2; seq++) {
		assert_ok(commit_one(w));
		ck_assert_int_eq(e.seq, seq);
		prune(0, 0, 10);
		ck_assert_str_eq(sql(COUNT_STAGES), "1");
		((struct postgres_store *)store)->staged_at -= 3600000;
		prune(0, 0, 10);
		ck_assert_str_eq(sql(COUNT_STAGES), "0");
	}
}
END_TEST

/* ---- retention, with many dead letters ---- */

static void
make_dead(int first, int last)
{
	char text[200];

	snprintf(text, sizeof(text),
		"INSERT INTO dead SELECT 1, n, 1, n, 400, '' FROM generate_series(%d, %d) n", first,
		last);
	sql(text);
}

static const struct prune_rig prune_rig = { sql, make_dead };

START_TEST(dead_letters_are_passed_in_steps_and_those_that_end_are_found)
{
	pass_many_dead_letters(&prune_rig);
}
END_TEST

START_TEST(an_event_that_was_too_new_before_many_dead_letters_goes_when_it_is_old)
{
	find_what_was_too_new(&prune_rig);
}
END_TEST

static int64_t
bytes_in_use(void)
{
	struct hsw_store_usage u;

	assert_ok(ops->usage(store, &u, &error));
	return u.bytes;
}

/* Where it did, retention_size would have deleted others early. */
START_TEST(a_dead_letter_that_ends_makes_the_log_look_no_longer)
{
	size_t n;
	int is_through;

	attach("crm");
	int64_t last = append_many(LOOK, 10);
	make_dead(1, 10);
	make_dead(LOOK - 9, LOOK - 5);
	prune_all(last, 1000);
	ck_assert_str_eq(sql("SELECT count(*) FROM events"), "15");
	append_many(10, 2000);
	int64_t bytes = bytes_in_use();
	ck_assert_int_gt(bytes, 0);
	assert_ok(ops->dead_expire(store, 2, 1000, &n, &is_through, &error));
	ck_assert_uint_eq(n, 1);
	ck_assert_int_le(bytes_in_use(), bytes);
	prune_all(last, 1000);
	ck_assert_int_le(bytes_in_use(), bytes);
}
END_TEST

/* As with retention_size: what is in use is looked at before each batch, and must fall. */
START_TEST(what_is_in_use_falls_with_each_batch_though_a_retry_ends_behind)
{
	attach("crm");
	int64_t last = append_many(1000, 10);
	set_retry("crm", 5, 1, 10);
	ck_assert_uint_eq(prune(last, 1000, 10), 10);
	int64_t bytes = bytes_in_use();
	set_settled("crm", 5);
	for (int i = 0; i < 5; i++) {
		int64_t before = bytes;
		ck_assert_uint_eq(prune(last, 1000, 10), 10);
		bytes = bytes_in_use();
		ck_assert_msg(bytes < before, "%lld of %lld", (long long)bytes, (long long)before);
	}
	/* It is found by the next tour. */
	prune_all(last, 1000);
	prune_all(last, 1000);
	ck_assert_str_eq(sql("SELECT count(*) FROM events"), "0");
}
END_TEST

static void *
run_prune(void *last)
{
	return (void *)(uintptr_t)prune(*(int64_t *)last, 1000, 10);
}

/* Both find the same events; what the other one deletes is none that was looked at and kept. */
START_TEST(nodes_that_prune_at_once_leave_nothing)
{
	static const struct timespec pause = { 0, 1000000 };
	int64_t last = append_many(100, 10);
	pthread_t thread;
	void *n;

	sql("BEGIN");
	sql("DELETE FROM events WHERE seq <= 10");
	ck_assert_int_eq(pthread_create(&thread, NULL, run_prune, &last), 0);
	while (strcmp(sql("SELECT count(*) FROM pg_locks WHERE NOT granted"), "0") == 0)
		nanosleep(&pause, NULL);
	sql("COMMIT");
	pthread_join(thread, &n);
	ck_assert_uint_eq((uintptr_t)n, SIZE_MAX); /* it goes on with the next call */
	prune_all(last, 1000);
	ck_assert_str_eq(sql("SELECT count(*) FROM events"), "0");
}
END_TEST

/* ---- one daemon ---- */

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

static int
join(void)
{
	static const struct hsw_store_watch watch = { sizeof(watch), NULL, ignore_proof,
		ignore_wake };

	return ops->join(store, &watch, &error);
}

START_TEST(a_second_daemon_of_the_same_name_is_refused_until_the_first_ends)
{
	void *first = store, *second;
	int64_t seq;

	assert_ok(join());
	assert_ok(rig_open());
	second = store;
	ck_assert_int_eq(join(), HSW_EAGAIN);
	ck_assert_ptr_nonnull(strstr(error.text, "in use by another hookswitch whose node is"));
	ops->close(first);
	store = second;
	assert_ok(join());
	assert_ok(append_event("one", 1, 0, &seq));
}
END_TEST

#define MANY 15000

static int
count_held(void *arg, const struct hsw_claim *claim)
{
	*(int *)arg += claim->state == HSW_CLAIM_HELD;
	return HSW_OK;
}

/* Until the node holds that many destinations, at most 60 s. */
static void
wait_until_held(int count)
{
	static const struct timespec pause = { 0, 20000000 };
	int64_t end_ms = session_now_ms() + 60000;

	for (int held = -1; held != count;) {
		held = 0;
		assert_ok(ops->claims(store, count_held, &held));
		ck_assert_msg(session_now_ms() < end_ms, "holds %d of %d", held, count);
		nanosleep(&pause, NULL);
	}
}

START_TEST(thousands_of_destinations_are_taken_in_the_time_of_a_beat)
{
	static char texts[MANY][16];
	static struct hsw_str names[MANY];

	sql("INSERT INTO destinations (name, cursor)"
	    " SELECT convert_to('d' || i, 'UTF8'), 0 FROM generate_series(0, 14999) i");
	for (int i = 0; i < MANY; i++) {
		snprintf(texts[i], sizeof(texts[i]), "d%d", i);
		names[i] = str(texts[i]);
	}
	assert_ok(join());
	assert_ok(ops->want(store, names, MANY, &error));
	wait_until_held(MANY);
	ck_assert_str_eq(sql("SELECT count(*) FROM wants"), "15000");
	/* What it wants no more it gives back, once that has ended. */
	assert_ok(ops->want(store, names, 1, &error));
	wait_until_held(1);
	for (int i = 1; i < MANY; i++)
		ops->release(store, names[i]);
	int64_t end_ms = session_now_ms() + 60000;
	while (strcmp(sql("SELECT count(*) FROM claims WHERE node <> ''"), "1") != 0)
		ck_assert_msg(session_now_ms() < end_ms, "gave nothing back");
}
END_TEST

START_TEST(what_nodes_want_is_kept_by_one_that_has_not_joined_yet)
{
	const struct hsw_str names[] = { str("sales/hook"), str("crm") };

	attach("crm");
	attach("sales/hook");
	int64_t last = append_many(100, 10);
	set_cursor("crm", last);
	assert_ok(join());
	assert_ok(ops->want(store, names, 2, &error));
	wait_until_held(2);
	rig_close();
	assert_ok(rig_open());
	ck_assert_uint_eq(prune(last, 1000, 100), 0);
	set_cursor("sales/hook", last - 10);
	ck_assert_uint_eq(prune(last, 1000, 100), 90);
}
END_TEST

/* All daemons read all records again when it changes. */
START_TEST(failed_attempts_are_no_settings)
{
	static const struct {
		const char *kind, *version;
	} cases[] = { { "attempts", "1" }, { "webhook", "2" }, { "attempts", "2" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hsw_store_record record = {
			.kind = str(cases[i].kind), .name = str("crm"), .text = str("x")
		};
		struct hsw_write w = { .kind = HSW_WRITE_RECORD, .record = &record };
		assert_ok(commit_one(w));
		ck_assert_str_eq(sql("SELECT version FROM settings"), cases[i].version);
	}
	ck_assert_str_eq(sql("SELECT count(*) FROM records"), "2");
}
END_TEST

/* What a trigger raises is what the server would say. */
static void
raise_on_insert(const char *table, const char *condition, const char *state)
{
	char text[400];

	snprintf(text, sizeof(text),
		"CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
		"IF %s THEN RAISE 'as if' USING ERRCODE = '%s'; END IF; RETURN NEW; END $$",
		condition, state);
	sql(text);
	snprintf(text, sizeof(text),
		"CREATE OR REPLACE TRIGGER fail BEFORE INSERT ON %s"
		" FOR EACH ROW EXECUTE FUNCTION fail()",
		table);
	sql(text);
}

START_TEST(what_a_node_wanted_stands_while_it_starts_though_a_beat_fails)
{
	const struct hsw_str crm = str("crm");

	attach("crm");
	assert_ok(join());
	assert_ok(ops->want(store, &crm, 1, &error));
	wait_until_held(1);
	rig_close();
	assert_ok(rig_open());
	sql("CREATE SEQUENCE tries");
	raise_on_insert("nodes", "nextval('tries') < 2", "55P03");
	assert_ok(join());
	ck_assert_str_eq(sql("SELECT last_value >= 2 FROM tries"), "t");
	ck_assert_str_eq(sql("SELECT count(*) FROM wants"), "1");
	/* It is told when it is another one. */
	assert_ok(ops->want(store, &crm, 0, &error));
	int64_t end_ms = session_now_ms() + 10000;
	while (strcmp(sql("SELECT count(*) FROM wants"), "0") != 0)
		ck_assert_msg(session_now_ms() < end_ms, "never told");
}
END_TEST

/* As a process that stood still: it does not know yet who has the destination. */
START_TEST(a_retry_is_told_to_the_node_that_took_the_destination)
{
	const struct hsw_str crm = str("crm");

	attach("crm");
	assert_ok(join());
	assert_ok(ops->want(store, &crm, 1, &error));
	wait_until_held(1);
	set_retry("crm", 1, 1, 10);
	ck_assert_str_eq(sql("SELECT touched FROM claims"), "0");
	sql("SELECT pg_advisory_lock('claims'::regclass::bigint)"); /* no beat is done */
	sql("UPDATE claims SET node = 'b'");
	sql("LISTEN hookswitch");
	set_retry("crm", 2, 1, 10);
	ck_assert_str_eq(sql("SELECT touched FROM claims"), "1");
	PGnotify *notice = PQnotifies(admin);
	ck_assert_ptr_nonnull(notice);
	ck_assert_int_eq(notice->extra[0], 'c');
	PQfreemem(notice);
}
END_TEST

START_TEST(dead_letters_of_a_destination_that_another_node_attached_are_found)
{
	const struct hsw_dead_query q = { .destination = str("crm"), .limit = 1 };
	void *other = store;
	size_t n = 0;

	/* It knows what there is now. */
	assert_ok(rig_open());
	void *here[] = { store, NULL, NULL };
	assert_ok(rig_open());
	here[1] = store;
	assert_ok(rig_open());
	here[2] = store;
	store = other;
	attach("crm");
	append("one", 1);
	append("two", 1);
	append("three", 1);
	for (int64_t seq = 1; seq <= 3; seq++)
		set_dead("crm", seq, 1, 1);
	store = here[0];
	ck_assert_str_eq(dead_of("crm"), "crm:1 crm:2 crm:3");
	ck_assert_str_eq(dead_of("nobody"), "");
	assert_ok(ops->dead_replay(here[1], &q, 1, &n, &error));
	ck_assert_uint_eq(n, 1);
	assert_ok(ops->dead_purge(here[2], &q, &n, &error));
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(dead_of("crm"), "crm:3");
	for (int i = 0; i < 3; i++)
		ops->close(here[i]);
	store = other;
}
END_TEST

START_TEST(who_needs_the_schema_alone_waits_for_the_others)
{
	void *first = store, *second;

	assert_ok(rig_open());
	second = store;
	ck_assert_int_eq(ops->alone(store, &error), HSW_EAGAIN);
	ck_assert_ptr_nonnull(strstr(error.text, "in use by another hookswitch"));
	ops->close(first);
	assert_ok(ops->alone(second, &error));
	store = NULL;
	ck_assert_int_eq(rig_open(), HSW_EAGAIN);
	store = second;
}
END_TEST

START_TEST(a_newer_schema_and_one_of_somebody_else_are_refused)
{
	rig_close();
	sql("UPDATE log SET version = 1000");
	ck_assert_int_eq(rig_open(), HSW_EINVAL);
	ck_assert_ptr_nonnull(strstr(error.text, "has version 1000, newer than"));
	sql("DROP TABLE log");
	sql("CREATE TABLE log (line text)");
	ck_assert_int_eq(rig_open(), HSW_EINVAL);
	ck_assert_ptr_nonnull(strstr(error.text, "not hookswitch's"));
	sql("DROP TABLE log");
	/* Its table events is in the way. */
	ck_assert_int_ne(rig_open(), HSW_OK);
}
END_TEST

/* ---- older schemas ---- */

#define WRITERS 4
#define ROUNDS 60
#define MEMO_ROUNDS 100
#define ROUND_EVENTS 7

static struct postgres_conf shared_conf;

static void
ignore_log(struct hsw_handle *handle, int level, const char *fmt, ...)
{
	(void)handle;
	(void)level;
	(void)fmt;
}

static struct postgres_store *
open_shared(void)
{
	static const struct hsw_host host = { .size = sizeof(host), .log = ignore_log };
	struct postgres_store *s = NULL;
	struct hsw_error err = { "" };
	int rc = postgres_open(&host, NULL, &shared_conf, false, &s, &err);

	ck_assert_msg(rc == HSW_OK, "%s", err.text);
	return s;
}

/* What a daemon of version 1 left. */
static void
make_old(void)
{
	sql("DROP TABLE settings, nodes, wants, claims, gaps");
	sql("ALTER TABLE log DROP COLUMN timeline");
	sql("UPDATE log SET version = 1");
}

START_TEST(an_older_schema_is_brought_up_to_date_with_all_that_it_holds)
{
	int64_t seq;

	attach("crm");
	assert_ok(append_event("one", 1, 0, &seq));
	assert_ok(append_event("two", 1, 0, &seq));
	set_dead("crm", 1, 3, 5);
	set_cursor("crm", 2);
	rig_close();
	make_old();
	assert_ok(rig_open());
	ck_assert_str_eq(sql("SELECT version > 1 FROM log"), "t");
	ck_assert_str_eq(log_seqs(), "1 2");
	ck_assert_int_eq(attach("crm"), 2);
	ck_assert_str_eq(dead_of("crm"), "crm:1");
	assert_ok(join());
	assert_ok(append_event("three", 1, 0, &seq));
	ck_assert_int_eq(seq, 3);
}
END_TEST

static void *
open_old(void *arg)
{
	struct postgres_store *s = open_shared();

	postgres_close(s);
	return arg;
}

/* Who did not wait would find a table that another one is just making. */
START_TEST(daemons_that_start_together_bring_it_up_to_date_once)
{
	pthread_t threads[WRITERS];

	shared_conf = (struct postgres_conf){ getenv("PGTEST_DSN"), schema, NULL, 10000 };
	rig_close();
	make_old();
	for (int i = 0; i < WRITERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, open_old, NULL), 0);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	assert_ok(rig_open());
	assert_ok(join());
}
END_TEST

/* ---- failures ---- */

static const char backend_of_store[] =
	"SELECT pid FROM pg_stat_activity WHERE application_name = 'hookswitch' AND pid <> "
	"pg_backend_pid() ORDER BY backend_start DESC LIMIT 1";

static void
terminate_session(void)
{
	static const struct timespec pause = { 0, 5000000 };
	char text[100];
	int pid = atoi(sql(backend_of_store));

	snprintf(text, sizeof(text), "SELECT pg_terminate_backend(%d)", pid);
	sql(text);
	snprintf(text, sizeof(text), "SELECT count(*) FROM pg_stat_activity WHERE pid = %d", pid);
	while (strcmp(sql(text), "0") != 0)
		nanosleep(&pause, NULL);
}

START_TEST(a_session_that_ended_between_two_calls_is_replaced)
{
	static const struct timespec pause = { 0, 600000000 };
	int64_t seq;

	attach("crm");
	nanosleep(&pause, NULL); /* sooner than that no second connection is made */
	terminate_session();
	assert_ok(append_event("one", 1, 0, &seq));
	set_cursor("crm", seq);
	ck_assert_int_eq(attach("crm"), seq);
}
END_TEST

/* Until the node holds it by the table, too: what it had before it has to release first. */
static void
wait_until_taken(const char *destination)
{
	static const struct timespec pause = { 0, 20000000 };
	int64_t end_ms = session_now_ms() + 10000;
	char text[200];

	snprintf(text, sizeof(text),
		"SELECT count(*) FROM claims c JOIN destinations d ON d.id = c.destination"
		" WHERE d.name = '%s' AND c.node <> ''",
		destination);
	while (strcmp(sql(text), "1") != 0) {
		ck_assert_msg(session_now_ms() < end_ms, "%s is nobody's", destination);
		ops->release(store, str(destination));
		nanosleep(&pause, NULL);
	}
}

/* As the server has it that took over without the last transactions. */
START_TEST(what_a_node_wants_is_told_to_a_server_that_knows_less)
{
	const struct hsw_str names[] = { str("crm"), str("old"), str("sales/hook") };
	int64_t seq;

	attach("old");
	assert_ok(append_event("one", 1, 0, &seq));
	attach("crm");
	attach("sales/hook");
	assert_ok(join());
	assert_ok(ops->want(store, names, 3, &error));
	wait_until_held(3);
	sql("BEGIN");
	sql("DELETE FROM destinations WHERE name <> 'old'");
	sql("DELETE FROM claims");
	sql("DELETE FROM wants");
	sql("COMMIT");
	sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
	    " WHERE application_name = 'hookswitch'");
	wait_until_it_works(); /* perhaps before the node has told it */
	wait_until_taken("crm");
	wait_until_taken("old");
	ck_assert_int_eq(attach("old"), 0);
	/* It gets what came since. */
	ck_assert_int_eq(attach("crm"), 1);
	/* A webhook that is not there is one that others deleted. */
	ck_assert_str_eq(sql("SELECT count(*) FROM destinations"), "2");
}
END_TEST

/* One of its processes was killed: it ends all others, and begins anew. */
static void
wait_until_it_has_begun_anew(void)
{
	static const struct timespec pause = { 0, 20000000 };
	int64_t end_ms = session_now_ms() + 30000;

	while (PQstatus(admin) == CONNECTION_OK) {
		ck_assert_int_lt(session_now_ms(), end_ms);
		PQclear(PQexec(admin, "SELECT 1"));
		nanosleep(&pause, NULL);
	}
	while (PQstatus(admin) != CONNECTION_OK) {
		ck_assert_int_lt(session_now_ms(), end_ms);
		PQreset(admin);
		nanosleep(&pause, NULL);
	}
}

START_TEST(a_server_that_starts_anew_is_found_again)
{
	int64_t seq;

	assert_ok(append_event("before", 1, 0, &seq));
	ck_assert_int_eq(server("stop"), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(append_event("down", 1, 0, &seq), HSW_EAGAIN);
	ck_assert_int_eq(server("start"), 0);
	wait_until_it_works();
	ck_assert_str_eq(log_seqs(), "1 2");
	PQreset(admin);
}
END_TEST

START_TEST(a_server_that_does_not_answer_is_given_up_in_time)
{
	int64_t seq, began;
	rig_end();
	set_conf("1s");
	rig_start();
	pid_t pid = atoi(sql(backend_of_store));

	kill(pid, SIGSTOP);
	began = session_now_ms();
	int rc = append_event("stopped", 1, 0, &seq);
	int64_t took = session_now_ms() - began;
	kill(pid, SIGKILL);
	ck_assert_int_eq(rc, HSW_EAGAIN);
	ck_assert_int_ge(took, 900);
	ck_assert_int_lt(took, 9000);
	wait_until_it_has_begun_anew();
	wait_until_it_works();
}
END_TEST

START_TEST(failures_are_told_as_what_they_are)
{
	static const struct {
		const char *state;
		int rc;
	} cases[] = { { "53100", HSW_ELIMIT }, { "53200", HSW_EAGAIN }, { "25006", HSW_EAGAIN },
		{ "40001", HSW_EAGAIN }, { "40P01", HSW_EAGAIN }, { "55P03", HSW_EAGAIN },
		{ "57P01", HSW_EAGAIN }, { "57014", HSW_EAGAIN }, { "58030", HSW_EIO },
		{ "XX001", HSW_EIO }, { "42501", HSW_EIO } };
	int64_t seq;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		raise_on_insert("events", "true", cases[i].state);
		int rc = append_event("one", 1, 0, &seq);
		ck_assert_msg(rc == cases[i].rc, "%s: %d: %s", cases[i].state, rc, error.text);
		sql("DROP TRIGGER fail ON events");
		wait_until_it_works();
	}
	ck_assert_str_eq(sql("SELECT max(seq) = count(*) FROM events"), "t");
}
END_TEST

START_TEST(a_transaction_that_was_in_the_way_of_another_is_done_again)
{
	static const char *const states[] = { "40001", "40P01" };
	int64_t seq;

	for (int i = 0; i < 2; i++) {
		sql("CREATE SEQUENCE tries");
		raise_on_insert("events", "nextval('tries') < 3", states[i]);
		assert_ok(append_event("one", 1, 0, &seq));
		ck_assert_int_eq(seq, i + 1);
		sql("DROP TRIGGER fail ON events");
		sql("DROP SEQUENCE tries");
	}
	ck_assert_str_eq(log_seqs(), "1 2");
}
END_TEST

START_TEST(a_server_that_became_read_only_is_left_and_found_again)
{
	int64_t seq;

	sql("ALTER ROLE hookswitch SET default_transaction_read_only = on");
	terminate_session();
	ck_assert_int_eq(append_event("one", 1, 0, &seq), HSW_EAGAIN);
	sql("SET default_transaction_read_only = off");
	sql("ALTER ROLE hookswitch RESET default_transaction_read_only");
	wait_until_it_works();
}
END_TEST

/* ---- several writers ---- */

static void *
write_rounds(void *arg)
{
	struct postgres_store *s = open_shared();
	struct hsw_error err = { "" };

	(void)arg;
	for (int round = 0; round < ROUNDS; round++) {
		struct hsw_store_event e[ROUND_EVENTS];
		struct hsw_write w[ROUND_EVENTS], *batch[ROUND_EVENTS];
		for (int i = 0; i < ROUND_EVENTS; i++) {
			e[i] = (struct hsw_store_event){ .received_ms = 1, .body = str("x") };
			w[i] = (struct hsw_write){ .kind = HSW_WRITE_EVENT, .event = &e[i] };
			batch[i] = &w[i];
		}
		int rc = store_commit(s, batch, ROUND_EVENTS, &err);
		ck_assert_msg(rc == HSW_OK, "%s", err.text);
	}
	postgres_close(s);
	return NULL;
}

static int
follow(void *arg, const struct hsw_store_event *e)
{
	int64_t *last = arg;

	/* A number that was passed over could only come later. */
	ck_assert_int_eq(e->seq, *last + 1);
	*last = e->seq;
	return HSW_OK;
}

START_TEST(a_reader_never_passes_an_event_of_four_writers_over)
{
	pthread_t threads[WRITERS];
	struct hsw_error err = { "" };
	int64_t last = 0;

	shared_conf = (struct postgres_conf){ getenv("PGTEST_DSN"), schema, NULL, 10000 };
	struct postgres_store *reader = open_shared();
	for (int i = 0; i < WRITERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, write_rounds, NULL), 0);
	while (last < WRITERS * ROUNDS * ROUND_EVENTS)
		ck_assert_int_eq(
			store_read(reader, last, 50, SIZE_MAX, follow, &last, &err), HSW_OK);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(store_read(reader, last, 50, SIZE_MAX, follow, &last, &err), HSW_OK);
	ck_assert_int_eq(last, WRITERS * ROUNDS * ROUND_EVENTS);
	postgres_close(reader);
}
END_TEST

static void *
write_memos(void *arg)
{
	struct postgres_store *s = open_shared();
	const struct hsw_store_record record = { .kind = str("a"), .text = str("x") };
	struct hsw_write w = { .kind = HSW_WRITE_MEMO, .at_ms = 1, .record = &record };
	struct hsw_write *const batch[] = { &w, &w };
	struct hsw_error err = { "" };

	for (int round = 0; round < MEMO_ROUNDS; round++) {
		int rc = store_commit(s, batch, 2, &err);
		ck_assert_msg(rc == HSW_OK, "%s", err.text);
	}
	postgres_close(s);
	atomic_fetch_sub((_Atomic int *)arg, 1);
	return NULL;
}

static int
count_memo(void *arg, int64_t at_ms, struct hsw_str text)
{
	ck_assert_int_eq(at_ms, 1);
	ck_assert_int_eq((int)text.len, 1);
	++*(int *)arg;
	return HSW_OK;
}

START_TEST(a_reader_never_passes_a_memo_of_four_writers_over)
{
	pthread_t threads[WRITERS];
	_Atomic int writing = WRITERS;
	struct hsw_error err = { "" };
	int64_t last = 0;
	int seen = 0;

	shared_conf = (struct postgres_conf){ getenv("PGTEST_DSN"), schema, NULL, 10000 };
	struct postgres_store *reader = open_shared();
	for (int i = 0; i < WRITERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, write_memos, &writing), 0);
	while (atomic_load(&writing) > 0)
		assert_ok(store_memos_after(reader, str("a"), 0, &last, count_memo, &seen, &err));
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	assert_ok(store_memos_after(reader, str("a"), 0, &last, count_memo, &seen, &err));
	ck_assert_int_eq(seen, WRITERS * MEMO_ROUNDS * 2);
	assert_ok(store_memos_after(reader, str("a"), 0, &last, count_memo, &seen, &err));
	ck_assert_int_eq(seen, WRITERS * MEMO_ROUNDS * 2);
	postgres_close(reader);
}
END_TEST

UNIT_MAIN_WITH("store-postgres", start, end, an_id_that_came_before_is_not_appended_again,
	of_a_batch_the_first_of_an_id_is_appended, without_a_window_the_same_id_is_appended_twice,
	ids_that_are_too_old_are_deleted,
	a_table_for_large_events_is_dropped_when_it_was_not_used_for_a_while,
	dead_letters_are_passed_in_steps_and_those_that_end_are_found,
	an_event_that_was_too_new_before_many_dead_letters_goes_when_it_is_old,
	a_dead_letter_that_ends_makes_the_log_look_no_longer,
	what_is_in_use_falls_with_each_batch_though_a_retry_ends_behind,
	nodes_that_prune_at_once_leave_nothing,
	what_nodes_want_is_kept_by_one_that_has_not_joined_yet,
	a_second_daemon_of_the_same_name_is_refused_until_the_first_ends,
	thousands_of_destinations_are_taken_in_the_time_of_a_beat, failed_attempts_are_no_settings,
	what_a_node_wanted_stands_while_it_starts_though_a_beat_fails,
	a_retry_is_told_to_the_node_that_took_the_destination,
	dead_letters_of_a_destination_that_another_node_attached_are_found,
	who_needs_the_schema_alone_waits_for_the_others,
	a_newer_schema_and_one_of_somebody_else_are_refused,
	an_older_schema_is_brought_up_to_date_with_all_that_it_holds,
	daemons_that_start_together_bring_it_up_to_date_once,
	a_session_that_ended_between_two_calls_is_replaced,
	what_a_node_wants_is_told_to_a_server_that_knows_less,
	a_server_that_starts_anew_is_found_again, a_server_that_does_not_answer_is_given_up_in_time,
	failures_are_told_as_what_they_are,
	a_transaction_that_was_in_the_way_of_another_is_done_again,
	a_server_that_became_read_only_is_left_and_found_again,
	a_reader_never_passes_an_event_of_four_writers_over,
	a_reader_never_passes_a_memo_of_four_writers_over)
