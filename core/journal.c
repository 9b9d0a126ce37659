/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.c - the journal's start and end, and what it keeps for how long; see journal_impl.h. maintain and the
 * questions run on the store thread; from where the rest is called is in journal.h.
 */
#include "journal_impl.h"

#include <stdlib.h>

#include "err.h"
#include "follow.h"
#include "health.h"
#include "log.h"
#include "seen.h"

/* ---- retention ---- */

static int
maintain(void *arg, const struct store_port *store, int64_t *wait_ms, struct hsw_error *err)
{
	struct journal *j = arg;

	int rc = retain_run(&j->retain, j->retention, store, wait_ms, err);
	if (rc == HSW_OK)
		rc = memories_forget(&j->memories, store, err);
	if (rc != HSW_OK) {
		health_count("prune", rc);
		*wait_ms = PRUNE_FAILED_MS;
	}
	if (rc != HSW_OK && !j->is_prune_failing)
		log_warn("store", "deleting old events failed: %s", err->text);
	j->is_prune_failing = rc != HSW_OK;
	return rc;
}

/* ---- start and end ---- */

struct question {
	struct hsw_str destination;
	int64_t seq;
	const struct store_port *port;
	struct gaps *gaps;
	int rc;
	struct hsw_error *err;
};

static void
ask_cursor(void *arg, const struct store_port *store)
{
	struct question *q = arg;
	q->rc = store->ops->attach(store->self, q->destination, &q->seq, q->err);
}

static void
ask_last_seq(void *arg, const struct store_port *store)
{
	struct question *q = arg;
	struct hsw_store_stats stats = { 0 };

	q->rc = store->ops->stats(store->self, &stats, q->err);
	q->port = store;
	q->seq = stats.last_seq;
	if (q->rc == HSW_OK)
		q->rc = gaps_read(q->gaps, store, q->err);
}

static int
recall_seen(void *arg, int64_t at_ms, struct hsw_str text)
{
	seen_recall(arg, at_ms, text);
	return HSW_OK;
}

static int
open_seen(struct journal *j, struct hsw_error *err)
{
	int64_t window = j->config->ingest.dedupe_ms;

	if (window == 0)
		return HSW_OK;
	j->seen = seen_new(window, SEEN_MAX);
	if (j->seen == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	return journal_recall(j, JOURNAL_SEEN_KIND, window, recall_seen, j->seen, err);
}

int
journal_attach(
	struct journal *j, struct hsw_str destination, int64_t *cursor, struct hsw_error *err)
{
	struct question q = { .destination = destination, .err = err };

	store_run(j->store, ask_cursor, &q);
	*cursor = q.seq;
	return q.rc;
}

struct journal *
journal_open(const struct config *config, struct catalog *catalog, const struct journal_port *ports,
	size_t n, struct hsw_error *err)
{
	struct journal *j = calloc(1, sizeof(*j));
	if (j == NULL) {
		err_set(err, HSW_ENOMEM, "out of memory");
		return NULL;
	}
	j->config = config;
	j->retention = config_ref(config);
	j->catalog = catalog;
	j->ports = ports;
	j->n_ports = n;
	gaps_init(&j->gaps);
	for (size_t i = 0; i < n; i++)
		atomic_init(&j->is_fed[i], !ports[i].is_idle);
	const struct store_hooks hooks = { .admit = journal_admit,
		.complete = journal_complete,
		.committed = journal_committed,
		.maintain = maintain,
		.arg = j };
	j->store = store_start(config, &hooks, err);
	if (j->store == NULL) {
		config_unref(j->retention);
		gaps_fini(&j->gaps);
		free(j);
		return NULL;
	}
	struct question q = { .gaps = &j->gaps, .err = err };
	store_run(j->store, ask_last_seq, &q);
	j->last_seq = q.seq;
	j->port = q.port;
	if (q.rc == HSW_OK && open_seen(j, err) == HSW_OK)
		return j;
	journal_close(j);
	return NULL;
}

void
journal_close(struct journal *j)
{
	if (j == NULL)
		return;
	store_stop(j->store);
	follow_free(j->follow);
	seen_free(j->seen);
	gaps_fini(&j->gaps);
	config_unref(j->retention);
	free(j);
}

int
journal_share(struct journal *j)
{
	const struct follow_env env = { j->catalog, j->ports, j->n_ports, journal_is_fed, j,
		&j->gaps };

	j->follow = follow_new(&env, j->store, j->last_seq);
	return j->follow != NULL ? HSW_OK : HSW_ENOMEM;
}

void
journal_follow(struct journal *j, const struct store_port *store, int64_t last_seq)
{
	follow_upto(j->follow, store, last_seq);
	memories_follow(&j->memories, store);
}

void
journal_set_wants(struct journal *j, bool (*wants)(void *, struct hsw_str), void *arg)
{
	j->retain.wants = wants;
	j->retain.wants_arg = arg;
}

void
journal_unfollow(struct journal *j)
{
	follow_stop(j->follow);
}

void
journal_feed(struct journal *j, unsigned port)
{
	atomic_store(&j->is_fed[port], true);
}

void
journal_configure(struct journal *j, const struct config *config)
{
	config_unref(j->retention);
	j->retention = config_ref(config);
}

struct store *
journal_store(struct journal *j)
{
	return j->store;
}

int64_t
journal_last_seq(struct journal *j)
{
	return j->last_seq;
}

int64_t
journal_count(struct journal *j, int64_t after, int64_t upto)
{
	return gaps_count(&j->gaps, after, upto);
}
