/* SPDX-License-Identifier: Apache-2.0 */
/* files.c - the files of a queue: found by path, opened, renamed under us, closed again. */
#include "queue_impl.h"

#include <stdlib.h>
#include <string.h>

#define OPEN_MAX 64         /* files */
#define IDLE_MS 60000       /* a file that was not used for so long is closed */
#define MOVED_CHECK_MS 1000 /* how often is looked whether a file was renamed */

void
file_close(struct file *f)
{
	f->q->host->watch_free(f->watch);
	f->watch = NULL;
	if (f->disk.fd >= 0)
		f->q->open_count--;
	disk_close(&f->disk);
}

/* Its path leads to another file from now on. */
static void
file_retire(struct file *f)
{
	if (!f->current)
		return;
	f->current = false;
	LIST_REMOVE(f, chain);
	if (f->q->last == f)
		f->q->last = NULL;
}

void
file_not_ready(struct file *f)
{
	if (!f->is_ready)
		return;
	f->is_ready = false;
	f->q->ready_count--;
	TAILQ_REMOVE(&f->q->ready, f, ready);
}

void
file_free(struct file *f)
{
	struct queue *q = f->q;

	file_retire(f);
	file_close(f);
	file_not_ready(f);
	TAILQ_REMOVE(&q->files, f, used);
	free(f);
}

static bool
file_has_work(const struct file *f)
{
	return f->entries > 0 || f->dirty || f->syncing;
}

void
file_settle(struct file *f)
{
	if (!file_has_work(f) && (!f->current || f->disk.fd < 0))
		file_free(f);
}

/* FNV-1a */
static unsigned
chain_of(const char *path)
{
	uint32_t hash = 2166136261u;

	for (; *path != '\0'; path++)
		hash = (hash ^ (unsigned char)*path) * 16777619u;
	return hash % FILE_CHAINS;
}

static struct file *
file_new(struct queue *q, const char *path)
{
	size_t len = strlen(path) + 1;
	struct file *f = calloc(1, sizeof(*f) + len);

	if (f == NULL)
		return NULL;
	memcpy(f->path, path, len);
	f->q = q;
	f->current = true;
	f->disk.fd = -1;
	TAILQ_INIT(&f->waiting);
	LIST_INSERT_HEAD(&q->chains[chain_of(path)], f, chain);
	TAILQ_INSERT_HEAD(&q->files, f, used);
	return f;
}

struct file *
file_find(struct queue *q, const char *path)
{
	struct file *f;

	if (q->last != NULL && strcmp(q->last->path, path) == 0)
		return q->last;
	LIST_FOREACH (f, &q->chains[chain_of(path)], chain) {
		if (strcmp(f->path, path) != 0)
			continue;
		TAILQ_REMOVE(&q->files, f, used);
		TAILQ_INSERT_HEAD(&q->files, f, used);
		return f;
	}
	return file_new(q, path);
}

void
file_postpone(struct file *f)
{
	if (f->is_ready)
		return;
	f->is_ready = true;
	f->q->ready_count++;
	TAILQ_INSERT_TAIL(&f->q->ready, f, ready);
}

void
file_make_ready(struct file *f)
{
	file_postpone(f);
	queue_flush_soon(f->q);
}

struct file *
file_replace(struct file *f)
{
	struct file *fresh = file_new(f->q, f->path);
	struct entry *e;

	if (fresh == NULL)
		return NULL;
	file_retire(f);
	TAILQ_FOREACH (e, &f->waiting, waiting) {
		e->file = fresh;
		f->entries--;
		fresh->entries++;
	}
	TAILQ_CONCAT(&fresh->waiting, &f->waiting, waiting);
	fresh->used_ms = f->used_ms;
	file_settle(f);
	return fresh;
}

static void
idle_later(struct queue *q)
{
	if (q->idle_set)
		return;
	q->idle_set = true;
	q->host->timer_set(q->idle_timer, IDLE_MS);
}

/* Whether its lines are all written and, if that is asked for, on disk. */
static bool
file_is_closable(const struct file *f)
{
	return f->disk.fd >= 0 && TAILQ_EMPTY(&f->waiting) && !f->dirty && !f->syncing;
}

bool
files_make_room(struct queue *q)
{
	struct file *f = TAILQ_LAST(&q->files, file_list);

	while (f != NULL && q->open_count >= OPEN_MAX) {
		struct file *before = TAILQ_PREV(f, file_list, used);
		if (file_is_closable(f)) {
			file_close(f);
			file_settle(f);
		}
		f = before;
	}
	return q->open_count < OPEN_MAX;
}

static void
log_mended(const struct file *f, const struct disk_mended *m)
{
	if (m->cut_bytes > 0)
		f->q->host->log(f->q->handle, HSW_LOG_WARN,
			"cut an unfinished last line path=%s bytes=%lld", f->path,
			(long long)m->cut_bytes);
	if (m->completed)
		f->q->host->log(f->q->handle, HSW_LOG_WARN,
			"ended a last line that had no newline path=%s", f->path);
}

int
file_open(struct file *f)
{
	struct queue *q = f->q;
	struct disk_mended mended;

	if (f->disk.fd >= 0)
		return 0;
	int rc = disk_open(&f->disk, f->path, q->set.fixed_len, &q->set.owner, &mended);
	if (rc != 0)
		return rc;
	q->open_count++;
	f->checked_ms = q->host->now_ms(q->handle);
	idle_later(q);
	log_mended(f, &mended);
	rotation_begin(f);
	return 0;
}

struct file *
file_still_there(struct file *f, int64_t now)
{
	if (f->disk.fd < 0 || !f->disk.regular || now - f->checked_ms < MOVED_CHECK_MS)
		return f;
	f->checked_ms = now;
	if (!disk_is_moved(&f->disk, f->path))
		return f;
	struct file *fresh = file_replace(f);
	return fresh != NULL ? fresh : f;
}

void
files_close_idle(void *arg)
{
	struct queue *q = arg;
	int64_t now = q->host->now_ms(q->handle);
	struct file *f, *next;

	q->idle_set = false;
	for (f = TAILQ_FIRST(&q->files); f != NULL; f = next) {
		next = TAILQ_NEXT(f, used);
		if (!file_has_work(f) && now - f->used_ms >= IDLE_MS)
			file_free(f);
	}
	if (q->open_count > 0)
		idle_later(q);
}

void
queue_reopen(struct queue *q)
{
	struct file *f, *next;

	for (f = TAILQ_FIRST(&q->files); f != NULL; f = next) {
		next = TAILQ_NEXT(f, used);
		f->checked_ms = INT64_MIN / 2;
		/* While lines wait for it, or a failure is to be told, it is looked at before the
		 * next write. */
		if (f->current && TAILQ_EMPTY(&f->waiting) && f->untold == 0 && f->disk.regular &&
			f->disk.fd >= 0 && disk_is_moved(&f->disk, f->path)) {
			file_retire(f);
			file_settle(f);
		}
	}
}
