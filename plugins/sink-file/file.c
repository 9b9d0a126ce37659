/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.c - sink-file: one envelope a line (NDJSON), appended.
 *
 * What comes within one turn of the loop is gathered and written with one writev for each file. Then the
 * deliveries end at once, or with fsync = always when the data is on disk: fdatasync would block the
 * worker, so the syncing is done by a thread of the plugin's own, one file after another.
 *
 * Who calls what from where: sync_main runs on that thread and touches only a job it was handed;
 * everything else runs on the handle's thread. A job comes back through host->post.
 */
#include "file.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#define OPEN_FILES_MAX 64    /* least recently used ones are closed */
#define IDLE_CLOSE_MS 300000 /* and those that nothing was written to for so long */
#define TICK_MS 1000         /* looking for rotated and idle files */
#define IOV_USED 1024        /* pieces of one write; the system's bound (IOV_MAX) */

enum fsync_mode { FSYNC_ALWAYS, FSYNC_INTERVAL, FSYNC_NEVER };

struct conf {
	const char *path;
	int fsync;
	int64_t fsync_interval_ms;
	const char *mode;
	bool utc;
};

static const char *const fsync_words[] = { "always", "interval", "never", NULL };

static const struct hsw_option options[] = {
	{ "path", HSW_OPT_PATH, HSW_OPT_REQUIRED, offsetof(struct conf, path), NULL, 0, 0, NULL,
		"The file. %{instance} and %{event} stand for the envelope's, %Y %m %d %H ... "
		"(strftime) for the time it was received." },
	{ "fsync", HSW_OPT_ENUM, 0, offsetof(struct conf, fsync), "interval", 0, 0, fsync_words,
		"When written lines are forced to disk: always, before they count as delivered; "
		"interval, once in fsync_interval; never, when the system likes." },
	{ "fsync_interval", HSW_OPT_MSEC, 0, offsetof(struct conf, fsync_interval_ms), "1s", 10,
		3600000, NULL, "For fsync = interval." },
	{ "mode", HSW_OPT_STRING, 0, offsetof(struct conf, mode), "0640", 0, 0, NULL,
		"Permissions of new files, octal." },
	{ "utc", HSW_OPT_BOOL, 0, offsetof(struct conf, utc), "yes", 0, 0, NULL,
		"Times in the path are UTC; no: local time." },
	{ NULL, HSW_OPT_STRING, 0, 0, NULL, 0, 0, NULL, NULL },
};

/* A delivery that waits for its write or sync. */
struct line {
	STAILQ_ENTRY(line) link;
	struct hsw_delivery *delivery; /* NULL: it was cancelled */
};

STAILQ_HEAD(line_list, line);

struct file {
	TAILQ_ENTRY(file) link; /* most recently used first */
	struct sink *sink;
	char *path;
	struct output output;     /* fd -1: to be opened */
	struct line_list waiting; /* to be written */
	struct line_list syncing; /* written, not yet synced; fsync = always */
	bool is_dirty;            /* written since the last sync */
	bool is_syncing;          /* the thread has it: output must stay as it is */
	bool must_reopen;
	int64_t used_ms;
	int sync_error; /* errno, set by the thread */
	struct file *next_job;
};

TAILQ_HEAD(file_list, file);

struct sink {
	const struct hsw_host *host;
	struct hsw_handle *handle;
	const struct conf *conf;
	mode_t mode;
	struct file_list files;
	size_t n_files;
	struct hsw_timer *flush, *tick, *interval;
	bool will_flush, has_interval;
	/* shared with the syncing thread */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct file *jobs; /* newest first */
	bool has_thread, must_stop;
};

/* ---- ending deliveries ---- */

static void
end_lines(struct sink *s, struct line_list *list, enum hsw_outcome outcome, const char *text)
{
	const struct hsw_detail detail = { 0, 0, text };
	struct line *line;

	while ((line = STAILQ_FIRST(list)) != NULL) {
		struct hsw_delivery *delivery = line->delivery;
		STAILQ_REMOVE_HEAD(list, link);
		free(line);
		if (delivery != NULL)
			s->host->done(delivery, outcome, outcome == HSW_DELIVERED ? NULL : &detail);
	}
}

static void
fail_lines(struct sink *s, struct line_list *list, const char *what, const char *path, int why)
{
	char text[HSW_ERROR_SIZE];

	snprintf(text, sizeof(text), "%s %.150s: %s", what, path, strerror(why));
	end_lines(s, list, HSW_RETRY, text);
}

