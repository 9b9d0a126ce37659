/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery.c - attempts: which slot goes next and how it ended.
 *
 * Order is delivery_queue.c's business, how many may fly pace.c's; what happens while a destination is
 * down circuit.c's.
 */
#include "destination_impl.h"

#include <string.h>

#include "clock.h"
#include "host.h"
#include "log.h"
#include "notice.h"
#include "policy.h"
#include "shown.h"

/* Bytes of a token that a text must not have. */
#define TOKEN_SHOWN_MAX 8

/* ---- outcomes ---- */

static void
remember_error(struct destination *d, const struct hsw_detail *detail)
{
	const char *text = detail->text != NULL ? detail->text : "failed";
	size_t n = shown_cut(text, strlen(text), sizeof(d->last_error) - 1);

	memcpy(d->last_error, text, n);
	d->last_error[n] = '\0';
	d->last_status = detail->status;
	d->last_error_at_ms = clock_wall_ms();
}

static void
settle(struct hsw_delivery *slot)
{
	if (slot->is_retry)
		delivery_save(slot, HSW_WRITE_SETTLED);
	else
		delivery_settle(slot);
}

static void
on_delivered(struct hsw_delivery *slot, const struct hsw_detail *detail)
{
	struct destination *d = slot->d;

	(void)detail;
	metric_add(d->delivered, 1);
	delivery_let_chat_go(slot);
	d->answered_at_ms = clock_mono_ms();
	if (d->failures > 0 || d->is_held)
		circuit_succeeded(d);
	if (d->pace.is_auto || d->pace.is_starting || d->pace.pauses > 0) {
		int64_t now = clock_mono_ms();
		pace_succeeded(&d->pace, d->n_flying, now - slot->sent_ms, now);
	}
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
	notice_died(d);
	delivery_save(slot, HSW_WRITE_DEAD);
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
	if (slot->attempts == 0)
		slot->first_ms = slot->started_ms;
	int64_t delay = retry_delay(d->conf->retry_ms, d->conf->retry_steps,
		policy_step(d->conf, slot->attempts + 1), detail->retry_after_ms,
		&d->thread->random);
	if (!circuit_failed(d, slot, detail->status, delay < 0)) {
		delivery_make_ready(slot); /* it keeps its place, as if it had not been tried */
		return;
	}
	slot->attempts++;
	if (delay < 0) {
		delivery_let_chat_go(slot);
		die(slot);
		return;
	}
	if (!slot->is_counted) {
		slot->is_counted = true;
		d->in_retry++;
	}
	slot->due_ms = clock_mono_ms() + delay;
	attempts_note_next(&d->attempts, clock_wall_ms() + delay);
	/* It is stored before those that wait behind it are: after a crash they do not overtake it. */
	delivery_save(slot, HSW_WRITE_RETRY);
	delivery_step_aside(slot);
}

static void
on_rejected(struct hsw_delivery *slot, const struct hsw_detail *detail)
{
	remember_error(slot->d, detail);
	/* What was never sent, or met a destination that is away, tells nothing of it. */
	if (pace_is_pausing(detail->status))
		judge_pace(slot->d, detail);
	else if (detail->status != 0)
		slot->d->answered_at_ms = clock_mono_ms();
	circuit_told_nothing(slot->d);
	delivery_let_chat_go(slot);
	slot->attempts++;
	die(slot);
}

/* The event stays, for when the operator enables the destination again. */
static void
on_gone(struct hsw_delivery *slot, const struct hsw_detail *detail)
{
	struct destination *d = slot->d;

	remember_error(d, detail);
	if (slot->started_ms <= d->changed_ms) {
		delivery_make_ready(slot);
		return;
	}
	if (!d->is_disabled) {
		d->is_disabled = true;
		metric_add(d->disabled, 1);
		notice_send(d, NOTICE_DISABLED, clock_wall_ms());
		destination_tell_gone(d, d->last_status);
		log_error("router",
			"destination says it is gone, disabled until it is %s destination=%s "
			"status=%d: %s",
			d->owned != NULL ? "set or enabled again" : "enabled or the next start",
			d->name, d->last_status, d->last_error);
	}
	delivery_make_ready(slot);
}

/* The event keeps its place, and nothing overtakes it. */
static void
on_held(struct hsw_delivery *slot, const struct hsw_detail *detail)
{
	struct destination *d = slot->d;

	remember_error(d, detail);
	metric_add(d->retried, 1);
	circuit_hold(d);
	delivery_make_ready(slot);
}

