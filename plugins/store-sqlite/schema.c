/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.c - the tables, their version (PRAGMA user_version) and the statements.
 *
 * A migration is one script for each version; they run in order, each in a transaction with its new
 * version. A file of a newer version is never touched.
 */
#include "sqlite.h"

#include <sys/stat.h>

#define APPLICATION_ID 0x68737731 /* "hsw1" */
#define CHECK_BYTES (32 << 20)    /* files up to this size are checked whole at start */

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
};

#define VERSION ((int)(sizeof(migrations) / sizeof(migrations[0])))

#define EVENT_COLUMNS "e.seq, e.received_at, e.id, e.instance, e.type, e.provider, e.key, e.layout"
#define DEAD_WHERE                                                                        \
	" WHERE (?1 = '' OR destination = (SELECT id FROM destinations WHERE name = ?1))" \
	" AND (length(?2) = 0 OR (SELECT id FROM events e WHERE e.seq = dead.seq) = ?2)"  \
	" AND dead.seq > ?3"

const char *const schema_statements[ST_COUNT] = {
	[ST_BEGIN] = "BEGIN IMMEDIATE",
	[ST_COMMIT] = "COMMIT",
	[ST_ROLLBACK] = "ROLLBACK",
	[ST_APPEND] = "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[ST_CURSOR] = "UPDATE destinations SET cursor = ?2 WHERE id = ?1 AND cursor < ?2",
	[ST_RETRY] = "INSERT OR REPLACE INTO retries VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[ST_SETTLED] = "DELETE FROM retries WHERE destination = ?1 AND seq = ?2",
	[ST_DEAD] = "INSERT OR REPLACE INTO dead VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[ST_ATTACH] = "INSERT INTO destinations (name, cursor) VALUES (?1, ?2)",
	[ST_READ] = "SELECT " EVENT_COLUMNS
		    ", e.body FROM events e WHERE e.seq > ?1 ORDER BY e.seq LIMIT ?2",
	[ST_READ_ONE] = "SELECT " EVENT_COLUMNS ", e.body FROM events e WHERE e.seq = ?1",
	[ST_RETRIES] = "SELECT seq, attempts, due_at, status, error FROM retries"
		       " WHERE destination = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
	[ST_DEAD_LIST] = "SELECT " EVENT_COLUMNS ", CASE WHEN ?5 THEN e.body ELSE x'' END,"
			 " d.name, dead.attempts, dead.died_at, dead.status, dead.error FROM dead"
			 " JOIN destinations d ON d.id = dead.destination"
			 " JOIN events e ON e.seq = dead.seq" DEAD_WHERE
			 " ORDER BY dead.destination, dead.seq LIMIT ?4",
	[ST_DEAD_COUNTS] = "SELECT d.name, count(*) FROM dead"
			   " JOIN destinations d ON d.id = dead.destination GROUP BY d.id",
	[ST_DEAD_TO_RETRY] = "INSERT OR REPLACE INTO retries"
			     " SELECT destination, seq, 0, ?5, status, error FROM dead" DEAD_WHERE
			     " ORDER BY destination, seq LIMIT ?4",
	[ST_DEAD_DELETE] = "DELETE FROM dead WHERE (destination, seq) IN"
			   " (SELECT destination, seq FROM dead" DEAD_WHERE
			   " ORDER BY destination, seq LIMIT ?4)",
	[ST_CURSORS] = "SELECT name, cursor, id FROM destinations",
	[ST_FIRST_SEQ] = "SELECT min(seq) FROM events",
	[ST_OLDEST] = "SELECT seq, received_at,"
		      " EXISTS (SELECT 1 FROM retries r WHERE r.seq = events.seq)"
		      " OR EXISTS (SELECT 1 FROM dead d WHERE d.seq = events.seq)"
		      " FROM events WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3",
	[ST_DELETE] = "DELETE FROM events WHERE seq = ?1",
	[ST_LAST_SEQ] = "UPDATE log SET last_seq = ?1",
};

static int
exec(struct sqlite_store *s, const char *sql, const char *doing, struct hsw_error *err)
{
	if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return HSW_OK;
	return sqlite_fail(s, doing, err);
}

