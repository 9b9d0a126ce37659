/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destination_skip.c - a destination's backlog is given up, see destination.h.
 *
 * Who calls what from where: everything on the worker. Between begin and end the store thread looks at the log and
 * writes down what is given up; until then nothing of it is forgotten here. So that both mean the same events the
 * destination takes nothing in and starts nothing meanwhile: its slots are lifted out of their queues, and what
 * is on its way to or from the store is waited for. What flies goes on, and ends as it ends: it bounds the cursor.
 */
#include "destination_impl.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "err.h"

static int
compare_seqs(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static bool
is_within(const struct destination_skip *s, const struct hsw_delivery *slot)
{
	return slot->seq <= s->upto && slot->envelope->received_ms < s->before_ms;
}

static bool
is_busy(const struct hsw_delivery *slot)
{
	return slot->state == SLOT_FLYING || slot->state == SLOT_SAVING;
}

/* What flies, and what the store refused to write. */
static int
note_busy(struct destination_skip *s, const struct destination *d)
{
	const struct hsw_delivery *slot;
	size_t n = d->n_flying;

	TAILQ_FOREACH (slot, &d->unsaved, link)
		n++;
	s->n_busy = 0;
	s->busy = malloc((n + 1) * sizeof(s->busy[0]));
	if (s->busy == NULL)
		return HSW_ENOMEM;
	TAILQ_FOREACH (slot, &d->flying, link)
		s->busy[s->n_busy++] = slot->seq;
	TAILQ_FOREACH (slot, &d->unsaved, link)
		s->busy[s->n_busy++] = slot->seq;
	qsort(s->busy, s->n_busy, sizeof(s->busy[0]), compare_seqs);
	return HSW_OK;
}

static int
note_excepted(struct destination_skip *s, const struct destination *d)
{
	size_t bytes = d->n_excepted * sizeof(s->excepted[0]);

	s->n_excepted = d->n_excepted;
	s->excepted = malloc(bytes + 1);
	if (s->excepted == NULL)
		return HSW_ENOMEM;
	if (bytes > 0)
		memcpy(s->excepted, d->excepted, bytes);
	return HSW_OK;
}

/* Those in memory, in the order of the log: up to the first one that is kept. */
static void
look_at_window(struct destination_skip *s, const struct destination *d)
{
	const struct hsw_delivery *slot;

	TAILQ_FOREACH (slot, &d->unsettled, order) {
		if (!is_within(s, slot)) {
			s->is_through = true;
			s->next = slot->seq - 1;
			return;
		}
		if (s->flying == 0 && is_busy(slot))
			s->flying = slot->seq;
		s->n_events += !is_busy(slot);
	}
}

static void
forget_notes(struct destination_skip *s)
{
	free(s->busy);
	free(s->excepted);
	s->busy = s->excepted = NULL;
	s->n_busy = s->n_excepted = 0;
}

static int
note(struct destination_skip *s, const struct destination *d)
{
	if (note_busy(s, d) == HSW_OK && note_excepted(s, d) == HSW_OK)
		return HSW_OK;
	forget_notes(s);
	return HSW_ENOMEM;
}

/* Nothing is changed: what was looked at before is left out by s->next. */
static int
begin_dry(struct destination_skip *s, const struct destination *d)
{
	bool is_first = s->next == 0;

	if (note(s, d) != HSW_OK)
		return HSW_ENOMEM;
	if (!is_first)
		return HSW_OK;
	s->next = d->position;
	look_at_window(s, d);
	return HSW_OK;
}

/* It may have held the destination up since it was told to come again. */
static void
let_go(struct destination_skip *s, struct destination *d)
{
	if (d->skip != s)
		return;
	d->skip = NULL;
	s->d = NULL;
	delivery_pump_soon(d);
}

static int
begin(struct destination_skip *s, struct destination *d)
{
	d->skip = s;
	s->d = d;
	if (d->is_reading || d->n_saving > 0)
		return HSW_EAGAIN;
	if (note(s, d) != HSW_OK) {
		let_go(s, d);
		return HSW_ENOMEM;
	}
	d->is_live = false;
	delivery_lift(d);
	s->next = d->position;
	look_at_window(s, d);
	return HSW_OK;
}

int
destination_skip_begin(struct destination_skip *s, struct destination *d, struct hsw_error *err)
{
	s->n_events = s->n_retries = 0;
	s->flying = 0;
	s->is_through = false;
	if (d->skip != NULL && d->skip != s)
		return err_set(err, HSW_EIO, "its events are being skipped already");
	/* A swap that has drained is not to find other rows than it read; one that has not waits for d->skip. */
	if (d->skip == NULL && d->is_draining)
		return err_set(err, HSW_EIO, "the sink is being changed or stopped: try again");
	if (destinations_are_paused(d->thread, clock_mono_ms())) {
		let_go(s, d);
		return err_set(err, HSW_EIO,
			"this node cannot tell whether the sink is its own: try again");
	}
	int rc = s->is_dry ? begin_dry(s, d) : begin(s, d);
	return rc == HSW_ENOMEM ? err_set(err, rc, "out of memory") : rc;
}

static void
forget_retries(struct destination *d, const struct destination_skip *s)
{
	struct lane *lane, *next;

	d->in_retry -= retry_drop(&d->retries, s->retries, s->n_retries);
	HASH_ITER(hh, d->lanes.by_key, lane, next)
	{
		d->in_retry -= lane_drop(lane, s->retries, s->n_retries);
		destination_advance(d, lane);
	}
}

void
destination_skip_end(struct destination_skip *s, bool is_done)
{
	struct destination *d = s->d;

	forget_notes(s);
	if (d == NULL)
		return;
	s->d = NULL;
	d->skip = NULL;
	if (is_done) {
		forget_retries(d, s);
		if (s->next > d->position)
			d->position = s->next;
		metric_add(d->skipped, (int64_t)(s->n_events + s->n_retries));
	}
	delivery_put_back(d, is_done ? s->next : 0);
	destination_moved(d, 0);
	delivery_pump_soon(d);
}
