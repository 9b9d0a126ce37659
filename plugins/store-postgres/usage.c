/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage.c - how much of the tables is in use.
 *
 * Their size on disk does not tell: it stays when rows are deleted, until the space is used again. So it is an
 * estimate: the events that there are, which their numbers and the gaps in these tell, times what one takes on the average. That is
 * taken from rows spread over the log, now and then, and smoothed: a batch of large events in the sample must
 * not make the log look twice as long.
 */
#include "postgres.h"

#define SAMPLE_ROWS 1000
#define SAMPLE_EVERY_MS 60000
#define SAMPLE_WEIGHT 4 /* a new sample counts one part in so many */
#define ROW_BYTES 100   /* beside what is sampled: headers, numbers, the id, the index */
#define LOOK 20000      /* exceptions that a call passes, at most */

struct range {
	int64_t first; /* seq that counts */
	int64_t rows;  /* from it on; 0: there is none */
	int64_t received_ms;
	bool is_found; /* or known not to be there */
};

/*
 * What is passed over needs no second look: exceptions name it. What the next tour of pruning will look at may have
 * been freed, so it may be the oldest; but the seqs between it and the log, as far as was looked at, are those of
 * events that are deleted, and do not count.
 */
static int
find_range(struct postgres_store *s, struct range *range, struct hsw_error *err)
{
	int64_t named = s->tour.named_upto;
	int64_t first = 1 + (s->looked_upto > named ? s->looked_upto : named);
	struct params p = { 0 };
	PGresult *r = NULL;

	params_bigint(&p, prune_tour_free_after(&s->tour));
	params_bigint(&p, LOOK);
	params_bigint(&p, LOOK_SEQS);
	params_bigint(&p, first);
	int rc = query_one(s, ST_USAGE, &p, "reading figures", &r, err);
	*range = (struct range){ 0 };
	if (rc == HSW_OK && PQntuples(r) > 0) {
		int64_t last = result_bigint(r, 0, 0), upto = result_bigint(r, 0, 4);
		bool is_there = PQgetisnull(r, 0, 1) == 0;
		int64_t free = is_there ? result_bigint(r, 0, 1)
			: upto < last   ? upto + 1
					: last + 1;
		prune_tour_found_named(&s->tour, free - 1);
		range->first = free > first ? free : first;
		range->rows = is_there ? last - range->first + 1 - result_bigint(r, 0, 3) : 0;
		range->received_ms = is_there ? result_bigint(r, 0, 2) : 0;
		range->is_found = is_there || upto >= last;
	}
	PQclear(r);
	return rc;
}

static int
sample(struct postgres_store *s, const struct range *range, struct hsw_error *err)
{
	struct usage *u = &s->usage;
	struct params p = { 0 };
	PGresult *r = NULL;

	if (session_now_ms() < u->sample_at)
		return HSW_OK;
	params_bigint(&p, range->first);
	params_bigint(&p, range->rows - 1);
	params_bigint(&p, SAMPLE_ROWS);
	int rc = query_one(s, ST_SAMPLE, &p, "reading figures", &r, err);
	if (rc == HSW_OK && PQntuples(r) > 0) {
		int64_t before = u->event_bytes;
		u->named = result_bigint(r, 0, 0);
		if (!PQgetisnull(r, 0, 1))
			u->event_bytes = ROW_BYTES + result_bigint(r, 0, 1);
		if (before != 0)
			u->event_bytes = before + (u->event_bytes - before) / SAMPLE_WEIGHT;
		u->sample_at = u->event_bytes != 0 ? session_now_ms() + SAMPLE_EVERY_MS : 0;
	}
	PQclear(r);
	return rc;
}

int
store_usage(void *self, struct hsw_store_usage *usage, struct hsw_error *err)
{
	struct postgres_store *s = self;
	struct range range;
	int rc = find_range(s, &range, err);

	*usage = (struct hsw_store_usage){ 0 };
	if (rc == HSW_OK && range.is_found)
		rc = sample(s, &range, err);
	if (rc != HSW_OK)
		return rc;
	if (range.is_found) {
		s->usage.bytes = (range.rows + s->usage.named) * s->usage.event_bytes;
		s->usage.oldest_ms = range.received_ms;
	}
	usage->bytes = s->usage.bytes;
	usage->oldest_ms = s->usage.oldest_ms;
	return HSW_OK;
}