/* ---- the syncing thread ---- */

static void on_synced(void *arg);

static struct file *
next_job(struct sink *s)
{
	pthread_mutex_lock(&s->lock);
	while (s->jobs == NULL && !s->must_stop)
		pthread_cond_wait(&s->wake, &s->lock);
	struct file *f = s->jobs;
	if (f != NULL)
		s->jobs = f->next_job;
	pthread_mutex_unlock(&s->lock);
	return f;
}

static void *
sync_main(void *arg)
{
	struct sink *s = arg;
	struct file *f;

	while ((f = next_job(s)) != NULL) {
		f->sync_error = fdatasync(f->output.fd) == 0 || errno == EINVAL ? 0 : errno;
		s->host->post(s->handle, on_synced, f);
	}
	return NULL;
}

static void
start_sync(struct file *f)
{
	struct sink *s = f->sink;

	f->is_dirty = false;
	f->is_syncing = true;
	pthread_mutex_lock(&s->lock);
	f->next_job = s->jobs;
	s->jobs = f;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

/* ---- files ---- */

static struct file *
file_get(struct sink *s, const char *path)
{
	struct file *f;

	TAILQ_FOREACH (f, &s->files, link) {
		if (strcmp(f->path, path) == 0)
			break;
	}
	if (f != NULL) {
		TAILQ_REMOVE(&s->files, f, link);
		TAILQ_INSERT_HEAD(&s->files, f, link);
		return f;
	}
	f = calloc(1, sizeof(*f));
	if (f == NULL || (f->path = strdup(path)) == NULL) {
		free(f);
		return NULL;
	}
	f->sink = s;
	f->output.fd = -1;
	STAILQ_INIT(&f->waiting);
	STAILQ_INIT(&f->syncing);
	TAILQ_INSERT_HEAD(&s->files, f, link);
	s->n_files++;
	return f;
}

static void
file_free(struct file *f)
{
	TAILQ_REMOVE(&f->sink->files, f, link);
	f->sink->n_files--;
	output_close(&f->output);
	free(f->path);
	free(f);
}

static bool
is_busy(const struct file *f)
{
	return f->is_syncing || f->is_dirty || !STAILQ_EMPTY(&f->waiting);
}

static int
file_open(struct file *f, struct hsw_error *err)
{
	struct sink *s = f->sink;
	int64_t repaired;
	int rc = output_open(&f->output, f->path, s->mode, &repaired, err);

	if (repaired < 0)
		s->host->log(s->handle, HSW_LOG_WARN,
			"removed a cut-off last line of %lld bytes from %s", (long long)-repaired,
			f->path);
	else if (repaired > 0)
		s->host->log(s->handle, HSW_LOG_WARN, "ended a last line that had no newline in %s",
			f->path);
	return rc;
}

/* The next write opens the path anew. What the thread has is closed when it comes back. */
static void
file_reopen(struct file *f)
{
	if (f->is_syncing)
		f->must_reopen = true;
	else
		output_close(&f->output);
}

/* ---- writing ---- */

/* The pieces of as many waiting lines as fit; each ends with a newline. */
static int
gather(const struct file *f, struct iovec *iov, struct line **end)
{
	const struct hsw_host *host = f->sink->host;
	struct line *line;
	int n = 0;

	STAILQ_FOREACH (line, &f->waiting, link) {
		if (n + HSW_IOV_MAX + 1 > IOV_USED)
			break;
		if (line->delivery == NULL)
			continue;
		n += host->iov(host->envelope(line->delivery), host->parts(line->delivery), iov + n,
			HSW_IOV_MAX);
		iov[n++] = (struct iovec){ "\n", 1 };
	}
	*end = line;
	return n;
}

/* Moves the lines before `end` to another list. */
static void
move_lines(struct line_list *from, const struct line *end, struct line_list *to)
{
	struct line *line;

	while ((line = STAILQ_FIRST(from)) != end) {
		STAILQ_REMOVE_HEAD(from, link);
		STAILQ_INSERT_TAIL(to, line, link);
	}
}

static void
arm_interval(struct sink *s)
{
	if (s->conf->fsync != FSYNC_INTERVAL || s->has_interval)
		return;
	s->has_interval = true;
	s->host->timer_set(s->interval, s->conf->fsync_interval_ms);
}

/* One write; false: it failed, and nothing is waiting any more. */
static bool
write_lines(struct file *f)
{
	struct iovec iov[IOV_USED];
	struct line_list written = STAILQ_HEAD_INITIALIZER(written);
	struct line *end;
	int n = gather(f, iov, &end);

	if (n > 0 && output_write(&f->output, iov, n) != OUTPUT_OK) {
		fail_lines(f->sink, &f->waiting, "cannot write", f->path, errno);
		return false;
	}
	f->is_dirty |= n > 0 && f->sink->conf->fsync != FSYNC_NEVER;
	move_lines(&f->waiting, end, f->sink->conf->fsync == FSYNC_ALWAYS ? &f->syncing : &written);
	end_lines(f->sink, &written, HSW_DELIVERED, NULL);
	return true;
}

/* While the thread syncs for fsync = always, what comes waits for the next round. */
static void
file_flush(struct file *f)
{
	struct sink *s = f->sink;
	struct hsw_error err = { "" };

	if (STAILQ_EMPTY(&f->waiting) || (f->is_syncing && s->conf->fsync == FSYNC_ALWAYS))
		return;
	if (f->output.fd < 0 && file_open(f, &err) != HSW_OK) {
		end_lines(s, &f->waiting, HSW_RETRY, err.text);
		return;
	}
	f->used_ms = s->host->now_ms(s->handle);
	while (!STAILQ_EMPTY(&f->waiting) && write_lines(f))
		;
	if (f->is_dirty && s->conf->fsync == FSYNC_ALWAYS)
		start_sync(f);
	else if (f->is_dirty)
		arm_interval(s);
}

static void
on_flush(void *arg)
{
	struct sink *s = arg;
	struct file *f, *before;

	s->will_flush = false;
	TAILQ_FOREACH (f, &s->files, link)
		file_flush(f);
	for (f = TAILQ_LAST(&s->files, file_list); f != NULL && s->n_files > OPEN_FILES_MAX;
		f = before) {
		before = TAILQ_PREV(f, file_list, link);
		if (!is_busy(f))
			file_free(f);
	}
}

static void
flush_soon(struct sink *s)
{
	if (s->will_flush)
		return;
	s->will_flush = true;
	s->host->timer_set(s->flush, 0);
}

static void
on_synced(void *arg)
{
	struct file *f = arg;
	struct sink *s = f->sink;

	f->is_syncing = false;
	if (f->sync_error != 0)
		s->host->log(s->handle, HSW_LOG_ERROR, "cannot sync %s: %s", f->path,
			strerror(f->sync_error));
	if (f->must_reopen) {
		f->must_reopen = false;
		output_close(&f->output);
	}
	if (f->sync_error != 0)
		fail_lines(s, &f->syncing, "cannot sync", f->path, f->sync_error);
	else
		end_lines(s, &f->syncing, HSW_DELIVERED, NULL);
	if (!STAILQ_EMPTY(&f->waiting))
		flush_soon(s);
}

static void
sync_dirty(struct sink *s)
{
	struct file *f;

	TAILQ_FOREACH (f, &s->files, link) {
		if (f->is_dirty && !f->is_syncing && f->output.fd >= 0)
			start_sync(f);
	}
}

static void
on_interval(void *arg)
{
	struct sink *s = arg;

	s->has_interval = false;
	sync_dirty(s);
}

/* Files that were renamed away (logrotate), and those that nobody writes to any more. */
static void
on_tick(void *arg)
{
	struct sink *s = arg;
	int64_t now = s->host->now_ms(s->handle);
	struct file *f, *next;

	for (f = TAILQ_FIRST(&s->files); f != NULL; f = next) {
		next = TAILQ_NEXT(f, link);
		if (!is_busy(f) && now - f->used_ms > IDLE_CLOSE_MS)
			file_free(f);
		else if (f->output.fd >= 0 && !f->is_dirty &&
			!output_is_current(&f->output, f->path))
			file_reopen(f);
	}
	s->host->timer_set(s->tick, TICK_MS);
}

/* ---- the sink ---- */

static void
sink_close(void *self)
{
	struct sink *s = self;

	if (s->has_thread) {
		pthread_mutex_lock(&s->lock);
		s->must_stop = true;
		pthread_cond_signal(&s->wake);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->thread, NULL);
	}
	while (!TAILQ_EMPTY(&s->files)) {
		struct file *f = TAILQ_FIRST(&s->files);
		end_lines(s, &f->waiting, HSW_RETRY, "closed");
		end_lines(s, &f->syncing, HSW_RETRY, "closed");
		file_free(f);
	}
	s->host->timer_free(s->flush);
	s->host->timer_free(s->tick);
	s->host->timer_free(s->interval);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static int
parse_mode(const char *text, mode_t *out, struct hsw_error *err)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (*text < '0' || *text > '7' || *end != '\0' || mode > 0777) {
		snprintf(err->text, sizeof(err->text),
			"mode: found `%.20s`, expected octal digits such as 0640", text);
		return HSW_EINVAL;
	}
	*out = (mode_t)mode;
	return HSW_OK;
}

