/* SPDX-License-Identifier: Apache-2.0 */
/* test_harness.c - the harness takes what the daemon takes, and finds what the daemon refuses. */
#include <string.h>

#include <hookswitch/harness.h>

#include "unit.h"

/* ---- options ---- */

struct conf {
	bool flag;
	int64_t size, time, number;
	const char **list;
	int choice;
};

static const char *const choices[] = { "Full", "none", NULL };

static const struct hsw_option options[] = {
	{ .key = "flag", .type = HSW_OPT_BOOL, .offset = offsetof(struct conf, flag) },
	{ .key = "size", .type = HSW_OPT_SIZE, .offset = offsetof(struct conf, size) },
	{ .key = "time", .type = HSW_OPT_MSEC, .offset = offsetof(struct conf, time) },
	{ .key = "number", .type = HSW_OPT_INT, .offset = offsetof(struct conf, number) },
	{ .key = "list", .type = HSW_OPT_LIST, .offset = offsetof(struct conf, list) },
	{ .key = "choice",
		.type = HSW_OPT_ENUM,
		.offset = offsetof(struct conf, choice),
		.choices = choices },
	{ .key = NULL },
};

static const struct hsw_plugin plugin = { .conf_size = sizeof(struct conf), .options = options };

/* What a number, a flag or a choice becomes; -1: it is refused. */
static int64_t
value_of(const char *key, const char *text)
{
	const char *const pairs[] = { key, text, NULL };
	struct hsw_error err;
	struct conf *conf = fake_conf_new(&plugin, pairs, &err);

	if (conf == NULL)
		return -1;
	int64_t value = conf->flag + conf->size + conf->time + conf->number + conf->choice;
	fake_conf_free(&plugin, conf);
	return value;
}

START_TEST(options_have_the_values_that_the_daemon_takes)
{
	static const struct {
		const char *key, *text;
		int64_t value;
	} cases[] = {
		{ "flag", "yes", 1 },
		{ "flag", "True", 1 },
		{ "flag", "ON", 1 },
		{ "flag", "1", 1 },
		{ "flag", "No", 0 },
		{ "flag", "false", 0 },
		{ "flag", "off", 0 },
		{ "flag", "0", 0 },
		{ "flag", "2", -1 },
		{ "flag", "", -1 },
		{ "size", "512", 512 },
		{ "size", "64K", 65536 },
		{ "size", "1m", 1 << 20 },
		{ "size", "0", 0 },
		{ "size", "1t", -1 },
		{ "time", "0", 0 },
		{ "time", "5S", 5000 },
		{ "time", "20MS", 20 },
		{ "time", "5", -1 },
		{ "number", "7", 7 },
		{ "number", "7k", -1 },
		{ "choice", "none", 1 },
		{ "choice", "full", -1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t value = value_of(cases[i].key, cases[i].text);
		ck_assert_msg(value == cases[i].value, "%s = %s: %jd", cases[i].key, cases[i].text,
			(intmax_t)value);
	}
}
END_TEST

START_TEST(items_of_a_list_have_no_blanks_around_them)
{
	const char *const pairs[] = { "list", "a,\tb c\t, d ", NULL };
	struct hsw_error err;
	struct conf *conf = fake_conf_new(&plugin, pairs, &err);

	ck_assert_ptr_nonnull(conf);
	ck_assert_str_eq(conf->list[0], "a");
	ck_assert_str_eq(conf->list[1], "b c");
	ck_assert_str_eq(conf->list[2], "d");
	ck_assert_ptr_null(conf->list[3]);
	fake_conf_free(&plugin, conf);
}
END_TEST

UNIT_MAIN("harness", options_have_the_values_that_the_daemon_takes,
	items_of_a_list_have_no_blanks_around_them)
