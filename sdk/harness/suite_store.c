/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suite_store.c - what every store plugin must do: log, cursors, deletion of what is old. Exceptions
 * have a table of their own, and so have records and memos. The seqs of a new journal are expected to be 1, 2, 3, ...
 */
#include "store_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "suite.h"

#define assert_ok(call) expect_that((call) == HSW_OK, "%s: %s", #call, error.text)

/* ---- the log ---- */

static void
a_new_store_is_empty(void)
{
	struct hsw_store_stats stats;

	assert_ok(ops->stats(store, &stats, &error));
	expect_eq(stats.first_seq, 0);
	expect_eq(stats.last_seq, 0);
	expect_eq(stats.events, 0);
	expect_text(log_seqs(), "");
}

static void
events_of_a_batch_get_growing_seqs_in_their_order(void)
{
	struct hsw_store_event events[3] = { 0 };
	struct hsw_write writes[3], *batch[3];
	int64_t before = append("x", 1);

	for (int i = 0; i < 3; i++) {
		writes[i] = (struct hsw_write){ .kind = HSW_WRITE_EVENT, .event = &events[i] };
		batch[2 - i] = &writes[i];
	}
	assert_ok(ops->commit(store, batch, 3, &error));
	expect_gt(before, 0);
	expect_gt(events[2].seq, before);
	expect_gt(events[1].seq, events[2].seq);
	expect_gt(events[0].seq, events[1].seq);
}

static void
assert_str(struct hsw_str got, struct hsw_str expected)
{
	expect_eq(got.len, expected.len);
	if (got.len > 0)
		expect_bytes(got.s, expected.s, got.len);
}

static int
compare_event(void *arg, const struct hsw_store_event *got)
{
	const struct hsw_store_event *expected = *(const struct hsw_store_event **)arg;

	expect_eq(got->seq, expected->seq);
	expect_eq(got->received_ms, expected->received_ms);
	expect_bytes(got->id, expected->id, sizeof(got->id));
	assert_str(got->instance, expected->instance);
	assert_str(got->type, expected->type);
	assert_str(got->provider, expected->provider);
	assert_str(got->key, expected->key);
	assert_str(got->layout, expected->layout);
	assert_str(got->body, expected->body);
	*(const struct hsw_store_event **)arg = NULL;
	return HSW_OK;
}

#define NOT_FOUND                                                                      \
	"%s: event %jd was committed and is not there after the store was closed and " \
	"opened again (one that keeps nothing then is tested with --volatile)"

static void
assert_comes_back(struct hsw_store_event e)
{
	const struct hsw_store_event *expected = &e;

	assert_ok(commit_one((struct hsw_write){ .kind = HSW_WRITE_EVENT, .event = &e }));
	rig_reopen();
	assert_ok(ops->read(store, e.seq - 1, 1, SIZE_MAX, compare_event, &expected, &error));
	expect_that(expected == NULL, NOT_FOUND, "read", (intmax_t)e.seq);
	expected = &e;
	assert_ok(ops->read_seqs(store, &e.seq, 1, compare_event, &expected, &error));
	expect_that(expected == NULL, NOT_FOUND, "read_seqs", (intmax_t)e.seq);
}

static void
every_member_of_an_event_comes_back(void)
{
	assert_comes_back((struct hsw_store_event){ .received_ms = 1700000000123,
		.id = "\0\x01\xff"
		      "0123456789abc",
		.instance = str("sales"),
		.type = str("message.exchange"),
		.provider = str("evolution"),
		.key = str("5511999999999@s.whatsapp.net"),
		.layout = { "\0\0\x01\xff", 4 },
		.body = str("{\"event\":\"message.exchange\"}") });
}

static void
empty_members_come_back_empty(void)
{
	assert_comes_back((struct hsw_store_event){ .received_ms = 0 });
}

