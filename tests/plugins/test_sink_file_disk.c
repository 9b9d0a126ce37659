/* SPDX-License-Identifier: Apache-2.0 */
/* test_sink_file_disk.c - sink-file: whole lines in spite of crashes, full disks, slow disks and
 * pipes. */
#include "file_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

START_TEST(a_last_line_without_newline_is_cut_or_ended)
{
#define BYTES(s) s, sizeof(s) - 1
	static const struct {
		const char *bytes;
		size_t len;
		const char *after, *logged;
	} cases[] = { { BYTES("{\"a\":1}\n{\"b\":"), "{\"a\":1}\n", "bytes=5" },
		{ BYTES("{\"a\":1}\n{\"b\":2}"), "{\"a\":1}\n{\"b\":2}\n", "no newline" },
		{ BYTES("{\"a\":\"}\\\"}"), "", "bytes=10" },
		{ BYTES("{\"a\":[{}]"), "", "bytes=9" }, { BYTES("{\"a\":1}x"), "", "bytes=8" },
		{ BYTES("{\"a\":1}\n\0\0\0\0"), "{\"a\":1}\n", "bytes=4" },
		{ BYTES("{\"a\":1}\n{\"b\":2}\0"), "{\"a\":1}\n", "bytes=8" },
		{ BYTES("not ours"), "not ours\n", "no newline" }, { BYTES("{}\n"), "{}\n", NULL },
		{ BYTES(""), "", NULL } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char expected[256];
		fill("out", cases[i].bytes, cases[i].len);
		struct hsw_handle *h = OPEN("out", "fsync", "never");
		put_and_wait(h, "{\"new\":1}");
		snprintf(expected, sizeof(expected), "%s{\"new\":1}\n", cases[i].after);
		ck_assert_str_eq(content("out"), expected);
		ck_assert_uint_eq(fake_logged(h, ""), cases[i].logged != NULL);
		if (cases[i].logged != NULL)
			ck_assert_uint_eq(fake_logged(h, cases[i].logged), 1);
		fake_close(h);
	}
}
END_TEST

START_TEST(a_long_unfinished_line_is_cut)
{
	size_t len = 300 * 1024;
	char *bytes = malloc(len);

	memset(bytes, 'x', len);
	memcpy(bytes, "{\"a\":1}\n{\"media\":\"", 18);
	fill("out", bytes, len);
	free(bytes);
	struct hsw_handle *h = OPEN("out", "fsync", "never");
	put_and_wait(h, "{}");
	ck_assert_str_eq(content("out"), "{\"a\":1}\n{}\n");
	fake_close(h);
}
END_TEST

START_TEST(a_short_write_on_a_full_disk_leaves_whole_lines)
{
	/* Lines of 8 bytes: 0, 1, 2 whole lines and a part of the next one fit. */
	for (ssize_t room = 0; room <= 24; room++) {
		struct hsw_handle *h = OPEN("out", "fsync", "never");
		struct hsw_delivery *d[3];
		fate.writev_bytes = room;
		fate.writev_error = ENOSPC;
		for (int i = 0; i < 3; i++)
			d[i] = put(h, "{\"n\":1}");
		fake_wait_all(h);
		fate.writev_bytes = -1;
		ck_assert_uint_eq(strlen(content("out")), (size_t)(room / 8 * 8));
		for (int i = 0; i < 3; i++)
			ck_assert_int_eq(fake_result(d[i])->outcome,
				i < room / 8 ? HSW_DELIVERED : HSW_HOLD);
		if (room < 24)
			ck_assert_ptr_nonnull(
				strstr(fake_result(d[2])->text, "no space left on device"));
		put_and_wait(h, "{}");
		ck_assert_uint_eq(strlen(content("out")), (size_t)(room / 8 * 8 + 3));
		fake_close(h);
		unlink(in_folder("out"));
	}
}
END_TEST

