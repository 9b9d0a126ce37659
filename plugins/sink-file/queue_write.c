/* SPDX-License-Identifier: Apache-2.0 */
/* queue_write.c - lines on their way into files, a group at a time; see queue_impl.h. */
#include "queue_impl.h"

#include <errno.h>

#define GROUP_BYTES (4 << 20) /* longer ones hold up the loop */
#define FLUSH_AGAIN_MS 5      /* when a file could not be opened yet */

static void
fail_waiting(struct file *f, const char *failed, int error)
{
	struct entry *e;

	f->failed = failed;
	f->error = error;
	while ((e = TAILQ_FIRST(&f->waiting)) != NULL)
		entry_end(e, failed, error);
}

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
		queue_sync_later(q, q->set.fsync_interval_ms);
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
	/* Deleted before this write: nobody will see the lines, so they are written again. Not where
	 * the path, of /dev/fd, still leads to the deleted file: who has it open may see them. */
	if (disk_is_unlinked(&f->disk) && disk_is_moved(&f->disk, f->path)) {
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

/* Without room the file is looked at again when others are on disk and can be closed. */
static bool
has_room(struct file *f)
{
	if (f->disk.fd >= 0 || files_make_room(f->q))
		return true;
	file_postpone(f);
	return false;
}

static void
file_flush(struct file *f, int64_t now)
{
	f->used_ms = now;
	/* A shorter line might fit, or the path lead to another file by now, but what failed before it
	 * would come behind it. */
	if (f->untold > 0 && f->failed != NULL) {
		fail_waiting(f, f->failed, f->error);
		return;
	}
	f = file_still_there(f, now);
	if (TAILQ_EMPTY(&f->waiting))
		return;
	if (!has_room(f))
		return;
	int rc = file_open(f);
	if (rc == 0 && rotation_is_due(f, now)) {
		f = rotation_do(f, now);
		/* The old one stays open until it is on disk. */
		if (!has_room(f))
			return;
		rc = file_open(f);
	}
	if (rc == 0)
		file_write(f);
	else
		fail_waiting(f, rc == EWOULDBLOCK ? "lock" : "open", rc);
}

void
queue_flush_soon(struct queue *q)
{
	if (q->flush_set)
		return;
	q->flush_set = true;
	q->host->timer_set(q->flush_timer, 0);
}

void
queue_flush(void *arg)
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
	if (!TAILQ_EMPTY(&q->ready) && !q->flush_set && !queue_is_syncing(q)) {
		q->flush_set = true;
		q->host->timer_set(q->flush_timer, FLUSH_AGAIN_MS);
	}
	queue_complete(q);
}