static void
nul_and_bad_utf8_in_a_body_come_back(void)
{
	assert_comes_back((struct hsw_store_event){
		.layout = { "\0", 1 }, .body = { "a\0b\xc3\x28\xff\xfe'\\\r\n", 11 } });
}

static void
a_body_of_20_mb_comes_back(void)
{
	size_t len = 20 << 20;
	char *body = malloc(len);

	for (size_t i = 0; i < len; i++)
		body[i] = (char)(i * 31 + i / 4096);
	assert_comes_back((struct hsw_store_event){ .body = { body, len } });
	free(body);
}

struct tally {
	int64_t n, last, stop_after;
};

static int
tally_event(void *arg, const struct hsw_store_event *e)
{
	struct tally *t = arg;

	expect_gt(e->seq, t->last);
	t->last = e->seq;
	return ++t->n == t->stop_after ? HSW_ECLOSED : HSW_OK;
}

static int64_t
read_page(int64_t after, size_t max_events, size_t max_bytes, int64_t stop_after)
{
	struct tally t = { .stop_after = stop_after };

	assert_ok(ops->read(store, after, max_events, max_bytes, tally_event, &t, &error));
	return t.n;
}

static void
a_page_ends_where_it_was_asked_to(void)
{
	int64_t first = append("12345", 1);
	for (int i = 0; i < 9; i++)
		append("12345", 1);

	expect_eq(read_page(0, 4, SIZE_MAX, -1), 4);
	expect_eq(read_page(0, SIZE_MAX, SIZE_MAX, -1), 10);
	expect_eq(read_page(0, 100, 10, -1), 2); /* the second makes it 10 */
	expect_eq(read_page(0, 100, 11, -1), 3);
	expect_eq(read_page(0, 100, 1, -1), 1);
	expect_eq(read_page(0, 100, SIZE_MAX, 7), 7);
	expect_eq(read_page(first, 100, SIZE_MAX, -1), 9);
	expect_eq(read_page(first + 100, 100, SIZE_MAX, -1), 0);
}

static void
events_are_read_by_their_seqs_and_missing_ones_passed_over(void)
{
	int64_t a = append("a", 1), b = append("b", 1), c = append("c", 1);
	struct tally t = { .stop_after = -1 };

	assert_ok(ops->read_seqs(store, (int64_t[]){ a, c, c + 1000 }, 3, tally_event, &t, &error));
	expect_eq(t.n, 2);
	expect_eq(t.last, c);
	t = (struct tally){ .stop_after = 2 };
	assert_ok(ops->read_seqs(store, (int64_t[]){ a, b, c }, 3, tally_event, &t, &error));
	expect_eq(t.n, 2);
	expect_eq(t.last, b);
	assert_ok(ops->read_seqs(store, NULL, 0, tally_event, &t, &error));
}

static void
nothing_of_a_batch_that_fails_is_kept(void)
{
	struct hsw_store_event event = { .body = str("lost") };
	struct hsw_write good = { .kind = HSW_WRITE_EVENT, .event = &event };
	struct hsw_write cursor = { .kind = HSW_WRITE_CURSOR, .destination = str("crm") };
	struct hsw_write retry = { .kind = HSW_WRITE_RETRY, .destination = str("crm") };
	struct hsw_write bad = { .kind = (enum hsw_write_kind)99, .destination = str("crm") };

	attach("crm");
	int64_t seq = append("kept", 1);
	cursor.seq = retry.seq = seq;
	int rc = ops->commit(
		store, (struct hsw_write *[]){ &good, &cursor, &retry, &bad }, 4, &error);
	expect_lt(rc, 0);
	expect_ne(*error.text, 0);
	expect_eq(read_page(seq, 10, SIZE_MAX, -1), 0);
	expect_lt(attach("crm"), seq);
	expect_text(retries_of("crm"), "");
	expect_gt(append("works again", 1), seq);
}

