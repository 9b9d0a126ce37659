/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue.h - the lines that are to be written, and the files that they go to.
 *
 * What is put in during one turn of the daemon's loop goes out together, with one write a file.
 * Deliveries end in the order in which they were put in.
 */
#ifndef QUEUE_H
#define QUEUE_H

#include <hookswitch/sink.h>

#include "disk.h"
#include "keeper.h"

enum rotate_mode { ROTATE_OFF, ROTATE_HOURLY, ROTATE_DAILY };
enum fsync_mode { FSYNC_ALWAYS, FSYNC_INTERVAL, FSYNC_NEVER };

struct queue_settings {
	enum fsync_mode fsync;
	int64_t fsync_interval_ms;
	struct disk_owner owner;
	size_t fixed_len; /* folders up to here are not made */
	enum rotate_mode rotate;
	int64_t max_bytes; /* of a file; 0: no bound */
	bool utc;          /* days and hours are UTC's */
	struct keeper_settings keep;
};

struct queue;

/* NULL: no memory or thread. */
struct queue *queue_new(
	const struct hsw_host *, struct hsw_handle *, const struct queue_settings *);
/* Nothing may be in it but cancelled deliveries. Does not wait for the disk. */
void queue_free(struct queue *);

/* Accepts a delivery for the file at path. */
int queue_put(struct queue *, struct hsw_delivery *, const char *path);
/* Forgets a delivery; whether its line is written is open. */
void queue_cancel(struct queue *, struct hsw_delivery *);
/* Lets go of files that are not at their path any more. */
void queue_reopen(struct queue *);
/* Writes and syncs what there is soon. */
void queue_hurry(struct queue *);

#endif
