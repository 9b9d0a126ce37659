/* SPDX-License-Identifier: Apache-2.0 */
/* health.c - see health.h. */
#include "health.h"

#include "clock.h"
#include "log.h"
#include "metrics.h"

#define ERROR_LOG_EVERY_MS 10000 /* a store that fails says so no more often */

/* Of memos that nobody reads. */
static const char probe_kind[] = "probe";

static const char *
kind_of_error(int rc)
{
	switch ((enum hsw_err)rc) {
	case HSW_ELIMIT:
		return "full";
	case HSW_EAGAIN:
	case HSW_ECLOSED:
		return "unavailable";
	case HSW_ENOMEM:
		return "memory";
	case HSW_EIO:
		return "io";
	case HSW_OK:
	case HSW_EINVAL:
	case HSW_EAUTH:
	case HSW_ENOTSUP:
	case HSW_ENOENT:
	case HSW_EUNPROCESSABLE:
		return "other";
	}
	return "other";
}

/* Other errors are of the daemon's own making, or of what it wanted to write. */
static bool
is_the_stores(int rc)
{
	return rc == HSW_ELIMIT || rc == HSW_EAGAIN || rc == HSW_ECLOSED || rc == HSW_EIO;
}

void
health_count(const char *operation, int rc)
{
	const struct metric_label labels[] = { { "operation", str_of(operation) },
		{ "kind", str_of(kind_of_error(rc)) } };
	metric_add(metric_get("hookswitch_store_errors_total", labels, 2), 1);
}

/* With what no store can make smaller: xorshift32 (Marsaglia, 2003). */
static void
fill_probe(struct health *h)
{
	uint32_t x = 2463534242u;

	for (size_t i = 0; i < sizeof(h->probe); i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		h->probe[i] = (char)(x >> 24);
	}
}

void
health_init(struct health *h)
{
	*h = (struct health){ .up = metric_get("hookswitch_store_up", NULL, 0), .is_up = true };
	fill_probe(h);
	metric_set(h->up, 1);
}

static void
set_up(struct health *h, bool is_up)
{
	if (is_up && (!h->is_up || h->log_errors_at != 0))
		log_info("store", "writing works again");
	if (is_up)
		h->log_errors_at = 0;
	h->is_up = is_up;
	metric_set(h->up, is_up);
}

static void
go_down(struct health *h, size_t bytes, int rc, const struct hsw_error *err)
{
	if (!is_the_stores(rc))
		return;
	if (h->is_up)
		h->needed = HEALTH_PROBE_MIN_BYTES;
	if (bytes > h->needed)
		h->needed = bytes < HEALTH_PROBE_MAX_BYTES ? bytes : HEALTH_PROBE_MAX_BYTES;
	h->why = *err;
	h->probe_at = clock_mono_ms() + HEALTH_PROBE_MS;
	set_up(h, false);
}

void
health_failed(struct health *h, int rc, const struct hsw_error *err)
{
	go_down(h, 0, rc, err);
}

void
health_wrote(struct health *h, size_t bytes, int rc, const struct hsw_error *err)
{
	int64_t now = clock_mono_ms();

	if (rc == HSW_OK) {
		if (h->is_up || bytes >= h->needed)
			set_up(h, true);
		return;
	}
	health_count("commit", rc);
	go_down(h, bytes, rc, err);
	if (now < h->log_errors_at)
		return;
	log_error("store", "a transaction failed and was rolled back: %s", err->text);
	h->log_errors_at = now + ERROR_LOG_EVERY_MS;
}

static int
write_probe(struct health *h, const struct store_port *store, struct hsw_error *err)
{
	const struct hsw_str kind = { probe_kind, sizeof(probe_kind) - 1 };
	const struct hsw_store_record record = { .kind = kind, .text = { h->probe, h->needed } };
	struct hsw_write write = {
		.kind = HSW_WRITE_MEMO, .at_ms = clock_wall_ms(), .record = &record
	};
	struct hsw_write *writes[] = { &write };
	int rc = store->ops->commit(store->self, writes, 1, err);

	return rc == HSW_OK ? store->ops->forget_memos(store->self, kind, INT64_MAX, err) : rc;
}

int64_t
health_look(struct health *h, const struct store_port *store)
{
	struct hsw_error err = { "" };

	if (h->is_up)
		return INT32_MAX;
	int64_t wait = h->probe_at - clock_mono_ms();
	if (wait > 0)
		return wait;
	int rc = write_probe(h, store, &err);
	if (rc == HSW_OK) {
		set_up(h, true);
		return INT32_MAX;
	}
	health_count("probe", rc);
	health_failed(h, rc, &err);
	h->probe_at = clock_mono_ms() + HEALTH_PROBE_MS;
	return HEALTH_PROBE_MS;
}
