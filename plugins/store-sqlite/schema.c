/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.c - the settings of the connection, the tables with their version (PRAGMA user_version),
 * and the statements.
 *
 * A migration is one script for each version; they run in order, each in a transaction with its new
 * version. Nothing is written to a file before it is known to be ours and of no newer version.
 */
#include "sqlite.h"

#include <errno.h>
#include <stdio.h>

#define APPLICATION_ID 0x68737731 /* "hsw1" */
#define CHECK_BYTES (32 << 20)    /* files up to this size are checked whole at start */

/*
 * page_size: against 4 KB a fifth less CPU for bodies of 100 KB, a twentieth for 1 KB; 16 KB would
 *   double what a commit of one event writes.
 * synchronous = FULL: a commit is on disk when COMMIT returns, also in WAL mode.
 * wal_autocheckpoint, in pages: every 8 MB. Four times as much saves no CPU but makes the longest
 *   pause four times as long. journal_size_limit: cuts a WAL that a long reader let grow.
 * secure_delete = FAST: what is deleted is overwritten where the page is written anyway.
 */
static const char setup[] = "PRAGMA page_size = 8192;"
			    "PRAGMA synchronous = FULL;"
			    "PRAGMA temp_store = MEMORY;"
			    "PRAGMA secure_delete = FAST;"
			    "PRAGMA wal_autocheckpoint = 1024;"
			    "PRAGMA journal_size_limit = 33554432;";

static const char *const migrations[] = {
	/* 1 */
	"CREATE TABLE events ("
	" seq INTEGER PRIMARY KEY, received_at INTEGER NOT NULL, id BLOB NOT NULL,"
	" instance TEXT NOT NULL, type TEXT NOT NULL, provider TEXT NOT NULL, key TEXT NOT NULL,"
	" layout BLOB NOT NULL, body BLOB NOT NULL);"
	"CREATE TABLE destinations ("
	" id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, cursor INTEGER NOT NULL);"
	"CREATE TABLE retries ("
	" destination INTEGER NOT NULL, seq INTEGER NOT NULL, attempts INTEGER NOT NULL,"
	" due_at INTEGER NOT NULL, status INTEGER NOT NULL, error TEXT NOT NULL,"
	" PRIMARY KEY (destination, seq)) WITHOUT ROWID;"
	"CREATE INDEX retries_seq ON retries (seq);"
	"CREATE TABLE dead ("
	" destination INTEGER NOT NULL, seq INTEGER NOT NULL, attempts INTEGER NOT NULL,"
	" died_at INTEGER NOT NULL, status INTEGER NOT NULL, error TEXT NOT NULL,"
	" PRIMARY KEY (destination, seq)) WITHOUT ROWID;"
	"CREATE INDEX dead_seq ON dead (seq);"
	/* last_seq: so that numbers are never used again when the log was emptied. */
	"CREATE TABLE log (only INTEGER PRIMARY KEY CHECK (only = 1), last_seq INTEGER NOT NULL);"
	"INSERT INTO log VALUES (1, 0);",
	/* 2 */
	"CREATE TABLE records ("
	" kind TEXT NOT NULL, name TEXT NOT NULL, text BLOB NOT NULL,"
	" PRIMARY KEY (kind, name)) WITHOUT ROWID;",
	/* 3 */
	"CREATE TABLE memos ("
	" kind TEXT NOT NULL, n INTEGER NOT NULL, at INTEGER NOT NULL, text BLOB NOT NULL,"
	" PRIMARY KEY (kind, n)) WITHOUT ROWID;",
};

#define VERSION ((int)(sizeof(migrations) / sizeof(migrations[0])))

#define EVENT_COLUMNS "e.seq, e.received_at, e.id, e.instance, e.type, e.provider, e.key, e.layout"
#define NAME "(SELECT name FROM destinations d WHERE d.id = x.destination)"
#define EXCEPTION_COLUMNS(time) NAME ", x.attempts, " time ", x.status, x.error"

/*
 * The dead letters that a query matches. ?1, ?2: ids of the first and the last destination; ?3:
 * only seq above it; ?4: limit; ?5: an event's id or empty. One destination is one range of the
 * table, beginning at ?3; all destinations are the whole table.
 */
#define DEAD_MATCH                                                                        \
	" FROM dead x CROSS JOIN events e ON e.seq = x.seq"                               \
	" WHERE (x.destination, x.seq) > (?1, ?3) AND x.destination <= ?2 AND x.seq > ?3" \
	" AND (length(?5) = 0 OR e.id = ?5)"                                              \
	" ORDER BY x.destination, x.seq LIMIT ?4"

#define NAMED_BY(table) "SELECT seq FROM " table " WHERE seq > ?1 AND seq <= ?2"

