/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_kv_store.c - what hookswitch/kv.h makes of a backend, where the suite of all stores cannot look: within a batch,
 * when writes fail, when rows are damaged. The backend is an array in memory, which holds the library to what kv.h
 * promises to backends.
 */
#include <stdio.h>
#include <string.h>

#include <hookswitch/kv.h>

#include "kv/code.h"
#include "unit.h"

#define PAIRS 200

struct pair {
	char *key, *value;
	size_t key_len, value_len;
};

static struct {
	struct pair pairs[PAIRS];
	size_t n;
	int fails;      /* what the next write returns; 0: it does not fail */
	bool is_done;   /* it does all the same */
	int scan_fails; /* which scan from now on fails; 0: none */
	bool is_new;    /* what the last write was told */
	bool is_busy;   /* a call is under way */
	int opened;
} map;

static struct hsw_str
key_of(const struct pair *p)
{
	return (struct hsw_str){ p->key, p->key_len };
}

static char *
copy(struct hsw_str s)
{
	char *bytes = malloc(s.len + 1);

	memcpy(bytes, s.s, s.len);
	return bytes;
}

static size_t
place(struct hsw_str key)
{
	size_t i = 0;

	while (i < map.n && kv_compare(key_of(&map.pairs[i]), key) < 0)
		i++;
	return i;
}

static void
drop(size_t i)
{
	free(map.pairs[i].key);
	free(map.pairs[i].value);
	memmove(&map.pairs[i], &map.pairs[i + 1], (--map.n - i) * sizeof(map.pairs[0]));
}

static void
change(struct hsw_str key, struct hsw_str value, bool is_delete)
{
	size_t i = place(key);

	if (i < map.n && kv_is_same(key_of(&map.pairs[i]), key))
		drop(i);
	if (is_delete)
		return;
	ck_assert_uint_lt(map.n, PAIRS);
	memmove(&map.pairs[i + 1], &map.pairs[i], (map.n++ - i) * sizeof(map.pairs[0]));
	map.pairs[i] = (struct pair){ copy(key), copy(value), key.len, value.len };
}

static int
map_write(void *self, const struct hsw_kv_change *changes, size_t n, int is_new,
	struct hsw_error *err)
{
	int rc = map.fails;

	ck_assert_ptr_eq(self, &map);
	ck_assert(!map.is_busy);
	ck_assert_uint_gt(n, 0);
	for (size_t i = 0; i < n; i++) {
		ck_assert_uint_gt(changes[i].key.len, 0);
		ck_assert_uint_le(changes[i].key.len, HSW_KV_KEY_MAX);
		ck_assert(changes[i].is_delete || changes[i].value.len > 0);
		ck_assert(i == 0 || kv_compare(changes[i - 1].key, changes[i].key) < 0);
	}
	for (size_t i = 0; (rc == HSW_OK || map.is_done) && i < n; i++)
		change(changes[i].key, changes[i].value, changes[i].is_delete);
	map.is_new = is_new;
	map.fails = 0;
	snprintf(err->text, sizeof(err->text), "it fails");
	return rc;
}

static int
map_scan(void *self, struct hsw_str from, hsw_kv_fn *fn, void *arg, struct hsw_error *err)
{
	(void)err;
	ck_assert_ptr_eq(self, &map);
	ck_assert(!map.is_busy);
	ck_assert_uint_gt(from.len, 0);
	if (map.scan_fails > 0 && --map.scan_fails == 0)
		return HSW_EIO;
	map.is_busy = true;
	for (size_t i = place(from); i < map.n; i++) {
		const struct pair *p = &map.pairs[i];
		if (fn(arg, key_of(p), (struct hsw_str){ p->value, p->value_len }) != 0)
			break;
	}
	map.is_busy = false;
	return HSW_OK;
}

static int
map_open(const struct hsw_host *host, struct hsw_handle *handle, const void *conf, void **self,
	struct hsw_error *err)
{
	(void)host;
	(void)handle;
	(void)conf;
	(void)err;
	*self = &map;
	map.opened++;
	return HSW_OK;
}

