/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exceptions.c - retries and dead letters: listing, counting, replaying, purging. Lists are read in chunks,
 * so that a long one does not stand in memory as a whole.
 */
#include "postgres.h"

#include <stdlib.h>

/* An exception's own columns; the event's are before them. */
enum { COL_DESTINATION = 9, COL_ATTEMPTS, COL_TIME, COL_STATUS, COL_ERROR, COL_ID };

#define CHUNK 512
#define CHUNK_WITH_BODY 16 /* bodies may be megabytes */

static bool
hand_on(const PGresult *r, int row, hsw_exception_fn *fn, void *arg)
{
	const struct hsw_store_event e = result_event(r, row);
	const struct hsw_store_exception x = {
		.seq = e.seq,
		.destination = result_bytes(r, row, COL_DESTINATION),
		.attempts = result_int(r, row, COL_ATTEMPTS),
		.due_ms = result_bigint(r, row, COL_TIME),
		.at_ms = result_bigint(r, row, COL_TIME),
		.status = result_int(r, row, COL_STATUS),
		.text = result_bytes(r, row, COL_ERROR),
		.event = &e,
	};

	return fn(arg, &x) == HSW_OK;
}

/* false: no more are wanted. */
static bool
hand_on_all(const PGresult *r, hsw_exception_fn *fn, void *arg)
{
	for (int i = 0; i < PQntuples(r); i++) {
		if (!hand_on(r, i, fn, arg))
			return false;
	}
	return true;
}

int
store_retries(void *self, struct hsw_str destination, int64_t after, size_t limit,
	hsw_exception_fn *fn, void *arg, struct hsw_error *err)
{
	struct postgres_store *s = self;
	int64_t id = destinations_id(s, destination);
	bool goes_on = true;
	int rc = HSW_OK;

	while (rc == HSW_OK && goes_on && limit > 0) {
		size_t some = limit < CHUNK ? limit : CHUNK;
		struct params p = { 0 };
		PGresult *r = NULL;
		params_int(&p, (int)id);
		params_bigint(&p, after);
		params_bigint(&p, (int64_t)some);
		rc = query_one(s, ST_RETRIES, &p, "reading retries", &r, err);
		size_t n = (size_t)PQntuples(r);
		goes_on = hand_on_all(r, fn, arg) && n == some;
		if (n > 0)
			after = result_bigint(r, (int)n - 1, 0);
		limit -= n;
		PQclear(r);
	}
	return rc;
}

/* ---- dead letters ---- */

/* Where a list is: after this destination and seq. */
struct place {
	int destination;
	int64_t seq;
};

/* One that another node attached since the connection was made is not known here yet. */
static int
know_destination(struct postgres_store *s, const struct hsw_dead_query *q, struct hsw_error *err)
{
	int rc = session_need(s, err);

	if (rc != HSW_OK || q->destination.len == 0 || destinations_id(s, q->destination) != 0)
		return rc;
	return destinations_load(s, err);
}

/* Parameters 1 to 6 of all statements with DEAD_MATCH. */
static struct params
query_params(const struct postgres_store *s, const struct hsw_dead_query *q, struct place from,
	int64_t limit)
{
	struct params p = { 0 };
	bool is_one = q->destination.len > 0;

	params_int(&p, from.destination);
	params_int(&p, is_one ? (int)destinations_id(s, q->destination) : INT32_MAX);
	params_bigint(&p, q->after);
	params_bigint(&p, limit);
	params_bytes(&p, q->id);
	params_bigint(&p, from.seq);
	return p;
}

static struct place
begin_of(const struct postgres_store *s, const struct hsw_dead_query *q)
{
	bool is_one = q->destination.len > 0;

	return (struct place){ is_one ? (int)destinations_id(s, q->destination) : 0, q->after };
}

int
store_dead(void *self, const struct hsw_dead_query *q, hsw_exception_fn *fn, void *arg,
	struct hsw_error *err)
{
	struct postgres_store *s = self;
	size_t chunk = q->with_body ? CHUNK_WITH_BODY : CHUNK;
	size_t left = q->limit > 0 ? q->limit : SIZE_MAX;
	int rc = know_destination(s, q, err);
	struct place from = begin_of(s, q);
	bool goes_on = true;