static const char *const statements[ST_COUNT] = {
	[ST_BEGIN] = "BEGIN IMMEDIATE",
	[ST_COMMIT] = "COMMIT",
	[ST_ROLLBACK] = "ROLLBACK",
	[ST_APPEND] = "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[ST_CURSOR] = "UPDATE destinations SET cursor = ?2 WHERE id = ?1 AND cursor < ?2",
	[ST_RETRY] = "INSERT OR REPLACE INTO retries VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[ST_SETTLED] = "DELETE FROM retries WHERE destination = ?1 AND seq = ?2",
	[ST_DEAD] = "INSERT OR REPLACE INTO dead VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[ST_ATTACH] = "INSERT INTO destinations (name, cursor) VALUES (?1, ?2)",
	[ST_CURSOR_OF] = "SELECT cursor FROM destinations WHERE id = ?1",
	[ST_CURSORS] = "SELECT id, name, cursor FROM destinations",
	[ST_READ] = "SELECT " EVENT_COLUMNS ", e.body FROM events e"
		    " WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2",
	[ST_READ_ONE] = "SELECT " EVENT_COLUMNS ", e.body FROM events e WHERE e.seq = ?1",
	[ST_FIRST_SEQ] = "SELECT min(seq) FROM events",
	[ST_USED] = "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count,"
		    " pragma_freelist_count, pragma_page_size",
	[ST_RETRIES] = "SELECT " EVENT_COLUMNS ", x'', " EXCEPTION_COLUMNS(
		"x.due_at") " FROM retries x CROSS JOIN events e ON e.seq = x.seq"
			    " WHERE x.destination = ?1 AND x.seq > ?2 ORDER BY x.seq LIMIT ?3",
	[ST_DEAD_LIST] = "SELECT " EVENT_COLUMNS
			 ", CASE WHEN ?6 THEN e.body ELSE x'' END, " EXCEPTION_COLUMNS("x.died_at")
				 DEAD_MATCH,
	[ST_DEAD_COUNTS] = "SELECT " NAME ", count(*) FROM dead x GROUP BY x.destination",
	[ST_DEAD_TO_RETRY] =
		"INSERT OR REPLACE INTO retries"
		" SELECT x.destination, x.seq, 0, ?6, x.status, 'replay: ' || x.error" DEAD_MATCH,
	[ST_DEAD_DELETE] = "DELETE FROM dead WHERE (destination, seq) IN"
			   " (SELECT x.destination, x.seq" DEAD_MATCH ") RETURNING seq",
	/* The last one of a look, or the end. */
	[ST_DEAD_NEXT] = "SELECT destination, seq FROM dead WHERE (destination, seq) > (?1, ?2)"
			 " ORDER BY destination, seq LIMIT 1 OFFSET ?3",
	[ST_DEAD_EXPIRE] = "DELETE FROM dead WHERE (destination, seq) > (?1, ?2)"
			   " AND (destination, seq) <= (?3, ?4) AND died_at < ?5 RETURNING seq",
	[ST_NEXT] = "SELECT seq, received_at FROM events WHERE seq >= ?1 ORDER BY seq LIMIT 1",
	[ST_EXCEPTIONS] = NAMED_BY("retries") " UNION " NAMED_BY("dead") " ORDER BY seq",
	[ST_DELETE] = "DELETE FROM events WHERE seq BETWEEN ?1 AND ?2 AND received_at < ?3",
	[ST_LAST_SEQ] = "UPDATE log SET last_seq = ?1",
	[ST_RECORD] = "INSERT OR REPLACE INTO records VALUES (?1, ?2, ?3)",
	[ST_RECORD_NEW] = "INSERT OR IGNORE INTO records VALUES (?1, ?2, ?3)",
	[ST_RECORD_IF] = "UPDATE records SET text = ?3 WHERE kind = ?1 AND name = ?2 AND text = ?4",
	[ST_FORGET] = "DELETE FROM records WHERE kind = ?1 AND name = ?2",
	[ST_RECORDS] = "SELECT kind, name, text FROM records ORDER BY kind, name",
	[ST_MEMO] = "INSERT INTO memos VALUES (?1, ?2, ?3, ?4)",
	[ST_MEMOS] = "SELECT at, text FROM memos WHERE kind = ?1 AND at >= ?2 ORDER BY n",
	[ST_FORGET_MEMOS] = ("DELETE FROM memos WHERE kind = ?1 AND at < ?2 AND n <= (SELECT max(n)"
			     " FROM (SELECT n FROM memos WHERE kind = ?1 ORDER BY n LIMIT 1000))"),
	[ST_DETACH] = "DELETE FROM destinations WHERE id = ?1",
	[ST_DETACH_RETRIES] = "DELETE FROM retries WHERE destination = ?1",
	[ST_DETACH_DEAD] = "DELETE FROM dead WHERE destination = ?1",
};

static int
exec(struct sqlite_store *s, const char *sql, const char *doing, struct hsw_error *err)
{
	errno = 0;
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return HSW_OK;
	return sqlite_fail(s, doing, err);
}

/* The single number that a statement gives. */
static int
ask(struct sqlite_store *s, const char *sql, int64_t *out, struct hsw_error *err)
{
	sqlite3_stmt *st = NULL;
	errno = 0;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);

	*out = 0;
	if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW)
		*out = sqlite3_column_int64(st, 0);
	int result = rc == SQLITE_ROW || rc == SQLITE_DONE ? HSW_OK
							   : sqlite_fail(s, "reading", err);
	sqlite3_finalize(st);
	return result;
}

