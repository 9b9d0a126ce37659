/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery_queue.c - the slots of a destination: which may go next, and which wait for their chat.
 *
 * Of the slots of one chat only the first may fly; the others wait in its `behind` list, in seq order, and
 * when it leaves (settled, or failed and stepping aside) the next one takes its place and the list. A retry
 * comes back before the later events of its chat. With chat-strict one that failed does not step aside: see
 * lane.h.
 */
#include "destination_impl.h"

#include <stdlib.h>

#include "clock.h"
#include "log.h"

/* The lists are in seq order; a slot that is added is mostly among the newest. */
static void
insert_by_seq(struct slot_list *list, struct hsw_delivery *slot)
{
	struct hsw_delivery *before = TAILQ_LAST(list, slot_list);

	while (before != NULL && before->seq > slot->seq)
		before = TAILQ_PREV(before, slot_list, link);
	if (before != NULL)
		TAILQ_INSERT_AFTER(list, before, slot, link);
	else
		TAILQ_INSERT_HEAD(list, slot, link);
}

static void
lead_chat(struct hsw_delivery *slot)
{
	HASH_ADD_KEYPTR(hh, slot->d->chats, &slot->envelope->key_hash,
		sizeof(slot->envelope->key_hash), slot);
}

/* hh.tbl is NULL where the hash had no memory for the slot. */
static void
stop_leading(struct hsw_delivery *slot)
{
	if (slot->hh.tbl == NULL)
		return;
	HASH_DEL(slot->d->chats, slot);
	slot->hh.tbl = NULL;
}

/* A slot that is in no list waits behind the next one of its chat, which takes its place. */
static void
give_way(struct hsw_delivery *slot, struct hsw_delivery *next)
{
	stop_leading(slot);
	TAILQ_CONCAT(&next->behind, &slot->behind, link);
	slot->state = SLOT_WAITING;
	insert_by_seq(&next->behind, slot);
	lead_chat(next);
}

static void
enlist(struct hsw_delivery *slot)
{
	struct destination *d = slot->d;

	slot->state = SLOT_READY;
	d->n_retries_ready += slot->is_retry;
	insert_by_seq(slot->is_retry ? &d->retries_ready : &d->ready, slot);
}

/* While it flew, a retry of an earlier event of its chat may have come to wait behind it. */
void
delivery_make_ready(struct hsw_delivery *slot)
{
	struct hsw_delivery *earlier = TAILQ_FIRST(&slot->behind);

	if (earlier == NULL || earlier->seq > slot->seq) {
		enlist(slot);
		return;
	}
	TAILQ_REMOVE(&slot->behind, earlier, link);
	give_way(slot, earlier);
	enlist(earlier);
}

void
delivery_overtake(struct hsw_delivery *leader, struct hsw_delivery *slot)
{
	delivery_take_ready(leader);
	TAILQ_REMOVE(&leader->behind, slot, link);
	give_way(leader, slot);
	enlist(slot);
}

void
delivery_take_ready(struct hsw_delivery *slot)
{
	struct destination *d = slot->d;

	TAILQ_REMOVE(slot->is_retry ? &d->retries_ready : &d->ready, slot, link);
	d->n_retries_ready -= slot->is_retry;
}

static bool
keeps_chats_in_order(const struct destination *d)
{
	return d->conf->ordering == ORDERING_CHAT || d->conf->ordering == ORDERING_CHAT_STRICT;
}

struct lane *
delivery_lane(const struct hsw_delivery *slot)
{
	if (slot->d->conf->ordering != ORDERING_CHAT_STRICT || slot->envelope == NULL)
		return NULL;
	return lane_find(&slot->d->lanes, slot->envelope->key_hash);
}

static void
leave_chat(struct hsw_delivery *slot)
{
	struct hsw_delivery *next = TAILQ_FIRST(&slot->behind);

	stop_leading(slot);
	if (next == NULL)
		return;
	TAILQ_REMOVE(&slot->behind, next, link);
	TAILQ_CONCAT(&next->behind, &slot->behind, link);
	lead_chat(next);
	delivery_make_ready(next);
}

static size_t
body_bytes(const struct hsw_delivery *slot)
{
	return slot->envelope != NULL ? slot->envelope->body.len : 0;
}

static void
slot_free(struct hsw_delivery *slot)
{
	if (slot->is_retry) {
		slot->d->n_retries_held--;
		slot->d->retries_held_bytes -= body_bytes(slot);
	}
	envelope_unref(slot->envelope);
	free(slot->note);
	free(slot);
}

void
delivery_settle(struct hsw_delivery *slot)
{
	struct destination *d = slot->d;

	if (!slot->is_retry) {
		if (slot->seq > d->settled_seq)
			d->settled_seq = slot->seq;
		TAILQ_REMOVE(&d->unsettled, slot, order);
		d->n_window--;
		d->window_bytes -= slot->envelope->body.len;
		destination_moved(d, 1);
	}
	slot_free(slot);
}

/* The slot waits in its chat's lane, as a retry. One that is of the store already is read again then. */
static void
park(struct hsw_delivery *slot, struct lane *lane)
{
	struct destination *d = slot->d;
	const struct retry r = { clock_mono_ms(), slot->seq, slot->attempts, slot->is_replay,
		slot->first_ms };

	slot->is_parked = lane_wait(lane, r, slot->is_retry);
	if (slot->is_parked && slot->is_retry) {
		slot_free(slot);
		return;
	}
	if (!slot->is_counted) {
		slot->is_counted = true;
		d->in_retry++;
	}
	slot->due_ms = r.due_ms;
	delivery_save(slot, HSW_WRITE_RETRY);
}

