/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session.c - the connection: made when it is needed, given up when it failed, made again no sooner than
 * RECONNECT_MS after the last time. What the daemon must not lose with it, its lock on the schema, comes
 * back before anything else is done.
 */
#include "postgres.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define RECONNECT_MS 500
/* At the start the server may still be starting, or ending the session of a daemon that was killed. Few tries: a
 * server that counts wrong passwords may lock the account. */
#define OPEN_TRIES 8
#define OPEN_PAUSE_MS 100      /* before the second try; twice as long before each further one */
#define OPEN_PAUSE_MAX_MS 1000 /* but not longer */

int64_t
session_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
session_drop(struct postgres_store *s)
{
	PQfinish(s->db);
	s->db = NULL;
}

/* The last words of a session that the server ends come unasked, like any notice. */
static void
see_notice(void *arg, const PGresult *notice)
{
	const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);

	if (severity != NULL && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0))
		((struct postgres_store *)arg)->is_ended = true;
}

/*
 * What the dsn says wins over all that stands before it here. A peer that is gone shows within 9 s by
 * keepalives when nothing is under way, else by tcp_user_timeout.
 */
static PGconn *
make_connection(const struct postgres_store *s)
{
	static const char *const keys[] = { "fallback_application_name", "connect_timeout",
		"target_session_attrs", "keepalives_idle", "keepalives_interval",
		"keepalives_count", "tcp_user_timeout", "client_encoding", "dbname", NULL };
	const char *const values[] = { "hookswitch", "3", "read-write", "3", "2", "3", "5000",
		"UTF8", s->conf->dsn, NULL };

	return PQconnectdbParams(keys, values, 1);
}

/* Locks of the session, which end with it. key: a text of SQL with the schema as $1 and the node as $2. */
static int
try_lock(struct postgres_store *s, const char *sql, bool *is_ours, struct hsw_error *err)
{
	struct params p = { 0 };
	PGresult *r = NULL;

	params_bytes(&p, (struct hsw_str){ s->conf->schema, strlen(s->conf->schema) });
	params_bytes(&p, (struct hsw_str){ s->node_name, strlen(s->node_name) });
	query_add_text(s, sql, &p);
	int rc = query_run(s, "locking the schema", 0, &r, NULL, err);
	if (rc == HSW_OK)
		*is_ours = PQgetvalue(r, 0, 0)[0] != 0;
	PQclear(r);
	return rc;
}

#define SCHEMA_KEY "(hashtextextended('hookswitch daemon ' || $1::text, 0))"
#define AND_NODE_IS_TEXT " WHERE $2::text IS NOT NULL"

static int
take_schema(struct postgres_store *s, struct hsw_error *err)
{
	bool is_ours = false;
	int rc = try_lock(s,
		s->is_alone ? "SELECT pg_try_advisory_lock" SCHEMA_KEY AND_NODE_IS_TEXT
			    : "SELECT pg_try_advisory_lock_shared" SCHEMA_KEY AND_NODE_IS_TEXT,
		&is_ours, err);

	if (rc != HSW_OK || is_ours)
		return rc;
	return pg_error(err, HSW_EAGAIN,
		"PostgreSQL: the schema %s is in use by another hookswitch: stop that one, or name "
		"another schema",
		s->conf->schema);
}

static int
take_name(struct postgres_store *s, struct hsw_error *err)
{
	bool is_ours = false;
	int rc = try_lock(s,
		"SELECT pg_try_advisory_lock("
		"hashtextextended('hookswitch node ' || $1::text || ' ' || $2::text, 0))",
		&is_ours, err);

	if (rc != HSW_OK || is_ours)
		return rc;
	return pg_error(err, HSW_EAGAIN,
		"PostgreSQL: the schema %s is in use by another hookswitch whose node is %s, too: "
		"stop "
		"that one, or give this one another name ([store] node)",
		s->conf->schema, s->node_name);
}

static int
take_locks(struct postgres_store *s, struct hsw_error *err)
{
	int rc = s->is_user ? take_schema(s, err) : HSW_OK;

	return rc == HSW_OK && s->is_named ? take_name(s, err) : rc;
}

/*
 * How long a statement may run, and how long a transaction may wait for the daemon between two of them. Neither
 * counts while the server waits for the rest of what the daemon is sending: who waits for the log's lock then
 * ends that session, see lock.c.
 */
static int
set_limits(struct postgres_store *s, struct hsw_error *err)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "SET statement_timeout = %lld", (long long)s->conf->timeout_ms);
	query_add_text(s, sql, NULL);
	snprintf(sql, sizeof(sql), "SET idle_in_transaction_session_timeout = %lld",
		(long long)s->conf->timeout_ms);
	query_add_text(s, sql, NULL);
	/* A plan for each set of values would cost more than the statements themselves. */
	query_add_text(s, "SET plan_cache_mode = force_generic_plan", NULL);
	query_add_text(s, "SET jit = off", NULL);
	/* A host that is gone must not keep its locks for hours. */
	query_add_text(s, "SET tcp_keepalives_idle = 3", NULL);
	query_add_text(s, "SET tcp_keepalives_interval = 2", NULL);
	query_add_text(s, "SET tcp_keepalives_count = 3", NULL);
	query_add_text(s, "SET tcp_user_timeout = 5000", NULL);
	if (s->is_listening)
		query_add_text(s, "LISTEN hookswitch", NULL);
	return query_run(s, "setting up", 0, NULL, NULL, err);
}

