/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim.c - see claim.h.
 *
 * Who calls what from where: run_open, run_close, on_opened and on_left the worker that serves the
 * destination; all else the store thread, but for what claim.h names as the main thread's. An entry that
 * is on its way belongs to where it is, and comes back by its call.
 *
 *	CLOSED -> OPENING -> OPEN -> CLOSING -> CLOSED
 */
#include "claim_impl.h"

#include <stdlib.h>

#include "change.h"
#include "claim_names.h"
#include "clock.h"
#include "err.h"
#include "log.h"

#define HAND_OVER_MS 1000 /* for what is in flight when another node is to go on */

static void step(struct claim_entry *, const struct store_port *);

/* ---- what the store says ---- */

static unsigned
owner_of(const struct server *s, const char *name)
{
	unsigned i = 0;

	for (const struct config_section *sink = s->config->sinks; sink != NULL;
		sink = sink->next) {
		if (strcmp(sink->name, name) == 0)
			return i % s->n_workers;
		i++;
	}
	return change_owner(s, name);
}

static struct claim_entry *
entry_of(struct claims *c, struct hsw_str name)
{
	struct claim_entry *e;

	HASH_FIND(hh, c->entries, name.s, name.len, e);
	if (e != NULL)
		return e;
	e = calloc(1, sizeof(*e) + name.len + 1);
	if (e == NULL)
		return NULL;
	e->claims = c;
	e->len = name.len;
	memcpy(e->name, name.s, name.len);
	e->worker = &c->server->workers[owner_of(c->server, e->name)];
	HASH_ADD_KEYPTR(hh, c->entries, e->name, e->len, e);
	if (e->hh.tbl != NULL)
		return e;
	free(e);
	return NULL;
}

void
claim_entry_free(struct claim_entry *e)
{
	webhook_section_free(e->owned);
	config_unref(e->config);
	config_unref(e->good);
	free(e);
}

static int
take_claim(void *arg, const struct hsw_claim *claim)
{
	struct claim_entry *e = entry_of(arg, claim->destination);

	if (e == NULL)
		return HSW_OK; /* with the next look */
	e->is_known = true;
	e->claim = claim->state;
	e->touched = claim->touched;
	return HSW_OK;
}

/* ---- opening and closing, on the worker and back ---- */

static void
came_back(struct store_call *call, const struct store_port *store)
{
	struct claim_entry *e = (struct claim_entry *)call;
	bool is_open = e->state == OPENING && e->rc == HSW_OK;

	if (is_open)
		claim_note_open(e);
	else if (e->state == OPENING)
		claim_note_failure(e);
	else
		claim_note_closed(e);
	e->state = is_open ? OPEN : CLOSED;
	metric_add(e->claims->held, is_open ? 1 : 0);
	step(e, store);
}

static void
go_back(struct claim_entry *e)
{
	e->call.fn = came_back;
	store_post_call(journal_store(e->claims->server->journal), &e->call);
}

static void
on_opened(void *arg, int rc)
{
	struct claim_entry *e = arg;

	e->rc = rc;
	go_back(e);
}

static void
run_open(struct mail *mail)
{
	struct claim_entry *e = (struct claim_entry *)((char *)mail -
		offsetof(struct claim_entry, mail));
	struct webhook_section *owned = e->owned;

	e->owned = NULL;
	destination_open_later(&e->worker->delivery, e->section, owned, on_opened, e);
}

static void
on_left(void *arg, size_t undelivered)
{
	(void)undelivered;
	go_back(arg);
}

static void
run_close(struct mail *mail)
{
	struct claim_entry *e = (struct claim_entry *)((char *)mail -
		offsetof(struct claim_entry, mail));

	destination_hand_over(
		&e->worker->delivery, (struct hsw_str){ e->name, e->len }, e->leave_ms, on_left, e);
}

static void
open_entry(struct claim_entry *e)
{
	struct server *s = e->claims->server;

	if (!claim_find_section(e))
		return;
	e->state = OPENING;
	e->is_stale = false;
	e->opened_touched = e->touched;
	journal_feed(s->journal, e->worker->index);
	e->mail.run = run_open;
	worker_post(e->worker, &e->mail);
}

static void
close_entry(struct claim_entry *e)
{
	bool is_changed = claim_is_ours(e) && e->config != NULL && e->is_stale;
	bool has_time = is_changed || e->claims->is_stopping;

	e->leave_ms = has_time ? e->claims->config->server.shutdown_timeout_ms : HAND_OVER_MS;
	e->state = CLOSING;
	metric_add(e->claims->held, -1);
	e->mail.run = run_close;
	worker_post(e->worker, &e->mail);
}

/* What is to be done about it now. It may be freed. */
static void
step(struct claim_entry *e, const struct store_port *store)
{
	struct claims *c = e->claims;

	switch (e->state) {
	case CLOSED:
		if (claim_is_ours(e) && !c->is_stopping && clock_mono_ms() >= e->not_before_ms)
			open_entry(e);
		else if (e->is_known && e->claim == HSW_CLAIM_ENDING)
			store->ops->release(store->self, (struct hsw_str){ e->name, e->len });
		else if (!e->is_known) {
			HASH_DEL(c->entries, e);
			claim_entry_free(e);
		}
		return;
	case OPEN:
		if (!claim_is_ours(e) || e->is_stale || e->touched != e->opened_touched)
			close_entry(e);
		return;
	case OPENING:
	case CLOSING:
		return;
	}
}

