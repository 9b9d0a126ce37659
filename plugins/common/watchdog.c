/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watchdog.c - see watchdog.h.
 *
 * Two threads: the worker calls all functions; the thread made here touches what the mutex guards, and halts
 * the jq of a run under that mutex, so never behind watchdog_stop. jq_halt sets a flag of the jq_state, which
 * jq_next reads before each step.
 *
 * The worker wakes the thread only from its long sleep: a thread that still sleeps for the deadline of an
 * earlier run looks then what the present one is. So a stream of events costs no wake-up each.
 */
#include "watchdog.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

struct watchdog {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	/* Guarded by mutex. */
	jq_state *jq;             /* NULL: nothing runs */
	struct timespec deadline; /* of jq, CLOCK_MONOTONIC */
	bool is_idle;             /* the thread sleeps until it is woken */
	bool is_stopping;
	bool has_halted; /* the run */
};

static bool
has_passed(const struct timespec *deadline)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > deadline->tv_sec ||
		(now.tv_sec == deadline->tv_sec && now.tv_nsec >= deadline->tv_nsec);
}

static void *
watch(void *arg)
{
	struct watchdog *w = arg;

	pthread_mutex_lock(&w->mutex);
	while (!w->is_stopping) {
		if (w->jq == NULL) {
			w->is_idle = true;
			pthread_cond_wait(&w->cond, &w->mutex);
			w->is_idle = false;
		} else if (!has_passed(&w->deadline)) {
			struct timespec until = w->deadline;
			pthread_cond_timedwait(&w->cond, &w->mutex, &until);
		} else {
			jq_halt(w->jq, jv_invalid(), jv_invalid());
			w->has_halted = true;
			w->jq = NULL;
		}
	}
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

/* The daemon's signals are for its own threads. */
static int
start_thread(struct watchdog *w)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int rc = pthread_create(&w->thread, NULL, watch, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

struct watchdog *
watchdog_new(void)
{
	struct watchdog *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;

	if (w == NULL)
		return NULL;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->cond, &attr);
	pthread_condattr_destroy(&attr);
	if (start_thread(w) == 0)
		return w;
	pthread_cond_destroy(&w->cond);
	pthread_mutex_destroy(&w->mutex);
	free(w);
	return NULL;
}

void
watchdog_free(struct watchdog *w)
{
	if (w == NULL)
		return;
	pthread_mutex_lock(&w->mutex);
	w->is_stopping = true;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->mutex);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->cond);
	pthread_mutex_destroy(&w->mutex);
	free(w);
}

void
watchdog_start(struct watchdog *w, jq_state *jq, int64_t ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += (time_t)(ms / 1000);
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&w->mutex);
	w->jq = jq;
	w->deadline = t;
	w->has_halted = false;
	if (w->is_idle)
		pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->mutex);
}

bool
watchdog_stop(struct watchdog *w)
{
	pthread_mutex_lock(&w->mutex);
	w->jq = NULL;
	bool has_halted = w->has_halted;
	pthread_mutex_unlock(&w->mutex);
	return has_halted;
}
