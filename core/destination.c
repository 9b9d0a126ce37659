/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destination.c - see destination.h: opening and closing, one and all of a worker. What goes in is
 * destination_intake.c's, attempts are delivery.c's.
 */
#include "destination_impl.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "err.h"
#include "host.h"
#include "notice.h"
#include "router.h"

#define BATCHES 2    /* one is gathered while another one is under way */
#define AUTO_TIMES 4 /* of the plugin's own number are the most for concurrency = auto */

static void
make_metrics(struct destination *d)
{
	struct metric_label labels[] = { { "sink", str_of(d->name) }, { "result", { 0 } } };

	labels[1].value = str_of("delivered");
	d->delivered = metric_get("hookswitch_deliveries_total", labels, 2);
	labels[1].value = str_of("failed");
	d->retried = metric_get("hookswitch_deliveries_total", labels, 2);
	labels[1].value = str_of("dead");
	d->died = metric_get("hookswitch_deliveries_total", labels, 2);
	d->lag = metric_get("hookswitch_sink_lag_events", labels, 1);
	d->waiting = metric_get("hookswitch_sink_retrying_events", labels, 1);
	d->circuit = metric_get("hookswitch_sink_circuit", labels, 1);
	d->opened = metric_get("hookswitch_sink_circuit_opened_total", labels, 1);
	d->disabled = metric_get("hookswitch_sink_disabled_total", labels, 1);
	d->allowed = metric_get("hookswitch_sink_concurrency", labels, 1);
	d->skipped = metric_get("hookswitch_sink_skipped_total", labels, 1);
}

static bool
make_events(struct destination *d, struct event_base *base)
{
	d->pump = event_new(base, -1, 0, delivery_on_pump, d);
	d->wake = evtimer_new(base, delivery_on_pump, d);
	d->deadline = evtimer_new(base, delivery_on_deadline, d);
	return d->pump != NULL && d->wake != NULL && d->deadline != NULL;
}

void
destination_free(struct destination *d)
{
	if (d == NULL)
		return;
	if (d->pump != NULL)
		event_free(d->pump);
	if (d->wake != NULL)
		event_free(d->wake);
	if (d->deadline != NULL)
		event_free(d->deadline);
	host_handle_free(d->handle);
	config_unref(d->config);
	retry_free(&d->retries);
	lanes_free(&d->lanes);
	destination_free_attempts(d);
	free(d->excepted);
	free(d->page);
	webhook_section_free(d->owned);
	free(d->name);
	free(d);
}

static size_t
choose_concurrency(const struct destination *d)
{
	const struct sink_conf *c = d->conf;

	if (c->ordering == ORDERING_STRICT)
		return 1;
	size_t batches = BATCHES * config_gathers(d->section);
	size_t usual = c->is_concurrency_auto ? AUTO_TIMES * (size_t)d->ops->concurrency
					      : (size_t)d->ops->concurrency;
	if (c->concurrency > 0)
		return (size_t)c->concurrency;
	return batches > usual ? batches : usual;
}

void
destination_adopt(struct destination *d, const struct config_section *s)
{
	d->section = s;
	d->conf = &s->u.sink;
	d->types = router_types(d->conf->events);
	d->parts = router_parts(s);
	d->concurrency = choose_concurrency(d);
	pace_configure(&d->pace, config_gathers(s), d->concurrency, d->conf->is_concurrency_auto,
		d->conf->rate_interval_us);
}

struct destination *
destination_new(struct delivery_thread *t, const struct config_section *s)
{
	struct destination *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->thread = t;
	d->ops = &s->plugin->ops.sink;
	if (s->config != NULL)
		d->config = config_ref(s->config);
	destination_adopt(d, s);
	TAILQ_INIT(&d->unsettled);
	TAILQ_INIT(&d->ready);
	TAILQ_INIT(&d->retries_ready);
	TAILQ_INIT(&d->flying);
	TAILQ_INIT(&d->unsaved);
	d->name = strdup(s->name);
	d->page = calloc(1, sizeof(*d->page));
	if (d->page != NULL) {
		d->page->arg = d;
		d->page->done = destination_on_page;
	}
	if (d->name != NULL && d->page != NULL && make_events(d, t->base)) {
		make_metrics(d);
		return d;
	}
	destination_free(d);
	return NULL;
}

void
destination_link(struct destination *d)
{
	d->next = d->thread->first;
	d->thread->first = d;
	circuit_begin(d);
	delivery_pump_soon(d);
}