START_TEST(a_disk_that_takes_no_line_holds_them_all)
{
	static const struct {
		int error;
		enum hsw_outcome outcome;
	} cases[] = { { ENOSPC, HSW_HOLD }, { EDQUOT, HSW_HOLD }, { EIO, HSW_HOLD },
		{ EROFS, HSW_HOLD }, { EFBIG, HSW_RETRY } };
	struct hsw_handle *h = OPEN("out", "fsync", "never");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fate.writev_bytes = 0;
		fate.writev_error = cases[i].error;
		ck_assert_int_eq(fake_wait(put(h, "{}"))->outcome, cases[i].outcome);
	}
	fate.writev_bytes = -1;
	put_and_wait(h, "{}");
	ck_assert_str_eq(content("out"), "{}\n");
	fake_close(h);
}
END_TEST

START_TEST(half_a_line_that_cannot_be_taken_back_is_cut_before_the_next)
{
	struct hsw_handle *h = OPEN("out", "fsync", "never");

	fate.writev_bytes = 11;
	fate.writev_error = ENOSPC;
	fate.ftruncate_errors = 2;
	put(h, "{\"n\":1}");
	put(h, "{\"n\":2}");
	fake_wait_all(h);
	fate.writev_bytes = -1;
	ck_assert_str_eq(content("out"), "{\"n\":1}\n{\"n");
	ck_assert_int_eq(fake_wait(put(h, "{\"n\":2}"))->outcome, HSW_HOLD);
	put_and_wait(h, "{\"n\":2}");
	ck_assert_str_eq(content("out"), "{\"n\":1}\n{\"n\":2}\n");
	fake_close(h);
}
END_TEST

START_TEST(a_file_at_its_size_limit_keeps_whole_lines)
{
	struct rlimit limit = { .rlim_cur = 20, .rlim_max = RLIM_INFINITY };
	struct hsw_handle *h = OPEN("out", "fsync", "always");
	struct hsw_delivery *d[3];

	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (int i = 0; i < 3; i++)
		d[i] = put(h, "{\"n\":1}");
	fake_wait_all(h);
	limit.rlim_cur = RLIM_INFINITY;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	ck_assert_str_eq(content("out"), "{\"n\":1}\n{\"n\":1}\n");
	ck_assert_int_eq(fake_result(d[1])->outcome, HSW_DELIVERED);
	ck_assert_int_eq(fake_result(d[2])->outcome, HSW_RETRY);
	put_and_wait(h, "{\"n\":2}");
	ck_assert_str_eq(content("out"), "{\"n\":1}\n{\"n\":1}\n{\"n\":2}\n");
	fake_close(h);
}
END_TEST

static size_t
lines(const char *path)
{
	size_t n = 0;

	for (const char *p = content(path); (p = strchr(p, '\n')) != NULL; p++)
		n++;
	return n;
}

static void
wait_for_lines(struct hsw_handle *h, const char *path, size_t n)
{
	for (int i = 0; i < 1000 && lines(path) < n; i++)
		fake_run(h, 5);
	ck_assert_uint_eq(lines(path), n);
}

START_TEST(fsync_always_waits_for_the_disk_and_gathers)
{
	struct hsw_handle *h = OPEN("%{instance}", "fsync", "always");

	fate.fdatasync_waits = true;
	struct hsw_delivery *first = put(h, "{\"n\":1}");
	wait_for_lines(h, "sales", 1);
	fake_run(h, 20);
	ck_assert_str_eq(content("sales"), "{\"n\":1}\n");
	ck_assert_int_eq(fake_result(first)->state, FAKE_PENDING);
	for (int i = 0; i < 100; i++)
		put_for(h, i % 2 ? "sales" : "support", "{}");
	wait_for_lines(h, "sales", 1 + 50);
	wait_for_lines(h, "support", 50);
	fate.fdatasync_waits = false;
	fake_wait_all(h);
	/* The first one, then one for each file: all that came meanwhile shares it. */
	ck_assert_uint_eq(fate.fdatasyncs, 3);
	ck_assert_uint_eq(fake_result(first)->order, 1);
	fake_close(h);
}
END_TEST

