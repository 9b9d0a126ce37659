/* SPDX-License-Identifier: Apache-2.0 */
/*
 * circuit.c - a destination that seems to be down is left alone.
 *
 *   closed -> (failures_to_open failed attempts in a row) -> open
 *   open -> (every probe_interval one event is tried) -> half-open -> closed, or open again
 *
 * While it is not closed no failure counts: an outage does not use up the attempts of a backlog. Probes
 * take one event after the other, so that one that no receiver would take does not keep it open. After
 * it the destination is started slowly.
 *
 * The backlog follows in order: what failed as it opened is due at once, and only the first event of each
 * chat is probed. When all of these have failed, one that is behind them is tried at that very moment (not with
 * chat-strict): should it get through, it was not the destination that failed.
 *
 * An answer that is about the one event tells nothing about the destination: it neither opens nor closes,
 * and counts for the event, always. The next probe follows at once then, with another event.
 *
 * So it is where a destination that answers, with an error of its own, has this one event only: no other
 * could tell whether it is the event or the destination, and an event that nobody can take must end.
 *
 * An event that is at its last attempt keeps it where all attempts have failed since its first one, this one
 * without an answer of the destination's own: the circuit opens then, however few these were. With strict and
 * chat-strict also with such an answer: no event behind it can tell whose fault it is, and they would die one
 * after the other.
 *
 * Where the sink says that no event could get through (HSW_HOLD) it opens at once, and the order is kept: a probe
 * takes the earliest event until one gets through, or fails in another way.
 *
 * When it opened is kept in the store: the next run begins with it open, and tries one event at once, as does a
 * section that was changed meanwhile.
 *
 * A destination that begins with events in retry may be down even so: it begins
 * half-open, so that restarts during an outage do not use up attempts either.
 */
#include "destination_impl.h"

#include "clock.h"
#include "err.h"
#include "log.h"
#include "notice.h"

#define UNKNOWN_PROBE_MS 500 /* between two probes of a destination that may be up */

int
circuit_number(const struct destination *d)
{
	return !d->is_held ? 0 : d->n_flying > 0 || d->is_unknown ? 1 : 2;
}

const char *
circuit_name(const struct destination *d)
{
	static const char *const names[] = { "closed", "half-open", "open" };
	return names[circuit_number(d)];
}

/* Errors of a server that did look at the event; 502 to 504 are said for one that is away. */
static bool
is_server_error(int status)
{
	return status >= 500 && status < 600 && (status < 502 || status > 504);
}

static bool
has_one_event(const struct destination *d)
{
	const struct hsw_delivery *slot;
	size_t n = d->in_retry;

	TAILQ_FOREACH (slot, &d->unsettled, order) {
		n += !slot->is_counted;
		if (n > 1)
			return false;
	}
	return n == 1 && d->position >= d->thread->tail_seq;
}

/* It is written at once: the next run goes on from it. */
static void
keep_since(struct destination *d, int64_t since_ms)
{
	d->attempts.down_since_ms = since_ms;
	if (d->is_leaving && d->leave_by_ms == 0)
		return;
	destination_keep_attempts(d);
	destination_save_attempts(d);
}

static void
disable(struct destination *d, int64_t open_ms)
{
	d->is_disabled = true;
	metric_add(d->disabled, 1);
	log_error("router",
		"destination was down for %lld s, disabled until it is enabled or the next start "
		"destination=%s "
		"status=%d: %s",
		(long long)(open_ms / 1000), d->name, d->last_status, d->last_error);
	notice_send(d, NOTICE_DISABLED, clock_wall_ms() - open_ms);
}

static void
open_circuit(struct destination *d, int64_t now)
{
	if (!d->is_held)
		d->probed_seq = d->probed_aside_seq = 0;
	d->probes_aside = false;
	retry_pull(&d->retries, 0);
	d->is_held = true;
	d->is_unknown = false;
	d->opened_at_ms = now;
	d->probe_at_ms = now + d->conf->probe_interval_ms;
	metric_add(d->opened, 1);
	log_warn("router",
		"circuit is open: the last %d attempts failed destination=%s status=%d: %s",
		d->failures, d->name, d->last_status, d->last_error);
	keep_since(d, clock_wall_ms());
	notice_send(d, NOTICE_CIRCUIT_OPENED, d->attempts.down_since_ms);
}