static void
a_destination_that_was_never_attached_cannot_be_written(void)
{
	attach("crm");
	int64_t seq = append("x", 1);

	for (int kind = HSW_WRITE_CURSOR; kind <= HSW_WRITE_DEAD; kind++)
		expect_lt(commit_one((struct hsw_write){ .kind = (enum hsw_write_kind)kind,
				  .destination = str("cr"),
				  .seq = seq }),
			0);
	expect_text(retries_of("cr"), "");
	expect_text(dead_of(""), "");
}

static void
figures_of_a_log(void)
{
	struct hsw_store_stats stats;
	int64_t last = append_many(300, 1), first = last - 299;

	assert_ok(ops->stats(store, &stats, &error));
	expect_eq(stats.first_seq, first);
	expect_eq(stats.last_seq, last);
	expect_ge(stats.events, 150);
	expect_le(stats.events, 600);
	expect_gt(stats.bytes, 300);
}

/* ---- destinations ---- */

static void
a_new_destination_begins_at_the_end_of_the_log(void)
{
	int64_t last = append_many(7, 1);

	expect_eq(attach("late"), last);
	append_many(3, 1);
	expect_eq(attach("late"), last);
	rig_reopen();
	expect_eq(attach("late"), last);
}

static void
a_cursor_never_goes_back(void)
{
	attach("crm");
	int64_t last = append_many(9, 1);

	set_cursor("crm", last - 1);
	set_cursor("crm", last - 5);
	expect_eq(attach("crm"), last - 1);
	rig_reopen();
	set_cursor("crm", 0);
	expect_eq(attach("crm"), last - 1);
	set_cursor("crm", last);
	expect_eq(attach("crm"), last);
}

struct cursors {
	int n;
	int64_t sum;
};

static int
add_cursor(void *arg, struct hsw_str destination, int64_t cursor)
{
	struct cursors *c = arg;

	expect_gt(destination.len, 0);
	c->n++;
	c->sum += cursor;
	return HSW_OK;
}

static void
all_destinations_are_listed_and_alike_names_are_different(void)
{
	static const char *const names[] = { "crm", "crm2", "cr", "CRM", "crm ", "z\xc3\xbcge" };
	struct cursors c = { 0 };
	int64_t sum = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		attach(names[i]);
	append_many(10, 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		set_cursor(names[i], (int64_t)i + 1);
		sum += (int64_t)i + 1;
	}
	rig_reopen();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		expect_eq(attach(names[i]), (int64_t)i + 1);
	assert_ok(ops->cursors(store, add_cursor, &c, &error));
	expect_eq(c.n, 6);
	expect_eq(c.sum, sum);
}

/* ---- deleting what is old ---- */

static void
only_old_and_settled_events_are_deleted(void)
{
	for (int i = 1; i <= 8; i++)
		append("x", i * 10);

	expect_eq(prune(8, 10, 100), 0);
	expect_eq(prune(3, 1000, 100), 3);
	expect_text(log_seqs(), "4 5 6 7 8");
	expect_eq(prune(8, 60, 100), 2);
	expect_text(log_seqs(), "6 7 8");
	expect_eq(prune(8, 60, 100), 0);
	expect_eq(prune(0, 1000, 100), 0);
}

static void
events_go_in_batches_and_a_short_one_is_the_last(void)
{
	append_many(25, 1);
	expect_eq(prune(24, 2, 10), 10);
	expect_eq(prune(24, 2, 10), 10);
	expect_eq(prune(24, 2, 10), 4);
	expect_text(log_seqs(), "25");
	expect_eq(prune(INT64_MAX, 2, 10), 1);
	expect_eq(prune(INT64_MAX, 2, 10), 0);
}

