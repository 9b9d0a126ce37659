/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim_start.c - a daemon's beginning and end as a node, see claim.h.
 *
 * Who calls what from where: claims_* the main thread; on_proved and on_wake any thread; all else the store thread.
 */
#include "claim_impl.h"

#include <stdlib.h>

#include "err.h"

/* ---- what the store says ---- */

static void
on_proved(void *arg, int64_t until_ms)
{
	atomic_store(&((struct claims *)arg)->held_until_ms, until_ms);
}

static void
on_wake(void *arg)
{
	struct claims *c = arg;

	if (!atomic_exchange(&c->is_posted, true))
		store_post_call(journal_store(c->server->journal), &c->call);
}

/* ---- start ---- */

struct starting {
	struct claims *claims;
	struct hsw_error *err;
	int rc;
	bool is_shared;
};

static void
join(void *arg, const struct store_port *store)
{
	struct starting *s = arg;
	const struct hsw_store_watch watch = { sizeof(watch), s->claims, on_proved, on_wake };
	struct hsw_store_news news;

	s->is_shared = store->ops->join != NULL;
	if (!s->is_shared)
		return;
	s->rc = journal_share(s->claims->server->journal);
	if (s->rc == HSW_OK)
		s->rc = store->ops->join(store->self, &watch, s->err);
	if (s->rc != HSW_OK)
		return;
	store->ops->news(store->self, &news);
	s->claims->settings = news.settings;
}

int
claims_start(struct server *server, struct claims **out, struct hsw_error *err)
{
	struct claims *c = calloc(1, sizeof(*c));
	struct starting s = { .claims = c, .err = err };

	*out = NULL;
	if (c == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	c->server = server;
	c->config = config_ref(server->config);
	c->call.fn = claim_look;
	/* It looks for the first time when everything is there. */
	atomic_init(&c->is_posted, true);
	store_run(journal_store(server->journal), join, &s);
	if (!s.is_shared || s.rc != HSW_OK) {
		config_unref(c->config);
		free(c);
		return s.rc;
	}
	*out = c;
	c->held = metric_get("hookswitch_node_sinks", NULL, 0);
	c->nodes = metric_get("hookswitch_nodes", NULL, 0);
	return HSW_OK;
}

static bool
is_wanted(void *settings, struct hsw_str destination)
{
	return settings_want(settings, destination);
}

static void
begin(void *arg, const struct store_port *store)
{
	struct starting *s = arg;
	struct server *server = s->claims->server;

	s->rc = claim_tell(s->claims, store, s->err);
	if (s->rc == HSW_OK) {
		claim_compare_config(s->claims, store);
		journal_set_wants(server->journal, is_wanted, server->settings);
	}
	store_post_call(journal_store(server->journal), &s->claims->call);
}

int
claims_begin(struct claims *c, struct hsw_error *err)
{
	struct starting s = { .claims = c, .err = err };

	store_run(journal_store(c->server->journal), begin, &s);
	return s.rc;
}

static void
stop(void *arg, const struct store_port *store)
{
	struct claims *c = arg;

	c->is_stopping = true;
	journal_unfollow(c->server->journal);
	if (store->ops->retire == NULL)
		return;
	store->ops->retire(store->self);
	/* Now: a worker that is told to drain has to know which of its destinations go first. */
	claim_look_at_all(c, store);
}

void
claims_stop(struct claims *c)
{
	if (c != NULL)
		store_run(journal_store(c->server->journal), stop, c);
}

static void
leave(void *arg, const struct store_port *store)
{
	struct claims *c = arg;

	c->is_stopping = true;
	store->ops->leave(store->self);
}

void
claims_leave(struct claims *c)
{
	if (c != NULL)
		store_run(journal_store(c->server->journal), leave, c);
}

void
claims_free(struct claims *c)
{
	struct claim_entry *e, *next;

	if (c == NULL)
		return;
	HASH_ITER(hh, c->entries, e, next)
	{
		HASH_DEL(c->entries, e);
		claim_entry_free(e);
	}
	config_unref(c->config);
	free(c);
}
