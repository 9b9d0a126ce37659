/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_impl.h - what queue*.c, files.c and rotate.c share.
 *
 * An entry is one delivery. It is on `entries`, in the order of deliver(), and, until its line is
 * written, on the list `waiting` of its file:
 *
 *   QUEUED --write--> WRITTEN --fdatasync--> ENDED --all before it ended--> done()
 *        \--write, unless fsync=always, or any error-----^
 *
 * A file is `current` while it is what its path leads to, and found by it. One that was renamed or
 * deleted is not: it is closed when its last line is on disk.
 * Pipes can take a part of a line: `sent` says how much, and the rest goes out before anything
 * else, even if the delivery was cancelled meanwhile.
 */
#ifndef QUEUE_IMPL_H
#define QUEUE_IMPL_H

#include <limits.h>
#include <sys/queue.h>

#include "disk.h"
#include "queue.h"
#include "syncer.h"

#define GROUP_PIECES 1024 /* of one writev; IOV_MAX of Linux */
#define FILE_CHAINS 64

enum state { QUEUED, WRITTEN, ENDED };

struct entry {
	TAILQ_ENTRY(entry) order;
	TAILQ_ENTRY(entry) waiting; /* while QUEUED */
	enum state state;
	struct file *file;
	struct hsw_delivery *delivery;  /* NULL: cancelled */
	const struct hsw_envelope *env; /* while QUEUED; a reference of ours if cancelled */
	unsigned parts;
	size_t len; /* of what is to be written, while it is in a group */
	size_t sent;
	unsigned round;     /* while WRITTEN: of the sync that will have it */
	const char *failed; /* what did not work, or NULL */
	int error;
};

TAILQ_HEAD(entry_list, entry);
TAILQ_HEAD(file_list, file);

struct file {
	TAILQ_ENTRY(file) used;
	LIST_ENTRY(file) chain;  /* while current */
	TAILQ_ENTRY(file) ready; /* while is_ready */
	struct queue *q;
	bool current, is_ready;
	struct disk_file disk;
	int64_t used_ms, checked_ms;
	int64_t period;          /* the hour or day it is of */
	int64_t rotate_after_ms; /* a rotation failed: not before */
	off_t size;              /* at the last look */
	struct entry_list waiting;
	size_t entries;     /* that name it */
	size_t untold;      /* of them, failed ones whose deliveries have not ended yet */
	const char *failed; /* what did not work the last time, and why */
	int error;
	bool dirty, syncing;
	int sync_error;          /* of the round that is being looked at */
	size_t sync_index;       /* while syncing */
	struct hsw_watch *watch; /* of a pipe that is full */
	char path[];
};

struct queue {
	const struct hsw_host *host;
	struct hsw_handle *handle;
	struct queue_settings set;
	struct entry_list entries;
	LIST_HEAD(, file) chains[FILE_CHAINS];
	struct file_list files; /* all; the last used one first */
	struct file_list ready; /* to be written this turn */
	size_t ready_count;
	size_t open_count;
	struct file *last;     /* that was put to, if current */
	struct syncer *syncer; /* NULL: fsync=never */
	struct keeper *keeper; /* NULL: rotated files stay as they are */
	int64_t rotated_ms;    /* the time in the name of the last rotated file */
	unsigned round;        /* of the next sync */
	struct hsw_timer *flush_timer, *sync_timer, *idle_timer;
	bool flush_set, sync_set, idle_set;
	struct iovec pieces[GROUP_PIECES];
};

/* ---- files.c ---- */

/* The current file of a path, made if need be. NULL: out of memory. */
struct file *file_find(struct queue *, const char *path);
/* 0, with an open file, or an errno. */
int file_open(struct file *);
void file_close(struct file *);
/* Closes the file and frees it. */
void file_free(struct file *);
/* Frees a file that nobody needs: to be called when it may have become one. */
void file_settle(struct file *);
/* Gives the path and what waits for it to a new file. NULL: no memory, nothing changed. */
struct file *file_replace(struct file *);
/* The file itself, or a new one for its path when it was renamed or deleted. */
struct file *file_still_there(struct file *, int64_t now);
/* Closes files, the least recently used ones first, until one more may be opened. False: all of
 * them have to be written or synced before. */
bool files_make_room(struct queue *);
/* Marks it to be written in this turn of the loop; postpone: in the next turn, whenever that is. */
void file_make_ready(struct file *);
void file_postpone(struct file *);
void file_not_ready(struct file *);
/* Closes files that were not used for long; a timer's fn. */
void files_close_idle(void *queue);

/* ---- rotate.c ---- */

/* A file was opened. */
void rotation_begin(struct file *);
/* Whether an open file is full, or of an hour or day that is over. */
bool rotation_is_due(struct file *, int64_t now);
/* Renames the file, and gives the path to a new one; that, or the same if it cannot be. */
struct file *rotation_do(struct file *, int64_t now);

/* ---- queue.c ---- */

/* failed: what did not work, NULL for success. */
void entry_end(struct entry *, const char *failed, int error);
/* Tells the daemon of all that ended, as long as nothing before it has not, but for what was
 * cancelled. */
void queue_complete(struct queue *);

/* ---- queue_sync.c ---- */

/* Begins to sync all files that need it, if that is not under way. */
void queue_sync(struct queue *);
void queue_sync_later(struct queue *, int64_t ms);
bool queue_is_syncing(const struct queue *);
/* A timer's fn. */
void queue_sync_over(void *queue);
/* The syncer's round is over. */
void queue_synced(void *queue);
/* The syncer gets the files that are not on disk yet, and ends by itself. The locks go at once: a new handle
 * of the same section may be waiting for them. */
void queue_hand_over(struct queue *);

/* ---- queue_write.c ---- */

/* Writes one group of lines to each file that is ready, and tells what ended; a timer's fn. */
void queue_flush(void *queue);
/* The same in the loop's next turn. */
void queue_flush_soon(struct queue *);

#endif