static int64_t
map_bytes(void *self)
{
	(void)self;
	return (int64_t)map.n;
}

static void
map_close(void *self)
{
	ck_assert_ptr_eq(self, &map);
	map.opened--;
}

static const struct hsw_kv_ops kv = {
	.size = sizeof(struct hsw_kv_ops),
	.open = map_open,
	.write = map_write,
	.scan = map_scan,
	.bytes = map_bytes,
	.close = map_close,
};

/* ---- the store ---- */

static void *store;
static struct hsw_error error;

static struct hsw_str
str(const char *s)
{
	return (struct hsw_str){ s, strlen(s) };
}

#define assert_ok(call) ck_assert_msg((call) == HSW_OK, "%s: %s", #call, error.text)

static int
open_store(void)
{
	return hsw_kv_open(&kv, NULL, NULL, NULL, &store, &error);
}

static void
setup(void)
{
	assert_ok(open_store());
}

static void
teardown(void)
{
	hsw_kv_close(store);
	ck_assert_int_eq(map.opened, 0);
	while (map.n > 0)
		drop(map.n - 1);
}

static void
reopen(void)
{
	hsw_kv_close(store);
	setup();
}

static int
commit_one(struct hsw_write w)
{
	return hsw_kv_commit(store, (struct hsw_write *[]){ &w }, 1, &error);
}

static int
append(int64_t *seq)
{
	struct hsw_store_event e = { .received_ms = 1, .body = str("{}") };
	int rc = commit_one((struct hsw_write){ .kind = HSW_WRITE_EVENT, .event = &e });

	*seq = e.seq;
	return rc;
}

static int64_t
attach(const char *name)
{
	int64_t cursor = -1;

	assert_ok(hsw_kv_attach(store, str(name), &cursor, &error));
	return cursor;
}

static struct hsw_write
of_crm(enum hsw_write_kind kind, int64_t seq)
{
	return (struct hsw_write){
		.kind = kind, .destination = { "crm", 3 }, .seq = seq, .text = { "late", 4 }
	};
}

static int
count_one(void *arg, const struct hsw_store_exception *x)
{
	(void)x;
	++*(int *)arg;
	return HSW_OK;
}

static int
retries(void)
{
	int n = 0;

	assert_ok(hsw_kv_retries(store, str("crm"), 0, 100, count_one, &n, &error));
	return n;
}

static int
dead(void)
{
	const struct hsw_dead_query q = { .limit = 0 };
	int n = 0;

	assert_ok(hsw_kv_dead(store, &q, count_one, &n, &error));
	return n;
}

static int
take_event(void *arg, const struct hsw_store_event *e)
{
	(void)e;
	++*(int *)arg;
	return HSW_OK;
}

/* ---- within a batch ---- */

START_TEST(the_furthest_cursor_of_a_batch_counts)
{
	struct hsw_write a = of_crm(HSW_WRITE_CURSOR, 3), b = of_crm(HSW_WRITE_CURSOR, 2);

	attach("crm");
	assert_ok(hsw_kv_commit(store, (struct hsw_write *[]){ &a, &b }, 2, &error));
	ck_assert_int_eq(attach("crm"), 3);
	reopen();
	ck_assert_int_eq(attach("crm"), 3);
}
END_TEST

START_TEST(a_retry_that_dies_in_its_batch_is_a_dead_letter_alone)
{
	struct hsw_write retry = of_crm(HSW_WRITE_RETRY, 1), end = of_crm(HSW_WRITE_DEAD, 1);
	int64_t seq;

	attach("crm");
	assert_ok(append(&seq));
	assert_ok(hsw_kv_commit(store, (struct hsw_write *[]){ &retry, &end }, 2, &error));
	ck_assert_int_eq(retries(), 0);
	ck_assert_int_eq(dead(), 1);
}
END_TEST