/* A path without patterns is opened at once, so that a mistake shows at the start. */
static int
try_path(struct sink *s, struct hsw_error *err)
{
	if (strchr(s->conf->path, '%') != NULL)
		return HSW_OK;
	struct file *f = file_get(s, s->conf->path);
	if (f == NULL)
		return HSW_ENOMEM;
	f->used_ms = s->host->now_ms(s->handle);
	return file_open(f, err);
}

static int
sink_open(const struct hsw_host *host, struct hsw_handle *handle, const void *conf, void **self,
	struct hsw_error *err)
{
	struct sink *s = calloc(1, sizeof(*s));

	snprintf(err->text, sizeof(err->text), "out of memory");
	if (s == NULL)
		return HSW_ENOMEM;
	s->host = host;
	s->handle = handle;
	s->conf = conf;
	TAILQ_INIT(&s->files);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->wake, NULL);
	s->flush = host->timer_new(handle, on_flush, s);
	s->tick = host->timer_new(handle, on_tick, s);
	s->interval = host->timer_new(handle, on_interval, s);
	int rc = s->flush != NULL && s->tick != NULL && s->interval != NULL ? HSW_OK : HSW_ENOMEM;
	if (rc == HSW_OK)
		rc = path_check(s->conf->path, err);
	if (rc == HSW_OK)
		rc = parse_mode(s->conf->mode, &s->mode, err);
	if (rc == HSW_OK)
		rc = try_path(s, err);
	if (rc == HSW_OK && s->conf->fsync != FSYNC_NEVER) {
		s->has_thread = pthread_create(&s->thread, NULL, sync_main, s) == 0;
		rc = s->has_thread ? HSW_OK : HSW_ENOMEM;
	}
	if (rc != HSW_OK) {
		sink_close(s);
		return rc;
	}
	host->timer_set(s->tick, TICK_MS);
	*self = s;
	return HSW_OK;
}