/* Whether a pragma that answers with a word answers with this one. */
static int
expect(struct sqlite_store *s, const char *pragma, const char *word, const char *advice,
	struct hsw_error *err)
{
	sqlite3_stmt *st = NULL;
	int rc = HSW_OK;

	errno = 0;
	if (sqlite3_prepare_v2(s->db, pragma, -1, &st, NULL) != SQLITE_OK ||
		sqlite3_step(st) != SQLITE_ROW) {
		rc = sqlite_fail(s, pragma, err);
	} else {
		const char *text = (const char *)sqlite3_column_text(st, 0);
		if (text == NULL || sqlite3_stricmp(text, word) != 0)
			rc = sqlite_error(err, HSW_EIO, "%s %s (%s: %.60s)", s->path, advice,
				pragma, text != NULL ? text : "?");
	}
	sqlite3_finalize(st);
	return rc;
}

/* Each step is durable with its version. */
static int
migrate(struct sqlite_store *s, int from, struct hsw_error *err)
{
	for (int v = from; v < VERSION; v++) {
		char *sql = sqlite3_mprintf("BEGIN IMMEDIATE;%sPRAGMA application_id = %d;"
					    "PRAGMA user_version = %d;COMMIT;",
			migrations[v], APPLICATION_ID, v + 1);
		int rc = sql != NULL ? exec(s, sql, "migrating", err)
				     : sqlite_error(err, HSW_ENOMEM, "out of memory");
		sqlite3_free(sql);
		if (rc != HSW_OK)
			return rc;
		s->host->log(s->handle, HSW_LOG_INFO,
			from == 0 ? "made %s version=%d" : "migrated %s version=%d", s->path,
			v + 1);
	}
	return HSW_OK;
}

static int
check_version(struct sqlite_store *s, int64_t *version, struct hsw_error *err)
{
	int64_t id, tables;
	int rc = ask(s, "PRAGMA user_version", version, err);

	if (rc == HSW_OK)
		rc = ask(s, "PRAGMA application_id", &id, err);
	if (rc == HSW_OK)
		rc = ask(s, "SELECT count(*) FROM sqlite_master", &tables, err);
	if (rc != HSW_OK)
		return rc;
	bool is_new = *version == 0 && id == 0 && tables == 0;
	if (!is_new && (id != APPLICATION_ID || *version <= 0))
		return sqlite_error(err, HSW_EINVAL,
			"%s is an SQLite database, but not hookswitch's: name another file",
			s->path);
	if (*version <= VERSION)
		return HSW_OK;
	return sqlite_error(err, HSW_EINVAL,
		"%s has version %lld, newer than this program's %d: install the newer hookswitch "
		"again, or name another file",
		s->path, (long long)*version, VERSION);
}

/* A large file would take too long; in it, damage shows when the page is read. */
static int
check_whole(struct sqlite_store *s, struct hsw_error *err)
{
	if (file_bytes(s, "") > CHECK_BYTES)
		return HSW_OK;
	return expect(s, "PRAGMA quick_check(1)", "ok",
		"is corrupt: restore it from a backup, or move it away to begin a new one", err);
}

static int
prepare_all(struct sqlite_store *s, struct hsw_error *err)
{
	for (int i = 0; i < ST_COUNT; i++) {
		if (sqlite3_prepare_v3(s->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
			    &s->st[i], NULL) != SQLITE_OK)
			return sqlite_fail(s, "preparing", err);
	}
	return HSW_OK;
}

static int
set_cache(struct sqlite_store *s, int64_t bytes, struct hsw_error *err)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA cache_size = -%lld", (long long)(bytes / 1024));
	return exec(s, sql, "setting up", err);
}

int
schema_open(struct sqlite_store *s, int64_t cache_bytes, struct hsw_error *err)
{
	int64_t version = 0;
	int rc = check_version(s, &version, err);

	if (rc == HSW_OK)
		rc = check_whole(s, err);
	if (rc == HSW_OK)
		rc = exec(s, setup, "setting up", err);
	if (rc == HSW_OK)
		rc = expect(s, "PRAGMA journal_mode = WAL", "wal",
			"is on a file system that cannot do WAL: name a file on a local disk", err);
	if (rc == HSW_OK)
		rc = migrate(s, (int)version, err);
	if (rc == HSW_OK)
		rc = set_cache(s, cache_bytes, err);
	if (rc == HSW_OK)
		rc = prepare_all(s, err);
	if (rc == HSW_OK)
		rc = ask(s,
			"SELECT max(last_seq) FROM (SELECT last_seq FROM log"
			" UNION ALL SELECT max(seq) FROM events"
			" UNION ALL SELECT max(cursor) FROM destinations)",
			&s->last_seq, err);
	if (rc == HSW_OK)
		rc = ask(s, "SELECT max(n) FROM memos", &s->last_memo, err);
	return rc;
}