START_TEST(what_is_settled_and_tried_again_in_a_batch_is_a_retry)
{
	struct hsw_write settled = of_crm(HSW_WRITE_SETTLED, 1), again = of_crm(HSW_WRITE_RETRY, 1);
	size_t n;
	int64_t seq;

	attach("crm");
	assert_ok(append(&seq));
	assert_ok(commit_one(again));
	assert_ok(hsw_kv_commit(store, (struct hsw_write *[]){ &settled, &again }, 2, &error));
	ck_assert_int_eq(retries(), 1);
	assert_ok(hsw_kv_prune(store, INT64_MAX, INT64_MAX, 10, &n, &error));
	ck_assert_uint_eq(n, 0);
	assert_ok(hsw_kv_commit(store, (struct hsw_write *[]){ &again, &settled }, 2, &error));
	ck_assert_int_eq(retries(), 0);
	assert_ok(hsw_kv_prune(store, INT64_MAX, INT64_MAX, 10, &n, &error));
	ck_assert_uint_eq(n, 1);
}
END_TEST

START_TEST(a_record_of_the_batch_is_the_one_that_is_there)
{
	const struct hsw_store_record first = { str("k"), str("n"), str("1") };
	const struct hsw_store_record second = { str("k"), str("n"), str("2") };
	struct hsw_write put = { .kind = HSW_WRITE_RECORD, .record = &first };
	struct hsw_write forget = { .kind = HSW_WRITE_FORGET, .record = &first };
	struct hsw_write replace = {
		.kind = HSW_WRITE_RECORD_IF, .record = &second, .text = str("1")
	};
	struct hsw_write make = { .kind = HSW_WRITE_RECORD_IF, .record = &second };

	assert_ok(hsw_kv_commit(store, (struct hsw_write *[]){ &put, &replace }, 2, &error));
	ck_assert_int_eq(
		hsw_kv_commit(store, (struct hsw_write *[]){ &forget, &replace }, 2, &error),
		HSW_ENOENT);
	assert_ok(hsw_kv_commit(store, (struct hsw_write *[]){ &forget, &make }, 2, &error));
	ck_assert_int_eq(commit_one(make), HSW_ENOENT);
}
END_TEST

START_TEST(only_batches_with_something_new_are_said_to_have_it)
{
	const struct hsw_store_record r = { str("k"), str("n"), str("1") };
	size_t n;
	int64_t seq;

	attach("crm");
	ck_assert(!map.is_new);
	assert_ok(append(&seq));
	ck_assert(map.is_new);
	assert_ok(commit_one(of_crm(HSW_WRITE_RETRY, 1)));
	ck_assert(!map.is_new);
	assert_ok(commit_one((struct hsw_write){ .kind = HSW_WRITE_MEMO, .record = &r }));
	ck_assert(map.is_new);
	assert_ok(commit_one(of_crm(HSW_WRITE_SETTLED, 1)));
	assert_ok(hsw_kv_prune(store, INT64_MAX, INT64_MAX, 10, &n, &error));
	ck_assert_uint_eq(n, 1);
	ck_assert(!map.is_new);
	assert_ok(commit_one((struct hsw_write){ .kind = HSW_WRITE_RECORD, .record = &r }));
	ck_assert(map.is_new);
	assert_ok(commit_one((struct hsw_write){ .kind = HSW_WRITE_FORGET, .record = &r }));
	ck_assert(!map.is_new);
}
END_TEST

/* ---- when writes fail ---- */

START_TEST(after_a_write_that_failed_and_was_done_its_seqs_are_not_used_again)
{
	struct hsw_store_stats stats;
	int64_t seq;

	map.fails = HSW_EIO;
	map.is_done = true;
	ck_assert_int_eq(append(&seq), HSW_EIO);
	assert_ok(append(&seq));
	ck_assert_int_eq(seq, 2);
	assert_ok(hsw_kv_stats(store, &stats, &error));
	ck_assert_int_eq(stats.events, 2);
	ck_assert_int_eq(stats.first_seq, 1);
	map.is_done = false;
}
END_TEST