START_TEST(a_failed_fdatasync_is_told_and_the_file_opened_anew)
{
	struct hsw_handle *h = OPEN("out", "fsync", "always");

	fate.fdatasync_error = EIO;
	const struct fake_result *r = fake_wait(put(h, "{\"n\":1}"));
	ck_assert_int_eq(r->outcome, HSW_HOLD);
	ck_assert_ptr_nonnull(strstr(r->text, "fdatasync"));
	ck_assert_ptr_nonnull(strstr(r->text, "input/output error"));
	ck_assert_uint_eq(open_files(), 0);
	fate.fdatasync_error = 0;
	put_and_wait(h, "{\"n\":1}");
	ck_assert_str_eq(content("out"), "{\"n\":1}\n{\"n\":1}\n");
	fake_close(h);
}
END_TEST

static void
wait_for_syncs(struct hsw_handle *h, unsigned n)
{
	for (int i = 0; i < 1000 && fate.fdatasyncs != n; i++)
		fake_run(h, 5);
	ck_assert_uint_eq(fate.fdatasyncs, n);
}

START_TEST(fsync_interval_syncs_once_for_many)
{
	struct hsw_handle *h = OPEN("out", "fsync", "interval", "fsync_interval", "2s");

	for (int i = 0; i < 10; i++)
		put_and_wait(h, "{}");
	ck_assert_uint_eq(fate.fdatasyncs, 0);
	wait_for_syncs(h, 1);
	fake_run(h, 2100);
	ck_assert_uint_eq(fate.fdatasyncs, 1);
	put_and_wait(h, "{}");
	wait_for_syncs(h, 2);
	fake_close(h);
}
END_TEST

START_TEST(fsync_never_leaves_it_to_the_system)
{
	struct hsw_handle *h = OPEN("out", "fsync", "never");

	put_and_wait(h, "{}");
	fake_run(h, 50);
	fake_close(h);
	ck_assert_uint_eq(fate.fdatasyncs, 0);
}
END_TEST

START_TEST(close_does_not_wait_for_the_disk_but_syncs)
{
	struct hsw_handle *h = OPEN("out", "fsync", "interval", "fsync_interval", "1h");

	put_and_wait(h, "{}");
	fate.fdatasync_waits = true;
	fake_close(h);
	/* A new handle of the section can write at once. */
	h = OPEN("out", "fsync", "never");
	put_and_wait(h, "{}");
	fake_close(h);
	fate.fdatasync_waits = false;
	for (int i = 0; i < 500 && open_files() > 0; i++)
		usleep(10000);
	ck_assert_uint_eq(open_files(), 0);
	ck_assert_uint_eq(fate.fdatasyncs, 1);
}
END_TEST

START_TEST(a_cancelled_delivery_leaves_no_line_and_no_gap)
{
	struct hsw_handle *h = OPEN("out", "fsync", "always");
	struct hsw_delivery *d[3];

	for (int i = 0; i < 3; i++)
		d[i] = put(h, i == 1 ? "{\"gone\":1}" : "{}");
	fake_cancel(d[1]);
	fate.fdatasync_waits = true;
	wait_for_lines(h, "out", 2);
	fake_cancel(d[0]); /* written already */
	fate.fdatasync_waits = false;
	fake_wait_all(h);
	ck_assert_str_eq(content("out"), "{}\n{}\n");
	ck_assert_int_eq(fake_result(d[2])->outcome, HSW_DELIVERED);
	fake_close(h);
}
END_TEST

START_TEST(devices_are_written_without_being_cut)
{
	struct hsw_handle *h = OPEN("/dev/null", "fsync", "always");

	put_and_wait(h, "{}");
	fake_close(h);
	h = OPEN("/dev/full", "fsync", "always");
	const struct fake_result *r = fake_wait(put(h, "{}"));
	ck_assert_int_eq(r->outcome, HSW_HOLD);
	ck_assert_ptr_nonnull(strstr(r->text, "no space left on device"));
	fake_close(h);
}
END_TEST

