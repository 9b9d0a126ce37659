/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_store.c - what every store plugin must do: log, cursors, deletion of what is old. Exceptions
 * have a program of their own. See store_rig.h for how a store is named.
 */
#include "store_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit.h"

#define assert_ok(call) ck_assert_msg((call) == HSW_OK, "%s: %s", #call, error.text)

/* ---- the log ---- */

START_TEST(a_new_store_is_empty)
{
	struct hsw_store_stats stats;

	assert_ok(ops->stats(store, &stats, &error));
	ck_assert_int_eq(stats.first_seq, 0);
	ck_assert_int_eq(stats.last_seq, 0);
	ck_assert_int_eq(stats.events, 0);
	ck_assert_str_eq(log_seqs(), "");
}
END_TEST

START_TEST(events_of_a_batch_get_growing_seqs_in_their_order)
{
	struct hsw_store_event events[3] = { 0 };
	struct hsw_write writes[3], *batch[3];
	int64_t before = append("x", 1);

	for (int i = 0; i < 3; i++) {
		writes[i] = (struct hsw_write){ .kind = HSW_WRITE_EVENT, .event = &events[i] };
		batch[2 - i] = &writes[i];
	}
	assert_ok(ops->commit(store, batch, 3, &error));
	ck_assert_int_gt(before, 0);
	ck_assert_int_gt(events[2].seq, before);
	ck_assert_int_gt(events[1].seq, events[2].seq);
	ck_assert_int_gt(events[0].seq, events[1].seq);
}
END_TEST

static void
assert_str(struct hsw_str got, struct hsw_str expected)
{
	ck_assert_uint_eq(got.len, expected.len);
	if (got.len > 0)
		ck_assert_mem_eq(got.s, expected.s, got.len);
}

static int
compare_event(void *arg, const struct hsw_store_event *got)
{
	const struct hsw_store_event *expected = *(const struct hsw_store_event **)arg;

	ck_assert_int_eq(got->seq, expected->seq);
	ck_assert_int_eq(got->received_ms, expected->received_ms);
	ck_assert_mem_eq(got->id, expected->id, sizeof(got->id));
	assert_str(got->instance, expected->instance);
	assert_str(got->type, expected->type);
	assert_str(got->provider, expected->provider);
	assert_str(got->key, expected->key);
	assert_str(got->layout, expected->layout);
	assert_str(got->body, expected->body);
	*(const struct hsw_store_event **)arg = NULL;
	return HSW_OK;
}

static void
assert_comes_back(struct hsw_store_event e)
{
	const struct hsw_store_event *expected = &e;

	assert_ok(commit_one((struct hsw_write){ .kind = HSW_WRITE_EVENT, .event = &e }));
	rig_reopen();
	assert_ok(ops->read(store, e.seq - 1, 1, SIZE_MAX, compare_event, &expected, &error));
	ck_assert_ptr_null(expected);
	expected = &e;
	assert_ok(ops->read_seqs(store, &e.seq, 1, compare_event, &expected, &error));
	ck_assert_ptr_null(expected);
}

START_TEST(every_member_of_an_event_comes_back)
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
END_TEST

START_TEST(empty_members_come_back_empty)
{
	assert_comes_back((struct hsw_store_event){ .received_ms = 0 });
}
END_TEST

START_TEST(nul_and_bad_utf8_in_a_body_come_back)
{
	assert_comes_back((struct hsw_store_event){
		.layout = { "\0", 1 }, .body = { "a\0b\xc3\x28\xff\xfe'\\\r\n", 11 } });
}
END_TEST

START_TEST(a_body_of_20_mb_comes_back)
{
	size_t len = 20 << 20;
	char *body = malloc(len);

	for (size_t i = 0; i < len; i++)
		body[i] = (char)(i * 31 + i / 4096);
	assert_comes_back((struct hsw_store_event){ .body = { body, len } });
	free(body);
}
END_TEST

struct tally {
	int64_t n, last, stop_after;
};