/* An event that may have come before, since that time; its seq. */
static int
append_known(char id, int64_t since_ms, int64_t *seq)
{
	struct hsw_store_event e = {
		.seq = -1, .received_ms = 1000, .id = { id }, .body = str("{}")
	};
	int rc = commit_one(
		(struct hsw_write){ .kind = HSW_WRITE_EVENT, .event = &e, .at_ms = since_ms });

	*seq = e.seq;
	return rc;
}

/* It fails, and is done. */
static void
append_in_doubt(char id)
{
	int64_t seq;

	map.fails = HSW_EAGAIN;
	map.is_done = true;
	ck_assert_int_eq(append_known(id, 1, &seq), HSW_EAGAIN);
	map.is_done = false;
}

static int64_t
events(void)
{
	struct hsw_store_stats stats;

	assert_ok(hsw_kv_stats(store, &stats, &error));
	return stats.events;
}

START_TEST(an_event_of_a_write_that_failed_and_was_done_is_not_appended_again)
{
	int64_t seq;
	int n = 0;

	assert_ok(append_known('a', 1, &seq));
	append_in_doubt('b');
	append_in_doubt('c');
	map.is_new = true;
	for (int i = 0; i < 2; i++) {
		assert_ok(append_known('b', 1, &seq));
		ck_assert_int_eq(seq, 0);
	}
	ck_assert(!map.is_new);
	assert_ok(append_known('c', 1000, &seq));
	ck_assert_int_eq(seq, 0);
	assert_ok(append_known('d', 1, &seq));
	ck_assert_int_eq(seq, 4);
	/* What was received before that time, and what is not asked for, is another event. */
	assert_ok(append_known('c', 1001, &seq));
	ck_assert_int_eq(seq, 5);
	assert_ok(append_known('b', 0, &seq));
	ck_assert_int_eq(seq, 6);
	ck_assert_int_eq(events(), 6);
	assert_ok(hsw_kv_read(store, 0, 100, SIZE_MAX, take_event, &n, &error));
	ck_assert_int_eq(n, 6);
}
END_TEST

START_TEST(events_of_a_write_that_failed_are_found_though_the_store_cannot_be_read_at_first)
{
	int64_t seq;

	append_in_doubt('a');
	for (int i = 1; i <= 3; i++) {
		map.scan_fails = i;
		ck_assert_int_eq(append_known('b', 1, &seq), HSW_EIO);
	}
	assert_ok(append_known('a', 1, &seq));
	ck_assert_int_eq(seq, 0);
	ck_assert_int_eq(events(), 1);
}
END_TEST

START_TEST(after_a_write_that_failed_all_is_as_before)
{
	const int results[] = { HSW_EIO, HSW_EAGAIN, HSW_ELIMIT, HSW_ENOMEM, 7, -100 };
	int64_t seq;

	attach("crm");
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		bool is_known = results[i] < 0 && results[i] >= HSW_EUNPROCESSABLE;
		map.fails = results[i];
		ck_assert_int_eq(
			commit_one(of_crm(HSW_WRITE_CURSOR, 5)), is_known ? results[i] : HSW_EIO);
		ck_assert_str_ne(error.text, "");
		ck_assert_int_eq(attach("crm"), 0);
	}
	map.fails = HSW_EAGAIN;
	ck_assert_int_eq(append(&seq), HSW_EAGAIN);
	map.fails = HSW_EAGAIN;
	ck_assert_int_eq(hsw_kv_attach(store, str("erp"), &seq, &error), HSW_EAGAIN);
	assert_ok(append(&seq));
	ck_assert_int_eq(seq, 1);
	ck_assert_int_eq(attach("erp"), 1);
	map.fails = HSW_EIO;
	ck_assert_int_eq(hsw_kv_detach(store, str("erp"), &error), HSW_EIO);
	ck_assert_int_eq(attach("erp"), 1);
}
END_TEST

