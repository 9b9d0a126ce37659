/* SPDX-License-Identifier: Apache-2.0 */
/* redeliver.c - see redeliver.h. */
#include "redeliver.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "destination.h"
#include "err.h"
#include "log.h"
#include "retry.h"
#include "router.h"

#define PAGE_EVENTS 1000 /* that are looked at in one call */

int
seq_list_add(struct seq_list *list, int64_t seq)
{
	if (list->n == list->cap) {
		size_t cap = list->cap != 0 ? 2 * list->cap : 64;
		int64_t *grown = realloc(list->seqs, cap * sizeof(grown[0]));
		if (grown == NULL)
			return HSW_ENOMEM;
		list->seqs = grown;
		list->cap = cap;
	}
	list->seqs[list->n++] = seq;
	return HSW_OK;
}

/* In one transaction; n is at most REPLAY_MAX. */
static int
write_retries(const struct store_port *store, struct hsw_str destination, const int64_t *seqs,
	size_t n, struct hsw_error *err)
{
	struct hsw_write *writes = calloc(n, sizeof(*writes));

	if (writes == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		writes[i] = (struct hsw_write){ .kind = HSW_WRITE_RETRY,
			.destination = destination,
			.seq = seqs[i],
			.due_ms = clock_wall_ms(),
			.text = str_of(REPLAY_TEXT) };
	}
	int rc = store_commit(store, writes, n, err);
	free(writes);
	return rc;
}

/* ---- dead letters ---- */

void
dead_print(const struct hsw_store_exception *x, bool with_body, struct buf *out)
{
	char when[CLOCK_TEXT_SIZE];

	clock_text(x->at_ms, when);
	buf_str(out, "\"id\":\"evt_");
	buf_hex(out, x->event->id, sizeof(x->event->id));
	buf_printf(out, "\",\"seq\":%" PRId64 ",\"event\":", x->seq);
	buf_json(out, x->event->type);
	buf_str(out, ",\"instance\":");
	buf_json(out, x->event->instance);
	buf_printf(out, ",\"attempts\":%d,\"status\":%d,\"diedAt\":\"%s\",\"error\":", x->attempts,
		x->status, when);
	buf_json(out, x->text);
	if (with_body) {
		buf_str(out, ",\"envelope\":");
		buf_append(out, x->event->body.s, x->event->body.len);
	}
}

static int
collect_seq(void *arg, const struct hsw_store_exception *x)
{
	/* Out of memory: the rest is found due at the next start. */
	return seq_list_add(arg, x->seq);
}

int
dead_replay(const struct store_port *store, const struct hsw_dead_query *q, struct seq_list *list,
	struct hsw_error *err)
{
	size_t before = list->n, n = 0;
	int rc = store->ops->dead(store->self, q, collect_seq, list, err);

	if (rc == HSW_OK && list->n > before)
		rc = store->ops->dead_replay(store->self, q, clock_wall_ms(), &n, err);
	if (rc != HSW_OK)
		list->n = before;
	return rc;
}

/* ---- settled events ---- */

void
replay_free(struct replay *p)
{
	if (p == NULL)
		return;
	buf_free(&p->event);
	buf_free(&p->instance);
	buf_free(&p->chat);
	webhook_section_free(p->made);
	free(p);
}

static bool
is_same(const struct buf *wanted, struct hsw_str s)
{
	return wanted->len == 0 || (wanted->len == s.len && memcmp(wanted->data, s.s, s.len) == 0);
}

static bool
is_wanted_part(const struct sink_conf *conf, const struct hsw_store_event *e)
{
	if (conf->only == ONLY_ALL)
		return true;
	struct hsw_envelope *envelope = envelope_from_row(e, (struct hsw_str){ "", 0 });
	bool is_wanted = envelope != NULL && router_has_part(conf, envelope);
	envelope_unref(envelope);
	return is_wanted;
}

bool
redeliver_is_wanted(const struct sink_conf *conf, const struct hsw_store_event *e)
{
	int type = event_type_or_raw(e->type);

	return type >= 0 && (router_types(conf->events) & 1u << type) != 0 &&
		router_has_instance(conf, e->instance) && is_wanted_part(conf, e);
}

/* raw: of any name. */
static bool
is_type(const struct buf *wanted, struct hsw_str type)
{
	return is_same(wanted, type) ||
		(str_is(str_of_buf(wanted), "raw") && event_type_or_raw(type) == TYPE_RAW);
}

static bool
is_wanted(const struct replay *p, const struct hsw_store_event *e)
{
	return e->received_ms >= p->since_ms && e->received_ms <= p->until_ms &&
		is_type(&p->event, e->type) && is_same(&p->instance, e->instance) &&
		is_same(&p->chat, e->key) && redeliver_is_wanted(p->conf, e);
}

