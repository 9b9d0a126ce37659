/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_deliveries.c - the last attempts of a sink, and delivering events of the journal once more.
 *
 * A replay is asked for piece by piece, so that the asker decides how fast it goes and may stop: each call
 * reads one page of the log and makes retries of the events that match and are settled. Those that the
 * sink has not settled yet, or that are in retry, come anyway.
 */
#include "control_impl.h"

#include <inttypes.h>
#include <stdlib.h>

#include "clock.h"
#include "err.h"
#include "router.h"

#define PAGE_EVENTS 1000 /* that are looked at in one call */
#define REPLAY_MAX 1000  /* that are replayed by one call */

struct replay {
	const struct sink_conf *conf;
	struct buf event, chat; /* empty: all */
	int64_t since_ms, until_ms;
	int64_t settled; /* the sink's cursor */
	int64_t next;    /* every event up to it was looked at */
	int64_t seqs[REPLAY_MAX];
	size_t n, limit;
	size_t n_read;
	bool is_dry, is_over;
};

static void
replay_free(struct replay *p)
{
	if (p == NULL)
		return;
	buf_free(&p->event);
	buf_free(&p->chat);
	free(p);
}

static struct tour *
tour_of(struct mail *mail)
{
	return (struct tour *)((char *)mail - offsetof(struct tour, mail));
}

/* The destination, where this worker serves it; else the mail goes on to the next, if there is one. */
static struct destination *
find_or_pass_on(struct tour *t, bool *is_passed)
{
	struct destination *d = destination_find(
		&t->server->workers[t->stop].delivery, t->query.destination);

	*is_passed = d == NULL && t->stop + 1 < t->server->n_workers;
	if (*is_passed)
		worker_post(&t->server->workers[++t->stop], &t->mail);
	return d;
}

/* ---- attempts ---- */

static void
print_attempts(struct mail *mail)
{
	struct tour *t = tour_of(mail);
	bool is_passed;
	const struct destination *d = find_or_pass_on(t, &is_passed);

	if (is_passed)
		return;
	if (d != NULL) {
		buf_str(&t->out, "{\"success\":true,\"deliveries\":");
		destination_print_attempts(d, t->query.limit != 0, &t->out);
		buf_str(&t->out, "}");
	} else {
		t->status = 404;
		err_set(&t->error, HSW_ENOENT, "sink: there is none of that name");
	}
	tour_go_home(t);
}

void
control_deliveries(struct worker *w, struct http_request *r)
{
	struct tour *t = tour_new(w, r);

	if (t == NULL)
		return;
	http_query(r, "sink", &t->sink);
	t->query.destination = (struct hsw_str){ t->sink.data, t->sink.len };
	t->query.limit = control_number(r, "failed") == 0;
	t->mail.run = print_attempts;
	worker_post(&w->server->workers[0], &t->mail);
}

/* ---- replay ---- */

static bool
is_same(const struct buf *wanted, struct hsw_str s)
{
	return wanted->len == 0 || (wanted->len == s.len && memcmp(wanted->data, s.s, s.len) == 0);
}

static bool
is_wanted(const struct replay *p, const struct hsw_store_event *e)
{
	int type = event_type_of(e->type);

	return e->received_ms >= p->since_ms && e->received_ms <= p->until_ms &&
		is_same(&p->event, e->type) && is_same(&p->chat, e->key) && type >= 0 &&
		(router_types(p->conf->events) & 1u << type) != 0 &&
		router_has_instance(p->conf, e->instance);
}

static int
look_at(void *arg, const struct hsw_store_event *e)
{
	struct replay *p = ((struct tour *)arg)->replay;

	if (e->seq > p->settled) {
		p->is_over = true;
		return HSW_ECLOSED;
	}
	if (p->n == p->limit)
		return HSW_ELIMIT;
	p->n_read++;
	p->next = e->seq;
	if (is_wanted(p, e))
		p->seqs[p->n++] = e->seq;
	return HSW_OK;
}

static int
take_cursor(void *arg, struct hsw_str destination, int64_t cursor)
{
	struct tour *t = arg;

	if (str_is(destination, t->sink.data))
		t->replay->settled = cursor;
	return HSW_OK;
}

static int
leave_out(void *arg, const struct hsw_store_exception *x)
{
	struct replay *p = ((struct tour *)arg)->replay;
	size_t kept = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (p->seqs[i] != x->seq)
			p->seqs[kept++] = p->seqs[i];
	}
	p->n = kept;
	return p->n > 0 && x->seq < p->seqs[p->n - 1] ? HSW_OK : HSW_ECLOSED;
}

