/* SPDX-License-Identifier: Apache-2.0 */
/* queue.c - lines on their way into files; see queue_impl.h. */
#include "queue_impl.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#define GROUP_BYTES (4 << 20) /* longer ones hold up the loop */
#define SYNC_AGAIN_MS 100     /* when a sync could not begin */
#define FLUSH_AGAIN_MS 5      /* when a file could not be opened yet */

/* ---- entries -------------------------------------------------------------------------------- */

/* failed: what did not work, NULL for success. */
static void
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
}

static void
entry_free(struct queue *q, struct entry *e)
{
	TAILQ_REMOVE(&q->entries, e, order);
	e->file->entries--;
	file_settle(e->file);
	free(e);
}

static void
fail_waiting(struct file *f, const char *failed, int error)
{
	struct entry *e;

	while ((e = TAILQ_FIRST(&f->waiting)) != NULL)
		entry_end(e, failed, error);
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

/* Tells the daemon of all that ended, as long as nothing before it has not. */
static void
complete(struct queue *q)
{
	char text[PATH_MAX + 128];
	struct entry *e;

	while ((e = TAILQ_FIRST(&q->entries)) != NULL && e->state == ENDED) {
		struct hsw_delivery *delivery = e->delivery;
		enum hsw_outcome outcome = e->failed == NULL ? HSW_DELIVERED : HSW_RETRY;
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
	if (e->state != QUEUED)
		return;
	if (e->sent > 0) {
		q->host->ref(e->env);
		return;
	}
	TAILQ_REMOVE(&e->file->waiting, e, waiting);
	entry_free(q, e);
}

/* ---- fdatasync ------------------------------------------------------------------------------ */

static void
sync_later(struct queue *q, int64_t ms)
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
	*fds = malloc((max + 1) * sizeof(**fds));
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

static bool
sync_is_busy(const struct queue *q)
{
	return q->syncer != NULL && syncer_is_busy(q->syncer);
}

void
queue_sync(struct queue *q)
{
	struct file *f;
	int *fds;
	size_t n;

	if (q->syncer == NULL || sync_is_busy(q))
		return;
	int rc = collect_fds(q, is_dirty, &fds, &n);
	if (rc == HSW_OK && n > 0)
		rc = syncer_start(q->syncer, fds, n);
	free(fds);
	if (rc != HSW_OK)
		sync_later(q, SYNC_AGAIN_MS);
	if (rc != HSW_OK || n == 0)
		return;
	q->round++;
	TAILQ_FOREACH (f, &q->files, used) {
		f->syncing = f->dirty;
		f->dirty = false;
	}
}

static void
sync_over(void *arg)
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

/* The syncer's round is over. */
static void
sync_ready(void *arg)
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
		sync_later(q, q->set.fsync_interval_ms);
	if (!TAILQ_EMPTY(&q->ready))
		file_make_ready(TAILQ_FIRST(&q->ready));
	complete(q);
}

/* ---- writing -------------------------------------------------------------------------------- */

/* Puts the line of an entry behind the *n pieces. */
static size_t
add_line(struct queue *q, const struct entry *e, int *n)
{
	struct iovec *iov = q->pieces + *n;
	int count = q->host->iov(e->env, e->parts, iov, HSW_IOV_MAX);
	size_t len = 1, skip = e->sent;

	for (int i = 0; i < count; i++)
		len += iov[i].iov_len;
	iov[count++] = (struct iovec){ .iov_base = "\n", .iov_len = 1 };
	/* What was sent before: whole pieces become empty. */
	for (int i = 0; skip > 0; i++) {
		size_t part = skip < iov[i].iov_len ? skip : iov[i].iov_len;
		iov[i].iov_base = (char *)iov[i].iov_base + part;
		iov[i].iov_len -= part;
		skip -= part;
	}
	*n += count;
	return len - e->sent;
}

/* Fills q->pieces with as many lines as go into one write. */
static int
gather(struct file *f)
{
	struct queue *q = f->q;
	struct entry *e;
	size_t bytes = 0;
	int n = 0;

	TAILQ_FOREACH (e, &f->waiting, waiting) {
		if (n + HSW_IOV_MAX + 1 > GROUP_PIECES || bytes >= GROUP_BYTES)
			break;
		if (n > 0 && q->set.max_bytes > 0 && f->size + (off_t)bytes >= q->set.max_bytes)
			break;
		e->len = add_line(q, e, &n);
		bytes += e->len;
	}
	return n;
}

/* Moves on the entries whose lines are out; returns the bytes of the next one's that are. */
static size_t
settle_written(struct file *f, size_t written)
{
	struct queue *q = f->q;
	struct entry *e;

	while ((e = TAILQ_FIRST(&f->waiting)) != NULL && written > 0 && e->len <= written) {
		written -= e->len;
		entry_end(e, NULL, 0);
		if (q->set.fsync != FSYNC_ALWAYS || !f->disk.regular)
			continue;
		e->state = WRITTEN;
		e->round = q->round;
	}
	return written;
}

static void
file_writable(int fd, unsigned what, void *arg)
{
	struct file *f = arg;

	(void)fd, (void)what;
	f->q->host->watch_free(f->watch);
	f->watch = NULL;
	file_make_ready(f);
}

/* A full pipe: the rest goes out when there is room. */
static int
wait_for_room(struct file *f, size_t sent)
{
	const struct hsw_host *host = f->q->host;
	struct entry *e = TAILQ_FIRST(&f->waiting);

	f->watch = host->watch_new(f->q->handle, f->disk.fd, file_writable, f);
	if (f->watch == NULL)
		return ENOMEM;
	e->sent += sent;
	host->watch_set(f->watch, HSW_WRITE);
	return 0;
}

static void
write_failed(struct file *f, int error, size_t half)
{
	if (f->disk.regular)
		disk_take_back(&f->disk, half);
	else if (error == EAGAIN && wait_for_room(f, half) == 0)
		return;
	else
		file_close(f);
	fail_waiting(f, "write", error);
}

static void
mark_dirty(struct file *f)
{
	struct queue *q = f->q;

	if (!f->disk.regular || q->syncer == NULL)
		return;
	f->dirty = true;
	if (q->set.fsync == FSYNC_INTERVAL)
		sync_later(q, q->set.fsync_interval_ms);
}

static void
write_again(struct file *f)
{
	struct file *fresh = file_replace(f);

	if (fresh != NULL)
		file_make_ready(fresh);
	else
		fail_waiting(f, "write", ENOMEM);
}

/* Writes one group of lines; what is left waits for the next turn. */
static void
file_write(struct file *f)
{
	size_t written = 0;
	int n = gather(f);
	int rc = disk_mend(&f->disk);

	if (rc == 0)
		rc = disk_write(&f->disk, f->q->pieces, n, &written);
	/* Deleted before this write: nobody will see the lines, so they are written again. */
	if (disk_is_unlinked(&f->disk)) {
		write_again(f);
		return;
	}
	if (written > 0)
		mark_dirty(f);
	size_t half = settle_written(f, written);
	if (rc != 0)
		write_failed(f, rc, half);
	else if (!TAILQ_EMPTY(&f->waiting))
		file_make_ready(f);
}

static void
file_flush(struct file *f, int64_t now)
{
	f->used_ms = now;
	f = file_still_there(f, now);
	if (TAILQ_EMPTY(&f->waiting))
		return;
	if (f->disk.fd < 0 && !files_make_room(f->q)) {
		file_postpone(f);
		return;
	}
	int rc = file_open(f);
	if (rc == 0 && rotation_is_due(f, now)) {
		f = rotation_do(f, now);
		rc = file_open(f);
	}
	if (rc == 0)
		file_write(f);
	else
		fail_waiting(f, rc == EWOULDBLOCK ? "lock" : "open", rc);
}

static void
flush(void *arg)
{
	struct queue *q = arg;
	size_t turns = q->ready_count; /* what gets ready again waits for the loop's next turn */
	struct file *f;

	q->flush_set = false;
	while (turns-- > 0 && (f = TAILQ_FIRST(&q->ready)) != NULL) {
		file_not_ready(f);
		file_flush(f, q->host->now_ms(q->handle));
	}
	if (q->set.fsync == FSYNC_ALWAYS || !TAILQ_EMPTY(&q->ready))
		queue_sync(q);
	/* What was postponed for want of room is looked at when the sync is over, or soon. */
	if (!TAILQ_EMPTY(&q->ready) && !q->flush_set && !sync_is_busy(q)) {
		q->flush_set = true;
		q->host->timer_set(q->flush_timer, FLUSH_AGAIN_MS);
	}
	complete(q);
}

/* ---- the queue ------------------------------------------------------------------------------ */

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
	q->flush_timer = host->timer_new(handle, flush, q);
	q->sync_timer = host->timer_new(handle, sync_over, q);
	q->idle_timer = host->timer_new(handle, files_close_idle, q);
	if (set->fsync != FSYNC_NEVER)
		q->syncer = syncer_new(host, handle, sync_ready, q);
	if (needs_keeper(set))
		q->keeper = keeper_new(host, handle, &set->keep);
	if (q->flush_timer != NULL && q->sync_timer != NULL && q->idle_timer != NULL &&
		(q->keeper != NULL || !needs_keeper(set)) &&
		(q->syncer != NULL || set->fsync == FSYNC_NEVER))
		return q;
	queue_free(q);
	return NULL;
}

/* The syncer gets the files that are not on disk yet. The locks go at once: a new handle of the
 * same section may be waiting for them. */
static void
hand_over(struct queue *q)
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
	hand_over(q);
	while (!TAILQ_EMPTY(&q->files))
		file_free(TAILQ_FIRST(&q->files));
	q->host->timer_free(q->flush_timer);
	q->host->timer_free(q->sync_timer);
	q->host->timer_free(q->idle_timer);
	free(q);
}
