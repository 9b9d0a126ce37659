/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics.h - counters and gauges in the text format of Prometheus (exposition format 0.0.4).
 *
 * One registry of the process. A cell is made at its first use, under a lock, and lives until the
 * process ends: keep the pointer and count with metric_add, from any thread. At most
 * METRICS_CELLS_MAX cells; past that all new ones share a cell that is not shown.
 */
#ifndef METRICS_H
#define METRICS_H

#include <stdatomic.h>
#include <stdint.h>

#include "buf.h"

#define METRICS_CELLS_MAX 20000

struct metric {
	_Atomic int64_t value;
};

struct metric_label {
	const char *name;
	struct hsw_str value;
};

/* The cell of a metric with these labels (n of them, at most 3). Names ending in _total are counters,
 * others gauges. */
struct metric *metric_get(const char *name, const struct metric_label *labels, size_t n);

static inline void
metric_add(struct metric *m, int64_t n)
{
	atomic_fetch_add_explicit(&m->value, n, memory_order_relaxed);
}

static inline void
metric_set(struct metric *m, int64_t value)
{
	atomic_store_explicit(&m->value, value, memory_order_relaxed);
}

static inline int64_t
metric_value(const struct metric *m)
{
	return atomic_load_explicit(&m->value, memory_order_relaxed);
}

/* Appends all of them, sorted by name. */
void metrics_print(struct buf *);
/* Forgets all cells, for leak checkers, when no other thread runs any more. */
void metrics_free(void);

#endif