int
destination_enable(struct destination *d, bool *was_disabled, struct hsw_error *err)
{
	*was_disabled = d->is_disabled;
	if (!d->is_disabled)
		return HSW_OK;
	if (d->owned != NULL && d->owned->is_undecryptable)
		return err_set(err, HSW_EAUTH,
			"it stays disabled: its credentials cannot be decrypted. Set the webhook "
			"again, with its credentials, or start the daemon with the encryption_key "
			"that they were stored with");
	d->is_disabled = false;
	d->is_held = d->is_unknown = true;
	d->failures = 0;
	d->probe_at_ms = 0;
	destination_tell_gone(d, 0);
	log_info("router", "destination is enabled again destination=%s", d->name);
	delivery_pump_soon(d);
	return HSW_OK;
}

void
circuit_begin(struct destination *d)
{
	if (d->in_retry == 0 || d->is_held)
		return;
	d->is_held = d->is_unknown = true;
	d->probe_at_ms = 0;
}

/* Single failures are everyday: one line in a while says that there are any. */
static void
log_failure(struct destination *d, int64_t now)
{
	if (now < d->log_failure_at_ms)
		return;
	d->log_failure_at_ms = now + LOG_FAILURE_EVERY_MS;
	log_warn("router", "delivery failed destination=%s status=%d: %s", d->name, d->last_status,
		d->last_error);
}

static void
probe_failed(struct destination *d, int64_t now)
{
	int64_t open_ms = now - d->opened_at_ms;

	if (d->conf->disable_after_ms > 0 && open_ms >= d->conf->disable_after_ms &&
		!d->is_disabled)
		disable(d, open_ms);
}

static struct hsw_delivery *
after(const struct slot_list *list, int64_t seq)
{
	struct hsw_delivery *slot = TAILQ_FIRST(list);

	while (slot != NULL && slot->seq <= seq)
		slot = TAILQ_NEXT(slot, link);
	return slot;
}

/* A retry that is not read yet may be an earlier event of the chat. */
static bool
has_read_pulled(const struct destination *d)
{
	const struct retry *due = retry_first(&d->retries);

	return d->n_loading == 0 && d->n_saving == 0 && (due == NULL || due->due_ms > 0);
}

/* Strict order has one candidate only. NULL: each of them had its turn. */
static struct hsw_delivery *
next_probe(const struct destination *d)
{
	bool has_one_order = d->conf->ordering == ORDERING_STRICT;
	bool takes_fresh = has_one_order ? d->in_retry == 0
					 : d->conf->ordering != ORDERING_CHAT || has_read_pulled(d);
	int64_t from = has_one_order || d->probes_first ? 0 : d->probed_seq;
	struct hsw_delivery *retry = after(&d->retries_ready, from);
	struct hsw_delivery *fresh = takes_fresh ? after(&d->ready, from) : NULL;

	if (retry == NULL || (fresh != NULL && fresh->seq < retry->seq))
		return fresh;
	return retry;
}

static void
find_behind(const struct slot_list *leaders, int64_t seq, struct hsw_delivery **leader,
	struct hsw_delivery **found)
{
	struct hsw_delivery *l, *slot;

	TAILQ_FOREACH (l, leaders, link) {
		slot = after(&l->behind, seq);
		if (slot == NULL || (*found != NULL && (*found)->seq < slot->seq))
			continue;
		*leader = l;
		*found = slot;
	}
}

/* The next event that is behind another one of its chat, or may be; NULL: there is none. */
static struct hsw_delivery *
probe_aside(struct destination *d)
{
	struct hsw_delivery *leader = NULL, *found = NULL;
	struct hsw_delivery *fresh = after(&d->ready, d->probed_aside_seq);

	if (d->conf->ordering != ORDERING_CHAT)
		return NULL;
	find_behind(&d->retries_ready, d->probed_aside_seq, &leader, &found);
	find_behind(&d->ready, d->probed_aside_seq, &leader, &found);
	if (!has_read_pulled(d) && fresh != NULL && (found == NULL || fresh->seq < found->seq)) {
		found = fresh;
		leader = NULL;
	}
	if (found == NULL && d->probed_aside_seq != 0) {
		d->probed_aside_seq = 0;
		return probe_aside(d);
	}
	if (leader != NULL)
		delivery_overtake(leader, found);
	if (found != NULL)
		d->probed_aside_seq = found->seq;
	return found;
}

/*
 * A request with several events fails with all of them. Its plugin tells them one by one, so that it is as
 * many as it may have at most, and of those that were under way when the last one was counted.
 */
static void
count(struct destination *d, const struct hsw_delivery *slot, int64_t now)
{
	size_t most = config_gathers(d->section);

	if (most > 1 && slot->started_ms <= d->failed_at_ms && d->failed_events < most) {
		d->failed_events++;
		return;
	}
	d->failures++;
	d->failed_at_ms = now;
	d->failed_events = 1;
}

