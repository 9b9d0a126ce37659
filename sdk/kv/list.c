/* SPDX-License-Identifier: Apache-2.0 */
/* list.c - see list.h. */
#include "list.h"

#include <stdlib.h>

#define FIRST_ROOM 16
#define KEPT_BYTES (1 << 20) /* that a list keeps when it is cleared */

void
kv_list_free(struct kv_list *l)
{
	kv_bytes_free(&l->bytes);
	free(l->items);
	*l = (struct kv_list){ .n = 0 };
}

void
kv_list_clear(struct kv_list *l)
{
	if (l->bytes.room > KEPT_BYTES)
		kv_bytes_free(&l->bytes);
	l->bytes.len = 0;
	l->bytes.rc = HSW_OK;
	l->n = 0;
}

static bool
make_room(struct kv_list *l)
{
	if (l->n < l->room)
		return true;
	size_t room = l->room > 0 ? 2 * l->room : FIRST_ROOM;
	struct kv_item *items = realloc(l->items, room * sizeof(*items));
	if (items == NULL) {
		l->bytes.rc = HSW_ENOMEM;
		return false;
	}
	l->items = items;
	l->room = room;
	return true;
}

static void
add(struct kv_list *l, const struct kv_key *key, bool is_delete)
{
	if (l->bytes.rc != HSW_OK || !make_room(l))
		return;
	struct kv_item *item = &l->items[l->n];
	*item = (struct kv_item){ .at = l->bytes.len, .is_delete = is_delete };
	kv_add_key(&l->bytes, key);
	item->value_at = l->bytes.len;
	if (l->bytes.rc == HSW_OK)
		l->n++;
}

struct kv_bytes *
kv_list_put(struct kv_list *l, const struct kv_key *key)
{
	add(l, key, false);
	return &l->bytes;
}

void
kv_list_delete(struct kv_list *l, const struct kv_key *key)
{
	add(l, key, true);
}

struct hsw_str
kv_list_key(const struct kv_list *l, size_t i)
{
	const struct kv_item *item = &l->items[i];

	return (struct hsw_str){ l->bytes.s + item->at, item->value_at - item->at };
}

struct hsw_str
kv_list_value(const struct kv_list *l, size_t i)
{
	size_t end = i + 1 < l->n ? l->items[i + 1].at : l->bytes.len;

	return (struct hsw_str){ l->bytes.s + l->items[i].value_at, end - l->items[i].value_at };
}

const struct kv_item *
kv_list_find(const struct kv_list *l, struct hsw_str key, size_t *i)
{
	for (*i = l->n; (*i)-- > 0;) {
		if (kv_is_same(kv_list_key(l, *i), key))
			return &l->items[*i];
	}
	return NULL;
}

/* By key; those of the same key in the order in which they were made. */
static int
compare_items(const void *a, const void *b, void *bytes)
{
	const struct kv_item *x = a, *y = b;
	const char *s = bytes;
	int c = kv_compare((struct hsw_str){ s + x->at, x->value_at - x->at },
		(struct hsw_str){ s + y->at, y->value_at - y->at });

	return c != 0 ? c : (x->at > y->at) - (x->at < y->at);
}

static struct hsw_kv_change
change_of(const struct kv_list *l, const struct kv_item *item)
{
	const char *s = l->bytes.s;

	return (struct hsw_kv_change){ .key = { s + item->at, item->value_at - item->at },
		.value = { s + item->value_at, item->end - item->value_at },
		.is_delete = item->is_delete };
}

struct hsw_kv_change *
kv_list_changes(struct kv_list *l, size_t *n)
{
	struct hsw_kv_change *changes = calloc(l->n + 1, sizeof(*changes));

	*n = 0;
	if (changes == NULL)
		return NULL;
	for (size_t i = 0; i < l->n; i++)
		l->items[i].end = i + 1 < l->n ? l->items[i + 1].at : l->bytes.len;
	if (l->n > 1)
		qsort_r(l->items, l->n, sizeof(*l->items), compare_items, l->bytes.s);
	for (size_t i = 0; i < l->n; i++) {
		struct hsw_kv_change change = change_of(l, &l->items[i]);
		if (*n > 0 && kv_is_same(changes[*n - 1].key, change.key))
			--*n;
		changes[(*n)++] = change;
	}
	return changes;
}
