/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of option tables: each type with what it takes and what it refuses. */
#include "unit.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "option.h"

struct conf {
	const char *text, *secret, *lines, *url, *path;
	const char **list;
	bool flag;
	int64_t number, size, time;
	int choice;
};

static const char *const choices[] = { "red", "green", NULL };

#define AT(member) offsetof(struct conf, member)
static const struct hsw_option table[] = {
	{ "text", HSW_OPT_STRING, 0, AT(text), "plain", 0, 0, NULL, "h" },
	{ "secret", HSW_OPT_SECRET, 0, AT(secret), NULL, 0, 0, NULL, "h" },
	{ "lines", HSW_OPT_SECRET, HSW_OPT_LINES, AT(lines), NULL, 0, 0, NULL, "h" },
	{ "url", HSW_OPT_URL, 0, AT(url), NULL, 0, 0, NULL, "h" },
	{ "path", HSW_OPT_PATH, 0, AT(path), NULL, 0, 0, NULL, "h" },
	{ "list", HSW_OPT_LIST, 0, AT(list), "a, b", 0, 0, NULL, "h" },
	{ "flag", HSW_OPT_BOOL, 0, AT(flag), "yes", 0, 0, NULL, "h" },
	{ "number", HSW_OPT_INT, 0, AT(number), "5", 1, 10, NULL, "h" },
	{ "size", HSW_OPT_SIZE, 0, AT(size), "64k", 0, 0, NULL, "h" },
	{ "time", HSW_OPT_MSEC, 0, AT(time), "1h", 0, 0, NULL, "h" },
	{ "choice", HSW_OPT_ENUM, 0, AT(choice), "green", 0, 0, choices, "h" },
	{ NULL, HSW_OPT_STRING, 0, 0, NULL, 0, 0, NULL, NULL },
};

static struct conf conf;
static struct hsw_error err;

static int
set(const char *key, const char *value)
{
	err.text[0] = '\0';
	return option_set(option_find(table, key), &conf, value, "/etc/hs", &err);
}

static void
clear(void)
{
	option_free(table, &conf);
}

static bool
no(void *arg, const char *key)
{
	(void)arg;
	(void)key;
	return false;
}

START_TEST(defaults_fill_what_is_not_set)
{
	ck_assert_int_eq(option_defaults(table, &conf, no, NULL), HSW_OK);
	ck_assert_str_eq(conf.text, "plain");
	ck_assert_str_eq(conf.list[1], "b");
	ck_assert_ptr_null(conf.list[2]);
	ck_assert(conf.flag);
	ck_assert_int_eq(conf.size, 65536);
	ck_assert_int_eq(conf.time, 3600000);
	ck_assert_int_eq(conf.choice, 1);
	ck_assert_ptr_null(conf.url);
}
END_TEST

START_TEST(durations_and_sizes_need_their_units)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = { { "0", 0 }, { "500ms", 500 }, { "54s", 54000 }, { "4m", 240000 },
		{ "7d", 604800000 } };
	static const char *const bad[] = { "", "5", "-1s", "5 s", "s", "1.5s", "5sec",
		"999999999999999999d" };
	int64_t n;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ck_assert_int_eq(option_parse_msec(good[i].text, &n), HSW_OK);
		ck_assert_int_eq(n, good[i].ms);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(option_parse_msec(bad[i], &n), HSW_EINVAL);
	ck_assert_int_eq(option_parse_size("16M", &n), HSW_OK);
	ck_assert_int_eq(n, 16 << 20);
	ck_assert_int_eq(option_parse_size("16x", &n), HSW_EINVAL);
	ck_assert_int_eq(set("time", "5"), HSW_EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "unit"));
}
END_TEST

