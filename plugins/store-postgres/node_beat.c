/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node_beat.c - what a node and the server say to each other.
 *
 * A node says every BEAT_MS in the table nodes that it is there for another LEASE_MS of the server's clock, and
 * reads in the same transaction what it holds. Its claims are good while it is there: the others take what
 * belongs to nobody that is. All these transactions take one lock, so what one node reads stays true until its
 * time is over. By its own clock that is HOLD_MS after it asked: sooner than the server gives anything away,
 * whatever becomes of the connection.
 *
 *	asked ----------- HOLD_MS: delivers ----------| pause |
 *	   server's answer ------------- LEASE_MS ------------------| others may take it
 */
#include <stdlib.h>
#include <string.h>

#include "node_impl.h"

#define LEASE "interval '3 s'"
#define HOLD_MS 2000
#define BEATS_AT_ONCE 3 /* after one that changed something the next comes at once */
#define ADOPT_MS 3000   /* what nobody took for so long is taken, whoever's turn it is */

/* ---- what the server is told ---- */

#define LOCK "SELECT pg_advisory_xact_lock('claims'::regclass::bigint)"
#define NOTIFY_CLAIMS "SELECT pg_notify('hookswitch', 'c ' || current_schema())"

#define SAY_HERE(leaving)                                                             \
	"INSERT INTO nodes (name, until, leaving)"                                    \
	" VALUES ($1, clock_timestamp() + " LEASE ", " leaving ") ON CONFLICT (name)" \
	" DO UPDATE SET until = EXCLUDED.until, leaving = EXCLUDED.leaving"

/*
 * $1: this node. Rows of three kinds: 0 the log's end and the settings' version; 1 a node that is there and
 * stays, with how many destinations it holds that others want, too; 2 a destination that this node wants, with
 * who has it, its count of changes, how many others want it, and whether who has it is there.
 */
static const char view[] =
	"WITH here AS (SELECT name, leaving FROM nodes WHERE until > clock_timestamp()),"
	" rivals AS (SELECT destination, count(*) AS n FROM wants JOIN here ON name = node"
	" WHERE NOT leaving GROUP BY destination),"
	" held AS (SELECT c.node, count(*) AS n FROM claims c JOIN rivals r USING (destination)"
	" WHERE r.n > 1 GROUP BY c.node)"
	" SELECT 0, ''::bytea, '', last_seq, s.version, 0::bigint, 0 FROM log, settings s"
	" UNION ALL SELECT 1, ''::bytea, h.name, COALESCE(d.n, 0), 0, 0, 0"
	" FROM here h LEFT JOIN held d ON d.node = h.name WHERE NOT h.leaving"
	" UNION ALL SELECT 2, d.name, COALESCE(c.node, ''), d.id, COALESCE(c.touched, 0),"
	" COALESCE(r.n, 1) - 1, (c.node IN (SELECT name FROM here) IS TRUE)::int"
	" FROM wants w JOIN destinations d ON d.id = w.destination"
	" LEFT JOIN claims c ON c.destination = d.id LEFT JOIN rivals r ON r.destination = d.id"
	" WHERE w.node = $1 ORDER BY 1, 2, 3";

static struct params
params_of(const struct node *n)
{
	struct params p = { 0 };

	params_bytes(&p, (struct hsw_str){ n->conf.node, strlen(n->conf.node) });
	return p;
}

/* ---- some of the items, in one statement: thousands of statements would not be done in the time of a beat ---- */

typedef bool item_is_fn(const struct share_item *);

static bool
is_wanted(const struct share_item *item)
{
	return item->is_wanted;
}

/* A webhook that is not in the tables was deleted; a [sink] was lost with a server. */
static bool
is_wanted_sink(const struct share_item *item)
{
	return item->is_wanted && memchr(item->name.s, '/', item->name.len) == NULL;
}

static bool
is_known(const struct share_item *item)
{
	return item->is_wanted || item->state != SHARE_FOREIGN;
}

static bool
is_released(const struct share_item *item)
{
	return item->state == SHARE_RELEASED;
}

static bool
is_due(const struct share_item *item)
{
	return item->is_due;
}

/* Queues a statement. $1: the parameter; $2: the names of the items that are meant. */
static void
add_for_items(struct node *n, struct params p, const char *sql, item_is_fn *is_meant)
{
	size_t count = 0, bytes = ARRAY_HEAD_BYTES;

	for (size_t i = 0; i < n->share.n; i++) {
		if (!is_meant(n->share.items[i]))
			continue;
		bytes += ARRAY_ELEMENT_BYTES + n->share.items[i]->name.len;
		count++;
	}
	char *names = malloc(bytes);
	if (names == NULL) {
		n->link.is_incomplete = true;
		return;
	}
	char *to = array_head(names, ARRAY_OF_BYTEA, count);
	for (size_t i = 0; i < n->share.n; i++) {
		if (is_meant(n->share.items[i]))
			to = array_element(to, n->share.items[i]->name);
	}
	params_bytes(&p, (struct hsw_str){ names, bytes });
	query_add_text(&n->link, sql, &p);
	free(names);
}

