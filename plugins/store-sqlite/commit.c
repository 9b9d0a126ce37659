/* SPDX-License-Identifier: Apache-2.0 */
/* commit.c - a batch of writes in one transaction. */
#include "sqlite.h"

static int
write_event(struct sqlite_store *s, struct hsw_store_event *e, int64_t seq, struct hsw_error *err)
{
	sqlite3_stmt *st = sqlite_use(s, ST_APPEND);

	e->seq = seq;
	sqlite3_bind_int64(st, 1, seq);
	sqlite3_bind_int64(st, 2, e->received_ms);
	sqlite3_bind_blob(st, 3, e->id, sizeof(e->id), SQLITE_STATIC);
	sqlite_bind_text(st, 4, e->instance);
	sqlite_bind_text(st, 5, e->type);
	sqlite_bind_text(st, 6, e->provider);
	sqlite_bind_text(st, 7, e->key);
	sqlite_bind_blob(st, 8, e->layout);
	sqlite_bind_blob(st, 9, e->body);
	return sqlite_run(s, ST_APPEND, "appending", err);
}

/* Statements whose parameters begin with destination and seq. */
static sqlite3_stmt *
use_for(struct sqlite_store *s, enum statement which, const struct hsw_write *w,
	int64_t destination)
{
	sqlite3_stmt *st = sqlite_use(s, which);

	sqlite3_bind_int64(st, 1, destination);
	sqlite3_bind_int64(st, 2, w->seq);
	return st;
}

static void
bind_exception(sqlite3_stmt *st, const struct hsw_write *w, int64_t time_ms)
{
	sqlite3_bind_int(st, 3, w->attempts);
	sqlite3_bind_int64(st, 4, time_ms);
	sqlite3_bind_int(st, 5, w->status);
	sqlite_bind_text(st, 6, w->text);
}

static int
write_dead(struct sqlite_store *s, const struct hsw_write *w, int64_t destination,
	struct hsw_error *err)
{
	use_for(s, ST_SETTLED, w, destination);
	int rc = sqlite_run(s, ST_SETTLED, "deleting a retry", err);
	if (rc != HSW_OK)
		return rc;
	bind_exception(use_for(s, ST_DEAD, w, destination), w, w->at_ms);
	return sqlite_run(s, ST_DEAD, "writing a dead letter", err);
}

static int
write_for_destination(struct sqlite_store *s, const struct hsw_write *w, struct hsw_error *err)
{
	int64_t id = destinations_id(s, w->destination);

	if (id == 0)
		return sqlite_error(err, HSW_EINVAL, "destination %.*s was never attached",
			(int)(w->destination.len < 100 ? w->destination.len : 100),
			w->destination.s);
	switch (w->kind) {
	case HSW_WRITE_CURSOR:
		use_for(s, ST_CURSOR, w, id);
		return sqlite_run(s, ST_CURSOR, "writing a cursor", err);
	case HSW_WRITE_RETRY:
		bind_exception(use_for(s, ST_RETRY, w, id), w, w->due_ms);
		return sqlite_run(s, ST_RETRY, "writing a retry", err);
	case HSW_WRITE_SETTLED:
		prune_tour_look_again(&s->tour, w->seq);
		use_for(s, ST_SETTLED, w, id);
		return sqlite_run(s, ST_SETTLED, "deleting a retry", err);
	case HSW_WRITE_DEAD:
		return write_dead(s, w, id, err);
	case HSW_WRITE_EVENT:
	case HSW_WRITE_RECORD:
	case HSW_WRITE_FORGET:
	case HSW_WRITE_MEMO:
	case HSW_WRITE_RECORD_IF:
		break;
	}
	return sqlite_error(err, HSW_EINVAL, "unknown kind of write %d", (int)w->kind);
}

static int
write_one(struct sqlite_store *s, struct hsw_write *w, int64_t *seq, struct hsw_error *err)
{
	if (w->kind == HSW_WRITE_EVENT)
		return write_event(s, w->event, ++*seq, err);
	if (w->kind == HSW_WRITE_RECORD || w->kind == HSW_WRITE_FORGET)
		return record_write(s, w, err);
	if (w->kind == HSW_WRITE_RECORD_IF)
		return record_replace(s, w, err);
	if (w->kind == HSW_WRITE_MEMO)
		return memo_write(s, w, err);
	return write_for_destination(s, w, err);
}

int
store_commit(void *self, struct hsw_write *const *writes, size_t n, struct hsw_error *err)
{
	struct sqlite_store *s = self;
	int64_t seq = s->last_seq;
	int rc = file_check_in_place(s, err);

	if (rc == HSW_OK)
		rc = sqlite_begin(s, err);
	if (rc != HSW_OK)
		return rc;
	for (size_t i = 0; i < n && rc == HSW_OK; i++)
		rc = write_one(s, writes[i], &seq, err);
	rc = sqlite_end(s, rc, err);
	if (rc == HSW_OK)
		s->last_seq = seq;
	return rc;
}
