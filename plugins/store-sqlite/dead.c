/* SPDX-License-Identifier: Apache-2.0 */
/* dead.c - dead letters: listing, replaying, purging. */
#include "sqlite.h"

/* Parameters 1 to 4 of all statements about dead letters. */
static void
bind_query(sqlite3_stmt *st, const struct hsw_dead_query *q)
{
	sqlite_bind_text(st, 1, q->destination);
	sqlite_bind_blob(st, 2, q->id);
	sqlite3_bind_int64(st, 3, q->after);
	sqlite3_bind_int64(st, 4, q->limit > 0 ? (int64_t)q->limit : -1);
}

static int
hand_on(sqlite3_stmt *st, hsw_exception_fn *fn, void *arg)
{
	const struct hsw_store_event e = sqlite_event(st);
	const struct hsw_store_exception x = {
		.seq = e.seq,
		.destination = sqlite_column(st, 9),
		.attempts = sqlite3_column_int(st, 10),
		.at_ms = sqlite3_column_int64(st, 11),
		.status = sqlite3_column_int(st, 12),
		.text = sqlite_column(st, 13),
		.event = &e,
	};

	return fn(arg, &x);
}

int
store_dead(void *self, const struct hsw_dead_query *q, hsw_exception_fn *fn, void *arg,
	struct hsw_error *err)
{
	struct sqlite_store *s = self;
	sqlite3_stmt *st = sqlite_use(s, ST_DEAD_LIST);
	int rc;

	bind_query(st, q);
	sqlite3_bind_int(st, 5, q->with_body != 0);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (hand_on(st, fn, arg) != HSW_OK)
			break;
	}
	sqlite3_reset(st);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? HSW_OK
						     : sqlite_fail(s, "reading dead letters", err);
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
	sqlite3_reset(st);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? HSW_OK
						     : sqlite_fail(s, "counting dead letters", err);
}

static int
delete_matching(
	struct sqlite_store *s, const struct hsw_dead_query *q, size_t *n, struct hsw_error *err)
{
	bind_query(sqlite_use(s, ST_DEAD_DELETE), q);
	int rc = sqlite_run(s, ST_DEAD_DELETE, "deleting dead letters", err);
	*n = rc == HSW_OK ? (size_t)sqlite3_changes(s->db) : 0;
	return rc;
}

int
store_dead_replay(
	void *self, const struct hsw_dead_query *q, int64_t due, size_t *n, struct hsw_error *err)
{
	struct sqlite_store *s = self;
	int rc = sqlite_begin(s, err);

	*n = 0;
	if (rc != HSW_OK)
		return rc;
	sqlite3_stmt *st = sqlite_use(s, ST_DEAD_TO_RETRY);
	bind_query(st, q);
	sqlite3_bind_int64(st, 5, due);
	rc = sqlite_run(s, ST_DEAD_TO_RETRY, "replaying dead letters", err);
	if (rc == HSW_OK)
		rc = delete_matching(s, q, n, err);
	return sqlite_end(s, rc, err);
}

int
store_dead_purge(void *self, const struct hsw_dead_query *q, size_t *n, struct hsw_error *err)
{
	return delete_matching(self, q, n, err);
}
