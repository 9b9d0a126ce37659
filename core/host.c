/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.c - see host.h.
 *
 * Timers and watches are libevent events. One that is freed inside its own callback is freed at the
 * callback's end (`is_running`, `is_freed`). post() counts the mails on their way, so that a handle is
 * freed after the last of them.
 */
#include "host.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "envelope.h"
#include "log.h"
#include "metrics.h"

struct hsw_handle {
	char *who;        /* "sink crm" */
	const char *name; /* "crm" */
	size_t kind_len;  /* of "sink" */
	struct host_thread thread;
	_Atomic unsigned refs; /* the owner's and one for each posted call */
	_Atomic bool is_closed;
};

struct posted {
	struct mail mail; /* first */
	struct hsw_handle *handle;
	void (*fn)(void *);
	void *arg;
};

struct hsw_timer {
	struct event *event;
	void (*fn)(void *);
	void *arg;
	bool is_running, is_freed;
};

struct hsw_watch {
	struct event *event;
	struct event_base *base;
	void (*fn)(int, unsigned, void *);
	void *arg;
	int fd;
	unsigned what;
	bool is_running, is_freed;
};

struct hsw_handle *
host_handle_new(const char *who, const struct host_thread *thread)
{
	struct hsw_handle *h = calloc(1, sizeof(*h));
	if (h == NULL || (h->who = strdup(who)) == NULL) {
		free(h);
		return NULL;
	}
	h->kind_len = strcspn(h->who, " ");
	h->name = h->who[h->kind_len] == ' ' ? h->who + h->kind_len + 1 : h->who;
	if (thread != NULL)
		h->thread = *thread;
	atomic_init(&h->refs, 1);
	return h;
}

static void
handle_unref(struct hsw_handle *h)
{
	if (atomic_fetch_sub_explicit(&h->refs, 1, memory_order_acq_rel) != 1)
		return;
	free(h->who);
	free(h);
}

void
host_handle_free(struct hsw_handle *h)
{
	if (h == NULL)
		return;
	atomic_store(&h->is_closed, true);
	handle_unref(h);
}

static void
do_log(struct hsw_handle *h, int level, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	log_vwrite((enum hsw_log_level)level, h->who, fmt, ap);
	va_end(ap);
}

static void
run_posted(struct mail *mail)
{
	struct posted *p = (struct posted *)mail;

	if (!atomic_load(&p->handle->is_closed))
		p->fn(p->arg);
	handle_unref(p->handle);
	free(p);
}

static int
do_post(struct hsw_handle *h, void (*fn)(void *), void *arg)
{
	if (h->thread.box == NULL)
		return HSW_ENOTSUP;
	if (atomic_load(&h->is_closed))
		return HSW_ECLOSED;
	struct posted *p = malloc(sizeof(*p));
	if (p == NULL)
		return HSW_ENOMEM;
	*p = (struct posted){ .mail.run = run_posted, .handle = h, .fn = fn, .arg = arg };
	atomic_fetch_add_explicit(&h->refs, 1, memory_order_relaxed);
	mailbox_post(h->thread.box, &p->mail);
	return HSW_OK;
}

static const struct hsw_envelope *
do_ref(const struct hsw_envelope *e)
{
	return envelope_ref((struct hsw_envelope *)e);
}

static void
do_unref(const struct hsw_envelope *e)
{
	envelope_unref((struct hsw_envelope *)e);
}

static int64_t
do_now_ms(struct hsw_handle *h)
{
	(void)h;
	return clock_mono_ms();
}

static void
timer_destroy(struct hsw_timer *t)
{
	event_free(t->event);
	free(t);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct hsw_timer *t = arg;

	(void)fd;
	(void)what;
	t->is_running = true;
	t->fn(t->arg);
	t->is_running = false;
	if (t->is_freed)
		timer_destroy(t);
}