static int
tally_event(void *arg, const struct hsw_store_event *e)
{
	struct tally *t = arg;

	ck_assert_int_gt(e->seq, t->last);
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

START_TEST(a_page_ends_where_it_was_asked_to)
{
	int64_t first = append("12345", 1);
	for (int i = 0; i < 9; i++)
		append("12345", 1);

	ck_assert_int_eq(read_page(0, 4, SIZE_MAX, -1), 4);
	ck_assert_int_eq(read_page(0, SIZE_MAX, SIZE_MAX, -1), 10);
	ck_assert_int_eq(read_page(0, 100, 10, -1), 2); /* the second makes it 10 */
	ck_assert_int_eq(read_page(0, 100, 11, -1), 3);
	ck_assert_int_eq(read_page(0, 100, 1, -1), 1);
	ck_assert_int_eq(read_page(0, 100, SIZE_MAX, 7), 7);
	ck_assert_int_eq(read_page(first, 100, SIZE_MAX, -1), 9);
	ck_assert_int_eq(read_page(first + 100, 100, SIZE_MAX, -1), 0);
}
END_TEST

START_TEST(events_are_read_by_their_seqs_and_missing_ones_passed_over)
{
	int64_t a = append("a", 1), b = append("b", 1), c = append("c", 1);
	struct tally t = { .stop_after = -1 };

	assert_ok(ops->read_seqs(store, (int64_t[]){ a, c, c + 1000 }, 3, tally_event, &t, &error));
	ck_assert_int_eq(t.n, 2);
	ck_assert_int_eq(t.last, c);
	t = (struct tally){ .stop_after = 2 };
	assert_ok(ops->read_seqs(store, (int64_t[]){ a, b, c }, 3, tally_event, &t, &error));
	ck_assert_int_eq(t.n, 2);
	ck_assert_int_eq(t.last, b);
	assert_ok(ops->read_seqs(store, NULL, 0, tally_event, &t, &error));
}
END_TEST

START_TEST(nothing_of_a_batch_that_fails_is_kept)
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
	ck_assert_int_lt(rc, 0);
	ck_assert_str_ne(error.text, "");
	ck_assert_int_eq(read_page(seq, 10, SIZE_MAX, -1), 0);
	ck_assert_int_lt(attach("crm"), seq);
	ck_assert_str_eq(retries_of("crm"), "");
	ck_assert_int_gt(append("works again", 1), seq);
}
END_TEST

START_TEST(a_destination_that_was_never_attached_cannot_be_written)
{
	attach("crm");
	int64_t seq = append("x", 1);

	for (int kind = HSW_WRITE_CURSOR; kind <= HSW_WRITE_DEAD; kind++)
		ck_assert_int_lt(commit_one((struct hsw_write){ .kind = (enum hsw_write_kind)kind,
					 .destination = str("cr"),
					 .seq = seq }),
			0);
	ck_assert_str_eq(retries_of("cr"), "");
	ck_assert_str_eq(dead_of(""), "");
}
END_TEST

START_TEST(figures_of_a_log)
{
	struct hsw_store_stats stats;
	int64_t last = append_many(300, 1), first = last - 299;

	assert_ok(ops->stats(store, &stats, &error));
	ck_assert_int_eq(stats.first_seq, first);
	ck_assert_int_eq(stats.last_seq, last);
	ck_assert_int_ge(stats.events, 150);
	ck_assert_int_le(stats.events, 600);
	ck_assert_int_gt(stats.bytes, 300);
}
END_TEST

/* ---- destinations ---- */

START_TEST(a_new_destination_begins_at_the_end_of_the_log)
{
	int64_t last = append_many(7, 1);

	ck_assert_int_eq(attach("late"), last);
	append_many(3, 1);
	ck_assert_int_eq(attach("late"), last);
	rig_reopen();
	ck_assert_int_eq(attach("late"), last);
}
END_TEST

