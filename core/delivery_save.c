/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery_save.c - how an attempt ended is written down; what the store refuses is tried again.
 */
#include "destination_impl.h"

#include <stdlib.h>

#include "clock.h"
#include "shown.h"

struct save_note {
	struct journal_note note; /* first */
	struct hsw_delivery *slot;
};

static void
save_later(struct hsw_delivery *slot)
{
	struct destination *d = slot->d;

	if (TAILQ_EMPTY(&d->unsaved))
		d->save_again_at_ms = clock_mono_ms() + SAVE_AGAIN_MS;
	TAILQ_INSERT_TAIL(&d->unsaved, slot, link);
	delivery_pump_soon(d);
}

static void
saved(struct hsw_delivery *slot)
{
	struct destination *d = slot->d;

	if (slot->save_as == HSW_WRITE_RETRY && slot->is_parked) {
		struct lane *lane = delivery_lane(slot);
		lane_saved(lane, slot->seq);
		destination_advance(d, lane);
	} else if (slot->save_as == HSW_WRITE_RETRY) {
		/* What failed when the circuit opened does not wait for its time: it comes first. */
		bool is_pulled = slot->started_ms <= d->opened_at_ms;
		struct retry r = { is_pulled ? 0 : slot->due_ms, slot->seq, slot->attempts,
			slot->is_replay, slot->first_ms };
		if (!retry_push(&d->retries, r)) {
			save_later(slot);
			return;
		}
	} else if (slot->is_counted) {
		d->in_retry--;
	}
	delivery_settle(slot);
	delivery_pump_soon(d);
}

static void
on_saved(struct journal_note *note, int rc)
{
	struct hsw_delivery *slot = ((struct save_note *)note)->slot;

	slot->d->n_saving--;
	if (rc == HSW_OK)
		saved(slot);
	else
		save_later(slot);
}

/* The slot's note with everything that the store is told; NULL: out of memory. */
static struct save_note *
make_note(struct hsw_delivery *slot)
{
	struct destination *d = slot->d;
	struct save_note *n = slot->note != NULL ? slot->note : calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	slot->note = n;
	n->slot = slot;
	n->note.done = on_saved;
	size_t shown = shown_cut(d->last_error, strlen(d->last_error),
		sizeof(n->note.text) - sizeof(REPLAY_TEXT ": "));
	snprintf(n->note.text, sizeof(n->note.text), "%s%.*s",
		slot->is_replay && slot->save_as == HSW_WRITE_RETRY ? REPLAY_TEXT ": " : "",
		(int)shown, d->last_error);
	n->note.write = (struct hsw_write){
		.kind = slot->save_as,
		.destination = str_of(d->name),
		.seq = slot->seq,
		.attempts = slot->attempts,
		.due_ms = clock_wall_ms() + slot->due_ms - clock_mono_ms(),
		.at_ms = clock_wall_ms(),
		.status = d->last_status,
		.text = str_of(n->note.text),
	};
	return n;
}

static void
post_note(struct hsw_delivery *slot)
{
	slot->d->n_saving++;
	journal_write(slot->d->thread->journal, slot->d->thread->port, &slot->note->note);
}

void
delivery_save(struct hsw_delivery *slot, enum hsw_write_kind kind)
{
	slot->state = SLOT_SAVING;
	slot->save_as = kind;
	if (make_note(slot) != NULL)
		post_note(slot);
	else
		save_later(slot);
}

void
delivery_save_again(struct destination *d)
{
	struct slot_list list = TAILQ_HEAD_INITIALIZER(list);
	struct hsw_delivery *slot;

	TAILQ_CONCAT(&list, &d->unsaved, link);
	while ((slot = TAILQ_FIRST(&list)) != NULL) {
		TAILQ_REMOVE(&list, slot, link);
		if (slot->note != NULL || make_note(slot) != NULL)
			post_note(slot);
		else
			save_later(slot);
	}
}
