/* SPDX-License-Identifier: Apache-2.0 */
/* test_sink_file_rotate.c - sink-file: rotation, compression, what is kept, and owners. */
#include "file_rig.h"

#include <fcntl.h>
#include <glob.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "unit.h"

#define DAY (24 * 3600)
#define LINE "{\"a\":\"0123456789\"}" /* with its newline, 19 bytes */
#define STAMP(n) "out.20260101T00000" #n ".000Z"

/* How many files there are: "out.*" and the like. */
static size_t
count(const char *pattern)
{
	glob_t found;
	size_t n = glob(in_folder(pattern), 0, NULL, &found) == 0 ? found.gl_pathc : 0;

	globfree(&found);
	return n;
}

/* The n-th of them by name. */
static const char *
nth(const char *pattern, size_t n)
{
	static char path[512];
	glob_t found;

	ck_assert_int_eq(glob(in_folder(pattern), 0, NULL, &found), 0);
	ck_assert_uint_lt(n, found.gl_pathc);
	snprintf(path, sizeof(path), "%s", found.gl_pathv[n]);
	globfree(&found);
	return path;
}

static void
wait_count(struct hsw_handle *h, const char *pattern, size_t n)
{
	for (int i = 0; count(pattern) != n; i++) {
		ck_assert_msg(i < 1000, "%s: %zu", pattern, count(pattern));
		fake_run(h, 5);
	}
}

/* What is in a file, compressed or not. */
static const char *
unpacked(const char *path)
{
	static char text[1 << 16];
	gzFile f = gzopen(path, "r");

	ck_assert_ptr_nonnull(f);
	int n = gzread(f, text, sizeof(text) - 1);
	ck_assert_int_ge(n, 0);
	ck_assert_int_eq(gzclose(f), Z_OK);
	text[n] = '\0';
	return text;
}

static void
age(const char *path, time_t seconds)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	const struct timespec times[2] = { { .tv_sec = now.tv_sec - seconds },
		{ .tv_sec = now.tv_sec - seconds } };

	ck_assert_int_eq(utimensat(AT_FDCWD, in_folder(path), times, 0), 0);
}

START_TEST(a_full_file_is_rotated_and_no_line_is_lost)
{
	static const char *const modes[] = { "always", "interval", "never" };
	char expected[64], json[64];

	for (int mode = 0; mode < 3; mode++) {
		const char *name = modes[mode];
		char pattern[32];
		snprintf(pattern, sizeof(pattern), "%s.*Z", name);
		struct hsw_handle *h = OPEN(name, "max_size", "40", "fsync", name);
		/* All at once, and one by one. */
		for (int n = 0; n < 20; n++) {
			snprintf(json, sizeof(json), "{\"number\":%06d}", n);
			struct hsw_delivery *d = put(h, json);
			if (n >= 10)
				ck_assert_int_eq(fake_wait(d)->outcome, HSW_DELIVERED);
		}
		fake_wait_all(h);
		ck_assert_uint_eq(count(pattern), 6);
		int n = 0;
		for (size_t i = 0; i <= 6; i++) {
			const char *text = unpacked(i < 6 ? nth(pattern, i) : in_folder(name));
			ck_assert_uint_le(strlen(text), 54);
			for (; *text != '\0'; n++, text += 18) {
				snprintf(expected, sizeof(expected), "{\"number\":%06d}\n", n);
				ck_assert_int_eq(strncmp(text, expected, 18), 0);
			}
		}
		ck_assert_int_eq(n, 20);
		ck_assert_int_eq(fake_counted(h, "rotations"), 6);
		fake_close(h);
	}
}
END_TEST

START_TEST(rotated_files_do_not_stay_open)
{
	static const char *const modes[] = { "always", "interval", "never" };
	char json[32];

	for (int mode = 0; mode < 3; mode++) {
		struct hsw_handle *h = OPEN(modes[mode], "max_size", "1", "fsync", modes[mode],
			"fsync_interval", mode == 1 ? "1h" : "1s");
		for (int n = 0; n < 200; n++) {
			snprintf(json, sizeof(json), "{\"n\":%d}", n);
			struct hsw_delivery *d = put(h, json);
			if (n >= 100)
				ck_assert_int_eq(fake_wait(d)->outcome, HSW_DELIVERED);
			ck_assert_uint_le(open_files(), 64);
		}
		fake_wait_all(h);
		ck_assert_int_eq(fake_counted(h, "rotations"), 199);
		fake_close(h);
		for (int i = 0; i < 500 && open_files() > 0; i++)
			usleep(10000);
	}
}
END_TEST

