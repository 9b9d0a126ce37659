/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exceptions.c - retries and dead letters: listing and counting.
 *
 * They are read in pages, which are in memory while their events are looked up: a scan has no other one inside.
 */
#include "map.h"

#include <string.h>

#define PAGE_ROWS 64

/* ---- rows ---- */

void
kv_delete_exception(struct kv_list *l, enum kv_table table, struct hsw_str destination, int64_t seq)
{
	const struct kv_key named = {
		.table = KV_NAMED, .who = destination, .seq = seq, .by = table
	};

	kv_list_delete(l, &named);
	kv_list_delete(l, &(struct kv_key){ .table = table, .who = destination, .seq = seq });
}

struct kv_bytes *
kv_put_exception(struct kv_list *l, enum kv_table table, struct hsw_str destination, int64_t seq)
{
	const struct kv_key named = {
		.table = KV_NAMED, .who = destination, .seq = seq, .by = table
	};

	kv_add_named(kv_list_put(l, &named));
	return kv_list_put(l, &(struct kv_key){ .table = table, .who = destination, .seq = seq });
}

/* ---- listing ---- */

struct listing {
	struct kv_store *store;
	const struct hsw_dead_query *q;
	size_t left; /* of q->limit */
	bool without_event, has_ended;
	hsw_exception_fn *fn;
	void *arg;
	struct kv_list page;
	struct kv_key next; /* where the next page begins; its `who` is in strings */
	struct kv_strings strings;
};

static int
take_row(void *arg, const struct kv_key *key, struct hsw_str value, struct hsw_error *err)
{
	struct listing *l = arg;

	if (key->seq <= l->q->after)
		return HSW_OK;
	struct kv_bytes *bytes = kv_list_put(&l->page, key);
	kv_add_raw(bytes, value.s, value.len);
	if (bytes->rc != HSW_OK)
		return kv_error(err, bytes->rc, "out of memory");
	return l->page.n < PAGE_ROWS ? HSW_OK : KV_STOP;
}

/* An exception, to which its event is looked up. */
struct shown {
	struct listing *listing;
	struct hsw_store_exception *exception;
};

static void
tell(struct listing *l, const struct hsw_store_exception *x)
{
	l->left--;
	l->has_ended = l->fn(l->arg, x) != HSW_OK || l->left == 0;
}

static int
tell_with_event(void *arg, const struct kv_key *key, struct hsw_str value, struct hsw_error *err)
{
	const struct shown *shown = arg;
	const struct hsw_dead_query *q = shown->listing->q;
	struct hsw_store_event e = { .seq = key->seq };

	if (!kv_read_event(value, &e))
		return kv_damaged(err, key);
	if (q->id.len > 0 && !kv_is_same(q->id, (struct hsw_str){ (char *)e.id, sizeof(e.id) }))
		return HSW_OK;
	if (!q->with_body)
		e.body.len = 0;
	shown->exception->event = &e;
	tell(shown->listing, shown->exception);
	return HSW_OK;
}

static int
show_row(struct listing *l, size_t i, struct hsw_error *err)
{
	struct hsw_store_exception x = { .seq = 0 };
	struct shown shown = { l, &x };

	if (!kv_read_key(kv_list_key(&l->page, i), &l->next, &l->strings) ||
		!kv_read_exception(kv_list_value(&l->page, i), &x))
		return kv_damaged(err, &l->next);
	x.seq = l->next.seq;
	x.destination = l->next.who;
	if (l->without_event && l->q->id.len == 0) {
		tell(l, &x);
		return HSW_OK;
	}
	return kv_get(l->store, &(struct kv_key){ .table = KV_EVENT, .seq = x.seq },
		tell_with_event, &shown, err);
}

/* The next page; its end is where the next one begins. */
static int
show_page(struct listing *l, struct hsw_error *err)
{
	kv_list_clear(&l->page);
	int rc = kv_scan(l->store, &l->next, l->q->destination.len > 0, take_row, l, err);

	for (size_t i = 0; i < l->page.n && rc == HSW_OK && !l->has_ended; i++)
		rc = show_row(l, i, err);
	if (l->page.n < PAGE_ROWS || l->next.seq == INT64_MAX)
		l->has_ended = true;
	else
		l->next.seq++;
	return rc;
}

int
kv_exceptions(struct kv_store *s, enum kv_table table, const struct hsw_dead_query *q,
	bool without_event, hsw_exception_fn *fn, void *arg, struct hsw_error *err)
{
	struct listing l = { .store = s,
		.q = q,
		.left = q->limit != 0 ? q->limit : SIZE_MAX,
		.without_event = without_event,
		.fn = fn,
		.arg = arg,
		.next = { .table = table, .who = q->destination, .seq = INT64_MIN } };
	int rc = HSW_OK;

	if (q->after == INT64_MAX)
		return HSW_OK;
	if (q->destination.len > 0)
		l.next.seq = q->after + 1;
	while (rc == HSW_OK && !l.has_ended)
		rc = show_page(&l, err);
	kv_list_free(&l.page);
	return rc;
}

int
hsw_kv_retries(void *self, struct hsw_str destination, int64_t after, size_t limit,
	hsw_exception_fn *fn, void *arg, struct hsw_error *err)
{
	const struct hsw_dead_query q = {
		.destination = destination, .after = after, .limit = limit
	};

	if (limit == 0 || destination.len == 0)
		return HSW_OK;
	return kv_exceptions(self, KV_RETRY, &q, false, fn, arg, err);
}

int
hsw_kv_dead(void *self, const struct hsw_dead_query *q, hsw_exception_fn *fn, void *arg,
	struct hsw_error *err)
{
	return kv_exceptions(self, KV_DEAD, q, false, fn, arg, err);
}

/* ---- counting ---- */

struct counting {
	struct kv_strings who;
	int64_t n;
	hsw_count_fn *fn;
	void *arg;
};

static int
tell_count(struct counting *c)
{
	if (c->n == 0)
		return HSW_OK;
	return c->fn(c->arg, (struct hsw_str){ c->who.s, c->who.len }, c->n);
}

static int
count_row(void *arg, const struct kv_key *key, struct hsw_str value, struct hsw_error *err)
{
	struct counting *c = arg;

	(void)value;
	(void)err;
	if (!kv_is_same(key->who, (struct hsw_str){ c->who.s, c->who.len })) {
		int rc = tell_count(c);
		c->n = 0;
		if (rc != HSW_OK)
			return KV_STOP;
		memcpy(c->who.s, key->who.s, key->who.len);
		c->who.len = key->who.len;
	}
	c->n++;
	return HSW_OK;
}

int
hsw_kv_dead_counts(void *self, hsw_count_fn *fn, void *arg, struct hsw_error *err)
{
	struct counting c = { .n = 0, .fn = fn, .arg = arg };
	const struct kv_key from = { .table = KV_DEAD, .seq = INT64_MIN };
	int rc = kv_scan(self, &from, false, count_row, &c, err);

	if (rc == HSW_OK)
		tell_count(&c);
	return rc;
}
