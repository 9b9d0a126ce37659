/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prune.c - deletes old events that nothing names, and tells the oldest one.
 *
 *	seq:  1 ........ pruned_upto ..... d ..... x ..... d ..... end ........ last_seq
 *	      only what exceptions name    |  deleted   named      |  too new
 *
 * Up to pruned_upto nothing is left to delete, so that what is kept is not looked at again and again; it goes back
 * when an exception below it ends, and is not stored. There is no index of times: they grow with seq, but for a
 * clock that was set, so the end is looked for by bisection, which passes over events of the future once enough old
 * ones are behind them.
 */
#include "map.h"

#define NAMED_AT_ONCE 512

void
kv_look_again(struct kv_store *s, int64_t seq)
{
	if (seq <= s->pruned_upto)
		s->pruned_upto = seq > 0 ? seq - 1 : 0;
}

/* ---- events that nothing names ---- */

/* The seqs of a stretch of the log that are named, each once. */
struct named {
	int64_t seqs[NAMED_AT_ONCE];
	size_t n;
	int64_t upto; /* all of them are here up to this one */
};

static int
take_named(void *arg, const struct kv_key *key, struct hsw_str value, struct hsw_error *err)
{
	struct named *named = arg;

	(void)value;
	(void)err;
	if (key->seq > named->upto)
		return KV_STOP;
	if (named->n > 0 && named->seqs[named->n - 1] == key->seq)
		return HSW_OK;
	if (named->n == NAMED_AT_ONCE) {
		named->upto = named->seqs[named->n - 1];
		return KV_STOP;
	}
	named->seqs[named->n++] = key->seq;
	return HSW_OK;
}

/* Looks at an event that nothing names: HSW_OK, or KV_STOP. */
typedef int free_fn(void *arg, int64_t seq, int64_t received_ms);

struct stretch {
	struct named named;
	size_t at; /* in named */
	free_fn *fn;
	void *arg;
	int64_t looked; /* the last event that was looked at */
	bool has_ended; /* fn wanted no more */
};

static int
look_at(void *arg, const struct kv_key *key, struct hsw_str value, struct hsw_error *err)
{
	struct stretch *stretch = arg;
	const struct named *named = &stretch->named;
	struct hsw_store_event e;

	if (key->seq > named->upto)
		return KV_STOP;
	while (stretch->at < named->n && named->seqs[stretch->at] < key->seq)
		stretch->at++;
	if (stretch->at < named->n && named->seqs[stretch->at] == key->seq)
		return HSW_OK;
	if (!kv_read_event(value, &e))
		return kv_damaged(err, key);
	stretch->looked = key->seq;
	stretch->has_ended = stretch->fn(stretch->arg, key->seq, e.received_ms) != HSW_OK;
	return stretch->has_ended ? KV_STOP : HSW_OK;
}

/* Calls fn for the events behind *looked, up to upto, that nothing names. *looked becomes the one that fn ended with,
 * or upto. */
static int
each_free(struct kv_store *s, int64_t *looked, int64_t upto, free_fn *fn, void *arg,
	struct hsw_error *err)
{
	struct stretch stretch = { .fn = fn, .arg = arg };
	int rc = HSW_OK;

	while (rc == HSW_OK && *looked < upto && !stretch.has_ended) {
		struct kv_key from = { .table = KV_NAMED, .seq = *looked + 1 };
		stretch.named.n = stretch.at = 0;
		stretch.named.upto = upto;
		rc = kv_scan(s, &from, false, take_named, &stretch.named, err);
		from.table = KV_EVENT;
		if (rc == HSW_OK)
			rc = kv_scan(s, &from, false, look_at, &stretch, err);
		if (rc == HSW_OK)
			*looked = stretch.has_ended ? stretch.looked : stretch.named.upto;
	}
	return rc;
}

/* ---- deleting ---- */

struct pass {
	struct kv_list deletes;
	int64_t before_ms;
	int64_t too_new; /* the first one that was not old enough */
	size_t n, max;
};