/* ---- the store thread ---- */

static int
count_node(void *arg, struct hsw_str node, int is_self)
{
	(void)node;
	(void)is_self;
	++*(int64_t *)arg;
	return HSW_OK;
}

/* What others wait for, too, must be in the store's table before this node can want it. */
static int
attach_new(const struct claims *c, const struct store_port *store, struct hsw_error *err)
{
	int64_t ignored;
	struct claim_entry *e;
	int rc = HSW_OK;

	for (const struct config_section *s = c->config->sinks; s != NULL && rc == HSW_OK;
		s = s->next) {
		HASH_FIND(hh, c->entries, s->name, strlen(s->name), e);
		if (e == NULL)
			rc = store->ops->attach(store->self, str_of(s->name), &ignored, err);
	}
	return rc;
}

int
claim_tell(struct claims *c, const struct store_port *store, struct hsw_error *err)
{
	struct claim_names l = { .memory = BUF_INIT };
	int rc = attach_new(c, store, err);

	if (rc == HSW_OK &&
		(rc = claim_names_collect(&l, c->config, c->server->settings)) != HSW_OK)
		err_set(err, rc, "out of memory");
	if (rc == HSW_OK)
		rc = store->ops->want(store->self, l.list, l.n, err);
	claim_names_free(&l);
	return rc;
}

void
claims_refresh(struct claims *c, const struct store_port *store)
{
	struct hsw_error err = { "" };
	bool was_untold = c->is_untold;

	c->is_untold = claim_tell(c, store, &err) != HSW_OK;
	if (c->is_untold && !was_untold)
		log_error("store", "what this node can deliver is told later: %s", err.text);
}

void
claim_look_at_all(struct claims *c, const struct store_port *store)
{
	struct claim_entry *e, *next;

	HASH_ITER(hh, c->entries, e, next)
	e->is_known = false;
	store->ops->claims(store->self, take_claim, c);
	HASH_ITER(hh, c->entries, e, next)
	step(e, store);
}

static void
look_at_news(struct claims *c, const struct store_port *store)
{
	struct hsw_store_news news;

	store->ops->news(store->self, &news);
	journal_follow(c->server->journal, store, news.last_seq);
	if (c->is_untold)
		claims_refresh(c, store);
	if (news.settings != c->settings && change_reload(c->server, NULL, NULL, NULL) == HSW_OK)
		c->settings = news.settings;
}

void
claim_look(struct store_call *call, const struct store_port *store)
{
	struct claims *c = (struct claims *)((char *)call - offsetof(struct claims, call));
	int64_t n_nodes = 0;

	atomic_store(&c->is_posted, false);
	if (!c->is_stopping)
		look_at_news(c, store);
	claim_look_at_all(c, store);
	store->ops->nodes(store->self, count_node, &n_nodes);
	metric_set(c->nodes, n_nodes);
}

void
claims_forget_settings(struct claims *c)
{
	c->settings = 0;
}

void
claims_changed(struct claims *c, const char *destination)
{
	struct claim_entry *e;

	HASH_FIND(hh, c->entries, destination, strlen(destination), e);
	if (e != NULL && (e->state == OPENING || e->state == OPEN))
		e->is_stale = true;
}

/* ---- another configuration ---- */

struct configuring {
	struct store_call call; /* first */
	struct claims *claims;
	const struct config *config; /* a reference */
};

static void
note_change(void *arg, const struct config_change *change)
{
	if (strcmp(change->kind, "sink") == 0)
		claims_changed(arg, change->name);
}

static void
configure(struct claims *c, const struct config *config, const struct store_port *store)
{
	struct claim_entry *e, *next;

	config_compare(c->config, config, note_change, c);
	config_unref(c->config);
	c->config = config_ref(config);
	claims_refresh(c, store);
	claim_compare_config(c, store);
	HASH_ITER(hh, c->entries, e, next)
	{
		e->is_stale |= e->is_good_wanted;
		e->is_good_wanted = false;
		e->not_before_ms = 0;
		step(e, store);
	}
}

static void
run_configure(struct store_call *call, const struct store_port *store)
{
	struct configuring *x = (struct configuring *)call;

	if (!x->claims->is_stopping)
		configure(x->claims, x->config, store);
	config_unref(x->config);
	free(x);
}

void
claims_configure(struct claims *c, const struct config *config)
{
	struct configuring *x = calloc(1, sizeof(*x));

	if (x == NULL) {
		log_error("config", "out of memory: the sinks stay as they were");
		return;
	}
	x->call.fn = run_configure;
	x->claims = c;
	x->config = config_ref(config);
	store_post_call(journal_store(c->server->journal), &x->call);
}

bool
claims_have_company(const struct store_port *store)
{
	int64_t n = 0;

	store->ops->nodes(store->self, count_node, &n);
	return n > 1;
}

const _Atomic int64_t *
claims_held_until_ms(const struct claims *c)
{
	return &c->held_until_ms;
}
