/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.c - the tables with their version, which is a column of `log`.
 *
 * A migration is one script for each version. All that are missing run in one transaction under an
 * advisory lock, so that of daemons that start together one does it and the others find it done.
 *
 * What comes from outside is bytea: a conversation or an error text may hold NUL or bad UTF-8, and text would
 * refuse it again and again.
 */
#include "postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const migrations[] = {
	/* 1. log and destinations are written all the time: room in each page lets a row stay where it is.
	 * Bodies are JSON, often encrypted or base64: compressing costs more than it saves. */
	"CREATE TABLE log (only_row boolean PRIMARY KEY CHECK (only_row), version int NOT NULL,"
	" last_seq bigint NOT NULL) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0,"
	" autovacuum_vacuum_threshold = 2000);"
	"INSERT INTO log VALUES (true, 0, 0);"
	"CREATE TABLE events ("
	" seq bigint PRIMARY KEY, received_at bigint NOT NULL, id bytea NOT NULL,"
	" instance bytea NOT NULL, type bytea NOT NULL, provider bytea NOT NULL,"
	" key bytea NOT NULL, layout bytea NOT NULL, body bytea NOT NULL)"
	" WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.05,"
	" autovacuum_vacuum_threshold = 10000);"
	"ALTER TABLE events ALTER body SET STORAGE EXTERNAL;"
	"CREATE TABLE ids (word bigint PRIMARY KEY, at bigint NOT NULL)"
	" WITH (autovacuum_vacuum_scale_factor = 0.05);"
	"CREATE INDEX ids_at ON ids (at);"
	"CREATE TABLE destinations ("
	" id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, name bytea NOT NULL UNIQUE,"
	" cursor bigint NOT NULL) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0,"
	" autovacuum_vacuum_threshold = 2000);"
	"CREATE TABLE retries ("
	" destination int NOT NULL, seq bigint NOT NULL, attempts int NOT NULL,"
	" due_at bigint NOT NULL, status int NOT NULL, error bytea NOT NULL,"
	" PRIMARY KEY (destination, seq)) WITH (fillfactor = 70);"
	"CREATE INDEX retries_seq ON retries (seq);"
	"CREATE TABLE dead ("
	" destination int NOT NULL, seq bigint NOT NULL, attempts int NOT NULL,"
	" died_at bigint NOT NULL, status int NOT NULL, error bytea NOT NULL,"
	" PRIMARY KEY (destination, seq));"
	"CREATE INDEX dead_seq ON dead (seq);"
	"CREATE TABLE records (kind bytea NOT NULL, name bytea NOT NULL, text bytea NOT NULL,"
	" PRIMARY KEY (kind, name));"
	"CREATE TABLE memos (kind bytea NOT NULL, n bigint GENERATED ALWAYS AS IDENTITY,"
	" at bigint NOT NULL, text bytea NOT NULL, PRIMARY KEY (kind, n));",
	/* Several daemons on one schema. */
	"CREATE TABLE settings (only_row boolean PRIMARY KEY CHECK (only_row),"
	" version bigint NOT NULL);"
	"INSERT INTO settings VALUES (true, 1);"
	"CREATE TABLE nodes (name text PRIMARY KEY, until timestamptz NOT NULL)"
	" WITH (fillfactor = 20);"
	"CREATE TABLE wants (node text NOT NULL, destination int NOT NULL,"
	" PRIMARY KEY (node, destination));"
	"CREATE TABLE claims (destination int PRIMARY KEY, node text NOT NULL,"
	" touched bigint NOT NULL);",
	/* A node that stops gives its destinations away one by one. */
	"ALTER TABLE nodes ADD COLUMN leaving boolean NOT NULL DEFAULT false;",
	/* Seqs after `after` up to `upto` that no event has. Those that failovers left before are found by looking
	 * at every second part of their size. */
	"CREATE TABLE gaps (after bigint PRIMARY KEY, upto bigint NOT NULL);"
	"INSERT INTO gaps SELECT DISTINCT b.seq, COALESCE(a.seq - 1, last_seq)"
	" FROM log, (SELECT min(seq) AS first FROM events) e,"
	" generate_series(e.first, last_seq, 500000) AS at,"
	" LATERAL (SELECT max(seq) AS seq FROM events WHERE seq <= at) b,"
	" LATERAL (SELECT min(seq) AS seq FROM events WHERE seq > at) a"
	" WHERE COALESCE(a.seq - 1, last_seq) - b.seq >= 1000000;",
	/* Of the server's WAL when a node used the log last; NULL: not known. */
	"ALTER TABLE log ADD COLUMN timeline bytea;",
};

#define VERSION ((int)(sizeof(migrations) / sizeof(migrations[0])))

/* The statements of a script end with a semicolon each; none stands within one. */
static void
add_script(struct postgres_store *s, const char *script)
{
	char statement[1024];

	while (*script != '\0') {
		size_t len = strcspn(script, ";");
		if (len < sizeof(statement)) {
			memcpy(statement, script, len);
			statement[len] = '\0';
			query_add_text(s, statement, NULL);
		}
		script += len + (script[len] == ';');
	}
}