/* All at once are full, and as many as may be open. */
START_TEST(many_files_are_rotated_in_one_turn)
{
	char instance[16];
	struct hsw_handle *h = OPEN(
		"%{instance}", "max_size", "1", "fsync", "interval", "fsync_interval", "1h");

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 100; i++) {
			snprintf(instance, sizeof(instance), "i%d", i);
			put_for(h, instance, "{}");
		}
		fake_wait_all(h);
		ck_assert_uint_le(open_files(), 64);
	}
	ck_assert_uint_eq(count("i*.*Z"), 200);
	ck_assert_int_eq(fake_counted(h, "rotations"), 200);
	fake_close(h);
}
END_TEST

START_TEST(a_new_day_or_hour_begins_a_new_file)
{
	static const struct {
		const char *rotate;
		time_t seconds;
		size_t rotated;
	} cases[] = { { "daily", DAY, 1 }, { "hourly", 3600, 1 }, { "off", DAY, 0 },
		{ "daily", 0, 0 }, { "hourly", 0, 0 } };

	fate.wall_ms = 1767225601000; /* no hour ends meanwhile */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int utc = 0; utc < 2; utc++) {
			char name[16], pattern[32];
			snprintf(name, sizeof(name), "out%zu%d", i, utc);
			snprintf(pattern, sizeof(pattern), "%s.*Z", name);
			fill(name, "{\"old\":1}\n", 10);
			age(name, cases[i].seconds);
			struct hsw_handle *h = OPEN(
				name, "rotate", cases[i].rotate, "utc", utc ? "yes" : "no");
			put_and_wait(h, LINE);
			put_and_wait(h, LINE);
			ck_assert_uint_eq(count(pattern), cases[i].rotated);
			if (cases[i].rotated == 1) {
				ck_assert_str_eq(unpacked(nth(pattern, 0)), "{\"old\":1}\n");
				ck_assert_str_eq(content(name), LINE "\n" LINE "\n");
			}
			fake_close(h);
		}
	}
}
END_TEST

START_TEST(what_a_crash_left_half_is_rotated_with_its_day)
{
	static const char *const ends[] = { "{\"n", "{\"old\":2}" };

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		char name[16], pattern[32], text[64];
		snprintf(name, sizeof(name), "out%zu", i);
		snprintf(pattern, sizeof(pattern), "%s.*Z", name);
		snprintf(text, sizeof(text), "{\"old\":1}\n%s", ends[i]);
		fill(name, text, strlen(text));
		age(name, DAY);
		struct hsw_handle *h = OPEN(name, "rotate", "daily");
		put_and_wait(h, LINE);
		ck_assert_str_eq(content(name), LINE "\n");
		ck_assert_str_eq(unpacked(nth(pattern, 0)),
			i == 0 ? "{\"old\":1}\n" : "{\"old\":1}\n{\"old\":2}\n");
		fake_close(h);
	}
}
END_TEST

START_TEST(an_empty_file_is_not_rotated)
{
	fill("out", "", 0);
	age("out", 3 * DAY);
	struct hsw_handle *h = OPEN("out", "rotate", "daily", "max_size", "1");
	put_and_wait(h, LINE);
	ck_assert_uint_eq(count("out.*"), 0);
	put_and_wait(h, LINE);
	ck_assert_uint_eq(count("out.*"), 1);
	fake_close(h);
}
END_TEST

START_TEST(rotated_files_are_compressed)
{
	struct stat st;
	struct hsw_handle *h = OPEN("out", "max_size", "19", "compress", "yes", "mode", "0604");

	for (int n = 0; n < 4; n++) {
		put_and_wait(h, LINE);
		wait_count(h, "out.*Z.gz", (size_t)n);
	}
	wait_count(h, "out.*Z", 0);
	ck_assert_uint_eq(count("out.*"), 3);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_str_eq(unpacked(nth("out.*Z.gz", i)), LINE "\n");
		ck_assert_int_eq(stat(nth("out.*Z.gz", i), &st), 0);
		ck_assert_uint_eq(st.st_mode & 0777, 0604);
	}
	fake_close(h);
}
END_TEST

