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

#include "claim.h"
#include "clock.h"
#include "err.h"
#include "router.h"

#define PAGE_EVENTS 1000 /* that are looked at in one call */
#define REPLAY_MAX 1000  /* that are replayed by one call */

struct replay {
	const struct sink_conf *conf;
	struct webhook_section *made; /* conf is in it, where the API made the sink */
	struct buf event, chat;       /* empty: all */
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
	webhook_section_free(p->made);
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

/* ---- which sink ---- */

static const struct sink_conf *
find_sink(const struct config *config, struct hsw_str name)
{
	const struct config_section *s = config->sinks;

	while (s != NULL && !str_is(name, s->name))
		s = s->next;
	return s != NULL ? &s->u.sink : NULL;
}

struct id_search {
	struct hsw_str id;
	const struct instance_settings *found;
};

static void
compare_id(void *arg, struct instance_settings *i)
{
	struct id_search *search = arg;

	if (str_is(search->id, i->id))
		search->found = i;
}

static const struct instance_settings *
find_instance(struct settings *settings, struct hsw_str name_or_id)
{
	struct id_search search = { .id = name_or_id };

	if (name_or_id.len == 0)
		return NULL;
	search.found = settings_find(settings, name_or_id);
	if (search.found == NULL)
		settings_each(settings, compare_id, &search);
	return search.found;
}

/* Store thread. The webhook that is named "<instance>/<label>", where the instance may be its id: then the
 * tour goes on with its name. NULL: there is none, or it is not enabled. */
static const struct webhook *
find_webhook(struct tour *t, struct hsw_str *instance)
{
	const struct hsw_str name = t->query.destination;
	const char *slash = name.len > 0 ? memchr(name.s, '/', name.len) : NULL;
	struct buf full = BUF_INIT;

	if (slash == NULL)
		return NULL;
	const struct instance_settings *i = find_instance(
		t->server->settings, (struct hsw_str){ name.s, (size_t)(slash - name.s) });
	const struct webhook *w = i != NULL ? settings_find_webhook(i, slash + 1) : NULL;
	if (w == NULL || !w->enabled)
		return NULL;
	*instance = i->instance->name;
	buf_append(&full, instance->s, instance->len);
	buf_printf(&full, "/%s", w->label);
	buf_append(&full, "", 1);
	if (full.failed) {
		buf_free(&full);
		return NULL;
	}
	buf_free(&t->sink);
	t->sink = full;
	t->query.destination = (struct hsw_str){ full.data, full.len - 1 };
	return w;
}

/* ---- attempts ---- */

/* Only the node that serves a sink knows its attempts. */
static void
point_elsewhere(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;
	struct buf node = BUF_INIT;

	claims_find(store, t->query.destination, &node);
	if (node.len > 0 && !node.failed)
		err_set(&t->error, HSW_ENOENT, "sink: node %.*s serves it: ask there",
			(int)node.len, node.data);
	buf_free(&node);
	tour_go_home(t);
}

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
		if (t->server->claims != NULL) {
			tour_go_to_store(t, point_elsewhere);
			return;
		}
	}
	tour_go_home(t);
}

/* Store thread. */
static void
resolve(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;
	struct hsw_str instance;

	(void)store;
	find_webhook(t, &instance);
	worker_post(&t->server->workers[0], &t->mail);
}

void
control_deliveries(struct worker *w, struct http_request *r)
{
	struct tour *t = tour_new(w, r);

	if (t == NULL)
		return;
	http_query(r, "sink", &t->sink);
	buf_append(&t->sink, "", 1);
	t->query.destination = (struct hsw_str){ t->sink.data,
		t->sink.failed ? 0 : t->sink.len - 1 };
	t->query.limit = control_number(r, "failed") == 0;
	t->mail.run = print_attempts;
	tour_go_to_store(t, resolve);
}

/* ---- replay ---- */

static bool
is_same(const struct buf *wanted, struct hsw_str s)
{
	return wanted->len == 0 || (wanted->len == s.len && memcmp(wanted->data, s.s, s.len) == 0);
}

static bool
is_wanted_part(const struct replay *p, const struct hsw_store_event *e)
{
	if (p->conf->only == ONLY_ALL)
		return true;
	struct hsw_envelope *envelope = envelope_from_row(e, (struct hsw_str){ "", 0 });
	bool is_wanted = envelope != NULL && router_has_part(p->conf, envelope);
	envelope_unref(envelope);
	return is_wanted;
}

static bool
is_wanted(const struct replay *p, const struct hsw_store_event *e)
{
	int type = event_type_of(e->type);

	return e->received_ms >= p->since_ms && e->received_ms <= p->until_ms &&
		is_same(&p->event, e->type) && is_same(&p->chat, e->key) && type >= 0 &&
		(router_types(p->conf->events) & 1u << type) != 0 &&
		router_has_instance(p->conf, e->instance) && is_wanted_part(p, e);
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

/* What the sink wants. A webhook may be changed, or go, between two pieces. */
static int
find_conf(struct tour *t)
{
	struct replay *p = t->replay;
	struct hsw_str instance;

	if (p->conf != NULL)
		return HSW_OK;
	const struct webhook *w = find_webhook(t, &instance);
	if (w == NULL) {
		return err_set(&t->error, HSW_ENOENT,
			"sink: no such [sink] in the configuration, and no such webhook "
			"(instance/label) enabled by the API");
	}
	p->made = webhook_section_new(&t->server->webhook_sink, instance, w, &t->error);
	if (p->made == NULL)
		return HSW_EIO;
	p->conf = &p->made->section.u.sink;
	return HSW_OK;
}

static void
replay_piece(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;
	struct replay *p = t->replay;
	int rc = find_conf(t);

	if (rc == HSW_OK)
		rc = select_events(t, store);
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
	t->replay = replay_new(r, find_sink(t->config, t->query.destination));
	if (t->replay == NULL) {
		http_reply_error(r, 503, "", "Out of memory");
		tour_free(t);
		return;
	}
	tour_go_to_store(t, replay_piece);
}
