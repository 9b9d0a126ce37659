/* SPDX-License-Identifier: Apache-2.0 */
/* gaps.c - see gaps.h. */
#include "gaps.h"

#include <stdlib.h>

#include "err.h"

void
gaps_init(struct gaps *g)
{
	*g = (struct gaps){ 0 };
	pthread_mutex_init(&g->lock, NULL);
	atomic_init(&g->has_any, false);
}

void
gaps_fini(struct gaps *g)
{
	pthread_mutex_destroy(&g->lock);
	free(g->list);
}

struct reading {
	struct gap *list;
	size_t n;
	bool failed;
};

static int
add(void *arg, int64_t after, int64_t upto)
{
	struct reading *r = arg;
	struct gap *grown = realloc(r->list, (r->n + 1) * sizeof(*grown));

	if (grown == NULL) {
		r->failed = true;
		return HSW_ENOMEM;
	}
	r->list = grown;
	r->list[r->n++] = (struct gap){ after, upto };
	return HSW_OK;
}

int
gaps_read(struct gaps *g, const struct store_port *store, struct hsw_error *err)
{
	struct reading r = { NULL, 0, false };
	int rc = store->ops->gaps != NULL ? store->ops->gaps(store->self, add, &r, err) : HSW_OK;

	if (rc == HSW_OK && r.failed)
		rc = err_set(err, HSW_ENOMEM, "out of memory");
	if (rc != HSW_OK) {
		free(r.list);
		return rc;
	}
	pthread_mutex_lock(&g->lock);
	struct gap *before = g->list;
	g->list = r.list;
	g->n = r.n;
	atomic_store(&g->has_any, r.n > 0);
	pthread_mutex_unlock(&g->lock);
	free(before);
	return HSW_OK;
}

/* Of a gap, what lies there. */
static int64_t
overlap(const struct gap *gap, int64_t after, int64_t upto)
{
	int64_t first = gap->after > after ? gap->after : after;
	int64_t last = gap->upto < upto ? gap->upto : upto;

	return last > first ? last - first : 0;
}

int64_t
gaps_count(struct gaps *g, int64_t after, int64_t upto)
{
	int64_t n = upto > after ? upto - after : 0;

	if (n == 0 || !atomic_load_explicit(&g->has_any, memory_order_acquire))
		return n;
	pthread_mutex_lock(&g->lock);
	for (size_t i = 0; i < g->n; i++)
		n -= overlap(&g->list[i], after, upto);
	pthread_mutex_unlock(&g->lock);
	return n;
}
