/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node.c - see node.h.
 *
 * A node says every BEAT_MS in the table nodes that it is there for another LEASE_MS of the server's clock, and
 * reads in the same transaction what it holds. Its claims are good while it is there: the others take what
 * belongs to nobody that is. All these transactions take one lock, so what one node reads stays true until its
 * time is over. By its own clock that is HOLD_MS after it asked: sooner than the server gives anything away,
 * whatever becomes of the connection.
 *
 *	asked ----------- HOLD_MS: delivers ----------| pause |
 *	   server's answer ------------- LEASE_MS ------------------| others may take it
 *
 * Who calls what from where: the node_* functions the store thread; beat and all that it calls the node's own
 * thread, or the store thread in node_join, before that thread is there. `lock` guards the items, peers and
 * news.
 */
#include "node.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "share.h"

#define BEAT_MS 500
#define LEASE "interval '3 s'"
#define HOLD_MS 2000
#define BEAT_TIMEOUT_MS 1500 /* for one transaction */
#define BEATS_AT_ONCE 3      /* after one that changed something the next comes at once */
#define ADOPT_MS 3000        /* what nobody took for so long is taken, whoever's turn it is */

struct node {
	struct postgres_store *store;
	struct postgres_store link; /* the node's own connection */
	struct postgres_conf conf;
	struct hsw_store_watch watch;
	pthread_t thread;
	bool has_thread;
	int wake_fd;
	bool was_late; /* the last beat failed, and that was logged */

	pthread_mutex_t lock;
	struct share share; /* who has what */
	struct hsw_store_news news;
	bool must_tell_wants, is_leaving, must_stop;
	_Atomic bool has_company;
};

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

static int
add_wants(struct node *n)
{
	struct params p = params_of(n);
	int added = 1;

	query_add_text(&n->link, "DELETE FROM wants WHERE node = $1", &p);
	for (size_t i = 0; i < n->share.n; i++) {
		const struct share_item *item = n->share.items[i];
		if (!item->is_wanted)
			continue;
		p = params_of(n);
		params_bytes(&p, item->name);
		query_add_text(&n->link,
			"INSERT INTO wants SELECT $1::text, id FROM destinations WHERE name = $2",
			&p);
		added++;
	}
	return added;
}

static int
add_releases(struct node *n)
{
	int added = 0;

	for (size_t i = 0; i < n->share.n; i++) {
		if (n->share.items[i]->state != SHARE_RELEASED)
			continue;
		struct params p = params_of(n);
		params_bytes(&p, n->share.items[i]->name);
		query_add_text(&n->link,
			"UPDATE claims SET node = '' WHERE node = $1 AND destination ="
			" (SELECT id FROM destinations WHERE name = $2)",
			&p);
		n->share.items[i]->is_told = true;
		added++;
	}
	if (added > 0)
		query_add_text(&n->link, NOTIFY_CLAIMS, NULL);
	return added > 0 ? added + 1 : 0;
}

