/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destination_intake.c - what a destination takes in: events it is fed, pages of the log, retries due.
 */
#include "destination_impl.h"

#include <stdlib.h>

#include "clock.h"
#include "log.h"
#include "router.h"

#define HELD_PAGE_EVENTS \
	16 /* a destination that is held needs only a few to probe with, of each kind */

bool
destination_wants(const struct destination *d, const struct hsw_envelope *e)
{
	return (d->types & 1u << e->type) != 0 && router_has_instance(d->conf, e->instance) &&
		router_has_part(d->conf, e);
}

/* With chat-strict every event of a held chat becomes a retry: there they are bounded. */
static bool
is_full_of_retries(const struct destination *d)
{
	return d->conf->ordering == ORDERING_CHAT_STRICT &&
		(int64_t)d->in_retry >= d->conf->max_retrying;
}

static bool
window_is_full(const struct destination *d)
{
	if (is_full_of_retries(d))
		return true;
	return d->n_window >= WINDOW_EVENTS || d->window_bytes >= WINDOW_BYTES;
}

/* Takes one event of the log, or passes it over. false: no memory, it was not taken. */
static bool
take(struct destination *d, struct hsw_envelope *e)
{
	if (destination_wants(d, e) && !destination_excepts(d, e->seq)) {
		if (!delivery_add(d, envelope_ref(e), NULL))
			return false;
	} else if (TAILQ_EMPTY(&d->unsettled) && d->skipped_at_ms == 0) {
		d->skipped_at_ms = clock_mono_ms();
	}
	d->position = e->seq;
	return true;
}

static void
feed(struct destination *d, struct hsw_envelope *const *envelopes, size_t n)
{
	if (!d->is_live)
		return;
	for (size_t i = 0; i < n; i++) {
		if (envelopes[i]->seq <= d->position) /* a page had it already */
			continue;
		if (window_is_full(d) || !take(d, envelopes[i])) {
			d->is_live = false;
			break;
		}
	}
	delivery_pump_soon(d);
}

void
destinations_feed(struct delivery_thread *t, struct hsw_envelope *const *envelopes, size_t n)
{
	/* A commit whose answer was lost may have been done: its events are read from the log. */
	bool has_gap = n == 0 || envelopes[0]->seq > t->tail_seq + 1;

	if (n > 0)
		t->tail_seq = envelopes[n - 1]->seq;
	for (struct destination *d = t->first; d != NULL; d = d->next) {
		if (has_gap && d->is_live) {
			d->is_live = false;
			delivery_pump_soon(d);
		}
		feed(d, envelopes, n);
	}
}

/* A short page means that the log was at its end, and what was committed later has been fed after it
 * was read: from here on the destination lives on what it is fed. One that drains gets nothing more: what
 * takes its place has read how far it came. */
static void
take_page(struct destination *d)
{
	struct journal_page *page = d->page;

	for (size_t i = 0; i < page->n; i++) {
		if (!take(d, page->envelopes[i]))
			return;
	}
	if (page->is_end && !d->is_draining) {
		d->is_live = true;
		if (d->position < d->thread->tail_seq)
			d->position = d->thread->tail_seq;
	}
}

void
destination_push_retry(struct destination *d, struct retry r)
{
	if (!retry_push(&d->retries, r))
		log_error("router",
			"out of memory: a retry waits for the next start destination=%s", d->name);
}

void
destination_advance(struct destination *d, struct lane *lane)
{
	struct retry r;

	if (lane_next(&d->lanes, lane, &r))
		destination_push_retry(d, r);
}

static int
by_seq(const void *a, const void *b)
{
	int64_t x = ((const struct retry *)a)->seq, y = ((const struct retry *)b)->seq;
	return (x > y) - (x < y);
}

/* Those that could not be read come again; those that are not there any more are forgotten. */
static void
take_retries(struct destination *d)
{
	struct journal_page *page = d->page;
	size_t k = 0, n = d->n_loading;

	d->n_loading = 0;
	for (size_t i = 0; i < n; i++) {
		struct retry r = d->loading[i];
		bool is_there = k < page->n && page->envelopes[k]->seq == r.seq;
		if (is_there && delivery_add(d, envelope_ref(page->envelopes[k++]), &r))
			continue;
		if (!is_there && page->rc == HSW_OK) {
			delivery_forget(d, &r);
			continue;
		}
		r.due_ms = clock_mono_ms() + SAVE_AGAIN_MS;
		destination_push_retry(d, r);
	}
}

void
destination_on_page(struct journal_page *page)
{
	struct destination *d = (struct destination *)page->arg;

	d->is_reading = false;
	if (d->n_loading > 0)
		take_retries(d);
	else if (page->rc == HSW_OK)
		take_page(d);
	for (size_t i = 0; i < page->n; i++)
		envelope_unref(page->envelopes[i]);
	if (page->rc != HSW_OK)
		d->blocked_until_ms = clock_mono_ms() + SAVE_AGAIN_MS;
	delivery_pump_soon(d);
}

size_t
destination_retries_max(const struct destination *d)
{
	return d->is_held && d->concurrency < HELD_PAGE_EVENTS ? HELD_PAGE_EVENTS : d->concurrency;
}

bool
destination_has_room_for_retries(const struct destination *d)
{
	return d->n_retries_held < WINDOW_EVENTS && d->retries_held_bytes < WINDOW_BYTES;
}

static void
read_retries(struct destination *d, int64_t now)
{
	struct journal_page *page = d->page;
	size_t n = 0, most = destination_retries_max(d);

	if (!destination_has_room_for_retries(d))
		return;
	while (n < RETRY_LOAD_MAX && d->n_retries_ready + n < most &&
		retry_take_due(&d->retries, now, &d->loading[n]))
		n++;
	if (n == 0)
		return;
	qsort(d->loading, n, sizeof(d->loading[0]), by_seq);
	for (size_t i = 0; i < n; i++)
		d->loading_seqs[i] = d->loading[i].seq;
	d->n_loading = n;
	d->is_reading = true;
	page->seqs = d->loading_seqs;
	page->wanted = page->max = n;
	journal_read(d->thread->journal, d->thread->port, page);
}

static void
read_log(struct destination *d)
{
	struct journal_page *page = d->page;
	size_t max = d->is_held ? HELD_PAGE_EVENTS : WINDOW_EVENTS / 2;

	if (is_full_of_retries(d))
		return;
	if (d->is_live || d->n_window >= max || d->window_bytes >= WINDOW_BYTES / 2)
		return;
	d->is_reading = true;
	page->after = d->position;
	page->wanted = 0;
	page->max = max;
	journal_read(d->thread->journal, d->thread->port, page);
}

void
destination_refill(struct destination *d)
{
	int64_t now = clock_mono_ms();

	if (d->is_reading || d->is_draining || d->is_disabled || d->skip != NULL ||
		now < d->blocked_until_ms)
		return;
	read_retries(d, now);
	if (!d->is_reading)
		read_log(d);
}

void
destination_retry(struct destination *d, const int64_t *seqs, size_t n, bool is_replay)
{
	int64_t now = clock_mono_ms();

	for (size_t i = 0; i < n; i++) {
		if (retry_push(&d->retries, (struct retry){ now, seqs[i], 0, is_replay, 0 }))
			d->in_retry++;
		else
			log_error("router",
				"out of memory: a retry waits for the next start destination=%s",
				d->name);
	}
	delivery_pump_soon(d);
}