START_TEST(values_are_checked)
{
	static const struct {
		const char *key, *value, *word;
	} bad[] = {
		{ "flag", "maybe", "yes or no" },
		{ "number", "11", "between 1 and 10" },
		{ "number", "3x", "whole number" },
		{ "choice", "blue", "red, green" },
		{ "list", "a,,b", "item 2" },
		{ "list", "", "item 1" },
		{ "url", "ftp://x", "http" },
		{ "url", "http://user:pw@x/", "user info" },
		{ "url", "http:///x", "host" },
		{ "url", "http://x:99999/", "port" },
		{ "url", "http://a b/", "blank" },
		{ "path", "", "path" },
		{ "secret", "", "secret" },
		{ "secret", "@/nonexistent/file", "/nonexistent/file" },
		{ "text", "${HSW_TEST_UNSET}", "HSW_TEST_UNSET" },
		{ "text", "${", "${" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(set(bad[i].key, bad[i].value) == HSW_EINVAL, "%s", bad[i].value);
		ck_assert_msg(strstr(err.text, bad[i].word) != NULL, "%s", err.text);
		ck_assert_ptr_null(strstr(err.text, "pw@"));
	}
	ck_assert_int_eq(set("url", "https://[::1]:8443/a?b"), HSW_OK);
	ck_assert_int_eq(set("path", "x/y"), HSW_OK);
	ck_assert_str_eq(conf.path, "/etc/hs/x/y");
}
END_TEST

START_TEST(environment_and_files_give_values)
{
	char path[] = "/tmp/test_option.XXXXXX", at[64];
	int fd = mkstemp(path);

	ck_assert_int_eq(write(fd, "s3cret\nmore\n", 12), 12);
	close(fd);
	snprintf(at, sizeof(at), "@%s", path);
	ck_assert_int_eq(set("secret", at), HSW_OK);
	ck_assert_str_eq(conf.secret, "s3cret");
	unlink(path);
	setenv("HSW_TEST_NAME", "value", 1);
	ck_assert_int_eq(set("text", "a ${HSW_TEST_NAME} $${x} $y"), HSW_OK);
	ck_assert_str_eq(conf.text, "a value ${x} $y");
}
END_TEST

/* Sets the option to @ and a file with these bytes. */
static int
set_file(const char *key, const char *bytes, size_t n)
{
	char path[] = "/tmp/test_option.XXXXXX", at[64];
	int fd = mkstemp(path);

	ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
	close(fd);
	snprintf(at, sizeof(at), "@%s", path);
	int rc = set(key, at);
	unlink(path);
	return rc;
}

START_TEST(some_secrets_are_a_whole_file)
{
	static const struct {
		const char *file, *lines; /* NULL: it is refused */
	} cases[] = {
		{ "A: 1\nB: 2\n", "A: 1\nB: 2\n" },
		{ "A: 1|2\n", "A: 1|2\n" },
		{ "A: 1|2", "A: 1|2\n" },
		{ "\r\nA: 1\r\n", "\r\nA: 1\r\n" },
		{ "", NULL },
		{ " \n\t\r\n", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = set_file("lines", cases[i].file, strlen(cases[i].file));
		ck_assert_int_eq(rc, cases[i].lines != NULL ? HSW_OK : HSW_EINVAL);
		if (rc == HSW_OK)
			ck_assert_str_eq(conf.lines, cases[i].lines);
		else
			ck_assert_ptr_nonnull(strstr(err.text, "is empty"));
		clear();
	}
	ck_assert_int_eq(set("lines", "A: 1|B: 2"), HSW_OK);
	ck_assert_str_eq(conf.lines, "A: 1|B: 2");
}
END_TEST

START_TEST(files_of_secrets_are_bounded_text)
{
	static char large[65537];

	memset(large, 'x', sizeof(large));
	ck_assert_int_eq(set_file("lines", large, sizeof(large)), HSW_EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "larger than 65536"));
	ck_assert_int_eq(set_file("lines", large, sizeof(large) - 1), HSW_OK);
	ck_assert_uint_eq(strlen(conf.lines), sizeof(large)); /* and the line's end */
	ck_assert_int_eq(set_file("lines", "A: 1\0B: 2\n", 10), HSW_EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "NUL"));
	ck_assert_int_eq(set_file("secret", "s3\0cret\n", 8), HSW_EINVAL);
	ck_assert_ptr_null(strstr(err.text, "s3"));
}
END_TEST

START_TEST(tables_that_make_no_sense_are_refused)
{
	struct hsw_option bad[3];

	ck_assert_int_eq(option_check_table(table, sizeof(struct conf), &err), HSW_OK);
	ck_assert_int_eq(option_check_table(table, 8, &err), HSW_EINVAL);
	memset(bad, 0, sizeof(bad));
	bad[0] = table[7];
	bad[0].def = "99";
	ck_assert_int_eq(option_check_table(bad, sizeof(struct conf), &err), HSW_EINVAL);
	bad[0] = bad[1] = table[7];
	ck_assert_int_eq(option_check_table(bad, sizeof(struct conf), &err), HSW_EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "twice"));
	bad[1].key = NULL;
	bad[0].type = (enum hsw_opt_type)99;
	ck_assert_int_eq(option_check_table(bad, sizeof(struct conf), &err), HSW_EINVAL);
	bad[0] = table[7];
	bad[0].help = NULL;
	ck_assert_int_eq(option_check_table(bad, sizeof(struct conf), &err), HSW_EINVAL);
}
END_TEST

START_TEST(the_nearest_key_is_suggested)
{
	ck_assert_str_eq(option_nearest(table, NULL, "nmber"), "number");
	ck_assert_str_eq(option_nearest(NULL, table, "choices"), "choice");
	ck_assert_ptr_null(option_nearest(table, NULL, "something else"));
}
END_TEST

UNIT_MAIN_WITH("option", NULL, clear, defaults_fill_what_is_not_set,
	durations_and_sizes_need_their_units, values_are_checked, environment_and_files_give_values,
	some_secrets_are_a_whole_file, files_of_secrets_are_bounded_text,
	tables_that_make_no_sense_are_refused, the_nearest_key_is_suggested)