START_TEST(a_clock_that_is_set_back_costs_no_compressed_file)
{
	char json[32], expected[32];
	struct hsw_handle *h = OPEN("out", "max_size", "1", "compress", "yes");

	for (int n = 0; n < 5; n++) {
		fate.wall_ms = 1767225601000 - n % 3; /* of STAMP(1) */
		snprintf(json, sizeof(json), "{\"n\":%d}", n);
		put_and_wait(h, json);
		wait_count(h, "out.*Z.gz", (size_t)n);
		wait_count(h, "out.*Z", 0);
	}
	for (int n = 0; n < 4; n++) {
		snprintf(expected, sizeof(expected), "{\"n\":%d}\n", n);
		ck_assert_str_eq(unpacked(nth("out.*Z.gz", (size_t)n)), expected);
	}
	fake_close(h);
}
END_TEST

START_TEST(what_an_earlier_run_compressed_is_not_replaced)
{
	fill(STAMP(1) ".gz", "older", 5);
	fate.wall_ms = 1767225601000; /* of STAMP(1) */
	struct hsw_handle *h = OPEN("out", "max_size", "1", "compress", "yes");
	put_and_wait(h, LINE);
	put_and_wait(h, LINE);
	wait_count(h, "out.*Z.gz", 2);
	wait_count(h, "out.*Z", 0);
	ck_assert_str_eq(content(STAMP(1) ".gz"), "older");
	ck_assert_str_eq(unpacked(nth("out.*Z.gz", 1)), LINE "\n");
	fake_close(h);
}
END_TEST

START_TEST(what_a_crash_left_half_is_done_again)
{
	/* In the middle of the compression; after it; and other people's files. */
	fill(STAMP(1), LINE "\n", 19);
	fill(STAMP(1) ".gz.part", "half", 4);
	fill(STAMP(2), LINE "\n", 19);
	fill(STAMP(2) ".gz", "older", 5);
	fill("out.20260101", "x", 1);
	fill("outer.20260101T000001.000Z", "x", 1);
	struct hsw_handle *h = OPEN("out", "max_size", "1m", "compress", "yes", "keep", "2");
	put_and_wait(h, LINE);
	wait_count(h, "out.*Z", 0);
	wait_count(h, "out.*.part", 0);
	ck_assert_uint_eq(count("out.*Z.gz"), 2);
	for (size_t i = 0; i < 2; i++)
		ck_assert_str_eq(unpacked(nth("out.*Z.gz", i)), LINE "\n");
	ck_assert_str_eq(content("out.20260101"), "x");
	ck_assert_str_eq(content("outer.20260101T000001.000Z"), "x");
	fake_close(h);
}
END_TEST

START_TEST(only_the_newest_are_kept)
{
	fill(STAMP(1), "1", 1);
	fill(STAMP(2) ".gz", "2", 1);
	fill(STAMP(3), "3", 1);
	fill(STAMP(3) ".gz", "3", 1);
	fill(STAMP(4) ".gz", "4", 1);
	struct hsw_handle *h = OPEN("out", "max_size", "19", "keep", "3");
	put_and_wait(h, LINE);
	wait_count(h, STAMP(1), 0);
	ck_assert_uint_eq(count("out.*"), 4);
	put_and_wait(h, LINE);
	wait_count(h, STAMP(2) ".gz", 0);
	ck_assert_str_eq(content(STAMP(3)), "3");
	ck_assert_str_eq(content(STAMP(4) ".gz"), "4");
	ck_assert_uint_eq(count("out.2*"), 4);
	fake_close(h);
}
END_TEST

START_TEST(what_is_too_old_is_deleted)
{
	fill(STAMP(1), "1", 1);
	fill(STAMP(2) ".gz", "2", 1);
	fill(STAMP(3), "3", 1);
	age(STAMP(1), 3 * DAY);
	age(STAMP(2) ".gz", 3 * DAY);
	age(STAMP(3), DAY);
	struct hsw_handle *h = OPEN("out", "rotate", "daily", "keep_age", "2d");
	put_and_wait(h, LINE);
	wait_count(h, "out.*", 1);
	ck_assert_str_eq(content(STAMP(3)), "3");
	fake_close(h);
}
END_TEST

