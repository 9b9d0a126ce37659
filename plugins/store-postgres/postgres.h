/* SPDX-License-Identifier: Apache-2.0 */
/*
 * postgres.h - what the files of store-postgres share. One connection, one thread.
 *
 * Every call of the store is one or more round trips: statements are queued with query_add and done with
 * query_run, in pipeline mode. A connection that failed is given up, and the next call makes another.
 */
#ifndef STORE_POSTGRES_H
#define STORE_POSTGRES_H

#include <stdatomic.h>
#include <stdbool.h>

#include <libpq-fe.h>

#include <hookswitch/store.h>

#include "names.h"
#include "prune_tour.h"

/* The statements, prepared once for each connection. Their texts and parameters: statements.c. */
enum statement {
	ST_BEGIN,
	ST_COMMIT,
	ST_ROLLBACK,
	ST_LOCK_LOG,
	ST_LOCK_WAIT,
	ST_LOCK_CLAIMS,
	ST_APPEND,
	ST_CURSOR,
	ST_RETRY,
	ST_SETTLED,
	ST_DEAD,
	ST_ATTACH,
	ST_DESTINATION,
	ST_CURSORS,
	ST_READ,
	ST_READ_SEQS,
	ST_STATS,
	ST_USAGE,
	ST_SAMPLE,
	ST_RETRIES,
	ST_DEAD_LIST,
	ST_DEAD_COUNTS,
	ST_DEAD_REPLAY,
	ST_DEAD_PURGE,
	ST_DEAD_EXPIRE,
	ST_NEXT,
	ST_NAMED,
	ST_DELETE,
	ST_TOO_NEW,
	ST_FORGET_IDS,
	ST_RECORD,
	ST_RECORD_NEW,
	ST_RECORD_IF,
	ST_FORGET,
	ST_RECORDS,
	ST_MEMO,
	ST_MEMOS,
	ST_FORGET_MEMOS,
	ST_DETACH,
	ST_TOUCH,
	ST_SETTINGS,
	ST_NOTIFY_EVENTS,
	ST_WANTED_FROM,
	ST_GAPS,
	ST_COUNT
};

struct postgres_conf {
	const char *dsn, *schema, *node;
	int64_t timeout_ms;
};

/* Seqs that a call passes in search of events, at most: what was deleted takes time, too, until it is vacuumed. */
#define LOOK_SEQS 500000

/* What usage.c knows of the rows. */
struct usage {
	int64_t event_bytes; /* of one, on the average; 0: not known yet */
	int64_t named;       /* retries and dead letters */
	int64_t sample_at;   /* monotonic ms: not before */
	int64_t bytes,
		oldest_ms; /* as of the last look that came to an end, without what was deleted since */
};

#define TIMELINE_LEN 8

struct node;

struct postgres_store {
	const struct hsw_host *host;
	struct hsw_handle *handle;
	const struct postgres_conf *conf;
	bool is_user; /* the session holds a lock that keeps those away who need the schema alone */
	bool is_alone;     /* it is that one */
	bool is_named;     /* it holds the lock of this node's name */
	bool is_listening; /* it gets the other nodes' notifications */
	struct node *node; /* NULL: did not join */
	char node_name[64];
	PGconn *db;            /* NULL: not connected */
	int64_t connect_at;    /* monotonic ms: not before */
	_Atomic bool was_lost; /* since then no connection worked; the node's thread asks */
	bool is_ended;         /* the server said that it ends this session */
	bool is_incomplete;    /* a statement could not be queued: out of memory */
	bool has_stage;        /* the session has its table for large appends */
	bool is_without_stage; /* it may not have one */
	int64_t staged_at;     /* monotonic ms: when it was used */
	int64_t deadline_ms;   /* monotonic: of the running query */
	struct names known;    /* what this daemon attached */
	struct prune_tour tour;
	int64_t looked_upto; /* what is left up to here is named by an exception, or for the next tour */
	int64_t old_upto;      /* where the last search for old events ended */
	int64_t old_before_ms; /* and what counted as old in it */
	struct {
		int64_t destination, seq;
	} expired_upto; /* where the pass over the dead letters is */
	struct usage usage;
	int64_t last_seq; /* that this daemon gave an event, or knew of when it connected */
	/* of the last connection; it changes when a standby takes over */
	char timeline[TIMELINE_LEN + 1];
	int64_t ids_since_ms; /* older ids are of no use any more */
};

/* ---- error.c ---- */

