/* SPDX-License-Identifier: Apache-2.0 */
/* test_kv_code.c - keys and values of the stores that are made with hookswitch/kv.h. */
#include <string.h>

#include "kv/list.h"
#include "unit.h"

static struct hsw_str
str(const char *s)
{
	return (struct hsw_str){ s, strlen(s) };
}

static struct hsw_str
whole(const struct kv_bytes *b)
{
	return (struct hsw_str){ b->s, b->len };
}

static struct kv_bytes
key_bytes(struct kv_key key)
{
	struct kv_bytes b = { .rc = HSW_OK };

	kv_add_key(&b, &key);
	return b;
}

/* ---- keys ---- */

/* In the order in which their bytes are to be. */
static const struct kv_key ordered[] = {
	{ .table = KV_META },
	{ .table = KV_CURSOR },
	{ .table = KV_CURSOR, .who = { "\0", 1 } },
	{ .table = KV_CURSOR, .who = { "\0\0", 2 } },
	{ .table = KV_CURSOR, .who = { "\0\x01", 2 } },
	{ .table = KV_CURSOR, .who = { "\0\xff", 2 } },
	{ .table = KV_CURSOR, .who = { "\x01", 1 } },
	{ .table = KV_CURSOR, .who = { "cr", 2 } },
	{ .table = KV_CURSOR, .who = { "crm", 3 } },
	{ .table = KV_CURSOR, .who = { "crm\0", 4 } },
	{ .table = KV_CURSOR, .who = { "crm2", 4 } },
	{ .table = KV_CURSOR, .who = { "\xff", 1 } },
	{ .table = KV_EVENT, .seq = INT64_MIN },
	{ .table = KV_EVENT, .seq = -1 },
	{ .table = KV_EVENT, .seq = 0 },
	{ .table = KV_EVENT, .seq = 1 },
	{ .table = KV_EVENT, .seq = 255 },
	{ .table = KV_EVENT, .seq = 256 },
	{ .table = KV_EVENT, .seq = INT64_MAX },
	{ .table = KV_RETRY, .who = { "cr", 2 }, .seq = INT64_MAX },
	{ .table = KV_RETRY, .who = { "crm", 3 }, .seq = 1 },
	{ .table = KV_RETRY, .who = { "crm", 3 }, .seq = 2 },
	{ .table = KV_RETRY, .who = { "crm\0", 4 }, .seq = 1 },
	{ .table = KV_DEAD, .who = { "", 0 }, .seq = INT64_MIN },
	{ .table = KV_DEAD, .who = { "a", 1 }, .seq = 1 },
	{ .table = KV_NAMED, .seq = 7, .who = { "", 0 } },
	{ .table = KV_NAMED, .seq = 7, .who = { "crm", 3 }, .by = KV_RETRY },
	{ .table = KV_NAMED, .seq = 7, .who = { "crm", 3 }, .by = KV_DEAD },
	{ .table = KV_NAMED, .seq = 7, .who = { "crm2", 4 }, .by = KV_RETRY },
	{ .table = KV_NAMED, .seq = 8, .who = { "", 0 } },
	{ .table = KV_RECORD, .who = { "a", 1 }, .name = { "b", 1 } },
	{ .table = KV_RECORD, .who = { "a", 1 }, .name = { "bc", 2 } },
	{ .table = KV_RECORD, .who = { "ab", 2 }, .name = { "", 0 } },
	{ .table = KV_RECORD, .who = { "ab", 2 }, .name = { "c", 1 } },
	{ .table = KV_MEMO, .who = { "a", 1 }, .seq = 9 },
};
#define ORDERED (sizeof(ordered) / sizeof(ordered[0]))

START_TEST(keys_are_ordered_as_their_tuples)
{
	for (size_t i = 0; i + 1 < ORDERED; i++) {
		for (size_t k = i; k < ORDERED; k++) {
			struct kv_bytes a = key_bytes(ordered[i]), b = key_bytes(ordered[k]);
			int c = kv_compare(whole(&a), whole(&b));
			ck_assert_msg(k == i ? c == 0 : c < 0, "%zu and %zu: %d", i, k, c);
			kv_bytes_free(&a);
			kv_bytes_free(&b);
		}
	}
}
END_TEST

START_TEST(keys_come_back)
{
	for (size_t i = 0; i < ORDERED; i++) {
		struct kv_bytes b = key_bytes(ordered[i]);
		struct kv_strings strings;
		struct kv_key key;
		ck_assert_msg(kv_read_key(whole(&b), &key, &strings), "%zu", i);
		ck_assert_int_eq(key.table, ordered[i].table);
		ck_assert(kv_is_same(key.who, ordered[i].who));
		ck_assert(kv_is_same(key.name, ordered[i].name));
		ck_assert_int_eq(key.seq, ordered[i].seq);
		ck_assert_int_eq(key.by, ordered[i].by);
		kv_bytes_free(&b);
	}
}
END_TEST

