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
 * An answer that is about the one event tells nothing about the destination: it neither opens nor closes,
 * and counts for the event, always. The next probe follows at once then, with another event.
 *
 * So it is where a destination that answers, with an error of its own, has this one event only: no other
 * could tell whether it is the event or the destination, and an event that nobody can take must end.
 *
 * Where the sink says that no event could get through (HSW_HOLD) it opens at once, and the order is kept: a probe
 * takes the earliest event until one gets through, or fails in another way.
 *
 * A destination that begins with events in retry may have been down when the last run ended: it begins
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

/* Answers to what an event is or says, rather than to who asks, where or when. */
static bool
is_about_event(int status)
{
	switch (status) {
	case 401:
	case 403:
	case 404:
	case 407:
	case 408:
	case 410:
	case 425:
	case 429:
		return false;
	default:
		return status >= 400 && status < 500;
	}
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

/* The same moment since 1970. */
static int64_t
wall_of(int64_t mono_ms, int64_t now)
{
	return clock_wall_ms() - (now - mono_ms);
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
		d->probed_seq = 0;
	d->is_held = true;
	d->is_unknown = false;
	d->opened_at_ms = now;
	d->probe_at_ms = now + d->conf->probe_interval_ms;
	metric_add(d->opened, 1);
	log_warn("router",
		"circuit is open: the last %d attempts failed destination=%s status=%d: %s",
		d->failures, d->name, d->last_status, d->last_error);
	notice_send(d, NOTICE_CIRCUIT_OPENED, clock_wall_ms());
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

void
circuit_hold(struct destination *d)
{
	int64_t now = clock_mono_ms();

	d->failures++;
	d->probes_first = true;
	if (d->is_held && !d->is_unknown)
		probe_failed(d, now);
	else
		open_circuit(d, now);
}

bool
circuit_failed(struct destination *d, int status)
{
	int64_t now = clock_mono_ms();

	d->probes_first = false;

	if (is_about_event(status) || (is_server_error(status) && has_one_event(d))) {
		log_failure(d, now);
		circuit_told_nothing(d);
		return true;
	}
	d->failures++;
	if (d->is_held && !d->is_unknown) {
		probe_failed(d, now);
		return false;
	}
	log_failure(d, now);
	bool counts = !d->is_held;
	if (d->failures >= d->conf->failures_to_open)
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

void
circuit_succeeded(struct destination *d)
{
	if (d->is_held && !d->is_unknown) {
		log_info("router", "circuit is closed: delivering again destination=%s failures=%d",
			d->name, d->failures);
		notice_send(d, NOTICE_CIRCUIT_CLOSED, wall_of(d->opened_at_ms, clock_mono_ms()));
		retry_pull(&d->retries, 0); /* due in this very turn, whatever it took as now */
	}
	if (d->is_held)
		pace_start_slowly(&d->pace, clock_mono_ms());
	d->is_held = d->is_unknown = d->probes_first = false;
	d->failures = 0;
}

static struct hsw_delivery *
after(const struct slot_list *list, int64_t seq)
{
	struct hsw_delivery *slot = TAILQ_FIRST(list);

	while (slot != NULL && slot->seq <= seq)
		slot = TAILQ_NEXT(slot, link);
	return slot;
}

/* Strict order has one candidate only. */
struct hsw_delivery *
circuit_probe(struct destination *d, int64_t now)
{
	bool is_strict = d->conf->ordering == ORDERING_STRICT;

	if (now < d->probe_at_ms || d->n_flying > 0)
		return NULL;
	int64_t from = is_strict || d->probes_first ? 0 : d->probed_seq;
	struct hsw_delivery *retry = after(&d->retries_ready, from);
	struct hsw_delivery *fresh = is_strict && d->in_retry > 0 ? NULL : after(&d->ready, from);
	struct hsw_delivery *slot = retry;
	if (slot == NULL || (fresh != NULL && fresh->seq < slot->seq))
		slot = fresh;
	if (slot == NULL && d->probed_seq != 0) {
		d->probed_seq = 0;
		return circuit_probe(d, now);
	}
	if (slot != NULL) {
		d->probed_seq = slot->seq;
		d->probe_at_ms = now + d->conf->probe_interval_ms;
	}
	return slot;
}