static int
prepare(struct postgres_store *s, struct hsw_error *err)
{
	if (PQsetnonblocking(s->db, 1) != 0 || PQenterPipelineMode(s->db) == 0)
		return pg_connection_error(s->db, "setting up", err);
	PQsetNoticeReceiver(s->db, see_notice, s);
	return set_limits(s, err);
}

static int
set_up(struct postgres_store *s, struct hsw_error *err)
{
	int rc = prepare(s, err);
	if (rc == HSW_OK)
		rc = take_locks(s, err);
	if (rc == HSW_OK)
		rc = schema_migrate(s, err);
	if (rc == HSW_OK)
		rc = schema_use(s, err);
	if (rc == HSW_OK) {
		statements_prepare(s);
		rc = query_run(s, "preparing", 0, NULL, NULL, err);
	}
	if (rc == HSW_OK)
		rc = takeover_go_on(s, err);
	return rc == HSW_OK ? destinations_load(s, err) : rc;
}

static int
connect_once(struct postgres_store *s, struct hsw_error *err)
{
	s->is_incomplete = s->is_ended = s->has_stage = s->is_without_stage = false;
	s->db = make_connection(s);
	int rc = PQstatus(s->db) == CONNECTION_OK ? set_up(s, err)
						  : pg_connection_error(s->db, "connecting", err);
	if (rc != HSW_OK)
		session_drop(s);
	s->connect_at = session_now_ms() + RECONNECT_MS;
	return rc;
}

int
session_look(struct postgres_store *s, struct hsw_error *err)
{
	int version = 0, rc;

	s->db = make_connection(s);
	if (PQstatus(s->db) != CONNECTION_OK)
		rc = pg_connection_error(s->db, "connecting", err);
	else if ((rc = prepare(s, err)) == HSW_OK)
		rc = schema_version(s, &version, err);
	session_drop(s);
	if (rc == HSW_OK && version <= 0)
		return pg_error(err, HSW_ENOENT,
			"no such store: the database has no schema %s with hookswitch's tables",
			s->conf->schema);
	return rc;
}

/* The server closed an idle connection, or sent something: a notice, or its last words. */
static bool
is_alive(struct postgres_store *s)
{
	struct pollfd p = { .fd = PQsocket(s->db), .events = POLLIN };

	while (poll(&p, 1, 0) > 0) {
		if (PQconsumeInput(s->db) == 0 || PQstatus(s->db) != CONNECTION_OK ||
			(p.revents & (POLLERR | POLLHUP)) != 0)
			return false;
		PQisBusy(s->db); /* makes libpq look at what came */
	}
	return PQstatus(s->db) == CONNECTION_OK && !s->is_ended;
}

int
session_need(struct postgres_store *s, struct hsw_error *err)
{
	if (s->db != NULL && is_alive(s))
		return HSW_OK;
	if (s->db != NULL)
		session_drop(s);
	if (session_now_ms() < s->connect_at)
		return pg_error(err, HSW_EAGAIN, "PostgreSQL: not connected");
	int rc = connect_once(s, err);
	bool was_lost = atomic_exchange(&s->was_lost, rc != HSW_OK);
	if (rc == HSW_OK && was_lost)
		s->host->log(s->handle, HSW_LOG_INFO, "connected to PostgreSQL again");
	return rc;
}

static int
try_long(struct postgres_store *s, int (*fn)(struct postgres_store *, struct hsw_error *),
	struct hsw_error *err)
{
	int64_t ms = OPEN_PAUSE_MS;
	int rc = fn(s, err);

	for (int i = 1; i < OPEN_TRIES && rc == HSW_EAGAIN; i++) {
		const struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };
		nanosleep(&pause, NULL);
		ms = 2 * ms < OPEN_PAUSE_MAX_MS ? 2 * ms : OPEN_PAUSE_MAX_MS;
		rc = fn(s, err);
	}
	return rc;
}

int
session_open(struct postgres_store *s, struct hsw_error *err)
{
	return try_long(s, connect_once, err);
}

static int
name_once(struct postgres_store *s, struct hsw_error *err)
{
	int rc = session_need(s, err);

	return rc == HSW_OK ? take_name(s, err) : rc;
}

int
session_name(struct postgres_store *s, struct hsw_error *err)
{
	int rc = try_long(s, name_once, err);

	s->is_named = rc == HSW_OK;
	return rc;
}

static int
alone_once(struct postgres_store *s, struct hsw_error *err)
{
	int rc = session_need(s, err);

	return rc == HSW_OK ? take_schema(s, err) : rc;
}

int
store_alone(void *self, struct hsw_error *err)
{
	struct postgres_store *s = self;

	s->is_alone = true;
	int rc = try_long(s, alone_once, err);
	s->is_alone = rc == HSW_OK;
	return rc;
}
