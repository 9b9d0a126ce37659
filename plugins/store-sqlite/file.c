/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.c - the database as a file: its place, its owner, its mode.
 *
 * `<path>.lock` is held with flock(2) while the store is open and is never removed: a file that
 * comes and goes could be locked by two. It keeps a second daemon out, not readers.
 */
#include "sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The folder that path is in. */
static int
folder_of(const char *path, char *folder, size_t size)
{
	const char *slash = strrchr(path, '/');
	int length = slash == NULL || slash == path ? 1 : (int)(slash - path);
	int n = snprintf(folder, size, "%.*s", length, slash == NULL ? "." : path);

	return n >= 0 && (size_t)n < size ? HSW_OK : HSW_EINVAL;
}

static int
check_folder(const char *path, struct hsw_error *err)
{
	char folder[PATH_MAX];
	struct stat st;

	if (folder_of(path, folder, sizeof(folder)) != HSW_OK)
		return sqlite_error(err, HSW_EINVAL, "the path of the database is too long");
	if (stat(folder, &st) != 0)
		return sqlite_error(err, HSW_EINVAL,
			"%s: the folder %s is not there (%s): create it, owned by the user that "
			"runs hookswitch",
			path, folder, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return sqlite_error(err, HSW_EINVAL, "%s: %s is not a folder", path, folder);
	if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) != 0)
		return sqlite_error(err, HSW_EINVAL,
			"%s: the folder %s must be writable, for -wal, -shm and .lock: %s", path,
			folder, strerror(errno));
	return HSW_OK;
}

static int
check_file(const char *path, struct hsw_error *err)
{
	struct stat st;

	if (stat(path, &st) != 0 || S_ISREG(st.st_mode))
		return HSW_OK;
	return sqlite_error(err, HSW_EINVAL,
		"%s is %s: the path must name the database file itself", path,
		S_ISDIR(st.st_mode) ? "a folder" : "not a regular file");
}

static int
take_lock(struct sqlite_store *s, struct hsw_error *err)
{
	char name[PATH_MAX];
	int n = snprintf(name, sizeof(name), "%s.lock", s->path);

	if (n < 0 || (size_t)n >= sizeof(name))
		return sqlite_error(err, HSW_EINVAL, "the path of the database is too long");
	s->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0)
		return sqlite_error(err, HSW_EIO, "cannot write %s: %s", name, strerror(errno));
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return HSW_OK;
	if (errno != EWOULDBLOCK)
		return sqlite_error(err, HSW_EIO, "cannot lock %s: %s", name, strerror(errno));
	return sqlite_error(err, HSW_EIO,
		"%s is in use by another hookswitch (it holds %s.lock): stop that one, or name "
		"another file",
		s->path, s->path);
}

/* Made here, so that nobody else can read it: -wal and -shm get the same mode from SQLite. */
static int
make_file(struct sqlite_store *s, struct hsw_error *err)
{
	int fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return sqlite_error(
			err, HSW_EIO, "cannot open %s for writing: %s", s->path, strerror(errno));
	close(fd);
	return HSW_OK;
}

int
file_claim(struct sqlite_store *s, struct hsw_error *err)
{
	int rc = check_folder(s->path, err);

	if (rc == HSW_OK)
		rc = check_file(s->path, err);
	if (rc == HSW_OK)
		rc = take_lock(s, err);
	return rc == HSW_OK ? make_file(s, err) : rc;
}

/* Commits to a deleted file would succeed, and be gone after the next start. */
int
file_check_in_place(struct sqlite_store *s, struct hsw_error *err)
{
	int has_moved = 0;

	sqlite3_file_control(s->db, NULL, SQLITE_FCNTL_HAS_MOVED, &has_moved);
	if (!has_moved)
		return HSW_OK;
	return sqlite_error(err, HSW_EIO,
		"%s was moved or deleted while it is in use: put it back, with its -wal, or "
		"restart",
		s->path);
}

int64_t
file_bytes(const struct sqlite_store *s, const char *suffix)
{
	char name[PATH_MAX];
	struct stat st;

	snprintf(name, sizeof(name), "%s%s", s->path, suffix);
	return stat(name, &st) == 0 ? st.st_size : 0;
}