/* Somebody reads it: it is left alone, and done another time. */
START_TEST(a_locked_file_is_not_compressed)
{
	fill(STAMP(1), LINE "\n", 19);
	fill(STAMP(2), LINE "\n", 19);
	int fd = open(in_folder(STAMP(2)), O_RDONLY);
	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	struct hsw_handle *h = OPEN("out", "max_size", "1m", "compress", "yes");
	put_and_wait(h, LINE);
	wait_count(h, STAMP(1) ".gz", 1);
	ck_assert_str_eq(content(STAMP(2)), LINE "\n");
	ck_assert_uint_eq(fake_logged(h, "failed"), 0);
	close(fd);
	fake_close(h);
}
END_TEST

START_TEST(a_rotation_that_fails_costs_no_event)
{
	char name[250];

	/* There is no room in a name for the time. */
	memset(name, 'n', sizeof(name));
	name[249] = '\0';
	struct hsw_handle *h = OPEN(name, "max_size", "19");
	for (int n = 0; n < 3; n++)
		put_and_wait(h, LINE);
	ck_assert_str_eq(content(name), LINE "\n" LINE "\n" LINE "\n");
	ck_assert_uint_eq(fake_logged(h, "cannot rotate"), 1);
	fake_close(h);
}
END_TEST

START_TEST(what_a_link_leads_to_is_rotated)
{
	struct stat st;

	ck_assert_int_eq(mkdir(in_folder("disk"), 0755), 0);
	ck_assert_int_eq(symlink(in_folder("disk/real"), in_folder("out")), 0);
	struct hsw_handle *h = OPEN("out", "max_size", "19", "compress", "yes", "keep", "2");
	for (int n = 0; n < 4; n++)
		put_and_wait(h, LINE);
	wait_count(h, "disk/real.*Z", 0);
	wait_count(h, "disk/real.*Z.gz", 2);
	ck_assert_uint_eq(count("out.*"), 0);
	ck_assert_int_eq(lstat(in_folder("out"), &st), 0);
	ck_assert(S_ISLNK(st.st_mode));
	ck_assert_str_eq(content("disk/real"), LINE "\n");
	ck_assert_uint_eq(fake_logged(h, ""), 0);
	fake_close(h);
}
END_TEST

/* As standard output that is redirected to a file. */
START_TEST(a_descriptor_is_not_rotated)
{
	char path[64];
	int fd = open(in_folder("out"), O_RDWR | O_CREAT | O_APPEND, 0600);
	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	struct hsw_handle *h = OPEN(path, "max_size", "19");

	for (int n = 0; n < 3; n++)
		put_and_wait(h, LINE);
	ck_assert_str_eq(content("out"), LINE "\n" LINE "\n" LINE "\n");
	ck_assert_uint_eq(count("out.*"), 0);
	ck_assert_uint_eq(fake_logged(h, "cannot rotate"), 1);
	fake_close(h);
	close(fd);
}
END_TEST

START_TEST(new_files_and_folders_get_their_owner)
{
	struct stat st;

	if (geteuid() != 0)
		return; /* only root gives files away */
	struct hsw_handle *h = OPEN("%{instance}/out", "user", "nobody", "group", "12345",
		"max_size", "19", "compress", "yes");
	ck_assert_int_eq(fake_wait(put_for(h, "sales", LINE))->outcome, HSW_DELIVERED);
	ck_assert_int_eq(fake_wait(put_for(h, "sales", LINE))->outcome, HSW_DELIVERED);
	wait_count(h, "sales/out.*Z", 0);
	const char *const paths[] = { in_folder("sales"), in_folder("sales/out"),
		nth("sales/out.*.gz", 0) };
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(stat(paths[i], &st), 0);
		ck_assert_uint_eq(st.st_uid, getpwnam("nobody")->pw_uid);
		ck_assert_uint_eq(st.st_gid, 12345);
	}
	fake_close(h);
}
END_TEST

