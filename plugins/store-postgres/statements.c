/* SPDX-License-Identifier: Apache-2.0 */
/* statements.c - the statements and their parameters. Bigint, int and bytea alone, all in binary. */
#include "postgres.h"

#define EVENT_COLUMNS "e.seq, e.received_at, e.id, e.instance, e.type, e.provider, e.key, e.layout"
#define EXCEPTION_COLUMNS(time) "d.name, x.attempts, " time ", x.status, x.error, x.destination"
#define NOTHING "''::bytea"
/* Seqs behind this one that no event has. */
#define PASSED_OVER(seq) \
	"COALESCE((SELECT sum(upto - after) FROM gaps WHERE after >= " seq "), 0)::bigint"

/*
 * Rows until their bodies reach $3 bytes. length() of a body that lies outside its row does not read it,
 * and the window ends with the first row that is too much.
 */
#define PAGE(match)                                                                            \
	"SELECT " EVENT_COLUMNS ", e.body FROM (SELECT *, sum(length(body)) OVER (ORDER BY "   \
	"seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) - length(body) AS bytes_before" \
	" FROM events WHERE seq > $1" match " ORDER BY seq LIMIT $2) e"                        \
	" WHERE e.bytes_before < $3 ORDER BY e.seq"

/*
 * The dead letters that a query matches. $1, $2: ids of the first and the last destination; $3: only seq
 * above it; $4: limit; $5: an event's id or empty; $6: of the first destination, only seq above it.
 */
#define DEAD_MATCH                                                                           \
	" FROM dead x JOIN events e ON e.seq = x.seq"                                        \
	" WHERE (x.destination, x.seq) > ($1::int, $6::bigint) AND x.destination <= $2::int" \
	" AND x.seq > $3::bigint AND (length($5::bytea) = 0 OR e.id = $5)"                   \
	" ORDER BY x.destination, x.seq LIMIT $4::bigint"

/* Another node may have deleted the destination: what it is owed is not kept then. */
#define EXCEPTION_VALUES                                                      \
	"SELECT $1::int, $2::bigint, $3::int, $4::bigint, $5::int, $6::bytea" \
	" WHERE EXISTS (SELECT FROM destinations WHERE id = $1::int)"

/*
 * column(1) to (8): arrays of the events' columns; (9): of their ids' words; (10): a word of the table that is
 * older counts for nothing, 0: nothing is looked for. Gives the first seq and, in its order, the numbers of those
 * that were appended. The statement's snapshot is younger than the lock.
 */
#define APPEND(column)                                                                                                                                                                                                                                                                                                                                                                                                              \
	"WITH fresh AS (INSERT INTO ids AS i SELECT DISTINCT ON (word) word, at"                                                                                                                                                                                                                                                                                                                                                    \
	" FROM unnest(" column(                                                                                                                                                                                                                                                                                                                                                                                                     \
		9, bigint[]) ", " column(1, bigint[]) ") g (word, at)"                                                                                                                                                                                                                                                                                                                                                              \
						      " WHERE " column(                                                                                                                                                                                                                                                                                                                                                             \
							      10, bigint) " <> 0"                                                                                                                                                                                                                                                                                                                                                   \
									  " ON CONFLICT "                                                                                                                                                                                                                                                                                                                                           \
									  "(word) DO "                                                                                                                                                                                                                                                                                                                                              \
									  "UPDATE SET at "                                                                                                                                                                                                                                                                                                                                          \
									  "= EXCLUDED.at "                                                                                                                                                                                                                                                                                                                                          \
									  "WHERE i.at "                                                                                                                                                                                                                                                                                                                                             \
									  "< " column(10, bigint) " RETURNING word),"                                                                                                                                                                                                                                                                                                               \
												  " kept AS (SELECT min(n) AS n FROM unnest(" column(9, bigint[]) ")"                                                                                                                                                                                                                                                               \
																				  " WITH ORDINALITY w (word, n)"                                                                                                                                                                                                                                    \
																				  " WHERE " column(10, bigint) " = 0 OR word IN (SELECT word FROM fresh)"                                                                                                                                                                                           \
																							       " GROUP BY CASE WHEN " column(10, bigint) " = 0 THEN n ELSE word END),"                                                                                                                                                              \
																													 " counted AS (UPDATE log SET last_seq = last_seq + (SELECT count(*) FROM kept)"                                                                                                            \
																													 " RETURNING last_seq - (SELECT count(*) FROM kept) AS base)"                                                                                                                               \
																													 " INSERT INTO events SELECT (SELECT base FROM counted) + row_number() OVER (ORDER BY g.n),"                                                                                                \
																													 " g.received_at, g.id, g.instance, g.type, g.provider, g.key, g.layout, g.body"                                                                                                            \
																													 " FROM ROWS FROM (unnest(" column(1, bigint[]) "), unnest(" column(                                                                                                                        \
																														 2,                                                                                                                                                                                 \
																														 bytea                                                                                                                                                                              \
																															 []) "),"                                                                                                                                                                   \
																															     " unnest(" column(                                                                                                                                                     \
																																     3,                                                                                                                                                             \
																																     bytea                                                                                                                                                          \
																																	     []) "), unnest(" column(4,                                                                                                                             \
																																     bytea[]) "),"                                                                                                                                                  \
																																	      " unnest(" column(5, bytea[]) "), unnest(" column(6, bytea[]) "),"                                                                                    \
																																									    " unnest(" column(7, bytea[]) "), unnest(" column(                                      \
																																										    8,                                                                              \
																																										    bytea[]) ")) WITH ORDINALITY"                                                   \
																																											     " g (received_at, id, instance, type, provider, key, layout, body, n)" \
																																											     " WHERE " column(                                                      \
																																												     10,                                                            \
																																												     bigint) " = 0 OR g.n IN (SELECT n FROM kept)"                  \
																																													     " RETURNING seq, id"
