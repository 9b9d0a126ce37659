/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery.c - attempts: which slot goes next, how it ended, and what is written down of it.
 *
 * Order: of the slots of one chat only the first may fly; the others wait in its `behind` list, and when
 * it leaves (settled, or failed and stepping aside) the next one takes its place and the list. With
 * chat-strict one that failed does not step aside: see lane.h.
 *
 * How many may fly is pace.c's business; what happens while a destination is down circuit.c's.
 */
#include "destination_impl.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "host.h"
#include "log.h"
#include "policy.h"

struct save_note {
	struct journal_note note; /* first */
	struct hsw_delivery *slot;
};

/* ---- the lists ---- */

/* The lists are in seq order; a slot that becomes ready is mostly among the newest. */
static void
make_ready(struct hsw_delivery *slot)
{
	struct destination *d = slot->d;
	struct slot_list *list = slot->is_retry ? &d->retries_ready : &d->ready;
	struct hsw_delivery *before = TAILQ_LAST(list, slot_list);

	slot->state = SLOT_READY;
	d->n_retries_ready += slot->is_retry;
	while (before != NULL && before->seq > slot->seq)
		before = TAILQ_PREV(before, slot_list, link);
	if (before != NULL)
		TAILQ_INSERT_AFTER(list, before, slot, link);
	else
		TAILQ_INSERT_HEAD(list, slot, link);
}

static void
take_ready(struct hsw_delivery *slot)
{
	struct destination *d = slot->d;

	TAILQ_REMOVE(slot->is_retry ? &d->retries_ready : &d->ready, slot, link);
	d->n_retries_ready -= slot->is_retry;
}

static void
lead_chat(struct hsw_delivery *slot)
{
	HASH_ADD_KEYPTR(hh, slot->d->chats, &slot->envelope->key_hash,
		sizeof(slot->envelope->key_hash), slot);
}

static bool
keeps_chats_in_order(const struct destination *d)
{
	return d->conf->ordering == ORDERING_CHAT || d->conf->ordering == ORDERING_CHAT_STRICT;
}

static struct lane *
lane_of(const struct hsw_delivery *slot)
{
	if (slot->d->conf->ordering != ORDERING_CHAT_STRICT || slot->envelope == NULL)
		return NULL;
	return lane_find(&slot->d->lanes, slot->envelope->key_hash);
}

/* hh.tbl is NULL where the hash had no memory for the slot: then nobody waits for it. */
static void
leave_chat(struct hsw_delivery *slot)
{
	if (slot->hh.tbl == NULL)
		return;
	struct hsw_delivery *next = TAILQ_FIRST(&slot->behind);
	HASH_DEL(slot->d->chats, slot);
	slot->hh.tbl = NULL;
	if (next == NULL)
		return;
	TAILQ_REMOVE(&slot->behind, next, link);
	TAILQ_CONCAT(&next->behind, &slot->behind, link);
	lead_chat(next);
	make_ready(next);
}

static void
slot_free(struct hsw_delivery *slot)
{
	envelope_unref(slot->envelope);
	free(slot->note);
	free(slot);
}

static void
settle(struct hsw_delivery *slot)
{
	struct destination *d = slot->d;

	if (!slot->is_retry) {
		TAILQ_REMOVE(&d->unsettled, slot, order);
		d->n_window--;
		d->window_bytes -= slot->envelope->body.len;
		destination_moved(d, 1);
	}
	slot_free(slot);
}

/* ---- writing outcomes down ---- */

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
		struct lane *lane = lane_of(slot);
		lane_saved(lane, slot->seq);
		destination_advance(d, lane);
	} else if (slot->save_as == HSW_WRITE_RETRY) {
		struct retry r = { slot->due_ms, slot->seq, slot->attempts, slot->is_replay };
		if (!retry_push(&d->retries, r)) {
			save_later(slot);
			return;
		}
	} else if (slot->is_counted) {
		d->in_retry--;
	}
	settle(slot);
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
	snprintf(n->note.text, sizeof(n->note.text), "%s%.*s",
		slot->is_replay && slot->save_as == HSW_WRITE_RETRY ? REPLAY_TEXT ": " : "",
		(int)sizeof(n->note.text) - (int)sizeof(REPLAY_TEXT ": "), d->last_error);
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

static void
save(struct hsw_delivery *slot, enum hsw_write_kind kind)
{
	slot->state = SLOT_SAVING;
	slot->save_as = kind;
	if (make_note(slot) != NULL)
		post_note(slot);
	else
		save_later(slot);
}

static void
save_again(struct destination *d)
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

/* ---- coming and going ---- */

