/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim.c - see claim.h.
 *
 * Who calls what from where: on_proved and on_wake any thread; run_open, run_close, on_opened and on_left the
 * worker that serves the destination; all else the store thread, but for what claim.h names as the main
 * thread's. An entry that is on its way belongs to where it is, and comes back by its call.
 *
 *	CLOSED -> OPENING -> OPEN -> CLOSING -> CLOSED
 */
#include "claim.h"

#include <stdlib.h>

#include <uthash.h>

#include "change.h"
#include "clock.h"
#include "err.h"
#include "log.h"

#define HAND_OVER_MS 1000  /* for what is in flight when another node is to go on */
#define OPEN_AGAIN_MS 5000 /* one that could not be opened */

enum entry_state { CLOSED, OPENING, OPEN, CLOSING };

struct entry {
	struct store_call call; /* first */
	struct mail mail;
	struct claims *claims;
	struct worker *worker;
	enum entry_state state;
	/* what the store says */
	enum hsw_claim_state claim;
	bool is_known;
	int64_t touched;
	/* what is open */
	int64_t opened_touched;
	bool is_stale; /* it changed since */
	int64_t not_before_ms;
	const struct config_section *section;
	struct webhook_section *owned;
	int rc;
	UT_hash_handle hh;
	size_t len;
	char name[];
};

struct claims {
	struct server *server;
	_Atomic int64_t held_until_ms;
	_Atomic bool is_posted;
	struct store_call call;
	struct entry *entries;
	int64_t settings; /* that were read */
	bool is_stopping;
	struct metric *held, *nodes;
};

static void step(struct entry *, const struct store_port *);

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