START_TEST(a_cursor_never_goes_back)
{
	attach("crm");
	int64_t last = append_many(9, 1);

	set_cursor("crm", last - 1);
	set_cursor("crm", last - 5);
	ck_assert_int_eq(attach("crm"), last - 1);
	rig_reopen();
	set_cursor("crm", 0);
	ck_assert_int_eq(attach("crm"), last - 1);
	set_cursor("crm", last);
	ck_assert_int_eq(attach("crm"), last);
}
END_TEST

struct cursors {
	int n;
	int64_t sum;
};

static int
add_cursor(void *arg, struct hsw_str destination, int64_t cursor)
{
	struct cursors *c = arg;

	ck_assert_uint_gt(destination.len, 0);
	c->n++;
	c->sum += cursor;
	return HSW_OK;
}

START_TEST(all_destinations_are_listed_and_alike_names_are_different)
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
		ck_assert_int_eq(attach(names[i]), (int64_t)i + 1);
	assert_ok(ops->cursors(store, add_cursor, &c, &error));
	ck_assert_int_eq(c.n, 6);
	ck_assert_int_eq(c.sum, sum);
}
END_TEST

/* ---- deleting what is old ---- */

START_TEST(only_old_and_settled_events_are_deleted)
{
	for (int i = 1; i <= 8; i++)
		append("x", i * 10);

	ck_assert_uint_eq(prune(8, 10, 100), 0);
	ck_assert_uint_eq(prune(3, 1000, 100), 3);
	ck_assert_str_eq(log_seqs(), "4 5 6 7 8");
	ck_assert_uint_eq(prune(8, 60, 100), 2);
	ck_assert_str_eq(log_seqs(), "6 7 8");
	ck_assert_uint_eq(prune(8, 60, 100), 0);
	ck_assert_uint_eq(prune(0, 1000, 100), 0);
}
END_TEST

START_TEST(events_go_in_batches_and_a_short_one_is_the_last)
{
	append_many(25, 1);
	ck_assert_uint_eq(prune(24, 2, 10), 10);
	ck_assert_uint_eq(prune(24, 2, 10), 10);
	ck_assert_uint_eq(prune(24, 2, 10), 4);
	ck_assert_str_eq(log_seqs(), "25");
	ck_assert_uint_eq(prune(INT64_MAX, 2, 10), 1);
	ck_assert_uint_eq(prune(INT64_MAX, 2, 10), 0);
}
END_TEST

START_TEST(events_that_an_exception_names_are_kept_until_it_ends)
{
	size_t n = 0;

	attach("crm");
	attach("erp");
	append_many(8, 1);
	set_retry("crm", 2, 1, 1);
	set_retry("crm", 3, 1, 1);
	set_dead("erp", 3, 1, 1);
	set_dead("erp", 6, 1, 1);
	ck_assert_uint_eq(prune(8, 2, 100), 5);
	ck_assert_str_eq(log_seqs(), "2 3 6");
	set_settled("crm", 2);
	ck_assert_uint_eq(prune(8, 2, 100), 1);
	set_settled("crm", 3);
	ck_assert_uint_eq(prune(8, 2, 100), 0);
	assert_ok(ops->dead_purge(
		store, &(struct hsw_dead_query){ .destination = str("erp") }, &n, &error));
	ck_assert_uint_eq(n, 2);
	ck_assert_uint_eq(prune(8, 2, 100), 2);
	ck_assert_str_eq(log_seqs(), "");
}
END_TEST

START_TEST(many_kept_events_do_not_hide_old_ones_behind_them)
{
	attach("crm");
	int64_t last = append_many(1000, 1);

	for (int64_t seq = 1; seq <= 900; seq++)
		set_dead("crm", seq, 1, 1);
	ck_assert_uint_eq(prune(last, 2, 60), 60);
	ck_assert_uint_eq(prune(last, 2, 60), 40);
	rig_reopen();
	set_dead("crm", append("new", 1), 1, 1);
	append("newer", 1);
	ck_assert_uint_eq(prune(INT64_MAX, 2, 60), 1);
}
END_TEST