/* As when standard output was redirected to a file that somebody deletes. */
START_TEST(a_deleted_file_that_the_path_still_leads_to_is_written_once)
{
	char path[64], got[64] = "";
	int fd = open(in_folder("out"), O_RDWR | O_CREAT | O_APPEND, 0600);
	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	struct hsw_handle *h = OPEN(path, "fsync", "always");

	put_and_wait(h, "{\"n\":1}");
	ck_assert_int_eq(unlink(in_folder("out")), 0);
	put_and_wait(h, "{\"n\":2}");
	fake_reopen(h);
	put_and_wait(h, "{\"n\":3}");
	ck_assert_int_eq(pread(fd, got, sizeof(got) - 1, 0), 24);
	ck_assert_str_eq(got, "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
	fake_close(h);
	close(fd);
}
END_TEST

/* A line that is longer than what a pipe holds. */
static char *
long_line(size_t len)
{
	char *json = malloc(len + 1);

	memset(json, 'x', len);
	json[0] = '{';
	json[len - 1] = '}';
	json[len] = '\0';
	return json;
}

static size_t
read_all(struct hsw_handle *h, int fd, char *to, size_t size)
{
	size_t len = 0;

	for (int quiet = 0; quiet < 20;) {
		ssize_t n = read(fd, to + len, size - len);
		quiet = n > 0 ? 0 : quiet + 1;
		len += n > 0 ? (size_t)n : 0;
		fake_run(h, 5);
	}
	return len;
}

START_TEST(a_full_pipe_gets_whole_lines_even_of_what_is_cancelled)
{
	size_t len = 100 * 1024;
	char *json = long_line(len), *got = malloc(4 * len);
	ck_assert_int_eq(mkfifo(in_folder("pipe"), 0600), 0);
	struct hsw_handle *h = OPEN("pipe", "fsync", "always");

	const struct fake_result *r = fake_wait(put(h, "{}"));
	ck_assert_int_eq(r->outcome, HSW_RETRY);
	ck_assert_ptr_nonnull(strstr(r->text, "nobody reads it"));

	int fd = open(in_folder("pipe"), O_RDONLY | O_NONBLOCK);
	struct hsw_delivery *half = put(h, json), *never = put(h, json), *last = put(h, "{}");
	fake_run(h, 20);
	ck_assert_int_eq(fake_result(half)->state, FAKE_PENDING);
	fake_cancel(half);
	fake_cancel(never);
	size_t n = read_all(h, fd, got, 4 * len);
	ck_assert_uint_eq(n, len + 1 + 3);
	ck_assert_mem_eq(got, json, len);
	ck_assert_mem_eq(got + len, "\n{}\n", 4);
	ck_assert_int_eq(fake_wait(last)->outcome, HSW_DELIVERED);

	half = put(h, json);
	fake_run(h, 20);
	close(fd);
	ck_assert_int_eq(fake_wait(half)->outcome, HSW_RETRY);
	half = put(h, json);
	fd = open(in_folder("pipe"), O_RDONLY | O_NONBLOCK);
	fake_run(h, 20);
	fake_cancel(half);
	fake_close(h);
	close(fd);
	free(json);
	free(got);
}
END_TEST

/* A reader that stands still in the middle of a line. */
START_TEST(a_cancelled_delivery_to_a_pipe_holds_up_no_other_file)
{
	size_t len = 100 * 1024;
	char *json = long_line(len), *got = malloc(2 * len);
	ck_assert_int_eq(mkfifo(in_folder("pipe"), 0600), 0);
	int fd = open(in_folder("pipe"), O_RDONLY | O_NONBLOCK);
	struct hsw_handle *h = OPEN("%{instance}", "fsync", "always");

	struct hsw_delivery *half = put_for(h, "pipe", json), *never = put_for(h, "pipe", "{}");
	struct hsw_delivery *other = put_for(h, "file", "{\"n\":1}");
	fake_run(h, 50);
	ck_assert_str_eq(content("file"), "{\"n\":1}\n");
	ck_assert_int_eq(fake_result(other)->state, FAKE_PENDING);
	fake_cancel(half);
	fake_run(h, 50);
	ck_assert_int_eq(fake_result(other)->state, FAKE_PENDING);
	fake_cancel(never);
	ck_assert_int_eq(fake_wait(other)->outcome, HSW_DELIVERED);
	ck_assert_int_eq(fake_wait(put_for(h, "file", "{\"n\":2}"))->outcome, HSW_DELIVERED);
	ck_assert_uint_eq(read_all(h, fd, got, 2 * len), len + 1);
	ck_assert_mem_eq(got, json, len);
	fake_close(h);
	close(fd);
	free(json);
	free(got);
}
END_TEST

/* A delivery to a pipe that is full keeps those behind it from being told. */
START_TEST(a_renamed_file_gets_no_line_before_one_that_failed)
{
	size_t len = 100 * 1024;
	char *json = long_line(len), *got = malloc(2 * len);
	ck_assert_int_eq(mkfifo(in_folder("pipe"), 0600), 0);
	int fd = open(in_folder("pipe"), O_RDONLY | O_NONBLOCK);

	for (int reopen_first = 0; reopen_first < 2; reopen_first++) {
		struct hsw_handle *h = OPEN("%{instance}", "fsync", "never");
		ck_assert_int_eq(
			fake_wait(put_for(h, "file", "{\"n\":0}"))->outcome, HSW_DELIVERED);
		put_for(h, "pipe", json);
		fake_run(h, 20);
		fate.writev_bytes = 0;
		fate.writev_error = ENOSPC;
		struct hsw_delivery *first = put_for(h, "file", "{\"n\":1}");
		fake_run(h, 20);
		fate.writev_bytes = -1;
		ck_assert_int_eq(rename(in_folder("file"), in_folder("file.1")), 0);
		if (reopen_first)
			fake_reopen(h);
		struct hsw_delivery *second = put_for(h, "file", "{\"n\":2}");
		if (!reopen_first)
			fake_reopen(h);
		fake_run(h, 20);
		ck_assert_str_eq(content("file"), "(none)");
		read_all(h, fd, got, 2 * len);
		ck_assert_int_eq(fake_wait(first)->outcome, HSW_HOLD);
		ck_assert_int_eq(fake_wait(second)->outcome, HSW_HOLD);
		ck_assert_int_eq(
			fake_wait(put_for(h, "file", "{\"n\":1}"))->outcome, HSW_DELIVERED);
		ck_assert_str_eq(content("file.1"), "{\"n\":0}\n");
		ck_assert_str_eq(content("file"), "{\"n\":1}\n");
		ck_assert_int_eq(unlink(in_folder("file")), 0);
		fake_close(h);
	}
	close(fd);
	free(json);
	free(got);
}
END_TEST

UNIT_MAIN_WITH("sink-file-disk", file_rig_setup, file_rig_teardown,
	a_last_line_without_newline_is_cut_or_ended, a_long_unfinished_line_is_cut,
	a_short_write_on_a_full_disk_leaves_whole_lines, a_disk_that_takes_no_line_holds_them_all,
	half_a_line_that_cannot_be_taken_back_is_cut_before_the_next,
	a_file_at_its_size_limit_keeps_whole_lines, fsync_always_waits_for_the_disk_and_gathers,
	a_failed_fdatasync_is_told_and_the_file_opened_anew, fsync_interval_syncs_once_for_many,
	fsync_never_leaves_it_to_the_system, close_does_not_wait_for_the_disk_but_syncs,
	a_cancelled_delivery_leaves_no_line_and_no_gap, devices_are_written_without_being_cut,
	a_deleted_file_that_the_path_still_leads_to_is_written_once,
	a_full_pipe_gets_whole_lines_even_of_what_is_cancelled,
	a_cancelled_delivery_to_a_pipe_holds_up_no_other_file,
	a_renamed_file_gets_no_line_before_one_that_failed)
