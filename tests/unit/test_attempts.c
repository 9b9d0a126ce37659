/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the attempts: what is kept of them, and their text form. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "attempts.h"

static struct attempts all, read_back;
static struct buf text;

static void
teardown(void)
{
	attempts_free(&all);
	attempts_free(&read_back);
	buf_free(&text);
}

static void
note(int number, enum hsw_outcome outcome, const char *answer)
{
	struct attempt a = { .at_ms = 1763700000000 + number,
		.took_ms = 12,
		.number = number,
		.status = 500,
		.is_replay = number % 2 == 0,
		.outcome = outcome,
		.text = (char *)answer };
	char id[ENVELOPE_ID_TEXT + 1];

	snprintf(id, sizeof(id), "evt_%032d", number);
	memcpy(a.id, id, sizeof(a.id));
	attempts_note(&all, &a);
}

static struct hsw_str
encoded(void)
{
	text.len = 0;
	attempts_encode(&all, &text);
	ck_assert(!text.failed);
	return (struct hsw_str){ text.data, text.len };
}

/* As people see them. */
static char *
printed(const struct attempts *attempts)
{
	struct buf b = BUF_INIT;

	attempts_print(attempts, false, &b);
	buf_append(&b, "", 1);
	ck_assert(!b.failed);
	return b.data;
}

static size_t
count(const struct attempts *attempts)
{
	size_t n = 0;

	while (attempts_newest(&attempts->failed, n) != NULL)
		n++;
	return n;
}

START_TEST(what_failed_comes_back_as_it_was)
{
	note(1, HSW_RETRY, "HTTP 500: \"away\"\n\tC:\\x \xc3\xa9");
	attempts_note_next(&all, 1763700001500);
	note(2, HSW_DELIVERED, NULL);
	note(3, HSW_REJECT, NULL);
	note(4, HSW_GONE, "");
	ck_assert_int_eq(attempts_decode(&read_back, encoded()), HSW_OK);
	char *before = printed(&all), *after = printed(&read_back);
	ck_assert_str_eq(before, after);
	ck_assert_uint_eq(count(&read_back), 3);
	ck_assert_ptr_nonnull(strstr(after, "\"outcome\":\"gone\""));
	const char *next = strstr(after, "\"nextAt\":\"2025-11-21T04:40:01.500Z\"");
	ck_assert_ptr_nonnull(next);
	ck_assert_ptr_null(strstr(next + 2, "nextAt"));
	ck_assert(next > strstr(after, "\"attempt\":1,"));
	free(before);
	free(after);
}
END_TEST

START_TEST(answers_that_are_no_utf8_make_a_text_that_is)
{
	note(1, HSW_RETRY, "a\xff\x01z");
	ck_assert_int_eq(attempts_decode(&read_back, encoded()), HSW_OK);
	ck_assert_ptr_nonnull(memmem(text.data, text.len, "a\xef\xbf\xbd\\u0001z", 11));
	ck_assert_str_eq(attempts_newest(&read_back.failed, 0)->text, "a\xef\xbf\xbd\x01z");
}
END_TEST

START_TEST(the_last_hundred_are_kept)
{
	for (int i = 1; i <= 250; i++)
		note(i, HSW_RETRY, "no");
	ck_assert_int_eq(attempts_decode(&read_back, encoded()), HSW_OK);
	ck_assert_uint_eq(count(&read_back), ATTEMPTS_KEPT);
	ck_assert_int_eq(attempts_newest(&read_back.failed, 0)->number, 250);
	ck_assert_int_eq(attempts_newest(&read_back.failed, ATTEMPTS_KEPT - 1)->number, 151);
}
END_TEST

