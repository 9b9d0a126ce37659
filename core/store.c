/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.c - see store.h.
 *
 * Who calls what from where: store_start, store_run, store_stop the main thread; store_post_* any
 * thread; everything else here runs on the store thread.
 */
#include "store.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "err.h"
#include "health.h"
#include "host.h"

#define GATHER_FROM 8      /* jobs of the last transaction from which on the next one waits */
#define GATHER_NS 150000   /* for so long */
#define IDLE_AFTER_MS 1000 /* without work: the store may tidy up */

struct queue {
	struct store_job *first, **last;
	size_t n;
};

/* What goes into one transaction. */
struct batch {
	struct store_write *jobs[BATCH_EVENTS];
	struct hsw_write **writes;
	size_t n_jobs, n, cap, bytes;
};

struct store {
	pthread_t thread;
	struct mailbox box;
	struct store_port port;
	struct hsw_handle *handle;
	const struct config *config;
	struct store_hooks hooks;
	struct queue writes, calls;
	struct batch batch;
	int64_t maintain_at; /* clock_mono_ms */
	struct health health;
	bool is_stopping;
	/* of the start */
	sem_t opened;
	int open_rc;
	struct hsw_error open_error;
};

static void
queue_init(struct queue *q)
{
	q->first = NULL;
	q->last = &q->first;
	q->n = 0;
}

static void
queue_add(struct queue *q, struct store_job *job)
{
	job->next = NULL;
	*q->last = job;
	q->last = &job->next;
	q->n++;
}

static struct store_job *
queue_take(struct queue *q)
{
	struct store_job *job = q->first;

	if (job == NULL)
		return NULL;
	q->n--;
	if ((q->first = job->next) == NULL)
		q->last = &q->first;
	return job;
}

static void
sort_mail(struct store *s)
{
	struct mail *mail = mailbox_take(&s->box);

	while (mail != NULL) {
		struct mail *next = mail->next;
		struct store_job *job = (struct store_job *)mail;
		queue_add(job->kind == STORE_JOB_WRITE ? &s->writes : &s->calls, job);
		mail = next;
	}
}

/* Makes room for n more writes; false: out of memory. */
static bool
batch_reserve(struct batch *b, size_t n)
{
	if (n > b->cap - b->n) {
		size_t cap = b->n + n;
		struct hsw_write **grown = realloc(b->writes, cap * sizeof(b->writes[0]));
		if (grown == NULL)
			return false;
		b->writes = grown;
		b->cap = cap;
	}
	return true;
}

/* Adds a job's writes to the batch, with room for one more; false: out of memory. */
static bool
batch_add(struct store *s, struct store_write *w)
{
	struct batch *b = &s->batch;

	if (!batch_reserve(b, w->n + 1))
		return false;
	w->admitted = s->hooks.admit != NULL ? s->hooks.admit(s->hooks.arg, w) : w->n;
	for (size_t i = 0; i < w->admitted; i++)
		b->writes[b->n++] = &w->writes[i];
	b->bytes += w->bytes;
	b->jobs[b->n_jobs++] = w;
	return true;
}

/* Takes the oldest writes that fit into one transaction; the first always fits, however large. */
static bool
batch_gather(struct store *s)
{
	struct batch *b = &s->batch;
	struct queue *q = &s->writes;

	b->n = b->n_jobs = b->bytes = 0;
	while (b->n_jobs < BATCH_EVENTS && q->first != NULL) {
		struct store_write *w = (struct store_write *)q->first;
		bool fits = b->n + w->n <= BATCH_EVENTS && b->bytes + w->bytes <= BATCH_BYTES;
		if (b->n_jobs > 0 && !fits)
			break;
		if (!batch_add(s, w))
			break;
		queue_take(q);
	}
	struct hsw_write *more = s->hooks.complete != NULL ? s->hooks.complete(s->hooks.arg) : NULL;
	if (more != NULL)
		b->writes[b->n++] = more;
	return b->n_jobs > 0;
}

static void
commit_batch(struct store *s)
{
	struct batch *b = &s->batch;
	struct hsw_error err = { "out of memory" };
	int rc = HSW_ENOMEM;

	if (batch_gather(s))
		rc = b->n > 0 ? s->port.ops->commit(s->port.self, b->writes, b->n, &err) : HSW_OK;
	else
		b->jobs[b->n_jobs++] = (struct store_write *)queue_take(&s->writes);
	health_wrote(&s->health, b->bytes, rc, &err);
	s->hooks.committed(s->hooks.arg, b->jobs, b->n_jobs, rc);
}

/*
 * Under load those who were just answered come again at once: a moment's wait makes one transaction of
 * what would be two, and each costs a sync and the workers' wake-ups. A single event never waits.
 */
static void
await_company(struct store *s)
{
	static const struct timespec moment = { 0, GATHER_NS };

	if (s->batch.n_jobs < GATHER_FROM || s->writes.n >= s->batch.n_jobs)
		return;
	nanosleep(&moment, NULL);
	sort_mail(s);
}

static void
run_call(struct store *s)
{
	struct store_call *call = (struct store_call *)queue_take(&s->calls);

	if (call != NULL)
		call->fn(call, &s->port);
}

