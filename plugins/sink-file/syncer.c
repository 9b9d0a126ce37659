/* SPDX-License-Identifier: Apache-2.0 */
/*
 * syncer.c - see syncer.h.
 *
 * Threads: the round belongs to the syncer's thread while `running`, else to the handle's; `last`
 * is written before `closing` is set. The syncer's thread frees the struct, once closing is set; it
 * posts under the lock, so that nothing is posted after syncer_free.
 */
#include "syncer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "thread.h"

struct job {
	int fd, error;
};

struct jobs {
	struct job *job;
	size_t count, size;
};

struct syncer {
	const struct hsw_host *host;
	struct hsw_handle *handle;
	void (*ready)(void *arg);
	void *arg;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool running, closing;
	struct jobs round, last;
};

static int
jobs_set(struct jobs *jobs, const int *fds, size_t n)
{
	if (n > jobs->size) {
		struct job *larger = realloc(jobs->job, n * sizeof(*larger));
		if (larger == NULL)
			return HSW_ENOMEM;
		jobs->job = larger;
		jobs->size = n;
	}
	for (size_t i = 0; i < n; i++)
		jobs->job[i] = (struct job){ .fd = fds[i] };
	jobs->count = n;
	return HSW_OK;
}

static void
jobs_run(struct jobs *jobs)
{
	for (size_t i = 0; i < jobs->count; i++)
		jobs->job[i].error = fdatasync(jobs->job[i].fd) == 0 ? 0 : errno;
}

static void
syncer_destroy(struct syncer *s)
{
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->changed);
	free(s->round.job);
	free(s->last.job);
	free(s);
}

/* Called with the lock held, which is released meanwhile. */
static void
run_round(struct syncer *s)
{
	pthread_mutex_unlock(&s->lock);
	jobs_run(&s->round);
	pthread_mutex_lock(&s->lock);
	s->running = false;
	/* Without memory for the post the round would never be ready. */
	while (!s->closing && s->host->post(s->handle, s->ready, s->arg) == HSW_ENOMEM) {
		pthread_mutex_unlock(&s->lock);
		usleep(10000);
		pthread_mutex_lock(&s->lock);
	}
}

static void *
syncer_main(void *arg)
{
	struct syncer *s = arg;

	pthread_mutex_lock(&s->lock);
	while (!s->closing || s->running) {
		if (s->running)
			run_round(s);
		else
			pthread_cond_wait(&s->changed, &s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	jobs_run(&s->last);
	for (size_t i = 0; i < s->last.count; i++)
		close(s->last.job[i].fd);
	syncer_destroy(s);
	return NULL;
}

struct syncer *
syncer_new(
	const struct hsw_host *host, struct hsw_handle *handle, void (*ready)(void *arg), void *arg)
{
	struct syncer *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	*s = (struct syncer){ .host = host, .handle = handle, .ready = ready, .arg = arg };
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, NULL);
	if (thread_start(syncer_main, s) == HSW_OK)
		return s;
	syncer_destroy(s);
	return NULL;
}

bool
syncer_is_busy(const struct syncer *s)
{
	return s->round.count > 0;
}

int
syncer_start(struct syncer *s, const int *fds, size_t n)
{
	int rc = jobs_set(&s->round, fds, n);

	if (rc != HSW_OK)
		return rc;
	pthread_mutex_lock(&s->lock);
	s->running = true;
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return HSW_OK;
}

int
syncer_error(const struct syncer *s, size_t i)
{
	return s->round.job[i].error;
}

void
syncer_end(struct syncer *s)
{
	s->round.count = 0;
}

void
syncer_free(struct syncer *s, const int *fds, size_t n)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	int rc = jobs_set(&s->last, fds, n);
	s->closing = true;
	pthread_cond_signal(&s->changed);
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; rc != HSW_OK && i < n; i++)
		close(fds[i]);
}