static void
events_that_an_exception_names_are_kept_until_it_ends(void)
{
	size_t n = 0;

	attach("crm");
	attach("erp");
	append_many(8, 1);
	set_retry("crm", 2, 1, 1);
	set_retry("crm", 3, 1, 1);
	set_dead("erp", 3, 1, 1);
	set_dead("erp", 6, 1, 1);
	expect_eq(prune(8, 2, 100), 5);
	expect_text(log_seqs(), "2 3 6");
	set_settled("crm", 2);
	expect_eq(prune(8, 2, 100), 1);
	set_settled("crm", 3);
	expect_eq(prune(8, 2, 100), 0);
	assert_ok(ops->dead_purge(
		store, &(struct hsw_dead_query){ .destination = str("erp") }, &n, &error));
	expect_eq(n, 2);
	expect_eq(prune(8, 2, 100), 2);
	expect_text(log_seqs(), "");
}

/* Until the store is through: it may stop on the way, and need not tell then how much it has deleted. */
static void
prune_through(int64_t upto, int64_t before_ms)
{
	int calls = 0;

	while (prune(upto, before_ms, 60) >= 60)
		expect_lt(calls++, 10000);
}

static void
many_kept_events_do_not_hide_old_ones_behind_them(void)
{
	attach("crm");
	int64_t last = append_many(1000, 1);

	for (int64_t seq = 1; seq <= 900; seq++)
		set_dead("crm", seq, 1, 1);
	prune_through(last, 2);
	expect_eq(read_page(0, SIZE_MAX, SIZE_MAX, -1), 900);
	rig_reopen();
	set_dead("crm", append("new", 1), 1, 1);
	append("newer", 1);
	prune_through(INT64_MAX, 2);
	expect_eq(read_page(0, SIZE_MAX, SIZE_MAX, -1), 901);
}

static void
an_event_of_a_wrong_clock_is_kept_and_hides_nothing_for_ever(void)
{
	append_many(20, 100);
	int64_t future = append("from the future", 100000);
	append_many(80, 200);

	size_t n = prune(INT64_MAX, 300, 1000);
	expect_eq(n + prune(INT64_MAX, 300, 1000), 100);
	expect_eq(read_page(0, 100, SIZE_MAX, -1), 1);
	expect_eq(read_page(future - 1, 100, SIZE_MAX, -1), 1);
	expect_eq(prune(INT64_MAX, 100001, 1000), 1);
}

static void
seqs_are_not_used_again_after_everything_was_deleted(void)
{
	struct hsw_store_stats stats;
	int64_t last = append_many(30, 1);

	expect_eq(prune(last, 2, 100), 30);
	rig_reopen();
	assert_ok(ops->stats(store, &stats, &error));
	expect_eq(stats.last_seq, last);
	expect_eq(stats.events, 0);
	expect_eq(attach("late"), last);
	expect_gt(append("x", 1), last);
}

static struct hsw_store_usage
usage(void)
{
	struct hsw_store_usage u;

	assert_ok(ops->usage(store, &u, &error));
	return u;
}

static void
the_oldest_event_that_nothing_names_is_told(void)
{
	attach("crm");
	expect_eq(usage().oldest_ms, 0);
	for (int i = 1; i <= 5; i++)
		append("x", i * 10);
	expect_eq(usage().oldest_ms, 10);
	set_dead("crm", 1, 1, 1);
	set_retry("crm", 2, 1, 1);
	expect_eq(usage().oldest_ms, 30);
	expect_eq(prune(4, 1000, 100), 2);
	expect_eq(usage().oldest_ms, 50);
	set_settled("crm", 2);
	expect_eq(usage().oldest_ms, 20);
	rig_reopen();
	expect_eq(prune(5, 1000, 100), 2);
	expect_eq(usage().oldest_ms, 0);
	expect_text(log_seqs(), "1");
}

/* A text of which a store that compresses makes nothing smaller: any bytes but NUL. */
static void
fill(char *text, size_t size, uint64_t *random)
{
	for (size_t i = 0; i + 1 < size; i++) {
		*random = *random * 6364136223846793005u + 1442695040888963407u;
		text[i] = (char)(1 + (*random >> 33) % 255);
	}
}