static int
look_at(void *arg, const struct hsw_store_event *e)
{
	struct replay *p = arg;

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

struct cursor_search {
	struct hsw_str destination;
	int64_t *cursor;
};

static int
take_cursor(void *arg, struct hsw_str destination, int64_t cursor)
{
	const struct cursor_search *search = arg;

	if (!str_equal(destination, search->destination))
		return HSW_OK;
	*search->cursor = cursor;
	return HSW_ECLOSED;
}

static int
leave_out(void *arg, const struct hsw_store_exception *x)
{
	struct replay *p = arg;
	size_t kept = 0;

	for (size_t i = 0; i < p->n; i++) {
		if (p->seqs[i] != x->seq)
			p->seqs[kept++] = p->seqs[i];
	}
	p->n = kept;
	return p->n > 0 && x->seq < p->seqs[p->n - 1] ? HSW_OK : HSW_ECLOSED;
}

int
replay_select(struct replay *p, const struct store_port *store, struct hsw_str destination,
	struct hsw_error *err)
{
	struct cursor_search search = { destination, &p->settled };
	int rc = store->ops->cursors(store->self, take_cursor, &search, err);

	p->n_read = 0;
	if (rc == HSW_OK)
		rc = store->ops->read(
			store->self, p->next, PAGE_EVENTS, PAGE_BYTES, look_at, p, err);
	if (p->n_read == 0 && p->n < p->limit)
		p->is_over = true;
	if (rc == HSW_OK && p->n > 0)
		rc = store->ops->retries(
			store->self, destination, p->seqs[0] - 1, SIZE_MAX, leave_out, p, err);
	return rc;
}

/* ---- dead letters among them ---- */

struct dead_letter {
	int64_t seq;
	unsigned char id[HSW_EVENT_ID_BYTES];
	bool follows; /* in the list of its destination, on the one before it here */
};

struct dead_search {
	const struct replay *replay;
	struct dead_letter *found;
	size_t n;
	int64_t after;    /* every dead letter up to it was looked at */
	bool is_replayed; /* that one is among those that are replayed */
};

/* There are no more of them than seqs. */
static int
note_dead(void *arg, const struct hsw_store_exception *x)
{
	struct dead_search *d = arg;
	const struct replay *p = d->replay;

	if (x->seq > p->seqs[p->n - 1])
		return HSW_ECLOSED;
	bool follows = d->is_replayed;
	d->after = x->seq;
	d->is_replayed = retry_is_among(x->seq, p->seqs, p->n);
	if (d->is_replayed) {
		struct dead_letter *letter = &d->found[d->n++];
		letter->seq = x->seq;
		letter->follows = follows;
		memcpy(letter->id, x->event->id, sizeof(letter->id));
	}
	return HSW_OK;
}

static int
find_dead(struct dead_search *d, const struct store_port *store, struct hsw_dead_query q,
	struct hsw_error *err)
{
	int rc;

	q.limit = PAGE_EVENTS;
	d->after = d->replay->seqs[0] - 1;
	do {
		q.after = d->after;
		rc = store->ops->dead(store->self, &q, note_dead, d, err);
	} while (rc == HSW_OK && d->after > q.after);
	return rc;
}

/* Those that follow each other go at once, but where other daemons write, too: there one that is no part of this may
 * have come between them. */
static int
purge_found(const struct dead_search *d, const struct store_port *store, struct hsw_dead_query q,
	struct hsw_error *err)
{
	const bool is_shared = store->ops->join != NULL;
	int rc = HSW_OK;

	for (size_t i = 0; rc == HSW_OK && i < d->n; i += q.limit) {
		size_t n = 1, purged;
		while (!is_shared && i + n < d->n && d->found[i + n].follows)
			n++;
		const struct hsw_str id = { (const char *)d->found[i].id, HSW_EVENT_ID_BYTES };
		q.id = n == 1 ? id : (struct hsw_str){ NULL, 0 };
		q.after = d->found[i].seq - 1;
		q.limit = n;
		rc = store->ops->dead_purge(store->self, &q, &purged, err);
	}
	return rc;
}

/* They are retries by now. Where this fails they are both, and a later replay of the dead letters brings them once
 * more. */
static void
purge_replayed(const struct replay *p, const struct store_port *store, struct hsw_str destination)
{
	const struct hsw_dead_query q = { .destination = destination };
	struct dead_search d = { .replay = p, .found = calloc(p->n, sizeof(d.found[0])) };
	struct hsw_error err = { "out of memory" };
	int rc = HSW_ENOMEM;

	if (d.found != NULL)
		rc = find_dead(&d, store, q, &err);
	if (rc == HSW_OK)
		rc = purge_found(&d, store, q, &err);
	if (rc != HSW_OK)
		log_warn("store", "dead letters that are replayed stay destination=%.*s: %s",
			(int)destination.len, destination.s, err.text);
	free(d.found);
}

int
replay_commit(const struct replay *p, const struct store_port *store, struct hsw_str destination,
	struct hsw_error *err)
{
	if (p->n == 0)
		return HSW_OK;
	int rc = write_retries(store, destination, p->seqs, p->n, err);
	if (rc == HSW_OK)
		purge_replayed(p, store, destination);
	return rc;
}
