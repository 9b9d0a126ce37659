/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prune.c - deletes old events, in ranges between those that an exception names.
 *
 * What was looked at, and what is next, is prune_tour.h's business.
 *
 * There is no index on received_at. Times grow with seq, but for a clock that was set: so the end
 * is looked for by bisection, which passes over events of the future once enough old ones are
 * behind them.
 */
#include "sqlite.h"

#define PRUNE_LOOK 5000  /* exceptions that a call passes, at most */
#define USAGE_LOOK 20000 /* and one that looks for the first event that none names */

struct pass {
	struct sqlite_store *store;
	int64_t before_ms;
	int64_t looked;  /* up to here everything old is deleted or named */
	int64_t end;     /* the last seq to look at */
	int64_t too_new; /* the first one below looked that was not old enough */
	size_t left;     /* how many may still be deleted */
	struct hsw_error *err;
};

/* The first event at or after from; *seq is INT64_MAX when there is none. */
static int
next_event(struct pass *p, int64_t from, int64_t *seq, int64_t *received_ms)
{
	sqlite3_stmt *st = sqlite_use(p->store, ST_NEXT);

	sqlite3_bind_int64(st, 1, from);
	int rc = sqlite3_step(st);
	*seq = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : INT64_MAX;
	*received_ms = rc == SQLITE_ROW ? sqlite3_column_int64(st, 1) : INT64_MAX;
	return sqlite_done(p->store, ST_NEXT, rc, "looking for old events", p->err);
}