static int
sink_deliver(void *self, struct hsw_delivery *delivery)
{
	struct sink *s = self;
	const struct hsw_host *host = s->host;
	const struct hsw_envelope *e = host->envelope(delivery);
	char path[PATH_MAX];

	if (path_expand(s->conf->path, host->get(e, HSW_F_INSTANCE), host->get(e, HSW_F_TYPE),
		    host->received_ms(e), s->conf->utc, path) != HSW_OK)
		return HSW_ELIMIT;
	struct file *f = file_get(s, path);
	struct line *line = f != NULL ? malloc(sizeof(*line)) : NULL;
	if (line == NULL)
		return HSW_ENOMEM;
	line->delivery = delivery;
	host->set_data(delivery, line);
	STAILQ_INSERT_TAIL(&f->waiting, line, link);
	flush_soon(s);
	return HSW_OK;
}

/* Its line goes with the list that it is in. */
static void
sink_cancel(void *self, struct hsw_delivery *delivery)
{
	struct sink *s = self;
	struct line *line = s->host->get_data(delivery);

	line->delivery = NULL;
}

static void
sink_drain(void *self)
{
	sync_dirty(self);
}

static void
sink_reopen(void *self)
{
	struct sink *s = self;
	struct file *f;

	TAILQ_FOREACH (f, &s->files, link)
		file_reopen(f);
}

static const struct hsw_sink_ops ops = {
	.size = sizeof(struct hsw_sink_ops),
	.concurrency = 512,
	.flags = HSW_SINK_SERIAL,
	.open = sink_open,
	.deliver = sink_deliver,
	.cancel = sink_cancel,
	.drain = sink_drain,
	.close = sink_close,
	.reopen = sink_reopen,
};

HSW_PLUGIN(HSW_SINK, "file", "1.0", "appends each envelope to a file, one a line",
	sizeof(struct conf), options, &ops);