void
delivery_step_aside(struct hsw_delivery *slot)
{
	struct destination *d = slot->d;
	struct hsw_delivery *next;
	struct lane *lane = NULL;

	if (d->conf->ordering == ORDERING_CHAT_STRICT)
		lane = lane_hold(&d->lanes, slot->envelope->key_hash, slot->seq);
	while (lane != NULL && (next = TAILQ_FIRST(&slot->behind)) != NULL) {
		TAILQ_REMOVE(&slot->behind, next, link);
		park(next, lane);
	}
	leave_chat(slot);
}

void
delivery_let_chat_go(struct hsw_delivery *slot)
{
	struct lane *lane = delivery_lane(slot);

	leave_chat(slot);
	if (lane == NULL || lane->running != slot->seq)
		return;
	lane->running = 0;
	destination_advance(slot->d, lane);
}

static void
enter_chat(struct hsw_delivery *slot)
{
	struct hsw_delivery *leader = NULL;
	struct lane *lane = delivery_lane(slot);

	if (lane != NULL && lane->running != slot->seq) {
		park(slot, lane);
		return;
	}
	if (keeps_chats_in_order(slot->d))
		HASH_FIND(hh, slot->d->chats, &slot->envelope->key_hash,
			sizeof(slot->envelope->key_hash), leader);
	if (leader != NULL && (leader->state != SLOT_READY || leader->seq < slot->seq)) {
		slot->state = SLOT_WAITING;
		insert_by_seq(&leader->behind, slot);
		return;
	}
	if (leader != NULL) {
		delivery_take_ready(leader);
		give_way(leader, slot);
	} else if (keeps_chats_in_order(slot->d))
		lead_chat(slot);
	delivery_make_ready(slot);
}

bool
delivery_add(struct destination *d, struct hsw_envelope *envelope, const struct retry *retry)
{
	struct hsw_delivery *slot = calloc(1, sizeof(*slot));
	if (slot == NULL) {
		envelope_unref(envelope);
		return false;
	}
	slot->d = d;
	slot->envelope = envelope;
	slot->seq = envelope->seq;
	TAILQ_INIT(&slot->behind);
	if (retry != NULL) {
		slot->is_retry = slot->is_counted = true;
		slot->attempts = retry->attempts;
		slot->is_replay = retry->is_replay;
		slot->first_ms = retry->first_ms;
		d->n_retries_held++;
		d->retries_held_bytes += envelope->body.len;
	} else {
		TAILQ_INSERT_TAIL(&d->unsettled, slot, order);
		d->n_window++;
		d->window_bytes += envelope->body.len;
	}
	enter_chat(slot);
	return true;
}

void
delivery_forget(struct destination *d, const struct retry *r)
{
	struct hsw_delivery *slot = calloc(1, sizeof(*slot));

	struct lane *lane = lane_of_running(&d->lanes, r->seq);

	log_error("journal", "an event in retry is gone destination=%s seq=%lld", d->name,
		(long long)r->seq);
	if (lane != NULL) {
		lane->running = 0;
		destination_advance(d, lane);
	}
	if (slot == NULL) {
		d->in_retry--;
		return;
	}
	slot->d = d;
	slot->seq = r->seq;
	slot->is_retry = slot->is_counted = true;
	d->n_retries_held++;
	slot->attempts = r->attempts;
	delivery_save(slot, HSW_WRITE_SETTLED);
}

/* A retry is read again when its turn comes. */
static void
lift(struct hsw_delivery *slot)
{
	struct destination *d = slot->d;

	if (slot->hh.tbl != NULL)
		HASH_DEL(d->chats, slot);
	slot->hh.tbl = NULL;
	slot->state = SLOT_LIFTED;
	if (!slot->is_retry)
		return;
	destination_push_retry(d,
		(struct retry){ d->is_held ? 0 : clock_mono_ms(), slot->seq, slot->attempts,
			slot->is_replay, slot->first_ms });
	slot_free(slot);
}

void
delivery_lift(struct destination *d)
{
	struct hsw_delivery *slot, *leader, *next;

	HASH_ITER(hh, d->chats, leader, next)
	{
		while ((slot = TAILQ_FIRST(&leader->behind)) != NULL) {
			TAILQ_REMOVE(&leader->behind, slot, link);
			lift(slot);
		}
	}
	while ((slot = TAILQ_FIRST(&d->ready)) != NULL) {
		delivery_take_ready(slot);
		lift(slot);
	}
	while ((slot = TAILQ_FIRST(&d->retries_ready)) != NULL) {
		delivery_take_ready(slot);
		lift(slot);
	}
}

void
delivery_put_back(struct destination *d, int64_t upto)
{
	struct hsw_delivery *slot, *next;

	for (slot = TAILQ_FIRST(&d->unsettled); slot != NULL; slot = next) {
		next = TAILQ_NEXT(slot, order);
		if (slot->state != SLOT_LIFTED)
			continue;
		if (slot->seq <= upto)
			delivery_settle(slot);
		else
			enter_chat(slot);
	}
}

static void
free_list(struct slot_list *list)
{
	struct hsw_delivery *slot;

	while ((slot = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, slot, link);
		free_list(&slot->behind);
		slot_free(slot);
	}
}

void
delivery_free_all(struct destination *d)
{
	struct hsw_delivery *slot, *next;

	HASH_CLEAR(hh, d->chats);
	for (slot = TAILQ_FIRST(&d->unsettled); slot != NULL; slot = next) {
		next = TAILQ_NEXT(slot, order);
		if (slot->state == SLOT_LIFTED)
			slot_free(slot);
	}
	free_list(&d->ready);
	free_list(&d->retries_ready);
	free_list(&d->unsaved);
}