static int
delete_old(void *arg, int64_t seq, int64_t received_ms)
{
	struct pass *p = arg;

	if (received_ms >= p->before_ms) {
		p->too_new = seq < p->too_new ? seq : p->too_new;
		return HSW_OK;
	}
	kv_list_delete(&p->deletes, &(struct kv_key){ .table = KV_EVENT, .seq = seq });
	return ++p->n < p->max ? HSW_OK : KV_STOP;
}

/* Sets *end to an old event after which, as far as can be told, none is old. */
static int
find_end(struct kv_store *s, int64_t upto, int64_t before_ms, int64_t *end, struct hsw_error *err)
{
	int64_t high = upto < s->meta.last_seq ? upto : s->meta.last_seq, low, received_ms;
	int rc = kv_next_event(s, s->pruned_upto + 1, &low, &received_ms, err);

	*end = s->pruned_upto;
	while (rc == HSW_OK && low <= high) {
		int64_t middle = low + (high - low) / 2, seq;
		rc = kv_next_event(s, middle, &seq, &received_ms, err);
		if (rc == HSW_OK && seq <= high && received_ms < before_ms) {
			*end = seq;
			low = seq + 1;
		} else {
			high = middle - 1;
		}
	}
	return rc;
}

/* With what is left, so that the figures are right. */
static int
write_pass(struct kv_store *s, struct pass *p, struct hsw_error *err)
{
	struct kv_meta meta = s->meta;

	if (p->n == 0)
		return HSW_OK;
	meta.events -= (int64_t)p->n < meta.events ? (int64_t)p->n : meta.events;
	kv_add_meta(kv_list_put(&p->deletes, &(struct kv_key){ .table = KV_META }), &meta);
	int rc = kv_write(s, &p->deletes, false, err);
	if (rc == HSW_OK)
		s->meta = meta;
	return rc;
}

int
hsw_kv_prune(
	void *self, int64_t upto, int64_t before_ms, size_t max, size_t *n, struct hsw_error *err)
{
	struct kv_store *s = self;
	struct pass p = { .before_ms = before_ms, .too_new = INT64_MAX, .max = max };
	int64_t end = 0;
	int rc = kv_ready(s, err);

	*n = 0;
	if (rc == HSW_OK)
		rc = find_end(s, upto, before_ms, &end, err);
	int64_t looked = s->pruned_upto;
	if (rc != HSW_OK || end <= looked || max == 0)
		return rc;
	rc = each_free(s, &looked, end, delete_old, &p, err);
	if (rc == HSW_OK)
		rc = write_pass(s, &p, err);
	kv_list_free(&p.deletes);
	if (rc != HSW_OK)
		return rc;
	*n = p.n;
	s->pruned_upto = looked < p.too_new ? looked : p.too_new - 1;
	return HSW_OK;
}

/* ---- the oldest one ---- */

struct oldest {
	int64_t seq, received_ms;
};

static int
take_oldest(void *arg, int64_t seq, int64_t received_ms)
{
	*(struct oldest *)arg = (struct oldest){ seq, received_ms };
	return KV_STOP;
}

/* What is passed over needs no second look: exceptions name it. */
int
hsw_kv_usage(void *self, struct hsw_store_usage *usage, struct hsw_error *err)
{
	struct kv_store *s = self;
	struct oldest oldest = { 0, 0 };
	int rc = kv_ready(s, err);
	int64_t looked = s->pruned_upto;

	if (rc == HSW_OK)
		rc = each_free(s, &looked, s->meta.last_seq, take_oldest, &oldest, err);
	if (rc != HSW_OK)
		return rc;
	s->pruned_upto = oldest.seq > 0 ? oldest.seq - 1 : looked;
	*usage = (struct hsw_store_usage){ .bytes = s->ops->bytes(s->backend),
		.oldest_ms = oldest.received_ms };
	return HSW_OK;
}