/* Sets end to an old event after which, as far as can be told, none is old. */
static int
find_end(struct pass *p, int64_t upto)
{
	int64_t low, high = upto < p->store->last_seq ? upto : p->store->last_seq, received_ms;
	int rc = next_event(p, p->looked + 1, &low, &received_ms);

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

/* Deletes the old ones of first..last, which no exception names. */
static int
delete_range(struct pass *p, int64_t first, int64_t last)
{
	struct sqlite_store *s = p->store;
	int64_t seq, received_ms;
	int rc = next_event(p, first, &seq, &received_ms);

	while (rc == HSW_OK && seq <= last && p->left > 0) {
		sqlite3_stmt *st = sqlite_use(s, ST_DELETE);
		bool is_all = (uint64_t)(last - seq) < p->left;
		int64_t stop = is_all ? last : seq + (int64_t)p->left - 1;
		sqlite3_bind_int64(st, 1, seq);
		sqlite3_bind_int64(st, 2, stop);
		sqlite3_bind_int64(st, 3, p->before_ms);
		rc = sqlite_run(s, ST_DELETE, "deleting old events", p->err);
		if (rc != HSW_OK)
			break;
		p->left -= (size_t)sqlite3_changes(s->db);
		p->looked = stop;
		rc = next_event(p, seq, &seq, &received_ms);
		if (rc != HSW_OK || seq > stop)
			continue;
		if (seq < p->too_new)
			p->too_new = seq;
		rc = next_event(p, stop + 1, &seq, &received_ms);
	}
	return rc;
}

/* The retries and dead letters behind a seq, by seq. */
static sqlite3_stmt *
use_exceptions(struct sqlite_store *s, int64_t after, int64_t upto)
{
	sqlite3_stmt *st = sqlite_use(s, ST_EXCEPTIONS);

	sqlite3_bind_int64(st, 1, after);
	sqlite3_bind_int64(st, 2, upto);
	return st;
}

static int
delete_between(struct pass *p)
{
	sqlite3_stmt *st = use_exceptions(p->store, p->looked, p->end);
	int64_t at = p->looked + 1;
	int step = SQLITE_ROW, rc = HSW_OK;

	for (int i = 0; i < PRUNE_LOOK && rc == HSW_OK && p->left > 0; i++) {
		step = sqlite3_step(st);
		if (step != SQLITE_ROW)
			break;
		int64_t named = sqlite3_column_int64(st, 0);
		if (named > at)
			rc = delete_range(p, at, named - 1);
		at = named + 1;
	}
	int done = sqlite_done(p->store, ST_EXCEPTIONS, step, "reading exceptions", p->err);
	if (rc == HSW_OK)
		rc = done;
	if (rc == HSW_OK && p->left > 0 && step == SQLITE_DONE)
		rc = delete_range(p, at, p->end);
	if (rc == HSW_OK && p->left > 0)
		p->looked = step == SQLITE_DONE ? p->end : at - 1;
	return rc;
}

/* last_seq is kept beside the log: its newest event may be among those that go. */
static int
delete_old(struct pass *p, size_t max)
{
	struct sqlite_store *s = p->store;
	int rc = sqlite_begin(s, p->err);

	if (rc != HSW_OK)
		return rc;
	rc = delete_between(p);
	if (rc == HSW_OK && p->left < max) {
		sqlite3_bind_int64(sqlite_use(s, ST_LAST_SEQ), 1, s->last_seq);
		rc = sqlite_run(s, ST_LAST_SEQ, "deleting old events", p->err);
	}
	return sqlite_end(s, rc, p->err);
}

int
store_prune(
	void *self, int64_t upto, int64_t before_ms, size_t max, size_t *n, struct hsw_error *err)
{
	struct sqlite_store *s = self;

	prune_tour_begin(&s->tour);
	struct pass p = { .store = s,
		.before_ms = before_ms,
		.looked = s->tour.at,
		.too_new = INT64_MAX,
		.left = max,
		.err = err };
	int rc = find_end(&p, upto);
	*n = 0;
	if (rc != HSW_OK || max == 0)
		return rc;
	if (p.end > p.looked)
		rc = delete_old(&p, max);
	if (rc != HSW_OK)
		return rc;
	if (p.too_new <= p.looked)
		prune_tour_too_new(&s->tour, p.too_new);
	prune_tour_passed(&s->tour, p.looked);
	s->tour.is_under_way = p.looked < p.end;
	*n = s->tour.is_under_way && p.left > 0 ? SIZE_MAX : max - p.left;
	return HSW_OK;
}

struct search {
	int64_t after; /* no event up to there is free */
	bool is_found; /* and the next one is */
	int64_t received_ms;
	bool is_over; /* else there were more exceptions than one call passes */
};

/* Passes exceptions until there is an event before the next one. */
static int
find_free(struct pass *p, struct search *found)
{
	sqlite3_stmt *st = use_exceptions(p->store, found->after, INT64_MAX);
	int64_t seq;
	int step = SQLITE_ROW, rc = HSW_OK;

	for (int i = 0; i < USAGE_LOOK && rc == HSW_OK && !found->is_over; i++) {
		step = sqlite3_step(st);
		if (step != SQLITE_ROW && step != SQLITE_DONE)
			break;
		int64_t named = step == SQLITE_ROW ? sqlite3_column_int64(st, 0) : INT64_MAX;
		seq = named;
		if (named > found->after + 1)
			rc = next_event(p, found->after + 1, &seq, &found->received_ms);
		found->is_found = seq < named;
		found->is_over = found->is_found || step == SQLITE_DONE;
		if (seq < INT64_MAX)
			found->after = found->is_found ? seq - 1 : named;
	}
	int done = sqlite_done(p->store, ST_EXCEPTIONS, step, "looking for old events", p->err);
	return rc == HSW_OK ? done : rc;
}

/* What is passed over needs no second look: exceptions name it. */
int
prune_first_free(struct sqlite_store *s, int64_t *received_ms, struct hsw_error *err)
{
	struct pass p = { .store = s, .err = err };
	struct search found = { .after = prune_tour_free_after(&s->tour) };
	int rc = find_free(&p, &found);

	if (rc != HSW_OK)
		return rc;
	if (found.is_over && !found.is_found)
		found.after = s->last_seq;
	prune_tour_found_named(&s->tour, found.after);
	if (found.is_over)
		s->oldest_ms = found.is_found ? found.received_ms : 0;
	*received_ms = s->oldest_ms;
	return HSW_OK;
}
