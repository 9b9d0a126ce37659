/* SPDX-License-Identifier: Apache-2.0 */
/*
 * retain.c - see retain.h.
 *
 * retention_size is a control loop: above it all that is settled counts as old, and goes oldest first, a batch
 * at a time, until a twentieth less is in use. So it works in bursts, and a batch is
 * no larger than is needed, as far as those before it tell: an event may be a kilobyte or megabytes. What it measures must fall with each batch: that is the store's to see to.
 */
#include "retain.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "metrics.h"

#define DURATION_SIZE 32

/* In the unit that is left with two digits where there is one. */
static void
duration_text(int64_t ms, char text[DURATION_SIZE])
{
	static const struct {
		int64_t ms;
		const char *name;
	} units[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" } };
	size_t i = 0;

	while (i < 3 && ms < 2 * units[i].ms)
		i++;
	snprintf(text, DURATION_SIZE, "%" PRId64 " %s", ms / units[i].ms, units[i].name);
}

/* ---- who still waits ---- */

struct floor {
	const struct retain *retain;
	const struct config *config;
	int64_t seq;
};

/* Only destinations that are configured hold events back: those of sections, and those whose name has a slash, as these
 * are the API's and are forgotten with their configuration: or that is left to another daemon, which may never do it,
 * where wants() tells. */
static bool
holds_back(const struct floor *f, struct hsw_str destination)
{
	const struct retain *r = f->retain;

	if (memchr(destination.s, '/', destination.len) != NULL)
		return r->wants == NULL || r->wants(r->wants_arg, destination);
	for (const struct config_section *s = f->config->sinks; s != NULL; s = s->next) {
		if (str_is(destination, s->name))
			return true;
	}
	return false;
}

static int
lower_floor(void *arg, struct hsw_str destination, int64_t cursor)
{
	struct floor *f = arg;

	if (cursor < f->seq && holds_back(f, destination))
		f->seq = cursor;
	return HSW_OK;
}

/* ---- dead letters ---- */

static int64_t
pass_every_ms(int64_t dead_retention_ms)
{
	int64_t part = dead_retention_ms / RETAIN_DEAD_PART;

	if (part > RETAIN_DEAD_MS)
		return RETAIN_DEAD_MS;
	return part > RETAIN_DEAD_MIN_MS ? part : RETAIN_DEAD_MIN_MS;
}

static void
end_pass(struct retain *r, int64_t dead_retention_ms)
{
	char text[DURATION_SIZE];

	duration_text(dead_retention_ms, text);
	if (r->dead > 0)
		log_info("store", "deleted dead letters that were older than %s count=%zu", text,
			r->dead);
	r->dead = 0;
}

static int
expire_dead(struct retain *r, int64_t dead_retention_ms, const struct store_port *store,
	struct hsw_error *err)
{
	int64_t now = clock_mono_ms();
	int is_through = 0;
	size_t n = 0;

	if (dead_retention_ms == 0 || now < r->dead_at)
		return HSW_OK;
	int rc = store->ops->dead_expire(store->self, clock_wall_ms() - dead_retention_ms,
		RETAIN_DEAD_LOOK, &n, &is_through, err);
	if (rc != HSW_OK)
		return rc;
	r->dead += n;
	metric_add(metric_get("hookswitch_dead_expired_total", NULL, 0), (int64_t)n);
	r->dead_at = now + (is_through ? pass_every_ms(dead_retention_ms) : RETAIN_DEAD_REST_MS);
	if (is_through)
		end_pass(r, dead_retention_ms);
	return HSW_OK;
}

/* ---- settled events ---- */

static int64_t
age_ms(const struct retain *r)
{
	int64_t age = r->usage.oldest_ms > 0 ? clock_wall_ms() - r->usage.oldest_ms : 0;

	return age > 0 ? age : 0;
}

static void
learn_size(struct retain *r, int64_t bytes_before)
{
	int64_t freed = bytes_before - r->usage.bytes;

	if (r->deleted > 0 && freed / (int64_t)r->deleted > r->event_bytes)
		r->event_bytes = freed / (int64_t)r->deleted;
	r->deleted = 0;
}

/* How many events to delete at most. */
static size_t
batch_size(const struct retain *r, int64_t limit)
{
	int64_t over = r->usage.bytes - (limit - limit / RETAIN_SLACK);
	size_t batch = prune_batch(&r->prune);

	if (!r->is_short)
		return batch;
	size_t needed = r->event_bytes > 0 ? 1 + (size_t)(over / r->event_bytes) : RETAIN_FIRST;
	return needed < batch ? needed : batch;
}

static int
measure(struct retain *r, int64_t limit, const struct store_port *store, struct hsw_error *err)
{
	int64_t now = clock_mono_ms();

	if (limit == 0)
		r->is_short = false;
	if (!r->is_short && now < r->measure_at)
		return HSW_OK;
	int64_t before = r->usage.bytes;
	int rc = store->ops->usage(store->self, &r->usage, err);
	if (rc != HSW_OK)
		return rc;
	learn_size(r, before);
	r->measure_at = now + (limit > 0 ? RETAIN_LIMITED_MS : RETAIN_MEASURE_MS);
	metric_set(metric_get("hookswitch_store_used_bytes", NULL, 0), r->usage.bytes);
	metric_set(metric_get("hookswitch_store_oldest_event_seconds", NULL, 0), age_ms(r) / 1000);
	if (limit > 0 && r->usage.bytes > limit)
		r->is_short = true;
	else if (r->usage.bytes <= limit - limit / RETAIN_SLACK)
		r->is_short = false;
	if (!r->is_short)
		r->event_bytes = 0;
	return HSW_OK;
}

static bool
may_say(int64_t *at)
{
	int64_t now = clock_mono_ms();

	if (*at != 0 && now < *at)
		return false;
	*at = now + RETAIN_SAY_MS;
	return true;
}

/* n: how many were deleted. */
static void
tell_of_shortage(struct retain *r, const struct store_conf *conf, size_t n)
{
	char kept[DURATION_SIZE], asked[DURATION_SIZE];

	/* A store that is on its way past exceptions may not know yet how old the oldest is. */
	if (n > 0 && r->usage.oldest_ms > 0 && age_ms(r) < conf->retention_ms &&
		may_say(&r->say_early_at)) {
		duration_text(age_ms(r), kept);
		duration_text(conf->retention_ms, asked);
		log_warn("store",
			"events are kept for %s instead of %s because of retention_size "
			"bytes=%" PRId64,
			kept, asked, r->usage.bytes);
	}
	if (n == 0 && may_say(&r->say_full_at))
		log_warn("store",
			"more than retention_size is in use and nothing of it can be deleted: "
			"sinks "
			"still wait for it, or it is dead letters bytes=%" PRId64,
			r->usage.bytes);
}

int
retain_run(struct retain *r, const struct config *config, const struct store_port *store,
	int64_t *wait_ms, struct hsw_error *err)
{
	const struct store_conf *conf = &config->store;
	struct floor floor = { r, config, INT64_MAX };
	size_t n = 0;

	int rc = expire_dead(r, conf->dead_retention_ms, store, err);
	if (rc == HSW_OK)
		rc = measure(r, conf->retention_size, store, err);
	int64_t began = clock_mono_ms(), now = clock_wall_ms();
	if (rc == HSW_OK)
		rc = store->ops->cursors(store->self, lower_floor, &floor, err);
	if (rc == HSW_OK)
		rc = store->ops->prune(store->self, floor.seq,
			r->is_short ? now : now - conf->retention_ms,
			batch_size(r, conf->retention_size), &n, err);
	int64_t took = clock_mono_ms() - began;
	if (rc == HSW_OK && n == SIZE_MAX) {
		*wait_ms = prune_rest_ms(took);
		return HSW_OK;
	}
	int64_t wait = prune_done(&r->prune, n, took);
	r->deleted += n;
	if (rc != HSW_OK)
		return rc;
	if (r->is_short)
		tell_of_shortage(r, conf, n);
	if (r->dead > 0 && wait > RETAIN_DEAD_REST_MS)
		wait = RETAIN_DEAD_REST_MS;
	*wait_ms = wait;
	return HSW_OK;
}
