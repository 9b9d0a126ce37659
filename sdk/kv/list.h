/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list.h - pairs in memory: a batch of changes that is being made, or a page of rows that was read.
 *
 *	bytes:  key0 value0 key1 value1 ...
 *	items:  at, value_at of each; a value ends where the next key begins
 */
#ifndef HSW_KV_LIST_H
#define HSW_KV_LIST_H

#include "code.h"

struct kv_item {
	size_t at, value_at, end; /* end: set by kv_list_changes */
	bool is_delete;
};

/* What bytes.rc says is the first error of all that was added. */
struct kv_list {
	struct kv_bytes bytes;
	struct kv_item *items;
	size_t n, room;
};

void kv_list_free(struct kv_list *l);
/* Forgets the pairs and keeps the memory. */
void kv_list_clear(struct kv_list *l);
/* Adds a put. What is added to the result next, until the next call, is its value. */
struct kv_bytes *kv_list_put(struct kv_list *l, const struct kv_key *key);
void kv_list_delete(struct kv_list *l, const struct kv_key *key);
/* Borrowed until something is added. */
struct hsw_str kv_list_key(const struct kv_list *l, size_t i);
struct hsw_str kv_list_value(const struct kv_list *l, size_t i);
/* The last change of the key, or NULL; its index in *i. */
const struct kv_item *kv_list_find(const struct kv_list *l, struct hsw_str key, size_t *i);
/* The last change of each key, by key ascending; the caller frees the array, its strings are the list's. NULL: out of
 * memory. The list is only freed or cleared afterwards. */
struct hsw_kv_change *kv_list_changes(struct kv_list *l, size_t *n);

#endif
