/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.c - see disk.h.
 *
 * A line is unfinished after a crash or a full disk. It is cut when it begins as an envelope does
 * and is not whole, or when it is the zeros that a file system leaves after a power failure.
 * Anything else without a newline is not ours and is only ended.
 */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define CHUNK (64 * 1024)

/* ---- the end of a file ---------------------------------------------------------------------- */

/* Whether bytes are one JSON object so far; fed in pieces. Only nesting is looked at: what we wrote
 * is right as far as it goes. */
struct object_scan {
	long depth;
	bool in_string, escaped, ended, broken;
};

static void
scan_byte(struct object_scan *s, char c)
{
	if (s->in_string) {
		s->in_string = s->escaped || c != '"';
		s->escaped = !s->escaped && c == '\\';
		return;
	}
	s->broken = s->broken || s->ended || c == '\0';
	s->in_string = c == '"';
	if (c == '{' || c == '[')
		s->depth++;
	if (c == '}' || c == ']')
		s->depth--;
	s->ended = s->depth <= 0;
}

/* Reads exactly len bytes. */
static int
read_at(int fd, char *to, size_t len, off_t at)
{
	while (len > 0) {
		ssize_t n = pread(fd, to, len, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		to += n;
		len -= (size_t)n;
		at += n;
	}
	return 0;
}

/* Where the last line begins. */
static int
last_line(int fd, off_t size, off_t *start)
{
	char chunk[CHUNK];
	off_t end = size;

	while (end > 0) {
		size_t len = end < CHUNK ? (size_t)end : CHUNK;
		int rc = read_at(fd, chunk, len, end - (off_t)len);
		if (rc != 0)
			return rc;
		const char *newline = memrchr(chunk, '\n', len);
		if (newline != NULL) {
			*start = end - (off_t)len + (newline - chunk) + 1;
			return 0;
		}
		end -= (off_t)len;
	}
	*start = 0;
	return 0;
}

/* Whether the bytes from start to size are to be cut rather than ended. */
static int
is_unfinished(int fd, off_t start, off_t size, bool *unfinished)
{
	struct object_scan scan = { 0 };
	char chunk[CHUNK];
	char first = '\0';

	for (off_t at = start; at < size;) {
		size_t len = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
		int rc = read_at(fd, chunk, len, at);
		if (rc != 0)
			return rc;
		if (at == start)
			first = chunk[0];
		for (size_t i = 0; i < len; i++)
			scan_byte(&scan, chunk[i]);
		at += (off_t)len;
	}
	*unfinished = first == '\0' || (first == '{' && (!scan.ended || scan.broken));
	return 0;
}

static int
mend_end(int fd, off_t size, struct disk_mended *mended)
{
	off_t start;
	bool unfinished;
	char last;
	int rc;

	if (size == 0)
		return 0;
	if ((rc = read_at(fd, &last, 1, size - 1)) != 0 || last == '\n')
		return rc;
	if ((rc = last_line(fd, size, &start)) != 0 ||
		(rc = is_unfinished(fd, start, size, &unfinished)) != 0)
		return rc;
	if (unfinished) {
		mended->cut_bytes = size - start;
		return ftruncate(fd, start) == 0 ? 0 : errno;
	}
	mended->completed = true;
	return write(fd, "\n", 1) == 1 ? 0 : errno;
}

/* ---- opening -------------------------------------------------------------------------------- */

/* What is right already is left alone: a sandbox may forbid chown, even one that changes nothing. */
static bool
is_owned_by(const struct stat *st, const struct disk_owner *o)
{
	return (o->uid == (uid_t)-1 || o->uid == st->st_uid) &&
		(o->gid == (gid_t)-1 || o->gid == st->st_gid);
}

static int
give_folder_away(const char *folder, const struct disk_owner *owner)
{
	struct stat st;

	if (stat(folder, &st) != 0)
		return errno;
	return is_owned_by(&st, owner) || chown(folder, owner->uid, owner->gid) == 0 ? 0 : errno;
}

/* Makes the folders of path behind its first fixed_len bytes. */
static int
make_folders(const char *path, size_t fixed_len, const struct disk_owner *owner)
{
	mode_t mode = owner->mode;
	char folder[PATH_MAX];
	const char *slash = path + fixed_len;

	mode |= (mode & 0444) >> 2; /* who may read may enter */
	while ((slash = strchr(slash + 1, '/')) != NULL) {
		size_t len = (size_t)(slash - path);
		if (len >= sizeof(folder))
			return ENAMETOOLONG;
		memcpy(folder, path, len);
		folder[len] = '\0';
		int rc = mkdir(folder, mode) == 0 ? give_folder_away(folder, owner) : errno;
		if (rc != 0 && rc != EEXIST)
			return rc;
	}
	return 0;
}

/* A file that is there keeps its owner. An empty one may be of a start that ended before this,
 * unless it is somebody else's who lets us write. */
static int
give_away(const struct disk_file *f, const struct disk_owner *owner)
{
	struct stat st;

	if (!f->regular)
		return 0;
	if (fstat(f->fd, &st) != 0)
		return errno;
	if (st.st_size > 0 || is_owned_by(&st, owner) || fchown(f->fd, owner->uid, owner->gid) == 0)
		return 0;
	return errno == EPERM && st.st_uid != geteuid() ? 0 : errno;
}

/* Not a pipe: one opened for reading too would never tell that nobody reads it. */
static int
open_flags(const char *path)
{
	struct stat st;
	bool readable = stat(path, &st) != 0 || S_ISREG(st.st_mode);

	return (readable ? O_RDWR : O_WRONLY) | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK |
		O_NOCTTY;
}

/* What is mended is no new line: rotation and keep_age go by when the last one was written. Fails
 * where the file is somebody else's who lets us write. */
static void
keep_time(int fd, const struct stat *st)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, st->st_mtim };

	(void)futimens(fd, times);
}