START_TEST(an_event_of_a_wrong_clock_is_kept_and_hides_nothing_for_ever)
{
	append_many(20, 100);
	int64_t future = append("from the future", 100000);
	append_many(80, 200);

	size_t n = prune(INT64_MAX, 300, 1000);
	ck_assert_uint_eq(n + prune(INT64_MAX, 300, 1000), 100);
	ck_assert_int_eq(read_page(0, 100, SIZE_MAX, -1), 1);
	ck_assert_int_eq(read_page(future - 1, 100, SIZE_MAX, -1), 1);
	ck_assert_uint_eq(prune(INT64_MAX, 100001, 1000), 1);
}
END_TEST

START_TEST(seqs_are_not_used_again_after_everything_was_deleted)
{
	struct hsw_store_stats stats;
	int64_t last = append_many(30, 1);

	ck_assert_uint_eq(prune(last, 2, 100), 30);
	rig_reopen();
	assert_ok(ops->stats(store, &stats, &error));
	ck_assert_int_eq(stats.last_seq, last);
	ck_assert_int_eq(stats.events, 0);
	ck_assert_int_eq(attach("late"), last);
	ck_assert_int_gt(append("x", 1), last);
}
END_TEST

/* ---- records ---- */

static int
write_record(enum hsw_write_kind kind, const char *of, const char *name, struct hsw_str text)
{
	const struct hsw_store_record r = { str(of), str(name), text };

	return commit_one((struct hsw_write){ .kind = kind, .record = &r });
}

static int
print_record(void *arg, const struct hsw_store_record *r)
{
	char *out = arg;
	size_t n = strlen(out);

	snprintf(out + n, 500 - n, "%.*s/%.*s=%.*s(%zu) ", (int)r->kind.len, r->kind.s,
		(int)r->name.len, r->name.s, (int)r->text.len, r->text.s, r->text.len);
	return HSW_OK;
}

static const char *
records(void)
{
	static char out[500];

	out[0] = '\0';
	assert_ok(ops->records(store, print_record, out, &error));
	return out;
}

START_TEST(records_are_replaced_deleted_and_listed_by_kind_and_name)
{
	ck_assert_str_eq(records(), "");
	assert_ok(write_record(HSW_WRITE_RECORD, "webhook", "b", str("1")));
	assert_ok(write_record(HSW_WRITE_RECORD, "webhook", "a/x", str("22")));
	assert_ok(write_record(HSW_WRITE_RECORD, "instance", "b", str("")));
	assert_ok(write_record(HSW_WRITE_RECORD, "webhook", "b", str("333")));
	assert_ok(write_record(HSW_WRITE_FORGET, "webhook", "nobody", str("")));
	rig_reopen();
	ck_assert_str_eq(records(), "instance/b=(0) webhook/a/x=22(2) webhook/b=333(3) ");
	assert_ok(write_record(HSW_WRITE_FORGET, "webhook", "b", str("")));
	rig_reopen();
	ck_assert_str_eq(records(), "instance/b=(0) webhook/a/x=22(2) ");
}
END_TEST

START_TEST(records_of_a_batch_that_fails_are_not_kept)
{
	const struct hsw_store_record r = { str("webhook"), str("a"), str("1") };
	struct hsw_write good = { .kind = HSW_WRITE_RECORD, .record = &r };
	struct hsw_write bad = { .kind = HSW_WRITE_CURSOR, .destination = str("nobody") };

	ck_assert_int_ne(
		ops->commit(store, (struct hsw_write *[]){ &good, &bad }, 2, &error), HSW_OK);
	ck_assert_str_eq(records(), "");
}
END_TEST

START_TEST(a_detached_destination_is_forgotten_with_its_exceptions)
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
	ck_assert_str_eq(retries_of("a/x"), "");
	ck_assert_str_eq(dead_of(""), "crm:1");
	ck_assert_uint_eq(prune(last, 2, 100), 3);
	ck_assert_int_eq(attach("a/x"), last);
	rig_reopen();
	ck_assert_int_eq(attach("a/x"), last);
	ck_assert_str_eq(log_seqs(), "1");
}
END_TEST

/* ---- life and death ---- */

