/* SPDX-License-Identifier: Apache-2.0 */
/*
 * circuit.c - a destination that seems to be down is left alone.
 *
 *   closed -> (failures_to_open failed attempts in a row) -> open
 *   open -> (every probe_interval one event is tried) -> half-open -> closed, or open again
 *
 * While it is not closed no attempt counts: an outage does not use up the attempts of a backlog. Probes
 * take one event after the other, so that one that no receiver would take does not keep it open. After
 * it the destination is started slowly.
 */
#include "destination_impl.h"

#include "clock.h"
#include "log.h"
#include "notice.h"

const char *
circuit_name(const struct destination *d)
{
	return !d->is_held ? "closed" : d->n_flying > 0 ? "half-open" : "open";
}

int
circuit_number(const struct destination *d)
{
	return !d->is_held ? 0 : d->n_flying > 0 ? 1 : 2;
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
		"destination was down for %lld s, disabled until the next start destination=%s "
		"status=%d: %s",
		(long long)(open_ms / 1000), d->name, d->last_status, d->last_error);
	notice_send(d, NOTICE_DISABLED, clock_wall_ms() - open_ms);
}

static void
open_circuit(struct destination *d, int64_t now)
{
	d->is_held = true;
	d->opened_at_ms = now;
	d->probe_at_ms = now + d->conf->probe_interval_ms;
	d->probed_seq = 0;
	metric_add(d->opened, 1);
	log_warn("router",
		"circuit is open: the last %d attempts failed destination=%s status=%d: %s",
		d->failures, d->name, d->last_status, d->last_error);
	notice_send(d, NOTICE_CIRCUIT_OPENED, clock_wall_ms());
}

/* Single failures are everyday: one line in a while says that there are any. */
bool
circuit_failed(struct destination *d)
{
	int64_t now = clock_mono_ms();

	d->failures++;
	if (d->is_held) {
		int64_t open_ms = now - d->opened_at_ms;
		if (d->conf->disable_after_ms > 0 && open_ms >= d->conf->disable_after_ms &&
			!d->is_disabled)
			disable(d, open_ms);
		return false;
	}
	if (now >= d->log_failure_at_ms) {
		d->log_failure_at_ms = now + LOG_FAILURE_EVERY_MS;
		log_warn("router", "delivery failed destination=%s status=%d: %s", d->name,
			d->last_status, d->last_error);
	}
	if (d->failures >= d->conf->failures_to_open)
		open_circuit(d, now);
	return true;
}

void
circuit_succeeded(struct destination *d)
{
	if (d->is_held) {
		log_info("router", "circuit is closed: delivering again destination=%s failures=%d",
			d->name, d->failures);
		notice_send(d, NOTICE_CIRCUIT_CLOSED, wall_of(d->opened_at_ms, clock_mono_ms()));
		d->is_held = false;
		pace_start_slowly(&d->pace);
		retry_pull(&d->retries, 0); /* due in this very turn, whatever it took as now */
	}
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
	struct hsw_delivery *retry = after(&d->retries_ready, is_strict ? 0 : d->probed_seq);
	struct hsw_delivery *fresh = is_strict && d->in_retry > 0
		? NULL
		: after(&d->ready, is_strict ? 0 : d->probed_seq);
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
