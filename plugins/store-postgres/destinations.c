/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destinations.c - names of destinations and the small numbers that stand for them in the tables. All names
 * are kept in memory, sorted, and read anew with each connection.
 */
#include "postgres.h"

#include <stdlib.h>
#include <string.h>

struct known_destination {
	char *name;
	size_t len;
	int64_t id;
};

static int
compare(const struct known_destination *k, struct hsw_str name)
{
	size_t both = k->len < name.len ? k->len : name.len;
	int order = both > 0 ? memcmp(k->name, name.s, both) : 0;

	return order != 0 ? order : (k->len > name.len) - (k->len < name.len);
}

/* Where the name is, or where it would have to be inserted. */
static size_t
place_of(const struct postgres_store *s, struct hsw_str name)
{
	size_t low = 0, high = s->n_known;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (compare(&s->known[mid], name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

int64_t
destinations_id(const struct postgres_store *s, struct hsw_str name)
{
	size_t at = place_of(s, name);

	return at < s->n_known && compare(&s->known[at], name) == 0 ? s->known[at].id : 0;
}

static int
remember(struct postgres_store *s, struct hsw_str name, int64_t id, struct hsw_error *err)
{
	size_t at = place_of(s, name);
	struct known_destination *grown = realloc(s->known, (s->n_known + 1) * sizeof(*grown));
	char *copy = malloc(name.len + 1);

	if (grown != NULL)
		s->known = grown;
	if (grown == NULL || copy == NULL) {
		free(copy);
		return pg_error(err, HSW_ENOMEM, "out of memory");
	}
	memcpy(copy, name.s, name.len);
	memmove(&grown[at + 1], &grown[at], (s->n_known - at) * sizeof(*grown));
	grown[at] = (struct known_destination){ copy, name.len, id };
	s->n_known++;
	return HSW_OK;
}

void
destinations_free(struct postgres_store *s)
{
	for (size_t i = 0; i < s->n_known; i++)
		free(s->known[i].name);
	free(s->known);
	s->known = NULL;
	s->n_known = 0;
}

int
destinations_load(struct postgres_store *s, struct hsw_error *err)
{
	PGresult *r = NULL;

	query_add(s, ST_CURSORS, NULL);
	int rc = query_run(s, "reading destinations", 0, &r, NULL, err);
	if (rc != HSW_OK)
		return rc;
	destinations_free(s);
	for (int i = 0; i < PQntuples(r) && rc == HSW_OK; i++)
		rc = remember(s, result_bytes(r, i, 1), result_int(r, i, 0), err);
	PQclear(r);
	return rc;
}

static void
forget(struct postgres_store *s, size_t at)
{
	free(s->known[at].name);
	memmove(&s->known[at], &s->known[at + 1], (s->n_known - at - 1) * sizeof(s->known[0]));
	s->n_known--;
}

int
store_attach(void *self, struct hsw_str destination, int64_t *cursor, struct hsw_error *err)
{
	struct postgres_store *s = self;
	struct params p = { 0 };
	PGresult *r = NULL;
	int rc = session_need(s, err);

	if (rc != HSW_OK)
		return rc;
	params_bytes(&p, destination);
	if (destinations_id(s, destination) == 0)
		query_add(s, ST_ATTACH, &p);
	/* In a statement of its own, which sees what the first one made, or another daemon. */
	query_add(s, ST_DESTINATION, &p);
	int number = destinations_id(s, destination) == 0;
	rc = query_run(s, "adding a destination", number, &r, NULL, err);
	if (rc == HSW_OK && PQntuples(r) == 0 && number == 0) {
		/* Another node deleted it. */
		PQclear(r);
		forget(s, place_of(s, destination));
		return store_attach(s, destination, cursor, err);
	}
	if (rc != HSW_OK)
		return rc;
	if (PQntuples(r) != 1)
		rc = pg_error(err, HSW_EIO, "PostgreSQL: the destination was deleted by others");
	else
		*cursor = result_bigint(r, 0, 1);
	int64_t known = destinations_id(s, destination);
	if (rc == HSW_OK && known != 0 && known != result_int(r, 0, 0))
		s->known[place_of(s, destination)].id = result_int(r, 0, 0);
	if (rc == HSW_OK && known == 0)
		rc = remember(s, destination, result_int(r, 0, 0), err);
	PQclear(r);
	return rc;
}

int
store_cursors(void *self, hsw_cursor_fn *fn, void *arg, struct hsw_error *err)
{
	PGresult *r = NULL;
	int rc = query_one(self, ST_CURSORS, NULL, "reading cursors", &r, err);

	for (int i = 0; i < PQntuples(r); i++) {
		if (fn(arg, result_bytes(r, i, 1), result_bigint(r, i, 2)) != HSW_OK)
			break;
	}
	PQclear(r);
	return rc;
}

/* What held events back may be gone, so pruning begins again. */
int
store_detach(void *self, struct hsw_str destination, struct hsw_error *err)
{
	struct postgres_store *s = self;
	struct params p = { 0 };
	int64_t id = destinations_id(s, destination);

	if (id == 0)
		return HSW_OK;
	params_int(&p, (int)id);
	int rc = query_one(s, ST_DETACH, &p, "forgetting a destination", NULL, err);
	/* A new connection has read the names anew. */
	size_t at = place_of(s, destination);
	if (rc == HSW_OK && at < s->n_known && s->known[at].id == id)
		forget(s, at);
	if (rc == HSW_OK)
		prune_look_again(s, 0);
	return rc;
}