static int
make_retries(struct tour *t, const struct store_port *store)
{
	const struct replay *p = t->replay;
	struct hsw_write *writes = calloc(p->n, sizeof(*writes));
	struct hsw_write **list = calloc(p->n, sizeof(*list));
	int rc = writes != NULL && list != NULL ? HSW_OK : HSW_ENOMEM;

	for (size_t i = 0; rc == HSW_OK && i < p->n; i++) {
		writes[i] = (struct hsw_write){ .kind = HSW_WRITE_RETRY,
			.destination = t->query.destination,
			.seq = p->seqs[i],
			.due_ms = clock_wall_ms(),
			.text = str_of(REPLAY_TEXT) };
		list[i] = &writes[i];
	}
	if (rc == HSW_OK)
		rc = store->ops->commit(store->self, list, p->n, &t->error);
	free(writes);
	free(list);
	return rc;
}

static void
finish_piece(struct tour *t, size_t retrying)
{
	struct replay *p = t->replay;

	buf_printf(&t->out,
		"{\"success\":true,\"matched\":%zu,\"next\":%" PRId64
		",\"more\":%s,\"retrying\":%zu}",
		p->n, p->next, p->is_over ? "false" : "true", retrying);
	t->replay = NULL;
	replay_free(p);
	tour_go_home(t);
}

static void
take_up(struct mail *mail)
{
	struct tour *t = tour_of(mail);
	bool is_passed;
	struct destination *d = find_or_pass_on(t, &is_passed);

	if (is_passed)
		return;
	if (d != NULL)
		destination_retry(d, t->replay->seqs, t->replay->n, true);
	finish_piece(t, d != NULL ? destination_retrying(d) : 0);
}

static int
select_events(struct tour *t, const struct store_port *store)
{
	struct replay *p = t->replay;
	int rc = store->ops->cursors(store->self, take_cursor, t, &t->error);

	if (rc == HSW_OK)
		rc = store->ops->read(
			store->self, p->next, PAGE_EVENTS, PAGE_BYTES, look_at, t, &t->error);
	if (p->n_read == 0)
		p->is_over = true;
	if (rc == HSW_OK && p->n > 0)
		rc = store->ops->retries(store->self, t->query.destination, p->seqs[0] - 1,
			SIZE_MAX, leave_out, t, &t->error);
	return rc;
}

static void
replay_piece(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;
	struct replay *p = t->replay;
	int rc = select_events(t, store);

	if (rc == HSW_OK && p->n > 0 && !p->is_dry)
		rc = make_retries(t, store);
	if (rc != HSW_OK) {
		t->replay = NULL;
		replay_free(p);
		tour_fail(t, rc);
		return;
	}
	if (p->is_dry) {
		finish_piece(t, 0);
		return;
	}
	t->mail.run = take_up;
	worker_post(&t->server->workers[0], &t->mail);
}

static const struct sink_conf *
find_sink(const struct config *config, struct hsw_str name)
{
	const struct config_section *s = config->sinks;

	while (s != NULL && !str_is(name, s->name))
		s = s->next;
	return s != NULL ? &s->u.sink : NULL;
}

static struct replay *
replay_new(const struct http_request *r, const struct sink_conf *conf)
{
	struct replay *p = calloc(1, sizeof(*p));
	size_t limit = (size_t)control_number(r, "limit");

	if (p == NULL)
		return NULL;
	p->conf = conf;
	p->since_ms = control_number(r, "since");
	p->until_ms = control_number(r, "until");
	if (p->until_ms == 0)
		p->until_ms = clock_wall_ms();
	p->next = control_number(r, "after");
	p->is_dry = control_number(r, "dry") != 0;
	p->limit = limit > 0 && limit < REPLAY_MAX ? limit : REPLAY_MAX;
	http_query(r, "event", &p->event);
	http_query(r, "chat", &p->chat);
	return p;
}

void
control_replay(struct worker *w, struct http_request *r)
{
	struct tour *t = tour_new(w, r);

	if (t == NULL)
		return;
	if (http_query(r, "sink", &t->sink))
		t->query.destination = (struct hsw_str){ t->sink.data, t->sink.len };
	buf_append(&t->sink, "", 1);
	t->query.destination.s = t->sink.data;
	t->config = config_ref(w->config);
	const struct sink_conf *conf = find_sink(t->config, t->query.destination);
	if (conf != NULL)
		t->replay = replay_new(r, conf);
	if (t->replay == NULL) {
		if (conf == NULL)
			http_reply_error(r, 404, "", "sink: no such [sink] in the configuration");
		else
			http_reply_error(r, 503, "", "Out of memory");
		tour_free(t);
		return;
	}
	tour_go_to_store(t, replay_piece);
}