START_TEST(a_key_that_is_cut_or_longer_is_refused)
{
	for (size_t i = 0; i < ORDERED; i++) {
		struct kv_bytes b = key_bytes(ordered[i]);
		struct kv_strings strings;
		struct kv_key key;
		for (size_t len = 0; len < b.len; len++)
			ck_assert(!kv_read_key((struct hsw_str){ b.s, len }, &key, &strings));
		kv_add_raw(&b, "x", 1);
		ck_assert(!kv_read_key(whole(&b), &key, &strings));
		kv_bytes_free(&b);
	}
}
END_TEST

START_TEST(keys_that_no_table_has_are_refused)
{
	static const struct hsw_str bad[] = {
		{ "", 0 },
		{ "\0", 1 },
		{ "\x63", 1 },
		{ "\x02"
		  "a\0\x02",
			4 },
		{ "\x02\0", 2 },
	};
	static char endless[HSW_KV_KEY_MAX + 10];
	struct kv_strings strings;
	struct kv_key key;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert(!kv_read_key(bad[i], &key, &strings));
	memset(endless, 'a', sizeof(endless));
	endless[0] = KV_CURSOR;
	ck_assert(!kv_read_key((struct hsw_str){ endless, sizeof(endless) }, &key, &strings));
	ck_assert(!kv_read_key((struct hsw_str){ endless, HSW_KV_KEY_MAX }, &key, &strings));
}
END_TEST

START_TEST(a_key_has_a_longest_length)
{
	static char name[HSW_KV_KEY_MAX + 1];
	struct kv_key key = { .table = KV_CURSOR, .who = { name, HSW_KV_KEY_MAX - 3 } };
	struct kv_key again;
	struct kv_strings strings;

	memset(name, 'a', sizeof(name));
	struct kv_bytes b = key_bytes(key);
	ck_assert_int_eq(b.rc, HSW_OK);
	ck_assert_uint_eq(b.len, HSW_KV_KEY_MAX);
	ck_assert(kv_read_key(whole(&b), &again, &strings));
	ck_assert(kv_is_same(again.who, key.who));
	kv_bytes_free(&b);
	key.who.len++;
	b = key_bytes(key);
	ck_assert_int_eq(b.rc, HSW_EINVAL);
	kv_bytes_free(&b);
	key.who.len = SIZE_MAX; /* of nothing: it is not read */
	b = key_bytes(key);
	ck_assert_int_eq(b.rc, HSW_EINVAL);
	kv_bytes_free(&b);
}
END_TEST

/* ---- values ---- */

static bool
read_meta(struct hsw_str value)
{
	struct kv_meta meta;

	return kv_read_meta(value, &meta) && meta.last_seq == 7 && meta.last_memo == 8 &&
		meta.events == 9;
}

static bool
read_cursor(struct hsw_str value)
{
	int64_t cursor;

	return kv_read_cursor(value, &cursor) && cursor == INT64_MAX;
}

static const struct hsw_store_event event = {
	.received_ms = -1700000000123,
	.id = "\0\x01\xff"
	      "0123456789abc",
	.instance = { "sales", 5 },
	.provider = { "evolution", 9 },
	.layout = { "\0\x01", 2 },
	.body = { "{}\0\n", 4 },
};

static bool
read_event(struct hsw_str value)
{
	struct hsw_store_event e;

	return kv_read_event(value, &e) && e.received_ms == event.received_ms &&
		memcmp(e.id, event.id, sizeof(e.id)) == 0 &&
		kv_is_same(e.instance, event.instance) && kv_is_same(e.type, event.type) &&
		kv_is_same(e.provider, event.provider) && kv_is_same(e.key, event.key) &&
		kv_is_same(e.layout, event.layout) && kv_is_same(e.body, event.body);
}

static bool
read_exception(struct hsw_str value)
{
	struct hsw_store_exception x;

	return kv_read_exception(value, &x) && x.attempts == 3 && x.due_ms == 1000 &&
		x.at_ms == 1000 && x.status == -503 && kv_is_same(x.text, str("later"));
}

static bool
read_record(struct hsw_str value)
{
	struct hsw_str text;

	return kv_read_record(value, &text) && kv_is_same(text, str("text"));
}

static bool
read_memo(struct hsw_str value)
{
	struct hsw_str text;
	int64_t at_ms;

	return kv_read_memo(value, &at_ms, &text) && at_ms == 5 && kv_is_same(text, str("memo"));
}

typedef bool read_fn(struct hsw_str value);
static read_fn *const readers[] = { read_meta, read_cursor, read_event, read_exception, read_record,
	read_memo };
#define VALUES (sizeof(readers) / sizeof(readers[0]))

static struct kv_bytes
value_bytes(size_t i)
{
	struct kv_bytes b = { .rc = HSW_OK };

	if (i == 0)
		kv_add_meta(&b, &(struct kv_meta){ 7, 8, 9 });
	else if (i == 1)
		kv_add_cursor(&b, INT64_MAX);
	else if (i == 2)
		kv_add_event(&b, &event);
	else if (i == 3)
		kv_add_exception(&b, 3, 1000, -503, str("later"));
	else if (i == 4)
		kv_add_record(&b, str("text"));
	else
		kv_add_memo(&b, 5, str("memo"));
	ck_assert_int_eq(b.rc, HSW_OK);
	return b;
}

