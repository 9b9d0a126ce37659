/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot_split.c - a batch that was refused for what is in it goes out again, each of its events alone.
 *
 * Its one answer cannot tell which of them it is about. The daemon hears of the answers to the single
 * requests only, so that its rules for statuses never end an event for what another one says.
 */
#include "slot_impl.h"

bool
slot_is_refused_as_batch(const struct slot *s, enum hsw_outcome outcome)
{
	return outcome == HSW_RETRY && TAILQ_FIRST(&s->items) != TAILQ_LAST(&s->items, item_list) &&
		s->answer.is_head_complete && hsw_status_is_about_event(s->answer.status);
}

/* The item is in no slot. */
static void
send_again(struct webhook *w, struct item *item)
{
	static const struct hsw_detail failed = { .text = "out of memory" };
	struct hsw_delivery *delivery = item->delivery;
	struct slot *s = slot_take(w);

	if (s != NULL && slot_set_target(s, NULL) == HSW_OK) {
		slot_add_item(s, item);
		slot_postpone(s, 0); /* its request begins only now */
		if (slot_start(s) != HSW_OK)
			slot_settle(s, HSW_RETRY, &failed);
		return;
	}
	if (s != NULL)
		slot_give_back(s);
	item_give_back(w, item);
	w->host->done(delivery, HSW_RETRY, &failed);
}

void
slot_split(struct slot *s)
{
	struct webhook *w = s->w;
	struct item_list items;
	struct item *item;

	w->host->count(w->handle, "split_batches", NULL, 1);
	items_take(s, &items);
	slot_give_back(s);
	while ((item = TAILQ_FIRST(&items)) != NULL) {
		TAILQ_REMOVE(&items, item, entry);
		if (item->delivery != NULL)
			send_again(w, item);
		else
			item_give_back(w, item);
	}
}
