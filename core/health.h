/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health.h - whether the store can be written to, as far as its thread knows: of what it wrote last and, while
 * that failed and nothing else fails, of a probe. On a full disk there is room for a cursor when there is none for
 * an event, so it is up again only when as much could be written as what had failed. The store thread; it is
 * the metric hookswitch_store_up.
 */
#ifndef HEALTH_H
#define HEALTH_H

#include "store.h"

#define HEALTH_PROBE_MS 2000 /* without a failed write: time for a probe */
/* What a probe writes: as much as what failed, within these. */
#define HEALTH_PROBE_MIN_BYTES 8192
#define HEALTH_PROBE_MAX_BYTES 65536

struct health {
	struct metric *up;
	bool is_up;
	int64_t probe_at;      /* clock_mono_ms; while it is not up */
	size_t needed;         /* bytes that could not be written; while it is not up */
	int64_t log_errors_at; /* clock_mono_ms */
	struct hsw_error why;  /* while it is not up */
	char probe[HEALTH_PROBE_MAX_BYTES];
};

/* It was opened. */
void health_init(struct health *);
/* How a transaction ended, which is logged and counted; bytes: of its bodies. */
void health_wrote(struct health *, size_t bytes, int rc, const struct hsw_error *);
/* Something else than a transaction failed. */
void health_failed(struct health *, int rc, const struct hsw_error *);
/* Writes a probe if it is time for one. Returns in how many ms to call it again, at most. */
int64_t health_look(struct health *, const struct store_port *);
/* Counts that an operation ("commit", "read", "prune", "probe") of the store failed. */
void health_count(const char *operation, int rc);

#endif