static struct entry *
entry_of(struct claims *c, struct hsw_str name)
{
	struct entry *e;

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

static int
take_claim(void *arg, const struct hsw_claim *claim)
{
	struct entry *e = entry_of(arg, claim->destination);

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
	struct entry *e = (struct entry *)call;
	bool is_open = e->state == OPENING && e->rc == HSW_OK;

	if (e->state == OPENING && !is_open)
		e->not_before_ms = clock_mono_ms() + OPEN_AGAIN_MS;
	if (e->state == CLOSING)
		log_info("router", "handed over destination=%s", e->name);
	e->state = is_open ? OPEN : CLOSED;
	metric_add(e->claims->held, is_open ? 1 : 0);
	step(e, store);
}

static void
go_back(struct entry *e)
{
	e->call.fn = came_back;
	store_post_call(journal_store(e->claims->server->journal), &e->call);
}

static void
on_opened(void *arg, int rc)
{
	struct entry *e = arg;

	e->rc = rc;
	go_back(e);
}

static void
run_open(struct mail *mail)
{
	struct entry *e = (struct entry *)((char *)mail - offsetof(struct entry, mail));
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
	struct entry *e = (struct entry *)((char *)mail - offsetof(struct entry, mail));

	destination_hand_over(&e->worker->delivery, (struct hsw_str){ e->name, e->len },
		HAND_OVER_MS, on_left, e);
}

static bool
find_webhook(struct entry *e, struct hsw_error *err)
{
	struct server *s = e->claims->server;
	const char *slash = strchr(e->name, '/');
	const struct hsw_str name = { e->name, slash != NULL ? (size_t)(slash - e->name) : 0 };
	struct instance_settings *i = slash != NULL ? settings_find(s->settings, name) : NULL;
	const struct webhook *w = i != NULL ? settings_find_webhook(i, slash + 1) : NULL;

	if (w == NULL || !w->enabled)
		return false;
	e->owned = webhook_section_new(&s->webhook_sink, name, w, err);
	if (e->owned == NULL) {
		log_error(
			"api", "a webhook cannot be opened destination=%s: %s", e->name, err->text);
		return false;
	}
	e->section = &e->owned->section;
	return true;
}

/* Where it delivers to. */
static bool
find_section(struct entry *e)
{
	const struct config_section *s = e->claims->server->config->sinks;
	struct hsw_error err = { "" };

	while (s != NULL && strcmp(s->name, e->name) != 0)
		s = s->next;
	e->section = s;
	return s != NULL || find_webhook(e, &err);
}

static void
open_entry(struct entry *e)
{
	struct server *s = e->claims->server;

	if (!find_section(e)) {
		e->not_before_ms = clock_mono_ms() + OPEN_AGAIN_MS;
		return;
	}
	e->state = OPENING;
	e->is_stale = false;
	e->opened_touched = e->touched;
	journal_feed(s->journal, e->worker->index);
	e->mail.run = run_open;
	worker_post(e->worker, &e->mail);
}

static void
close_entry(struct entry *e)
{
	e->state = CLOSING;
	metric_add(e->claims->held, -1);
	e->mail.run = run_close;
	worker_post(e->worker, &e->mail);
}

/* What is to be done about it now. It may be freed. */
static void
step(struct entry *e, const struct store_port *store)
{
	struct claims *c = e->claims;
	bool is_ours = e->is_known && e->claim == HSW_CLAIM_HELD;

	if (c->is_stopping)
		return;
	switch (e->state) {
	case CLOSED:
		if (is_ours && clock_mono_ms() >= e->not_before_ms)
			open_entry(e);
		else if (e->is_known && e->claim == HSW_CLAIM_ENDING)
			store->ops->release(store->self, (struct hsw_str){ e->name, e->len });
		else if (!e->is_known) {
			HASH_DEL(c->entries, e);
			free(e);
		}
		return;
	case OPEN:
		if (!is_ours || e->is_stale || e->touched != e->opened_touched)
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

static void
look(struct store_call *call, const struct store_port *store)
{
	struct claims *c = (struct claims *)((char *)call - offsetof(struct claims, call));
	struct hsw_store_news news;
	struct entry *e, *next;
	int64_t n_nodes = 0;

	atomic_store(&c->is_posted, false);
	if (c->is_stopping)
		return;
	store->ops->news(store->self, &news);
	journal_follow(c->server->journal, store, news.last_seq);
	if (news.settings != c->settings && change_reload(c->server, NULL, NULL, NULL) == HSW_OK)
		c->settings = news.settings;
	HASH_ITER(hh, c->entries, e, next)
	e->is_known = false;
	store->ops->claims(store->self, take_claim, c);
	HASH_ITER(hh, c->entries, e, next)
	step(e, store);
	store->ops->nodes(store->self, count_node, &n_nodes);
	metric_set(c->nodes, n_nodes);
}

struct names {
	struct hsw_str *list;
	size_t n, cap;
	struct buf memory;
	bool failed;
};

static void
add_name(struct names *l, struct hsw_str name)
{
	if (l->n == l->cap) {
		size_t cap = l->cap != 0 ? 2 * l->cap : 64;
		struct hsw_str *grown = realloc(l->list, cap * sizeof(*grown));
		l->failed |= grown == NULL;
		if (grown == NULL)
			return;
		l->list = grown;
		l->cap = cap;
	}
	buf_append(&l->memory, name.s, name.len);
	l->list[l->n++].len = name.len;
}

static void
add_webhooks(void *arg, struct instance_settings *i)
{
	char name[CONFIG_NAME_MAX + WEBHOOK_LABEL_MAX + 2];

	for (const struct webhook *w = i->webhooks; w != NULL; w = w->next) {
		snprintf(name, sizeof(name), "%s/%s", i->instance->name.s, w->label);
		if (w->enabled)
			add_name(arg, str_of(name));
	}
}

static int
collect(struct claims *c, struct names *l)
{
	for (const struct config_section *s = c->server->config->sinks; s != NULL; s = s->next)
		add_name(l, str_of(s->name));
	settings_each(c->server->settings, add_webhooks, l);
	const char *at = l->memory.data;
	for (size_t i = 0; i < l->n && !l->memory.failed; i++) {
		l->list[i].s = at;
		at += l->list[i].len;
	}
	return l->failed || l->memory.failed ? HSW_ENOMEM : HSW_OK;
}

static void
names_free(struct names *l)
{
	buf_free(&l->memory);
	free(l->list);
}

void
claims_refresh(struct claims *c, const struct store_port *store)
{
	struct hsw_error err = { "out of memory" };
	struct names l = { .memory = BUF_INIT };
	int rc = collect(c, &l);

	if (rc == HSW_OK)
		rc = store->ops->want(store->self, l.list, l.n, &err);
	if (rc != HSW_OK)
		log_error("store", "the other nodes are not told of new webhooks: %s", err.text);
	names_free(&l);
}

void
claims_forget_settings(struct claims *c)
{
	c->settings = 0;
}

void
claims_changed(struct claims *c, const char *destination)
{
	struct entry *e;

	HASH_FIND(hh, c->entries, destination, strlen(destination), e);
	if (e != NULL && (e->state == OPENING || e->state == OPEN))
		e->is_stale = true;
}

bool
claims_have_company(const struct store_port *store)
{
	int64_t n = 0;

	store->ops->nodes(store->self, count_node, &n);
	return n > 1;
}

/* ---- start and end ---- */

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
	c->call.fn = look;
	/* It looks for the first time when everything is there. */
	atomic_init(&c->is_posted, true);
	store_run(journal_store(server->journal), join, &s);
	if (!s.is_shared || s.rc != HSW_OK) {
		free(c);
		return s.rc;
	}
	*out = c;
	c->held = metric_get("hookswitch_node_sinks", NULL, 0);
	c->nodes = metric_get("hookswitch_nodes", NULL, 0);
	return HSW_OK;
}

static void
begin(void *arg, const struct store_port *store)
{
	struct starting *s = arg;
	struct names l = { .memory = BUF_INIT };
	int64_t ignored;

	s->rc = collect(s->claims, &l);
	for (size_t i = 0; i < l.n && s->rc == HSW_OK; i++)
		s->rc = store->ops->attach(store->self, l.list[i], &ignored, s->err);
	if (s->rc == HSW_OK)
		s->rc = store->ops->want(store->self, l.list, l.n, s->err);
	names_free(&l);
	store_post_call(journal_store(s->claims->server->journal), &s->claims->call);
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

	(void)store;
	c->is_stopping = true;
	journal_unfollow(c->server->journal);
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
	struct entry *e, *next;

	if (c == NULL)
		return;
	HASH_ITER(hh, c->entries, e, next)
	{
		HASH_DEL(c->entries, e);
		webhook_section_free(e->owned);
		free(e);
	}
	free(c);
}

const _Atomic int64_t *
claims_held_until_ms(const struct claims *c)
{
	return &c->held_until_ms;
}