/* What is behind an event may not be tried before it is settled. */
static bool
is_strict(const struct destination *d)
{
	return d->conf->ordering == ORDERING_STRICT || d->conf->ordering == ORDERING_CHAT_STRICT;
}

/* Nothing has come through since its first attempt, nor was refused: then all that failed may be due to the
 * destination. Where there is no other event, it is to be tried once only, or the sink does not tell answers from
 * none, it ends on its schedule. */
static bool
is_of_outage(const struct destination *d, const struct hsw_delivery *slot, int status)
{
	bool is_of_event = is_server_error(status) && !is_strict(d);

	return slot->attempts > 0 && (d->ops->flags & HSW_SINK_STATUSES) && !is_of_event &&
		slot->first_ms > d->answered_at_ms && !has_one_event(d);
}

void
circuit_hold(struct destination *d)
{
	int64_t now = clock_mono_ms();

	d->failures++;
	d->probes_first = true;
	d->probes_aside = false;
	if (d->is_held && !d->is_unknown)
		probe_failed(d, now);
	else
		open_circuit(d, now);
}

bool
circuit_failed(struct destination *d, const struct hsw_delivery *slot, int status, bool is_last)
{
	int64_t now = clock_mono_ms();

	d->probes_first = false;

	if (hsw_status_is_about_event(status) || (is_server_error(status) && has_one_event(d))) {
		log_failure(d, now);
		if (hsw_status_is_about_event(status))
			d->answered_at_ms = now;
		circuit_told_nothing(d);
		return true;
	}
	count(d, slot, now);
	if (d->is_held && !d->is_unknown) {
		d->probes_aside = slot->seq == d->probed_seq && next_probe(d) == NULL;
		probe_failed(d, now);
		return false;
	}
	log_failure(d, now);
	bool is_spared = is_last && is_of_outage(d, slot, status),
	     counts = !d->is_held && !is_spared;
	if (d->failures >= d->conf->failures_to_open || (is_spared && !d->is_held))
		open_circuit(d, now);
	else if (d->is_held && d->conf->probe_interval_ms > UNKNOWN_PROBE_MS)
		d->probe_at_ms = now + UNKNOWN_PROBE_MS;
	return counts;
}

void
circuit_told_nothing(struct destination *d)
{
	if (d->is_held)
		d->probe_at_ms = 0;
}

static void
close_circuit(struct destination *d)
{
	log_info("router", "circuit is closed: delivering again destination=%s failures=%d",
		d->name, d->failures);
	notice_send(d, NOTICE_CIRCUIT_CLOSED, d->attempts.down_since_ms);
	keep_since(d, 0);
}

void
circuit_succeeded(struct destination *d)
{
	if (d->attempts.down_since_ms != 0)
		close_circuit(d);
	if (d->is_held && !d->is_unknown)
		retry_pull(&d->retries, 0); /* due in this very turn, whatever it took as now */
	if (d->is_held)
		pace_start_slowly(&d->pace, clock_mono_ms());
	d->is_held = d->is_unknown = d->probes_first = false;
	d->failures = 0;
}

/* One event is tried at once. */
static void
go_on_open(struct destination *d)
{
	int64_t open_ms = clock_wall_ms() - d->attempts.down_since_ms;

	d->is_held = true;
	d->is_unknown = false;
	d->opened_at_ms = clock_mono_ms() - (open_ms > 0 ? open_ms : 0);
	d->probe_at_ms = 0;
	retry_pull(&d->retries, 0);
	delivery_pump_soon(d);
}

void
circuit_recall(struct destination *d, int64_t since_ms)
{
	if (since_ms == 0 || d->attempts.down_since_ms != 0)
		return;
	d->attempts.down_since_ms = since_ms;
	if (d->last_delivered_at_ms != 0) {
		close_circuit(d);
		return;
	}
	go_on_open(d);
}

void
circuit_take_over(struct destination *d, const struct destination *before)
{
	if (d->attempts.down_since_ms == 0)
		return;
	d->failures = before->failures;
	go_on_open(d);
}

struct hsw_delivery *
circuit_probe(struct destination *d, int64_t now)
{
	bool is_aside = d->probes_aside;
	struct hsw_delivery *slot;

	if (d->n_flying > 0)
		return NULL;
	d->probes_aside = false;
	if (is_aside && (slot = probe_aside(d)) != NULL)
		return slot;
	if (now < d->probe_at_ms)
		return NULL;
	slot = next_probe(d);
	if (slot == NULL && d->probed_seq != 0) {
		d->probed_seq = 0;
		slot = next_probe(d);
	}
	if (slot != NULL) {
		d->probed_seq = slot->seq;
		d->probe_at_ms = now + d->conf->probe_interval_ms;
	}
	return slot;
}
