/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate.c - see migrate.h.
 *
 * The record migration/state of the target tells "<last seq of the source> <up to which seq events were
 * copied> <memos copied>". Each transaction of events or memos writes it along. Records, retries, dead
 * letters and cursors can be written twice without harm, so they are simply begun again.
 */
#include "migrate_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "err.h"
#include "journal.h"

#define PAGE_ROWS 256

/* ---- the beginning ---- */

static int
see_record(void *arg, const struct hsw_store_record *r)
{
	struct job *j = arg;
	char text[80];

	j->source.records++; /* of the target, for the moment */
	if (!str_is(r->kind, MIGRATE_STATE_KIND) || !str_is(r->name, STATE_NAME))
		return HSW_OK;
	snprintf(text, sizeof(text), "%.*s", (int)r->text.len, r->text.s);
	long long last, upto, memos;
	j->is_resumed = sscanf(text, "%lld %lld %lld", &last, &upto, &memos) == 3;
	if (j->is_resumed) {
		j->source_last = last;
		j->copied_upto = upto;
		j->memos_copied = memos;
	}
	return HSW_OK;
}

static int
see_destination(void *arg, struct hsw_str name, int64_t cursor)
{
	(void)name;
	(void)cursor;
	((struct job *)arg)->source.destinations++;
	return HSW_OK;
}

static int
begin(struct job *j)
{
	struct hsw_store_stats source, target;
	int rc = j->from.ops->stats(j->from.self, &source, j->err);

	if (rc == HSW_OK)
		rc = j->to.ops->stats(j->to.self, &target, j->err);
	if (rc == HSW_OK)
		rc = j->to.ops->records(j->to.self, see_record, j, j->err);
	if (rc == HSW_OK)
		rc = j->to.ops->cursors(j->to.self, see_destination, j, j->err);
	if (rc != HSW_OK)
		return rc;
	bool is_empty = target.last_seq == 0 && j->source.records + j->source.destinations == 0;
	if (!j->is_resumed && !is_empty)
		return err_set(j->err, HSW_EINVAL, "the target is not empty: name a new one");
	if (j->is_resumed && j->source_last != source.last_seq)
		return err_set(j->err, HSW_EINVAL,
			"the target holds a part of another store, or the source was used since: "
			"begin again with a new target");
	j->source = (struct migrate_counts){ 0 };
	j->source_last = source.last_seq;
	j->estimate = source.events;
	return HSW_OK;
}

/* ---- records and destinations ---- */

static int
add_record(void *arg, const struct hsw_store_record *r)
{
	struct batch *b = arg;

	if (str_is(r->kind, MIGRATE_STATE_KIND))
		return b->rc = err_set(b->job->err, HSW_EINVAL,
			       "the source holds a part of another store: first complete that "
			       "copy");
	struct row *row = batch_add(b, r->kind.len + r->name.len + r->text.len);
	if (row == NULL)
		return HSW_ENOMEM;
	char *at = row->bytes;
	row->record = (struct hsw_store_record){ batch_keep(&at, r->kind), batch_keep(&at, r->name),
		batch_keep(&at, r->text) };
	row->write = (struct hsw_write){ .kind = HSW_WRITE_RECORD, .record = &row->record };
	return HSW_OK;
}

static int
add_cursor(void *arg, struct hsw_str name, int64_t cursor)
{
	struct batch *b = arg;
	struct row *row = batch_add(b, name.len);

	if (row == NULL)
		return HSW_ENOMEM;
	char *at = row->bytes;
	row->write = (struct hsw_write){
		.kind = HSW_WRITE_CURSOR, .destination = batch_keep(&at, name), .seq = cursor
	};
	return HSW_OK;
}

/* The destinations begin at the start of the log; their cursors are written when it is there. */
static int
attach_all(struct batch *destinations)
{
	struct job *j = destinations->job;
	int64_t ignored;
	int rc = HSW_OK;

	for (struct row *r = destinations->first; r != NULL && rc == HSW_OK; r = r->next)
		rc = j->to.ops->attach(j->to.self, r->write.destination, &ignored, j->err);
	return rc;
}

static int
copy_records(struct job *j)
{
	struct batch b;
	int rc;

	batch_init(&b, j);
	rc = j->from.ops->records(j->from.self, add_record, &b, j->err);
	if (b.rc != HSW_OK)
		rc = b.rc;
	j->source.records = (int64_t)b.n;
	if (rc == HSW_OK)
		rc = batch_commit(&b, true);
	batch_clear(&b);
	return rc;
}

/* ---- events ---- */

