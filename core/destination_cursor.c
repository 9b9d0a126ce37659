/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destination_cursor.c - how far a destination has got: when it moves, and when that is written down.
 */
#include "destination_impl.h"

#include "clock.h"

#define CURSOR_EVERY_MS 50      /* after a delivery */
#define CURSOR_EVERY_EVENTS 512 /* or so many */

static const struct timeval cursor_tick = { 0, CURSOR_EVERY_MS * 1000 };

int64_t
destination_cursor(const struct destination *d)
{
	const struct hsw_delivery *first = TAILQ_FIRST(&d->unsettled);
	return first != NULL ? first->seq - 1 : d->position;
}

static void
on_cursor_written(struct journal_note *note, int rc)
{
	struct destination *d = (struct destination *)((char *)note -
		offsetof(struct destination, cursor_note));

	d->is_writing_cursor = false;
	d->has_cursor_failed = rc != HSW_OK;
	if (rc == HSW_OK)
		d->cursor = note->write.seq;
}

void
destination_write_cursor(struct destination *d)
{
	int64_t seq = destination_cursor(d);

	if (d->is_writing_cursor || d->is_still)
		return;
	d->is_dirty = false;
	d->settled = 0;
	d->skipped_at_ms = 0;
	if (seq == d->cursor)
		return;
	d->is_writing_cursor = true;
	d->cursor_note.done = on_cursor_written;
	d->cursor_note.write = (struct hsw_write){
		.kind = HSW_WRITE_CURSOR,
		.destination = str_of(d->name),
		.seq = seq,
	};
	journal_write(d->thread->journal, d->thread->port, &d->cursor_note);
}

void
destination_start_tick(struct delivery_thread *t)
{
	if (t->is_ticking)
		return;
	t->is_ticking = true;
	event_add(t->tick, &cursor_tick);
}

/* All destinations of a worker write at the same moment, so that it is one transaction. */
void
destinations_on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct delivery_thread *t = arg;

	(void)fd;
	(void)what;
	t->is_ticking = false;
	for (struct destination *d = t->first; d != NULL; d = d->next) {
		if (d->is_dirty)
			destination_write_cursor(d);
		if (d->is_dirty)
			destination_start_tick(t);
	}
	destinations_free_left(t);
	destination_swaps_advance(t);
}

void
destination_moved(struct destination *d, unsigned settled)
{
	d->settled += settled;
	d->is_dirty = true;
	if (d->settled >= CURSOR_EVERY_EVENTS)
		destination_write_cursor(d);
	if (d->is_dirty)
		destination_start_tick(d->thread);
}
