/* SPDX-License-Identifier: Apache-2.0 */
/* test_secret.c - secrets are compared: by the core's function, and by that of plugins. */
#include "unit.h"

#include "crypt.h"
#include "secret.h"

static const struct {
	struct hsw_str given, expected;
	bool is_same;
} rows[] = {
	{ { "token", 5 }, { "token", 5 }, true },
	{ { "t", 1 }, { "t", 1 }, true },
	{ { "Token", 5 }, { "token", 5 }, false },
	{ { "tokex", 5 }, { "token", 5 }, false },
	{ { "xoken", 5 }, { "token", 5 }, false },
	{ { "toke", 4 }, { "token", 5 }, false },
	{ { "tokens", 6 }, { "token", 5 }, false },
	{ { "tokentoken", 10 }, { "token", 5 }, false },
	{ { "token", 5 }, { "tokentoken", 10 }, false },
	{ { "aaaa", 4 }, { "a", 1 }, false },
	{ { "token\0", 6 }, { "token", 5 }, false },
	{ { "token\0x", 7 }, { "token", 5 }, false },
	{ { "\0token", 6 }, { "token", 5 }, false },
	{ { "to\0en", 5 }, { "token", 5 }, false },
	{ { "\0\0\0\0\0", 5 }, { "token", 5 }, false },
	{ { "\xff\xfe\x80", 3 }, { "\xff\xfe\x80", 3 }, true },
	{ { "\xff\xfe\x00", 3 }, { "\xff\xfe\x80", 3 }, false },
	{ { "", 0 }, { "token", 5 }, false },
	{ { NULL, 0 }, { "token", 5 }, false },
	{ { "token", 5 }, { "", 0 }, false },
	/* What is empty is no secret. */
	{ { "", 0 }, { "", 0 }, false },
	{ { NULL, 0 }, { "", 0 }, false },
	{ { "\0", 1 }, { "", 0 }, false },
};

START_TEST(secrets_are_equal_only_when_all_bytes_are)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_msg(secret_equal(rows[i].given, rows[i].expected) == rows[i].is_same,
			"core, row %zu", i);
		ck_assert_msg(secret_is(rows[i].given, rows[i].expected.s) == rows[i].is_same,
			"plugins, row %zu", i);
	}
}
END_TEST

START_TEST(one_changed_bit_anywhere_is_seen)
{
	static const char token[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
	const size_t n = sizeof(token) - 1;
	char changed[sizeof(token)];

	for (size_t bit = 0; bit < 8 * n; bit++) {
		memcpy(changed, token, sizeof(token));
		changed[bit / 8] = (char)(changed[bit / 8] ^ 1 << bit % 8);
		const struct hsw_str given = { changed, n };
		ck_assert_msg(!secret_equal(given, (struct hsw_str){ token, n }), "bit %zu", bit);
		ck_assert_msg(!secret_is(given, token), "bit %zu", bit);
	}
}
END_TEST

UNIT_MAIN("secret", secrets_are_equal_only_when_all_bytes_are, one_changed_bit_anywhere_is_seen)