START_TEST(a_name_that_makes_too_long_a_key_is_refused)
{
	static char name[HSW_KV_KEY_MAX + 1];
	int64_t cursor;
	int n = 0;

	memset(name, 'a', HSW_KV_KEY_MAX);
	ck_assert_int_eq(hsw_kv_attach(store, str(name), &cursor, &error), HSW_EINVAL);
	ck_assert_str_ne(error.text, "");
	assert_ok(hsw_kv_retries(store, str(name), 0, 1, count_one, &n, &error));
	assert_ok(hsw_kv_detach(store, str(name), &error));
}
END_TEST

/* ---- what is in the map ---- */

START_TEST(something_else_than_a_journal_is_refused)
{
	hsw_kv_close(store);
	drop(0);
	change(str("other"), str("value"), false);
	ck_assert_int_eq(open_store(), HSW_EIO);
	ck_assert_ptr_nonnull(strstr(error.text, "something else"));
	ck_assert_int_eq(map.opened, 0);
	drop(0);
	setup();
}
END_TEST

START_TEST(a_newer_journal_is_refused)
{
	hsw_kv_close(store);
	map.pairs[0].value[0] = VALUE_VERSION + 1;
	ck_assert_int_eq(open_store(), HSW_EIO);
	ck_assert_ptr_nonnull(strstr(error.text, "newer version"));
	ck_assert_int_eq(map.opened, 0);
	map.pairs[0].value[0] = VALUE_VERSION;
	setup();
}
END_TEST

static int
take_cursor(void *arg, struct hsw_str name, int64_t cursor)
{
	(void)name;
	(void)cursor;
	++*(int *)arg;
	return HSW_OK;
}

static int
take_record(void *arg, const struct hsw_store_record *r)
{
	(void)r;
	++*(int *)arg;
	return HSW_OK;
}

static int
take_memo(void *arg, int64_t at_ms, struct hsw_str text)
{
	(void)at_ms;
	(void)text;
	++*(int *)arg;
	return HSW_OK;
}

