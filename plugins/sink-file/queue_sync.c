/* SPDX-License-Identifier: Apache-2.0 */
/* queue_sync.c - lines on their way from files to the disk, see queue_impl.h. */
#include "queue_impl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#define SYNC_AGAIN_MS 100 /* when a sync could not begin */

void
queue_sync_later(struct queue *q, int64_t ms)
{
	if (q->sync_set)
		return;
	q->sync_set = true;
	q->host->timer_set(q->sync_timer, ms);
}

/* The descriptors of files for which pick() is true; *fds to be freed. */
static int
collect_fds(struct queue *q, bool (*pick)(const struct file *), int **fds, size_t *n)
{
	struct file *f;
	size_t max = 0;

	*n = 0;
	TAILQ_FOREACH (f, &q->files, used)
		max += pick(f);
	*fds = calloc(max + 1, sizeof(**fds));
	if (*fds == NULL)
		return HSW_ENOMEM;
	TAILQ_FOREACH (f, &q->files, used) {
		if (pick(f)) {
			f->sync_index = *n;
			(*fds)[(*n)++] = f->disk.fd;
		}
	}
	return HSW_OK;
}

static bool
is_dirty(const struct file *f)
{
	return f->dirty;
}

static bool
is_unsynced(const struct file *f)
{
	return f->dirty || f->syncing;
}

bool
queue_is_syncing(const struct queue *q)
{
	return q->syncer != NULL && syncer_is_busy(q->syncer);
}

void
queue_sync(struct queue *q)
{
	struct file *f;
	int *fds;
	size_t n;

	if (q->syncer == NULL || queue_is_syncing(q))
		return;
	int rc = collect_fds(q, is_dirty, &fds, &n);
	if (rc == HSW_OK && n > 0)
		rc = syncer_start(q->syncer, fds, n);
	free(fds);
	if (rc != HSW_OK)
		queue_sync_later(q, SYNC_AGAIN_MS);
	if (rc != HSW_OK || n == 0)
		return;
	q->round++;
	TAILQ_FOREACH (f, &q->files, used) {
		f->syncing = f->dirty;
		f->dirty = false;
	}
}

void
queue_sync_over(void *arg)
{
	struct queue *q = arg;

	q->sync_set = false;
	queue_sync(q);
}

/* What the system could not write it may have dropped: the lines are to be written again, into
 * the file as it is when opened anew. */
static void
sync_failed(struct file *f, int error)
{
	char buffer[128];

	f->q->host->log(f->q->handle, HSW_LOG_ERROR, "fdatasync failed path=%s error=\"%s\"",
		f->path, strerror_r(error, buffer, sizeof(buffer)));
	f->sync_error = error;
	f->failed = "fdatasync";
	f->error = error;
	f->dirty = false;
	file_close(f);
}

static void
end_synced(struct queue *q)
{
	struct entry *e;

	TAILQ_FOREACH (e, &q->entries, order) {
		if (e->state != WRITTEN)
			continue;
		if (e->file->sync_error != 0)
			entry_end(e, "fdatasync", e->file->sync_error);
		else if (e->round != q->round)
			entry_end(e, NULL, 0);
	}
}

void
queue_synced(void *arg)
{
	struct queue *q = arg;
	struct file *f, *next;
	bool more = false;

	TAILQ_FOREACH (f, &q->files, used) {
		int error = f->syncing ? syncer_error(q->syncer, f->sync_index) : 0;
		f->syncing = false;
		if (error != 0)
			sync_failed(f, error);
	}
	syncer_end(q->syncer);
	end_synced(q);
	for (f = TAILQ_FIRST(&q->files); f != NULL; f = next) {
		next = TAILQ_NEXT(f, used);
		more = more || f->dirty;
		f->sync_error = 0;
		file_settle(f);
	}
	if (more && q->set.fsync == FSYNC_ALWAYS)
		queue_sync(q);
	else if (more)
		queue_sync_later(q, q->set.fsync_interval_ms);
	if (!TAILQ_EMPTY(&q->ready))
		file_make_ready(TAILQ_FIRST(&q->ready));
	queue_complete(q);
}

void
queue_hurry(struct queue *q)
{
	struct file *f;

	TAILQ_FOREACH (f, &q->files, used) {
		if (f->dirty) {
			q->sync_set = true;
			q->host->timer_set(q->sync_timer, 0);
		}
	}
}

void
queue_hand_over(struct queue *q)
{
	struct file *f;
	int *fds = NULL;
	size_t n = 0;

	if (q->syncer == NULL)
		return;
	int rc = collect_fds(q, is_unsynced, &fds, &n);
	syncer_free(q->syncer, fds, n);
	free(fds);
	if (rc != HSW_OK)
		return;
	TAILQ_FOREACH (f, &q->files, used) {
		if (!is_unsynced(f))
			continue;
		flock(f->disk.fd, LOCK_UN);
		f->disk.fd = -1;
	}
}
