/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock.c - the locks of which one daemon at a time has each: that of transactions which append to the log, that of
 * nodes' beats, and those of the rows that transactions write.
 *
 * A daemon that stands still while it sends such a transaction (a stopped process, a host that was suspended, a
 * network that carries nothing) would keep all others from appending, or from proving that they are there: its
 * session waits for the rest of the pipeline, which no timeout of the server's counts. So the wait for the lock is
 * bounded, and who met the same transaction at the end of two waits, waiting for its client, ends its session. That
 * daemon finds its connection lost; nothing of its transaction was done.
 */
#include "postgres.h"

#include <stdio.h>
#include <string.h>

#define LOG_WAIT_MS 1500
#define WAITS_OF_TIMEOUT 3 /* [store] timeout has room for so many */
/* Two of them and the time between two beats have room in the time for which a proof holds. */
#define CLAIMS_WAIT_MS 400

static const char *const tables[] = { [LOCK_LOG] = "log", [LOCK_CLAIMS] = "claims" };

static int64_t
wait_ms(const struct postgres_store *s, enum lock lock)
{
	int64_t share = s->conf->timeout_ms / WAITS_OF_TIMEOUT;
	int64_t most = lock == LOCK_LOG ? LOG_WAIT_MS : CLAIMS_WAIT_MS;

	return share < most ? share : most;
}

static void
add_with_wait(struct postgres_store *s, enum lock lock, enum statement which)
{
	struct params p = { 0 };
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)wait_ms(s, lock));
	params_bytes(&p, (struct hsw_str){ text, strlen(text) });
	query_add(s, which, &p);
}

void
lock_add(struct postgres_store *s, enum lock lock)
{
	add_with_wait(s, lock, lock == LOCK_LOG ? ST_LOCK_LOG : ST_LOCK_CLAIMS);
}

void
lock_add_wait(struct postgres_store *s)
{
	add_with_wait(s, LOCK_LOG, ST_LOCK_WAIT);
}

/*
 * $1, $2: the holder to be ended; $3: the lock's table. With the log's lock go the rows of destinations, which a
 * transaction that appends may wait for as well. One that waits for a replica or its disk is at work.
 */
static const char look[] =
	"SELECT pid, start, CASE WHEN pid = $1::int AND start = $2::bigint"
	" THEN pg_terminate_backend(pid) ELSE false END"
	" FROM (SELECT a.pid, (extract(epoch FROM a.xact_start) * 1000000)::bigint AS start"
	" FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
	" WHERE l.granted AND (l.locktype = 'advisory' AND l.objsubid = 1 AND l.classid = 0"
	" AND l.objid = convert_from($3::bytea, 'UTF8')::regclass::oid"
	" OR l.locktype = 'relation' AND l.mode = 'RowExclusiveLock'"
	" AND $3::bytea = 'log' AND l.relation IN"
	" ('destinations'::regclass, 'retries'::regclass, 'dead'::regclass))"
	" AND a.datname = current_database()"
	" AND l.database = a.datid AND a.usename = current_user"
	" AND a.wait_event_type = 'Client' AND a.xact_start IS NOT NULL"
	" ORDER BY a.xact_start LIMIT 1) holder";

int
lock_look(struct postgres_store *s, enum lock lock, struct lock_holder *h, struct hsw_error *err)
{
	struct params p = { 0 };
	PGresult *r = NULL;
	bool is_long = h->pid != 0 && session_now_ms() - h->seen_at >= wait_ms(s, lock);

	params_int(&p, is_long ? (int)h->pid : 0);
	params_bigint(&p, h->started_us);
	params_bytes(&p, (struct hsw_str){ tables[lock], strlen(tables[lock]) });
	query_add_text(s, look, &p);
	int rc = query_run(s, "looking who holds a lock", 0, &r, NULL, err);
	if (rc != HSW_OK)
		return rc;
	bool is_there = PQntuples(r) > 0;
	bool is_ended = is_there && PQgetvalue(r, 0, 2)[0] != 0;
	*h = (struct lock_holder){ .seen_at = session_now_ms() };
	if (is_there) {
		h->pid = result_int(r, 0, 0);
		h->started_us = result_bigint(r, 0, 1);
	}
	PQclear(r);
	if (is_ended)
		s->host->log(s->handle, HSW_LOG_WARN,
			"ended a session that kept the %s locked and waited for its daemon, which "
			"stands still or sends slowly pid=%lld",
			tables[lock], (long long)h->pid);
	return HSW_OK;
}