static void
note_attempt(struct hsw_delivery *slot, enum hsw_outcome outcome, const struct hsw_detail *detail)
{
	struct attempt a = { .at_ms = clock_wall_ms(),
		.took_ms = clock_mono_ms() - slot->sent_ms,
		.number = slot->attempts + 1,
		.status = detail->status,
		.is_replay = slot->is_replay,
		.outcome = outcome == HSW_HOLD ? HSW_RETRY : outcome,
		.text = (char *)detail->text };

	memcpy(a.id, slot->envelope->id_text, sizeof(a.id));
	attempts_note(&slot->d->attempts, &a);
	slot->d->has_failed = outcome != HSW_DELIVERED;
	if (outcome == HSW_DELIVERED)
		slot->d->last_delivered_at_ms = a.at_ms;
	else if (!slot->d->is_leaving || slot->d->leave_by_ms != 0)
		destination_keep_attempts(slot->d);
}

static void
land(struct hsw_delivery *slot)
{
	struct destination *d = slot->d;

	TAILQ_REMOVE(&d->flying, slot, link);
	d->n_flying--;
	d->blocked_until_ms = 0;
}

/* Whether the text has the instance's token in it, or the beginning of it: receivers may answer with what they
 * were sent. */
static bool
tells_token(const struct hsw_envelope *e, const char *text)
{
	static const char before[] = ",\"token\":\"";
	size_t head = sizeof(before) - 1;

	if (text == NULL || e->token.len < head + TOKEN_SHOWN_MAX)
		return false;
	return memmem(text, strlen(text), e->token.s + head, TOKEN_SHOWN_MAX) != NULL;
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
		[HSW_HOLD] = on_held,
	};
	struct destination *d = slot->d;

	if (d->ended != NULL) {
		d->ended(slot, outcome, detail);
		return;
	}
	land(slot);
	if (detail == NULL)
		detail = &nothing;
	struct hsw_detail safe = *detail;
	detail = &safe;
	if (safe.retry_after_ms > d->conf->retry_after_max_ms)
		safe.retry_after_ms = d->conf->retry_after_max_ms;
	if (tells_token(slot->envelope, safe.text))
		safe.text = "the answer is not shown: it has the instance's token in it";
	outcome = policy_outcome(d->conf, outcome, detail->status);
	note_attempt(slot, outcome, detail);
	on[outcome](slot, detail);
	delivery_pump_soon(d);
}

static void
skip(struct hsw_delivery *slot)
{
	struct destination *d = slot->d;

	if (d->ended != NULL) {
		d->ended(slot, HSW_DELIVERED, NULL);
		return;
	}
	land(slot);
	d->has_skipped = true;
	circuit_told_nothing(d);
	delivery_let_chat_go(slot);
	settle(slot);
	delivery_pump_soon(d);
}

/* ---- starting ---- */

static bool
may_start(const struct destination *d, int64_t now)
{
	bool is_open = !d->is_draining || now < d->leave_by_ms;

	return is_open && !d->is_disabled && d->skip == NULL && now >= d->blocked_until_ms &&
		!destinations_wait_for_claim(d->thread, now) &&
		pace_allows(&d->pace, d->n_flying, now);
}

/* Those that were read wait behind events of the log, where none of them is ready, on its way or being stored. */
static bool
retries_wait_for_the_log(const struct destination *d)
{
	return d->n_retries_held > 0 && d->n_flying == 0 && d->n_saving == 0 &&
		TAILQ_EMPTY(&d->unsaved);
}

/* Retries that are due go first, also those that are still being read. A new event of the log must not
 * go where it would only add to what is in retry already. */
