/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_sink_file.c - sink-file in a folder of its own.
 *
 * The program's own writev and fdatasync come before libc's in the plugin too (it is linked with
 * -rdynamic): tests make them fail, come back short, or wait.
 */
#include "fake_host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

static char folder[] = "/tmp/hookswitch-test-file-XXXXXX";

/* What happens to the next calls. */
static struct {
	ssize_t writev_bytes; /* >= 0: the first writev ends after so many bytes, the next fails */
	int writev_error;
	_Atomic int fdatasync_error;
	_Atomic int fdatasync_ms;
	_Atomic unsigned fdatasyncs;
} fate = { .writev_bytes = -1 };

HSW_EXPORT ssize_t writev(int fd, const struct iovec *iov, int n);
HSW_EXPORT int fdatasync(int fd);

/* Writes the first bytes of the pieces. */
static ssize_t
write_some(int fd, const struct iovec *iov, int n, size_t bytes)
{
	ssize_t done = 0;

	for (int i = 0; i < n && (size_t)done < bytes; i++) {
		size_t len = iov[i].iov_len;
		if (len > bytes - (size_t)done)
			len = bytes - (size_t)done;
		done += write(fd, iov[i].iov_base, len);
	}
	return done;
}

ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	ssize_t bytes = fate.writev_bytes;

	if (bytes < 0)
		return syscall(SYS_writev, fd, iov, n);
	fate.writev_bytes = 0;
	if (bytes > 0)
		return write_some(fd, iov, n, (size_t)bytes);
	errno = fate.writev_error;
	return -1;
}

