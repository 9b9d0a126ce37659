/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_loop.c - the fake host's log, posts, timers, watches and counters, over one event_base.
 *
 * Threads: log and post come from any thread and lock; the rest belongs to the handle's thread.
 */
#include "fake_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "calls.h"

struct hsw_timer {
	LIST_ENTRY(hsw_timer) entry;
	struct hsw_handle *handle;
	struct event *ev;
	void (*fn)(void *arg);
	void *arg;
	bool running, freed; /* in fn; freed in fn */
};

struct hsw_watch {
	LIST_ENTRY(hsw_watch) entry;
	struct hsw_handle *handle;
	struct event *ev;
	int fd;
	unsigned what;
	void (*fn)(int fd, unsigned what, void *arg);
	void *arg;
	bool running, freed;
};

void
fake_breach(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("fake host: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}

void *
fake_must(void *p)
{
	if (p == NULL)
		fake_breach("out of memory");
	return p;
}

void
fake_own_thread(const struct hsw_handle *h, const char *call)
{
	if (!pthread_equal(h->thread, pthread_self()))
		fake_breach("%s on a thread that is not the handle's", call);
}

int64_t
fake_clock_ms(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---- log and post: any thread ------------------------------------------------------ */

void
fake_host_log(struct hsw_handle *h, int level, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (getenv("FAKE_LOG") != NULL)
		fprintf(stderr, "# log %d: %s\n", level, text);
	struct text_line *l = fake_must(malloc(sizeof(*l) + strlen(text) + 1));
	memcpy(l->text, text, strlen(text) + 1);
	pthread_mutex_lock(&h->lock);
	LIST_INSERT_HEAD(&h->lines, l, entry);
	pthread_mutex_unlock(&h->lock);
}

unsigned
fake_logged(struct hsw_handle *h, const char *text)
{
	struct text_line *l;
	unsigned n = 0;

	pthread_mutex_lock(&h->lock);
	LIST_FOREACH (l, &h->lines, entry)
		n += strstr(l->text, text) != NULL;
	pthread_mutex_unlock(&h->lock);
	return n;
}

int
fake_host_post(struct hsw_handle *h, void (*fn)(void *arg), void *arg)
{
	struct posted *p = fake_must(malloc(sizeof(*p)));

	*p = (struct posted){ .fn = fn, .arg = arg };
	pthread_mutex_lock(&h->lock);
	bool closed = h->closed;
	if (!closed)
		STAILQ_INSERT_TAIL(&h->posts, p, entry);
	pthread_mutex_unlock(&h->lock);
	if (closed) {
		free(p);
		return HSW_ECLOSED;
	}
	eventfd_write(h->wake_fd, 1);
	return HSW_OK;
}

static struct posted *
next_post(struct hsw_handle *h)
{
	pthread_mutex_lock(&h->lock);
	struct posted *p = STAILQ_FIRST(&h->posts);
	if (p != NULL)
		STAILQ_REMOVE_HEAD(&h->posts, entry);
	pthread_mutex_unlock(&h->lock);
	return p;
}

static void
run_posts(evutil_socket_t fd, short what, void *arg)
{
	struct hsw_handle *h = arg;
	struct posted *p;
	struct call call;
	eventfd_t n;

	(void)what;
	eventfd_read(fd, &n);
	while ((p = next_post(h)) != NULL) {
		fake_call_begin(&call, CALL_POST);
		p->fn(p->arg);
		fake_call_end(&call, 0);
		free(p);
	}
}

/* ---- timers and watches --------------------------------------------------------------------- */

int64_t
fake_host_now_ms(struct hsw_handle *h)
{
	fake_own_thread(h, "now_ms");
	return fake_clock_ms(CLOCK_MONOTONIC);
}

static void
timer_destroy(struct hsw_timer *t)
{
	event_free(t->ev);
	free(t);
}

static void
timer_fired(evutil_socket_t fd, short what, void *arg)
{
	struct hsw_timer *t = arg;
	struct call call;

	(void)fd, (void)what;
	t->running = true;
	fake_call_begin(&call, CALL_TIMER);
	t->fn(t->arg);
	fake_call_end(&call, 0);
	t->running = false;
	if (t->freed)
		timer_destroy(t);
}

struct hsw_timer *
fake_host_timer_new(struct hsw_handle *h, void (*fn)(void *arg), void *arg)
{
	struct hsw_timer *t = fake_must(calloc(1, sizeof(*t)));

	fake_own_thread(h, "timer_new");
	*t = (struct hsw_timer){ .handle = h, .fn = fn, .arg = arg };
	t->ev = fake_must(event_new(h->base, -1, 0, timer_fired, t));
	LIST_INSERT_HEAD(&h->timers, t, entry);
	return t;
}

void
fake_host_timer_set(struct hsw_timer *t, int64_t ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	fake_own_thread(t->handle, "timer_set");
	if (t->freed)
		fake_breach("timer_set of a freed timer");
	if (ms < 0)
		event_del(t->ev);
	else
		event_add(t->ev, &tv);
}

void
fake_host_timer_free(struct hsw_timer *t)
{
	if (t == NULL)
		return;
	fake_own_thread(t->handle, "timer_free");
	LIST_REMOVE(t, entry);
	event_del(t->ev);
	t->freed = true;
	if (!t->running)
		timer_destroy(t);
}

static void
watch_destroy(struct hsw_watch *w)
{
	event_free(w->ev);
	free(w);
}

static void
watch_fired(evutil_socket_t fd, short what, void *arg)
{
	struct hsw_watch *w = arg;
	unsigned bits = (what & EV_READ ? HSW_READ : 0) | (what & EV_WRITE ? HSW_WRITE : 0);
	struct call call;

	w->running = true;
	fake_call_begin(&call, CALL_WATCH);
	w->fn(fd, bits, w->arg);
	fake_call_end(&call, 0);
	w->running = false;
	if (w->freed)
		watch_destroy(w);
}

struct hsw_watch *
fake_host_watch_new(
	struct hsw_handle *h, int fd, void (*fn)(int fd, unsigned what, void *arg), void *arg)
{
	struct hsw_watch *w = fake_must(calloc(1, sizeof(*w)));

	fake_own_thread(h, "watch_new");
	*w = (struct hsw_watch){ .handle = h, .fd = fd, .fn = fn, .arg = arg };
	w->ev = fake_must(event_new(h->base, fd, EV_PERSIST, watch_fired, w));
	LIST_INSERT_HEAD(&h->watches, w, entry);
	return w;
}

void
fake_host_watch_set(struct hsw_watch *w, unsigned what)
{
	short bits = (what & HSW_READ ? EV_READ : 0) | (what & HSW_WRITE ? EV_WRITE : 0);

	fake_own_thread(w->handle, "watch_set");
	if (w->freed)
		fake_breach("watch_set of a freed watch");
	if (what == w->what)
		return;
	w->what = what;
	event_del(w->ev);
	event_assign(w->ev, w->handle->base, w->fd, bits | EV_PERSIST, watch_fired, w);
	if (bits != 0 && event_add(w->ev, NULL) != 0)
		fake_breach("fd %d cannot be watched: it was closed before watch_free?", w->fd);
}

void
fake_host_watch_free(struct hsw_watch *w)
{
	if (w == NULL)
		return;
	fake_own_thread(w->handle, "watch_free");
	if (event_del(w->ev) != 0)
		fake_breach("fd %d was closed before watch_free", w->fd);
	LIST_REMOVE(w, entry);
	w->freed = true;
	if (!w->running)
		watch_destroy(w);
}

unsigned
fake_held(const struct hsw_handle *h)
{
	unsigned n = 0;
	struct hsw_timer *t;
	struct hsw_watch *w;

	LIST_FOREACH (t, &h->timers, entry)
		n++;
	LIST_FOREACH (w, &h->watches, entry)
		n++;
	return n;
}

bool
fake_is_name(const char *s)
{
	return *s != '\0' && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

void
fake_host_count(struct hsw_handle *h, const char *metric, const char *label, int64_t n)
{
	struct counter *c;

	(void)label;
	fake_own_thread(h, "count");
	if (!fake_is_name(metric))
		fake_breach("count of `%s`: a metric is of a-z, 0-9 and _", metric);
	LIST_FOREACH (c, &h->counters, entry) {
		if (strcmp(c->metric, metric) == 0)
			break;
	}
	if (c == NULL) {
		c = fake_must(calloc(1, sizeof(*c)));
		c->metric = metric;
		LIST_INSERT_HEAD(&h->counters, c, entry);
	}
	c->value += n;
}

int64_t
fake_counted(struct hsw_handle *h, const char *metric)
{
	struct counter *c;

	LIST_FOREACH (c, &h->counters, entry) {
		if (strcmp(c->metric, metric) == 0)
			return c->value;
	}
	return 0;
}

/* ---- the loop's part of a handle ------------------------------------------------------------ */

void
fake_loop_init(struct hsw_handle *h)
{
	struct event_config *config = fake_must(event_config_new());

	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
	h->base = fake_must(event_base_new_with_config(config));
	event_config_free(config);
	h->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	h->wake = fake_must(event_new(h->base, h->wake_fd, EV_READ | EV_PERSIST, run_posts, h));
	event_add(h->wake, NULL);
	STAILQ_INIT(&h->posts);
	pthread_mutex_init(&h->lock, NULL);
}

void
fake_loop_fini(struct hsw_handle *h)
{
	struct posted *p;

	event_free(h->wake);
	event_base_free(h->base);
	close(h->wake_fd);
	while ((p = next_post(h)) != NULL)
		free(p);
	while (!LIST_EMPTY(&h->lines)) {
		struct text_line *l = LIST_FIRST(&h->lines);
		LIST_REMOVE(l, entry);
		free(l);
	}
	while (!LIST_EMPTY(&h->counters)) {
		struct counter *c = LIST_FIRST(&h->counters);
		LIST_REMOVE(c, entry);
		free(c);
	}
	pthread_mutex_destroy(&h->lock);
}
