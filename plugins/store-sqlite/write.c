/* SPDX-License-Identifier: Apache-2.0 */
/* write.c - transactions: appends, cursors, retries, dead letters; and deleting what is old. */
#include "sqlite.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_FACTOR 4       /* events looked at for each that may be deleted */
#define LOOK_AGAIN_EVERY 60 /* prunes after which those that were kept are looked at again */

static void
bind_event(sqlite3_stmt *st, int64_t seq, const struct hsw_store_event *e)
{
	sqlite3_bind_int64(st, 1, seq);
	sqlite3_bind_int64(st, 2, e->received_ms);
	sqlite3_bind_blob(st, 3, e->id, sizeof(e->id), SQLITE_STATIC);
	sqlite_bind_text(st, 4, e->instance);
	sqlite_bind_text(st, 5, e->type);
	sqlite_bind_text(st, 6, e->provider);
	sqlite_bind_text(st, 7, e->key);
	sqlite_bind_blob(st, 8, e->layout);
	sqlite_bind_blob(st, 9, e->body);
}

static void
bind_exception(sqlite3_stmt *st, const struct hsw_write *w, int64_t destination, int64_t time)
{
	sqlite3_bind_int64(st, 1, destination);
	sqlite3_bind_int64(st, 2, w->seq);
	sqlite3_bind_int(st, 3, w->attempts);
	sqlite3_bind_int64(st, 4, time);
	sqlite3_bind_int(st, 5, w->status);
	sqlite_bind_text(st, 6, w->text);
}

static void
bind_place(sqlite3_stmt *st, const struct hsw_write *w, int64_t destination)
{
	sqlite3_bind_int64(st, 1, destination);
	sqlite3_bind_int64(st, 2, w->seq);
}

static int
write_one(struct sqlite_store *s, struct hsw_write *w, int64_t *seq, struct hsw_error *err)
{
	int64_t destination = w->kind != HSW_WRITE_EVENT ? sqlite_destination(s, w->destination)
							 : 0;

	switch (w->kind) {
	case HSW_WRITE_EVENT:
		w->event->seq = ++*seq;
		bind_event(sqlite_use(s, ST_APPEND), *seq, w->event);
		return sqlite_run(s, ST_APPEND, "appending", err);
	case HSW_WRITE_CURSOR:
		bind_place(sqlite_use(s, ST_CURSOR), w, destination);
		return sqlite_run(s, ST_CURSOR, "writing a cursor", err);
	case HSW_WRITE_RETRY:
		bind_exception(sqlite_use(s, ST_RETRY), w, destination, w->due_ms);
		return sqlite_run(s, ST_RETRY, "writing a retry", err);
	case HSW_WRITE_SETTLED:
		bind_place(sqlite_use(s, ST_SETTLED), w, destination);
		return sqlite_run(s, ST_SETTLED, "deleting a retry", err);
	case HSW_WRITE_DEAD:
		bind_place(sqlite_use(s, ST_SETTLED), w, destination);
		int rc = sqlite_run(s, ST_SETTLED, "deleting a retry", err);
		bind_exception(sqlite_use(s, ST_DEAD), w, destination, w->at_ms);
		return rc == HSW_OK ? sqlite_run(s, ST_DEAD, "writing a dead letter", err) : rc;
	}
	return sqlite_error(err, HSW_EINVAL, "unknown kind of write %d", (int)w->kind);
}

int
store_commit(void *self, struct hsw_write *const *writes, size_t n, struct hsw_error *err)
{
	struct sqlite_store *s = self;
	int64_t seq = s->last_seq;
	int rc = sqlite_begin(s, err);

	if (rc != HSW_OK)
		return rc;
	for (size_t i = 0; i < n && rc == HSW_OK; i++)
		rc = write_one(s, writes[i], &seq, err);
	rc = sqlite_end(s, rc, err);
	if (rc == HSW_OK)
		s->last_seq = seq;
	return rc;
}

/* ---- destinations ---- */

static int
remember(struct sqlite_store *s, struct hsw_str name, int64_t id, struct hsw_error *err)
{
	if (sqlite_destination(s, name) != 0)
		return HSW_OK;
	struct known_destination *grown = realloc(s->known, (s->n_known + 1) * sizeof(*grown));
	char *copy = malloc(name.len + 1);
	if (grown != NULL)
		s->known = grown;
	if (grown == NULL || copy == NULL) {
		free(copy);
		return sqlite_error(err, HSW_ENOMEM, "out of memory");
	}
	memcpy(copy, name.s, name.len);
	s->known[s->n_known++] = (struct known_destination){ copy, name.len, id };
	return HSW_OK;
}