int
fdatasync(int fd)
{
	fate.fdatasyncs++;
	if (fate.fdatasync_ms > 0)
		usleep((useconds_t)fate.fdatasync_ms * 1000);
	if (fate.fdatasync_error != 0) {
		errno = fate.fdatasync_error;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

/* ---- helpers -------------------------------------------------------------------------------- */

static void
setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void
remove_tree(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	char below[PATH_MAX];

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		remove_tree(below);
	}
	if (dir != NULL)
		closedir(dir);
	remove(path);
}

static void
teardown(void)
{
	remove_tree(folder);
}

/* path is relative to the test's folder; then "key", "value", ..., NULL. */
#define OPEN(path, ...) \
	open_sink((const char *const[]){ "path", in_folder(path), __VA_ARGS__, NULL })

static const char *
in_folder(const char *path)
{
	static char text[4][PATH_MAX];
	static unsigned n;
	char *to = text[n++ % 4];

	snprintf(to, PATH_MAX, "%s%s%s", path[0] == '/' ? "" : folder, path[0] == '/' ? "" : "/",
		path);
	return to;
}

static struct hsw_handle *
open_sink(const char *const *options)
{
	struct hsw_error err = { "" };
	struct hsw_handle *h = fake_open("sink-file", options, &err);

	ck_assert_msg(h != NULL, "%s", err.text);
	return h;
}

static struct hsw_delivery *
put_event(struct hsw_handle *h, const struct fake_event *event)
{
	const struct hsw_envelope *env = fake_envelope_new(event);
	struct hsw_delivery *d = fake_deliver(h, env, 1);

	fake_unref(env);
	return d;
}

static struct hsw_delivery *
put_for(struct hsw_handle *h, const char *instance, const char *json)
{
	const struct fake_piece piece = { .bytes = json, .len = strlen(json) };

	return put_event(
		h, &(struct fake_event){ .instance = instance, .pieces = &piece, .count = 1 });
}

static struct hsw_delivery *
put(struct hsw_handle *h, const char *json)
{
	return put_for(h, NULL, json);
}

static void
put_and_wait(struct hsw_handle *h, const char *json)
{
	ck_assert_int_eq(fake_wait(put(h, json))->outcome, HSW_DELIVERED);
}

/* The content of a file; "(none)" if there is no such file. */
static const char *
content(const char *path)
{
	static char text[1 << 20];
	FILE *f = fopen(in_folder(path), "r");

	if (f == NULL)
		return "(none)";
	size_t n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static void
fill(const char *path, const char *bytes, size_t len)
{
	FILE *f = fopen(in_folder(path), "w");

	ck_assert_uint_eq(fwrite(bytes, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

static unsigned
open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	unsigned n = 0;
	char target[PATH_MAX];

	while ((entry = readdir(dir)) != NULL) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		n += len > 0 && strncmp(target, folder, strlen(folder)) == 0;
	}
	closedir(dir);
	return n;
}

/* ---- tests ---------------------------------------------------------------------------------- */

START_TEST(each_envelope_is_a_line_in_the_order_of_delivery)
{
	struct hsw_handle *h = OPEN("out.ndjson", "fsync", "never");
	const struct fake_piece pieces[] = { { "{\"a\":", 5, 0 }, { "TOKEN", 5, HSW_TOKEN },
		{ "1", 1, 0 }, { "}", 1, 0 } };

	struct hsw_delivery *first = put_event(
		h, &(struct fake_event){ .pieces = pieces, .count = 4 });
	struct hsw_delivery *second = put(h, "{\"b\":2}");
	ck_assert_str_eq(content("out.ndjson"), "(none)"); /* nothing is written inside deliver */
	fake_wait_all(h);
	ck_assert_str_eq(content("out.ndjson"), "{\"a\":1}\n{\"b\":2}\n");
	ck_assert_int_eq(fake_result(first)->outcome, HSW_DELIVERED);
	ck_assert_uint_eq(fake_result(first)->order, 1);
	ck_assert_uint_eq(fake_result(second)->order, 2);
	fake_close(h);
}
END_TEST

START_TEST(more_lines_than_one_write_takes_go_out_in_order)
{
	struct hsw_handle *h = OPEN("out.ndjson", "fsync", "never");
	char line[32];
	unsigned expected = 0;

	for (unsigned i = 0; i < 3000; i++) {
		snprintf(line, sizeof(line), "{\"n\":%u}", i);
		put(h, line);
	}
	fake_wait_all(h);
	for (const char *p = content("out.ndjson"); *p != '\0'; p = strchr(p, '\n') + 1)
		ck_assert_uint_eq(strtoul(p + 5, NULL, 10), expected++);
	ck_assert_uint_eq(expected, 3000);
	fake_close(h);
}
END_TEST

START_TEST(path_takes_dates_instance_and_event)
{
	struct hsw_handle *h = OPEN(
		"%{instance}-%{event}-%Y-%m-%d-%H%M%S%%.ndjson", "fsync", "never");
	const struct fake_piece piece = { "{}", 2, 0 };

	/* 2026-02-03 04:05:06 UTC */
	put_event(h,
		&(struct fake_event){ .received_ms = 1770091506789, .pieces = &piece, .count = 1 });
	fake_wait_all(h);
	ck_assert_str_eq(content("sales-message.exchange-2026-02-03-040506%.ndjson"), "{}\n");
	fake_close(h);
}
END_TEST

START_TEST(dates_are_local_when_asked)
{
	setenv("TZ", "XXX-5:30", 1);
	tzset();
	struct hsw_handle *h = OPEN("%H%M", "utc", "no", "fsync", "never");
	const struct fake_piece piece = { "{}", 2, 0 };

	put_event(h,
		&(struct fake_event){ .received_ms = 1770091506789, .pieces = &piece, .count = 1 });
	fake_wait_all(h);
	ck_assert_str_eq(content("0935"), "{}\n");
	fake_close(h);
}
END_TEST

START_TEST(what_is_put_into_the_path_cannot_leave_its_folder)
{
	static const struct {
		const char *instance, *file;
	} cases[] = { { "../../etc/passwd", "log/_._.._etc_passwd" }, { "..", "log/_." },
		{ ".hidden", "log/_hidden" }, { "/abs", "log/_abs" }, { "", "log/_" },
		{ "a b\n\x01\xc3\xa9", "log/a_b____" }, { "Sales-1_x", "log/Sales-1_x" } };
	ck_assert_int_eq(mkdir(in_folder("log"), 0755), 0);
	struct hsw_handle *h = OPEN("log/%{instance}", "fsync", "never");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put_for(h, cases[i].instance, "{}");
		fake_wait_all(h);
		ck_assert_msg(strcmp(content(cases[i].file), "{}\n") == 0, "%s", cases[i].instance);
	}
	fake_close(h);
}
END_TEST

START_TEST(wrong_options_are_refused_with_their_key)
{
	static const struct {
		const char *path, *mode, *expected;
	} cases[] = { { "%Q", "0640", "path: %Q" }, { "%{typo}", "0640", "path: %{" },
		{ "100%", "0640", "path: %" }, { "%D", "0640", "path: %D" },
		{ "missing/x", "0640", "path: folder" },
		{ "missing/%{event}", "0640", "path: folder" }, { "x", "rw-r", "mode:" },
		{ "x", "1640", "mode:" }, { "x", "0040", "mode:" }, { "x", "", "mode:" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const options[] = { "path", in_folder(cases[i].path), "mode",
			cases[i].mode, NULL };
		struct hsw_error err = { "" };
		ck_assert_ptr_null(fake_open("sink-file", options, &err));
		ck_assert_msg(strncmp(err.text, cases[i].expected, strlen(cases[i].expected)) == 0,
			"%s: %s", cases[i].path, err.text);
	}
}
END_TEST

START_TEST(folders_that_come_from_patterns_are_made)
{
	umask(0);
	struct hsw_handle *h = OPEN("%{instance}/%{event}/x", "mode", "0640", "fsync", "never");
	struct stat st;

	put_and_wait(h, "{}");
	ck_assert_str_eq(content("sales/message.exchange/x"), "{}\n");
	ck_assert_int_eq(stat(in_folder("sales/message.exchange"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0750);
	ck_assert_int_eq(stat(in_folder("sales/message.exchange/x"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0640);
	fake_close(h);
}
END_TEST

START_TEST(a_renamed_file_is_left_within_a_second)
{
	struct hsw_handle *h = OPEN("out", "fsync", "interval");

	put_and_wait(h, "{\"n\":1}");
	ck_assert_int_eq(rename(in_folder("out"), in_folder("out.1")), 0);
	fake_run(h, 1100);
	put_and_wait(h, "{\"n\":2}");
	ck_assert_str_eq(content("out.1"), "{\"n\":1}\n");
	ck_assert_str_eq(content("out"), "{\"n\":2}\n");
	fake_close(h);
}
END_TEST

START_TEST(a_renamed_file_is_left_at_once_on_reopen)
{
	struct hsw_handle *h = OPEN("out", "fsync", "never");

	put_and_wait(h, "{\"n\":1}");
	ck_assert_int_eq(rename(in_folder("out"), in_folder("out.1")), 0);
	fake_reopen(h);
	ck_assert_uint_eq(open_files(), 0); /* its space can be freed */
	put_and_wait(h, "{\"n\":2}");
	ck_assert_str_eq(content("out.1"), "{\"n\":1}\n");
	ck_assert_str_eq(content("out"), "{\"n\":2}\n");
	fake_reopen(h);
	put_and_wait(h, "{\"n\":3}");
	ck_assert_str_eq(content("out"), "{\"n\":2}\n{\"n\":3}\n");
	fake_close(h);
}
END_TEST

START_TEST(a_deleted_file_is_made_again_and_gets_every_line)
{
	struct hsw_handle *h = OPEN("out", "fsync", "always");

	put_and_wait(h, "{\"n\":1}");
	ck_assert_int_eq(unlink(in_folder("out")), 0);
	struct hsw_delivery *d = put(h, "{\"n\":2}");
	put(h, "{\"n\":3}");
	fake_wait_all(h);
	ck_assert_int_eq(fake_result(d)->outcome, HSW_DELIVERED);
	ck_assert_str_eq(content("out"), "{\"n\":2}\n{\"n\":3}\n");
	fake_close(h);
}
END_TEST

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
		{ BYTES("{\"a\":[{}]"), "", "bytes=9" },
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
				i < room / 8 ? HSW_DELIVERED : HSW_RETRY);
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

START_TEST(fsync_always_waits_for_the_disk_and_gathers)
{
	struct hsw_handle *h = OPEN("%{instance}", "fsync", "always");

	fate.fdatasync_ms = 50;
	struct hsw_delivery *first = put(h, "{\"n\":1}");
	fake_run(h, 20);
	ck_assert_str_eq(content("sales"), "{\"n\":1}\n");
	ck_assert_int_eq(fake_result(first)->state, FAKE_PENDING);
	for (int i = 0; i < 100; i++)
		put_for(h, i % 2 ? "sales" : "support", "{}");
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
	ck_assert_int_eq(r->outcome, HSW_RETRY);
	ck_assert_ptr_nonnull(strstr(r->text, "fdatasync"));
	ck_assert_ptr_nonnull(strstr(r->text, "input/output error"));
	ck_assert_uint_eq(open_files(), 0);
	fate.fdatasync_error = 0;
	put_and_wait(h, "{\"n\":1}");
	ck_assert_str_eq(content("out"), "{\"n\":1}\n{\"n\":1}\n");
	fake_close(h);
}
END_TEST

START_TEST(fsync_interval_syncs_once_for_many)
{
	struct hsw_handle *h = OPEN("out", "fsync", "interval", "fsync_interval", "200ms");

	for (int i = 0; i < 10; i++)
		put_and_wait(h, "{}");
	ck_assert_uint_eq(fate.fdatasyncs, 0);
	fake_run(h, 300);
	ck_assert_uint_eq(fate.fdatasyncs, 1);
	fake_run(h, 300);
	ck_assert_uint_eq(fate.fdatasyncs, 1);
	put_and_wait(h, "{}");
	fake_run(h, 300);
	ck_assert_uint_eq(fate.fdatasyncs, 2);
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
	fate.fdatasync_ms = 300;
	struct timespec before, after;
	clock_gettime(CLOCK_MONOTONIC, &before);
	fake_close(h);
	clock_gettime(CLOCK_MONOTONIC, &after);
	int64_t ms = (after.tv_sec - before.tv_sec) * 1000 +
		(after.tv_nsec - before.tv_nsec) / 1000000;
	ck_assert_int_lt(ms, 200);
	/* A new handle of the section can write at once. */
	h = OPEN("out", "fsync", "never");
	put_and_wait(h, "{}");
	fake_close(h);
	for (int i = 0; i < 500 && open_files() > 0; i++)
		usleep(10000);
	ck_assert_uint_eq(open_files(), 0);
	ck_assert_uint_eq(fate.fdatasyncs, 1);
}
END_TEST

static void
write_to_many_files(const char *mode)
{
	struct hsw_handle *h = OPEN("%{instance}", "fsync", mode, "fsync_interval", "1h");
	char instance[16];

	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 300; i++) {
			snprintf(instance, sizeof(instance), "%s%d", mode, i);
			put_for(h, instance, "{}");
		}
		fake_wait_all(h);
		ck_assert_uint_le(open_files(), 64);
	}
	for (int i = 0; i < 300; i++) {
		snprintf(instance, sizeof(instance), "%s%d", mode, i);
		ck_assert_msg(strcmp(content(instance), "{}\n{}\n") == 0, "%s", instance);
	}
	fake_close(h);
	for (int i = 0; i < 500 && open_files() > 0; i++)
		usleep(10000);
}

START_TEST(many_files_share_a_few_descriptors)
{
	write_to_many_files("always");
	write_to_many_files("interval");
	write_to_many_files("never");
}
END_TEST

START_TEST(two_writers_of_a_file_do_not_mix)
{
	struct hsw_handle *first = OPEN("out", "fsync", "never");
	struct hsw_handle *second = OPEN("out", "fsync", "never");

	put_and_wait(first, "{\"n\":1}");
	const struct fake_result *r = fake_wait(put(second, "{\"n\":2}"));
	ck_assert_int_eq(r->outcome, HSW_RETRY);
	ck_assert_ptr_nonnull(strstr(r->text, "another process writes to it"));
	fake_close(first);
	put_and_wait(second, "{\"n\":2}");
	ck_assert_str_eq(content("out"), "{\"n\":1}\n{\"n\":2}\n");
	fake_close(second);
}
END_TEST

START_TEST(a_cancelled_delivery_leaves_no_line_and_no_gap)
{
	struct hsw_handle *h = OPEN("out", "fsync", "always");
	struct hsw_delivery *d[3];

	for (int i = 0; i < 3; i++)
		d[i] = put(h, i == 1 ? "{\"gone\":1}" : "{}");
	fake_cancel(d[1]);
	fate.fdatasync_ms = 50;
	fake_run(h, 20);
	fake_cancel(d[0]); /* written already */
	fake_wait_all(h);
	ck_assert_str_eq(content("out"), "{}\n{}\n");
	ck_assert_int_eq(fake_result(d[2])->outcome, HSW_DELIVERED);
	fake_close(h);
}
END_TEST

START_TEST(a_file_that_cannot_be_opened_is_told_and_others_go_on)
{
	ck_assert_int_eq(mkdir(in_folder("folder"), 0755), 0);
	struct hsw_handle *h = OPEN("%{instance}", "fsync", "never");

	struct hsw_delivery *bad = put_for(h, "folder", "{}");
	struct hsw_delivery *good = put_for(h, "file", "{}");
	fake_wait_all(h);
	ck_assert_int_eq(fake_result(bad)->outcome, HSW_RETRY);
	ck_assert_ptr_nonnull(strstr(fake_result(bad)->text, "/folder: is a directory"));
	ck_assert_int_eq(fake_result(good)->outcome, HSW_DELIVERED);
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
	ck_assert_int_eq(r->outcome, HSW_RETRY);
	ck_assert_ptr_nonnull(strstr(r->text, "no space left on device"));
	fake_close(h);
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

static unsigned again;

static void
deliver_again(struct hsw_delivery *d, void *arg)
{
	struct hsw_handle *h = arg;

	(void)d;
	if (again-- > 0)
		put(h, "{\"again\":1}");
}

START_TEST(deliveries_may_follow_out_of_done)
{
	struct hsw_handle *h = OPEN("out", "fsync", "never");

	again = 20;
	fake_on_done(h, deliver_again, h);
	put(h, "{\"again\":1}");
	fake_wait_all(h);
	ck_assert_uint_eq(strlen(content("out")), 21 * 12);
	fake_close(h);
}
END_TEST

UNIT_MAIN_WITH("sink-file", setup, teardown, each_envelope_is_a_line_in_the_order_of_delivery,
	more_lines_than_one_write_takes_go_out_in_order, path_takes_dates_instance_and_event,
	dates_are_local_when_asked, what_is_put_into_the_path_cannot_leave_its_folder,
	wrong_options_are_refused_with_their_key, folders_that_come_from_patterns_are_made,
	a_renamed_file_is_left_within_a_second, a_renamed_file_is_left_at_once_on_reopen,
	a_deleted_file_is_made_again_and_gets_every_line,
	a_last_line_without_newline_is_cut_or_ended, a_long_unfinished_line_is_cut,
	a_short_write_on_a_full_disk_leaves_whole_lines, a_file_at_its_size_limit_keeps_whole_lines,
	fsync_always_waits_for_the_disk_and_gathers,
	a_failed_fdatasync_is_told_and_the_file_opened_anew, fsync_interval_syncs_once_for_many,
	fsync_never_leaves_it_to_the_system, close_does_not_wait_for_the_disk_but_syncs,
	many_files_share_a_few_descriptors, two_writers_of_a_file_do_not_mix,
	a_cancelled_delivery_leaves_no_line_and_no_gap,
	a_file_that_cannot_be_opened_is_told_and_others_go_on,
	devices_are_written_without_being_cut,
	a_full_pipe_gets_whole_lines_even_of_what_is_cancelled, deliveries_may_follow_out_of_done)