int
schema_use(struct postgres_store *s, struct hsw_error *err)
{
	struct params p = { 0 };

	params_bytes(&p, (struct hsw_str){ s->conf->schema, strlen(s->conf->schema) });
	query_add_text(s, "SELECT set_config('search_path', quote_ident($1), false)", &p);
	return query_run(s, "setting up", 0, NULL, NULL, err);
}

int
schema_version(struct postgres_store *s, int *version, struct hsw_error *err)
{
	struct params p = { 0 };
	PGresult *r = NULL;

	params_bytes(&p, (struct hsw_str){ s->conf->schema, strlen(s->conf->schema) });
	query_add_text(s,
		"SELECT n.oid IS NOT NULL, to_regclass(quote_ident($1) || '.log') IS NOT NULL"
		" FROM (VALUES (1)) v LEFT JOIN pg_namespace n ON n.nspname = $1",
		&p);
	int rc = query_run(s, "looking for the schema", 0, &r, NULL, err);
	if (rc != HSW_OK)
		return rc;
	*version = PQgetvalue(r, 0, 0)[0] != 0 ? 0 : -1;
	bool has_tables = PQgetvalue(r, 0, 1)[0] != 0;
	PQclear(r);
	if (!has_tables)
		return HSW_OK;
	if ((rc = schema_use(s, err)) != HSW_OK)
		return rc;
	query_add_text(s, "SELECT version FROM log", NULL);
	rc = query_run(s, "reading the schema's version", 0, &r, NULL, err);
	if (rc != HSW_OK)
		return pg_error(err, rc == HSW_EIO ? HSW_EINVAL : rc,
			"PostgreSQL: the schema %s has a table log that is not hookswitch's: name "
			"another schema",
			s->conf->schema);
	*version = PQntuples(r) > 0 ? result_int(r, 0, 0) : 0;
	PQclear(r);
	return HSW_OK;
}

static void
add_creation(struct postgres_store *s)
{
	char *name = PQescapeIdentifier(s->db, s->conf->schema, strlen(s->conf->schema));
	char sql[256];

	snprintf(sql, sizeof(sql), "CREATE SCHEMA %s", name != NULL ? name : "\"\"");
	PQfreemem(name);
	query_add_text(s, sql, NULL);
}

/* Within a transaction that holds the lock. */
static int
bring_up(struct postgres_store *s, struct hsw_error *err)
{
	struct params p = { 0 };
	int version = 0, rc = schema_version(s, &version, err);

	if (rc != HSW_OK || version >= VERSION)
		return rc;
	if (version < 0)
		add_creation(s);
	params_bytes(&p, (struct hsw_str){ s->conf->schema, strlen(s->conf->schema) });
	query_add_text(s, "SELECT set_config('search_path', quote_ident($1), false)", &p);
	for (int v = version > 0 ? version : 0; v < VERSION; v++)
		add_script(s, migrations[v]);
	p = (struct params){ 0 };
	params_int(&p, VERSION);
	query_add_text(s, "UPDATE log SET version = $1", &p);
	rc = query_run(s, "making the tables", 0, NULL, NULL, err);
	if (rc == HSW_OK)
		s->host->log(s->handle, HSW_LOG_INFO,
			version <= 0 ? "made the schema %s version=%d"
				     : "migrated the schema %s version=%d",
			s->conf->schema, VERSION);
	return rc;
}

static int
migrate_locked(struct postgres_store *s, struct hsw_error *err)
{
	struct params p = { 0 };

	params_bytes(&p, (struct hsw_str){ s->conf->schema, strlen(s->conf->schema) });
	query_add_text(s, "BEGIN ISOLATION LEVEL READ COMMITTED", NULL);
	query_add_text(s,
		"SELECT pg_advisory_xact_lock(hashtextextended('hookswitch schema ' || $1, 0))",
		&p);
	int rc = query_run(s, "locking the schema", 0, NULL, NULL, err);
	if (rc == HSW_OK)
		rc = bring_up(s, err);
	if (s->db == NULL || PQtransactionStatus(s->db) == PQTRANS_IDLE)
		return rc;
	struct hsw_error ignored;
	query_add_text(s, rc == HSW_OK ? "COMMIT" : "ROLLBACK", NULL);
	int end = query_run(s, "migrating", 0, NULL, NULL, rc == HSW_OK ? err : &ignored);
	return rc != HSW_OK ? rc : end;
}

int
schema_migrate(struct postgres_store *s, struct hsw_error *err)
{
	int version = 0, rc = schema_version(s, &version, err);

	if (rc != HSW_OK || version == VERSION)
		return rc;
	if (version > VERSION)
		return pg_error(err, HSW_EINVAL,
			"PostgreSQL: the schema %s has version %d, newer than this program's %d: "
			"install "
			"the newer hookswitch again, or name another schema",
			s->conf->schema, version, VERSION);
	return migrate_locked(s, err);
}
