/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the small base modules: buf, clock, mailbox, metrics, retry, crypt. */
#include "unit.h"

#include <pthread.h>
#include <stdio.h>

#include "buf.h"
#include "clock.h"
#include "crypt.h"
#include "mailbox.h"
#include "metrics.h"
#include "retry.h"

static void
assert_json(const char *in, size_t len, const char *expected)
{
	struct buf b = BUF_INIT;

	buf_json(&b, (struct hsw_str){ in, len });
	ck_assert(!b.failed);
	ck_assert_uint_eq(b.len, strlen(expected));
	ck_assert_mem_eq(b.data, expected, b.len);
	buf_free(&b);
}

START_TEST(json_strings_are_escaped_and_repaired)
{
	assert_json("", 0, "\"\"");
	assert_json("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
	assert_json("\n\t\r\b\f", 5, "\"\\n\\t\\r\\b\\f\"");
	assert_json("\0\x1f", 2, "\"\\u0000\\u001f\"");
	assert_json("\xc3\xa9\xf0\x9f\x98\x80", 6, "\"\xc3\xa9\xf0\x9f\x98\x80\"");
	assert_json("\xc3", 1, "\"\xef\xbf\xbd\"");
	assert_json("a\xff"
		    "b",
		3,
		"\"a\xef\xbf\xbd"
		"b\"");
	assert_json("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}
END_TEST

START_TEST(buf_grows_and_prints)
{
	struct buf b = BUF_INIT;

	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "%d,", i);
	ck_assert(!b.failed);
	ck_assert_uint_eq(b.len, 10 * 2 + 90 * 3 + 900 * 4);
	ck_assert_mem_eq(b.data + b.len - 4, "999,", 4);
	buf_free(&b);
}
END_TEST

START_TEST(buf_that_cannot_grow_says_so_once)
{
	struct buf b = BUF_INIT;

	buf_str(&b, "kept");
	ck_assert(!buf_reserve(&b, SIZE_MAX / 2 + 1));
	buf_str(&b, "dropped");
	ck_assert(b.failed);
	ck_assert_uint_eq(b.len, 4);
	buf_free(&b);
}
END_TEST

START_TEST(dates_follow_rfc_3339)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 951782400123, "2000-02-29T00:00:00.123Z" },
		{ 4107542399999, "2100-02-28T23:59:59.999Z" },
		{ 4107542400000, "2100-03-01T00:00:00.000Z" },
		{ 1795229628123, "2026-11-21T02:53:48.123Z" },
		{ 1798761599999, "2026-12-31T23:59:59.999Z" },
		{ -5, "1970-01-01T00:00:00.000Z" },
		{ INT64_MAX, "9999-12-31T23:59:59.999Z" },
	};
	char text[CLOCK_TEXT_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		clock_text(cases[i].ms, text);
		ck_assert_str_eq(text, cases[i].text);
	}
}
END_TEST

START_TEST(dates_of_rfc_3339_are_read)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: it is none */
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2000-02-29T00:00:00.123Z", 951782400123 },
		{ "2100-03-01T00:00:00.000Z", 4107542400000 },
		{ "2026-11-21T02:53:48.1234567Z", 1795229628123 },
		{ "2026-11-21t02:53:48.1z", 1795229628100 },
		{ "2026-11-21 02:53:48Z", 1795229628000 },
		{ "2026-11-20T23:53:48-03:00", 1795229628000 },
		{ "2026-11-21T08:23:48+05:30", 1795229628000 },
		{ "2026-11-21", 1795219200000 },
		{ "2016-12-31T23:59:60Z", 1483228800000 },
		{ "9999-12-31T23:59:59.999Z", CLOCK_LAST_MS },
		{ "", -1 },
		{ "2026", -1 },
		{ "2026-11-21T", -1 },
		{ "2026-11-21T02:53", -1 },
		{ "2026-11-21T02:53:48", -1 },
		{ "2026-11-21T02:53:48.Z", -1 },
		{ "2026-11-21T02:53:48Zx", -1 },
		{ "2026-11-21T02:53:48+0300", -1 },
		{ "2026-11-21T02:53:48+24:00", -1 },
		{ "2026-11-21T24:00:00Z", -1 },
		{ "2026-11-21T02:60:00Z", -1 },
		{ "2026-02-29T00:00:00Z", -1 },
		{ "2100-02-29", -1 },
		{ "2026-04-31", -1 },
		{ "2026-13-01", -1 },
		{ "2026-00-10", -1 },
		{ "2026-01-00", -1 },
		{ "1969-12-31T23:59:59Z", -1 },
		{ "1970-01-01T00:00:00+00:01", -1 },
		{ "9999-12-31T23:59:59-00:01", -1 },
		{ "-001-01-01", -1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ms = -1;
		ck_assert_msg(
			clock_parse(cases[i].text, &ms) == (cases[i].ms >= 0), "%s", cases[i].text);
		ck_assert_msg(ms == cases[i].ms, "%s: %lld", cases[i].text, (long long)ms);
	}
}
END_TEST

struct numbered {
	struct mail mail;
	int sender, number;
};

#define SENDERS 4
#define MAILS 20000

static struct mailbox shared_box;
static struct numbered mails[SENDERS][MAILS];

static void *
send_all(void *arg)
{
	int sender = *(int *)arg;

	for (int i = 0; i < MAILS; i++) {
		mails[sender][i] = (struct numbered){ .sender = sender, .number = i };
		mailbox_post(&shared_box, &mails[sender][i].mail);
	}
	return NULL;
}

