/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change.c - see change.h.
 *
 * Who calls what from where: change_new, change_post, answer on the request's worker; begin, apply and
 * finish on the store thread; visit on each worker in turn. Only one of them has the change at a time.
 */
#include "change.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth.h"
#include "change_impl.h"
#include "claim.h"
#include "err.h"
#include "log.h"
#include "record.h"

#define RETRY_AFTER_S 1

/* An instance whose WebSocket clients are closed. */
struct change_ended {
	struct change_ended *next;
	const char *reason;
	size_t len;
	char name[];
};

static void begin(struct change *, const struct store_port *);
static void visit(struct change *);

static struct change *
of_mail(struct mail *mail)
{
	return (struct change *)((char *)mail - offsetof(struct change, mail));
}

unsigned
change_owner(const struct server *server, const char *destination)
{
	return (unsigned)(str_hash(HASH_START, str_of(destination)) % server->n_workers);
}

void
change_queue_init(struct change_queue *q)
{
	*q = (struct change_queue){ .last = &q->first };
}

struct change *
change_new(struct worker *w, struct http_request *r, const char *headers)
{
	struct change *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		http_reply_error(r, 503, headers, "Out of memory");
		return NULL;
	}
	c->server = w->server;
	c->home = w;
	c->http = r;
	c->config = config_ref(w->config);
	snprintf(c->headers, sizeof(c->headers), "%s", headers);
	address_print(&r->client.address, c->client);
	c->by = r->is_control ? "control_socket" : "account_token";
	atomic_fetch_add(&w->server->on_tour, 1);
	return c;
}

struct change *
change_new_unasked(struct server *s)
{
	struct change *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->server = s;
	atomic_fetch_add(&s->on_tour, 1);
	return c;
}

void
change_free_ended(struct change *c)
{
	while (c->ended != NULL) {
		struct change_ended *next = c->ended->next;
		free(c->ended);
		c->ended = next;
	}
}

void
change_free_steps(struct change *c)
{
	while (c->steps != NULL) {
		struct change_step *next = c->steps->next;
		webhook_section_free(c->steps->section);
		free(c->steps);
		c->steps = next;
	}
}

void
change_free(struct change *c)
{
	if (c == NULL)
		return;
	config_unref(c->config);
	atomic_fetch_sub(&c->server->on_tour, 1);
	change_free_steps(c);
	change_free_ended(c);
	free(c->instance);
	free(c->label);
	free(c->token);
	free(c->names);
	free(c->attached);
	webhook_free(c->webhook);
	webhook_section_free(c->section);
	instance_unref(c->of_token);
	catalog_snapshot_unref(c->snapshot);
	buf_free(&c->out);
	buf_free(&c->kept_websockets);
	free(c);
}

void
change_fail(struct change *c, int status, const char *fmt, ...)
{
	va_list ap;

	c->status = status;
	va_start(ap, fmt);
	vsnprintf(c->error.text, sizeof(c->error.text), fmt, ap);
	va_end(ap);
}

void
change_note(struct change *c, const char *what, const char *rest, ...)
{
	va_list ap;
	int n = snprintf(c->note, sizeof(c->note), "%s instance=%s client=%s by=%s", what,
		c->instance, c->client, c->of_token != NULL ? "instance_token" : c->by);

	if (n < 0 || (size_t)n >= sizeof(c->note))
		return;
	va_start(ap, rest);
	vsnprintf(c->note + n, sizeof(c->note) - (size_t)n, rest, ap);
	va_end(ap);
}

/* ---- the answer ---- */

static void
answer(struct mail *mail)
{
	struct change *c = of_mail(mail);
	size_t n = strlen(c->headers);

	if (c->is_late)
		snprintf(c->headers + n, sizeof(c->headers) - n, "Retry-After: %d\r\n",
			RETRY_AFTER_S);
	if (c->out.failed)
		http_reply_error(c->http, 503, c->headers, "Out of memory");
	else if (c->status >= 400)
		http_reply_error(c->http, c->status, c->headers, c->error.text);
	else
		http_reply(c->http, c->status != 0 ? c->status : 200, c->headers,
			(struct hsw_str){ c->out.data, c->out.len });
	change_free(c);
}

static void
go_home(struct change *c)
{
	if (c->home != NULL) {
		c->mail.run = answer;
		worker_post(c->home, &c->mail);
		return;
	}
	if (c->done != NULL)
		c->done(c);
	change_free(c);
}