#define GIVEN(n, type) "$" #n "::" #type
#define STAGED(n, type) "(SELECT c" #n " FROM pg_temp.hookswitch_staged)"

/* Made by the session that needs it: what is prepared at its beginning cannot name it. */
const char statement_append_staged[] = APPEND(STAGED);

/* The n-th exception after $1, by seq, up to a seq; NULL: there are fewer. A walk over their indexes alone. */
#define NTH_OF(table, n, upto)                                               \
	"(SELECT seq FROM " table " WHERE seq > $1::bigint AND seq <= " upto \
	" ORDER BY seq LIMIT 1 OFFSET " n " - 1)"
#define NTH_EXCEPTION(n, upto)                                                     \
	"(SELECT min(seq) FROM (" NTH_OF("retries", n, upto) " UNION ALL " NTH_OF( \
		"dead", n, upto) ") x)"

/* No exception names the event e. The bounds, which are e's, keep a join from reading the whole tables. */
#define UNNAMED_BY(table, upto)                                          \
	" AND NOT EXISTS (SELECT 1 FROM " table " x WHERE x.seq = e.seq" \
	" AND x.seq > $1::bigint AND x.seq <= " upto ")"
#define UNNAMED(upto) UNNAMED_BY("retries", upto) UNNAMED_BY("dead", upto)

/* Of ST_USAGE: where so many seqs end, where so many exceptions do, and the first event before that which is free. */
#define USAGE_SEQS                                                                  \
	" CROSS JOIN LATERAL (SELECT $3::bigint + COALESCE((SELECT seq FROM events" \
	" WHERE seq > $1::bigint ORDER BY seq LIMIT 1), last_seq) AS upto) f"
#define USAGE_NAMED                                            \
	" CROSS JOIN LATERAL (SELECT COALESCE(" NTH_EXCEPTION( \
		"$2::bigint", "f.upto") ", f.upto) AS upto) l"
#define USAGE_FREE                                                                         \
	" LEFT JOIN LATERAL (SELECT seq, received_at FROM events e WHERE seq > $1::bigint" \
	" AND seq <= l.upto" UNNAMED("l.upto") " ORDER BY seq LIMIT 1) e ON true"

