/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prune.c - deletes old events in batches, and ids that are too old to count.
 *
 * What was looked at, and what is next, is prune_tour.h's business.
 *
 * There is no index on received_at. Times grow with seq, but for a clock that was set: so the end
 * is looked for by bisection, which passes over events of the future once enough old ones are
 * behind them.
 */
#include "postgres.h"

#include <stdlib.h>

#define LOOK 5000 /* exceptions that a call passes, at most */

struct pass {
	struct postgres_store *store;
	int64_t before_ms;
	int64_t looked; /* up to here nothing is left to delete */
	int64_t end;    /* the last seq to look at */
	struct hsw_error *err;
};

/* The first event at or after from; *seq is INT64_MAX when there is none. */
static int
next_event(struct pass *p, int64_t from, int64_t *seq, int64_t *received_ms)
{
	struct params params = { 0 };
	PGresult *r = NULL;

	params_bigint(&params, from);
	int rc = query_one(p->store, ST_NEXT, &params, "looking for old events", &r, p->err);
	bool is_there = PQntuples(r) > 0;
	*seq = is_there ? result_bigint(r, 0, 0) : INT64_MAX;
	*received_ms = is_there ? result_bigint(r, 0, 1) : INT64_MAX;
	PQclear(r);
	return rc;
}

static int
last_of_log(struct pass *p, int64_t *last)
{
	struct hsw_store_stats stats;
	int rc = store_stats(p->store, &stats, p->err);

	*last = stats.last_seq;
	return rc;
}

/* Sets end to an old event after which, as far as can be told, none is old. */
static int
find_end(struct pass *p, int64_t upto)
{
	int64_t low = 0, high = 0, received_ms;
	int rc = last_of_log(p, &high);

	if (rc == HSW_OK)
		rc = next_event(p, p->looked + 1, &low, &received_ms);
	if (upto < high)
		high = upto;
	p->end = p->looked;
	while (rc == HSW_OK && low <= high) {
		int64_t mid = low + (high - low) / 2, seq;
		rc = next_event(p, mid, &seq, &received_ms);
		if (rc == HSW_OK && seq <= high && received_ms < p->before_ms) {
			p->end = seq;
			low = seq + 1;
		} else {
			high = mid - 1;
		}
	}
	return rc;
}

/* Sets *stop to where so many exceptions were passed that the rest is for another call, or to the end. */
static int
find_stop(struct pass *p, int64_t *stop)
{
	struct params params = { 0 };
	PGresult *r = NULL;
	int64_t first = p->looked + 1, received_ms;
	int rc = HSW_OK;

	if (p->end - p->looked > LOOK_SEQS)
		rc = next_event(p, first, &first, &received_ms);
	*stop = first <= p->end && p->end - first > LOOK_SEQS ? first + LOOK_SEQS : p->end;
	params_bigint(&params, p->looked);
	params_bigint(&params, *stop);
	params_bigint(&params, LOOK);
	if (rc == HSW_OK)
		rc = query_one(p->store, ST_NAMED, &params, "looking for old events", &r, p->err);
	if (rc == HSW_OK && PQgetisnull(r, 0, 0) == 0)
		*stop = result_bigint(r, 0, 0);
	PQclear(r);
	return rc;
}

/* *upto: the last seq that was looked at. What another node deleted meanwhile was found, but is not in *n. */
static int
delete_batch(struct pass *p, int64_t stop, size_t max, size_t *n, int64_t *upto)
{
	struct params params = { 0 };
	PGresult *r = NULL;

	params_bigint(&params, p->looked);
	params_bigint(&params, stop);
	params_bigint(&params, p->before_ms);
	params_bigint(&params, (int64_t)max);
	int rc = query_one(p->store, ST_DELETE, &params, "deleting old events", &r, p->err);
	if (rc == HSW_OK) {
		*n = (size_t)result_bigint(r, 0, 0);
		*upto = (size_t)result_bigint(r, 0, 1) < max ? stop : result_bigint(r, 0, 2);
	}
	PQclear(r);
	return rc;
}

/* The next tour begins at the first event that was too new. */
static int
note_too_new(struct pass *p, int64_t looked)
{
	struct postgres_store *s = p->store;
	struct params params = { 0 };
	PGresult *r = NULL;

	params_bigint(&params, p->looked);
	params_bigint(&params, looked);
	params_bigint(&params, p->before_ms);
	int rc = query_one(s, ST_TOO_NEW, &params, "looking for old events", &r, p->err);
	if (rc == HSW_OK && PQntuples(r) > 0)
		prune_tour_too_new(&s->tour, result_bigint(r, 0, 0));
	PQclear(r);
	return rc;
}

