/* SPDX-License-Identifier: Apache-2.0 */
/* log.c - pages of the log, and its figures. Events are handed on without a copy. */
#include "map.h"

struct page {
	size_t events_left, bytes_left;
	hsw_event_fn *fn;
	void *arg;
	bool has_ended; /* fn wanted no more */
};

static int
show(void *arg, const struct kv_key *key, struct hsw_str value, struct hsw_error *err)
{
	struct page *page = arg;
	struct hsw_store_event e = { .seq = key->seq };

	if (!kv_read_event(value, &e))
		return kv_damaged(err, key);
	page->events_left--;
	page->bytes_left -= e.body.len < page->bytes_left ? e.body.len : page->bytes_left;
	page->has_ended = page->fn(page->arg, &e) != HSW_OK;
	return page->has_ended || page->events_left == 0 || page->bytes_left == 0 ? KV_STOP
										  : HSW_OK;
}

int
hsw_kv_read(void *self, int64_t after, size_t max_events, size_t max_bytes, hsw_event_fn *fn,
	void *arg, struct hsw_error *err)
{
	struct page page = { max_events, max_bytes, fn, arg, false };

	if (after == INT64_MAX || max_events == 0)
		return HSW_OK;
	return kv_scan(self, &(struct kv_key){ .table = KV_EVENT, .seq = after + 1 }, false, show,
		&page, err);
}

int
hsw_kv_read_seqs(void *self, const int64_t *seqs, size_t n, hsw_event_fn *fn, void *arg,
	struct hsw_error *err)
{
	struct page page = { n, SIZE_MAX, fn, arg, false };
	int rc = HSW_OK;

	for (size_t i = 0; i < n && rc == HSW_OK && !page.has_ended; i++)
		rc = kv_get(self, &(struct kv_key){ .table = KV_EVENT, .seq = seqs[i] }, show,
			&page, err);
	return rc;
}

struct next {
	int64_t seq, received_ms;
};

static int
take_next(void *arg, const struct kv_key *key, struct hsw_str value, struct hsw_error *err)
{
	struct next *next = arg;
	struct hsw_store_event e;

	if (!kv_read_event(value, &e))
		return kv_damaged(err, key);
	*next = (struct next){ key->seq, e.received_ms };
	return KV_STOP;
}

int
kv_next_event(
	struct kv_store *s, int64_t from, int64_t *seq, int64_t *received_ms, struct hsw_error *err)
{
	struct next next = { INT64_MAX, INT64_MAX };
	int rc = kv_scan(s, &(struct kv_key){ .table = KV_EVENT, .seq = from }, false, take_next,
		&next, err);

	*seq = next.seq;
	*received_ms = next.received_ms;
	return rc;
}

int
hsw_kv_stats(void *self, struct hsw_store_stats *stats, struct hsw_error *err)
{
	struct kv_store *s = self;
	int64_t first, received_ms;
	int rc = kv_ready(s, err);

	if (rc == HSW_OK)
		rc = kv_next_event(s, INT64_MIN, &first, &received_ms, err);
	if (rc != HSW_OK)
		return rc;
	*stats = (struct hsw_store_stats){ .first_seq = first != INT64_MAX ? first : 0,
		.last_seq = s->meta.last_seq,
		.events = s->meta.events,
		.bytes = s->ops->bytes(s->backend) };
	return HSW_OK;
}
