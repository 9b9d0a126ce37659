/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destination_api.c - destinations that the API made: they come, change and go while events flow. All of
 * a worker share one handle of the webhook sink.
 */
#include "destination_impl.h"

#include <stdlib.h>

#include "clock.h"
#include "err.h"
#include "host.h"

static int
open_api_sink(struct delivery_thread *t, struct hsw_error *err)
{
	const struct host_thread thread = { t->base, t->box };
	const struct webhook_sink *sink = &t->api_sink;

	if (t->api_self != NULL)
		return HSW_OK;
	t->api_handle = host_handle_new("sink api", &thread);
	int rc = t->api_handle != NULL ? sink->plugin->ops.sink.open(host_functions(),
						 t->api_handle, sink->conf, &t->api_self, err)
				       : err_set(err, HSW_ENOMEM, "out of memory");
	if (rc == HSW_OK)
		return HSW_OK;
	host_handle_free(t->api_handle);
	t->api_handle = NULL;
	t->api_self = NULL;
	return rc;
}

void
destinations_close_api(struct delivery_thread *t)
{
	if (t->api_self != NULL) {
		t->api_sink.plugin->ops.sink.close(t->api_self);
		host_handle_free(t->api_handle);
		t->api_self = NULL;
	}
	webhook_sink_fini(&t->api_sink);
}

/* Takes over the section. */
static void
own(struct destination *d, struct webhook_section *s)
{
	webhook_section_follow(s, &d->thread->api_sink);
	d->owned = s;
	d->target = s->conf;
}

static void
follow_all(struct delivery_thread *t)
{
	for (struct destination *d = t->first; d != NULL; d = d->next) {
		if (d->owned != NULL)
			webhook_section_follow(d->owned, &t->api_sink);
	}
}

/* What was refused may be allowed now, so it does not wait for its turn. An address that is refused answers
 * nothing; a receiver that did answer is not asked again before its time. */
static void
try_again(struct delivery_thread *t)
{
	for (struct destination *d = t->first; d != NULL; d = d->next) {
		if (d->owned == NULL)
			continue;
		d->probe_at_ms = 0;
		if (d->last_error_at_ms != 0 && d->last_status == 0)
			retry_pull(&d->retries, 0);
		delivery_pump_soon(d);
	}
}

int
destinations_configure_api(
	struct delivery_thread *t, const struct config *config, struct hsw_error *err)
{
	const struct hsw_sink_ops *ops = t->api_sink.plugin != NULL ? &t->api_sink.plugin->ops.sink
								    : NULL;
	struct webhook_sink fresh;

	t->api_sink.https_only = config->api.https_only;
	if (ops == NULL)
		return HSW_OK;
	follow_all(t);
	if (ops->configure == NULL)
		return HSW_OK;
	int rc = webhook_sink_copy(&fresh, &t->api_sink, config, err);
	if (rc == HSW_OK && t->api_self != NULL)
		rc = ops->configure(t->api_self, fresh.conf, err);
	if (rc != HSW_OK) {
		webhook_sink_fini(&fresh);
		return rc;
	}
	webhook_sink_fini(&t->api_sink);
	t->api_sink = fresh;
	try_again(t);
	return HSW_OK;
}

/* Without its credentials a receiver would refuse what comes, or take it from anybody. */
static void
hold_disabled(struct destination *d)
{
	static const char undecryptable[] =
		"its credentials cannot be decrypted: nothing is sent without them";
	const struct webhook_section *s = d->owned;

	d->is_disabled = s->is_undecryptable || s->disabled_reason != NULL;
	if (!d->is_disabled)
		return;
	d->last_error_at_ms = clock_wall_ms();
	snprintf(d->last_error, sizeof(d->last_error), "%s",
		s->is_undecryptable ? undecryptable : s->disabled_reason);
}

/* While the thread ends others may have ended, to which this would go; the event that told it stays, and tells it
 * again after the next start. */
void
destination_tell_gone(const struct destination *d, int status)
{
	if (d->owned != NULL && d->thread->on_gone != NULL && !d->thread->is_draining)
		d->thread->on_gone(d->thread->on_gone_arg, d->owned, status);
}

/* NULL: err says why, and the section is freed. */
struct destination *
destination_new_api(struct delivery_thread *t, struct webhook_section *s, struct hsw_error *err)
{
	struct destination *d = NULL;

	if (open_api_sink(t, err) == HSW_OK) {
		d = destination_new(t, &s->section);
		if (d == NULL)
			err_set(err, HSW_ENOMEM, "out of memory");
	}
	if (d == NULL) {
		webhook_section_free(s);
		return NULL;
	}
	d->self = t->api_self;
	own(d, s);
	hold_disabled(d);
	return d;
}