/* The slot waits in its chat's lane, as a retry. One that is of the store already is read again then. */
static void
park(struct hsw_delivery *slot, struct lane *lane)
{
	struct destination *d = slot->d;
	const struct retry r = { clock_mono_ms(), slot->seq, slot->attempts, slot->is_replay };

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
	save(slot, HSW_WRITE_RETRY);
}

/* It failed and will be tried again: with chat-strict its chat waits for it. */
static void
step_aside(struct hsw_delivery *slot)
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

/* It is delivered or dead. */
static void
let_chat_go(struct hsw_delivery *slot)
{
	struct lane *lane = lane_of(slot);

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
	struct lane *lane = lane_of(slot);

	if (lane != NULL && lane->running != slot->seq) {
		park(slot, lane);
		return;
	}
	if (keeps_chats_in_order(slot->d))
		HASH_FIND(hh, slot->d->chats, &slot->envelope->key_hash,
			sizeof(slot->envelope->key_hash), leader);
	if (leader != NULL) {
		slot->state = SLOT_WAITING;
		TAILQ_INSERT_TAIL(&leader->behind, slot, link);
		return;
	}
	if (keeps_chats_in_order(slot->d))
		lead_chat(slot);
	make_ready(slot);
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
	slot->attempts = r->attempts;
	save(slot, HSW_WRITE_SETTLED);
}

/* ---- outcomes ---- */

static void
remember_error(struct destination *d, const struct hsw_detail *detail)
{
	const char *text = detail->text != NULL ? detail->text : "failed";
	size_t n = strnlen(text, sizeof(d->last_error) - 1);

	memcpy(d->last_error, text, n);
	d->last_error[n] = '\0';
	d->last_status = detail->status;
	d->last_error_at_ms = clock_wall_ms();
}

static void
on_delivered(struct hsw_delivery *slot, const struct hsw_detail *detail)
{
	struct destination *d = slot->d;

	(void)detail;
	metric_add(d->delivered, 1);
	let_chat_go(slot);
	if (d->failures > 0)
		circuit_succeeded(d);
	if (d->pace.is_auto || d->pace.is_starting || d->pace.pauses > 0) {
		int64_t now = clock_mono_ms();
		pace_succeeded(&d->pace, d->n_flying, now - slot->started_ms, now);
	}
	if (slot->is_retry)
		save(slot, HSW_WRITE_SETTLED);
	else
		settle(slot);
}

static void
die(struct hsw_delivery *slot)
{
	struct destination *d = slot->d;

	metric_add(d->died, 1);
	log_warn("router",
		"dead letter destination=%s id=%.*s instance=%.*s attempts=%d status=%d: %s",
		d->name, ENVELOPE_ID_TEXT, slot->envelope->id_text,
		(int)slot->envelope->instance.len, slot->envelope->instance.s, slot->attempts,
		d->last_status, d->last_error);
	save(slot, HSW_WRITE_DEAD);
}

/* What the failure says about the destination as a whole. */
static void
judge_pace(struct destination *d, const struct hsw_detail *detail)
{
	int64_t now = clock_mono_ms();

	if (detail->status != 0 && !pace_is_pausing(detail->status))
		return;
	pace_overloaded(&d->pace, now);
	/* An open circuit is a pause already; more only where the destination asks for it. */
	if (pace_is_pausing(detail->status) && (!d->is_held || detail->retry_after_ms > 0))
		pace_pause(&d->pace, detail->retry_after_ms, now);
}

static void
on_failed(struct hsw_delivery *slot, const struct hsw_detail *detail)
{
	struct destination *d = slot->d;

	remember_error(d, detail);
	metric_add(d->retried, 1);
	judge_pace(d, detail);
	if (!circuit_failed(d)) {
		make_ready(slot); /* it keeps its place, as if it had not been tried */
		return;
	}
	slot->attempts++;
	int64_t delay = retry_delay(d->conf->retry_ms, d->conf->retry_steps,
		policy_step(d->conf, slot->attempts), detail->retry_after_ms, &d->thread->random);
	if (delay < 0) {
		let_chat_go(slot);
		die(slot);
		return;
	}
	step_aside(slot);
	if (!slot->is_counted) {
		slot->is_counted = true;
		d->in_retry++;
	}
	slot->due_ms = clock_mono_ms() + delay;
	save(slot, HSW_WRITE_RETRY);
}

static void
on_rejected(struct hsw_delivery *slot, const struct hsw_detail *detail)
{
	remember_error(slot->d, detail);
	let_chat_go(slot);
	slot->attempts++;
	die(slot);
}

