/* SPDX-License-Identifier: Apache-2.0 */
/* test_sink_file.c - sink-file: paths, order, rotation, many files. */
#include "file_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

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
		{ "x", "1640", "mode:" }, { "x", "0040", "mode:" }, { "x", "0220", "mode:" },
		{ "x", "0440", "mode:" }, { "x", "", "mode:" } };

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

static void
write_to_many_files(const char *mode)
{
	struct hsw_handle *h = OPEN("%{instance}", "fsync", mode, "fsync_interval",
		strcmp(mode, "interval") == 0 ? "1h" : "1s");
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

UNIT_MAIN_WITH("sink-file", file_rig_setup, file_rig_teardown,
	each_envelope_is_a_line_in_the_order_of_delivery,
	more_lines_than_one_write_takes_go_out_in_order, path_takes_dates_instance_and_event,
	dates_are_local_when_asked, what_is_put_into_the_path_cannot_leave_its_folder,
	wrong_options_are_refused_with_their_key, folders_that_come_from_patterns_are_made,
	a_renamed_file_is_left_within_a_second, a_renamed_file_is_left_at_once_on_reopen,
	a_deleted_file_is_made_again_and_gets_every_line, many_files_share_a_few_descriptors,
	two_writers_of_a_file_do_not_mix, a_file_that_cannot_be_opened_is_told_and_others_go_on,
	deliveries_may_follow_out_of_done)
