/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_deliveries.c - the last attempts of a sink, enabling it again, and delivering events of the journal
 * once more.
 *
 * A replay is asked for piece by piece, so that the asker decides how fast it goes and may stop: each call
 * reads one page of the log and makes retries of the events that match and are settled. Those that the
 * sink has not settled yet, or that are in retry, come anyway.
 */
#include "control_impl.h"

#include <inttypes.h>
#include <stdlib.h>

#include "clock.h"

/* ---- attempts ---- */

static void
print_attempts(struct mail *mail)
{
	struct tour *t = tour_of(mail);
	const struct destination *d = control_need_destination(t);

	if (d == NULL)
		return;
	buf_str(&t->out, "{\"success\":true,\"deliveries\":");
	destination_print_attempts(d, t->query.limit != 0, &t->out);
	buf_str(&t->out, "}");
	tour_go_home(t);
}

void
control_resolve(struct tour *t)
{
	struct hsw_str instance;

	control_find_webhook(t, &instance);
}

static void
resolve(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;

	(void)store;
	control_resolve(t);
	worker_post(&t->server->workers[0], &t->mail);
}

struct tour *
control_tour_of_sink(struct worker *w, struct http_request *r)
{
	struct tour *t = tour_new(w, r, "");

	if (t == NULL)
		return NULL;
	http_query_form(r, "sink", &t->sink);
	buf_append(&t->sink, "", 1);
	t->query.destination = (struct hsw_str){ t->sink.data,
		t->sink.failed ? 0 : t->sink.len - 1 };
	t->config = config_ref(w->config);
	return t;
}

static void
ask_sink(struct worker *w, struct http_request *r, void (*fn)(struct mail *))
{
	struct tour *t = control_tour_of_sink(w, r);

	if (t == NULL)
		return;
	t->query.limit = control_number(r, "failed") == 0;
	t->mail.run = fn;
	tour_go_to_store(t, resolve);
}

void
control_deliveries(struct worker *w, struct http_request *r)
{
	ask_sink(w, r, print_attempts);
}

/* ---- a disabled sink ---- */

static void
enable(struct mail *mail)
{
	struct tour *t = tour_of(mail);
	struct destination *d = control_need_destination(t);

	if (d == NULL)
		return;
	bool was_disabled;
	if (destination_enable(d, &was_disabled, &t->error) != HSW_OK)
		t->status = 409;
	buf_printf(&t->out, "{\"success\":true,\"enabled\":%d}", was_disabled);
	tour_go_home(t);
}

void
control_enable(struct worker *w, struct http_request *r)
{
	ask_sink(w, r, enable);
}

/* ---- replay ---- */

static void
finish_piece(struct tour *t, size_t retrying)
{
	const struct replay *p = t->replay;

	buf_printf(&t->out,
		"{\"success\":true,\"matched\":%zu,\"next\":%" PRId64 ",\"settled\":%" PRId64
		",\"more\":%s,\"retrying\":%zu,\"isInstanceKnown\":%s,\"seqs\":[",
		p->n, p->next, p->settled, p->is_over ? "false" : "true", retrying,
		p->is_instance_known ? "true" : "false");
	for (size_t i = 0; i < p->n && !t->is_dry; i++)
		buf_printf(&t->out, "%s%" PRId64, i > 0 ? "," : "", p->seqs[i]);
	buf_str(&t->out, "]}");
	tour_go_home(t);
}

static void
take_up(struct mail *mail)
{
	struct tour *t = tour_of(mail);
	bool is_passed;
	struct destination *d = control_find_destination(t, &is_passed);

	if (is_passed)
		return;
	if (d != NULL)
		destination_retry(d, t->replay->seqs, t->replay->n, true);
	finish_piece(t, d != NULL ? destination_retrying(d) : 0);
}

static void
replay_piece(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;
	struct replay *p = t->replay;
	int rc = control_find_conf(t, &p->conf, &p->made);

	p->is_instance_known = p->instance.len == 0 ||
		settings_find(t->server->settings,
			(struct hsw_str){ p->instance.data, p->instance.len }) != NULL;
	if (rc == HSW_OK)
		rc = replay_select(p, store, t->query.destination, &t->error);
	if (rc == HSW_OK && !t->is_dry)
		rc = replay_commit(p, store, t->query.destination, &t->error);
	if (rc != HSW_OK)
		tour_fail(t, rc);
	else if (t->is_dry)
		finish_piece(t, 0);
	else
		tour_go_to_worker(t, 0, take_up);
}

static struct replay *
replay_new(const struct http_request *r)
{
	struct replay *p = calloc(1, sizeof(*p));
	size_t limit = (size_t)control_number(r, "limit");

	if (p == NULL)
		return NULL;
	p->since_ms = control_number(r, "since");
	p->until_ms = control_number(r, "until");
	if (p->until_ms == 0)
		p->until_ms = clock_wall_ms();
	p->next = control_number(r, "after");
	p->limit = limit > 0 && limit < REPLAY_MAX ? limit : REPLAY_MAX;
	http_query_form(r, "event", &p->event);
	http_query_form(r, "instance", &p->instance);
	http_query_form(r, "chat", &p->chat);
	return p;
}

void
control_replay(struct worker *w, struct http_request *r)
{
	struct tour *t = control_tour_of_sink(w, r);

	if (t == NULL)
		return;
	t->is_dry = control_number(r, "dry") != 0;
	t->replay = replay_new(r);
	if (t->replay == NULL) {
		http_reply_error(r, 503, "", "Out of memory");
		tour_free(t);
		return;
	}
	tour_go_to_store(t, replay_piece);
}
