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

#define NS_PER_S 1000000000
#define NS_PER_MS 1000000

struct watchdog {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	/* Guarded by mutex. */
	jq_state *jq; /* NULL: nothing runs */
	struct timespec
		deadline; /* of jq, CLOCK_MONOTONIC: when it may have used its time, if it had a processor */
	clockid_t clock;    /* what it uses of one; the worker's */
	int64_t may_use_ns; /* by that clock */
	bool is_idle;       /* the thread sleeps until it is woken */
	bool is_stopping;
	bool has_halted; /* the run */
};

static int64_t
read_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static struct timespec
time_in(int64_t ns)
{
	int64_t at = read_ns(CLOCK_MONOTONIC) + ns;

	return (struct timespec){ .tv_sec = (time_t)(at / NS_PER_S), .tv_nsec = at % NS_PER_S };
}

/* Whether the run has used up its time. If not the deadline moves: it waited for a processor meanwhile, or the whole
 * machine stood still. */
static bool
is_over(struct watchdog *w)
{
	int64_t left_ns = w->may_use_ns - read_ns(w->clock);

	w->deadline = time_in(left_ns);
	return left_ns <= 0;
}

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
		} else if (!has_passed(&w->deadline) || !is_over(w)) {
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
	clockid_t clock = CLOCK_MONOTONIC;

	pthread_getcpuclockid(pthread_self(), &clock);
	int64_t may_use_ns = read_ns(clock) + ms * NS_PER_MS;
	struct timespec deadline = time_in(ms * NS_PER_MS);
	pthread_mutex_lock(&w->mutex);
	w->jq = jq;
	w->clock = clock;
	w->may_use_ns = may_use_ns;
	w->deadline = deadline;
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
