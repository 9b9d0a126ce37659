/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hookswitch/kv.h - a store plugin on anything that is an ordered map of bytes: LMDB, RocksDB, a service.
 * UNSTABLE as store.h is.
 *
 * A backend opens the map, writes a batch of changes, walks through pairs in the order of their keys, and closes:
 * struct hsw_kv_ops below. The library (`pkg-config --libs hookswitch`) makes all of hookswitch/store.h of it, but
 * for what several daemons on one store need. HSW_KV_STORE makes the plugin:
 *
 *	static const struct hsw_kv_ops kv = { .size = sizeof(kv), .open = my_open, .write = my_write, ... };
 *	HSW_KV_STORE("mine", "1.0", "keeps the journal in mine", sizeof(struct conf), options, &kv);
 *
 * Keys and values are opaque to the backend: any bytes, NUL too. Keys are ordered as by memcmp, a shorter one before
 * those that begin with it. Two stores are moved by `hookswitch migrate`, not by copying pairs.
 *
 * Threads. As in store.h: one handle, all calls on one thread, one after another. None is made while another one is
 * under way: fn of `scan` calls neither the backend nor the store. So the callbacks of the reads in store.h, which
 * are called inside a scan, must not call the store either.
 */
#ifndef HOOKSWITCH_KV_H
#define HOOKSWITCH_KV_H

#include <hookswitch/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* No key has more bytes. What would need a longer one, as a very long name, is refused with HSW_EINVAL. */
#define HSW_KV_KEY_MAX 500

/* One change of a batch. The strings are borrowed until write returns. */
struct hsw_kv_change {
	struct hsw_str key; /* 1 to HSW_KV_KEY_MAX bytes */
	struct hsw_str
		value; /* of a put; some are tens of MB, as the option max_body says; never empty */
	int is_delete; /* not 0: the pair goes, and it is no error where there is none */
};

/* Takes a pair; both are borrowed until it returns. Not 0: the scan ends, with HSW_OK. */
typedef int hsw_kv_fn(void *arg, struct hsw_str key, struct hsw_str value);

/*
 * The backend. Those that return int return HSW_OK or one of enum hsw_err, with a text for people in err: what
 * failed, where, what to do; never a secret. All but idle are there.
 */
struct hsw_kv_ops {
	uint32_t size; /* sizeof(struct hsw_kv_ops) */

	/*
	 * Opens the map, or makes an empty one, and sets *self, which the other calls get. conf is the struct
	 * that the options filled; it, and host for log, are there until close. Keeps other processes away, or fails
	 * with HSW_EIO: the library remembers what it wrote. On errors nothing stays open.
	 */
	int (*open)(const struct hsw_host *host, struct hsw_handle *handle, const void *conf,
		void **self, struct hsw_error *err);
	/*
	 * Makes all n changes (1 or more) or none, and returns HSW_OK only when they are durable: a power cut does
	 * not undo them. They come by key ascending, each key once, so their order does not matter. is_new: not 0:
	 * there is something new among them; a map that is nearly full refuses such batches with HSW_ELIMIT and
	 * keeps its last room for the others, which record progress and delete.
	 * HSW_ELIMIT: full, and none was made; HSW_EAGAIN: busy or away (both: it may work later); HSW_EIO,
	 * HSW_ENOMEM. After these three all or none may have been made: the library looks, before it goes on, and
	 * does not append those events again. What `scan` shows by then is durable when the next write was HSW_OK.
	 */
	int (*write)(void *self, const struct hsw_kv_change *changes, size_t n, int is_new,
		struct hsw_error *err);
	/*
	 * Calls fn for the pairs with key >= from, ascending, until it does not return 0 or no pair is left. from is
	 * not empty. Most scans end after one pair. All that write has returned HSW_OK for is seen. HSW_EAGAIN,
	 * HSW_EIO, HSW_ENOMEM.
	 */
	int (*scan)(
		void *self, struct hsw_str from, hsw_kv_fn *fn, void *arg, struct hsw_error *err);
	/* How many bytes of the room pairs take, with what indexes and partly filled pages take; what deleting set
	 * free is not in it. May be an estimate, but falls when much was deleted. Called every second: no
	 * scan. */
	int64_t (*bytes)(void *self);
	/* Frees everything. No other call follows. */
	void (*close)(void *self);
	/* Called when there is nothing else to do: compaction and the like, 50 ms at most. Optional: may be NULL. */
	void (*idle)(void *self);
};

/*
 * Makes the plugin, as HSW_PLUGIN does. kv_: a constant pointer to the backend's struct hsw_kv_ops. What follows it
 * are more members of the struct hsw_store_ops, if any, for `exists` and `check`, which need no open store:
 *   HSW_KV_STORE("mine", "1.0", "...", sizeof(struct conf), options, &kv, .exists = my_exists);
 * (C only: it uses designated initialisers.)
 */