static void
room_in_use_falls_with_what_is_deleted(void)
{
	static char body[3000];
	uint64_t random = 1;

	for (int i = 0; i < 1000; i++) {
		fill(body, sizeof(body), &random);
		append(body, 1);
	}
	int64_t full = usage().bytes;
	expect_gt(full, 2900 * 1000);
	expect_le(full, 4500 * 1000);
	expect_eq(prune(500, 2, 500), 500);
	int64_t half = usage().bytes;
	expect_gt(half, 2900 * 500);
	expect_le(half, full * 6 / 10);
	rig_reopen();
	expect_gt(usage().bytes, 2900 * 500);
	expect_le(usage().bytes, full * 6 / 10);
}

/* ---- life and death ---- */

static void
a_detached_destination_is_forgotten_with_its_exceptions(void)
{
	attach("a/x");
	attach("crm");
	int64_t last = append_many(4, 1);
	set_cursor("a/x", 2);
	set_retry("a/x", 3, 1, 1000);
	set_dead("a/x", 4, 5, 1000);
	set_dead("crm", 1, 5, 1000);
	assert_ok(ops->detach(store, str("a/x"), &error));
	assert_ok(ops->detach(store, str("nobody"), &error));
	expect_text(retries_of("a/x"), "");
	expect_text(dead_of(""), "crm:1");
	expect_eq(prune(last, 2, 100), 3);
	expect_eq(attach("a/x"), last);
	rig_reopen();
	expect_eq(attach("a/x"), last);
	expect_text(log_seqs(), "1");
}

static void
idle_loses_nothing(void)
{
	append_many(200, 1);
	if (ops->idle != NULL)
		ops->idle(store);
	append_many(200, 1);
	if (ops->idle != NULL)
		ops->idle(store);
	rig_reopen();
	expect_eq(read_page(0, 1000, SIZE_MAX, -1), 400);
}

static void
what_was_committed_survives_a_kill(void)
{
	rig_close();
	rig_kill_and_recover(5, NULL);
}

const struct suite_store_test fake_suite_of_stores[] = {
	STORE_TEST(a_new_store_is_empty),
	STORE_TEST(events_of_a_batch_get_growing_seqs_in_their_order),
	STORE_TEST(every_member_of_an_event_comes_back),
	STORE_TEST(empty_members_come_back_empty),
	STORE_TEST(nul_and_bad_utf8_in_a_body_come_back),
	STORE_TEST(a_body_of_20_mb_comes_back),
	STORE_TEST(a_page_ends_where_it_was_asked_to),
	STORE_TEST(events_are_read_by_their_seqs_and_missing_ones_passed_over),
	STORE_TEST(nothing_of_a_batch_that_fails_is_kept),
	STORE_TEST(a_destination_that_was_never_attached_cannot_be_written),
	STORE_TEST(figures_of_a_log),
	STORE_TEST(a_new_destination_begins_at_the_end_of_the_log),
	STORE_TEST(a_cursor_never_goes_back),
	STORE_TEST(all_destinations_are_listed_and_alike_names_are_different),
	STORE_TEST(only_old_and_settled_events_are_deleted),
	STORE_TEST(events_go_in_batches_and_a_short_one_is_the_last),
	STORE_TEST(events_that_an_exception_names_are_kept_until_it_ends),
	STORE_TEST(many_kept_events_do_not_hide_old_ones_behind_them),
	STORE_TEST(an_event_of_a_wrong_clock_is_kept_and_hides_nothing_for_ever),
	STORE_TEST(seqs_are_not_used_again_after_everything_was_deleted),
	STORE_TEST(the_oldest_event_that_nothing_names_is_told),
	STORE_TEST(room_in_use_falls_with_what_is_deleted),
	STORE_TEST(a_detached_destination_is_forgotten_with_its_exceptions),
	STORE_TEST(idle_loses_nothing),
	STORE_TEST(what_was_committed_survives_a_kill),
	{ NULL, NULL },
};