/* Queues a beat; returns the number of the statement that reads. */
static int
add_beat(struct node *n)
{
	struct params p = params_of(n);
	int added = 3;

	query_add(&n->link, ST_BEGIN, NULL);
	query_add_text(&n->link, LOCK, NULL);
	pthread_mutex_lock(&n->lock);
	query_add_text(&n->link, n->share.is_retiring ? SAY_HERE("true") : SAY_HERE("false"), &p);
	if (n->must_tell_wants)
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
	for (size_t i = 0; i < n->share.n; i++) {
		if (!n->share.items[i]->is_due)
			continue;
		struct params p = params_of(n);
		params_bytes(&p, n->share.items[i]->name);
		query_add_text(&n->link,
			"INSERT INTO claims AS c SELECT id, $1::text, 0 FROM destinations WHERE "
			"name = $2"
			" ON CONFLICT (destination) DO UPDATE SET node = EXCLUDED.node WHERE"
			" NOT EXISTS (SELECT FROM nodes WHERE name = c.node AND"
			" until > clock_timestamp())",
			&p);
	}
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

/* One round trip, or two where something is free for us. *again: what was changed is to be read. */
static int
beat_once(struct node *n, bool *again, struct hsw_error *err)
{
	int64_t asked_ms = session_now_ms();
	PGresult *r = NULL;
	bool is_whole;
	int rc = session_need(&n->link, err);

	*again = false;
	if (rc != HSW_OK)
		return rc;
	int number = add_beat(n);
	rc = query_run(&n->link, "saying that this node is there", number, &r, NULL, err);
	if (rc != HSW_OK) {
		pthread_mutex_lock(&n->lock);
		n->must_tell_wants = true;
		pthread_mutex_unlock(&n->lock);
		return rc;
	}
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

static int
beat(struct node *n, struct hsw_error *err)
{
	bool again = true;
	int rc = HSW_OK;

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

/* ---- the thread ---- */

/* "e<last seq> <schema>": events came; others: look at once. Whether that is to be done. */
static bool
take_notice(struct node *n, const PGnotify *notice)
{
	const char *schema = strchr(notice->extra, ' ');

	if (schema == NULL || strcmp(schema + 1, n->conf.schema) != 0)
		return false;
	if (notice->extra[0] != 'e')
		return notice->be_pid != PQbackendPID(n->link.db);
	int64_t seq = strtoll(notice->extra + 1, NULL, 10);
	pthread_mutex_lock(&n->lock);
	bool is_news = seq > n->news.last_seq;
	if (is_news)
		n->news.last_seq = seq;
	pthread_mutex_unlock(&n->lock);
	if (is_news)
		n->watch.wake(n->watch.arg);
	return false;
}

static bool
take_notices(struct node *n)
{
	bool is_due = false;
	PGnotify *notice;

	if (PQconsumeInput(n->link.db) == 0)
		return true;
	PQisBusy(n->link.db); /* makes libpq look at what came */
	while ((notice = PQnotifies(n->link.db)) != NULL) {
		is_due |= take_notice(n, notice);
		PQfreemem(notice);
	}
	return is_due || n->link.is_ended;
}

/* Until the next beat is due, or somebody wants one. */
static void
rest(struct node *n, int64_t until_ms)
{
	bool is_due = false;

	while (!is_due && session_now_ms() < until_ms) {
		struct pollfd p[] = { { .fd = n->wake_fd, .events = POLLIN },
			{ .fd = n->link.db != NULL ? PQsocket(n->link.db) : -1,
				.events = POLLIN } };
		eventfd_t ignored;

		/* What came with the answer to a query is in libpq's hands already. */
		if (n->link.db != NULL && take_notices(n))
			return;
		int64_t left = until_ms - session_now_ms();
		if (poll(p, 2, left > 0 ? (int)left : 0) <= 0)
			continue;
		if (p[0].revents != 0) {
			(void)eventfd_read(n->wake_fd, &ignored);
			is_due = true;
		}
		if (p[1].revents != 0)
			is_due |= take_notices(n);
	}
}

/* Others may have all at once. */
static void
say_goodbye(struct node *n)
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

static void *
node_main(void *arg)
{
	struct node *n = arg;
	bool must_stop = false, is_leaving = false;

	pthread_setname_np(pthread_self(), "hsw-node");
	while (!must_stop) {
		struct hsw_error err = { "" };
		int64_t next_ms = session_now_ms() + BEAT_MS;
		beat(n, &err);
		rest(n, next_ms);
		pthread_mutex_lock(&n->lock);
		must_stop = n->must_stop;
		is_leaving = n->is_leaving;
		pthread_mutex_unlock(&n->lock);
	}
	if (is_leaving)
		say_goodbye(n);
	return NULL;
}

static void
poke(struct node *n)
{
	while (eventfd_write(n->wake_fd, 1) != 0 && errno == EINTR)
		;
}

static void
stop_thread(struct node *n)
{
	if (!n->has_thread)
		return;
	pthread_mutex_lock(&n->lock);
	n->must_stop = true;
	pthread_mutex_unlock(&n->lock);
	poke(n);
	pthread_join(n->thread, NULL);
	n->has_thread = false;
}

/* ---- the store thread's side ---- */

static struct node *
node_new(struct postgres_store *s, const struct hsw_store_watch *watch)
{
	struct node *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->store = s;
	n->watch = *watch;
	n->conf = *s->conf;
	n->conf.node = s->node_name;
	n->conf.timeout_ms = BEAT_TIMEOUT_MS;
	n->link = (struct postgres_store){
		.host = s->host, .handle = s->handle, .conf = &n->conf, .is_listening = true
	};
	n->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	pthread_mutex_init(&n->lock, NULL);
	atomic_init(&n->has_company, false);
	share_init(&n->share, s->node_name);
	if (n->wake_fd >= 0)
		return n;
	node_free(n);
	return NULL;
}

void
node_free(struct node *n)
{
	if (n == NULL)
		return;
	stop_thread(n);
	session_drop(&n->link);
	destinations_free(&n->link);
	share_fini(&n->share);
	if (n->wake_fd >= 0)
		close(n->wake_fd);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

int
node_join(void *self, const struct hsw_store_watch *watch, struct hsw_error *err)
{
	struct postgres_store *s = self;
	int rc = session_name(s, err);

	if (rc != HSW_OK)
		return rc;
	s->node = node_new(s, watch);
	if (s->node == NULL)
		return pg_error(err, HSW_ENOMEM, "out of memory");
	rc = beat(s->node, err);
	if (rc != HSW_OK)
		return rc;
	/* From here on this node passes what others append. */
	rc = append_go_on(s, err);
	if (rc != HSW_OK)
		return rc;
	if (pthread_create(&s->node->thread, NULL, node_main, s->node) != 0)
		return pg_error(err, HSW_ENOMEM, "cannot start the node's thread");
	s->node->has_thread = true;
	s->host->log(s->handle, HSW_LOG_INFO, "joined as a node name=%s", s->node_name);
	return HSW_OK;
}

int
node_want(void *self, const struct hsw_str *names, size_t count, struct hsw_error *err)
{
	struct node *n = ((struct postgres_store *)self)->node;

	pthread_mutex_lock(&n->lock);
	bool is_done = share_want(&n->share, names, count);
	n->must_tell_wants = true;
	pthread_mutex_unlock(&n->lock);
	poke(n);
	return is_done ? HSW_OK : pg_error(err, HSW_ENOMEM, "out of memory");
}

void
node_news(void *self, struct hsw_store_news *news)
{
	struct node *n = ((struct postgres_store *)self)->node;

	pthread_mutex_lock(&n->lock);
	*news = n->news;
	pthread_mutex_unlock(&n->lock);
}

int
node_claims(void *self, hsw_claim_fn *fn, void *arg)
{
	struct node *n = ((struct postgres_store *)self)->node;
	int rc = HSW_OK;

	pthread_mutex_lock(&n->lock);
	for (size_t i = 0; i < n->share.n && rc == HSW_OK; i++) {
		const struct hsw_claim claim = share_claim(&n->share, i);
		rc = fn(arg, &claim);
	}
	pthread_mutex_unlock(&n->lock);
	return HSW_OK;
}

void
node_release(void *self, struct hsw_str destination)
{
	struct node *n = ((struct postgres_store *)self)->node;

	pthread_mutex_lock(&n->lock);
	share_release(&n->share, destination);
	pthread_mutex_unlock(&n->lock);
	poke(n);
}

void
node_retire(void *self)
{
	struct node *n = ((struct postgres_store *)self)->node;

	pthread_mutex_lock(&n->lock);
	share_retire(&n->share);
	pthread_mutex_unlock(&n->lock);
	poke(n);
}

void
node_leave(void *self)
{
	struct node *n = ((struct postgres_store *)self)->node;

	pthread_mutex_lock(&n->lock);
	n->is_leaving = true;
	pthread_mutex_unlock(&n->lock);
	stop_thread(n);
}

int
node_each(void *self, hsw_node_fn *fn, void *arg)
{
	struct node *n = ((struct postgres_store *)self)->node;
	int rc = HSW_OK;

	pthread_mutex_lock(&n->lock);
	for (size_t i = 0; i < n->share.n_peers && rc == HSW_OK; i++) {
		const struct share_peer *p = &n->share.peers[i];
		rc = fn(arg, (struct hsw_str){ p->name, strlen(p->name) },
			strcmp(p->name, n->conf.node) == 0);
	}
	pthread_mutex_unlock(&n->lock);
	return HSW_OK;
}

bool
node_has_company(const struct postgres_store *s)
{
	return s->node != NULL && atomic_load(&s->node->has_company);
}

bool
node_holds(const struct postgres_store *s, struct hsw_str destination)
{
	if (s->node == NULL)
		return true;
	pthread_mutex_lock(&s->node->lock);
	bool is_held = share_holds(&s->node->share, destination);
	pthread_mutex_unlock(&s->node->lock);
	return is_held;
}