#define HSW_KV_STORE(name_, version_, summary_, conf_size_, options_, kv_, ...)               \
	static int hsw_kv_store_open(const struct hsw_host *host, struct hsw_handle *handle,  \
		const void *conf, void **self, struct hsw_error *err)                         \
	{                                                                                     \
		return hsw_kv_open((kv_), host, handle, conf, self, err);                     \
	}                                                                                     \
	static const struct hsw_store_ops hsw_kv_store_ops = { .size = sizeof(                \
								       struct hsw_store_ops), \
		.open = hsw_kv_store_open,                                                    \
		.commit = hsw_kv_commit,                                                      \
		.read = hsw_kv_read,                                                          \
		.read_seqs = hsw_kv_read_seqs,                                                \
		.attach = hsw_kv_attach,                                                      \
		.cursors = hsw_kv_cursors,                                                    \
		.retries = hsw_kv_retries,                                                    \
		.dead = hsw_kv_dead,                                                          \
		.dead_counts = hsw_kv_dead_counts,                                            \
		.dead_replay = hsw_kv_dead_replay,                                            \
		.dead_purge = hsw_kv_dead_purge,                                              \
		.prune = hsw_kv_prune,                                                        \
		.stats = hsw_kv_stats,                                                        \
		.idle = hsw_kv_idle,                                                          \
		.close = hsw_kv_close,                                                        \
		.records = hsw_kv_records,                                                    \
		.detach = hsw_kv_detach,                                                      \
		.memos = hsw_kv_memos,                                                        \
		.forget_memos = hsw_kv_forget_memos,                                          \
		.usage = hsw_kv_usage,                                                        \
		.dead_expire = hsw_kv_dead_expire,                                            \
		__VA_ARGS__ };                                                                \
	HSW_PLUGIN(HSW_STORE, name_, version_, summary_, conf_size_, options_, &hsw_kv_store_ops)

/*
 * What HSW_KV_STORE puts together: each is the member of struct hsw_store_ops of its name, which store.h describes,
 * and none is called by a backend. What is particular about them:
 *
 * A value that is damaged, or was written by a newer version, ends a call with HSW_EIO and a text that names the
 * key; nothing is passed over, but for retries and dead letters whose event is gone, which are not listed.
 *
 * A commit is one `write`. Later writes of a batch see the earlier ones.
 */

/* open: also opens the backend, and closes it again on errors. HSW_EIO: it holds something else than a journal, or
 * one of a newer version. */
int hsw_kv_open(const struct hsw_kv_ops *kv, const struct hsw_host *host, struct hsw_handle *handle,
	const void *conf, void **self, struct hsw_error *err);
/* commit. HSW_EINVAL: a destination that is not attached, or a name that makes too long a key. HSW_ENOENT of a
 * HSW_WRITE_RECORD_IF that comes again: also where it failed before and was done all the same. */
int hsw_kv_commit(void *self, struct hsw_write *const *writes, size_t n, struct hsw_error *err);
/* read. */
int hsw_kv_read(void *self, int64_t after, size_t max_events, size_t max_bytes, hsw_event_fn *fn,
	void *arg, struct hsw_error *err);
/* read_seqs. */
int hsw_kv_read_seqs(void *self, const int64_t *seqs, size_t n, hsw_event_fn *fn, void *arg,
	struct hsw_error *err);
/* attach. HSW_EINVAL: too long a name. */
int hsw_kv_attach(void *self, struct hsw_str destination, int64_t *cursor, struct hsw_error *err);
/* cursors: from memory, by name. */
int hsw_kv_cursors(void *self, hsw_cursor_fn *fn, void *arg, struct hsw_error *err);
/* retries. */
int hsw_kv_retries(void *self, struct hsw_str destination, int64_t after, size_t limit,
	hsw_exception_fn *fn, void *arg, struct hsw_error *err);
/* dead. */
int hsw_kv_dead(void *self, const struct hsw_dead_query *q, hsw_exception_fn *fn, void *arg,
	struct hsw_error *err);
/* dead_counts: walks through all dead letters. */
int hsw_kv_dead_counts(void *self, hsw_count_fn *fn, void *arg, struct hsw_error *err);
/* dead_replay: takes memory for each letter, about 600 bytes. */
int hsw_kv_dead_replay(
	void *self, const struct hsw_dead_query *q, int64_t due, size_t *n, struct hsw_error *err);
/* dead_purge: takes memory for each letter, about 250 bytes. */
int hsw_kv_dead_purge(void *self, const struct hsw_dead_query *q, size_t *n, struct hsw_error *err);
/* prune. */
int hsw_kv_prune(
	void *self, int64_t upto, int64_t before_ms, size_t max, size_t *n, struct hsw_error *err);
/* stats: bytes are those that the backend says are in use. */
int hsw_kv_stats(void *self, struct hsw_store_stats *stats, struct hsw_error *err);
/* idle. */
void hsw_kv_idle(void *self);
/* close: also closes the backend. */
void hsw_kv_close(void *self);
/* records. */
int hsw_kv_records(void *self, hsw_record_fn *fn, void *arg, struct hsw_error *err);
/* detach: takes memory for each retry and dead letter, about 250 bytes. */
int hsw_kv_detach(void *self, struct hsw_str destination, struct hsw_error *err);
/* memos. */
int hsw_kv_memos(void *self, struct hsw_str kind, int64_t since_ms, hsw_memo_fn *fn, void *arg,
	struct hsw_error *err);
/* forget_memos. */
int hsw_kv_forget_memos(void *self, struct hsw_str kind, int64_t before_ms, struct hsw_error *err);
/* usage. */
int hsw_kv_usage(void *self, struct hsw_store_usage *usage, struct hsw_error *err);
/* dead_expire: where a pass is, is kept in memory: a new start begins a new one. */
int hsw_kv_dead_expire(void *self, int64_t before_ms, size_t max, size_t *n, int *is_through,
	struct hsw_error *err);

#ifdef __cplusplus
}
#endif
#endif