static int
check_opened(struct disk_file *f, struct disk_mended *mended)
{
	struct stat st;

	if (fstat(f->fd, &st) != 0)
		return errno;
	f->regular = S_ISREG(st.st_mode);
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	if (!f->regular)
		return 0;
	/* Some file systems have no locks: then nobody else is expected. */
	if (flock(f->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return EWOULDBLOCK;
	if (fstat(f->fd, &st) != 0)
		return errno;
	int rc = mend_end(f->fd, st.st_size, mended);
	if (rc == 0 && (mended->cut_bytes > 0 || mended->completed))
		keep_time(f->fd, &st);
	return rc;
}

int
disk_open(struct disk_file *f, const char *path, size_t fixed_len, const struct disk_owner *owner,
	struct disk_mended *mended)
{
	*f = (struct disk_file){ .fd = open(path, open_flags(path), owner->mode) };
	*mended = (struct disk_mended){ 0 };
	if (f->fd < 0 && errno == ENOENT) {
		int rc = make_folders(path, fixed_len, owner);
		if (rc != 0)
			return rc;
		f->fd = open(path, open_flags(path), owner->mode);
	}
	if (f->fd < 0)
		return errno;
	int rc = check_opened(f, mended);
	if (rc == 0)
		rc = give_away(f, owner);
	if (rc != 0)
		disk_close(f);
	return rc;
}

void
disk_close(struct disk_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

bool
disk_is_moved(const struct disk_file *f, const char *path)
{
	struct stat st;

	return stat(path, &st) != 0 || st.st_dev != f->dev || st.st_ino != f->ino;
}

bool
disk_is_unlinked(const struct disk_file *f)
{
	struct stat st;

	return f->regular && fstat(f->fd, &st) == 0 && st.st_nlink == 0;
}

/* ---- writing -------------------------------------------------------------------------------- */

/* Drops n bytes at the front. */
static void
advance(struct iovec **iov, int *count, size_t n)
{
	while (*count > 0 && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		++*iov;
		--*count;
	}
	if (*count > 0) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
}

int
disk_write(const struct disk_file *f, struct iovec *iov, int n, size_t *written)
{
	*written = 0;
	while (n > 0) {
		ssize_t done = writev(f->fd, iov, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return errno;
		*written += (size_t)done;
		advance(&iov, &n, (size_t)done);
	}
	return 0;
}

int
disk_mend(struct disk_file *f)
{
	struct stat st;

	if (f->torn == 0)
		return 0;
	if (fstat(f->fd, &st) != 0)
		return errno;
	/* A file that somebody else shortened has lost the bytes already. */
	if (st.st_size >= (off_t)f->torn && ftruncate(f->fd, st.st_size - (off_t)f->torn) != 0)
		return errno;
	f->torn = 0;
	return 0;
}

void
disk_take_back(struct disk_file *f, size_t n)
{
	f->torn += n;
	/* When it fails, the next write begins with it. */
	(void)disk_mend(f);
}
