/*
 * @NAME@.c - the store @NAME@: keeps the journal in an LMDB file.
 *
 * hookswitch/kv.h makes a store of any ordered map of bytes. For another one than LMDB write open, write, scan, bytes
 * and close anew; what they must do is in kv.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <hookswitch/kv.h>
#include <lmdb.h>

struct conf {
	const char *path;
	int64_t size;
};

static const struct hsw_option options[] = {
	{ .key = "path",
		.type = HSW_OPT_PATH,
		.flags = HSW_OPT_REQUIRED,
		.offset = offsetof(struct conf, path),
		.help = "the file; made at the first start, in a folder that exists" },
	{ .key = "size",
		.type = HSW_OPT_SIZE,
		.offset = offsetof(struct conf, size),
		.def = "4g",
		.min = 1 << 20,
		.max = (int64_t)1 << 44,
		.help = "how much the journal may take; then it refuses more, as a full disk "
			"does" },
	{ .key = NULL },
};

struct store {
	int fd; /* holds the lock on the file */
	MDB_env *env;
	MDB_dbi dbi;
	int64_t size;
};

/* code: LMDB's or errno's. */
static int
fail(struct hsw_error *err, const char *what, int code)
{
	int rc = code == MDB_MAP_FULL || code == ENOSPC ? HSW_ELIMIT
		: code == ENOMEM                        ? HSW_ENOMEM
							: HSW_EIO;

	snprintf(err->text, sizeof(err->text), "%s: %s", what,
		code == MDB_MAP_FULL ? "the journal has taken all of `size`" : mdb_strerror(code));
	return rc;
}

static int64_t
store_bytes(void *self)
{
	struct store *s = self;
	MDB_stat st = { 0 };

	mdb_env_stat(s->env, &st);
	return (int64_t)((st.ms_branch_pages + st.ms_leaf_pages + st.ms_overflow_pages) *
		st.ms_psize);
}

static int
make_change(MDB_txn *txn, MDB_dbi dbi, const struct hsw_kv_change *change)
{
	MDB_val key = { change->key.len, (void *)change->key.s };
	MDB_val value = { change->value.len, (void *)change->value.s };

	if (!change->is_delete)
		return mdb_put(txn, dbi, &key, &value, 0);
	int code = mdb_del(txn, dbi, &key, NULL);
	return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
}

/* mdb_txn_commit returns when the file is synced. */
static int
store_write(void *self, const struct hsw_kv_change *changes, size_t n, int is_new,
	struct hsw_error *err)
{
	struct store *s = self;
	MDB_txn *txn;

	int code = is_new && store_bytes(s) >= s->size ? MDB_MAP_FULL
						       : mdb_txn_begin(s->env, NULL, 0, &txn);
	if (code != MDB_SUCCESS)
		return fail(err, "cannot write", code);
	for (size_t i = 0; i < n && code == MDB_SUCCESS; i++)
		code = make_change(txn, s->dbi, &changes[i]);
	if (code == MDB_SUCCESS)
		code = mdb_txn_commit(txn); /* frees it in any case */
	else
		mdb_txn_abort(txn);
	return code == MDB_SUCCESS ? HSW_OK : fail(err, "cannot write", code);
}

static int
store_scan(void *self, struct hsw_str from, hsw_kv_fn *fn, void *arg, struct hsw_error *err)
{
	struct store *s = self;
	MDB_val key = { from.len, (void *)from.s }, value;
	MDB_cursor *cursor = NULL;
	MDB_txn *txn = NULL;

	int code = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &txn);
	if (code == MDB_SUCCESS)
		code = mdb_cursor_open(txn, s->dbi, &cursor);
	if (code == MDB_SUCCESS)
		code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	while (code == MDB_SUCCESS &&
		fn(arg, (struct hsw_str){ key.mv_data, key.mv_size },
			(struct hsw_str){ value.mv_data, value.mv_size }) == 0)
		code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	if (cursor != NULL)
		mdb_cursor_close(cursor);
	mdb_txn_abort(txn);
	return code == MDB_SUCCESS || code == MDB_NOTFOUND ? HSW_OK
							   : fail(err, "cannot read", code);
}

static void
store_close(void *self)
{
	struct store *s = self;

	mdb_env_close(s->env);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

/* The lock keeps other processes away; LMDB's own would let them in. The map is an eighth larger than `size`, so that
 * there is room to delete in when it is full. */
static int
open_file(struct store *s, const char *path)
{
	MDB_txn *txn;

	s->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->fd < 0 || flock(s->fd, LOCK_EX | LOCK_NB) != 0)
		return errno;
	int code = mdb_env_set_mapsize(s->env, (size_t)(s->size / 8 * 9 + (1 << 20)) & ~0xffffUL);
	if (code == MDB_SUCCESS)
		code = mdb_env_open(s->env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0600);
	if (code == MDB_SUCCESS)
		code = mdb_txn_begin(s->env, NULL, 0, &txn);
	if (code != MDB_SUCCESS)
		return code;
	code = mdb_dbi_open(txn, NULL, 0, &s->dbi);
	if (code == MDB_SUCCESS)
		return mdb_txn_commit(txn);
	mdb_txn_abort(txn);
	return code;
}

static int
store_open(const struct hsw_host *host, struct hsw_handle *handle, const void *conf, void **self,
	struct hsw_error *err)
{
	const struct conf *c = conf;
	struct store *s = calloc(1, sizeof(*s));

	(void)host;
	(void)handle;
	if (s == NULL || mdb_env_create(&s->env) != MDB_SUCCESS) {
		free(s);
		return fail(err, c->path, ENOMEM);
	}
	s->fd = -1;
	s->size = c->size;
	int code = open_file(s, c->path);
	if (code != MDB_SUCCESS) {
		store_close(s);
		return fail(
			err, code == EWOULDBLOCK ? "another process uses the file" : c->path, code);
	}
	*self = s;
	return HSW_OK;
}

static const struct hsw_kv_ops kv = {
	.size = sizeof(struct hsw_kv_ops),
	.open = store_open,
	.write = store_write,
	.scan = store_scan,
	.bytes = store_bytes,
	.close = store_close,
};

HSW_KV_STORE(
	"@NAME@", "0.1", "keeps the journal in an LMDB file", sizeof(struct conf), options, &kv);