START_TEST(idle_loses_nothing)
{
	append_many(200, 1);
	if (ops->idle != NULL)
		ops->idle(store);
	append_many(200, 1);
	if (ops->idle != NULL)
		ops->idle(store);
	rig_reopen();
	ck_assert_int_eq(read_page(0, 1000, SIZE_MAX, -1), 400);
}
END_TEST

START_TEST(what_was_committed_survives_a_kill)
{
	rig_close();
	rig_kill_and_recover(5, NULL);
}
END_TEST

/* ---- memos ---- */

static int
write_memo(const char *kind, int64_t at_ms, const char *text)
{
	const struct hsw_store_record r = { .kind = str(kind), .text = str(text) };

	return commit_one(
		(struct hsw_write){ .kind = HSW_WRITE_MEMO, .at_ms = at_ms, .record = &r });
}

static int
print_memo(void *arg, int64_t at_ms, struct hsw_str text)
{
	fprintf(arg, "%lld:%.*s ", (long long)at_ms, (int)text.len, text.s);
	return HSW_OK;
}

static const char *
memos(const char *kind, int64_t since_ms)
{
	static char text[4096];
	FILE *out = fmemopen(text, sizeof(text), "w");

	text[0] = '\0';
	assert_ok(ops->memos(store, str(kind), since_ms, print_memo, out, &error));
	fclose(out);
	return text;
}

START_TEST(memos_are_listed_in_their_order_and_forgotten_by_age)
{
	ck_assert_str_eq(memos("a", 0), "");
	assert_ok(write_memo("a", 10, "x"));
	assert_ok(write_memo("b", 11, "y"));
	assert_ok(write_memo("a", 12, "z"));
	assert_ok(write_memo("a", 9, "late"));
	rig_reopen();
	assert_ok(write_memo("a", 13, "new"));
	ck_assert_str_eq(memos("a", 0), "10:x 12:z 9:late 13:new ");
	ck_assert_str_eq(memos("a", 12), "12:z 13:new ");
	ck_assert_str_eq(memos("b", 0), "11:y ");
	assert_ok(ops->forget_memos(store, str("a"), 11, &error));
	ck_assert_str_eq(memos("a", 12), "12:z 13:new ");
	ck_assert_str_eq(memos("b", 0), "11:y ");
	assert_ok(ops->forget_memos(store, str("a"), 100, &error));
	ck_assert_str_eq(memos("a", 0), "");
	assert_ok(write_memo("a", 14, "again"));
	ck_assert_str_eq(memos("a", 0), "14:again ");
}
END_TEST

UNIT_MAIN_WITH("store", rig_start, rig_end, a_new_store_is_empty,
	events_of_a_batch_get_growing_seqs_in_their_order, every_member_of_an_event_comes_back,
	memos_are_listed_in_their_order_and_forgotten_by_age, empty_members_come_back_empty,
	nul_and_bad_utf8_in_a_body_come_back, a_body_of_20_mb_comes_back,
	a_page_ends_where_it_was_asked_to,
	events_are_read_by_their_seqs_and_missing_ones_passed_over,
	nothing_of_a_batch_that_fails_is_kept,
	a_destination_that_was_never_attached_cannot_be_written, figures_of_a_log,
	a_new_destination_begins_at_the_end_of_the_log, a_cursor_never_goes_back,
	all_destinations_are_listed_and_alike_names_are_different,
	only_old_and_settled_events_are_deleted, events_go_in_batches_and_a_short_one_is_the_last,
	events_that_an_exception_names_are_kept_until_it_ends,
	many_kept_events_do_not_hide_old_ones_behind_them,
	an_event_of_a_wrong_clock_is_kept_and_hides_nothing_for_ever,
	seqs_are_not_used_again_after_everything_was_deleted,
	records_are_replaced_deleted_and_listed_by_kind_and_name,
	records_of_a_batch_that_fails_are_not_kept,
	a_detached_destination_is_forgotten_with_its_exceptions, idle_loses_nothing,
	what_was_committed_survives_a_kill)
