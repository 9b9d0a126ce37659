/* SPDX-License-Identifier: Apache-2.0 */
/* read.c - pages of the log, cursors, retries, figures. Rows are handed on without a copy. */
#include "sqlite.h"

#include <stdio.h>
#include <sys/stat.h>

int
store_read(void *self, int64_t after, size_t max_events, size_t max_bytes, hsw_event_fn *fn,
	void *arg, struct hsw_error *err)
{
	struct sqlite_store *s = self;
	sqlite3_stmt *st = sqlite_use(s, ST_READ);
	size_t bytes = 0;
	int rc;

	sqlite3_bind_int64(st, 1, after);
	sqlite3_bind_int64(st, 2, (int64_t)max_events);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct hsw_store_event e = sqlite_event(st);
		bytes += e.body.len;
		if (fn(arg, &e) != HSW_OK || bytes >= max_bytes)
			break;
	}
	sqlite3_reset(st);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? HSW_OK
						     : sqlite_fail(s, "reading events", err);
}

int
store_read_seqs(void *self, const int64_t *seqs, size_t n, hsw_event_fn *fn, void *arg,
	struct hsw_error *err)
{
	struct sqlite_store *s = self;

	for (size_t i = 0; i < n; i++) {
		sqlite3_stmt *st = sqlite_use(s, ST_READ_ONE);
		sqlite3_bind_int64(st, 1, seqs[i]);
		int rc = sqlite3_step(st), go_on = HSW_OK;
		if (rc == SQLITE_ROW) {
			struct hsw_store_event e = sqlite_event(st);
			go_on = fn(arg, &e);
		}
		sqlite3_reset(st);
		if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			return sqlite_fail(s, "reading events", err);
		if (go_on != HSW_OK)
			break;
	}
	return HSW_OK;
}

int
store_cursors(void *self, hsw_cursor_fn *fn, void *arg, struct hsw_error *err)
{
	struct sqlite_store *s = self;
	sqlite3_stmt *st = sqlite_use(s, ST_CURSORS);
	int rc;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (fn(arg, sqlite_column(st, 0), sqlite3_column_int64(st, 1)) != HSW_OK)
			break;
	}
	sqlite3_reset(st);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? HSW_OK
						     : sqlite_fail(s, "reading cursors", err);
}

int
store_retries(void *self, struct hsw_str destination, int64_t after, size_t limit,
	hsw_exception_fn *fn, void *arg, struct hsw_error *err)
{
	struct sqlite_store *s = self;
	sqlite3_stmt *st = sqlite_use(s, ST_RETRIES);
	int rc;

	sqlite3_bind_int64(st, 1, sqlite_destination(s, destination));
	sqlite3_bind_int64(st, 2, after);
	sqlite3_bind_int64(st, 3, (int64_t)limit);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const struct hsw_store_exception x = {
			.seq = sqlite3_column_int64(st, 0),
			.destination = destination,
			.attempts = sqlite3_column_int(st, 1),
			.due_ms = sqlite3_column_int64(st, 2),
			.status = sqlite3_column_int(st, 3),
			.text = sqlite_column(st, 4),
		};
		if (fn(arg, &x) != HSW_OK)
			break;
	}
	sqlite3_reset(st);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? HSW_OK
						     : sqlite_fail(s, "reading retries", err);
}

static int64_t
file_bytes(const char *path, const char *suffix)
{
	char name[4096];
	struct stat st;

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return stat(name, &st) == 0 ? st.st_size : 0;
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
	sqlite3_reset(st);
	stats->bytes = file_bytes(s->path, "") + file_bytes(s->path, "-wal");
	return rc == SQLITE_ROW ? HSW_OK : sqlite_fail(s, "reading", err);
}
