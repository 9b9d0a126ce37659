/* SPDX-License-Identifier: Apache-2.0 */
/* test_store_sqlite.c - what store-sqlite alone does: its file, its owner, a full disk, damage. */
#include "store_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "prune_rig.h"
#include "unit.h"

#define NOBODY 65534

/* SQLite's calls come here: the linker lets a program's own function stand for the C library's. */
static int syncs, fail_syncs_with;

HSW_EXPORT int
fdatasync(int fd)
{
	syncs++;
	errno = fail_syncs_with;
	return fail_syncs_with != 0 ? -1 : (int)syscall(SYS_fdatasync, fd);
}

static const char *
journal(void)
{
	return rig_path("journal.db");
}

static int64_t
size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_size : -1;
}

/* Runs SQL on the file by a connection of our own; the first column of the first row. */
static const char *
sql(const char *text)
{
	static char answer[256];
	sqlite3 *db;
	sqlite3_stmt *st = NULL;

	answer[0] = '\0';
	ck_assert_int_eq(sqlite3_open(journal(), &db), SQLITE_OK);
	ck_assert_msg(sqlite3_prepare_v2(db, text, -1, &st, NULL) == SQLITE_OK, "%s: %s", text,
		sqlite3_errmsg(db));
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		snprintf(answer, sizeof(answer), "%s", (const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	ck_assert_msg(rc == SQLITE_ROW || rc == SQLITE_DONE, "%s: %s", text, sqlite3_errmsg(db));
	sqlite3_close(db);
	return answer;
}

static void
put_bytes(const char *path, off_t at, const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, bytes, n, at), (ssize_t)n);
	close(fd);
}

static void
assert_refused(int rc, const char *why)
{
	ck_assert_int_eq(rig_open(), rc);
	ck_assert_ptr_null(store);
	ck_assert_msg(strstr(error.text, why) != NULL, "expected \"%s\" in: %s", why, error.text);
	ck_assert_msg(strstr(error.text, "journal.db") != NULL, "no file name in: %s", error.text);
	ck_assert_uint_lt(strlen(error.text), HSW_ERROR_SIZE - 1);
}

/* ---- what is refused ---- */

START_TEST(a_newer_version_is_refused_and_left_as_it_is)
{
	rig_close();
	sql("PRAGMA user_version = 7");
	assert_refused(HSW_EINVAL, "version 7");
	ck_assert_ptr_nonnull(strstr(error.text, "newer than this program's 3"));
	ck_assert_ptr_nonnull(strstr(error.text, "install"));
	ck_assert_str_eq(sql("PRAGMA user_version"), "7");
}
END_TEST

START_TEST(a_database_of_version_1_is_migrated_and_keeps_its_events)
{
	append("x", 1);
	attach("crm");
	rig_close();
	sql("DROP TABLE records");
	sql("DROP TABLE memos");
	sql("PRAGMA user_version = 1");
	ck_assert_msg(rig_open() == HSW_OK, "%s", error.text);
	ck_assert_str_eq(log_seqs(), "1");
	const struct hsw_store_record r = { str("k"), str("n"), str("t") };
	ck_assert_int_eq(
		commit_one((struct hsw_write){ .kind = HSW_WRITE_RECORD, .record = &r }), HSW_OK);
	rig_close();
	ck_assert_str_eq(sql("PRAGMA user_version"), "3");
	ck_assert_str_eq(sql("SELECT kind || name FROM records"), "kn");
}
END_TEST

START_TEST(a_database_of_another_program_is_refused)
{
	rig_close();
	sql("PRAGMA application_id = 5");
	assert_refused(HSW_EINVAL, "not hookswitch's");
	ck_assert_int_eq(unlink(journal()), 0);
	sql("CREATE TABLE theirs (x)");
	assert_refused(HSW_EINVAL, "not hookswitch's");
	ck_assert_str_eq(sql("SELECT count(*) FROM sqlite_master"), "1");
}
END_TEST

START_TEST(a_file_that_is_no_database_is_refused)
{
	char text[9000];

	rig_close();
	memset(text, 'x', sizeof(text));
	put_bytes(journal(), 0, text, sizeof(text));
	assert_refused(HSW_EIO, "corrupt or no SQLite database");
	ck_assert_ptr_nonnull(strstr(error.text, "backup"));
}
END_TEST