/* The event stays, for when the operator enables the destination again. */
static void
on_gone(struct hsw_delivery *slot, const struct hsw_detail *detail)
{
	struct destination *d = slot->d;

	remember_error(d, detail);
	d->is_disabled = true;
	log_error("router",
		"destination says it is gone, disabled until the next start destination=%s "
		"status=%d: %s",
		d->name, d->last_status, d->last_error);
	make_ready(slot);
}

static void
note_attempt(struct hsw_delivery *slot, enum hsw_outcome outcome, const struct hsw_detail *detail)
{
	struct attempt a = { .at_ms = clock_wall_ms(),
		.took_ms = clock_mono_ms() - slot->started_ms,
		.number = slot->attempts + 1,
		.status = detail->status,
		.is_replay = slot->is_replay,
		.outcome = outcome,
		.text = outcome != HSW_DELIVERED ? (char *)detail->text : NULL };

	memcpy(a.id, slot->envelope->id_text, sizeof(a.id));
	attempts_note(&slot->d->attempts, &a);
	if (outcome == HSW_DELIVERED)
		slot->d->last_delivered_at_ms = a.at_ms;
}

static void
finish(struct hsw_delivery *slot, enum hsw_outcome outcome, const struct hsw_detail *detail)
{
	static const struct hsw_detail nothing = { 0, 0, NULL };
	static void (*const on[])(struct hsw_delivery *, const struct hsw_detail *) = {
		[HSW_DELIVERED] = on_delivered,
		[HSW_RETRY] = on_failed,
		[HSW_REJECT] = on_rejected,
		[HSW_GONE] = on_gone,
	};
	struct destination *d = slot->d;

	TAILQ_REMOVE(&d->flying, slot, link);
	d->n_flying--;
	d->blocked_until_ms = 0;
	if (detail == NULL)
		detail = &nothing;
	outcome = policy_outcome(d->conf, outcome, detail->status);
	note_attempt(slot, outcome, detail);
	on[outcome](slot, detail);
	delivery_pump_soon(d);
}

/* ---- starting ---- */

static bool
may_start(const struct destination *d, int64_t now)
{
	return !d->is_draining && !d->is_disabled && now >= d->blocked_until_ms &&
		!destinations_are_paused(d->thread, now) && pace_allows(&d->pace, d->n_flying, now);
}

/* Retries that are due go first, also those that are still being read. A new event of the log must not
 * go where it would only add to what is in retry already. */
static struct hsw_delivery *
next_slot(struct destination *d, int64_t now)
{
	const struct retry *due = retry_first(&d->retries);

	if (d->is_held)
		return circuit_probe(d, now);
	if (!TAILQ_EMPTY(&d->retries_ready))
		return TAILQ_FIRST(&d->retries_ready);
	if (d->n_loading > 0 || (due != NULL && due->due_ms <= now))
		return NULL;
	if (d->conf->ordering == ORDERING_STRICT && d->in_retry > 0)
		return NULL;
	if ((int64_t)d->in_retry >= d->conf->max_retrying)
		return NULL;
	return TAILQ_FIRST(&d->ready);
}

static void
watch_deadline(struct destination *d, int64_t now)
{
	const struct hsw_delivery *first = TAILQ_FIRST(&d->flying);

	if (d->has_deadline || first == NULL)
		return;
	int64_t wait = first->deadline_ms > now ? first->deadline_ms - now : 0;
	const struct timeval tv = { wait / 1000, wait % 1000 * 1000 };
	event_add(d->deadline, &tv);
	d->has_deadline = true;
}

/* false: the sink takes nothing now. */
static bool
start(struct hsw_delivery *slot, int64_t now)
{
	struct destination *d = slot->d;

	take_ready(slot);
	slot->state = SLOT_FLYING;
	slot->data = NULL;
	slot->started_ms = now;
	slot->deadline_ms = now + d->conf->timeout_ms;
	TAILQ_INSERT_TAIL(&d->flying, slot, link);
	d->n_flying++;
	int rc = d->ops->deliver(d->self, slot);
	if (rc != HSW_EAGAIN)
		pace_started(&d->pace, now);
	if (rc == HSW_OK) /* the slot may be gone already */
		return true;
	if (rc != HSW_EAGAIN) {
		const struct hsw_detail detail = { 0, 0, "the sink could not take it" };
		finish(slot, HSW_RETRY, &detail);
		return true;
	}
	TAILQ_REMOVE(&d->flying, slot, link);
	d->n_flying--;
	make_ready(slot);
	d->blocked_until_ms = now + EAGAIN_PAUSE_MS;
	return false;
}

