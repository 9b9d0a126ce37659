/* SPDX-License-Identifier: Apache-2.0 */
/* suite_store_records.c - what every store plugin must do with records and memos. */
#include "store_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "suite.h"

#define assert_ok(call) expect_that((call) == HSW_OK, "%s: %s", #call, error.text)

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

static void
records_are_replaced_deleted_and_listed_by_kind_and_name(void)
{
	expect_text(records(), "");
	assert_ok(write_record(HSW_WRITE_RECORD, "webhook", "b", str("1")));
	assert_ok(write_record(HSW_WRITE_RECORD, "webhook", "a/x", str("22")));
	assert_ok(write_record(HSW_WRITE_RECORD, "instance", "b", str("")));
	assert_ok(write_record(HSW_WRITE_RECORD, "webhook", "b", str("333")));
	assert_ok(write_record(HSW_WRITE_FORGET, "webhook", "nobody", str("")));
	rig_reopen();
	expect_text(records(), "instance/b=(0) webhook/a/x=22(2) webhook/b=333(3) ");
	assert_ok(write_record(HSW_WRITE_FORGET, "webhook", "b", str("")));
	rig_reopen();
	expect_text(records(), "instance/b=(0) webhook/a/x=22(2) ");
}

static int
replace_record(const char *text, const char *before)
{
	const struct hsw_store_record other = { str("webhook"), str("other"), str(text) };
	const struct hsw_store_record r = { str("key"), str("1"), str(text) };
	struct hsw_write along = { .kind = HSW_WRITE_RECORD, .record = &other };
	struct hsw_write w = { .kind = HSW_WRITE_RECORD_IF, .record = &r, .text = str(before) };

	return ops->commit(store, (struct hsw_write *[]){ &along, &w }, 2, &error);
}

static void
a_record_takes_the_place_of_the_expected_one_alone(void)
{
	expect_eq(replace_record("a", "b"), HSW_ENOENT);
	expect_text(records(), "");
	assert_ok(replace_record("a", ""));
	expect_text(records(), "key/1=a(1) webhook/other=a(1) ");
	expect_eq(replace_record("c", ""), HSW_ENOENT);
	expect_eq(replace_record("c", "b"), HSW_ENOENT);
	expect_text(records(), "key/1=a(1) webhook/other=a(1) ");
	assert_ok(replace_record("c", "a"));
	assert_ok(write_record(HSW_WRITE_FORGET, "key", "1", str("")));
	assert_ok(replace_record("d", ""));
	rig_reopen();
	expect_text(records(), "key/1=d(1) webhook/other=d(1) ");
}

static void
records_of_a_batch_that_fails_are_not_kept(void)
{
	const struct hsw_store_record r = { str("webhook"), str("a"), str("1") };
	struct hsw_write good = { .kind = HSW_WRITE_RECORD, .record = &r };
	struct hsw_write bad = { .kind = HSW_WRITE_CURSOR, .destination = str("nobody") };

	expect_ne(ops->commit(store, (struct hsw_write *[]){ &good, &bad }, 2, &error), HSW_OK);
	expect_text(records(), "");
}

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

static void
memos_are_listed_in_their_order_and_forgotten_by_age(void)
{
	expect_text(memos("a", 0), "");
	assert_ok(write_memo("a", 10, "x"));
	assert_ok(write_memo("b", 11, "y"));
	assert_ok(write_memo("a", 12, "z"));
	assert_ok(write_memo("a", 9, "late"));
	rig_reopen();
	assert_ok(write_memo("a", 13, "new"));
	expect_text(memos("a", 0), "10:x 12:z 9:late 13:new ");
	expect_text(memos("a", 12), "12:z 13:new ");
	expect_text(memos("b", 0), "11:y ");
	assert_ok(ops->forget_memos(store, str("a"), 11, &error));
	expect_text(memos("a", 12), "12:z 13:new ");
	expect_text(memos("b", 0), "11:y ");
	assert_ok(ops->forget_memos(store, str("a"), 100, &error));
	expect_text(memos("a", 0), "");
	assert_ok(write_memo("a", 14, "again"));
	expect_text(memos("a", 0), "14:again ");
}

static void
memos_of_any_time_are_listed_and_forgotten(void)
{
	assert_ok(write_memo("a", 1700000000123, "now"));
	assert_ok(write_memo("ab", 1700000000123, "of another kind"));
	expect_text(memos("a", INT64_MIN), "1700000000123:now ");
	expect_text(memos("a", INT64_MAX), "");
	assert_ok(ops->forget_memos(store, str("a"), INT64_MIN, &error));
	expect_text(memos("a", INT64_MIN), "1700000000123:now ");
	assert_ok(ops->forget_memos(store, str("a"), INT64_MAX, &error));
	expect_text(memos("a", INT64_MIN), "");
	expect_text(memos("ab", 0), "1700000000123:of another kind ");
}

/* ---- bytes of any kind ---- */

static char any_bytes[65536];

static void
count_same(int *n, struct hsw_str text)
{
	expect_eq(text.len, sizeof(any_bytes));
	expect_bytes(text.s, any_bytes, sizeof(any_bytes));
	++*n;
}

static int
compare_memo(void *arg, int64_t at_ms, struct hsw_str text)
{
	(void)at_ms;
	count_same(arg, text);
	return HSW_OK;
}

static int
compare_record(void *arg, const struct hsw_store_record *r)
{
	count_same(arg, r->text);
	return HSW_OK;
}

static void
records_and_memos_hold_any_bytes(void)
{
	const struct hsw_str text = { any_bytes, sizeof(any_bytes) };
	const struct hsw_store_record memo = { .kind = str("a"), .text = text };
	int n = 0;

	for (size_t i = 0; i < sizeof(any_bytes); i++)
		any_bytes[i] = (char)(i * 31 + i / 256);
	assert_ok(write_record(HSW_WRITE_RECORD, "key", "1", text));
	assert_ok(commit_one(
		(struct hsw_write){ .kind = HSW_WRITE_MEMO, .at_ms = 1, .record = &memo }));
	rig_reopen();
	assert_ok(ops->records(store, compare_record, &n, &error));
	expect_eq(n, 1);
	assert_ok(ops->memos(store, str("a"), 0, compare_memo, &n, &error));
	expect_eq(n, 2);
}

const struct suite_store_test fake_suite_of_records[] = {
	STORE_TEST(records_are_replaced_deleted_and_listed_by_kind_and_name),
	STORE_TEST(a_record_takes_the_place_of_the_expected_one_alone),
	STORE_TEST(records_of_a_batch_that_fails_are_not_kept),
	STORE_TEST(memos_are_listed_in_their_order_and_forgotten_by_age),
	STORE_TEST(memos_of_any_time_are_listed_and_forgotten),
	STORE_TEST(records_and_memos_hold_any_bytes),
	{ NULL, NULL },
};
