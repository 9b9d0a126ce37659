/* SPDX-License-Identifier: Apache-2.0 */
/* memos.c - what the daemon remembers from start to start: lists that grow at one end and are forgotten at
 * the other. */
#include "sqlite.h"

int
memo_write(struct sqlite_store *s, const struct hsw_write *w, struct hsw_error *err)
{
	sqlite3_stmt *st = sqlite_use(s, ST_MEMO);

	sqlite_bind_text(st, 1, w->record->kind);
	sqlite3_bind_int64(st, 2, ++s->last_memo);
	sqlite3_bind_int64(st, 3, w->at_ms);
	sqlite_bind_blob(st, 4, w->record->text);
	return sqlite_run(s, ST_MEMO, "writing a memo", err);
}

int
store_memos(void *self, struct hsw_str kind, int64_t since_ms, hsw_memo_fn *fn, void *arg,
	struct hsw_error *err)
{
	struct sqlite_store *s = self;
	sqlite3_stmt *st = sqlite_use(s, ST_MEMOS);
	int rc;

	sqlite_bind_text(st, 1, kind);
	sqlite3_bind_int64(st, 2, since_ms);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (fn(arg, sqlite3_column_int64(st, 0), sqlite_column(st, 1)) != HSW_OK)
			break;
	}
	return sqlite_done(s, ST_MEMOS, rc, "reading memos", err);
}

int
store_forget_memos(void *self, struct hsw_str kind, int64_t before_ms, struct hsw_error *err)
{
	struct sqlite_store *s = self;
	sqlite3_stmt *st = sqlite_use(s, ST_FORGET_MEMOS);

	sqlite_bind_text(st, 1, kind);
	sqlite3_bind_int64(st, 2, before_ms);
	return sqlite_run(s, ST_FORGET_MEMOS, "forgetting memos", err);
}
