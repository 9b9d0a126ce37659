/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite.h - what the files of store-sqlite share. One connection, one thread.
 */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include <stdbool.h>

#include <sqlite3.h>

#include <hookswitch/store.h>

/* The statements, prepared once. */
enum statement {
	ST_BEGIN,
	ST_COMMIT,
	ST_ROLLBACK,
	ST_APPEND,
	ST_CURSOR,
	ST_RETRY,
	ST_SETTLED,
	ST_DEAD,
	ST_ATTACH,
	ST_READ,
	ST_READ_ONE,
	ST_RETRIES,
	ST_DEAD_LIST,
	ST_DEAD_COUNTS,
	ST_DEAD_TO_RETRY,
	ST_DEAD_DELETE,
	ST_CURSORS,
	ST_FIRST_SEQ,
	ST_OLDEST,
	ST_DELETE,
	ST_LAST_SEQ,
	ST_COUNT
};

struct known_destination {
	char *name;
	size_t len;
	int64_t id;
};

struct sqlite_store {
	const struct hsw_host *host;
	struct hsw_handle *handle;
	char *path;
	int lock_fd;
	sqlite3 *db;
	sqlite3_stmt *st[ST_COUNT];
	int64_t last_seq; /* of the log, also when it is empty */
	struct known_destination *known;
	size_t n_known;
	int64_t pruned_upto; /* older events were looked at and kept */
	unsigned prunes;
};

/* ---- sqlite.c ---- */

/* The code of struct hsw_store_ops for a failure of SQLite's, with its words in err. */
int sqlite_fail(struct sqlite_store *, const char *doing, struct hsw_error *err);
int sqlite_error(struct hsw_error *, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A prepared statement, reset and ready to be bound. */
sqlite3_stmt *sqlite_use(struct sqlite_store *, enum statement);
void sqlite_bind_text(sqlite3_stmt *, int at, struct hsw_str);
void sqlite_bind_blob(sqlite3_stmt *, int at, struct hsw_str);
struct hsw_str sqlite_column(sqlite3_stmt *, int at);
/* The event in columns 0 to 8 of a row; its strings are valid until the next step. */
struct hsw_store_event sqlite_event(sqlite3_stmt *);
/* The id of an attached destination; 0: it is not, and no row has that id. */
int64_t sqlite_destination(struct sqlite_store *, struct hsw_str name);
/* Runs a statement that gives no rows. HSW_OK or sqlite_fail's. */
int sqlite_run(struct sqlite_store *, enum statement, const char *doing, struct hsw_error *err);
/* BEGIN, and COMMIT or ROLLBACK by rc; sqlite_end returns rc, or why the commit failed. */
int sqlite_begin(struct sqlite_store *, struct hsw_error *err);
int sqlite_end(struct sqlite_store *, int rc, struct hsw_error *err);

/* ---- schema.c ---- */

/* Settings of the connection, version check, creation or migration. */
int schema_open(struct sqlite_store *, struct hsw_error *err);
extern const char *const schema_statements[ST_COUNT];

/* ---- write.c ---- */

int store_commit(void *self, struct hsw_write *const *writes, size_t n, struct hsw_error *err);
int store_attach(void *self, struct hsw_str destination, int64_t *cursor, struct hsw_error *err);
int store_prune(
	void *self, int64_t upto, int64_t before_ms, size_t max, size_t *n, struct hsw_error *err);

/* ---- read.c ---- */

int store_read(void *self, int64_t after, size_t max_events, size_t max_bytes, hsw_event_fn *,
	void *arg, struct hsw_error *err);
int store_read_seqs(void *self, const int64_t *seqs, size_t n, hsw_event_fn *, void *arg,
	struct hsw_error *err);
int store_cursors(void *self, hsw_cursor_fn *, void *arg, struct hsw_error *err);
int store_retries(void *self, struct hsw_str destination, int64_t after, size_t limit,
	hsw_exception_fn *, void *arg, struct hsw_error *err);
int store_stats(void *self, struct hsw_store_stats *, struct hsw_error *err);

/* ---- dead.c ---- */

int store_dead(void *self, const struct hsw_dead_query *, hsw_exception_fn *, void *arg,
	struct hsw_error *err);
int store_dead_counts(void *self, hsw_count_fn *, void *arg, struct hsw_error *err);
int store_dead_replay(
	void *self, const struct hsw_dead_query *, int64_t due, size_t *n, struct hsw_error *err);
int store_dead_purge(void *self, const struct hsw_dead_query *, size_t *n, struct hsw_error *err);

#endif
