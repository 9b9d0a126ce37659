/* SPDX-License-Identifier: Apache-2.0 */
/* exceptions.c - retries and dead letters: listing, counting, replaying, purging. */
#include "sqlite.h"

/* An exception's own columns; the event's are before them. */
enum { COL_DESTINATION = 9, COL_ATTEMPTS, COL_TIME, COL_STATUS, COL_ERROR };

static int
hand_on(sqlite3_stmt *st, hsw_exception_fn *fn, void *arg)
{
	const struct hsw_store_event e = sqlite_event(st);
	const struct hsw_store_exception x = {
		.seq = e.seq,
		.destination = sqlite_column(st, COL_DESTINATION),
		.attempts = sqlite3_column_int(st, COL_ATTEMPTS),
		.due_ms = sqlite3_column_int64(st, COL_TIME),
		.at_ms = sqlite3_column_int64(st, COL_TIME),
		.status = sqlite3_column_int(st, COL_STATUS),
		.text = sqlite_column(st, COL_ERROR),
		.event = &e,
	};

	return fn(arg, &x);
}

static int
list(struct sqlite_store *s, enum statement which, hsw_exception_fn *fn, void *arg,
	struct hsw_error *err)
{
	int rc;

	while ((rc = sqlite3_step(s->st[which])) == SQLITE_ROW) {
		if (hand_on(s->st[which], fn, arg) != HSW_OK)
			break;
	}
	return sqlite_done(s, which, rc, "reading exceptions", err);
}

int
store_retries(void *self, struct hsw_str destination, int64_t after, size_t limit,
	hsw_exception_fn *fn, void *arg, struct hsw_error *err)
{
	struct sqlite_store *s = self;
	sqlite3_stmt *st = sqlite_use(s, ST_RETRIES);

	sqlite3_bind_int64(st, 1, destinations_id(s, destination));
	sqlite3_bind_int64(st, 2, after);
	sqlite3_bind_int64(st, 3, limit < INT64_MAX ? (int64_t)limit : INT64_MAX);
	return list(s, ST_RETRIES, fn, arg, err);
}

/* ---- dead letters ---- */

/* Parameters 1 to 5 of all statements with DEAD_MATCH. */
static sqlite3_stmt *
use_query(struct sqlite_store *s, enum statement which, const struct hsw_dead_query *q)
{
	sqlite3_stmt *st = sqlite_use(s, which);
	bool is_one = q->destination.len > 0;
	int64_t id = destinations_id(s, q->destination);

	sqlite3_bind_int64(st, 1, is_one ? id : 0);
	sqlite3_bind_int64(st, 2, is_one ? id : INT64_MAX);
	sqlite3_bind_int64(st, 3, q->after);
	sqlite3_bind_int64(st, 4, q->limit > 0 ? (int64_t)q->limit : -1);
	sqlite_bind_blob(st, 5, q->id);
	return st;
}

int
store_dead(void *self, const struct hsw_dead_query *q, hsw_exception_fn *fn, void *arg,
	struct hsw_error *err)
{
	struct sqlite_store *s = self;

	sqlite3_bind_int(use_query(s, ST_DEAD_LIST, q), 6, q->with_body != 0);
	return list(s, ST_DEAD_LIST, fn, arg, err);
}

int
store_dead_counts(void *self, hsw_count_fn *fn, void *arg, struct hsw_error *err)
{
	struct sqlite_store *s = self;
	sqlite3_stmt *st = sqlite_use(s, ST_DEAD_COUNTS);
	int rc;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (fn(arg, sqlite_column(st, 0), sqlite3_column_int64(st, 1)) != HSW_OK)
			break;
	}
	return sqlite_done(s, ST_DEAD_COUNTS, rc, "counting dead letters", err);
}

/* Runs a statement that tells the seqs that it deleted. *first: the lowest, if *n > 0. */
static int
delete_dead(struct sqlite_store *s, enum statement which, size_t *n, int64_t *first,
	struct hsw_error *err)
{
	int step;

