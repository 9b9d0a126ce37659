/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rotate.c - files of a queue that are full or of an hour or day that is over.
 *
 * Where the path is a symbolic link, the file that it leads to is rotated, and the link stays:
 * rotated files, and what the keeper looks for, lie beside that file.
 */
#include "queue_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAMES_MAX 1000       /* milliseconds that are tried for a name that is free */
#define AGAIN_MS (60 * 1000) /* when it did not work */

static int64_t
wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A number for the hour or day; 0: there are none. */
static int64_t
period_of(const struct queue_settings *set, time_t seconds)
{
	struct tm tm;

	if (set->rotate == ROTATE_OFF)
		return 0;
	if (set->utc)
		gmtime_r(&seconds, &tm);
	else
		localtime_r(&seconds, &tm);
	int64_t day = (int64_t)tm.tm_year * 1000 + tm.tm_yday + 1;
	/* An hour that comes twice, when clocks are set back, is one. */
	return set->rotate == ROTATE_HOURLY ? day * 100 + tm.tm_hour : day;
}

void
rotation_begin(struct file *f)
{
	const struct queue_settings *set = &f->q->set;
	char real[PATH_MAX];
	struct stat st;

	if (!f->disk.regular || fstat(f->disk.fd, &st) != 0)
		return;
	f->period = period_of(set, st.st_size > 0 ? st.st_mtime : (time_t)(wall_ms() / 1000));
	if (f->q->keeper != NULL && realpath(f->path, real) != NULL)
		keeper_look(f->q->keeper, real);
}

bool
rotation_is_due(struct file *f, int64_t now)
{
	const struct queue_settings *set = &f->q->set;
	struct stat st;

	if (!f->disk.regular || (set->max_bytes == 0 && set->rotate == ROTATE_OFF) ||
		now < f->rotate_after_ms || fstat(f->disk.fd, &st) != 0)
		return false;
	f->size = st.st_size;
	int64_t period = period_of(set, (time_t)(wall_ms() / 1000));
	if (st.st_size == 0) {
		f->period = period;
		return false;
	}
	return period != f->period || (set->max_bytes > 0 && st.st_size >= set->max_bytes);
}

/* Not every file system can rename without replacing. */
static int
rename_new(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL)
		return errno;
	return link(from, to) == 0 && unlink(from) == 0 ? 0 : errno;
}

/* Whether a file of this name was compressed before. */
static bool
is_compressed(const char *path)
{
	char gz[PATH_MAX + sizeof(".gz")];

	snprintf(gz, sizeof(gz), "%s.gz", path);
	return access(gz, F_OK) == 0;
}

/* Gives the file a name that no file has, nor had before it was compressed: the keeper would put
 * the one over the other. A time is used once, even if the clock is set back, as the keeper may be
 * between the two names; so the order of the names is that of the files, too. */
static int
rename_aside(struct queue *q, const char *path, char *to, size_t size)
{
	int64_t time_ms = wall_ms();

	if (time_ms <= q->rotated_ms)
		time_ms = q->rotated_ms + 1;
	for (int i = 0; i < NAMES_MAX; i++, time_ms++) {
		if (!keeper_name(path, time_ms, to, size))
			return ENAMETOOLONG;
		int rc = is_compressed(to) ? EEXIST : rename_new(path, to);
		if (rc == 0)
			q->rotated_ms = time_ms;
		if (rc != EEXIST)
			return rc;
	}
	return EEXIST;
}

static struct file *
rotation_failed(struct file *f, int error, int64_t now)
{
	char buffer[128];

	f->rotate_after_ms = now + AGAIN_MS;
	f->q->host->log(f->q->handle, HSW_LOG_ERROR, "cannot rotate path=%s error=\"%s\"", f->path,
		strerror_r(error, buffer, sizeof(buffer)));
	return f;
}

struct file *
rotation_do(struct file *f, int64_t now)
{
	struct queue *q = f->q;
	char real[PATH_MAX], to[PATH_MAX];
	int rc = disk_mend(&f->disk);

	if (rc == 0 && realpath(f->path, real) == NULL)
		rc = errno;
	if (rc == 0)
		rc = rename_aside(q, real, to, sizeof(to));
	/* A link of /proc, as /dev/stdout is, follows the file to its new name. */
	if (rc == 0 && !disk_is_moved(&f->disk, f->path))
		rc = rename_new(to, real) == 0 ? ENOTSUP : errno;
	if (rc != 0)
		return rotation_failed(f, rc, now);
	/* Nothing will be written to it: the keeper may have it. */
	flock(f->disk.fd, LOCK_UN);
	struct file *fresh = file_replace(f);
	if (fresh == NULL)
		return rotation_failed(f, ENOMEM, now); /* found to be moved at the next look */
	q->host->count(q->handle, "rotations", NULL, 1);
	return fresh;
}
