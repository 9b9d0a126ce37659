/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destination_print.c - what people are told of a destination: its state as JSON, its gauges.
 */
#include "destination_impl.h"

#include "clock.h"
#include "notice.h"

#define CURSOR_LAZY_MS 5000 /* the cursor is written, when all that came was for others */

const char *
destination_state(const struct destination *d)
{
	return d->is_disabled                      ? "disabled"
		: d->is_held && !d->is_unknown     ? "held"
		: d->failures > 0 || d->has_failed ? "failing"
						   : "active";
}

int64_t
destination_lag(const struct destination *d)
{
	return journal_count(d->thread->journal, destination_cursor(d), d->thread->tail_seq);
}

static void
print_time(struct buf *out, const char *name, int64_t wall_ms)
{
	char text[CLOCK_TEXT_SIZE];

	if (wall_ms == 0)
		return;
	clock_text(wall_ms, text);
	buf_printf(out, ",\"%s\":\"%s\"", name, text);
}

void
destination_print(const struct destination *d, struct buf *out)
{
	buf_str(out, "{\"name\":");
	buf_json_cstr(out, d->name);
	buf_printf(out,
		",\"plugin\":\"%s\",\"state\":\"%s\",\"circuit\":\"%s\",\"concurrency\":%d,"
		"\"cursor\":%lld,\"lag\":%lld,"
		"\"inFlight\":%zu,\"retrying\":%zu,\"delivered\":%lld,\"failed\":%lld,\"failures\":"
		"%d",
		d->section->plugin->info->name, destination_state(d), circuit_name(d),
		(int)d->pace.allowed, (long long)destination_cursor(d),
		(long long)destination_lag(d), d->n_flying, d->in_retry,
		(long long)metric_value(d->delivered), (long long)metric_value(d->retried),
		d->failures);
	print_time(out, "lastDeliveredAt", d->last_delivered_at_ms);
	print_time(out, "lastErrorAt", d->last_error_at_ms);
	if (d->last_error_at_ms != 0) {
		buf_printf(out, ",\"lastStatus\":%d,\"lastError\":", d->last_status);
		buf_json_cstr(out, d->last_error);
	}
	buf_str(out, "}");
}

size_t
destination_retrying(const struct destination *d)
{
	return d->in_retry;
}

void
destination_print_attempts(const struct destination *d, bool with_delivered, struct buf *out)
{
	attempts_print(&d->attempts, with_delivered, out);
}

void
destination_measure_gone(const struct destination *d)
{
	metric_set(d->lag, 0);
	metric_set(d->waiting, 0);
	metric_set(d->circuit, 0);
	metric_set(d->allowed, 0);
}

void
destinations_measure(struct delivery_thread *t)
{
	int64_t now = clock_mono_ms();

	for (struct destination *d = t->first; d != NULL; d = d->next) {
		int64_t lag = destination_lag(d);
		metric_set(d->lag, lag);
		notice_lag(d, lag);
		metric_set(d->waiting, (int64_t)d->in_retry);
		metric_set(d->circuit, circuit_number(d));
		metric_set(d->allowed, (int64_t)d->pace.allowed);
		if (d->skipped_at_ms != 0 && now - d->skipped_at_ms >= CURSOR_LAZY_MS)
			destination_write_cursor(d);
	}
}