	*n = 0;
	*first = INT64_MAX;
	while ((step = sqlite3_step(s->st[which])) == SQLITE_ROW) {
		int64_t seq = sqlite3_column_int64(s->st[which], 0);
		if (seq < *first)
			*first = seq;
		++*n;
	}
	int rc = sqlite_done(s, which, step, "deleting dead letters", err);
	if (rc != HSW_OK)
		*n = 0;
	return rc;
}

int
store_dead_replay(
	void *self, const struct hsw_dead_query *q, int64_t due, size_t *n, struct hsw_error *err)
{
	struct sqlite_store *s = self;
	int64_t first;
	int rc = file_check_in_place(s, err);

	*n = 0;
	if (rc == HSW_OK)
		rc = sqlite_begin(s, err);
	if (rc != HSW_OK)
		return rc;
	sqlite3_bind_int64(use_query(s, ST_DEAD_TO_RETRY, q), 6, due);
	rc = sqlite_run(s, ST_DEAD_TO_RETRY, "replaying dead letters", err);
	if (rc == HSW_OK) {
		use_query(s, ST_DEAD_DELETE, q);
		rc = delete_dead(s, ST_DEAD_DELETE, n, &first, err);
	}
	rc = sqlite_end(s, rc, err);
	if (rc != HSW_OK)
		*n = 0;
	return rc;
}

int
store_dead_purge(void *self, const struct hsw_dead_query *q, size_t *n, struct hsw_error *err)
{
	struct sqlite_store *s = self;
	int64_t first;

	use_query(s, ST_DEAD_DELETE, q);
	int rc = delete_dead(s, ST_DEAD_DELETE, n, &first, err);
	if (*n > 0)
		prune_tour_look_again(&s->tour, first);
	return rc;
}

/* Sets the end of a look: the last of max dead letters, or behind all. */
static int
find_look(struct sqlite_store *s, size_t max, int64_t *destination, int64_t *seq,
	struct hsw_error *err)
{
	sqlite3_stmt *st = sqlite_use(s, ST_DEAD_NEXT);

	sqlite3_bind_int64(st, 1, s->expired_upto.destination);
	sqlite3_bind_int64(st, 2, s->expired_upto.seq);
	sqlite3_bind_int64(st, 3, max > 0 && max < INT64_MAX ? (int64_t)max - 1 : 0);
	int rc = sqlite3_step(st);
	*destination = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : INT64_MAX;
	*seq = rc == SQLITE_ROW ? sqlite3_column_int64(st, 1) : INT64_MAX;
	return sqlite_done(s, ST_DEAD_NEXT, rc, "looking for old dead letters", err);
}

int
store_dead_expire(void *self, int64_t before_ms, size_t max, size_t *n, int *is_through,
	struct hsw_error *err)
{
	struct sqlite_store *s = self;
	int64_t destination, seq, first;
	int rc = find_look(s, max, &destination, &seq, err);

	*n = 0;
	*is_through = destination == INT64_MAX;
	if (rc != HSW_OK)
		return rc;
	sqlite3_stmt *st = sqlite_use(s, ST_DEAD_EXPIRE);
	sqlite3_bind_int64(st, 1, s->expired_upto.destination);
	sqlite3_bind_int64(st, 2, s->expired_upto.seq);
	sqlite3_bind_int64(st, 3, destination);
	sqlite3_bind_int64(st, 4, seq);
	sqlite3_bind_int64(st, 5, before_ms);
	rc = delete_dead(s, ST_DEAD_EXPIRE, n, &first, err);
	if (rc != HSW_OK)
		return rc;
	s->expired_upto.destination = *is_through ? 0 : destination;
	s->expired_upto.seq = *is_through ? 0 : seq;
	if (*n > 0)
		prune_tour_look_again(&s->tour, first);
	return HSW_OK;
}