static const char *const statements[ST_COUNT] = {
	/* The administrator's default may be another level. */
	[ST_BEGIN] = "BEGIN ISOLATION LEVEL READ COMMITTED",
	[ST_COMMIT] = "COMMIT",
	[ST_ROLLBACK] = "ROLLBACK",
	/* Held until the transaction is visible to everybody: so commits come in the order of seq. $1: how
	 * long to wait for it, see lock.c. */
	[ST_LOCK_LOG] = "SELECT pg_advisory_xact_lock('log'::regclass::bigint)"
			" FROM set_config('lock_timeout', convert_from($1::bytea, 'UTF8'), true)",
	[ST_LOCK_WAIT] = "SELECT set_config('lock_timeout', convert_from($1::bytea, 'UTF8'), true)",
	[ST_LOCK_CLAIMS] =
		"SELECT pg_advisory_xact_lock('claims'::regclass::bigint)"
		" FROM set_config('lock_timeout', convert_from($1::bytea, 'UTF8'), true)",
	[ST_APPEND] = APPEND(GIVEN),
	[ST_CURSOR] = "UPDATE destinations SET cursor = $2 WHERE id = $1 AND cursor < $2",
	[ST_RETRY] = "INSERT INTO retries " EXCEPTION_VALUES
		     " ON CONFLICT (destination, seq) DO UPDATE SET attempts = EXCLUDED.attempts,"
		     " due_at = EXCLUDED.due_at, status = EXCLUDED.status, error = EXCLUDED.error",
	[ST_SETTLED] = "DELETE FROM retries WHERE destination = $1 AND seq = $2",
	[ST_DEAD] = "WITH gone AS (DELETE FROM retries WHERE destination = $1 AND seq = $2)"
		    " INSERT INTO dead " EXCEPTION_VALUES
		    " ON CONFLICT (destination, seq) DO UPDATE SET attempts = EXCLUDED.attempts,"
		    " died_at = EXCLUDED.died_at, status = EXCLUDED.status, error = EXCLUDED.error",
	[ST_ATTACH] = "INSERT INTO destinations (name, cursor) SELECT $1::bytea, last_seq FROM log"
		      " ON CONFLICT (name) DO NOTHING",
	[ST_DESTINATION] = "SELECT id, cursor FROM destinations WHERE name = $1",
	[ST_CURSORS] = "SELECT id, name, cursor FROM destinations",
	[ST_READ] = PAGE(""),
	[ST_READ_SEQS] = PAGE(" AND seq = ANY ($4::bigint[])"),
	[ST_STATS] = "SELECT e.seq, last_seq,"
		     " (SELECT sum(pg_total_relation_size(t::regclass))::bigint FROM"
		     " unnest(ARRAY['events', 'ids', 'memos', 'retries', 'dead']) t), " PASSED_OVER(
			     "e.seq") " FROM log LEFT JOIN LATERAL"
				      " (SELECT seq FROM events ORDER BY seq LIMIT 1) e ON true",
	/* $1: after this seq; $2, $3: past so many exceptions and seqs, at most: the last column says where that is;
	 * $4: the first seq that counts. */
	[ST_USAGE] = "SELECT last_seq, e.seq, e.received_at, " PASSED_OVER(
		"GREATEST(e.seq, $4::bigint)") ", l.upto FROM log" USAGE_SEQS USAGE_NAMED
		USAGE_FREE,
	/* $1: the first seq; $2: how many events follow; $3: how many of them. A gap lies before the seqs that
	 * would be above `at` if no gap were there, and moves them by `passed` with those before it. */
	[ST_SAMPLE] = "WITH g AS (SELECT after - (sum(upto - after) OVER w - (upto - after)) AS at,"
		      " sum(upto - after) OVER w AS passed FROM gaps WHERE after >= $1::bigint"
		      " WINDOW w AS (ORDER BY after)) SELECT (SELECT count(*) FROM retries) + "
		      "(SELECT count(*) FROM dead),"
		      " avg(pg_column_size(instance) + pg_column_size(type) +"
		      " pg_column_size(provider) + pg_column_size(key) + pg_column_size(layout) +"
		      " pg_column_size(body))::bigint FROM events WHERE seq = ANY (ARRAY("
		      "SELECT n + COALESCE((SELECT max(passed) FROM g WHERE at < n), 0)::bigint"
		      " FROM (SELECT $1::bigint + $2::bigint * i / $3::bigint AS n"
		      " FROM generate_series(0, $3::bigint) i) p))",
	[ST_RETRIES] = "SELECT " EVENT_COLUMNS ", " NOTHING ", " EXCEPTION_COLUMNS(
		"x.due_at") " FROM retries x JOIN events e ON e.seq = x.seq"
			    " JOIN destinations d ON d.id = x.destination"
			    " WHERE x.destination = $1 AND x.seq > $2 ORDER BY x.seq LIMIT $3",
	[ST_DEAD_LIST] = "SELECT " EVENT_COLUMNS
			 ", CASE WHEN $7::int <> 0 THEN e.body ELSE " NOTHING
			 " END, " EXCEPTION_COLUMNS(
				 "x.died_at") " FROM (SELECT x.*" DEAD_MATCH
					      ") x JOIN events e ON e.seq = x.seq"
					      " JOIN destinations d ON d.id = x.destination ORDER "
					      "BY x.destination, x.seq",
	[ST_DEAD_COUNTS] = "SELECT d.name, count(*) FROM dead x"
			   " JOIN destinations d ON d.id = x.destination GROUP BY d.name",
	[ST_DEAD_REPLAY] = "WITH found AS (SELECT x.*" DEAD_MATCH "),"
			   " gone AS (DELETE FROM dead x USING found f WHERE x.destination ="
			   " f.destination AND x.seq = f.seq) INSERT INTO retries"
			   " SELECT destination, seq, 0, $7::bigint, status,"
			   " 'replay: '::bytea || error FROM found"
			   " ON CONFLICT (destination, seq) DO UPDATE SET attempts = 0,"
			   " due_at = EXCLUDED.due_at, error = EXCLUDED.error",
	[ST_DEAD_PURGE] = "WITH found AS (SELECT x.*" DEAD_MATCH "), gone AS (DELETE FROM dead x"
			  " USING found f WHERE x.destination = f.destination AND x.seq = f.seq"
			  " RETURNING x.seq) SELECT count(*), min(seq) FROM gone",
	[ST_DEAD_EXPIRE] = "WITH looked AS (SELECT destination, seq, died_at FROM dead"
			   " WHERE (destination, seq) > ($1::int, $2::bigint)"
			   " ORDER BY destination, seq LIMIT $3),"
			   " gone AS (DELETE FROM dead x USING looked l WHERE l.died_at < $4"
			   " AND x.destination = l.destination AND x.seq = l.seq"
			   " RETURNING x.seq)"
			   " SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM looked),"
			   " destination::bigint, seq, (SELECT min(seq) FROM gone) FROM looked"
			   " ORDER BY destination DESC, seq DESC LIMIT 1",
	[ST_NEXT] = "SELECT seq, received_at FROM events WHERE seq >= $1 ORDER BY seq LIMIT 1",
	[ST_NAMED] = "SELECT " NTH_EXCEPTION("$3::bigint", "$2::bigint"),
	/* $1, $2: after and up to which seq; $3: received before; $4: at most. Of those that are found another node that
	 * prunes may have deleted some. */
	[ST_DELETE] = "WITH found AS (SELECT seq FROM events e WHERE seq > $1 AND seq <= $2"
		      " AND received_at < $3" UNNAMED(
			      "$2") " ORDER BY seq LIMIT $4),"
				    " gone AS (DELETE FROM events WHERE seq ="
				    " ANY (ARRAY(SELECT seq FROM found))"
				    " RETURNING seq)"
				    " SELECT (SELECT count(*) FROM gone),"
				    " count(*), max(seq) FROM found",
	[ST_TOO_NEW] = "SELECT seq FROM events e WHERE seq > $1 AND seq <= $2"
		       " AND received_at >= $3" UNNAMED("$2") " ORDER BY seq LIMIT 1",
	[ST_FORGET_IDS] = "DELETE FROM ids WHERE word = ANY (ARRAY("
			  "SELECT word FROM ids WHERE at < $1 ORDER BY at LIMIT $2))",
	[ST_RECORD] = "INSERT INTO records VALUES ($1, $2, $3)"
		      " ON CONFLICT (kind, name) DO UPDATE SET text = EXCLUDED.text",
	/* A division by zero, which error.c knows, ends the transaction where another node was first. */
	[ST_RECORD_NEW] = "WITH put AS (INSERT INTO records VALUES ($1, $2, $3)"
			  " ON CONFLICT (kind, name) DO NOTHING RETURNING 1)"
			  " SELECT 1 / count(*) FROM put",
	[ST_RECORD_IF] = "WITH put AS (UPDATE records SET text = $3 WHERE kind = $1"
			 " AND name = $2 AND text = $4 RETURNING 1) SELECT 1 / count(*) FROM put",
	[ST_FORGET] = "DELETE FROM records WHERE kind = $1 AND name = $2",
	[ST_RECORDS] = "SELECT kind, name, text FROM records ORDER BY kind, name",
	[ST_MEMO] = "INSERT INTO memos (kind, at, text) VALUES ($1, $2, $3)",
	[ST_MEMOS] = "SELECT n, at, text FROM memos WHERE kind = $1 AND at >= $2 AND n > $3"
		     " ORDER BY n LIMIT $4",
	[ST_FORGET_MEMOS] = "DELETE FROM memos WHERE kind = $1 AND n = ANY (ARRAY(SELECT n FROM"
			    " (SELECT n, at FROM memos WHERE kind = $1 ORDER BY n LIMIT 1000) f"
			    " WHERE f.at < $2))",
	[ST_DETACH] = "WITH r AS (DELETE FROM retries WHERE destination = $1),"
		      " x AS (DELETE FROM dead WHERE destination = $1),"
		      " c AS (DELETE FROM claims WHERE destination = $1),"
		      " w AS (DELETE FROM wants WHERE destination = $1)"
		      " DELETE FROM destinations WHERE id = $1",
	/* $1, $2: ids of the first and the last destination; $3: this node, which knows. */
	[ST_TOUCH] = "WITH t AS (UPDATE claims SET touched = touched + 1 WHERE destination >="
		     " $1::int AND destination <= $2::int AND node <> $3::text RETURNING 1)"
		     " SELECT pg_notify('hookswitch', 'c ' || current_schema()) FROM t LIMIT 1",
	[ST_SETTINGS] = "WITH v AS (UPDATE settings SET version = version + 1 RETURNING version)"
			" SELECT pg_notify('hookswitch', 's ' || current_schema()) FROM v",
	[ST_NOTIFY_EVENTS] = "SELECT pg_notify('hookswitch', 'e' || last_seq || ' ' ||"
			     " current_schema()) FROM log",
	/* What a node that is away for a while will want is kept for it. */
	[ST_WANTED_FROM] = "SELECT min(cursor) FROM destinations d JOIN wants w ON w.destination ="
			   " d.id JOIN nodes n ON n.name = w.node WHERE n.until >"
			   " clock_timestamp() - interval '7 days'",
	[ST_GAPS] = "SELECT after, upto FROM gaps ORDER BY after",
};

