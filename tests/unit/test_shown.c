/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of texts that are shown to people. */
#include "unit.h"

#include "shown.h"

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

UNIT_MAIN("shown", characters_are_shown_and_what_steers_a_terminal_is_escaped,
	a_cut_leaves_no_character_half)