/* Calls everything that reads. How many calls failed; each of them has said why. */
static int
use_all(void)
{
	const struct hsw_dead_query q = { .id = { "0123456789abcdef", HSW_EVENT_ID_BYTES } };
	const struct hsw_dead_query all = { .limit = 0 };
	struct hsw_store_stats stats;
	struct hsw_store_usage usage;
	int n = 0, bad = 0, is_through;
	size_t count;

#define TRY(call)                                                                               \
	do {                                                                                    \
		error.text[0] = '\0';                                                           \
		int rc = (call);                                                                \
		ck_assert_msg(                                                                  \
			rc == HSW_OK || (rc == HSW_EIO && error.text[0] != '\0'), "%s", #call); \
		bad += rc != HSW_OK;                                                            \
	} while (0)
	TRY(hsw_kv_read(store, 0, 100, SIZE_MAX, take_event, &n, &error));
	TRY(hsw_kv_read_seqs(store, (int64_t[]){ 1, 2 }, 2, take_event, &n, &error));
	TRY(hsw_kv_cursors(store, take_cursor, &n, &error));
	TRY(hsw_kv_retries(store, str("crm"), 0, 10, count_one, &n, &error));
	TRY(hsw_kv_dead(store, &all, count_one, &n, &error));
	TRY(hsw_kv_dead(store, &q, count_one, &n, &error));
	TRY(hsw_kv_dead_counts(store, take_cursor, &n, &error));
	TRY(hsw_kv_records(store, take_record, &n, &error));
	TRY(hsw_kv_memos(store, str("k"), 0, take_memo, &n, &error));
	TRY(hsw_kv_stats(store, &stats, &error));
	TRY(hsw_kv_usage(store, &usage, &error));
	TRY(hsw_kv_forget_memos(store, str("k"), 0, &error));
	TRY(hsw_kv_dead_expire(store, 0, 10, &count, &is_through, &error));
	TRY(hsw_kv_prune(store, 10, 0, 10, &count, &error));
#undef TRY
	return bad;
}

static void
fill(void)
{
	const struct hsw_store_record r = { str("k"), str("n"), str("1") };
	int64_t seq;

	attach("crm");
	for (int i = 0; i < 3; i++)
		assert_ok(append(&seq));
	assert_ok(commit_one(of_crm(HSW_WRITE_RETRY, 1)));
	assert_ok(commit_one(of_crm(HSW_WRITE_DEAD, 2)));
	assert_ok(commit_one((struct hsw_write){ .kind = HSW_WRITE_RECORD, .record = &r }));
	assert_ok(commit_one((struct hsw_write){ .kind = HSW_WRITE_MEMO, .record = &r }));
}

/* What is remembered is seen at the next start. */
static void
open_with_damage(size_t *len)
{
	ck_assert_int_eq(open_store(), HSW_EIO);
	ck_assert_str_ne(error.text, "");
	++*len;
	setup();
}

/* The row's value, or its key, is cut by a byte; all is used, also after a restart. A key that is cut may be where
 * nobody looks, and nobody reads what is in the index: that it is there is all. */
static void
use_with_damage(size_t i, bool is_key)
{
	size_t *len = is_key ? &map.pairs[i].key_len : &map.pairs[i].value_len;
	char table = map.pairs[i].key[0];
	bool is_remembered = table == KV_META || table == KV_CURSOR;

	--*len;
	int bad = use_all();
	if (!is_key && !is_remembered && table != KV_NAMED)
		ck_assert_msg(bad > 0, "row %zu", i);
	hsw_kv_close(store);
	if (is_remembered) {
		open_with_damage(len);
	} else {
		++*len;
		setup();
	}
	ck_assert_int_eq(use_all(), 0);
}

START_TEST(a_damaged_row_is_an_error_and_never_a_crash)
{
	fill();
	ck_assert_int_eq(use_all(), 0);
	for (size_t i = 0; i < map.n; i++) {
		use_with_damage(i, false);
		if (i > 0)
			use_with_damage(i, true);
	}
}
END_TEST

START_TEST(a_retry_whose_event_is_gone_is_not_listed)
{
	struct hsw_str key;

	fill();
	ck_assert_int_eq(retries(), 1);
	for (size_t i = 0; i < map.n; i++) {
		key = key_of(&map.pairs[i]);
		if (key.s[0] == KV_EVENT && key.s[8] == 1)
			drop(i--);
	}
	ck_assert_int_eq(retries(), 0);
	ck_assert_int_eq(dead(), 1);
}
END_TEST

START_TEST(ops_that_lack_a_call_are_refused)
{
	struct hsw_kv_ops lacking = kv;
	void *none = NULL;

	lacking.scan = NULL;
	ck_assert_int_eq(hsw_kv_open(&lacking, NULL, NULL, NULL, &none, &error), HSW_EINVAL);
	lacking = kv;
	lacking.size--;
	ck_assert_int_eq(hsw_kv_open(&lacking, NULL, NULL, NULL, &none, &error), HSW_EINVAL);
	ck_assert_ptr_null(none);
}
END_TEST

UNIT_MAIN_WITH("kv_store", setup, teardown, the_furthest_cursor_of_a_batch_counts,
	a_retry_that_dies_in_its_batch_is_a_dead_letter_alone,
	what_is_settled_and_tried_again_in_a_batch_is_a_retry,
	a_record_of_the_batch_is_the_one_that_is_there,
	only_batches_with_something_new_are_said_to_have_it,
	after_a_write_that_failed_and_was_done_its_seqs_are_not_used_again,
	an_event_of_a_write_that_failed_and_was_done_is_not_appended_again,
	events_of_a_write_that_failed_are_found_though_the_store_cannot_be_read_at_first,
	after_a_write_that_failed_all_is_as_before, a_name_that_makes_too_long_a_key_is_refused,
	something_else_than_a_journal_is_refused, a_newer_journal_is_refused,
	a_damaged_row_is_an_error_and_never_a_crash, a_retry_whose_event_is_gone_is_not_listed,
	ops_that_lack_a_call_are_refused)
