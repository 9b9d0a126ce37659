/* SPDX-License-Identifier: Apache-2.0 */
/* read.c - pages of the log and its figures. Rows are handed on without a copy of ours. */
#include "sqlite.h"

int
store_read(void *self, int64_t after, size_t max_events, size_t max_bytes, hsw_event_fn *fn,
	void *arg, struct hsw_error *err)
{
	struct sqlite_store *s = self;
	sqlite3_stmt *st = sqlite_use(s, ST_READ);
	size_t bytes = 0;
	int rc;

	sqlite3_bind_int64(st, 1, after);
	sqlite3_bind_int64(st, 2, max_events < INT64_MAX ? (int64_t)max_events : INT64_MAX);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct hsw_store_event e = sqlite_event(st);
		bytes += e.body.len;
		if (fn(arg, &e) != HSW_OK || bytes >= max_bytes)
			break;
	}
	return sqlite_done(s, ST_READ, rc, "reading events", err);
}

int
store_read_seqs(void *self, const int64_t *seqs, size_t n, hsw_event_fn *fn, void *arg,
	struct hsw_error *err)
{
	struct sqlite_store *s = self;
	int rc = HSW_OK, stop = HSW_OK;

	for (size_t i = 0; i < n && rc == HSW_OK && stop == HSW_OK; i++) {
		sqlite3_stmt *st = sqlite_use(s, ST_READ_ONE);
		sqlite3_bind_int64(st, 1, seqs[i]);
		int step = sqlite3_step(st);
		if (step == SQLITE_ROW) {
			struct hsw_store_event e = sqlite_event(st);
			stop = fn(arg, &e);
		}
		rc = sqlite_done(s, ST_READ_ONE, step, "reading events", err);
	}
	return rc;
}

/* Counting rows would read the whole file: what is between first and last is an estimate. */
int
store_stats(void *self, struct hsw_store_stats *stats, struct hsw_error *err)
{
	struct sqlite_store *s = self;
	sqlite3_stmt *st = sqlite_use(s, ST_FIRST_SEQ);
	int rc = sqlite3_step(st);

	*stats = (struct hsw_store_stats){ .last_seq = s->last_seq };
	if (rc == SQLITE_ROW && sqlite3_column_type(st, 0) != SQLITE_NULL) {
		stats->first_seq = sqlite3_column_int64(st, 0);
		stats->events = s->last_seq - stats->first_seq + 1;
	}
	stats->bytes = file_bytes(s, "") + file_bytes(s, "-wal");
	return sqlite_done(s, ST_FIRST_SEQ, rc, "reading", err);
}

/* Pages that are free are used again before the file grows. */
int
store_usage(void *self, struct hsw_store_usage *usage, struct hsw_error *err)
{
	struct sqlite_store *s = self;
	int step = sqlite3_step(sqlite_use(s, ST_USED));

	*usage = (struct hsw_store_usage){ 0 };
	if (step == SQLITE_ROW)
		usage->bytes = sqlite3_column_int64(s->st[ST_USED], 0);
	int rc = sqlite_done(s, ST_USED, step, "reading", err);
	return rc == HSW_OK ? prune_first_free(s, &usage->oldest_ms, err) : rc;
}
