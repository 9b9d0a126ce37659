/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destination_claim.c - destinations that come to this node and go to another while events flow.
 *
 * Who calls what from where: everything on the worker, but look_up on the store thread.
 */
#include "destination_impl.h"

#include <stdlib.h>

#include "clock.h"
#include "err.h"
#include "host.h"
#include "log.h"

/* A node that cannot tell any more that a destination is its own has this long to stop. */
static const struct timeval watch_every = { 0, 100000 };

/* ---- the time that is ours ---- */

bool
destinations_are_paused(const struct delivery_thread *t, int64_t now_ms)
{
	return t->held_until_ms != NULL && now_ms >= atomic_load(t->held_until_ms);
}

bool
destinations_wait_for_claim(struct delivery_thread *t, int64_t now_ms)
{
	if (!destinations_are_paused(t, now_ms))
		return false;
	t->has_waiting = true;
	return true;
}

static void
pause_all(struct delivery_thread *t)
{
	t->has_waiting = true;
	for (struct destination *d = t->first; d != NULL; d = d->next)
		delivery_cancel_all(d);
	for (struct destination *d = t->leaving; d != NULL; d = d->next)
		delivery_cancel_all(d);
}

static void
on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct delivery_thread *t = arg;
	bool was_paused = t->is_paused;

	(void)fd;
	(void)what;
	t->is_paused = destinations_are_paused(t, clock_mono_ms());
	if (t->is_paused && !was_paused)
		pause_all(t);
	if (t->is_paused || !t->has_waiting)
		return;
	t->has_waiting = false;
	for (struct destination *d = t->first; d != NULL; d = d->next)
		delivery_pump_soon(d);
}

int
destinations_watch(struct delivery_thread *t, const _Atomic int64_t *held_until_ms)
{
	t->held_until_ms = held_until_ms;
	t->watch = event_new(t->base, -1, EV_PERSIST, on_watch, t);
	if (t->watch == NULL || event_add(t->watch, &watch_every) != 0)
		return HSW_ENOMEM;
	return HSW_OK;
}

/* ---- coming ---- */

struct opening {
	struct store_call call; /* first */
	struct mail mail;
	struct delivery_thread *thread;
	struct destination *d;
	struct hsw_error err;
	int rc;
	void (*opened)(void *arg, int rc);
	void *arg;
};

static int
open_sink(struct destination *d, struct hsw_error *err)
{
	const struct config_section *s = d->section;
	struct hsw_error why = { "" };

	if (d->owned != NULL)
		return HSW_OK;
	int rc = d->ops->open(host_functions(), d->handle, s->conf, &d->self, &why);
	if (rc != HSW_OK)
		return err_set(
			err, rc, "%s:%d: [sink %s]: %s", s->file, s->line, s->name, why.text);
	return HSW_OK;
}

static void
finish_opening(struct mail *mail)
{
	struct opening *o = (struct opening *)((char *)mail - offsetof(struct opening, mail));
	struct destination *d = o->d;

	o->thread->n_opening--;
	if (o->rc == HSW_OK && o->thread->is_draining)
		o->rc = HSW_ECLOSED;
	if (o->rc == HSW_OK)
		o->rc = open_sink(d, &o->err);
	if (o->rc == HSW_OK) {
		destination_link(d);
		destination_recall_attempts(d);
	} else if (o->rc != HSW_ECLOSED)
		log_error("router", "a destination cannot be opened destination=%s: %s", d->name,
			o->err.text);
	if (o->rc != HSW_OK)
		destination_free(d);
	o->opened(o->arg, o->rc);
	free(o);
}

/* What the one that served it before left. */
static void
look_up(struct store_call *call, const struct store_port *store)
{
	struct opening *o = (struct opening *)call;

	o->rc = destination_read(o->d, store, &o->err);
	o->mail.run = finish_opening;
	mailbox_post(o->thread->box, &o->mail);
}

static struct destination *
prepare(struct delivery_thread *t, const struct config_section *s, struct webhook_section *owned,
	struct hsw_error *err)
{
	const struct host_thread thread = { t->base, t->box };
	char who[CONFIG_NAME_MAX + 8];

	if (owned != NULL)
		return destination_new_api(t, owned, err);
	struct destination *d = destination_new(t, s);
	snprintf(who, sizeof(who), "sink %s", s->name);
	if (d != NULL && (d->handle = host_handle_new(who, &thread)) != NULL)
		return d;
	destination_free(d);
	err_set(err, HSW_ENOMEM, "out of memory");
	return NULL;
}

void
destination_open_later(struct delivery_thread *t, const struct config_section *s,
	struct webhook_section *owned, void (*opened)(void *, int), void *arg)
{
	struct hsw_error err = { "out of memory" };
	struct opening *o = calloc(1, sizeof(*o));
	struct destination *d = o != NULL ? prepare(t, s, owned, &err) : NULL;

	if (d == NULL) {
		log_error("router", "a destination cannot be opened: %s", err.text);
		if (o == NULL)
			webhook_section_free(owned);
		free(o);
		opened(arg, HSW_ENOMEM);
		return;
	}
	o->thread = t;
	o->d = d;
	o->opened = opened;
	o->arg = arg;
	o->call.fn = look_up;
	t->n_opening++;
	store_post_call(journal_store(t->journal), &o->call);
}

/* ---- going ---- */

void
destination_hand_over(struct delivery_thread *t, struct hsw_str name, int64_t ms,
	void (*left)(void *, size_t), void *arg)
{
	struct destination *d = destination_find(t, name);

	if (d == NULL) {
		left(arg, 0);
		return;
	}
	d->leave_by_ms = clock_mono_ms() + ms;
	destination_leave(d, left, arg);
}