/* ---- on the store thread ---- */

static struct change_step *
add_step(struct change *c, const char *name, struct webhook_section *section)
{
	struct change_step *s = calloc(1, sizeof(*s) + strlen(name) + 1);
	struct change_step **last = &c->steps;

	if (s == NULL)
		return NULL;
	memcpy(s->name, name, strlen(name) + 1);
	s->section = section;
	s->is_put = section != NULL;
	while (*last != NULL)
		last = &(*last)->next;
	*last = s;
	return s;
}

/* It is fed before its cursor is asked for, so that nothing lies between them. */
int
change_put(struct change *c, const struct store_port *store, struct webhook_section *section)
{
	struct hsw_error err = { "" };
	int64_t cursor = 0;

	journal_feed(c->server->journal, change_owner(c->server, section->name));
	int rc = store->ops->attach(store->self, str_of(section->name), &cursor, &err);
	if (rc != HSW_OK) {
		log_error("api", "a destination cannot be made destination=%s: %s", section->name,
			err.text);
		change_fail(c, 500, "Failed to get webhook configuration");
		webhook_section_free(section);
		return rc;
	}
	struct change_step *s = add_step(c, section->name, section);
	if (s == NULL) {
		webhook_section_free(section);
		change_fail(c, 503, "Out of memory");
		return HSW_ENOMEM;
	}
	s->cursor = cursor;
	return HSW_OK;
}

void
change_unput(struct change *c, const struct store_port *store)
{
	struct hsw_error err = { "" };

	for (const struct change_step *s = c->steps; s != NULL; s = s->next) {
		if (s->is_put && store->ops->detach(store->self, str_of(s->name), &err) != HSW_OK)
			log_warn("api",
				"a destination is forgotten at the next start only "
				"destination=%s: %s",
				s->name, err.text);
	}
}

void
change_remove(struct change *c, struct hsw_str instance, const char *label)
{
	struct buf name = BUF_INIT;

	buf_append(&name, instance.s, instance.len);
	buf_str(&name, "/");
	buf_append(&name, label, strlen(label) + 1);
	if (name.failed || add_step(c, name.data, NULL) == NULL)
		log_error("api", "out of memory: destination %s/%s ends with the next start",
			instance.s, label);
	buf_free(&name);
}

void
change_end(struct change *c, struct hsw_str instance, const char *reason)
{
	struct change_ended *e = malloc(sizeof(*e) + instance.len);

	if (e == NULL) {
		log_error("api", "out of memory: WebSocket clients stay connected instance=%.*s",
			(int)instance.len, instance.s);
		return;
	}
	e->reason = reason;
	e->len = instance.len;
	memcpy(e->name, instance.s, instance.len);
	e->next = c->ended;
	c->ended = e;
}

void
change_begin_next(struct change_queue *q, const struct store_port *store)
{
	struct change *c = q->first;

	q->busy = NULL;
	if (c == NULL)
		return;
	if ((q->first = c->next) == NULL)
		q->last = &q->first;
	begin(c, store);
}

/* By other nodes; or by an instance that another node made anew, after it forgot what the old one had. */
static bool
is_still_wanted(const struct change *c, const struct change_step *removed)
{
	for (const struct change_step *s = removed->next; s != NULL; s = s->next) {
		if (s->is_put && strcmp(s->name, removed->name) == 0)
			return true;
	}
	return c->keeps_destinations;
}

static void
end(struct store_call *call, const struct store_port *store)
{
	struct change *c = (struct change *)call;
	struct change_queue *q = c->server->changes;
	struct hsw_error err = { "" };

	for (const struct change_step *s = c->steps; s != NULL; s = s->next) {
		if (!s->is_put && !is_still_wanted(c, s) &&
			record_detach(store, str_of(s->name), &err) != HSW_OK)
			log_warn("api",
				"a destination is forgotten at the next start only "
				"destination=%s: %s",
				s->name, err.text);
	}
	for (const struct change_step *s = c->steps; s != NULL; s = s->next) {
		if (s->is_missed)
			claims_changed(c->server->claims, s->name);
	}
	if (c->server->claims != NULL && c->steps != NULL)
		claims_refresh(c->server->claims, store);
	if (c->finish != NULL)
		c->finish(c);
	if (*c->note != '\0' && c->status < 400)
		log_info("api", "%s", c->note);
	go_home(c);
	change_begin_next(q, store);
}