static struct hsw_delivery *
next_slot(struct destination *d, int64_t now)
{
	const struct retry *due = retry_first(&d->retries);

	if (d->is_draining)
		return delivery_has_gap(d, now) ? TAILQ_FIRST(&d->ready) : NULL;
	if (d->is_held)
		return circuit_probe(d, now);
	if (!TAILQ_EMPTY(&d->retries_ready))
		return TAILQ_FIRST(&d->retries_ready);
	if (d->n_loading > 0)
		return NULL;
	if (due != NULL && due->due_ms <= now && destination_has_room_for_retries(d))
		return NULL;
	if (retries_wait_for_the_log(d))
		return TAILQ_FIRST(&d->ready);
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

	delivery_take_ready(slot);
	slot->state = SLOT_FLYING;
	slot->data = NULL;
	slot->started_ms = slot->sent_ms = now;
	slot->deadline_ms = now + d->conf->timeout_ms;
	TAILQ_INSERT_TAIL(&d->flying, slot, link);
	d->n_flying++;
	if (slot->envelope->is_damaged) {
		static const struct hsw_detail damaged = { 0, 0, "it is damaged in the store" };
		finish(slot, HSW_REJECT, &damaged);
		return true;
	}
	d->has_skipped = false;
	int rc = d->ops->deliver(d->self, slot);
	if (rc != HSW_EAGAIN && !d->has_skipped)
		pace_started(&d->pace, now);
	if (rc == HSW_OK) /* the slot may be gone already */
		return true;
	if (rc != HSW_EAGAIN) {
		const struct hsw_detail detail = { 0, 0, "the sink could not take it" };
		finish(slot, HSW_RETRY, &detail);
		return true;
	}
	land(slot);
	circuit_told_nothing(d);
	delivery_make_ready(slot);
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
	if (d->is_draining || d->is_disabled || d->skip != NULL ||
		destinations_wait_for_claim(d->thread, now))
		return at;
	if (now < d->blocked_until_ms) /* whatever is due: it is neither read nor tried before */
		return d->blocked_until_ms < at ? d->blocked_until_ms : at;
	if (first != NULL && !d->is_reading && d->n_retries_ready < destination_retries_max(d) &&
		destination_has_room_for_retries(d) && first->due_ms < at)
		at = first->due_ms;
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

bool
delivery_has_gap(const struct destination *d, int64_t now)
{
	const struct hsw_delivery *first = TAILQ_FIRST(&d->ready);

	return now < d->leave_by_ms && first != NULL && first->seq < d->settled_seq &&
		!d->is_held && !d->is_disabled;
}

/* A sink is told when nothing follows any more: not while what is on its way may let go of a gap. */
static void
end_sink(struct destination *d, int64_t now)
{
	const struct hsw_delivery *first = TAILQ_FIRST(&d->unsettled);
	bool has_gap = first != NULL && first->seq < d->settled_seq && now < d->leave_by_ms;

	if (d->is_leaving || d->is_ended || has_gap)
		return;
	d->is_ended = true;
	if (d->ops->drain != NULL)
		d->ops->drain(d->self);
}

static void
pump(struct destination *d)
{
	int64_t now = clock_mono_ms();
	struct hsw_delivery *slot;

	if (!d->is_leaving && !TAILQ_EMPTY(&d->unsaved) && now >= d->save_again_at_ms)
		delivery_save_again(d);
	while (may_start(d, now) && (slot = next_slot(d, now)) != NULL) {
		if (!start(slot, now))
			break;
	}
	watch_deadline(d, now);
	if (d->is_draining)
		end_sink(d, now);
	if (d->is_leaving)
		return;
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
		delivery_make_ready(slot);
	}
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

/* d->flying is in the order of deadlines. */
static void
set_deadline(struct hsw_delivery *slot, int64_t at_ms)
{
	struct destination *d = slot->d;

	slot->deadline_ms = at_ms;
	TAILQ_REMOVE(&d->flying, slot, link);
	struct hsw_delivery *before = TAILQ_LAST(&d->flying, slot_list);
	while (before != NULL && before->deadline_ms > slot->deadline_ms)
		before = TAILQ_PREV(before, slot_list, link);
	if (before != NULL)
		TAILQ_INSERT_AFTER(&d->flying, before, slot, link);
	else
		TAILQ_INSERT_HEAD(&d->flying, slot, link);
	d->has_deadline = false; /* the first one may be another one now */
	watch_deadline(d, clock_mono_ms());
}

static void
host_postpone(struct hsw_delivery *slot, int64_t ms)
{
	slot->sent_ms = clock_mono_ms();
	set_deadline(slot, slot->sent_ms + slot->d->conf->timeout_ms + ms);
}

/* What is none of ours (a notice) is on no list, and its time is not looked at here. */
static void
host_extend(struct hsw_delivery *slot, int64_t ms)
{
	int64_t at = clock_mono_ms() + ms;

	if (slot->d->ended == NULL && at > slot->deadline_ms)
		set_deadline(slot, at);
}

void
delivery_register(void)
{
	static const struct host_delivery functions = { host_envelope, host_parts, host_attempt,
		host_target, finish, host_set_data, host_get_data, host_is_replay, skip,
		host_postpone, host_extend };
	host_set_delivery(&functions);
}