static int
add_event(void *arg, const struct hsw_store_event *e)
{
	struct batch *b = arg;
	struct row *row = batch_add(b,
		e->instance.len + e->type.len + e->provider.len + e->key.len + e->layout.len +
			e->body.len);

	if (row == NULL)
		return HSW_ENOMEM;
	char *at = row->bytes;
	row->event = *e;
	row->event.instance = batch_keep(&at, e->instance);
	row->event.type = batch_keep(&at, e->type);
	row->event.provider = batch_keep(&at, e->provider);
	row->event.key = batch_keep(&at, e->key);
	row->event.layout = batch_keep(&at, e->layout);
	row->event.body = batch_keep(&at, e->body);
	row->write = (struct hsw_write){
		.kind = HSW_WRITE_EVENT, .event = &row->event, .seq = e->seq
	};
	return HSW_OK;
}

static int
map_add(struct job *j, int64_t from, int64_t to)
{
	j->last_to = to;
	j->source.events++;
	if (seqmap_add(&j->map, from, to))
		return HSW_OK;
	return err_set(j->err, HSW_ENOMEM, "out of memory");
}

/* A page of the source; *n: its events. */
static int
copy_page(struct job *j, size_t *n)
{
	struct batch b;

	batch_init(&b, j);
	int rc = j->from.ops->read(
		j->from.self, j->copied_upto, PAGE_ROWS, PAGE_BODY_BYTES, add_event, &b, j->err);
	if (rc == HSW_OK)
		rc = b.rc;
	int64_t before = j->copied_upto;
	for (struct row *r = b.first; r != NULL; r = r->next)
		j->copied_upto = r->write.seq;
	if (rc == HSW_OK && b.n > 0)
		rc = batch_commit(&b, true);
	for (struct row *r = b.first; r != NULL && rc == HSW_OK; r = r->next)
		rc = map_add(j, r->write.seq, r->event.seq);
	if (rc != HSW_OK)
		j->copied_upto = before;
	*n = b.n;
	batch_clear(&b);
	return rc;
}

struct seqs {
	int64_t of[ALL_ROWS];
	size_t n;
	int64_t upto;
};

static int
add_seq(void *arg, const struct hsw_store_event *e)
{
	struct seqs *s = arg;

	if (e->seq > s->upto)
		return HSW_ECLOSED;
	s->of[s->n++] = e->seq;
	return HSW_OK;
}

/* What an earlier call copied: both logs hold the same events in the same order. */
static int
map_copied(struct job *j)
{
	struct seqs from = { .upto = j->copied_upto }, to = { .upto = INT64_MAX };
	int64_t at = 0;
	int rc = HSW_OK;

	do {
		from.n = to.n = 0;
		rc = j->from.ops->read(
			j->from.self, at, ALL_ROWS, PAGE_BODY_BYTES, add_seq, &from, j->err);
		if (rc == HSW_OK && from.n > 0)
			rc = j->to.ops->read(
				j->to.self, j->last_to, from.n, SIZE_MAX, add_seq, &to, j->err);
		if (rc == HSW_OK && from.n != to.n)
			rc = err_set(j->err, HSW_EINVAL,
				"the target lacks events that were copied: begin again with a new "
				"one");
		for (size_t i = 0; i < from.n && rc == HSW_OK; i++)
			rc = map_add(j, from.of[i], to.of[i]);
		at = from.n > 0 ? from.of[from.n - 1] : at;
	} while (rc == HSW_OK && from.n > 0);
	return rc;
}

static int
copy_events(struct job *j)
{
	size_t n = 1;
	int rc = map_copied(j);

	while (rc == HSW_OK && n > 0) {
		rc = copy_page(j, &n);
		j->progress(j->arg, "events", j->source.events, j->estimate);
	}
	return rc;
}

/* ---- retries, dead letters, cursors ---- */

static int
add_exception(void *arg, const struct hsw_store_exception *x)
{
	struct batch *b = arg;
	struct row *row = batch_add(b, x->destination.len + x->text.len);

	if (row == NULL)
		return HSW_ENOMEM;
	char *at = row->bytes;
	row->write = (struct hsw_write){ .kind = b->kind,
		.destination = batch_keep(&at, x->destination),
		.seq = seqmap_at_or_before(&b->job->map, x->seq),
		.attempts = x->attempts,
		.due_ms = x->due_ms,
		.at_ms = x->at_ms,
		.status = x->status,
		.text = batch_keep(&at, x->text) };
	b->after = x->seq;
	return HSW_OK;
}