START_TEST(what_belongs_to_the_owner_already_is_not_given_away)
{
	char user[16], group[16];

	snprintf(user, sizeof(user), "%u", geteuid());
	snprintf(group, sizeof(group), "%u", getegid());
	fate.chown_forbidden = true;
	struct hsw_handle *h = OPEN("%{instance}/out", "user", user, "group", group);
	ck_assert_int_eq(fake_wait(put_for(h, "sales", LINE))->outcome, HSW_DELIVERED);
	ck_assert_str_eq(content("sales/out"), LINE "\n");
	fake_close(h);
}
END_TEST

/* As logrotate's create makes it: the daemon may write to it, but not give it away. */
START_TEST(an_empty_file_of_another_owner_is_written_as_it_is)
{
	const gid_t groups[] = { getegid(), 12345 };
	struct stat st;

	if (geteuid() != 0)
		return; /* only root can be another one for a while */
	ck_assert_int_eq(chmod(in_folder("."), 0777), 0);
	for (int i = 0; i < 2; i++) {
		fill("out", "", 0);
		ck_assert_int_eq(chown(in_folder("out"), 0, groups[i]), 0);
		ck_assert_int_eq(chmod(in_folder("out"), 0666), 0);
		ck_assert_int_eq(seteuid(12345), 0);
		struct hsw_handle *h = OPEN("out", "group", "0");
		put_and_wait(h, LINE);
		fake_close(h);
		ck_assert_int_eq(seteuid(0), 0);
		ck_assert_int_eq(stat(in_folder("out"), &st), 0);
		ck_assert_uint_eq(st.st_uid, 0);
		ck_assert_uint_eq(st.st_gid, groups[i]);
		ck_assert_int_eq(unlink(in_folder("out")), 0);
	}
}
END_TEST

START_TEST(bad_options_are_refused_with_their_name)
{
	static const struct {
		const char *key, *value;
	} cases[] = { { "user", "no-such-user" }, { "group", "no-such-group" }, { "user", "" },
		{ "keep", "3" }, { "keep_age", "1d" }, { "compress", "yes" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hsw_error err = { "" };
		const char *const options[] = { "path", in_folder("out"), cases[i].key,
			cases[i].value, NULL };
		ck_assert_ptr_null(fake_open("sink-file", options, &err));
		ck_assert_msg(strstr(err.text, cases[i].key) != NULL, "%s", err.text);
	}
}
END_TEST

/* The thread stops in the middle: what it had begun is whole or not there. */
START_TEST(closing_does_not_wait_for_the_compression)
{
	size_t len = 64 << 20;
	char *bytes = malloc(len);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(i * 2654435761u >> 13);
	fill(STAMP(1), bytes, len);
	free(bytes);
	struct hsw_handle *h = OPEN("out", "max_size", "1m", "compress", "yes");
	put_and_wait(h, LINE);
	wait_count(h, "out.*.part", 1);
	fake_close(h);
	for (int i = 0; count("out.*.part") > 0; i++) {
		ck_assert_int_lt(i, 1000);
		usleep(5000);
	}
	ck_assert_uint_eq(count(STAMP(1)), 1);
	ck_assert_uint_eq(count("out.*.gz"), 0);
}
END_TEST

UNIT_MAIN_WITH("sink-file-rotate", file_rig_setup, file_rig_teardown,
	a_full_file_is_rotated_and_no_line_is_lost, rotated_files_do_not_stay_open,
	many_files_are_rotated_in_one_turn, a_new_day_or_hour_begins_a_new_file,
	what_a_crash_left_half_is_rotated_with_its_day, an_empty_file_is_not_rotated,
	rotated_files_are_compressed, a_clock_that_is_set_back_costs_no_compressed_file,
	what_an_earlier_run_compressed_is_not_replaced, what_a_crash_left_half_is_done_again,
	only_the_newest_are_kept, what_is_too_old_is_deleted, a_locked_file_is_not_compressed,
	a_rotation_that_fails_costs_no_event, what_a_link_leads_to_is_rotated,
	a_descriptor_is_not_rotated, new_files_and_folders_get_their_owner,
	what_belongs_to_the_owner_already_is_not_given_away,
	an_empty_file_of_another_owner_is_written_as_it_is, bad_options_are_refused_with_their_name,
	closing_does_not_wait_for_the_compression)