int
destination_open_sink(struct destination *d, struct hsw_error *err)
{
	const struct config_section *s = d->section;
	const struct host_thread thread = { d->thread->base, d->thread->box };
	struct hsw_error why = { "out of memory" };
	char who[CONFIG_NAME_MAX + 8];

	snprintf(who, sizeof(who), "sink %s", s->name);
	d->handle = host_handle_new(who, &thread);
	int rc = d->handle != NULL
		? d->ops->open(host_functions(), d->handle, s->conf, &d->self, &why)
		: HSW_ENOMEM;
	if (rc == HSW_OK)
		return HSW_OK;
	host_handle_free(d->handle);
	d->handle = NULL;
	return err_set(err, rc, "%s:%d: [sink %s]: %s", s->file, s->line, s->name, why.text);
}

void
destination_close_sink(struct destination *d)
{
	if (d->handle == NULL)
		return;
	d->ops->close(d->self);
	host_handle_free(d->handle);
	d->handle = NULL;
}

int
destination_open(struct delivery_thread *t, const struct config_section *s, struct hsw_error *err)
{
	struct hsw_error why = { "out of memory" };
	struct destination *d = destination_new(t, s);

	if (d == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	int rc = destination_attach(d, &why);
	if (rc != HSW_OK)
		err_set(err, rc, "%s:%d: [sink %s]: %s", s->file, s->line, s->name, why.text);
	else
		rc = destination_open_sink(d, err);
	if (rc != HSW_OK) {
		destination_free(d);
		return rc;
	}
	destination_link(d);
	return HSW_OK;
}

int
delivery_thread_init(struct delivery_thread *t, struct event_base *base, struct mailbox *box,
	struct journal *journal, unsigned port)
{
	*t = (struct delivery_thread){
		.base = base,
		.box = box,
		.journal = journal,
		.port = port,
		.tail_seq = journal_last_seq(journal),
		.random = (uint64_t)clock_wall_ms() * 2654435761u + port + 1,
	};
	TAILQ_INIT(&t->unsaved_attempts);
	t->tick = evtimer_new(base, destinations_on_tick, t);
	t->save_attempts = evtimer_new(base, destinations_on_save_attempts, t);
	return t->tick != NULL && t->save_attempts != NULL ? HSW_OK : HSW_ENOMEM;
}

void
delivery_thread_fini(struct delivery_thread *t)
{
	if (t->tick != NULL)
		event_free(t->tick);
	if (t->save_attempts != NULL)
		event_free(t->save_attempts);
	if (t->watch != NULL)
		event_free(t->watch);
	t->watch = t->tick = t->save_attempts = NULL;
}

void
destinations_reopen(struct delivery_thread *t)
{
	for (struct destination *d = t->first; d != NULL; d = d->next) {
		if (d->ops->reopen != NULL)
			d->ops->reopen(d->self);
	}
}

void
destination_drain(struct destination *d, int64_t until_ms)
{
	if (d->is_draining)
		return;
	d->is_draining = true;
	d->is_ended = false;
	d->leave_by_ms = until_ms;
	delivery_pump_soon(d);
}

void
destinations_drain(struct delivery_thread *t, int64_t until_ms)
{
	for (struct destination *d = t->first; d != NULL; d = d->next)
		destination_drain(d, until_ms);
	t->is_draining = true;
}

void
destinations_cancel(struct delivery_thread *t)
{
	for (struct destination *d = t->first; d != NULL; d = d->next)
		delivery_cancel_all(d);
	destination_swaps_cancel(t);
}

/* The last cursor, and attempts, are written when nothing else is on its way. */
bool
destination_is_idle(struct destination *d)
{
	if (delivery_has_gap(d, clock_mono_ms()))
		delivery_pump_soon(d);
	if (d->will_pump || d->n_flying > 0 || d->n_saving > 0 || d->is_reading || d->skip != NULL)
		return false;
	if (!d->has_cursor_failed)
		destination_write_cursor(d);
	if (!d->has_attempts_failed)
		destination_save_attempts(d);
	return !d->is_writing_cursor && !d->is_saving_attempts;
}

bool
destinations_are_idle(const struct delivery_thread *t)
{
	bool all = t->leaving == NULL && !t->is_recalling && t->n_opening == 0;

	for (struct destination *d = t->first; d != NULL; d = d->next)
		all &= destination_is_idle(d);
	return destination_swaps_are_idle(t) && all;
}

static void
close_list(struct destination **list)
{
	while (*list != NULL) {
		struct destination *d = *list;
		*list = d->next;
		destination_close_sink(d);
		delivery_free_all(d);
		destination_free(d);
	}
}

void
destinations_close(struct delivery_thread *t)
{
	close_list(&t->first);
	close_list(&t->leaving);
	destination_swaps_close(t);
	destinations_close_api(t);
	notices_close(t->notices);
	t->notices = NULL;
}

struct destination *
destination_find(struct delivery_thread *t, struct hsw_str name)
{
	struct destination *d = t->first;

	while (d != NULL && !str_is(name, d->name))
		d = d->next;
	return d;
}

struct destination *
destination_next(const struct destination *d)
{
	return d->next;
}
