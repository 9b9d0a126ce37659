/* SPDX-License-Identifier: Apache-2.0 */
/* destinations.c - who gets events, and how far each one is. All are kept in memory, too. */
#include <stdlib.h>
#include <string.h>

#include "map.h"

/* Where the name is, or would be. */
static size_t
place(const struct kv_store *s, struct hsw_str name)
{
	size_t low = 0, high = s->known_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct kv_destination *d = s->known[middle];
		if (kv_compare((struct hsw_str){ d->name, d->len }, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct kv_destination *
kv_destination(const struct kv_store *s, struct hsw_str name)
{
	size_t i = place(s, name);
	struct kv_destination *d = i < s->known_count ? s->known[i] : NULL;

	return d != NULL && kv_is_same((struct hsw_str){ d->name, d->len }, name) ? d : NULL;
}

/* A destination that is not among the known ones yet; there is room for it. NULL: out of memory. */
static struct kv_destination *
make(struct kv_store *s, struct hsw_str name, int64_t cursor)
{
	if (s->known_count == s->known_room) {
		size_t room = 2 * s->known_room + 8;
		struct kv_destination **known = realloc(s->known, room * sizeof(*known));
		if (known == NULL)
			return NULL;
		s->known = known;
		s->known_room = room;
	}
	struct kv_destination *d = malloc(sizeof(*d) + name.len);
	if (d == NULL)
		return NULL;
	d->cursor = d->staged = cursor;
	d->len = name.len;
	if (name.len > 0)
		memcpy(d->name, name.s, name.len);
	return d;
}

static void
remember(struct kv_store *s, struct kv_destination *d)
{
	size_t i = place(s, (struct hsw_str){ d->name, d->len });

	memmove(&s->known[i + 1], &s->known[i], (s->known_count++ - i) * sizeof(d));
	s->known[i] = d;
}

static int
load_row(void *arg, const struct kv_key *key, struct hsw_str value, struct hsw_error *err)
{
	struct kv_store *s = arg;
	int64_t cursor;

	if (!kv_read_cursor(value, &cursor))
		return kv_damaged(err, key);
	struct kv_destination *d = make(s, key->who, cursor);
	if (d == NULL)
		return kv_error(err, HSW_ENOMEM, "out of memory");
	remember(s, d);
	return HSW_OK;
}

int
kv_destinations_load(struct kv_store *s, struct hsw_error *err)
{
	kv_destinations_free(s);
	return kv_scan(s, &(struct kv_key){ .table = KV_CURSOR }, false, load_row, s, err);
}

void
kv_destinations_free(struct kv_store *s)
{
	for (size_t i = 0; i < s->known_count; i++)
		free(s->known[i]);
	free(s->known);
	s->known = NULL;
	s->known_count = s->known_room = 0;
}

/* At the end of the log. Also in a store that is nearly full: without it the daemon does not start. */
static int
add(struct kv_store *s, struct hsw_str name, struct hsw_error *err)
{
	struct kv_destination *d = make(s, name, s->meta.last_seq);
	struct kv_list list = { .n = 0 };

	if (d == NULL)
		return kv_error(err, HSW_ENOMEM, "out of memory");
	kv_add_cursor(
		kv_list_put(&list, &(struct kv_key){ .table = KV_CURSOR, .who = name }), d->cursor);
	int rc = kv_write(s, &list, false, err);
	kv_list_free(&list);
	if (rc == HSW_OK)
		remember(s, d);
	else
		free(d);
	return rc;
}

int
hsw_kv_attach(void *self, struct hsw_str destination, int64_t *cursor, struct hsw_error *err)
{
	struct kv_store *s = self;
	int rc = kv_ready(s, err);

	if (rc != HSW_OK)
		return rc;
	const struct kv_destination *d = kv_destination(s, destination);
	*cursor = d != NULL ? d->cursor : s->meta.last_seq;
	return d != NULL ? HSW_OK : add(s, destination, err);
}

int
hsw_kv_cursors(void *self, hsw_cursor_fn *fn, void *arg, struct hsw_error *err)
{
	struct kv_store *s = self;
	int rc = kv_ready(s, err);

	for (size_t i = 0; rc == HSW_OK && i < s->known_count; i++) {
		const struct kv_destination *d = s->known[i];
		if (fn(arg, (struct hsw_str){ d->name, d->len }, d->cursor) != HSW_OK)
			break;
	}
	return rc;
}

static int
delete_row(void *arg, const struct kv_key *key, struct hsw_str value, struct hsw_error *err)
{
	struct kv_list *list = arg;

	(void)value;
	(void)err; /* of the list: kv_write tells it */
	kv_delete_exception(list, key->table, key->who, key->seq);
	return list->bytes.rc == HSW_OK ? HSW_OK : KV_STOP;
}

static int
delete_all(struct kv_store *s, struct hsw_str name, struct kv_list *list, struct hsw_error *err)
{
	static const enum kv_table tables[] = { KV_RETRY, KV_DEAD };
	int rc = HSW_OK;

	for (size_t i = 0; rc == HSW_OK && i < sizeof(tables) / sizeof(tables[0]); i++) {
		const struct kv_key from = { .table = tables[i], .who = name, .seq = INT64_MIN };
		rc = kv_scan(s, &from, true, delete_row, list, err);
	}
	kv_list_delete(list, &(struct kv_key){ .table = KV_CURSOR, .who = name });
	return rc == HSW_OK ? kv_write(s, list, false, err) : rc;
}

int
hsw_kv_detach(void *self, struct hsw_str destination, struct hsw_error *err)
{
	struct kv_store *s = self;
	struct kv_list list = { .n = 0 };
	int rc = kv_ready(s, err);

	if (rc != HSW_OK || kv_destination(s, destination) == NULL)
		return rc;
	rc = delete_all(s, destination, &list, err);
	kv_list_free(&list);
	if (rc != HSW_OK)
		return rc;
	size_t i = place(s, destination);
	free(s->known[i]);
	memmove(&s->known[i], &s->known[i + 1], (--s->known_count - i) * sizeof(s->known[0]));
	kv_look_again(s, 0);
	return HSW_OK;
}