/* When there is something to do without an event that says so; INT64_MAX: never. */
static int64_t
next_wake(const struct destination *d, int64_t now)
{
	int64_t paused = pace_wake_ms(&d->pace, now);
	const struct retry *first = retry_first(&d->retries);
	int64_t at = INT64_MAX;

	if (!TAILQ_EMPTY(&d->unsaved))
		at = d->save_again_at_ms;
	if (d->is_draining || d->is_disabled || destinations_are_paused(d->thread, now))
		return at;
	if (first != NULL && !d->is_reading && d->n_retries_ready < d->concurrency &&
		first->due_ms < at)
		at = first->due_ms;
	if (d->blocked_until_ms != 0 && d->blocked_until_ms < at)
		at = d->blocked_until_ms;
	if (TAILQ_EMPTY(&d->ready) && TAILQ_EMPTY(&d->retries_ready))
		return at;
	if (d->is_held && d->n_flying == 0 && paused < d->probe_at_ms)
		paused = d->probe_at_ms;
	if (paused > now && paused < at)
		at = paused;
	return at;
}

static void
set_wake(struct destination *d, int64_t now)
{
	int64_t at = next_wake(d, now);

	/* A full flight or enough loaded retries end with a call of done, which pumps again. */
	if (at == d->wake_at_ms || (at <= now && d->n_flying > 0))
		return;
	d->wake_at_ms = at;
	if (at == INT64_MAX) {
		event_del(d->wake);
		return;
	}
	int64_t wait = at > now ? at - now : 1;
	const struct timeval tv = { wait / 1000, wait % 1000 * 1000 };
	event_add(d->wake, &tv);
}

static void
pump(struct destination *d)
{
	int64_t now = clock_mono_ms();
	struct hsw_delivery *slot;

	if (d->is_leaving)
		return;
	if (!TAILQ_EMPTY(&d->unsaved) && now >= d->save_again_at_ms)
		save_again(d);
	while (may_start(d, now) && (slot = next_slot(d, now)) != NULL) {
		if (!start(slot, now))
			break;
	}
	watch_deadline(d, now);
	destination_refill(d);
	set_wake(d, now);
}

void
delivery_on_pump(evutil_socket_t fd, short what, void *arg)
{
	struct destination *d = arg;

	(void)fd;
	if (what & EV_TIMEOUT)
		d->wake_at_ms = 0;
	d->will_pump = false;
	pump(d);
}

void
delivery_pump_soon(struct destination *d)
{
	if (d->will_pump)
		return;
	d->will_pump = true;
	event_active(d->pump, EV_READ, 0);
}

void
delivery_on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct destination *d = arg;
	int64_t now = clock_mono_ms();
	struct hsw_delivery *slot;
	char text[64];

	(void)fd;
	(void)what;
	d->has_deadline = false;
	snprintf(text, sizeof(text), "no answer within %lld ms", (long long)d->conf->timeout_ms);
	const struct hsw_detail detail = { 0, 0, text };
	while ((slot = TAILQ_FIRST(&d->flying)) != NULL && slot->deadline_ms <= now) {
		d->ops->cancel(d->self, slot);
		finish(slot, HSW_RETRY, &detail);
	}
	watch_deadline(d, now);
}

void
delivery_cancel_all(struct destination *d)
{
	struct hsw_delivery *slot;

	while ((slot = TAILQ_FIRST(&d->flying)) != NULL) {
		d->ops->cancel(d->self, slot);
		TAILQ_REMOVE(&d->flying, slot, link);
		d->n_flying--;
		make_ready(slot);
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
	HASH_CLEAR(hh, d->chats);
	free_list(&d->ready);
	free_list(&d->retries_ready);
	free_list(&d->unsaved);
}

/* ---- struct hsw_host ---- */

static const struct hsw_envelope *
host_envelope(const struct hsw_delivery *slot)
{
	return slot->envelope;
}

static unsigned
host_parts(const struct hsw_delivery *slot)
{
	return slot->d->parts;
}

static int
host_attempt(const struct hsw_delivery *slot)
{
	return slot->attempts + 1;
}

static int
host_is_replay(const struct hsw_delivery *slot)
{
	return slot->is_replay;
}

static const void *
host_target(const struct hsw_delivery *slot)
{
	return slot->d->target;
}

static void
host_set_data(struct hsw_delivery *slot, void *data)
{
	slot->data = data;
}

static void *
host_get_data(const struct hsw_delivery *slot)
{
	return slot->data;
}

void
delivery_register(void)
{
	static const struct host_delivery functions = { host_envelope, host_parts, host_attempt,
		host_target, finish, host_set_data, host_get_data, host_is_replay };
	host_set_delivery(&functions);
}
