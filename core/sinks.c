/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sinks.c - see sinks.h.
 *
 * Who calls what from where: sinks.h is the main thread's. A step goes, as mail, to the worker that serves the
 * sink (start, drained), to the store thread (ask), and back to that worker (arrive), one at a time; the main
 * thread looks at it again when nothing is pending.
 *
 * It goes back by way of the workers before it, as replays and dead letters do: what the store was told of this
 * destination before it was asked must not come after the answer.
 */
#include "sinks.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

struct sink_place {
	struct sink_place *next;
	struct sinks *sinks;
	char name[CONFIG_NAME_MAX + 1];
	unsigned worker;
	bool is_changed; /* its section, while the configurations are compared */

	/* the step on its way */
	struct store_call call;
	struct mail mail;
	struct destination_swap swap;
	const struct config *config;          /* whose section it is; a reference */
	const struct config_section *section; /* NULL: it goes */
	unsigned stop;
};

/* ---- the step, on its way ---- */

static struct sink_place *
of_mail(struct mail *mail)
{
	return (struct sink_place *)((char *)mail - offsetof(struct sink_place, mail));
}

static struct sink_place *
of_swap(struct destination_swap *swap)
{
	return (struct sink_place *)((char *)swap - offsetof(struct sink_place, swap));
}

static void
finish(struct sink_place *p)
{
	if (p->swap.rc != HSW_OK)
		log_error("config", "the sink %s: %s",
			p->swap.is_open ? "stays as it was" : "is not open", p->swap.error.text);
	else
		log_info("config", "the sink is %s sink=%s",
			p->section != NULL ? "in use" : "closed", p->name);
	atomic_fetch_sub(&p->sinks->pending, 1);
}

static void
arrive(struct mail *mail)
{
	struct sink_place *p = of_mail(mail);

	if (p->stop < p->worker) {
		worker_post(&p->sinks->server->workers[++p->stop], mail);
		return;
	}
	destination_swap_end(&p->swap);
	if (!p->swap.thread->is_draining)
		finish(p);
}

/* It is fed before its cursor is asked for, so that nothing lies between them. */
static void
ask(struct store_call *call, const struct store_port *store)
{
	struct sink_place *p = (struct sink_place *)((char *)call -
		offsetof(struct sink_place, call));
	struct server *s = p->sinks->server;

	journal_feed(s->journal, p->worker);
	destination_swap_read(&p->swap, store);
	p->stop = 0;
	p->mail.run = arrive;
	worker_post(&s->workers[0], &p->mail);
}

static void
drained(struct destination_swap *swap)
{
	struct sink_place *p = of_swap(swap);

	if (p->section == NULL || swap->rc != HSW_OK) {
		finish(p);
		return;
	}
	p->call.fn = ask;
	store_post_call(journal_store(p->sinks->server->journal), &p->call);
}

static void
start(struct mail *mail)
{
	struct sink_place *p = of_mail(mail);
	struct worker *w = &p->sinks->server->workers[p->worker];

	destination_swap_begin(
		&p->swap, &w->delivery, p->name, p->section, w->config->server.shutdown_timeout_ms);
}

/* ---- places ---- */

static struct sink_place *
find(const struct sinks *s, const char *name)
{
	struct sink_place *p = s->first;

	while (p != NULL && strcmp(p->name, name) != 0)
		p = p->next;
	return p;
}

static struct sink_place *
add(struct sinks *s, const char *name, unsigned worker)
{
	struct sink_place *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	snprintf(p->name, sizeof(p->name), "%s", name);
	p->sinks = s;
	p->worker = worker;
	p->swap.is_open = true;
	p->next = s->first;
	return s->first = p;
}

/* The worker with the fewest. */
static unsigned
choose_worker(const struct sinks *s)
{
	unsigned counts[JOURNAL_PORTS_MAX] = { 0 }, best = 0;

	for (const struct sink_place *p = s->first; p != NULL; p = p->next)
		counts[p->worker]++;
	for (unsigned i = 1; i < s->server->n_workers; i++)
		best = counts[i] < counts[best] ? i : best;
	return best;
}

static void
place_free(struct sink_place *p)
{
	config_unref(p->config);
	free(p);
}

/* What closed is forgotten; what did not open either, since the next configuration adds it again. */
static void
sweep(struct sinks *s)
{
	struct sink_place **at = &s->first;

	while (*at != NULL) {
		struct sink_place *p = *at;
		if (p->swap.is_open) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		place_free(p);
	}
}

int
sinks_init(struct sinks *s, struct server *server)
{
	unsigned i = 0;

	*s = (struct sinks){ .server = server };
	for (const struct config_section *x = server->config->sinks; x != NULL; x = x->next) {
		if (add(s, x->name, i++ % server->n_workers) == NULL)
			return HSW_ENOMEM;
	}
	return HSW_OK;
}

void
sinks_fini(struct sinks *s)
{
	while (s->first != NULL) {
		struct sink_place *next = s->first->next;
		place_free(s->first);
		s->first = next;
	}
}

bool
sinks_are_changing(const struct sinks *s)
{
	return atomic_load(&s->pending) > 0;
}

void
sinks_report(const struct sinks *s, struct report *report)
{
	for (const struct sink_place *p = s->first; p != NULL; p = p->next) {
		if (p->swap.rc != HSW_OK)
			report_error(report, "the sink %s: %s",
				p->swap.is_open ? "stays as it was" : "is not open",
				p->swap.error.text);
	}
}

/* ---- what is different ---- */

static void
note_change(void *arg, const struct config_change *c)
{
	const struct sinks *s = arg;
	struct sink_place *p = strcmp(c->kind, "sink") == 0 ? find(s, c->name) : NULL;

	if (p != NULL)
		p->is_changed = true;
}

static void
post(struct sink_place *p, const struct config *config, const struct config_section *section)
{
	struct server *s = p->sinks->server;

	config_unref(p->config);
	p->config = config_ref(config);
	p->section = section;
	p->swap = (struct destination_swap){ .drained = drained };
	p->mail.run = start;
	atomic_fetch_add(&p->sinks->pending, 1);
	worker_post(&s->workers[p->worker], &p->mail);
}

static void
send_changed(struct sinks *s, const struct config *after)
{
	for (struct sink_place *p = s->first; p != NULL; p = p->next) {
		const struct config_section *section = config_find_sink(after, p->name);
		bool has_failed = p->swap.rc != HSW_OK;
		if (section == NULL || p->is_changed || has_failed)
			post(p, after, section);
		p->is_changed = false;
	}
}

static void
send_added(struct sinks *s, const struct config *after)
{
	for (const struct config_section *x = after->sinks; x != NULL; x = x->next) {
		if (find(s, x->name) != NULL)
			continue;
		struct sink_place *p = add(s, x->name, choose_worker(s));
		if (p != NULL)
			post(p, after, x);
		else
			log_error("config", "out of memory: the sink is not open sink=%s", x->name);
	}
}

void
sinks_change(struct sinks *s, const struct config *before, const struct config *after)
{
	sweep(s);
	config_compare(before, after, note_change, s);
	send_changed(s, after);
	send_added(s, after);
}
