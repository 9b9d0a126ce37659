/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk.h - files of lines: opened, mended, and written so that no line stays half.
 *
 * Knows nothing of deliveries. Functions return 0 or an errno.
 */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

struct disk_file {
	int fd; /* -1: closed */
	bool regular;
	dev_t dev;
	ino_t ino;
	size_t torn; /* bytes of half a line at the end that could not be cut yet */
};

/* Of files and folders that are made. */
struct disk_owner {
	mode_t mode;
	uid_t uid; /* (uid_t)-1: whoever we are */
	gid_t gid; /* (gid_t)-1: our group */
};

/* What was found at the end of a file that did not end with a newline. */
struct disk_mended {
	off_t cut_bytes; /* of an unfinished line: they are gone */
	bool completed;  /* only the newline was missing: it was added */
};

/*
 * Opens for appending, makes the folders behind the first fixed_len bytes of the path, locks
 * against other writers (EWOULDBLOCK) and mends the end, but leaves the time of the last line. Not
 * regular files (pipes, terminals) are written as they are, without ever blocking.
 */
int disk_open(struct disk_file *, const char *path, size_t fixed_len, const struct disk_owner *,
	struct disk_mended *);
void disk_close(struct disk_file *);

/* Whether the path is another file by now, or none. */
bool disk_is_moved(const struct disk_file *, const char *path);
/* Whether no path leads to the file any more. */
bool disk_is_unlinked(const struct disk_file *);

/*
 * Writes the pieces; *written says how many bytes went out, with an error too (EAGAIN: it would
 * block). Changes the array.
 */
int disk_write(const struct disk_file *, struct iovec *, int n, size_t *written);
/* Takes the last n bytes back, of a regular file; what cannot be taken back is torn. */
void disk_take_back(struct disk_file *, size_t n);
/* Tries again to cut what is torn. */
int disk_mend(struct disk_file *);

#endif
