/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destination_swap.c - a sink's destination gives way to its successor, see destination.h.
 *
 * The old one stays in its place until the new one is open, but takes no events in and starts nothing, so
 * that all it has is its window, in order, and rows in the store. The window is handed over; the rows are
 * read again, since only they tell the chats of retries, which another ordering may need.
 *
 * Only then is the old handle closed and the new one opened: both may want the same file.
 */
#include "destination_impl.h"

#include "clock.h"
#include "err.h"
#include "log.h"

static void
unlink_swap(struct destination_swap *s)
{
	struct destination_swap **at = &s->thread->swaps;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
}

/* Nothing of it is on its way. */
static void
free_closed(struct destination *d)
{
	if (d == NULL)
		return;
	destination_close_sink(d);
	delivery_free_all(d);
	destination_free(d);
}

static void
begin_before(struct destination_swap *s)
{
	struct destination *d = s->before;

	d->is_live = false;
	destination_drain(d, 0);
	if (s->after != NULL)
		return;
	destination_unlink(d);
	destination_measure_gone(d);
}

void
destination_swap_begin(struct destination_swap *s, struct delivery_thread *t, const char *name,
	const struct config_section *section, int64_t drain_ms)
{
	s->thread = t;
	s->before = destination_find(t, str_of(name));
	s->until_ms = clock_mono_ms() + drain_ms;
	s->is_open = s->before != NULL;
	if (section != NULL && (s->after = destination_new(t, section)) == NULL) {
		s->rc = err_set(&s->error, HSW_ENOMEM, "out of memory");
		s->drained(s);
		return;
	}
	s->next = t->swaps;
	t->swaps = s;
	if (s->before != NULL)
		begin_before(s);
	destination_start_tick(t);
}

static bool
has_drained(struct destination_swap *s)
{
	struct destination *d = s->before;

	if (d == NULL)
		return true;
	if (!s->has_cancelled && clock_mono_ms() >= s->until_ms) {
		s->has_cancelled = true;
		delivery_cancel_all(d);
	}
	return destination_is_idle(d) && TAILQ_EMPTY(&d->unsaved);
}

static void
advance(struct destination_swap *s)
{
	if (s->is_drained || !has_drained(s))
		return;
	s->is_drained = true;
	if (s->after == NULL) {
		unlink_swap(s);
		free_closed(s->before);
		s->is_open = false;
	} else if (s->before != NULL) {
		s->before->is_still = true;
	}
	s->drained(s);
}

void
destination_swaps_advance(struct delivery_thread *t)
{
	struct destination_swap *next;

	if (t->is_draining)
		return;
	for (struct destination_swap *s = t->swaps; s != NULL; s = next) {
		next = s->next;
		advance(s);
	}
	if (t->swaps != NULL)
		destination_start_tick(t);
}

void
destination_swap_read(struct destination_swap *s, const struct store_port *store)
{
	s->rc = destination_read(s->after, store, &s->error);
}

/* What is not wanted any more counts as settled; where memory ends, the rest is read again. */
static void
hand_over(struct destination *from, struct destination *to)
{
	struct hsw_delivery *slot;

	to->attempts = from->attempts;
	from->attempts = (struct attempts){ 0 };
	if (destination_drop_attempts(from))
		destination_keep_attempts(to);
	to->last_error_at_ms = from->last_error_at_ms;
	to->last_status = from->last_status;
	memcpy(to->last_error, from->last_error, sizeof(to->last_error));
	to->last_delivered_at_ms = from->last_delivered_at_ms;
	to->lagging_since_ms = from->lagging_since_ms;
	to->dead_untold = from->dead_untold;
	to->dead_since_ms = from->dead_since_ms;
	circuit_take_over(to, from);
	to->position = from->position;
	TAILQ_FOREACH (slot, &from->unsettled, order) {
		if (!destination_wants(to, slot->envelope))
			continue;
		if (delivery_add(to, envelope_ref(slot->envelope), NULL))
			continue;
		to->position = slot->seq - 1;
		return;
	}
}

/* It goes on with a new handle of its own section: the old one was told to drain. */
static void
resume(struct destination *d, struct destination_swap *s)
{
	struct hsw_error err = { "" };

	if (destination_open_sink(d, &err) == HSW_OK) {
		d->is_draining = false;
		delivery_pump_soon(d);
		return;
	}
	log_error("router", "the sink is closed, as it cannot be opened again as it was: %s",
		err.text);
	destination_unlink(d);
	destination_measure_gone(d);
	free_closed(d);
	s->is_open = false;
}

void
destination_swap_end(struct destination_swap *s)
{
	unlink_swap(s);
	if (s->before != NULL)
		s->before->is_still = false;
	if (s->thread->is_draining) {
		free_closed(s->after);
		return;
	}
	if (s->before != NULL)
		destination_close_sink(s->before);
	if (s->rc == HSW_OK)
		s->rc = destination_open_sink(s->after, &s->error);
	if (s->rc != HSW_OK) {
		free_closed(s->after);
		if (s->before != NULL)
			resume(s->before, s);
		return;
	}
	if (s->before != NULL) {
		hand_over(s->before, s->after);
		destination_unlink(s->before);
		free_closed(s->before);
	}
	s->is_open = true;
	destination_link(s->after);
	if (s->before == NULL)
		destination_recall_attempts(s->after);
}

/* ---- the thread ends ---- */

static bool
is_going(const struct destination_swap *s)
{
	return s->before != NULL && s->after == NULL;
}

void
destination_swaps_cancel(struct delivery_thread *t)
{
	for (struct destination_swap *s = t->swaps; s != NULL; s = s->next) {
		if (is_going(s))
			delivery_cancel_all(s->before);
	}
}

/* What is at the store must come back first. */
bool
destination_swaps_are_idle(const struct delivery_thread *t)
{
	bool all = true;

	for (struct destination_swap *s = t->swaps; s != NULL; s = s->next)
		all &= is_going(s) ? destination_is_idle(s->before) : !s->is_drained;
	return all;
}

void
destination_swaps_close(struct delivery_thread *t)
{
	struct destination_swap *next;

	for (struct destination_swap *s = t->swaps; s != NULL; s = next) {
		next = s->next;
		if (is_going(s))
			free_closed(s->before);
		free_closed(s->after);
	}
	t->swaps = NULL;
}