static const char *const names[ST_COUNT] = {
	[ST_BEGIN] = "begin",
	[ST_COMMIT] = "commit",
	[ST_ROLLBACK] = "rollback",
	[ST_LOCK_LOG] = "lock_log",
	[ST_LOCK_WAIT] = "lock_wait",
	[ST_LOCK_CLAIMS] = "lock_claims",
	[ST_APPEND] = "append",
	[ST_CURSOR] = "cursor",
	[ST_RETRY] = "retry",
	[ST_SETTLED] = "settled",
	[ST_DEAD] = "dead",
	[ST_ATTACH] = "attach",
	[ST_DESTINATION] = "destination",
	[ST_CURSORS] = "cursors",
	[ST_READ] = "read",
	[ST_READ_SEQS] = "read_seqs",
	[ST_STATS] = "stats",
	[ST_USAGE] = "usage",
	[ST_SAMPLE] = "sample",
	[ST_RETRIES] = "retries",
	[ST_DEAD_LIST] = "dead_list",
	[ST_DEAD_COUNTS] = "dead_counts",
	[ST_DEAD_REPLAY] = "dead_replay",
	[ST_DEAD_PURGE] = "dead_purge",
	[ST_DEAD_EXPIRE] = "dead_expire",
	[ST_NEXT] = "next",
	[ST_NAMED] = "named",
	[ST_DELETE] = "delete",
	[ST_TOO_NEW] = "too_new",
	[ST_FORGET_IDS] = "forget_ids",
	[ST_RECORD] = "record",
	[ST_RECORD_NEW] = "record_new",
	[ST_RECORD_IF] = "record_if",
	[ST_FORGET] = "forget",
	[ST_RECORDS] = "records",
	[ST_MEMO] = "memo",
	[ST_MEMOS] = "memos",
	[ST_FORGET_MEMOS] = "forget_memos",
	[ST_DETACH] = "detach",
	[ST_TOUCH] = "touch",
	[ST_SETTINGS] = "settings",
	[ST_NOTIFY_EVENTS] = "notify_events",
	[ST_WANTED_FROM] = "wanted_from",
	[ST_GAPS] = "gaps",
};

const char *
statement_name(enum statement which)
{
	return names[which];
}

void
statements_prepare(struct postgres_store *s)
{
	for (int i = 0; i < ST_COUNT; i++) {
		if (PQsendPrepare(s->db, names[i], statements[i], 0, NULL) == 0)
			s->is_incomplete = true;
	}
}