/* Writes the text, returns the code. */
int pg_error(struct hsw_error *, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The code of struct hsw_store_ops for a result that failed, with the server's words in err. */
int pg_result_error(const PGresult *, const char *doing, struct hsw_error *err);
/* HSW_EAGAIN with libpq's words about the connection. */
int pg_connection_error(const PGconn *, const char *doing, struct hsw_error *err);
/* The transaction was in the way of another one, and nothing was done: do it again. */
bool pg_is_conflict(const PGresult *);

/* ---- session.c ---- */

int64_t session_now_ms(void);
/* The first connection; tries for some seconds. */
int session_open(struct postgres_store *, struct hsw_error *err);
/* HSW_ENOENT: there is no schema, or nothing of hookswitch's in it. Uses a connection of its own. */
int session_look(struct postgres_store *, struct hsw_error *err);
/* Makes sure that there is a connection, as far as can be told without asking the server. */
int session_need(struct postgres_store *, struct hsw_error *err);
/* Takes the lock of this node's name, now and with each new connection; tries for some seconds. */
int session_name(struct postgres_store *, struct hsw_error *err);
/* Has the schema alone from now on. HSW_EAGAIN: others use it. */
int store_alone(void *self, struct hsw_error *err);
/* Gives the connection up; the next session_need makes another. */
void session_drop(struct postgres_store *);

/* ---- query.c ---- */

#define PARAMS_MAX 12

/* Parameters in binary; bytes are borrowed until the statement was added. */
struct params {
	int n;
	const char *values[PARAMS_MAX]; /* NULL: a number */
	int lengths[PARAMS_MAX];
	char numbers[PARAMS_MAX][8];
};

void params_bigint(struct params *, int64_t);
void params_int(struct params *, int);
void params_bytes(struct params *, struct hsw_str);

/* Queues a statement; failures show in query_run. params may be NULL. */
void query_add(struct postgres_store *, enum statement, const struct params *);
/* Queues a text of one statement. */
void query_add_text(struct postgres_store *, const char *sql, const struct params *);
/*
 * Does what is queued. *result gets the result of the statement with that number (the first is 0), to be
 * cleared by the caller; NULL: nobody wants it. On error nothing was done, or the connection is gone; an
 * open transaction is rolled back. *is_conflict (may be NULL): it can be done again at once.
 */
int query_run(struct postgres_store *, const char *doing, int number, PGresult **result,
	bool *is_conflict, struct hsw_error *err);
/* session_need, one statement, query_run. */
int query_one(struct postgres_store *, enum statement, const struct params *, const char *doing,
	PGresult **result, struct hsw_error *err);

int64_t result_bigint(const PGresult *, int row, int column);
int result_int(const PGresult *, int row, int column);
struct hsw_str result_bytes(const PGresult *, int row, int column);
/* The event in columns 0 to 8 of a row; its strings are valid until the result is cleared. */
struct hsw_store_event result_event(const PGresult *, int row);

/* ---- schema.c ---- */

/* Makes the schema or brings it up to date; refuses one of a newer version. */
int schema_migrate(struct postgres_store *, struct hsw_error *err);
/* What there is: *version is -1 without the schema, 0 without its tables. */
int schema_version(struct postgres_store *, int *version, struct hsw_error *err);
/* The session's search path. */
int schema_use(struct postgres_store *, struct hsw_error *err);

/* ---- statements.c ---- */

/* Queues the preparation of all statements. */
void statements_prepare(struct postgres_store *);
const char *statement_name(enum statement);
/* ST_APPEND of what append_stage sent ahead. */
extern const char statement_append_staged[];

/* ---- destinations.c ---- */

void destinations_free(struct postgres_store *);
/* The id of a destination; 0: it was never attached, and no row has that id. */
int64_t destinations_id(const struct postgres_store *, struct hsw_str name);
int store_attach(void *self, struct hsw_str destination, int64_t *cursor, struct hsw_error *err);
int store_cursors(void *self, hsw_cursor_fn *, void *arg, struct hsw_error *err);
int store_detach(void *self, struct hsw_str destination, struct hsw_error *err);
/* Knows all that are in the table. */
int destinations_load(struct postgres_store *, struct hsw_error *err);

/* ---- array.c ---- */

#define ARRAY_HEAD_BYTES 20
#define ARRAY_ELEMENT_BYTES 4 /* beside its own */

/* The types of the elements: their oids. */
enum array_of { ARRAY_OF_BYTEA = 17, ARRAY_OF_BIGINT = 20 };

/* An array with n elements, in binary: its head, then each of them. Return where the next one is put. */
char *array_head(char *to, enum array_of, size_t n);
char *array_element(char *to, struct hsw_str bytes);

/* ---- append.c ---- */

/* The events of a batch: arrays of one statement. */
struct append;

/* NULL: out of memory. n: how many of the writes are events. */
struct append *append_new(struct hsw_write *const *writes, size_t n_writes, size_t n);
void append_free(struct append *);
/* Sends the events of a large batch ahead of the transaction that appends them, so that nobody waits for this
 * daemon's network while it holds the log's lock; does nothing for a small one. */
int append_stage(struct postgres_store *, struct append *, struct hsw_error *err);
/* Drops the session's table when it was not used for a while: autovacuum cannot reach it, so what is as old as it in
 * the whole database could not be frozen while the session lasts. */
int append_drop_stage(struct postgres_store *, struct hsw_error *err);
void append_add(struct postgres_store *, const struct append *);
/* Gives the events their seq, from ST_APPEND's result; those that had come before get 0. */
void append_number(struct postgres_store *, struct hsw_write *const *writes, size_t n_writes,
	const PGresult *);

/* ---- takeover.c ---- */

/* The next seq is above all that any daemon has been given, whatever the database says. */
int takeover_go_on(struct postgres_store *, struct hsw_error *err);
int store_gaps(void *self, hsw_gap_fn *, void *arg, struct hsw_error *err);

/* ---- lock.c ---- */

enum lock {
	LOCK_LOG,   /* of transactions that append; with the rows that transactions write */
	LOCK_CLAIMS /* of beats */
};

#define CONFLICT_TRIES 3 /* of a transaction: two waits, and one when the holder was ended */

/* Who holds a lock and waits for its daemon, as seen the last time; pid 0: nobody. */
struct lock_holder {
	int64_t pid, started_us; /* its transaction */
	int64_t seen_at;         /* session_now_ms */
};

/* The transaction takes the lock. One that waits long for it ends with a conflict. */
void lock_add(struct postgres_store *, enum lock);
/* The transaction waits so long for rows, without taking the log's lock. */
void lock_add_wait(struct postgres_store *);
/* After such a conflict: looks who holds the lock. One that *holder has met before is ended: its daemon keeps it
 * waiting. Updates *holder. */
int lock_look(struct postgres_store *, enum lock, struct lock_holder *, struct hsw_error *err);

/* ---- commit.c ---- */

int store_commit(void *self, struct hsw_write *const *writes, size_t n, struct hsw_error *err);

/* Queues word to the other nodes that serve these destinations (by ids, from first to last), as the tables have it
 * then: their exceptions changed. */
void touch_add(struct postgres_store *, int64_t first, int64_t last);

/* ---- read.c ---- */

int store_read(void *self, int64_t after, size_t max_events, size_t max_bytes, hsw_event_fn *,
	void *arg, struct hsw_error *err);
int store_read_seqs(void *self, const int64_t *seqs, size_t n, hsw_event_fn *, void *arg,
	struct hsw_error *err);
int store_stats(void *self, struct hsw_store_stats *, struct hsw_error *err);

/* ---- usage.c ---- */

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

/* ---- records.c ---- */

void record_add(struct postgres_store *, const struct hsw_write *);
void record_replace_add(struct postgres_store *, const struct hsw_write *);
void memo_add(struct postgres_store *, const struct hsw_write *);
int store_records(void *self, hsw_record_fn *, void *arg, struct hsw_error *err);
int store_memos(void *self, struct hsw_str kind, int64_t since_ms, hsw_memo_fn *, void *arg,
	struct hsw_error *err);
int store_memos_after(void *self, struct hsw_str kind, int64_t since_ms, int64_t *after,
	hsw_memo_fn *, void *arg, struct hsw_error *err);
int store_forget_memos(void *self, struct hsw_str kind, int64_t before_ms, struct hsw_error *err);

/* ---- prune.c ---- */

int store_prune(
	void *self, int64_t upto, int64_t before_ms, size_t max, size_t *n, struct hsw_error *err);

/* ---- postgres.c ---- */

/* is_user: refuse to open a schema that somebody has alone. */
int postgres_open(const struct hsw_host *, struct hsw_handle *, const struct postgres_conf *,
	bool is_user, struct postgres_store **, struct hsw_error *err);
void postgres_close(struct postgres_store *);

#endif