/* Each of its bytes takes six. */
START_TEST(long_answers_push_the_oldest_out)
{
	char answer[ATTEMPT_TEXT_BYTES + 500];

	memset(answer, 1, sizeof(answer) - 1);
	answer[sizeof(answer) - 1] = '\0';
	for (int i = 1; i <= 100; i++)
		note(i, HSW_RETRY, answer);
	ck_assert_uint_le(encoded().len, ATTEMPTS_STORED_BYTES);
	ck_assert_uint_gt(text.len, ATTEMPTS_STORED_BYTES - 7000);
	ck_assert_int_eq(
		attempts_decode(&read_back, (struct hsw_str){ text.data, text.len }), HSW_OK);
	ck_assert_uint_eq(count(&read_back), 10);
	ck_assert_int_eq(attempts_newest(&read_back.failed, 0)->number, 100);
	ck_assert_uint_eq(strlen(attempts_newest(&read_back.failed, 0)->text), ATTEMPT_TEXT_BYTES);
}
END_TEST

START_TEST(none_is_a_text_too)
{
	ck_assert_int_eq(attempts_decode(&read_back, encoded()), HSW_OK);
	ck_assert_uint_eq(count(&read_back), 0);
}
END_TEST

#define GOOD                                                                                  \
	"{\"at\":1,\"tookMs\":2,\"id\":\"evt_00000000000000000000000000000000\",\"attempt\":" \
	"1,\"outcome\":\"failed\",\"status\":500,\"replay\":false}"

START_TEST(damaged_texts_add_nothing)
{
	static const char *const texts[] = { "", "{", "[]", "null", "{}", "{\"failed\":{}}",
		"{\"failed\":[1]}", "{\"failed\":[" GOOD ",{}]}", "{\"failed\":[" GOOD,
		"{\"failed\":[{\"at\":1,\"tookMs\":2,\"id\":\"evt_0\",\"attempt\":1,"
		"\"outcome\":\"failed\",\"status\":500}]}",
		"{\"failed\":[{\"at\":1,\"tookMs\":2,"
		"\"id\":\"evt_00000000000000000000000000000000\",\"attempt\":0,"
		"\"outcome\":\"failed\",\"status\":500}]}",
		"{\"failed\":[{\"at\":1,\"tookMs\":2,"
		"\"id\":\"evt_00000000000000000000000000000000\",\"attempt\":1,"
		"\"outcome\":\"delivered\",\"status\":500}]}",
		"{\"failed\":[{\"at\":\"1\",\"tookMs\":2,"
		"\"id\":\"evt_00000000000000000000000000000000\",\"attempt\":1,"
		"\"outcome\":\"failed\",\"status\":500}]}" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ck_assert_msg(attempts_decode(&read_back, str_of(texts[i])) == HSW_EINVAL, "%s",
			texts[i]);
		ck_assert_uint_eq(count(&read_back), 0);
	}
	ck_assert_int_eq(
		attempts_decode(&read_back, str_of("{\"new\":1,\"failed\":[" GOOD "]}")), HSW_OK);
	ck_assert_uint_eq(count(&read_back), 1);
}
END_TEST

START_TEST(every_cut_of_a_text_is_damaged)
{
	note(1, HSW_RETRY, "\xc3\xa9 \"");
	struct hsw_str s = encoded();
	for (size_t n = 0; n < s.len; n++)
		ck_assert_int_eq(
			attempts_decode(&read_back, (struct hsw_str){ s.s, n }), HSW_EINVAL);
	ck_assert_uint_eq(count(&read_back), 0);
}
END_TEST

START_TEST(a_text_that_is_too_long_is_damaged)
{
	size_t len = 2 * ATTEMPTS_STORED_BYTES + 1;

	ck_assert(buf_reserve(&text, len));
	memset(text.data, ' ', len);
	memcpy(text.data + len - 13, "{\"failed\":[]}", 13);
	ck_assert_int_eq(
		attempts_decode(&read_back, (struct hsw_str){ text.data, len }), HSW_EINVAL);
	ck_assert_int_eq(
		attempts_decode(&read_back, (struct hsw_str){ text.data + 1, len - 1 }), HSW_OK);
}
END_TEST

UNIT_MAIN_WITH("attempts", NULL, teardown, what_failed_comes_back_as_it_was,
	answers_that_are_no_utf8_make_a_text_that_is, the_last_hundred_are_kept,
	long_answers_push_the_oldest_out, none_is_a_text_too, damaged_texts_add_nothing,
	every_cut_of_a_text_is_damaged, a_text_that_is_too_long_is_damaged)
