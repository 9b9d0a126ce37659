/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map.h - the store that kv.h makes of a backend: what it remembers, and its way to the backend.
 *
 * The rows of a table are in code.h. What is remembered is what the backend has: kv_ready reads it afresh where a
 * write has failed, and may have been done after all.
 */
#ifndef HSW_KV_MAP_H
#define HSW_KV_MAP_H

#include "list.h"

#define KV_STOP 1 /* of a row_fn: no more rows, and no error */

/* A destination. staged: the cursor as the commit that is under way leaves it. */
struct kv_destination {
	int64_t cursor, staged;
	size_t len;
	char name[];
};

struct kv_store {
	const struct hsw_kv_ops *ops;
	void *backend;
	bool is_unsure; /* a write failed: what is below may not be so */
	struct kv_meta meta;
	struct kv_destination **known; /* by name */
	size_t known_count, known_room;
	int64_t pruned_upto; /* see prune.c */
	/* The last dead letter that the pass of dead_expire has looked at; 0, "": none. */
	int64_t expired_seq;
	struct kv_strings expired_who;
	struct kv_stored *stored; /* see again.c; stored_count: of all that ever were in it */
	size_t stored_count;
};

__attribute__((format(printf, 3, 4))) int kv_error(
	struct hsw_error *err, int rc, const char *fmt, ...);
/* HSW_EIO: the value of a row is not one. */
int kv_damaged(struct hsw_error *err, const struct kv_key *key);

/* Before what is remembered is used or changed. */
int kv_ready(struct kv_store *s, struct hsw_error *err);

/* Makes the changes of the list, which has its errors, too. None: HSW_OK. */
int kv_write(struct kv_store *s, struct kv_list *changes, bool is_new, struct hsw_error *err);

/* Takes a row: HSW_OK, KV_STOP or an error, which ends the scan and is its result. It does not call the backend. */
typedef int kv_row_fn(
	void *arg, const struct kv_key *key, struct hsw_str value, struct hsw_error *err);
/* The rows of from's table that are not before it; is_one: of its `who` only. */
int kv_scan(struct kv_store *s, const struct kv_key *from, bool is_one, kv_row_fn *fn, void *arg,
	struct hsw_error *err);
/* The row of this key, if there is one. */
int kv_get(struct kv_store *s, const struct kv_key *key, kv_row_fn *fn, void *arg,
	struct hsw_error *err);

/* ---- events that come again ---- */

/* The events behind seq `after` are those of a write that failed. HSW_OK or why they could not be read. */
int kv_note_stored(struct kv_store *s, int64_t after, struct hsw_error *err);
/* Whether the event is one of those, and was received since then. */
bool kv_is_stored(const struct kv_store *s, const struct hsw_store_event *e, int64_t since_ms);

/* ---- destinations ---- */

/* NULL: it is not attached. */
struct kv_destination *kv_destination(const struct kv_store *s, struct hsw_str name);
int kv_destinations_load(struct kv_store *s, struct hsw_error *err);
void kv_destinations_free(struct kv_store *s);

/* ---- exceptions ---- */

/* A retry or a dead letter that is taken out of the table, with what names its event. */
void kv_delete_exception(
	struct kv_list *l, enum kv_table table, struct hsw_str destination, int64_t seq);
struct kv_bytes *kv_put_exception(
	struct kv_list *l, enum kv_table table, struct hsw_str destination, int64_t seq);
/* Those of a table, KV_RETRY or KV_DEAD, that a query matches. without_event: x->event is NULL. */
int kv_exceptions(struct kv_store *s, enum kv_table table, const struct hsw_dead_query *q,
	bool without_event, hsw_exception_fn *fn, void *arg, struct hsw_error *err);

/* ---- pruning ---- */

/* There may be events at seq, or before, that nothing names any more. */
void kv_look_again(struct kv_store *s, int64_t seq);
/* The first one at or after from: *seq is INT64_MAX where there is none. */
int kv_next_event(struct kv_store *s, int64_t from, int64_t *seq, int64_t *received_ms,
	struct hsw_error *err);

#endif