static struct hsw_timer *
do_timer_new(struct hsw_handle *h, void (*fn)(void *), void *arg)
{
	struct hsw_timer *t = h->thread.base != NULL ? calloc(1, sizeof(*t)) : NULL;
	if (t == NULL)
		return NULL;
	t->fn = fn;
	t->arg = arg;
	t->event = evtimer_new(h->thread.base, on_timer, t);
	if (t->event != NULL)
		return t;
	free(t);
	return NULL;
}

static void
do_timer_set(struct hsw_timer *t, int64_t ms)
{
	if (ms < 0) {
		event_del(t->event);
		return;
	}
	const struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	event_add(t->event, &tv);
}

static void
do_timer_free(struct hsw_timer *t)
{
	if (t == NULL)
		return;
	event_del(t->event);
	if (t->is_running)
		t->is_freed = true;
	else
		timer_destroy(t);
}

static void
on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct hsw_watch *w = arg;
	unsigned ready = (what & EV_READ ? HSW_READ : 0) | (what & EV_WRITE ? HSW_WRITE : 0);

	w->is_running = true;
	if ((ready & w->what) != 0)
		w->fn((int)fd, ready & w->what, w->arg);
	w->is_running = false;
	if (w->is_freed)
		free(w);
}

static struct hsw_watch *
do_watch_new(struct hsw_handle *h, int fd, void (*fn)(int, unsigned, void *), void *arg)
{
	struct hsw_watch *w = h->thread.base != NULL ? calloc(1, sizeof(*w)) : NULL;
	if (w == NULL)
		return NULL;
	w->base = h->thread.base;
	w->fn = fn;
	w->arg = arg;
	w->fd = fd;
	w->event = event_new(w->base, fd, EV_PERSIST, on_watch, w);
	if (w->event != NULL)
		return w;
	free(w);
	return NULL;
}

static void
do_watch_set(struct hsw_watch *w, unsigned what)
{
	if (what == w->what)
		return;
	w->what = what;
	event_del(w->event);
	if (what == 0)
		return;
	short events = (short)(EV_PERSIST | (what & HSW_READ ? EV_READ : 0) |
		(what & HSW_WRITE ? EV_WRITE : 0));
	event_assign(w->event, w->base, w->fd, events, on_watch, w);
	event_add(w->event, NULL);
}

static void
do_watch_free(struct hsw_watch *w)
{
	if (w == NULL)
		return;
	event_free(w->event);
	if (w->is_running)
		w->is_freed = true;
	else
		free(w);
}

static void
do_count(struct hsw_handle *h, const char *metric, const char *label, int64_t n)
{
	const struct metric_label labels[] = { { "name", str_of(h->name) },
		{ "label", str_of(label) } };
	char name[128];

	snprintf(name, sizeof(name), "hookswitch_%.*s_%s_total", (int)h->kind_len, h->who, metric);
	metric_add(metric_get(name, labels, label != NULL ? 2 : 1), n);
}

static int64_t
do_received_ms(const struct hsw_envelope *e)
{
	return e->received_ms;
}

static struct hsw_host functions = {
	.size = sizeof(struct hsw_host),
	.abi = HSW_ABI_MAJOR << 16 | HSW_ABI_MINOR,
	.log = do_log,
	.post = do_post,
	.ref = do_ref,
	.unref = do_unref,
	.now_ms = do_now_ms,
	.timer_new = do_timer_new,
	.timer_set = do_timer_set,
	.timer_free = do_timer_free,
	.watch_new = do_watch_new,
	.watch_set = do_watch_set,
	.watch_free = do_watch_free,
	.count = do_count,
	.get = envelope_field,
	.received_ms = do_received_ms,
	.iov = envelope_iov,
	.version = PACKAGE_VERSION,
};

void
host_set_delivery(const struct host_delivery *d)
{
	functions.envelope = d->envelope;
	functions.parts = d->parts;
	functions.attempt = d->attempt;
	functions.target = d->target;
	functions.done = d->done;
	functions.set_data = d->set_data;
	functions.get_data = d->get_data;
	functions.is_replay = d->is_replay;
	functions.skip = d->skip;
	functions.postpone = d->postpone;
	functions.extend = d->extend;
}

const struct hsw_host *
host_functions(void)
{
	return &functions;
}
