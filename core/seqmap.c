/* SPDX-License-Identifier: Apache-2.0 */
/* seqmap.c - see seqmap.h. */
#include "seqmap.h"

#include <stdlib.h>

bool
seqmap_add(struct seqmap *m, int64_t from, int64_t to)
{
	struct seqmap_run *last = m->n_runs > 0 ? &m->runs[m->n_runs - 1] : NULL;

	if (last != NULL && from == last->from + last->n && to == last->to + last->n) {
		last->n++;
		m->n++;
		return true;
	}
	if (m->n_runs == m->cap) {
		size_t cap = m->cap > 0 ? 2 * m->cap : 64;
		struct seqmap_run *grown = realloc(m->runs, cap * sizeof(*grown));
		if (grown == NULL)
			return false;
		m->runs = grown;
		m->cap = cap;
	}
	m->runs[m->n_runs++] = (struct seqmap_run){ from, to, 1 };
	m->n++;
	return true;
}

int64_t
seqmap_at_or_before(const struct seqmap *m, int64_t from)
{
	size_t low = 0, high = m->n_runs;

	/* low: how many runs begin at or before it */
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (m->runs[mid].from <= from)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == 0)
		return 0;
	const struct seqmap_run *r = &m->runs[low - 1];
	int64_t at = from - r->from;
	return r->to + (at < r->n ? at : r->n - 1);
}

void
seqmap_free(struct seqmap *m)
{
	free(m->runs);
	*m = (struct seqmap){ NULL, 0, 0, 0 };
}