/* Returns for how many ms there is nothing to do. */
static int
maintain(struct store *s)
{
	int64_t wait = s->maintain_at - clock_mono_ms();
	struct hsw_error err = { "" };

	if (wait <= 0) {
		int rc = s->hooks.maintain(s->hooks.arg, &s->port, &wait, &err);
		s->maintain_at = clock_mono_ms() + wait;
		if (rc != HSW_OK)
			health_failed(&s->health, rc, &err);
	}
	int64_t look = health_look(&s->health, &s->port);
	return (int)(look < wait ? look : wait);
}

static bool
has_mail(struct store *s)
{
	return atomic_load_explicit(&s->box.head, memory_order_relaxed) != NULL;
}

/* Sleeps until there is mail. The store may tidy up once in each pause. */
static void
sleep_until_mail(struct store *s)
{
	bool can_tidy = s->port.ops->idle != NULL;

	while (!has_mail(s)) {
		int wait = maintain(s);
		mailbox_wait(&s->box, can_tidy && wait > IDLE_AFTER_MS ? IDLE_AFTER_MS : wait);
		if (can_tidy && !has_mail(s)) {
			s->port.ops->idle(s->port.self);
			can_tidy = false;
		}
	}
}

static void
work(struct store *s)
{
	for (;;) {
		sort_mail(s);
		if (s->writes.first != NULL) {
			await_company(s);
			commit_batch(s);
		}
		run_call(s);
		if (!s->is_stopping)
			maintain(s);
		if (s->writes.first != NULL || s->calls.first != NULL || has_mail(s))
			continue;
		if (s->is_stopping)
			return;
		sleep_until_mail(s);
	}
}

static void *
store_main(void *arg)
{
	struct store *s = arg;

	pthread_setname_np(pthread_self(), "hsw-store");
	s->handle = host_handle_new("store", NULL);
	s->open_rc = s->handle == NULL
		? HSW_ENOMEM
		: s->port.ops->open(host_functions(), s->handle, s->config->store_plugin_conf,
			  &s->port.self, &s->open_error);
	bool is_open = s->open_rc == HSW_OK;
	sem_post(&s->opened);
	if (is_open) {
		health_init(&s->health);
		work(s);
		s->port.ops->close(s->port.self);
	}
	host_handle_free(s->handle);
	return NULL;
}

static void
store_free(struct store *s)
{
	free(s->batch.writes);
	mailbox_fini(&s->box);
	sem_destroy(&s->opened);
	free(s);
}

static void
wait_for(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		;
}

struct store *
store_start(const struct config *config, const struct store_hooks *hooks, struct hsw_error *err)
{
	struct store *s = calloc(1, sizeof(*s));
	if (s == NULL || mailbox_init(&s->box) != HSW_OK) {
		free(s);
		err_set(err, HSW_ENOMEM, "cannot make the store thread's mailbox");
		return NULL;
	}
	s->config = config;
	s->hooks = *hooks;
	s->port.ops = &config->store_plugin->ops.store;
	queue_init(&s->writes);
	queue_init(&s->calls);
	sem_init(&s->opened, 0, 0);
	if (pthread_create(&s->thread, NULL, store_main, s) != 0) {
		err_set(err, HSW_ENOMEM, "cannot start the store thread");
		store_free(s);
		return NULL;
	}
	wait_for(&s->opened);
	if (s->open_rc == HSW_OK)
		return s;
	pthread_join(s->thread, NULL);
	err_set(err, s->open_rc, "%s", s->open_error.text);
	store_free(s);
	return NULL;
}

const char *
store_trouble(const struct store *s)
{
	return s->health.is_up ? NULL : s->health.why.text;
}

void
store_post_write(struct store *s, struct store_write *w)
{
	w->job.kind = STORE_JOB_WRITE;
	mailbox_post(&s->box, &w->job.mail);
}

void
store_post_call(struct store *s, struct store_call *call)
{
	call->job.kind = STORE_JOB_CALL;
	mailbox_post(&s->box, &call->job.mail);
}

struct waiting_call {
	struct store_call call; /* first */
	void (*fn)(void *arg, const struct store_port *);
	void *arg;
	sem_t done;
};

static void
run_waiting(struct store_call *call, const struct store_port *port)
{
	struct waiting_call *w = (struct waiting_call *)call;

	w->fn(w->arg, port);
	sem_post(&w->done);
}

void
store_run(struct store *s, void (*fn)(void *, const struct store_port *), void *arg)
{
	struct waiting_call w = { .call.fn = run_waiting, .fn = fn, .arg = arg };

	sem_init(&w.done, 0, 0);
	store_post_call(s, &w.call);
	wait_for(&w.done);
	sem_destroy(&w.done);
}

struct stop_call {
	struct store_call call; /* first */
	struct store *store;
};

static void
run_stop(struct store_call *call, const struct store_port *port)
{
	(void)port;
	((struct stop_call *)call)->store->is_stopping = true;
}

void
store_stop(struct store *s)
{
	if (s == NULL)
		return;
	struct stop_call stop = { .call.fn = run_stop, .store = s };
	store_post_call(s, &stop.call);
	pthread_join(s->thread, NULL);
	store_free(s);
}

int
store_commit(
	const struct store_port *port, struct hsw_write *writes, size_t n, struct hsw_error *err)
{
	struct hsw_write **list = calloc(n, sizeof(*list));

	if (list == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++)
		list[i] = &writes[i];
	int rc = port->ops->commit(port->self, list, n, err);
	free(list);
	return rc;
}
