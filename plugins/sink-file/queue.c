/* SPDX-License-Identifier: Apache-2.0 */
/* queue.c - what waits for its line to be in its file; see queue_impl.h. */
#include "queue_impl.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- entries ---- */

void
entry_end(struct entry *e, const char *failed, int error)
{
	if (e->state == QUEUED) {
		TAILQ_REMOVE(&e->file->waiting, e, waiting);
		if (e->delivery == NULL)
			e->file->q->host->unref(e->env);
	}
	e->state = ENDED;
	e->failed = failed;
	e->error = error;
	e->file->untold += failed != NULL;
}

static void
entry_free(struct queue *q, struct entry *e)
{
	TAILQ_REMOVE(&q->entries, e, order);
	e->file->untold -= e->failed != NULL;
	e->file->entries--;
	file_settle(e->file);
	free(e);
}

static void
failure_text(const struct entry *e, char *text, size_t size)
{
	char buffer[128];
	const char *why = strerror_r(e->error, buffer, sizeof(buffer));

	if (e->error == EWOULDBLOCK)
		why = "Another process writes to it";
	else if (e->error == ENXIO)
		why = "Nobody reads it";
	snprintf(text, size, "%s %s: %c%s", e->failed, e->file->path,
		tolower((unsigned char)why[0]), why + 1);
}

/* No line would get to such a disk; other errors may be of the one file. Many a file system is
 * read-only after its disk failed. */
static bool
is_of_disk(int error)
{
	return error == ENOSPC || error == EDQUOT || error == EIO || error == EROFS;
}

static enum hsw_outcome
outcome_of(const struct entry *e)
{
	if (e->failed == NULL)
		return HSW_DELIVERED;
	return is_of_disk(e->error) ? HSW_HOLD : HSW_RETRY;
}

/* The next one that may be told. Nobody waits for what was cancelled, but a pipe may hold it for
 * long. */
static struct entry *
first_ended(const struct queue *q)
{
	struct entry *e = TAILQ_FIRST(&q->entries);

	while (e != NULL && e->state != ENDED && e->delivery == NULL)
		e = TAILQ_NEXT(e, order);
	return e != NULL && e->state == ENDED ? e : NULL;
}

void
queue_complete(struct queue *q)
{
	char text[PATH_MAX + 128];
	struct entry *e;

	while ((e = first_ended(q)) != NULL) {
		struct hsw_delivery *delivery = e->delivery;
		enum hsw_outcome outcome = outcome_of(e);
		struct hsw_detail detail = { 0 };
		if (e->failed != NULL) {
			failure_text(e, text, sizeof(text));
			detail.text = text;
		}
		entry_free(q, e);
		if (delivery != NULL)
			q->host->done(delivery, outcome, &detail);
	}
}

int
queue_put(struct queue *q, struct hsw_delivery *delivery, const char *path)
{
	struct file *f = file_find(q, path);
	struct entry *e = f != NULL ? calloc(1, sizeof(*e)) : NULL;

	if (e == NULL) {
		if (f != NULL)
			file_settle(f);
		return HSW_ENOMEM;
	}
	q->last = f;
	e->file = f;
	e->delivery = delivery;
	e->env = q->host->envelope(delivery);
	e->parts = q->host->parts(delivery);
	f->entries++;
	TAILQ_INSERT_TAIL(&q->entries, e, order);
	TAILQ_INSERT_TAIL(&f->waiting, e, waiting);
	q->host->set_data(delivery, e);
	if (f->watch == NULL)
		file_make_ready(f);
	return HSW_OK;
}

void
queue_cancel(struct queue *q, struct hsw_delivery *delivery)
{
	struct entry *e = q->host->get_data(delivery);

	e->delivery = NULL;
	if (e->state == QUEUED && e->sent > 0) {
		q->host->ref(e->env);
	} else if (e->state == QUEUED) {
		TAILQ_REMOVE(&e->file->waiting, e, waiting);
		entry_free(q, e);
	}
	/* What ended behind it can be told, but not from in here. */
	queue_flush_soon(q);
}

/* ---- the queue ---- */

static bool
needs_keeper(const struct queue_settings *set)
{
	bool rotates = set->rotate != ROTATE_OFF || set->max_bytes > 0;

	return rotates && (set->keep.compress || set->keep.keep > 0 || set->keep.keep_age_ms > 0);
}

struct queue *
queue_new(const struct hsw_host *host, struct hsw_handle *handle, const struct queue_settings *set)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	q->host = host;
	q->handle = handle;
	q->set = *set;
	TAILQ_INIT(&q->entries);
	TAILQ_INIT(&q->files);
	TAILQ_INIT(&q->ready);
	q->flush_timer = host->timer_new(handle, queue_flush, q);
	q->sync_timer = host->timer_new(handle, queue_sync_over, q);
	q->idle_timer = host->timer_new(handle, files_close_idle, q);
	if (set->fsync != FSYNC_NEVER)
		q->syncer = syncer_new(host, handle, queue_synced, q);
	if (needs_keeper(set))
		q->keeper = keeper_new(host, handle, &set->keep);
	if (q->flush_timer != NULL && q->sync_timer != NULL && q->idle_timer != NULL &&
		(q->keeper != NULL || !needs_keeper(set)) &&
		(q->syncer != NULL || set->fsync == FSYNC_NEVER))
		return q;
	queue_free(q);
	return NULL;
}

void
queue_free(struct queue *q)
{
	struct entry *e;

	if (q == NULL)
		return;
	while ((e = TAILQ_FIRST(&q->entries)) != NULL) {
		if (e->state == QUEUED)
			entry_end(e, "close", ECANCELED);
		entry_free(q, e);
	}
	keeper_free(q->keeper);
	queue_hand_over(q);
	while (!TAILQ_EMPTY(&q->files))
		file_free(TAILQ_FIRST(&q->files));
	q->host->timer_free(q->flush_timer);
	q->host->timer_free(q->sync_timer);
	q->host->timer_free(q->idle_timer);
	free(q);
}