/* What is in flight has its own copy of where it goes. */
static void
change(struct destination *d, struct webhook_section *s)
{
	struct webhook_section *before = d->owned;

	own(d, s);
	destination_adopt(d, &s->section);
	hold_disabled(d);
	d->probe_at_ms = 0; /* what was wrong may be right now */
	if (webhook_section_is_elsewhere(before, s))
		pace_resume(&d->pace);
	d->changed_ms = clock_mono_ms();
	webhook_section_free(before);
	delivery_pump_soon(d);
}

int
destination_put(
	struct delivery_thread *t, struct webhook_section *s, int64_t cursor, struct hsw_error *err)
{
	struct destination *d = destination_find(t, str_of(s->name));

	if (d != NULL) {
		change(d, s);
		return HSW_OK;
	}
	d = destination_new_api(t, s, err);
	if (d == NULL)
		return HSW_EIO;
	d->cursor = d->position = cursor;
	destination_link(d);
	if (t->is_draining)
		destination_drain(d, 0);
	return HSW_OK;
}

int
destination_put_known(struct delivery_thread *t, struct webhook_section *s, struct hsw_error *err)
{
	struct destination *d = destination_new_api(t, s, err);
	if (d == NULL)
		return HSW_EIO;
	int rc = destination_attach(d, err);
	if (rc != HSW_OK) {
		destination_free(d);
		return rc;
	}
	destination_link(d);
	return HSW_OK;
}

/* Events that a delivery or an attempt is still owed. */
static size_t
count_undelivered(const struct destination *d)
{
	const struct hsw_delivery *slot;
	size_t n = d->in_retry;

	TAILQ_FOREACH (slot, &d->unsettled, order) {
		n += !slot->is_counted;
	}
	if (!d->is_live)
		n += (size_t)journal_count(d->thread->journal, d->position, d->thread->tail_seq);
	return n;
}

static bool
has_left(const struct destination *d)
{
	return d->n_flying == 0 && d->n_saving == 0 && !delivery_has_gap(d, clock_mono_ms()) &&
		!d->is_reading && !d->is_writing_cursor && !d->is_saving_attempts &&
		d->skip == NULL;
}

/* One that is handed over: what another node need not do again is written down. */
static void
finish(struct destination *d)
{
	if (d->leave_by_ms == 0)
		return;
	if (delivery_has_gap(d, clock_mono_ms()))
		delivery_pump_soon(d);
	if (d->n_flying > 0 && clock_mono_ms() >= d->leave_by_ms)
		delivery_cancel_all(d);
	if (d->n_flying == 0 && d->n_saving == 0 && !d->has_cursor_failed)
		destination_write_cursor(d);
	if (d->n_flying == 0 && d->n_saving == 0 && !d->has_attempts_failed)
		destination_save_attempts(d);
}

void
destinations_free_left(struct delivery_thread *t)
{
	struct destination **at = &t->leaving;

	while (*at != NULL) {
		struct destination *d = *at;
		finish(d);
		if (!has_left(d)) {
			at = &d->next;
			continue;
		}
		*at = d->next;
		void (*left)(void *, size_t) = d->left;
		void *arg = d->left_arg;
		size_t undelivered = d->undelivered;
		if (d->handle != NULL)
			d->ops->close(d->self);
		delivery_free_all(d);
		destination_free(d);
		left(arg, undelivered);
	}
	if (t->leaving != NULL)
		destination_start_tick(t);
}

void
destination_unlink(struct destination *d)
{
	struct destination **at = &d->thread->first;

	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
}

void
destination_leave(struct destination *d, void (*left)(void *, size_t), void *arg)
{
	struct delivery_thread *t = d->thread;

	d->left = left;
	d->left_arg = arg;
	d->undelivered = count_undelivered(d);
	d->is_leaving = d->is_draining = true;
	destination_unlink(d);
	d->next = t->leaving;
	t->leaving = d;
	destination_measure_gone(d);
	destination_start_tick(t);
}

void
destination_remove(
	struct delivery_thread *t, struct hsw_str name, void (*left)(void *, size_t), void *arg)
{
	struct destination *d = destination_find(t, name);

	if (d == NULL || d->owned == NULL) {
		left(arg, 0);
		return;
	}
	delivery_cancel_all(d);
	destination_drop_attempts(d);
	destination_leave(d, left, arg);
}