/* These return how many statements they queued. */

static int
add_wants(struct node *n)
{
	struct params p = params_of(n), last_seq = { 0 };

	/* A server that took over may not know a sink that was attached last. It has none of the events that came after
	 * that, and this sink gets what other nodes have appended there since: all behind what this one saw before. */
	params_bigint(&last_seq, n->news.last_seq);
	add_for_items(n, last_seq,
		"INSERT INTO destinations (name, cursor) SELECT x, LEAST(last_seq, $1::bigint)"
		" FROM log, unnest($2::bytea[]) x WHERE NOT EXISTS"
		" (SELECT FROM destinations WHERE name = x) ON CONFLICT (name) DO NOTHING",
		is_wanted_sink);
	query_add_text(&n->link, "DELETE FROM wants WHERE node = $1", &p);
	add_for_items(n, p,
		"INSERT INTO wants SELECT $1::text, id FROM destinations"
		" WHERE name = ANY ($2::bytea[])",
		is_wanted);
	/* One that the last daemon of this name had, or that was taken while it came off the list. */
	add_for_items(n, p,
		"UPDATE claims SET node = '' WHERE node = $1 AND destination NOT IN"
		" (SELECT id FROM destinations WHERE name = ANY ($2::bytea[]))",
		is_known);
	return 4;
}

static int
add_releases(struct node *n)
{
	bool is_any = false;

	for (size_t i = 0; i < n->share.n; i++) {
		if (!is_released(n->share.items[i]))
			continue;
		n->share.items[i]->is_told = true;
		is_any = true;
	}
	if (!is_any)
		return 0;
	add_for_items(n, params_of(n),
		"UPDATE claims SET node = '' WHERE node = $1 AND destination IN"
		" (SELECT id FROM destinations WHERE name = ANY ($2::bytea[]))",
		is_released);
	query_add_text(&n->link, NOTIFY_CLAIMS, NULL);
	return 2;
}

/* Queues a beat; returns the number of the statement that reads. *tells_wants: whether it says what is wanted. */
static int
add_beat(struct node *n, bool *tells_wants)
{
	struct params p = params_of(n);
	int added = 3;

	query_add(&n->link, ST_BEGIN, NULL);
	lock_add(&n->link, LOCK_CLAIMS);
	pthread_mutex_lock(&n->lock);
	query_add_text(&n->link, n->share.is_retiring ? SAY_HERE("true") : SAY_HERE("false"), &p);
	*tells_wants = n->must_tell_wants;
	if (*tells_wants)
		added += add_wants(n);
	added += add_releases(n);
	n->must_tell_wants = false;
	pthread_mutex_unlock(&n->lock);
	query_add_text(&n->link, view, &p);
	query_add(&n->link, ST_COMMIT, NULL);
	return added;
}

/* Those that are free when the server comes to it. */
static int
take(struct node *n, struct hsw_error *err)
{
	query_add(&n->link, ST_BEGIN, NULL);
	query_add_text(&n->link, LOCK, NULL);
	pthread_mutex_lock(&n->lock);
	add_for_items(n, params_of(n),
		"INSERT INTO claims AS c SELECT id, $1::text, 0 FROM destinations"
		" WHERE name = ANY ($2::bytea[]) ORDER BY id"
		" ON CONFLICT (destination) DO UPDATE SET node = EXCLUDED.node WHERE"
		" NOT EXISTS (SELECT FROM nodes WHERE name = c.node AND"
		" until > clock_timestamp())",
		is_due);
	pthread_mutex_unlock(&n->lock);
	query_add(&n->link, ST_COMMIT, NULL);
	return query_run(&n->link, "claiming destinations", 0, NULL, NULL, err);
}

/* ---- what it answers ---- */

static void
take_row(struct node *n, const PGresult *r, int row)
{
	struct hsw_str node = result_bytes(r, row, 2);

	switch (result_int(r, row, 0)) {
	case 0:
		if (result_bigint(r, row, 3) > n->news.last_seq)
			n->news.last_seq = result_bigint(r, row, 3);
		n->news.settings = result_bigint(r, row, 4);
		break;
	case 1:
		share_peer(&n->share, node, result_bigint(r, row, 3));
		break;
	default: {
		const struct share_row seen = { result_bytes(r, row, 1), node,
			result_bigint(r, row, 3), result_bigint(r, row, 4),
			result_bigint(r, row, 5), result_int(r, row, 6) != 0 };
		share_row(&n->share, &seen);
	}
	}
}