START_TEST(values_come_back)
{
	for (size_t i = 0; i < VALUES; i++) {
		struct kv_bytes b = value_bytes(i);
		ck_assert_msg(readers[i](whole(&b)), "%zu", i);
		kv_bytes_free(&b);
	}
}
END_TEST

/* Each length in memory of its own, so that a sanitizer sees who reads behind it. */
START_TEST(a_value_that_is_cut_or_longer_is_refused)
{
	for (size_t i = 0; i < VALUES; i++) {
		struct kv_bytes b = value_bytes(i);
		for (size_t len = 0; len < b.len; len++) {
			char *copy = malloc(len + 1);
			memcpy(copy + 1, b.s, len);
			ck_assert(!readers[i]((struct hsw_str){ copy + 1, len }));
			free(copy);
		}
		kv_add_raw(&b, "", 1);
		ck_assert(!readers[i](whole(&b)));
		kv_bytes_free(&b);
	}
}
END_TEST

START_TEST(a_value_of_another_version_is_refused)
{
	for (size_t i = 0; i < VALUES; i++) {
		struct kv_bytes b = value_bytes(i);
		b.s[0] = VALUE_VERSION + 1;
		ck_assert(!readers[i](whole(&b)));
		kv_bytes_free(&b);
	}
}
END_TEST

START_TEST(a_length_beyond_the_value_is_refused)
{
	struct kv_bytes b = value_bytes(4);
	struct hsw_str text;

	memset(b.s + 1, 0xff, 4);
	ck_assert(!kv_read_record(whole(&b), &text));
	kv_bytes_free(&b);
}
END_TEST

START_TEST(numbers_that_no_int_holds_are_refused)
{
	struct kv_bytes b = value_bytes(3);
	struct hsw_store_exception x;

	memset(b.s + 1, 0xff, 8); /* attempts: INT64_MAX */
	ck_assert(!kv_read_exception(whole(&b), &x));
	kv_bytes_free(&b);
}
END_TEST

START_TEST(a_string_of_4_gb_is_refused)
{
	struct kv_bytes b = { .rc = HSW_OK };

	kv_add_record(&b, (struct hsw_str){ "of nothing: it is not read", (size_t)UINT32_MAX + 1 });
	ck_assert_int_eq(b.rc, HSW_ELIMIT);
	kv_bytes_free(&b);
}
END_TEST

/* ---- batches ---- */

static void
put(struct kv_list *l, const char *who, const char *text)
{
	kv_add_raw(kv_list_put(l, &(struct kv_key){ .table = KV_CURSOR, .who = str(who) }), text,
		strlen(text));
}

START_TEST(a_batch_has_the_last_change_of_each_key_in_the_order_of_keys)
{
	struct kv_list l = { .n = 0 };
	size_t n = 0;

	put(&l, "c", "first");
	put(&l, "a", "1");
	kv_list_delete(&l, &(struct kv_key){ .table = KV_CURSOR, .who = str("b") });
	put(&l, "c", "second");
	kv_list_delete(&l, &(struct kv_key){ .table = KV_CURSOR, .who = str("a") });
	put(&l, "b", "");
	struct hsw_kv_change *changes = kv_list_changes(&l, &n);
	ck_assert_ptr_nonnull(changes);
	ck_assert_uint_eq(n, 3);
	ck_assert_int_ne(changes[0].is_delete, 0);
	ck_assert_int_eq(changes[0].key.s[1], 'a');
	ck_assert_int_eq(changes[1].is_delete, 0);
	ck_assert_int_eq(changes[1].key.s[1], 'b');
	ck_assert_int_eq(changes[2].key.s[1], 'c');
	ck_assert(kv_is_same(changes[2].value, str("second")));
	free(changes);
	kv_list_free(&l);
}
END_TEST

START_TEST(what_does_not_fit_a_key_stays_in_the_list_as_its_error)
{
	static char name[HSW_KV_KEY_MAX + 1];
	struct kv_list l = { .n = 0 };

	memset(name, 'a', HSW_KV_KEY_MAX);
	put(&l, "a", "1");
	put(&l, name, "2");
	put(&l, "b", "3");
	ck_assert_int_eq(l.bytes.rc, HSW_EINVAL);
	ck_assert_uint_eq(l.n, 1);
	kv_list_free(&l);
}
END_TEST

UNIT_MAIN("kv_code", keys_are_ordered_as_their_tuples, keys_come_back,
	a_key_that_is_cut_or_longer_is_refused, keys_that_no_table_has_are_refused,
	a_key_has_a_longest_length, values_come_back, a_value_that_is_cut_or_longer_is_refused,
	a_value_of_another_version_is_refused, a_length_beyond_the_value_is_refused,
	numbers_that_no_int_holds_are_refused, a_string_of_4_gb_is_refused,
	a_batch_has_the_last_change_of_each_key_in_the_order_of_keys,
	what_does_not_fit_a_key_stays_in_the_list_as_its_error)
