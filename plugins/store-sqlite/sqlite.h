/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite.h - what the files of store-sqlite share. One connection, one thread.
 */
#ifndef STORE_SQLITE_H
#define STORE_SQLITE_H

#include <stdbool.h>

#include <sqlite3.h>

#include <hookswitch/store.h>

#include "names.h"
#include "prune_tour.h"

/* The statements, prepared once. Their texts and parameters: schema.c. */
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
	ST_CURSOR_OF,
	ST_CURSORS,
	ST_READ,
	ST_READ_ONE,
	ST_FIRST_SEQ,
	ST_USED,
	ST_RETRIES,
	ST_DEAD_LIST,
	ST_DEAD_COUNTS,
	ST_DEAD_TO_RETRY,
	ST_DEAD_DELETE,
	ST_DEAD_NEXT,
	ST_DEAD_EXPIRE,
	ST_NEXT,
	ST_EXCEPTIONS,
	ST_DELETE,
	ST_LAST_SEQ,
	ST_RECORD,
	ST_RECORD_NEW,
	ST_RECORD_IF,
	ST_FORGET,
	ST_RECORDS,
	ST_MEMO,
	ST_MEMOS,
	ST_FORGET_MEMOS,
	ST_DETACH,
	ST_DETACH_RETRIES,
	ST_DETACH_DEAD,
	ST_COUNT
};

struct sqlite_store {
	const struct hsw_host *host;
	struct hsw_handle *handle;
	char *path;
	int lock_fd;
	sqlite3 *db;
	sqlite3_stmt *st[ST_COUNT];
	int64_t last_seq; /* of the log, also when it is empty */
	int64_t last_memo;
	struct names known; /* every row of the table */
	struct {
		int64_t destination, seq;
	} expired_upto; /* where the pass over the dead letters is */
	struct prune_tour tour;
	int64_t oldest_ms; /* when the first event was received that no exception names, as far as is known */
};

/* ---- db.c ---- */

/* Writes the text, returns the code. */
int sqlite_error(struct hsw_error *, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The code of struct hsw_store_ops for SQLite's last failure, with its words in err. */
int sqlite_fail(struct sqlite_store *, const char *doing, struct hsw_error *err);
/* A prepared statement, reset and ready to be bound. */
sqlite3_stmt *sqlite_use(struct sqlite_store *, enum statement);
void sqlite_bind_text(sqlite3_stmt *, int at, struct hsw_str);
void sqlite_bind_blob(sqlite3_stmt *, int at, struct hsw_str);
struct hsw_str sqlite_column(sqlite3_stmt *, int at);
/* The event in columns 0 to 8 of a row; its strings are valid until the next step. */
struct hsw_store_event sqlite_event(sqlite3_stmt *);
/* Ends a statement whose last step gave rc. HSW_OK (rows that are left are not wanted) or
 * sqlite_fail's. */
int sqlite_done(
	struct sqlite_store *, enum statement, int rc, const char *doing, struct hsw_error *err);
/* Runs a statement that gives no rows. HSW_OK or sqlite_fail's. */
int sqlite_run(struct sqlite_store *, enum statement, const char *doing, struct hsw_error *err);
/* BEGIN, and COMMIT or ROLLBACK by rc; sqlite_end returns rc, or why the commit failed. */
int sqlite_begin(struct sqlite_store *, struct hsw_error *err);
int sqlite_end(struct sqlite_store *, int rc, struct hsw_error *err);

/* ---- file.c ---- */

/* Checks the place, takes `<path>.lock`, makes the file if there is none. */
int file_claim(struct sqlite_store *, struct hsw_error *err);
/* HSW_EIO when another file, or none, is at the path by now. */
int file_check_in_place(struct sqlite_store *, struct hsw_error *err);
int64_t file_bytes(const struct sqlite_store *, const char *suffix);

/* ---- schema.c ---- */

/* Settings of the connection, version check, creation or migration, statements, last_seq. */
int schema_open(struct sqlite_store *, int64_t cache_bytes, struct hsw_error *err);

/* ---- destinations.c ---- */

int destinations_load(struct sqlite_store *, struct hsw_error *err);
void destinations_free(struct sqlite_store *);
/* The id of a destination; 0: it was never attached, and no row has that id. */
int64_t destinations_id(const struct sqlite_store *, struct hsw_str name);
int store_attach(void *self, struct hsw_str destination, int64_t *cursor, struct hsw_error *err);
int store_cursors(void *self, hsw_cursor_fn *, void *arg, struct hsw_error *err);
int store_detach(void *self, struct hsw_str destination, struct hsw_error *err);

/* ---- records.c ---- */

int record_write(struct sqlite_store *, const struct hsw_write *, struct hsw_error *err);
/* HSW_ENOENT: what stands there is not what was expected. */
int record_replace(struct sqlite_store *, const struct hsw_write *, struct hsw_error *err);
int store_records(void *self, hsw_record_fn *, void *arg, struct hsw_error *err);

/* ---- commit.c ---- */

int store_commit(void *self, struct hsw_write *const *writes, size_t n, struct hsw_error *err);

/* ---- read.c ---- */

int store_read(void *self, int64_t after, size_t max_events, size_t max_bytes, hsw_event_fn *,
	void *arg, struct hsw_error *err);
int store_read_seqs(void *self, const int64_t *seqs, size_t n, hsw_event_fn *, void *arg,
	struct hsw_error *err);
int store_stats(void *self, struct hsw_store_stats *, struct hsw_error *err);
int store_usage(void *self, struct hsw_store_usage *, struct hsw_error *err);

/* ---- exceptions.c ---- */

int store_retries(void *self, struct hsw_str destination, int64_t after, size_t limit,
	hsw_exception_fn *, void *arg, struct hsw_error *err);
int store_dead(void *self, const struct hsw_dead_query *, hsw_exception_fn *, void *arg,
	struct hsw_error *err);
int store_dead_counts(void *self, hsw_count_fn *, void *arg, struct hsw_error *err);
int store_dead_replay(
	void *self, const struct hsw_dead_query *, int64_t due, size_t *n, struct hsw_error *err);
int store_dead_purge(void *self, const struct hsw_dead_query *, size_t *n, struct hsw_error *err);
int store_dead_expire(void *self, int64_t before_ms, size_t max, size_t *n, int *is_through,
	struct hsw_error *err);

/* ---- memos.c ---- */

int memo_write(struct sqlite_store *, const struct hsw_write *, struct hsw_error *err);
int store_memos(void *self, struct hsw_str kind, int64_t since_ms, hsw_memo_fn *, void *arg,
	struct hsw_error *err);
int store_forget_memos(void *self, struct hsw_str kind, int64_t before_ms, struct hsw_error *err);

/* ---- prune.c ---- */

int store_prune(
	void *self, int64_t upto, int64_t before_ms, size_t max, size_t *n, struct hsw_error *err);
/* When the first event was received that no exception names, as far as is known; 0: there is none. */
int prune_first_free(struct sqlite_store *, int64_t *received_ms, struct hsw_error *err);

#endif