/* The single number that a statement gives. */
static int
ask(struct sqlite_store *s, const char *sql, int64_t *out, struct hsw_error *err)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);

	*out = 0;
	if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW)
		*out = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		return HSW_OK;
	return sqlite_fail(s, "reading", err);
}

/* Each step is durable with its version. */
static int
migrate(struct sqlite_store *s, int from, struct hsw_error *err)
{
	for (int v = from; v < VERSION; v++) {
		char *sql = sqlite3_mprintf("BEGIN IMMEDIATE;%sPRAGMA application_id = %d;"
					    "PRAGMA user_version = %d;COMMIT;",
			migrations[v], APPLICATION_ID, v + 1);
		int rc = sql != NULL ? exec(s, sql, "migrating", err) : HSW_ENOMEM;
		sqlite3_free(sql);
		if (rc != HSW_OK)
			return rc;
		if (from > 0)
			s->host->log(s->handle, HSW_LOG_INFO, "migrated %s to version %d", s->path,
				v + 1);
	}
	return HSW_OK;
}

static int
check_version(struct sqlite_store *s, int64_t version, int64_t tables, struct hsw_error *err)
{
	int64_t id;
	int rc = ask(s, "PRAGMA application_id", &id, err);

	if (rc != HSW_OK)
		return rc;
	if (version == 0 && tables > 0)
		return sqlite_error(
			err, HSW_EINVAL, "%s is an SQLite database, but not hookswitch's", s->path);
	if (version > 0 && id != APPLICATION_ID)
		return sqlite_error(
			err, HSW_EINVAL, "%s is an SQLite database, but not hookswitch's", s->path);
	if (version > VERSION)
		return sqlite_error(err, HSW_EINVAL,
			"%s has version %lld, this program knows versions up to %d: install the "
			"newer "
			"hookswitch again, or name another file",
			s->path, (long long)version, VERSION);
	return HSW_OK;
}

/* A large file would take too long; in it, damage shows when the page is read. */
static int
check_whole(struct sqlite_store *s, struct hsw_error *err)
{
	struct stat st;
	sqlite3_stmt *check = NULL;
	int rc = HSW_OK;

	if (stat(s->path, &st) != 0 || st.st_size > CHECK_BYTES)
		return HSW_OK;
	if (sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &check, NULL) != SQLITE_OK ||
		sqlite3_step(check) != SQLITE_ROW) {
		rc = sqlite_fail(s, "checking", err);
	} else {
		const char *text = (const char *)sqlite3_column_text(check, 0);
		if (text == NULL || sqlite3_stricmp(text, "ok") != 0)
			rc = sqlite_error(err, HSW_EIO,
				"%s is corrupt (%.80s): restore it from a backup, or move it away "
				"to begin "
				"a new one",
				s->path, text != NULL ? text : "?");
	}
	sqlite3_finalize(check);
	return rc;
}

int
schema_open(struct sqlite_store *s, struct hsw_error *err)
{
	int64_t version, tables;
	int rc = ask(s, "PRAGMA user_version", &version, err);

	if (rc == HSW_OK)
		rc = ask(s, "SELECT count(*) FROM sqlite_master", &tables, err);
	if (rc == HSW_OK)
		rc = check_version(s, version, tables, err);
	if (rc == HSW_OK)
		rc = check_whole(s, err);
	/* synchronous = FULL: a commit is on disk when COMMIT returns, also in WAL mode. */
	if (rc == HSW_OK)
		rc = exec(s,
			"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = "
			"MEMORY;"
			"PRAGMA wal_autocheckpoint = 1000; PRAGMA journal_size_limit = 67108864;",
			"setting up", err);
	if (rc == HSW_OK)
		rc = migrate(s, (int)version, err);
	if (rc == HSW_OK)
		rc = ask(s,
			"SELECT max(last_seq) FROM (SELECT last_seq FROM log UNION ALL"
			" SELECT max(seq) FROM events UNION ALL SELECT max(cursor) FROM "
			"destinations)",
			&s->last_seq, err);
	return rc;
}