static int
read_exceptions(struct batch *b)
{
	struct job *j = b->job;
	const struct hsw_dead_query q = {
		.destination = b->destination, .after = b->after, .limit = PAGE_ROWS
	};

	if (b->kind == HSW_WRITE_DEAD)
		return j->from.ops->dead(j->from.self, &q, add_exception, b, j->err);
	return j->from.ops->retries(
		j->from.self, b->destination, b->after, PAGE_ROWS, add_exception, b, j->err);
}

static int
copy_exceptions(struct job *j, struct hsw_str destination, enum hsw_write_kind kind, int64_t *count)
{
	struct batch b;
	size_t n;
	int rc;

	batch_init(&b, j);
	b.kind = kind;
	b.destination = destination;
	do {
		rc = read_exceptions(&b);
		if (rc == HSW_OK)
			rc = b.rc;
		if (rc == HSW_OK)
			rc = batch_commit(&b, false);
		n = b.n;
		*count += (int64_t)n;
		batch_clear(&b);
		j->progress(
			j->arg, "retries and dead letters", j->source.retries + j->source.dead, 0);
	} while (rc == HSW_OK && n == PAGE_ROWS);
	return rc;
}

static int
copy_destination(struct job *j, struct hsw_write *cursor)
{
	int rc = copy_exceptions(j, cursor->destination, HSW_WRITE_RETRY, &j->source.retries);

	if (rc == HSW_OK)
		rc = copy_exceptions(j, cursor->destination, HSW_WRITE_DEAD, &j->source.dead);
	if (rc != HSW_OK)
		return rc;
	cursor->seq = seqmap_at_or_before(&j->map, cursor->seq);
	return j->to.ops->commit(j->to.self, &cursor, 1, j->err);
}

/* ---- memos ---- */

static int
add_memo(void *arg, int64_t at_ms, struct hsw_str text)
{
	struct batch *b = arg;

	++*b->counter;
	if (b->skip > 0) {
		b->skip--;
		return HSW_OK;
	}
	struct row *row = batch_add(b, text.len);
	if (row == NULL)
		return HSW_ENOMEM;
	char *at = row->bytes;
	row->record = (struct hsw_store_record){ .kind = str_of(b->memo_kind),
		.text = batch_keep(&at, text) };
	row->write = (struct hsw_write){
		.kind = HSW_WRITE_MEMO, .at_ms = at_ms, .record = &row->record
	};
	if (b->n < PAGE_ROWS)
		return HSW_OK;
	b->job->memos_copied += (int64_t)b->n;
	b->rc = batch_commit(b, true);
	batch_clear(b);
	b->job->progress(b->job->arg, "memos", b->job->memos_copied, 0);
	return b->rc;
}

static int
copy_memos(struct job *j)
{
	struct batch b;

	batch_init(&b, j);
	b.skip = j->memos_copied;
	b.counter = &j->source.memos;
	int rc = HSW_OK;
	for (const char *const *kind = journal_memo_kinds; *kind != NULL && rc == HSW_OK; kind++) {
		b.memo_kind = *kind;
		rc = j->from.ops->memos(
			j->from.self, str_of(*kind), INT64_MIN, add_memo, &b, j->err);
		if (rc == HSW_OK)
			rc = b.rc;
	}
	j->memos_copied += (int64_t)b.n;
	if (rc == HSW_OK)
		rc = batch_commit(&b, true);
	batch_clear(&b);
	return rc;
}

/* ---- all of it ---- */

static int
copy_all(struct job *j, struct batch *destinations, struct migrate_counts *counts)
{
	int rc = j->from.ops->cursors(j->from.self, add_cursor, destinations, j->err);

	if (rc == HSW_OK)
		rc = destinations->rc;
	if (rc == HSW_OK)
		rc = copy_records(j);
	if (rc == HSW_OK)
		rc = attach_all(destinations);
	if (rc == HSW_OK)
		rc = copy_events(j);
	for (struct row *r = destinations->first; r != NULL && rc == HSW_OK; r = r->next)
		rc = copy_destination(j, &r->write);
	if (rc == HSW_OK)
		rc = copy_memos(j);
	return rc == HSW_OK ? migrate_verify(j, destinations, counts) : rc;
}

int
migrate(const struct migrate_side *from, const struct migrate_side *to,
	migrate_progress_fn *progress, void *arg, struct migrate_counts *counts,
	struct hsw_error *err)
{
	struct job j = { .from = *from, .to = *to, .progress = progress, .arg = arg, .err = err };
	struct batch destinations;

	*counts = (struct migrate_counts){ 0 };
	batch_init(&destinations, &j);
	int rc = begin(&j);
	if (rc == HSW_OK)
		rc = copy_all(&j, &destinations, counts);
	batch_clear(&destinations);
	seqmap_free(&j.map);
	return rc;
}