static void
on_worker(struct mail *mail)
{
	struct change *c = of_mail(mail);
	struct worker *w = &c->server->workers[c->stop];

	catalog_view_set(&w->catalog, c->server->catalog, c->snapshot);
	for (const struct change_ended *e = c->ended; e != NULL; e = e->next)
		live_dismiss(w->live, (struct hsw_str){ e->name, e->len }, e->reason);
	visit(c);
}

/* Another node may have changed the token since the request was let in: then the instance is another object. */
static bool
is_allowed_still(struct change *c)
{
	if (c->server->claims == NULL || c->of_token == NULL)
		return true;
	const struct instance_settings *i = settings_find(c->server->settings, c->of_token->name);
	if (i != NULL && i->instance == c->of_token)
		return true;
	change_fail(c, 401, "%s", auth_message(AUTH_WRONG));
	return false;
}

static void
apply(struct change *c, const struct store_port *store)
{
	/* A change that nobody asked for reads the store only. */
	if (c->http != NULL && c->server->settings->has_wrong_key)
		change_fail(c, 503, "Nothing can be changed: %s",
			seal_has_key(c->server->settings->seal)
				? "[server] encryption_key is not the key of the store"
				: "the store's secrets are encrypted, and [server] encryption_key "
				  "is not set");
	else if (is_allowed_still(c))
		c->apply(c, store);
}

static void
begin(struct change *c, const struct store_port *store)
{
	struct change_queue *q = c->server->changes;
	const uint64_t before = c->server->settings->n_changes;

	q->busy = c;
	apply(c, store);
	if (change_make_again(c, c->server->settings->n_changes != before, store))
		return;
	if (c->status >= 400) {
		change_give_up(c, store);
		go_home(c);
		change_begin_next(q, store);
		return;
	}
	c->snapshot = catalog_snapshot_ref(catalog_master(c->server->catalog)->now);
	c->step = c->steps;
	c->mail.run = on_worker;
	worker_post(&c->server->workers[0], &c->mail);
}

static void
arrive(struct store_call *call, const struct store_port *store)
{
	struct change *c = (struct change *)call;
	struct change_queue *q = c->server->changes;

	if (c->is_read) {
		c->apply(c, store);
		go_home(c);
	} else if (q->busy != NULL) {
		c->next = NULL;
		*q->last = c;
		q->last = &c->next;
	} else {
		begin(c, store);
	}
}

void
change_post(struct change *c)
{
	c->call.fn = arrive;
	store_post_call(journal_store(c->server->journal), &c->call);
}

/* ---- on each worker ---- */

static void
leave(struct change *c)
{
	if (++c->stop < c->server->n_workers) {
		c->step = c->steps;
		worker_post(&c->server->workers[c->stop], &c->mail);
		return;
	}
	c->call.fn = end;
	store_post_call(journal_store(c->server->journal), &c->call);
}

static void
on_left(void *arg, size_t undelivered)
{
	struct change *c = arg;

	c->undelivered += undelivered;
	visit(c);
}

static void
put(struct change *c, struct worker *w, struct change_step *s)
{
	struct webhook_section *section = s->section;
	struct hsw_error err = { "" };

	s->section = NULL;
	/* Whoever has the claim opens it. */
	if (c->server->claims != NULL && destination_find(&w->delivery, str_of(s->name)) == NULL) {
		s->is_missed = true;
		webhook_section_free(section);
		return;
	}
	if (destination_put(&w->delivery, section, s->cursor, &err) == HSW_OK)
		return;
	log_error("api", "a webhook cannot be opened destination=%s: %s", s->name, err.text);
	change_fail(c, 500, "Failed to get webhook configuration");
}

/* Goes on after the step it is at: a removal takes its time. */
static void
visit(struct change *c)
{
	struct worker *w = &c->server->workers[c->stop];

	while (c->step != NULL) {
		struct change_step *s = c->step;
		c->step = s->next;
		if (change_owner(c->server, s->name) != w->index)
			continue;
		if (s->is_put) {
			put(c, w, s);
			continue;
		}
		destination_remove(&w->delivery, str_of(s->name), on_left, c);
		return;
	}
	leave(c);
}