/* *is_done: fewer than max were left. */
static int
forget_ids(struct postgres_store *s, size_t max, bool *is_done, struct hsw_error *err)
{
	struct params p = { 0 };
	PGresult *r = NULL;

	*is_done = true;
	if (s->ids_since_ms == 0)
		return HSW_OK;
	params_bigint(&p, s->ids_since_ms);
	params_bigint(&p, (int64_t)max);
	int rc = query_one(s, ST_FORGET_IDS, &p, "forgetting ids", &r, err);
	if (rc == HSW_OK)
		*is_done = strtoul(PQcmdTuples(r), NULL, 10) < max;
	PQclear(r);
	return rc;
}

/* What the last search found is deleted before there is another one: a search is twenty round trips. */
static int
delete_found(struct pass *p, int64_t upto, size_t max, size_t *n)
{
	int64_t stop, looked;

	*n = 0;
	if (p->end > upto)
		p->end = upto;
	if (p->end <= p->looked)
		return HSW_OK;
	int rc = find_stop(p, &stop);
	if (rc == HSW_OK)
		rc = delete_batch(p, stop, max, n, &looked);
	if (rc == HSW_OK && *n != (size_t)(looked - p->looked))
		rc = note_too_new(p, looked);
	if (rc != HSW_OK)
		return rc;
	prune_tour_passed(&p->store->tour, looked);
	if (looked > p->store->looked_upto)
		p->store->looked_upto = looked;
	p->looked = looked;
	return HSW_OK;
}

/* Some of a tour. *is_done: it came to its end. */
static int
delete_events(struct pass *p, int64_t upto, size_t max, size_t *n, bool *is_done)
{
	size_t more = 0;
	int rc = delete_found(p, upto, max, n);

	*is_done = false;
	if (rc != HSW_OK || *n == max || p->looked < p->end)
		return rc;
	rc = find_end(p, upto);
	p->store->old_upto = p->end;
	p->store->old_before_ms = p->before_ms;
	if (rc == HSW_OK)
		rc = delete_found(p, upto, max - *n, &more);
	*n += more;
	*is_done = rc == HSW_OK && p->looked >= p->end;
	return rc;
}

/* A destination that only other nodes know holds events back, too; and, before this one has joined, its own. */
static int
keep_for_others(struct postgres_store *s, int64_t *upto, struct hsw_error *err)
{
	PGresult *r = NULL;
	int rc = query_one(s, ST_WANTED_FROM, NULL, "looking for what other nodes want", &r, err);

	if (rc == HSW_OK && PQgetisnull(r, 0, 0) == 0 && result_bigint(r, 0, 0) < *upto)
		*upto = result_bigint(r, 0, 0);
	PQclear(r);
	return rc;
}

static int
go_on(struct postgres_store *s, int64_t upto, int64_t before_ms, size_t max, size_t *n,
	struct hsw_error *err)
{
	bool is_done;

	prune_tour_begin(&s->tour);
	struct pass p = { .store = s,
		.before_ms = before_ms,
		.looked = s->tour.at,
		/* Where less counts as old now, what lies up to there may be the whole log. */
		.end = before_ms >= s->old_before_ms ? s->old_upto : 0,
		.err = err };
	int rc = delete_events(&p, upto, max, n, &is_done);
	s->usage.bytes -= (int64_t)*n * s->usage.event_bytes;
	if (s->usage.bytes < 0)
		s->usage.bytes = 0;
	if (rc != HSW_OK)
		return rc;
	s->tour.is_under_way = !is_done;
	if (!is_done && *n < max)
		*n = SIZE_MAX;
	return HSW_OK;
}

int
store_prune(
	void *self, int64_t upto, int64_t before_ms, size_t max, size_t *n, struct hsw_error *err)
{
	struct postgres_store *s = self;
	bool is_done = true;

	*n = 0;
	if (max > INT64_MAX)
		max = INT64_MAX;
	int rc = append_drop_stage(s, err);
	if (rc == HSW_OK && max > 0)
		rc = forget_ids(s, max, &is_done, err);
	if (rc == HSW_OK && max > 0)
		rc = keep_for_others(s, &upto, err);
	if (rc == HSW_OK && max > 0)
		rc = go_on(s, upto, before_ms, max, n, err);
	if (rc == HSW_OK && !is_done && *n < max)
		*n = max;
	return rc;
}