/* Whether something is to be taken, or to be given back at once. */
static bool
take_view(struct node *n, const PGresult *r, bool *is_whole)
{
	pthread_mutex_lock(&n->lock);
	share_begin(&n->share);
	for (int i = 0; i < PQntuples(r); i++)
		take_row(n, r, i);
	bool has_due = share_end(&n->share, session_now_ms(), ADOPT_MS);
	*is_whole = !share_has_lost(&n->share);
	atomic_store(&n->has_company, n->share.n_peers > 1);
	pthread_mutex_unlock(&n->lock);
	return has_due;
}

/* Until the daemon has said what it wants, what this node wanted the last time stands: others keep events for it. */
static int
try_beat(struct node *n, PGresult **r, bool *is_conflict, struct hsw_error *err)
{
	bool tells_wants;
	int number = add_beat(n, &tells_wants);
	int rc = query_run(&n->link, "saying that this node is there", number, r, is_conflict, err);

	if (rc != HSW_OK && tells_wants) {
		pthread_mutex_lock(&n->lock);
		n->must_tell_wants = true;
		pthread_mutex_unlock(&n->lock);
	}
	return rc;
}

/* A connection, perhaps to a server that took over without what was told to the one before. */
static int
connect_link(struct node *n, struct hsw_error *err)
{
	int64_t connected_at = n->link.connect_at;
	int rc = session_need(&n->link, err);

	if (n->link.connect_at != connected_at) {
		pthread_mutex_lock(&n->lock);
		n->must_tell_wants = n->has_wants;
		pthread_mutex_unlock(&n->lock);
	}
	return rc;
}

/* A node that was cut off in the middle of its beat is not waited for. */
static int
beat_until_done(struct node *n, int64_t *asked_ms, PGresult **r, struct hsw_error *err)
{
	struct lock_holder holder = { 0 };
	bool is_conflict = true;
	int rc = connect_link(n, err);

	for (int i = 0; i < CONFLICT_TRIES && is_conflict && n->link.db != NULL; i++) {
		if (i > 0)
			rc = lock_look(&n->link, LOCK_CLAIMS, &holder, err);
		is_conflict = false;
		*asked_ms = session_now_ms();
		if (rc == HSW_OK)
			rc = try_beat(n, r, &is_conflict, err);
	}
	return rc;
}

/* A node that cannot read events, or write what became of them, keeps nothing from those that can. */
static int
check_journal(const struct node *n, struct hsw_error *err)
{
	return !atomic_load(&n->store->was_lost)
		? HSW_OK
		: pg_error(err, HSW_EAGAIN, "PostgreSQL: the connection for events is gone");
}

/* One round trip, or two where something is free for us. *again: what was changed is to be read. */
static int
beat_once(struct node *n, bool *again, struct hsw_error *err)
{
	int64_t asked_ms = session_now_ms();
	PGresult *r = NULL;
	bool is_whole;
	int rc = beat_until_done(n, &asked_ms, &r, err);

	*again = false;
	if (rc != HSW_OK)
		return rc;
	bool has_due = take_view(n, r, &is_whole);
	PQclear(r);
	/* What was lost may have gone to another node already: first it has to end here. */
	if (is_whole)
		n->watch.proved(n->watch.arg, asked_ms + HOLD_MS);
	if (!has_due)
		return HSW_OK;
	*again = true;
	return take(n, err);
}

int
node_beat(struct node *n, struct hsw_error *err)
{
	bool again = true;
	int rc = check_journal(n, err);

	for (int i = 0; i < BEATS_AT_ONCE && again && rc == HSW_OK; i++)
		rc = beat_once(n, &again, err);
	if (rc != HSW_OK && !n->was_late)
		n->store->host->log(n->store->handle, HSW_LOG_WARN,
			"this node may have to pause its deliveries: %s", err->text);
	else if (rc == HSW_OK && n->was_late)
		n->store->host->log(n->store->handle, HSW_LOG_INFO,
			"this node is among the others again node=%s", n->conf.node);
	n->was_late = rc != HSW_OK;
	n->watch.wake(n->watch.arg);
	return rc;
}

void
node_say_goodbye(struct node *n)
{
	struct params p = params_of(n);
	struct hsw_error err;

	if (session_need(&n->link, &err) != HSW_OK)
		return;
	query_add(&n->link, ST_BEGIN, NULL);
	query_add_text(&n->link, LOCK, NULL);
	query_add_text(&n->link, "UPDATE claims SET node = '' WHERE node = $1", &p);
	query_add_text(&n->link, "UPDATE nodes SET until = clock_timestamp() WHERE name = $1", &p);
	query_add_text(&n->link, NOTIFY_CLAIMS, NULL);
	query_add(&n->link, ST_COMMIT, NULL);
	query_run(&n->link, "leaving", 0, NULL, NULL, &err);
}
