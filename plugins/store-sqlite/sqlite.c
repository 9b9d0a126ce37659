/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite.c - store-sqlite: the embedded store, one file in WAL mode with synchronous = FULL. */
#include "sqlite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long is waited for another process that has locked the file: at the start and in between, while producers
 * wait for their answer. */
#define START_LOCK_MS 10000
#define LOCK_MS 1000

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

static int
open_database(struct sqlite_store *s, const struct conf *conf, struct hsw_error *err)
{
	if (sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
		SQLITE_OK)
		return sqlite_fail(s, "opening", err);
	sqlite3_busy_timeout(s->db, START_LOCK_MS);
	int rc = schema_open(s, conf->cache_bytes, err);
	if (rc == HSW_OK)
		rc = destinations_load(s, err);
	sqlite3_busy_timeout(s->db, LOCK_MS);
	return rc;
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
	destinations_free(s);
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
	int rc = file_claim(s, err);
	if (rc == HSW_OK)
		rc = open_database(s, c, err);
	if (rc == HSW_OK)
		*self = s;
	else
		store_close(s);
	return rc;
}

static int
store_exists(const struct hsw_host *host, struct hsw_handle *handle, const void *conf,
	struct hsw_error *err)
{
	const struct conf *c = conf;

	(void)host;
	(void)handle;
	if (access(c->path, F_OK) == 0)
		return HSW_OK;
	return sqlite_error(err, errno == ENOENT ? HSW_ENOENT : HSW_EIO, "no such store: %s: %s",
		c->path, strerror(errno));
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
	.records = store_records,
	.detach = store_detach,
	.memos = store_memos,
	.forget_memos = store_forget_memos,
	.usage = store_usage,
	.dead_expire = store_dead_expire,
	.exists = store_exists,
};

HSW_PLUGIN(HSW_STORE, "sqlite", "1.0", "one SQLite file: the embedded default", sizeof(struct conf),
	options, &ops);
