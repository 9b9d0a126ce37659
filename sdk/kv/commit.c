/* SPDX-License-Identifier: Apache-2.0 */
/*
 * commit.c - a batch of writes becomes one batch of changes.
 *
 * Later writes see earlier ones: of a cursor in `staged`, of a record in the list of changes itself; all others
 * put or delete rows without looking, and of those of a key the last one counts.
 */
#include "map.h"

struct batch {
	struct kv_store *store;
	struct kv_list changes;
	struct kv_meta meta; /* as the batch leaves it */
	bool is_new, has_meta;
	struct hsw_error *err;
};

/* The meta row is written also for an event that is there already: with this batch that one is durable, too. */
static void
write_event(struct batch *b, struct hsw_store_event *e, int64_t since_ms)
{
	b->has_meta = true;
	e->seq = 0;
	if (since_ms != 0 && kv_is_stored(b->store, e, since_ms))
		return;
	e->seq = ++b->meta.last_seq;
	b->meta.events++;
	b->is_new = true;
	kv_add_event(
		kv_list_put(&b->changes, &(struct kv_key){ .table = KV_EVENT, .seq = e->seq }), e);
}

/* ---- records and memos ---- */

/* Whether a record is the expected one; an empty text: that there is none. */
struct expected {
	struct hsw_str text;
	bool is_there, is_same;
};

static int
compare_record(void *arg, const struct kv_key *key, struct hsw_str value, struct hsw_error *err)
{
	struct expected *expected = arg;
	struct hsw_str text;

	if (!kv_read_record(value, &text))
		return kv_damaged(err, key);
	expected->is_there = true;
	expected->is_same = expected->text.len > 0 && kv_is_same(text, expected->text);
	return HSW_OK;
}

static int
check_record(struct batch *b, const struct kv_key *key, struct hsw_str text)
{
	struct expected expected = { .text = text };
	struct kv_bytes bytes = { .rc = HSW_OK };
	const struct kv_item *item = NULL;
	size_t i = 0;
	int rc = HSW_OK;

	kv_add_key(&bytes, key);
	if (bytes.rc == HSW_OK)
		item = kv_list_find(&b->changes, (struct hsw_str){ bytes.s, bytes.len }, &i);
	kv_bytes_free(&bytes);
	if (item == NULL)
		rc = kv_get(b->store, key, compare_record, &expected, b->err);
	else if (!item->is_delete)
		rc = compare_record(&expected, key, kv_list_value(&b->changes, i), b->err);
	if (rc != HSW_OK)
		return rc;
	if (expected.is_there ? expected.is_same : text.len == 0)
		return HSW_OK;
	return kv_error(b->err, HSW_ENOENT, "the record is another one by now");
}

static int
write_record(struct batch *b, const struct hsw_write *w)
{
	const struct kv_key key = {
		.table = KV_RECORD, .who = w->record->kind, .name = w->record->name
	};
	int rc = w->kind == HSW_WRITE_RECORD_IF ? check_record(b, &key, w->text) : HSW_OK;

	if (rc != HSW_OK)
		return rc;
	if (w->kind == HSW_WRITE_FORGET) {
		kv_list_delete(&b->changes, &key);
		return HSW_OK;
	}
	b->is_new = true;
	kv_add_record(kv_list_put(&b->changes, &key), w->record->text);
	return HSW_OK;
}

static void
write_memo(struct batch *b, const struct hsw_write *w)
{
	const struct kv_key key = {
		.table = KV_MEMO, .who = w->record->kind, .seq = ++b->meta.last_memo
	};

	b->is_new = b->has_meta = true;
	kv_add_memo(kv_list_put(&b->changes, &key), w->at_ms, w->record->text);
}

/* ---- destinations ---- */

static void
write_cursor(struct batch *b, struct kv_destination *d, const struct hsw_write *w)
{
	if (w->seq <= d->staged)
		return;
	d->staged = w->seq;
	kv_add_cursor(kv_list_put(&b->changes,
			      &(struct kv_key){ .table = KV_CURSOR, .who = w->destination }),
		w->seq);
}

static void
write_exception(struct batch *b, const struct hsw_write *w)
{
	struct kv_list *l = &b->changes;

	if (w->kind == HSW_WRITE_RETRY) {
		kv_add_exception(kv_put_exception(l, KV_RETRY, w->destination, w->seq), w->attempts,
			w->due_ms, w->status, w->text);
		return;
	}
	kv_delete_exception(l, KV_RETRY, w->destination, w->seq);
	if (w->kind == HSW_WRITE_DEAD)
		kv_add_exception(kv_put_exception(l, KV_DEAD, w->destination, w->seq), w->attempts,
			w->at_ms, w->status, w->text);
}

static int
write_for_destination(struct batch *b, const struct hsw_write *w)
{
	struct kv_destination *d = kv_destination(b->store, w->destination);

	if (d == NULL)
		return kv_error(b->err, HSW_EINVAL, "destination %.*s was never attached",
			(int)(w->destination.len < 100 ? w->destination.len : 100),
			w->destination.s);
	if (w->kind == HSW_WRITE_CURSOR)
		write_cursor(b, d, w);
	else
		write_exception(b, w);
	return HSW_OK;
}

static int
write_one(struct batch *b, const struct hsw_write *w)
{
	switch (w->kind) {
	case HSW_WRITE_EVENT:
		write_event(b, w->event, w->at_ms);
		return HSW_OK;
	case HSW_WRITE_CURSOR:
	case HSW_WRITE_RETRY:
	case HSW_WRITE_SETTLED:
	case HSW_WRITE_DEAD:
		return write_for_destination(b, w);
	case HSW_WRITE_RECORD:
	case HSW_WRITE_FORGET:
	case HSW_WRITE_RECORD_IF:
		return write_record(b, w);
	case HSW_WRITE_MEMO:
		write_memo(b, w);
		return HSW_OK;
	}
	return kv_error(b->err, HSW_EINVAL, "unknown kind of write %d", (int)w->kind);
}

/* What the writes did is so now, or was not done. */
static void
end(struct batch *b, struct hsw_write *const *writes, size_t n, bool is_done)
{
	if (is_done)
		b->store->meta = b->meta;
	for (size_t i = 0; i < n; i++) {
		const struct hsw_write *w = writes[i];
		struct kv_destination *d = w->kind == HSW_WRITE_CURSOR
			? kv_destination(b->store, w->destination)
			: NULL;
		if (d != NULL && is_done)
			d->cursor = d->staged;
		else if (d != NULL)
			d->staged = d->cursor;
		if (w->kind == HSW_WRITE_SETTLED)
			kv_look_again(b->store, w->seq);
	}
}

int
hsw_kv_commit(void *self, struct hsw_write *const *writes, size_t n, struct hsw_error *err)
{
	struct kv_store *s = self;
	int rc = kv_ready(s, err);
	struct batch b = { .store = s, .meta = s->meta, .err = err };

	if (rc != HSW_OK)
		return rc;
	for (size_t i = 0; i < n && rc == HSW_OK; i++)
		rc = write_one(&b, writes[i]);
	if (rc == HSW_OK && b.has_meta)
		kv_add_meta(kv_list_put(&b.changes, &(struct kv_key){ .table = KV_META }), &b.meta);
	if (rc == HSW_OK)
		rc = kv_write(s, &b.changes, b.is_new, err);
	kv_list_free(&b.changes);
	end(&b, writes, n, rc == HSW_OK);
	return rc;
}
