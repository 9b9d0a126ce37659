/* SPDX-License-Identifier: Apache-2.0 */
/* db.c - SQLite's calls in the words of the store contract: errors, values, transactions. */
#include "sqlite.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
sqlite_error(struct hsw_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

/* What a failure means to the daemon; what is not here is HSW_EIO. */
static const struct meaning {
	int code;         /* SQLite's */
	int system_errno; /* 0: any */
	int result;
} meanings[] = {
	{ SQLITE_FULL, 0, HSW_ELIMIT },
	{ SQLITE_IOERR, ENOSPC, HSW_ELIMIT },
	{ SQLITE_IOERR, EDQUOT, HSW_ELIMIT },
	{ SQLITE_IOERR, EFBIG, HSW_ELIMIT },
	{ SQLITE_CANTOPEN, ENOSPC, HSW_ELIMIT },
	{ SQLITE_IOERR, EROFS, HSW_EAGAIN },
	{ SQLITE_CANTOPEN, 0, HSW_EAGAIN },
	{ SQLITE_READONLY, 0, HSW_EAGAIN },
	{ SQLITE_BUSY, 0, HSW_EAGAIN },
	{ SQLITE_LOCKED, 0, HSW_EAGAIN },
	{ SQLITE_NOMEM, 0, HSW_ENOMEM },
};

/*
 * errno is what the last system call that failed left there, since sqlite_use set it to 0.
 * sqlite3_system_errno alone does not do: a COMMIT that fails does not record it.
 */
int
sqlite_fail(struct sqlite_store *s, const char *doing, struct hsw_error *err)
{
	int code = sqlite3_errcode(s->db);
	int system_errno = errno != 0 ? errno : sqlite3_system_errno(s->db);

	if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		return sqlite_error(err, HSW_EIO,
			"%s is corrupt or no SQLite database (%s): restore it from a backup, or "
			"move it away to begin a new one",
			s->path, sqlite3_errmsg(s->db));
	bool has_reason = code == SQLITE_IOERR && system_errno != 0;
	sqlite_error(err, 0, "%s: %s failed: %s%s%s", s->path, doing, sqlite3_errmsg(s->db),
		has_reason ? ": " : "", has_reason ? strerror(system_errno) : "");
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		const struct meaning *m = &meanings[i];
		if (m->code == code && (m->system_errno == 0 || m->system_errno == system_errno))
			return m->result;
	}
	return HSW_EIO;
}

sqlite3_stmt *
sqlite_use(struct sqlite_store *s, enum statement which)
{
	sqlite3_reset(s->st[which]);
	errno = 0;
	return s->st[which];
}

/* An empty text is bound as such, never as NULL. */
void
sqlite_bind_text(sqlite3_stmt *st, int at, struct hsw_str text)
{
	sqlite3_bind_text64(
		st, at, text.len > 0 ? text.s : "", text.len, SQLITE_STATIC, SQLITE_UTF8);
}

void
sqlite_bind_blob(sqlite3_stmt *st, int at, struct hsw_str blob)
{
	sqlite3_bind_blob64(st, at, blob.len > 0 ? blob.s : "", blob.len, SQLITE_STATIC);
}

struct hsw_str
sqlite_column(sqlite3_stmt *st, int at)
{
	const char *s = sqlite3_column_blob(st, at);
	return (struct hsw_str){ s != NULL ? s : "", (size_t)sqlite3_column_bytes(st, at) };
}

struct hsw_store_event
sqlite_event(sqlite3_stmt *st)
{
	struct hsw_store_event e = {
		.seq = sqlite3_column_int64(st, 0),
		.received_ms = sqlite3_column_int64(st, 1),
		.instance = sqlite_column(st, 3),
		.type = sqlite_column(st, 4),
		.provider = sqlite_column(st, 5),
		.key = sqlite_column(st, 6),
		.layout = sqlite_column(st, 7),
		.body = sqlite_column(st, 8),
	};
	struct hsw_str id = sqlite_column(st, 2);

	if (id.len == sizeof(e.id))
		memcpy(e.id, id.s, sizeof(e.id));
	return e;
}

int
sqlite_done(struct sqlite_store *s, enum statement which, int rc, const char *doing,
	struct hsw_error *err)
{
	int result = rc == SQLITE_DONE || rc == SQLITE_ROW ? HSW_OK : sqlite_fail(s, doing, err);

	sqlite3_reset(s->st[which]);
	return result;
}

int
sqlite_run(struct sqlite_store *s, enum statement which, const char *doing, struct hsw_error *err)
{
	return sqlite_done(s, which, sqlite3_step(s->st[which]), doing, err);
}

int
sqlite_begin(struct sqlite_store *s, struct hsw_error *err)
{
	sqlite_use(s, ST_BEGIN);
	return sqlite_run(s, ST_BEGIN, "beginning a transaction", err);
}

/* SQLite may have rolled back by itself already (disk full). */
int
sqlite_end(struct sqlite_store *s, int rc, struct hsw_error *err)
{
	struct hsw_error ignored;

	if (rc == HSW_OK) {
		sqlite_use(s, ST_COMMIT);
		rc = sqlite_run(s, ST_COMMIT, "committing", err);
	}
	if (rc != HSW_OK && !sqlite3_get_autocommit(s->db)) {
		sqlite_use(s, ST_ROLLBACK);
		sqlite_run(s, ST_ROLLBACK, "rolling back", &ignored);
	}
	return rc;
}
