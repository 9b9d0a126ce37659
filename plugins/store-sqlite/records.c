/* SPDX-License-Identifier: Apache-2.0 */
/* records.c - the configuration that is made at run time, and other texts of a name. */
#include "sqlite.h"

int
record_write(struct sqlite_store *s, const struct hsw_write *w, struct hsw_error *err)
{
	bool is_put = w->kind == HSW_WRITE_RECORD;
	enum statement which = is_put ? ST_RECORD : ST_FORGET;
	sqlite3_stmt *st = sqlite_use(s, which);

	sqlite_bind_text(st, 1, w->record->kind);
	sqlite_bind_text(st, 2, w->record->name);
	if (is_put)
		sqlite_bind_blob(st, 3, w->record->text);
	return sqlite_run(s, which, "writing a record", err);
}

int
record_replace(struct sqlite_store *s, const struct hsw_write *w, struct hsw_error *err)
{
	enum statement which = w->text.len > 0 ? ST_RECORD_IF : ST_RECORD_NEW;
	sqlite3_stmt *st = sqlite_use(s, which);

	sqlite_bind_text(st, 1, w->record->kind);
	sqlite_bind_text(st, 2, w->record->name);
	sqlite_bind_blob(st, 3, w->record->text);
	if (w->text.len > 0)
		sqlite_bind_blob(st, 4, w->text);
	int rc = sqlite_run(s, which, "writing a record", err);
	if (rc == HSW_OK && sqlite3_changes(s->db) == 0)
		rc = sqlite_error(err, HSW_ENOENT, "the record is another one by now");
	return rc;
}

int
store_records(void *self, hsw_record_fn *fn, void *arg, struct hsw_error *err)
{
	struct sqlite_store *s = self;
	sqlite3_stmt *st = sqlite_use(s, ST_RECORDS);
	int rc;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const struct hsw_store_record r = { sqlite_column(st, 0), sqlite_column(st, 1),
			sqlite_column(st, 2) };
		if (fn(arg, &r) != HSW_OK)
			break;
	}
	return sqlite_done(s, ST_RECORDS, rc, "reading records", err);
}