START_TEST(a_file_with_a_damaged_page_is_refused)
{
	char junk[4000];

	append_many(2000, 1);
	rig_close();
	memset(junk, 0xa5, sizeof(junk));
	put_bytes(journal(), size_of(journal()) / 2 / 8192 * 8192, junk, sizeof(junk));
	assert_refused(HSW_EIO, "corrupt");
	ck_assert_ptr_nonnull(strstr(error.text, "backup"));
}
END_TEST

START_TEST(a_file_that_was_cut_is_refused)
{
	append_many(2000, 1);
	rig_close();
	ck_assert_int_eq(truncate(journal(), size_of(journal()) / 2), 0);
	assert_refused(HSW_EIO, "corrupt");
}
END_TEST

START_TEST(a_folder_in_place_of_the_file_is_refused)
{
	rig_close();
	ck_assert_int_eq(unlink(journal()), 0);
	ck_assert_int_eq(unlink(rig_path("journal.db.lock")), 0);
	ck_assert_int_eq(mkdir(journal(), 0700), 0);
	assert_refused(HSW_EINVAL, "is a folder");
	ck_assert_int_eq(size_of(rig_path("journal.db.lock")), -1);
}
END_TEST

START_TEST(a_missing_folder_is_named)
{
	const char *folder = rig_path(".");

	rig_close();
	ck_assert_int_eq(unlink(journal()), 0);
	ck_assert_int_eq(unlink(rig_path("journal.db.lock")), 0);
	ck_assert_int_eq(rmdir(rig_path("")), 0);
	assert_refused(HSW_EINVAL, "is not there");
	ck_assert_ptr_nonnull(strstr(error.text, "create it"));
	ck_assert_int_eq(access(folder, F_OK), -1);
}
END_TEST

START_TEST(a_folder_without_permission_is_named)
{
	rig_close();
	ck_assert_int_eq(chmod(rig_path(""), 0555), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(NOBODY), 0);
	assert_refused(HSW_EINVAL, "must be writable");
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(chmod(rig_path(""), 0755), 0);
}
END_TEST

/* ---- the owner ---- */

START_TEST(a_second_owner_is_refused)
{
	void *first = store;

	append("x", 1);
	assert_refused(HSW_EIO, "in use by another hookswitch");
	store = first;
	append("the first goes on", 1);
	rig_reopen();
	ck_assert_str_eq(log_seqs(), "1 2");
}
END_TEST

