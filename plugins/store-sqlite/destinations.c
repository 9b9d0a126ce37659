/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destinations.c - names of destinations and the small numbers that stand for them in the tables.
 * All names are kept in memory, sorted.
 */
#include "sqlite.h"

int64_t
destinations_id(const struct sqlite_store *s, struct hsw_str name)
{
	return names_find(&s->known, name);
}

static int
remember(struct sqlite_store *s, struct hsw_str name, int64_t id, struct hsw_error *err)
{
	int rc = names_add(&s->known, name, id);

	return rc == HSW_OK ? rc : sqlite_error(err, rc, "out of memory");
}

int
destinations_load(struct sqlite_store *s, struct hsw_error *err)
{
	sqlite3_stmt *st = sqlite_use(s, ST_CURSORS);
	int rc, result = HSW_OK;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW && result == HSW_OK)
		result = remember(s, sqlite_column(st, 1), sqlite3_column_int64(st, 0), err);
	rc = sqlite_done(s, ST_CURSORS, rc, "reading destinations", err);
	return result != HSW_OK ? result : rc;
}

void
destinations_free(struct sqlite_store *s)
{
	names_clear(&s->known);
}

/* At the end of the log. */
static int
add(struct sqlite_store *s, struct hsw_str name, struct hsw_error *err)
{
	sqlite3_stmt *st = sqlite_use(s, ST_ATTACH);

	sqlite_bind_text(st, 1, name);
	sqlite3_bind_int64(st, 2, s->last_seq);
	int rc = sqlite_run(s, ST_ATTACH, "adding a destination", err);
	return rc == HSW_OK ? remember(s, name, sqlite3_last_insert_rowid(s->db), err) : rc;
}

int
store_attach(void *self, struct hsw_str destination, int64_t *cursor, struct hsw_error *err)
{
	struct sqlite_store *s = self;
	int64_t id = destinations_id(s, destination);

	*cursor = s->last_seq;
	if (id == 0)
		return add(s, destination, err);
	sqlite3_stmt *st = sqlite_use(s, ST_CURSOR_OF);
	sqlite3_bind_int64(st, 1, id);
	int rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*cursor = sqlite3_column_int64(st, 0);
	return sqlite_done(s, ST_CURSOR_OF, rc, "reading a cursor", err);
}

int
store_cursors(void *self, hsw_cursor_fn *fn, void *arg, struct hsw_error *err)
{
	struct sqlite_store *s = self;
	sqlite3_stmt *st = sqlite_use(s, ST_CURSORS);
	int rc;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (fn(arg, sqlite_column(st, 1), sqlite3_column_int64(st, 2)) != HSW_OK)
			break;
	}
	return sqlite_done(s, ST_CURSORS, rc, "reading cursors", err);
}

/* What held events back may be gone, so pruning begins again. */
int
store_detach(void *self, struct hsw_str destination, struct hsw_error *err)
{
	static const enum statement deletes[] = { ST_DETACH_RETRIES, ST_DETACH_DEAD, ST_DETACH };
	struct sqlite_store *s = self;
	int64_t id = destinations_id(s, destination);
	int rc = id != 0 ? sqlite_begin(s, err) : HSW_OK;

	if (id == 0 || rc != HSW_OK)
		return rc;
	for (size_t i = 0; i < sizeof(deletes) / sizeof(deletes[0]) && rc == HSW_OK; i++) {
		sqlite3_bind_int64(sqlite_use(s, deletes[i]), 1, id);
		rc = sqlite_run(s, deletes[i], "forgetting a destination", err);
	}
	rc = sqlite_end(s, rc, err);
	if (rc == HSW_OK) {
		names_remove(&s->known, destination);
		prune_tour_look_again(&s->tour, 1);
	}
	return rc;
}