struct search {
	struct sqlite_store *s;
	struct hsw_str name;
	int64_t cursor, id;
};

static int
look_up(struct sqlite_store *s, struct search *q, struct hsw_error *err)
{
	sqlite3_stmt *st = sqlite_use(s, ST_CURSORS);
	int rc;

	q->id = 0;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct hsw_str name = sqlite_column(st, 0);
		if (name.len != q->name.len || memcmp(name.s, q->name.s, name.len) != 0)
			continue;
		q->cursor = sqlite3_column_int64(st, 1);
		q->id = sqlite3_column_int64(st, 2);
	}
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? HSW_OK : sqlite_fail(s, "reading cursors", err);
}

int
store_attach(void *self, struct hsw_str destination, int64_t *cursor, struct hsw_error *err)
{
	struct sqlite_store *s = self;
	struct search q = { .name = destination };
	int rc = look_up(s, &q, err);

	if (rc == HSW_OK && q.id == 0) {
		sqlite3_stmt *st = sqlite_use(s, ST_ATTACH);
		sqlite_bind_text(st, 1, destination);
		sqlite3_bind_int64(st, 2, s->last_seq);
		rc = sqlite_run(s, ST_ATTACH, "adding a destination", err);
		q.id = sqlite3_last_insert_rowid(s->db);
		q.cursor = s->last_seq;
	}
	if (rc == HSW_OK)
		rc = remember(s, destination, q.id, err);
	*cursor = q.cursor;
	return rc;
}

/* ---- retention ---- */

/* The oldest events that may go, and how far was looked. */
static int
find_old(struct sqlite_store *s, int64_t upto, int64_t before_ms, size_t max, int64_t *seqs,
	size_t *n, struct hsw_error *err)
{
	sqlite3_stmt *st = sqlite_use(s, ST_OLDEST);
	int64_t looked = s->pruned_upto;
	int rc;

	sqlite3_bind_int64(st, 1, s->pruned_upto);
	sqlite3_bind_int64(st, 2, upto);
	sqlite3_bind_int64(st, 3, (int64_t)max * LOOK_FACTOR);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW && *n < max) {
		if (sqlite3_column_int64(st, 1) >= before_ms)
			break;
		looked = sqlite3_column_int64(st, 0);
		if (!sqlite3_column_int(st, 2))
			seqs[(*n)++] = looked;
	}
	sqlite3_reset(st);
	s->pruned_upto = looked;
	return rc == SQLITE_DONE || rc == SQLITE_ROW
		? HSW_OK
		: sqlite_fail(s, "looking for old events", err);
}

static int
delete_events(struct sqlite_store *s, const int64_t *seqs, size_t n, struct hsw_error *err)
{
	int rc = sqlite_begin(s, err);

	if (rc != HSW_OK)
		return rc;
	for (size_t i = 0; i < n && rc == HSW_OK; i++) {
		sqlite3_bind_int64(sqlite_use(s, ST_DELETE), 1, seqs[i]);
		rc = sqlite_run(s, ST_DELETE, "deleting old events", err);
	}
	if (rc == HSW_OK) {
		sqlite3_bind_int64(sqlite_use(s, ST_LAST_SEQ), 1, s->last_seq);
		rc = sqlite_run(s, ST_LAST_SEQ, "deleting old events", err);
	}
	return sqlite_end(s, rc, err);
}

int
store_prune(
	void *self, int64_t upto, int64_t before_ms, size_t max, size_t *n, struct hsw_error *err)
{
	struct sqlite_store *s = self;
	int64_t *seqs = malloc(max * sizeof(seqs[0]));
	int rc = HSW_OK;

	*n = 0;
	if (seqs == NULL)
		return sqlite_error(err, HSW_ENOMEM, "out of memory");
	if (++s->prunes % LOOK_AGAIN_EVERY == 0)
		s->pruned_upto = 0;
	rc = find_old(s, upto, before_ms, max, seqs, n, err);
	if (rc == HSW_OK && *n > 0)
		rc = delete_events(s, seqs, *n, err);
	if (rc != HSW_OK)
		s->pruned_upto = 0;
	free(seqs);
	return rc;
}