/* In a process of its own, as `hookswitch dead list` or a backup would. */
static int
count_in_another_process(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		sqlite3 *db;
		sqlite3_stmt *st;
		if (sqlite3_open_v2(journal(), &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
			sqlite3_prepare_v2(db, "SELECT count(*) FROM events", -1, &st, NULL) !=
				SQLITE_OK ||
			sqlite3_step(st) != SQLITE_ROW)
			_exit(255);
		_exit(sqlite3_column_int(st, 0));
	}
	int status = 0;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(others_can_read_while_it_is_open)
{
	append_many(20, 1);
	ck_assert_int_eq(count_in_another_process(), 20);
	append_many(5, 1);
	ck_assert_int_eq(count_in_another_process(), 25);
}
END_TEST

START_TEST(all_files_are_for_the_owner_only)
{
	static const char *const names[] = { "journal.db", "journal.db-wal", "journal.db-shm",
		"journal.db.lock" };

	rig_close();
	ck_assert_int_eq(unlink(journal()), 0);
	ck_assert_int_eq(unlink(rig_path("journal.db.lock")), 0);
	umask(0);
	ck_assert_int_eq(rig_open(), HSW_OK);
	append("x", 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct stat st;
		ck_assert_msg(stat(rig_path(names[i]), &st) == 0, "no %s", names[i]);
		ck_assert_msg(
			(st.st_mode & 0777) == 0600, "%s has mode %o", names[i], st.st_mode & 0777);
	}
}
END_TEST

static int
commit_event(const char *body, size_t len)
{
	struct hsw_store_event e = { .received_ms = 1, .body = { body, len } };

	error.text[0] = '\0';
	return commit_one((struct hsw_write){ .kind = HSW_WRITE_EVENT, .event = &e });
}

START_TEST(a_file_that_was_taken_away_takes_no_more_events)
{
	append("x", 1);
	ck_assert_int_eq(rename(journal(), rig_path("elsewhere.db")), 0);
	ck_assert_int_eq(commit_event("y", 1), HSW_EIO);
	ck_assert_ptr_nonnull(strstr(error.text, "moved or deleted"));
	ck_assert_int_eq(rename(rig_path("elsewhere.db"), journal()), 0);
	ck_assert_int_eq(commit_event("y", 1), HSW_OK);
	rig_reopen();
	ck_assert_str_eq(log_seqs(), "1 2");
}
END_TEST

START_TEST(a_foreign_writer_makes_it_busy_until_it_ends)
{
	sqlite3 *db;

	append("x", 1);
	ck_assert_int_eq(sqlite3_open(journal(), &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(commit_event("y", 1), HSW_EAGAIN);
	ck_assert_str_ne(error.text, "");
	ck_assert_int_eq(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(commit_event("y", 1), HSW_OK);
	sqlite3_close(db);
	ck_assert_str_eq(log_seqs(), "1 2");
}
END_TEST

/* ---- its size ---- */

START_TEST(the_wal_stays_small_under_constant_load)
{
	char *body = calloc(1, 60000);
	int64_t largest = 0;

	for (int i = 0; i < 1000; i++) {
		ck_assert_int_eq(commit_event(body, 60000), HSW_OK);
		int64_t now = size_of(rig_path("journal.db-wal"));
		largest = now > largest ? now : largest;
	}
	ck_assert_int_gt(largest, 1 << 20);
	ck_assert_int_lt(largest, 12 << 20);
	free(body);
}
END_TEST

START_TEST(space_of_deleted_events_is_used_again)
{
	int64_t early = 0;

	attach("crm");
	for (int round = 1; round <= 30; round++) {
		int64_t last = append_many(3000, round);
		set_retry("crm", last, 1, 1);
		while (prune(last, round, 500) == 500)
			continue;
		if (round > 1)
			set_settled("crm", last - 3000);
		ops->idle(store);
		if (round == 5)
			early = size_of(journal());
	}
	ck_assert_int_gt(early, 3000 * 10);
	ck_assert_int_le(size_of(journal()), early + early / 5);
}
END_TEST

/* ---- retention, with many dead letters ---- */

static void
make_dead(int first, int last)
{
	char text[200];

	snprintf(text, sizeof(text),
		"INSERT INTO dead WITH RECURSIVE s(n) AS (SELECT %d UNION ALL SELECT n + 1 FROM s"
		" WHERE n < %d) SELECT 1, n, 1, n, 400, '' FROM s",
		first, last);
	sql(text);
}

static const struct prune_rig prune_rig = { sql, make_dead };

START_TEST(dead_letters_are_passed_in_steps_and_those_that_end_are_found)
{
	pass_many_dead_letters(&prune_rig);
}
END_TEST

START_TEST(an_event_that_was_too_new_before_many_dead_letters_goes_when_it_is_old)
{
	find_what_was_too_new(&prune_rig);
}
END_TEST

/* ---- a full disk ---- */

/* A disk of so many bytes over the test's folder, in a mount namespace of this process alone. */
static bool
mount_small_disk(const char *options)
{
	rig_close();
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return false;
	if (mount("none", rig_path(""), "tmpfs", 0, options) != 0)
		return false;
	ck_assert_int_eq(rig_open(), HSW_OK);
	return true;
}

static void
unmount_small_disk(void)
{
	rig_close();
	ck_assert_int_eq(umount(rig_path("")), 0);
	ck_assert_int_eq(rig_open(), HSW_OK);
}

/* Commits until there is no room. How many it were. */
static int64_t
fill_up(const char *body, size_t len)
{
	int64_t n = 0;
	int rc;

	while ((rc = commit_event(body, len)) == HSW_OK)
		ck_assert_int_lt(++n, 1000000);
	ck_assert_msg(rc == HSW_ELIMIT, "%d: %s", rc, error.text);
	ck_assert_str_ne(error.text, "");
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(commit_event(body, len), HSW_ELIMIT);
	return n;
}

static int
count_event(void *arg, const struct hsw_store_event *e)
{
	(void)e;
	++*(int64_t *)arg;
	return HSW_OK;
}

static void
assert_events(int64_t expected)
{
	int64_t n = 0;

	ck_assert_int_eq(ops->read(store, 0, SIZE_MAX, SIZE_MAX, count_event, &n, &error), HSW_OK);
	ck_assert_int_eq(n, expected);
}

START_TEST(a_full_disk_loses_nothing_and_room_makes_it_work_again)
{
	char body[3000];
	char filler[65536] = "";

	/* As root, or not at all: the next test fills a file size limit instead of a disk. */
	if (!mount_small_disk("size=6m")) {
		printf("# not tested: mounting a tmpfs: %s\n", strerror(errno));
		ck_assert_int_eq(rig_open(), HSW_OK);
		return;
	}
	memset(body, 'b', sizeof(body));
	for (int i = 0; i < 48; i++)
		put_bytes(rig_path("filler"), i * (off_t)sizeof(filler), filler, sizeof(filler));
	int64_t n = fill_up(body, sizeof(body));
	ck_assert_int_gt(n, 100);
	assert_events(n);
	ck_assert_int_eq(unlink(rig_path("filler")), 0);
	ck_assert_int_eq(commit_event(body, sizeof(body)), HSW_OK);
	n += 1 + fill_up(body, sizeof(body));
	assert_events(n);
	rig_reopen();
	assert_events(n);
	ck_assert_str_eq(sql("PRAGMA integrity_check"), "ok");
	unmount_small_disk();
}
END_TEST

START_TEST(a_limit_of_the_file_size_is_like_a_full_disk)
{
	const struct rlimit small = { 300000, RLIM_INFINITY };
	const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	char body[3000];

	memset(body, 'b', sizeof(body));
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	int64_t n = fill_up(body, sizeof(body));
	assert_events(n);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
	ck_assert_int_eq(commit_event(body, sizeof(body)), HSW_OK);
	assert_events(n + 1);
	rig_reopen();
	assert_events(n + 1);
	ck_assert_str_eq(sql("PRAGMA integrity_check"), "ok");
}
END_TEST

/* Makes a file that leaves about so many bytes of the disk. */
static void
leave_free(int64_t bytes)
{
	static const char page[4096];
	struct statvfs disk;

	for (;;) {
		int64_t filled = size_of(rig_path("filler"));
		ck_assert_int_eq(statvfs(rig_path(""), &disk), 0);
		int64_t more = (int64_t)disk.f_bavail * (int64_t)disk.f_frsize - bytes;
		if (more > 0)
			put_bytes(rig_path("filler"), filled > 0 ? filled : 0, page, sizeof(page));
		else if (more < 0)
			ck_assert_int_eq(truncate(rig_path("filler"), filled - 4096), 0);
		else
			return;
	}
}

START_TEST(a_disk_that_is_full_when_the_shm_grows_is_a_full_disk)
{
	sqlite3 *reader;
	int64_t n = 0;
	int rc;

	if (!mount_small_disk("size=80m")) {
		printf("# not tested: mounting a tmpfs: %s\n", strerror(errno));
		ck_assert_int_eq(rig_open(), HSW_OK);
		return;
	}
	/* A reader keeps the WAL from beginning anew, so that its index needs a second block. */
	ck_assert_int_eq(commit_event("x", 1), HSW_OK);
	ck_assert_int_eq(sqlite3_open(journal(), &reader), SQLITE_OK);
	ck_assert_int_eq(
		sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM events", NULL, NULL, NULL),
		SQLITE_OK);
	while (size_of(rig_path("journal.db-wal")) < 4040 * 8216LL) {
		ck_assert_int_eq(commit_event("x", 1), HSW_OK);
		n++;
	}
	/* Room for some pages in the WAL, but not for the 32 KB of its index. */
	for (leave_free(28 << 10); (rc = commit_event("x", 1)) == HSW_OK; leave_free(28 << 10))
		n++;
	ck_assert_msg(rc == HSW_ELIMIT, "%d: %s", rc, error.text);
	ck_assert_int_lt(size_of(rig_path("journal.db-wal")), 4070 * 8216LL);
	ck_assert_int_eq(unlink(rig_path("filler")), 0);
	ck_assert_int_eq(commit_event("x", 1), HSW_OK);
	assert_events(n + 2);
	sqlite3_close(reader);
	rig_reopen();
	assert_events(n + 2);
	ck_assert_str_eq(sql("PRAGMA integrity_check"), "ok");
	unmount_small_disk();
}
END_TEST

/* ---- durability ---- */

START_TEST(every_commit_is_synced_before_it_returns)
{
	attach("crm");
	for (int i = 0; i < 5; i++) {
		int before = syncs;
		append("x", 1);
		ck_assert_int_gt(syncs, before);
		before = syncs;
		set_retry("crm", 1, i, 1);
		ck_assert_int_gt(syncs, before);
	}
	int before = syncs;
	attach("new");
	ck_assert_int_gt(syncs, before);
}
END_TEST

START_TEST(a_commit_that_cannot_be_synced_fails_and_leaves_nothing)
{
	static const struct {
		int system_errno, result;
	} cases[] = { { EIO, HSW_EIO }, { ENOSPC, HSW_ELIMIT }, { EDQUOT, HSW_ELIMIT },
		{ EROFS, HSW_EAGAIN } };

	append("first", 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fail_syncs_with = cases[i].system_errno;
		ck_assert_int_eq(commit_event("lost", 4), cases[i].result);
		ck_assert_ptr_nonnull(strstr(error.text, strerror(cases[i].system_errno)));
		assert_events((int64_t)i + 1);
		fail_syncs_with = 0;
		append("kept", 1);
	}
	rig_reopen();
	assert_events(5);
	ck_assert_str_eq(sql("PRAGMA integrity_check"), "ok");
}
END_TEST

/* A checkpoint that fails is tried again; what was committed stays in the WAL. */
START_TEST(a_checkpoint_that_fails_loses_nothing)
{
	append_many(100, 1);
	fail_syncs_with = EIO;
	ops->idle(store);
	fail_syncs_with = 0;
	append_many(100, 1);
	ops->idle(store);
	rig_reopen();
	assert_events(200);
	ck_assert_str_eq(sql("PRAGMA integrity_check"), "ok");
}
END_TEST

/* ---- kill -9 ---- */

static void
check_integrity(void)
{
	ck_assert_str_eq(sql("PRAGMA integrity_check"), "ok");
}

START_TEST(the_file_is_whole_after_twenty_kills)
{
	rig_close();
	rig_kill_and_recover(20, check_integrity);
}
END_TEST

UNIT_MAIN_WITH("store-sqlite", rig_start, rig_end, a_newer_version_is_refused_and_left_as_it_is,
	a_database_of_version_1_is_migrated_and_keeps_its_events,
	a_database_of_another_program_is_refused, a_file_that_is_no_database_is_refused,
	a_file_with_a_damaged_page_is_refused, a_file_that_was_cut_is_refused,
	a_folder_in_place_of_the_file_is_refused, a_missing_folder_is_named,
	a_folder_without_permission_is_named, a_second_owner_is_refused,
	others_can_read_while_it_is_open, all_files_are_for_the_owner_only,
	a_file_that_was_taken_away_takes_no_more_events,
	a_foreign_writer_makes_it_busy_until_it_ends, the_wal_stays_small_under_constant_load,
	space_of_deleted_events_is_used_again,
	dead_letters_are_passed_in_steps_and_those_that_end_are_found,
	an_event_that_was_too_new_before_many_dead_letters_goes_when_it_is_old,
	a_full_disk_loses_nothing_and_room_makes_it_work_again,
	a_limit_of_the_file_size_is_like_a_full_disk,
	a_disk_that_is_full_when_the_shm_grows_is_a_full_disk,
	every_commit_is_synced_before_it_returns,
	a_commit_that_cannot_be_synced_fails_and_leaves_nothing,
	a_checkpoint_that_fails_loses_nothing, the_file_is_whole_after_twenty_kills)
