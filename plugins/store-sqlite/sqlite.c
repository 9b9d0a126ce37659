/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sqlite.c - store-sqlite: the embedded store, one file in WAL mode with synchronous = FULL.
 *
 * The file belongs to one daemon: `<path>.lock` is held with flock(2) while it is open. Others may read
 * it meanwhile (WAL lets readers in).
 */
#include "sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct conf {
	const char *path;
	int64_t cache_bytes;
};

static const struct hsw_option options[] = {
	{ "path", HSW_OPT_PATH, HSW_OPT_REQUIRED, offsetof(struct conf, path), NULL, 0, 0, NULL,
		"The database file. Made at the first start, in a folder that exists and that the "
		"daemon may write to. Beside it: -wal, -shm and .lock." },
	{ "cache", HSW_OPT_SIZE, 0, offsetof(struct conf, cache_bytes), "2m", 65536, 1 << 30, NULL,
		"Memory for pages of the database." },
	{ NULL, HSW_OPT_STRING, 0, 0, NULL, 0, 0, NULL, NULL },
};

/* ---- helpers of all files ---- */

int
sqlite_error(struct hsw_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

static bool
is_full(sqlite3 *db)
{
	int code = sqlite3_errcode(db), system = sqlite3_system_errno(db);

	return code == SQLITE_FULL ||
		(code == SQLITE_IOERR && (system == ENOSPC || system == EDQUOT || system == EFBIG));
}

int
sqlite_fail(struct sqlite_store *s, const char *doing, struct hsw_error *err)
{
	int code = sqlite3_errcode(s->db);

	sqlite_error(err, 0, "%s: %s failed: %s", s->path, doing, sqlite3_errmsg(s->db));
	if (is_full(s->db))
		return HSW_ELIMIT;
	switch (code) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
		return HSW_EAGAIN;
	case SQLITE_NOMEM:
		return HSW_ENOMEM;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return sqlite_error(err, HSW_EIO,
			"%s is corrupt or no SQLite database (%s): restore it from a backup, or "
			"move it "
			"away to begin a new one",
			s->path, sqlite3_errmsg(s->db));
	default:
		return HSW_EIO;
	}
}

sqlite3_stmt *
sqlite_use(struct sqlite_store *s, enum statement which)
{
	sqlite3_reset(s->st[which]);
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

int64_t
sqlite_destination(struct sqlite_store *s, struct hsw_str name)
{
	for (size_t i = 0; i < s->n_known; i++) {
		const struct known_destination *k = &s->known[i];
		if (k->len == name.len && memcmp(k->name, name.s, name.len) == 0)
			return k->id;
	}
	return 0;
}

int
sqlite_run(struct sqlite_store *s, enum statement which, const char *doing, struct hsw_error *err)
{
	int rc = sqlite3_step(s->st[which]);

	if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
		rc = sqlite_fail(s, doing, err);
		sqlite3_reset(s->st[which]);
		return rc;
	}
	sqlite3_reset(s->st[which]);
	return HSW_OK;
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

/* ---- opening ---- */

static int
take_lock(struct sqlite_store *s, struct hsw_error *err)
{
	char name[4096];

	snprintf(name, sizeof(name), "%s.lock", s->path);
	s->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0)
		return sqlite_error(err, HSW_EIO, "cannot write %s: %s", name, strerror(errno));
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return HSW_OK;
	return sqlite_error(
		err, HSW_EIO, "%s is in use by another hookswitch (%s is locked)", s->path, name);
}

/* Made here, so that nobody else can read it: -wal and -shm get the same mode from SQLite. */
static int
make_file(struct sqlite_store *s, struct hsw_error *err)
{
	int fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return sqlite_error(err, HSW_EIO, "cannot open %s: %s", s->path, strerror(errno));
	close(fd);
	return HSW_OK;
}

static int
prepare_all(struct sqlite_store *s, struct hsw_error *err)
{
	for (int i = 0; i < ST_COUNT; i++) {
		if (sqlite3_prepare_v3(s->db, schema_statements[i], -1, SQLITE_PREPARE_PERSISTENT,
			    &s->st[i], NULL) != SQLITE_OK)
			return sqlite_fail(s, "preparing", err);
	}
	return HSW_OK;
}

static int
open_database(struct sqlite_store *s, const struct conf *conf, struct hsw_error *err)
{
	char cache[64];

	if (sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
		SQLITE_OK)
		return sqlite_fail(s, "opening", err);
	sqlite3_extended_result_codes(s->db, 0);
	snprintf(cache, sizeof(cache), "PRAGMA cache_size = -%lld",
		(long long)(conf->cache_bytes / 1024));
	if (sqlite3_exec(s->db, cache, NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_fail(s, "setting up", err);
	int rc = schema_open(s, err);
	return rc == HSW_OK ? prepare_all(s, err) : rc;
}

static void
store_close(void *self)
{
	struct sqlite_store *s = self;

	for (int i = 0; i < ST_COUNT; i++)
		sqlite3_finalize(s->st[i]);
	sqlite3_close(s->db);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	for (size_t i = 0; i < s->n_known; i++)
		free(s->known[i].name);
	free(s->known);
	free(s->path);
	free(s);
}

static int
store_open(const struct hsw_host *host, struct hsw_handle *handle, const void *conf, void **self,
	struct hsw_error *err)
{
	const struct conf *c = conf;
	struct sqlite_store *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->path = strdup(c->path)) == NULL) {
		free(s);
		return sqlite_error(err, HSW_ENOMEM, "out of memory");
	}
	s->host = host;
	s->handle = handle;
	s->lock_fd = -1;
	int rc = take_lock(s, err);
	if (rc == HSW_OK)
		rc = make_file(s, err);
	if (rc == HSW_OK)
		rc = open_database(s, c, err);
	if (rc == HSW_OK)
		*self = s;
	else
		store_close(s);
	return rc;
}

/* What was committed goes into the database file while nothing else is to do. */
static void
store_idle(void *self)
{
	struct sqlite_store *s = self;
	sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

static const struct hsw_store_ops ops = {
	.size = sizeof(struct hsw_store_ops),
	.open = store_open,
	.commit = store_commit,
	.read = store_read,
	.read_seqs = store_read_seqs,
	.attach = store_attach,
	.cursors = store_cursors,
	.retries = store_retries,
	.dead = store_dead,
	.dead_counts = store_dead_counts,
	.dead_replay = store_dead_replay,
	.dead_purge = store_dead_purge,
	.prune = store_prune,
	.stats = store_stats,
	.idle = store_idle,
	.close = store_close,
};

HSW_PLUGIN(HSW_STORE, "sqlite", "1.0", "one SQLite file: the embedded default", sizeof(struct conf),
	options, &ops);
