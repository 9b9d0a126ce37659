/* SPDX-License-Identifier: Apache-2.0 */
/* gzip.c - see gzip.h. */
#include "gzip.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define CHUNK (64 * 1024)
#define GZIP_WINDOW (15 + 16) /* zlib's way to ask for a gzip header */

static int
write_all(int fd, const unsigned char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Compresses what was read; flush: Z_FINISH at the end. */
static int
deflate_chunk(z_stream *z, int to, int flush)
{
	unsigned char out[CHUNK];
	int rc = 0;

	do {
		z->next_out = out;
		z->avail_out = sizeof(out);
		if (deflate(z, flush) == Z_STREAM_ERROR)
			return EINVAL;
		rc = write_all(to, out, sizeof(out) - z->avail_out);
	} while (rc == 0 && z->avail_out == 0);
	return rc;
}

static int
deflate_file(z_stream *z, int from, int to, const atomic_bool *stop)
{
	unsigned char in[CHUNK];
	ssize_t n;
	int rc = 0;

	do {
		if (atomic_load(stop))
			return ECANCELED;
		n = read(from, in, sizeof(in));
		if (n < 0 && errno != EINTR)
			return errno;
		if (n < 0)
			continue;
		z->next_in = in;
		z->avail_in = (uInt)n;
		rc = deflate_chunk(z, to, n == 0 ? Z_FINISH : Z_NO_FLUSH);
	} while (rc == 0 && n != 0);
	return rc;
}

static int
compress_to(int from, int to, const atomic_bool *stop)
{
	z_stream z = { 0 };

	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
		    Z_DEFAULT_STRATEGY) != Z_OK)
		return ENOMEM;
	int rc = deflate_file(&z, from, to, stop);
	deflateEnd(&z);
	return rc;
}

/* The copy belongs to whom the file does, and is as old. */
static int
take_after(int to, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (fchown(to, st->st_uid, st->st_gid) != 0 && errno != EPERM)
		return errno;
	if (fchmod(to, st->st_mode & 0777) != 0 || futimens(to, times) != 0)
		return errno;
	return fsync(to) == 0 ? 0 : errno;
}

static int
sync_folder(const char *path)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	int rc = fsync(fd) == 0 ? 0 : errno;
	close(fd);
	return rc;
}

static int
make_copy(int from, const char *part, const struct stat *st, const atomic_bool *stop)
{
	int to = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (to < 0)
		return errno;
	int rc = compress_to(from, to, stop);
	if (rc == 0)
		rc = take_after(to, st);
	if (close(to) != 0 && rc == 0)
		rc = errno;
	return rc;
}

static int
compress_locked(int from, const char *path, const atomic_bool *stop)
{
	char part[PATH_MAX], whole[PATH_MAX];
	struct stat st;

	if (snprintf(part, sizeof(part), "%s.gz.part", path) >= (int)sizeof(part))
		return ENAMETOOLONG;
	snprintf(whole, sizeof(whole), "%.*s", (int)(strlen(part) - strlen(".part")), part);
	if (fstat(from, &st) != 0)
		return errno;
	int rc = make_copy(from, part, &st, stop);
	if (rc == 0 && rename(part, whole) != 0)
		rc = errno;
	if (rc != 0) {
		unlink(part);
		return rc;
	}
	rc = sync_folder(path);
	if (rc == 0 && unlink(path) != 0)
		rc = errno;
	return rc;
}

int
gzip_file(const char *path, const atomic_bool *stop)
{
	int from = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (from < 0)
		return errno;
	int rc = flock(from, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK
		? EWOULDBLOCK
		: compress_locked(from, path, stop);
	close(from);
	return rc;
}