	while (rc == HSW_OK && goes_on && left > 0) {
		size_t some = left < chunk ? left : chunk;
		struct params p = query_params(s, q, from, (int64_t)some);
		PGresult *r = NULL;
		params_int(&p, q->with_body != 0);
		rc = query_one(s, ST_DEAD_LIST, &p, "reading dead letters", &r, err);
		size_t n = (size_t)PQntuples(r);
		goes_on = hand_on_all(r, fn, arg) && n == some;
		if (n > 0)
			from = (struct place){ result_int(r, (int)n - 1, COL_ID),
				result_bigint(r, (int)n - 1, 0) };
		left -= n;
		PQclear(r);
	}
	return rc;
}

int
store_dead_counts(void *self, hsw_count_fn *fn, void *arg, struct hsw_error *err)
{
	PGresult *r = NULL;
	int rc = query_one(self, ST_DEAD_COUNTS, NULL, "counting dead letters", &r, err);

	for (int i = 0; i < PQntuples(r); i++) {
		if (fn(arg, result_bytes(r, i, 0), result_bigint(r, i, 1)) != HSW_OK)
			break;
	}
	PQclear(r);
	return rc;
}

int
store_dead_replay(
	void *self, const struct hsw_dead_query *q, int64_t due, size_t *n, struct hsw_error *err)
{
	struct postgres_store *s = self;
	PGresult *r = NULL;
	int rc = know_destination(s, q, err);

	*n = 0;
	if (rc != HSW_OK)
		return rc;
	struct params p = query_params(
		s, q, begin_of(s, q), q->limit > 0 ? (int64_t)q->limit : INT64_MAX);
	params_bigint(&p, due);
	const int64_t id = destinations_id(s, q->destination);
	query_add(s, ST_DEAD_REPLAY, &p);
	if (s->node != NULL)
		touch_add(s, id, id);
	rc = query_run(s, "replaying dead letters", 0, &r, NULL, err);
	if (rc == HSW_OK)
		*n = strtoul(PQcmdTuples(r), NULL, 10);
	PQclear(r);
	return rc;
}

/* Where the answer was lost nobody knows which are gone. */
static void
look_again(struct postgres_store *s, int rc, size_t n, int64_t first)
{
	if (rc != HSW_OK || n > 0)
		prune_tour_look_again(&s->tour, rc == HSW_OK ? first : 1);
}

int
store_dead_purge(void *self, const struct hsw_dead_query *q, size_t *n, struct hsw_error *err)
{
	struct postgres_store *s = self;
	PGresult *r = NULL;
	int rc = know_destination(s, q, err);

	*n = 0;
	if (rc != HSW_OK)
		return rc;
	const struct params p = query_params(
		s, q, begin_of(s, q), q->limit > 0 ? (int64_t)q->limit : INT64_MAX);
	rc = query_one(s, ST_DEAD_PURGE, &p, "deleting dead letters", &r, err);

	*n = rc == HSW_OK ? (size_t)result_bigint(r, 0, 0) : 0;
	look_again(s, rc, *n, *n > 0 ? result_bigint(r, 0, 1) : 1);
	PQclear(r);
	return rc;
}

int
store_dead_expire(void *self, int64_t before_ms, size_t max, size_t *n, int *is_through,
	struct hsw_error *err)
{
	struct postgres_store *s = self;
	struct params p = { 0 };
	PGresult *r = NULL;

	params_int(&p, (int)s->expired_upto.destination);
	params_bigint(&p, s->expired_upto.seq);
	params_bigint(&p, max < INT64_MAX ? (int64_t)max : INT64_MAX);
	params_bigint(&p, before_ms);
	*n = 0;
	*is_through = 0;
	int rc = query_one(s, ST_DEAD_EXPIRE, &p, "deleting old dead letters", &r, err);
	bool is_any = PQntuples(r) > 0;
	if (is_any)
		*n = (size_t)result_bigint(r, 0, 0);
	if (rc == HSW_OK) {
		*is_through = !is_any || (size_t)result_bigint(r, 0, 1) < max;
		s->expired_upto.destination = *is_through ? 0 : result_bigint(r, 0, 2);
		s->expired_upto.seq = *is_through ? 0 : result_bigint(r, 0, 3);
	}
	look_again(s, rc, *n, *n > 0 ? result_bigint(r, 0, 4) : 1);
	PQclear(r);
	return rc;
}
