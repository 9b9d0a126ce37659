/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of texts that are shown to people, and of what a webhook's label may be. */
#include "unit.h"

#include <string.h>

#include "shown.h"
#include "webhook.h"

START_TEST(characters_are_shown_and_what_steers_a_terminal_is_escaped)
{
	static const struct {
		const char *text;
		size_t most;
		const char *shown;
	} cases[] = {
		{ "Não há espaço 日本 🙂", 100, "Não há espaço 日本 🙂" },
		{ "a\033[2J\nb\x7f", 100, "a\\x1b[2J\\x0ab\\x7f" },
		{ "\xc2\x9b"
		  "1m",
			100, "\\xc2\\x9b1m" },
		{ "a\xe2\x80\xae"
		  "b",
			100, "a\\xe2\\x80\\xaeb" },
		{ "\xff\xc0\xaf\xed\xa0\x80", 100, "\\xff\\xc0\\xaf\\xed\\xa0\\x80" },
		{ "日本語", 2, "日本..." },
		{ "日本", 2, "日本" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf b = BUF_INIT;
		shown_append(&b, str_of(cases[i].text), cases[i].most);
		buf_append(&b, "", 1);
		ck_assert_str_eq(b.data, cases[i].shown);
		buf_free(&b);
	}
}
END_TEST

START_TEST(a_cut_leaves_no_character_half)
{
	static const struct {
		const char *text;
		size_t most, cut;
	} cases[] = { { "abc", 2, 2 }, { "abc", 3, 3 }, { "abc", 9, 3 }, { "aé", 2, 1 },
		{ "aé", 3, 3 }, { "日本", 5, 3 }, { "日本", 4, 3 }, { "日本", 2, 0 },
		{ "🙂🙂", 7, 4 }, { "🙂🙂", 4, 4 }, { "\x80\x80\x80\x80\x80\x80", 5, 5 },
		{ "a\xff\xff", 2, 2 }, { "é", 0, 0 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hsw_str s = str_of(cases[i].text);
		ck_assert_uint_eq(shown_cut(s.s, s.len, cases[i].most), cases[i].cut);
	}
}
END_TEST

START_TEST(characters_have_their_length_and_may_show_or_not)
{
	static const struct {
		const char *text;
		size_t len;
		bool may_show;
	} rows[] = {
		{ "a", 1, true },
		{ " ", 1, true },
		{ "\n", 1, false },
		{ "\x7f", 1, false },
		{ "\xc3\xa9", 2, true },
		{ "\xc2\x85", 2, false },         /* NEL */
		{ "\xe2\x82\xac", 3, true },      /* EUR */
		{ "\xe2\x80\xae", 3, false },     /* RLO */
		{ "\xe2\x81\xa6", 3, false },     /* LRI */
		{ "\xe2\x80\xaf", 3, true },      /* NNBSP, next to it */
		{ "\xf0\x9f\x98\x80", 4, true },  /* an emoji */
		{ "\xf4\x90\x80\x80", 1, false }, /* beyond U+10FFFF */
		{ "\xed\xa0\x80", 1, false },     /* a surrogate */
		{ "\xc0\xaf", 1, false },         /* longer than it need be */
		{ "\xc3", 1, false },             /* its end is missing */
		{ "\xc3(", 1, false },
		{ "\x80", 1, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool may_show = !rows[i].may_show;
		size_t len = shown_character(
			(const unsigned char *)rows[i].text, strlen(rows[i].text), &may_show);
		ck_assert_msg(len == rows[i].len && may_show == rows[i].may_show, "row %zu", i);
	}
}
END_TEST

START_TEST(labels_are_text_that_shows)
{
	static const char *const good[] = { "default", "Z\xc3\xa9 & filhos \"x\"/y", "a b", "." };
	static const char *const bad[] = { "", " ", " a", "a ", "a\nb", "a\x7f", "\xff", "a\xc3",
		"a\xe2\x80\xae.", "\xc2\x9b" };
	char longest[WEBHOOK_LABEL_MAX + 1];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(webhook_label_is_valid(str_of(good[i])), "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!webhook_label_is_valid(str_of(bad[i])), "bad %zu", i);
	memset(longest, 'l', sizeof(longest));
	ck_assert(webhook_label_is_valid((struct hsw_str){ longest, WEBHOOK_LABEL_MAX }));
	ck_assert(!webhook_label_is_valid((struct hsw_str){ longest, WEBHOOK_LABEL_MAX + 1 }));
	ck_assert(!webhook_label_is_valid((struct hsw_str){ "a\0b", 3 }));
}
END_TEST

UNIT_MAIN("shown", characters_have_their_length_and_may_show_or_not, labels_are_text_that_shows,
	characters_are_shown_and_what_steers_a_terminal_is_escaped, a_cut_leaves_no_character_half)