START_TEST(mail_of_each_sender_comes_once_and_in_order)
{
	pthread_t threads[SENDERS];
	int ids[SENDERS], next[SENDERS] = { 0 }, total = 0;

	ck_assert_int_eq(mailbox_init(&shared_box), HSW_OK);
	for (int i = 0; i < SENDERS; i++) {
		ids[i] = i;
		pthread_create(&threads[i], NULL, send_all, &ids[i]);
	}
	while (total < SENDERS * MAILS) {
		mailbox_wait(&shared_box, 10000);
		for (struct mail *m = mailbox_take(&shared_box); m != NULL; m = m->next) {
			const struct numbered *n = (const struct numbered *)m;
			ck_assert_int_eq(n->number, next[n->sender]++);
			total++;
		}
	}
	for (int i = 0; i < SENDERS; i++)
		pthread_join(threads[i], NULL);
	ck_assert_ptr_null(mailbox_take(&shared_box));
	mailbox_fini(&shared_box);
}
END_TEST

START_TEST(metrics_are_printed_by_name_with_their_type)
{
	const struct metric_label label = { "instance", { "a\"b\n", 4 } };
	struct buf b = BUF_INIT;

	metric_add(metric_get("x_events_total", &label, 1), 3);
	metric_add(metric_get("x_events_total", &label, 1), 4);
	metric_set(metric_get("x_depth", NULL, 0), -1);
	metrics_print(&b);
	buf_append(&b, "", 1);
	ck_assert_ptr_nonnull(strstr(b.data, "# TYPE x_depth gauge\nx_depth -1\n"));
	ck_assert_ptr_nonnull(strstr(
		b.data, "# TYPE x_events_total counter\nx_events_total{instance=\"a\\\"b?\"} 7\n"));
	buf_free(&b);
	metrics_free();
}
END_TEST

START_TEST(retries_come_by_time_then_seq)
{
	struct retry_heap heap = { 0 };
	struct retry r;
	int64_t last = 0;

	for (int i = 0; i < 500; i++)
		ck_assert(retry_push(&heap, (struct retry){ (i * 7919) % 250, i, 1, false, 0 }));
	ck_assert(!retry_take_due(&heap, -1, &r));
	for (int i = 0; i < 500; i++) {
		ck_assert(retry_take_due(&heap, 1000, &r));
		ck_assert_int_ge(r.due_ms * 1000 + r.seq, last);
		last = r.due_ms * 1000 + r.seq;
	}
	ck_assert_ptr_null(retry_first(&heap));
	retry_free(&heap);
}
END_TEST

START_TEST(pulled_retries_are_due_in_seq_order)
{
	struct retry_heap heap = { 0 };
	struct retry r;

	for (int i = 0; i < 100; i++)
		ck_assert(retry_push(
			&heap, (struct retry){ 5000 - i, 100 + (i * 37) % 100, 1, false, 0 }));
	retry_pull(&heap, 10);
	for (int i = 0; i < 100; i++) {
		ck_assert(retry_take_due(&heap, 10, &r));
		ck_assert_int_eq(r.seq, 100 + i);
	}
	retry_free(&heap);
}
END_TEST

START_TEST(delays_follow_the_schedule_with_a_tenth_of_jitter)
{
	const int64_t steps[] = { 1000, 15000, 240000, 3600000 };
	uint64_t random = 42;
	bool has_varied = false;

	for (int i = 0; i < 1000; i++) {
		int64_t delay = retry_delay(steps, 4, 1 + i % 4, 0, &random), step = steps[i % 4];
		ck_assert_int_ge(delay, step - step / 10);
		ck_assert_int_le(delay, step + step / 10);
		has_varied |= delay != step;
	}
	ck_assert(has_varied);
	ck_assert_int_eq(retry_delay(steps, 4, 5, 0, &random), -1);
	ck_assert_int_eq(retry_delay(steps, 0, 1, 5000, &random), -1);
	ck_assert_int_eq(retry_delay(steps, 4, 1, 60000, &random), 60000);
	ck_assert_int_eq(retry_delay(steps, 4, 1, INT64_MAX, &random), RETRY_AFTER_MAX_MS);
	ck_assert_int_lt(retry_delay(steps, 4, 2, 10, &random), 20000);
}
END_TEST

START_TEST(sha256_of_parts_is_that_of_their_sum)
{
	static const unsigned char expected[4] = { 0xba, 0x78, 0x16,
		0xbf }; /* of "abc", FIPS 180-4 */
	const struct hsw_str parts[] = { { "a", 1 }, { "", 0 }, { "bc", 2 } };
	struct hasher *h = hasher_new();
	unsigned char digest[SHA256_BYTES];

	for (int i = 0; i < 2; i++) {
		ck_assert(hasher_sha256(h, parts, 3, digest));
		ck_assert_mem_eq(digest, expected, sizeof(expected));
	}
	hasher_free(h);
}
END_TEST

UNIT_MAIN("base", json_strings_are_escaped_and_repaired, buf_grows_and_prints,
	buf_that_cannot_grow_says_so_once, dates_follow_rfc_3339, dates_of_rfc_3339_are_read,
	mail_of_each_sender_comes_once_and_in_order, metrics_are_printed_by_name_with_their_type,
	retries_come_by_time_then_seq, pulled_retries_are_due_in_seq_order,
	delays_follow_the_schedule_with_a_tenth_of_jitter, sha256_of_parts_is_that_of_their_sum)
