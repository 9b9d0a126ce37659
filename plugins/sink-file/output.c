/* SPDX-License-Identifier: Apache-2.0 */
/* output.c - one file that lines are appended to. It never holds a line in part, but for the last, while
 * it is written; what a crash left is mended when the file is opened. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER_MODE 0750
#define TAIL_CHUNK 65536 /* bytes read at once when looking for the last line's begin */

static void
make_folders(const char *path)
{
	char folder[PATH_MAX];

	snprintf(folder, sizeof(folder), "%s", path);
	for (char *slash = strchr(folder + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(folder, FOLDER_MODE);
		*slash = '/';
	}
}

/* Where the last line begins: behind the last newline. -1: cannot be read. */
static off_t
last_line(int fd, off_t size)
{
	char chunk[TAIL_CHUNK];

	while (size > 0) {
		off_t from = size > TAIL_CHUNK ? size - TAIL_CHUNK : 0;
		ssize_t n = pread(fd, chunk, (size_t)(size - from), from);
		if (n <= 0)
			return -1;
		const char *newline = memrchr(chunk, '\n', (size_t)n);
		if (newline != NULL)
			return from + (newline - chunk) + 1;
		size = from;
	}
	return 0;
}

/* A line is an envelope: one JSON object, whose braces balance outside strings just at its end. */
static bool
is_whole(int fd, off_t begin, off_t end)
{
	int depth = 0;
	bool in_string = false, is_escaped = false, is_closed = false;
	char chunk[4096];

	while (begin < end) {
		ssize_t n = pread(fd, chunk, sizeof(chunk), begin);
		if (n <= 0)
			return false;
		for (ssize_t i = 0; i < n; i++) {
			char c = chunk[i];
			if (is_closed || (depth == 0 && c != '{'))
				return false;
			if (in_string) {
				in_string = is_escaped || c != '"';
				is_escaped = !is_escaped && c == '\\';
				continue;
			}
			in_string = c == '"';
			depth += (c == '{') - (c == '}');
			is_closed = depth == 0;
		}
		begin += n;
	}
	return is_closed;
}

static int64_t
repair(int fd, off_t size)
{
	off_t begin = last_line(fd, size);

	if (begin < 0 || begin == size)
		return 0;
	if (is_whole(fd, begin, size) && write(fd, "\n", 1) == 1)
		return size - begin;
	return ftruncate(fd, begin) == 0 ? -(int64_t)(size - begin) : 0;
}

int
output_open(
	struct output *o, const char *path, mode_t mode, int64_t *repaired, struct hsw_error *err)
{
	const int flags = O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	struct stat st;

	*repaired = 0;
	/* Reading is for the repair only; a FIFO or device does without. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		o->fd = open(path, O_WRONLY | flags);
	else
		o->fd = open(path, O_RDWR | O_CREAT | flags, mode);
	if (o->fd < 0 && errno == ENOENT) {
		make_folders(path);
		o->fd = open(path, O_RDWR | O_CREAT | flags, mode);
	}
	if (o->fd < 0 || fstat(o->fd, &st) != 0) {
		snprintf(err->text, sizeof(err->text), "cannot open %.150s: %s", path,
			strerror(errno));
		output_close(o);
		return HSW_EIO;
	}
	o->dev = st.st_dev;
	o->ino = st.st_ino;
	o->is_regular = S_ISREG(st.st_mode);
	if (o->is_regular)
		*repaired = repair(o->fd, st.st_size);
	return HSW_OK;
}

void
output_close(struct output *o)
{
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
}

bool
output_is_current(const struct output *o, const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_dev == o->dev && st.st_ino == o->ino;
}

static size_t
sum(const struct iovec *iov, int n)
{
	size_t bytes = 0;

	for (int i = 0; i < n; i++)
		bytes += iov[i].iov_len;
	return bytes;
}

enum output_result
output_write(struct output *o, const struct iovec *iov, int n)
{
	struct stat st = { 0 };
	size_t wanted = sum(iov, n);

	if (o->is_regular && fstat(o->fd, &st) != 0)
		return OUTPUT_FAILED;
	ssize_t written = writev(o->fd, iov, n);
	if (written >= 0 && (size_t)written == wanted)
		return OUTPUT_OK;
	int why = written < 0 ? errno : ENOSPC;
	if (written > 0 && o->is_regular && ftruncate(o->fd, st.st_size) != 0)
		why = errno;
	errno = why;
	return why == ENOSPC || why == EDQUOT || why == EFBIG || why == EAGAIN ? OUTPUT_FULL
									       : OUTPUT_FAILED;
}
