/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destinations.c - names of destinations and the small numbers that stand for them in the tables. All names
 * are kept in memory, sorted, and read anew with each connection.
 */
#include "postgres.h"

int64_t
destinations_id(const struct postgres_store *s, struct hsw_str name)
{
	return names_find(&s->known, name);
}

static int
remember(struct postgres_store *s, struct hsw_str name, int64_t id, struct hsw_error *err)
{
	int rc = names_add(&s->known, name, id);

	return rc == HSW_OK ? rc : pg_error(err, rc, "out of memory");
}

void
destinations_free(struct postgres_store *s)
{
	names_clear(&s->known);
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
		names_remove(&s->known, destination);
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
		names_remove(&s->known, destination);
	if (rc == HSW_OK && known != result_int(r, 0, 0))
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
	if (rc == HSW_OK && names_find(&s->known, destination) == id)
		names_remove(&s->known, destination);
	if (rc == HSW_OK)
		prune_tour_look_again(&s->tour, 1);
	return rc;
}
