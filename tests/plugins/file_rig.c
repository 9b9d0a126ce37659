/* SPDX-License-Identifier: Apache-2.0 */
/* file_rig.c - see file_rig.h. */
#include "file_rig.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static char folder[] = "/tmp/hookswitch-test-file-XXXXXX";

struct fate fate = { .writev_bytes = -1 };

/* ---- the system, as fate has it -------------------------------------------------------------- */

HSW_EXPORT ssize_t writev(int fd, const struct iovec *iov, int n);
HSW_EXPORT int fdatasync(int fd);
HSW_EXPORT int ftruncate(int fd, off_t size);
HSW_EXPORT int chown(const char *path, uid_t uid, gid_t gid);
HSW_EXPORT int fchown(int fd, uid_t uid, gid_t gid);
HSW_EXPORT int clock_gettime(clockid_t clock, struct timespec *now);

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
	struct stat st;

	fate.fdatasyncs++;
	while (fate.fdatasync_waits)
		usleep(1000);
	if (fate.fdatasync_error != 0) {
		errno = fate.fdatasync_error;
		return -1;
	}
	/* No test needs a file on the disk, and a slow one would take too long for hundreds of them. */
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return 0;
	return (int)syscall(SYS_fdatasync, fd);
}

int
ftruncate(int fd, off_t size)
{
	if (fate.ftruncate_errors > 0) {
		fate.ftruncate_errors--;
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_ftruncate, fd, size);
}

int
chown(const char *path, uid_t uid, gid_t gid)
{
	if (!fate.chown_forbidden)
		return fchownat(AT_FDCWD, path, uid, gid, 0);
	errno = EPERM;
	return -1;
}

int
fchown(int fd, uid_t uid, gid_t gid)
{
	if (!fate.chown_forbidden)
		return (int)syscall(SYS_fchown, fd, uid, gid);
	errno = EPERM;
	return -1;
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	int64_t ms = fate.wall_ms;

	if (clock != CLOCK_REALTIME || ms == 0)
		return (int)syscall(SYS_clock_gettime, clock, now);
	*now = (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	return 0;
}

/* ---- the folder and the sink ---------------------------------------------------------------- */

void
file_rig_setup(void)
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

void
file_rig_teardown(void)
{
	remove_tree(folder);
}

const char *
in_folder(const char *path)
{
	static char text[4][PATH_MAX];
	static unsigned n;
	char *to = text[n++ % 4];

	snprintf(to, PATH_MAX, "%s%s%s", path[0] == '/' ? "" : folder, path[0] == '/' ? "" : "/",
		path);
	return to;
}

struct hsw_handle *
open_sink(const char *const *options)
{
	struct hsw_error err = { "" };
	struct hsw_handle *h = fake_open("sink-file", options, &err);

	ck_assert_msg(h != NULL, "%s", err.text);
	return h;
}

struct hsw_delivery *
put_event(struct hsw_handle *h, const struct fake_event *event)
{
	const struct hsw_envelope *env = fake_envelope_new(event);
	struct hsw_delivery *d = fake_deliver(h, env, 1);

	fake_unref(env);
	return d;
}

struct hsw_delivery *
put_for(struct hsw_handle *h, const char *instance, const char *json)
{
	const struct fake_piece piece = { .bytes = json, .len = strlen(json) };

	return put_event(
		h, &(struct fake_event){ .instance = instance, .pieces = &piece, .count = 1 });
}

struct hsw_delivery *
put(struct hsw_handle *h, const char *json)
{
	return put_for(h, NULL, json);
}

void
put_and_wait(struct hsw_handle *h, const char *json)
{
	ck_assert_int_eq(fake_wait(put(h, json))->outcome, HSW_DELIVERED);
}

const char *
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

void
fill(const char *path, const char *bytes, size_t len)
{
	FILE *f = fopen(in_folder(path), "w");

	ck_assert_uint_eq(fwrite(bytes, 1, len, f), len);
	ck_assert_int_eq(fclose(f), 0);
}

unsigned
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
