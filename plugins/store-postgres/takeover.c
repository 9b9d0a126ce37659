/* SPDX-License-Identifier: Apache-2.0 */
/*
 * takeover.c - seqs go on above those of a server that was lost, and what is passed over for that is written down:
 * no event has a seq of a gap.
 */
#include "node.h"

#include <string.h>

#define TAKEOVER_SEQS 1000000 /* more than are lost with a server */

/*
 * $1: how many; $2: this node; $3: the server's timeline; $4: the last one that this daemon has seen, or empty.
 * The last one that any node has seen is kept with the log, as a daemon that was just started has seen none.
 * Timelines grow: who has seen a later one is back at a server that was given up.
 */
#define IS_ANOTHER                                                \
	" WHERE (timeline <> $3::bytea OR $3::bytea < $4::bytea)" \
	" AND EXISTS (SELECT FROM nodes WHERE name <> $2::text)"

/* *is_known: it is the one that is kept with the log. */
static int
read_timeline(
	struct postgres_store *s, char out[TIMELINE_LEN + 1], bool *is_known, struct hsw_error *err)
{
	PGresult *r = NULL;

	query_add_text(s,
		"SELECT t, COALESCE(timeline = t, false)::int FROM log,"
		" (SELECT convert_to(left(pg_walfile_name(pg_current_wal_lsn()), 8), 'UTF8') AS t) "
		"w",
		NULL);
	int rc = query_run(s, "setting up", 0, &r, NULL, err);
	if (rc == HSW_OK) {
		struct hsw_str name = result_bytes(r, 0, 0);
		size_t len = name.len < TIMELINE_LEN ? name.len : TIMELINE_LEN;
		memcpy(out, name.s, len);
		out[len] = '\0';
		*is_known = result_int(r, 0, 1) != 0;
	}
	PQclear(r);
	return rc;
}

/* The transaction has the log's end: it stays what the next statements read. */
static void
begin(struct postgres_store *s)
{
	query_add(s, ST_BEGIN, NULL);
	query_add_text(s, "SELECT FROM log FOR UPDATE", NULL);
}

/* A gap is of use while an event before it is kept, or a cursor stands there. */
static void
forget_gaps(struct postgres_store *s)
{
	query_add_text(s,
		"DELETE FROM gaps WHERE upto < LEAST((SELECT min(seq) FROM events),"
		" (SELECT min(cursor) + 1 FROM destinations))",
		NULL);
}

/* A node's destinations pass what it reads as well as what it appends. */
static void
note_what_was_read(struct postgres_store *s)
{
	struct hsw_store_news news;

	if (s->node == NULL)
		return;
	node_news(s, &news);
	if (news.last_seq > s->last_seq)
		s->last_seq = news.last_seq;
}

/* Above all that this daemon knows of. */
static int
go_on_alone(struct postgres_store *s, struct hsw_error *err)
{
	enum { GAP_NUMBER = 2 };
	struct params p = { 0 };
	PGresult *r = NULL;

	params_bigint(&p, s->last_seq);
	begin(s);
	query_add_text(s,
		"INSERT INTO gaps SELECT last_seq, $1::bigint FROM log WHERE last_seq < $1::bigint",
		&p);
	query_add_text(s, "UPDATE log SET last_seq = $1 WHERE last_seq < $1", &p);
	forget_gaps(s);
	query_add(s, ST_COMMIT, NULL);
	int rc = query_run(s, "setting up", GAP_NUMBER, &r, NULL, err);
	if (rc == HSW_OK && strcmp(PQcmdTuples(r), "0") != 0)
		s->host->log(s->handle, HSW_LOG_ERROR,
			"the database is older than the one before: events that were committed are "
			"not in it last_seq=%lld",
			(long long)s->last_seq);
	PQclear(r);
	return rc;
}

/* What the others were given nobody can tell: the one that comes first may know of less than they. It does this for
 * all of them. */
static int
go_on_among_others(struct postgres_store *s, const char *timeline, struct hsw_error *err)
{
	struct params p = { 0 };

	params_bigint(&p, TAKEOVER_SEQS);
	params_bytes(&p, (struct hsw_str){ s->node_name, strlen(s->node_name) });
	params_bytes(&p, (struct hsw_str){ timeline, strlen(timeline) });
	params_bytes(&p, (struct hsw_str){ s->timeline, strlen(s->timeline) });
	begin(s);
	query_add_text(s,
		"INSERT INTO gaps SELECT last_seq, last_seq + $1::bigint FROM log" IS_ANOTHER, &p);
	query_add_text(s,
		"SELECT setval(numbers, nextval(numbers) + $1::bigint) FROM log,"
		" pg_get_serial_sequence('memos', 'n') AS numbers" IS_ANOTHER,
		&p);
	/* A version that nodes have read must not stand for what is changed from now on. */
	query_add_text(s,
		"UPDATE settings SET version = settings.version + $1::bigint FROM log" IS_ANOTHER,
		&p);
	query_add_text(s, "UPDATE log SET last_seq = last_seq + $1::bigint" IS_ANOTHER, &p);
	p = (struct params){ 0 };
	params_bytes(&p, (struct hsw_str){ timeline, strlen(timeline) });
	query_add_text(s,
		"UPDATE log SET timeline = $1::bytea WHERE timeline IS DISTINCT FROM $1::bytea",
		&p);
	forget_gaps(s);
	query_add(s, ST_COMMIT, NULL);
	return query_run(s, "setting up", 0, NULL, NULL, err);
}

/*
 * A server that took over without the last transactions of the one before must not give their seqs to other
 * events: destinations that have passed them would pass those over, too.
 */
int
takeover_go_on(struct postgres_store *s, struct hsw_error *err)
{
	char timeline[sizeof(s->timeline)];
	bool is_known = true;
	int rc = s->node != NULL ? read_timeline(s, timeline, &is_known, err) : HSW_OK;

	note_what_was_read(s);
	if (rc == HSW_OK && s->last_seq != 0)
		rc = go_on_alone(s, err);
	if (rc != HSW_OK || s->node == NULL)
		return rc;
	if (!is_known || strcmp(timeline, s->timeline) < 0)
		rc = go_on_among_others(s, timeline, err);
	if (rc == HSW_OK)
		memcpy(s->timeline, timeline, sizeof(s->timeline));
	return rc;
}

int
store_gaps(void *self, hsw_gap_fn *fn, void *arg, struct hsw_error *err)
{
	PGresult *r = NULL;
	int rc = query_one(self, ST_GAPS, NULL, "reading gaps", &r, err);

	for (int i = 0; i < PQntuples(r); i++) {
		if (fn(arg, result_bigint(r, i, 0), result_bigint(r, i, 1)) != HSW_OK)
			break;
	}
	PQclear(r);
	return rc;
}
