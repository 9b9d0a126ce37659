/* SPDX-License-Identifier: Apache-2.0 */
/*
 * append.c - the events of a batch as one statement's parameters: an array for each column.
 */
#include "postgres.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define STAGE_BYTES (256 * 1024) /* an append from here on is sent ahead */
#define STAGE_IDLE_MS 60000      /* a table that was not used for so long is dropped */

enum column {
	COL_RECEIVED,
	COL_ID,
	COL_INSTANCE,
	COL_TYPE,
	COL_PROVIDER,
	COL_KEY,
	COL_LAYOUT,
	COL_BODY,
	COL_WORD,
	COLUMNS
};

struct append {
	int64_t since_ms;
	bool is_staged;
	size_t size;
	size_t sizes[COLUMNS], at[COLUMNS]; /* of each array in bytes */
	char bytes[];
};

static bool
is_number(enum column c)
{
	return c == COL_RECEIVED || c == COL_WORD;
}

/* The bytes of one element; numbers are put into wire. */
static struct hsw_str
element(const struct hsw_store_event *e, enum column c, uint64_t *wire)
{
	switch (c) {
	case COL_RECEIVED:
		*wire = htobe64((uint64_t)e->received_ms);
		break;
	case COL_WORD:
		memcpy(wire, e->id, sizeof(*wire));
		break;
	case COL_ID:
		return (struct hsw_str){ (const char *)e->id, sizeof(e->id) };
	case COL_INSTANCE:
		return e->instance;
	case COL_TYPE:
		return e->type;
	case COL_PROVIDER:
		return e->provider;
	case COL_KEY:
		return e->key;
	case COL_LAYOUT:
		return e->layout;
	case COL_BODY:
		return e->body;
	case COLUMNS:
		break;
	}
	return (struct hsw_str){ (const char *)wire, sizeof(*wire) };
}

static char *
put_column(char *to, struct hsw_write *const *writes, size_t n_writes, size_t n, enum column c)
{
	to = array_head(to, is_number(c) ? ARRAY_OF_BIGINT : ARRAY_OF_BYTEA, n);
	for (size_t i = 0; i < n_writes; i++) {
		uint64_t wire;
		if (writes[i]->kind != HSW_WRITE_EVENT)
			continue;
		to = array_element(to, element(writes[i]->event, c, &wire));
	}
	return to;
}

static size_t
column_size(struct hsw_write *const *writes, size_t n_writes, enum column c)
{
	size_t size = ARRAY_HEAD_BYTES;

	for (size_t i = 0; i < n_writes; i++) {
		uint64_t wire;
		if (writes[i]->kind == HSW_WRITE_EVENT)
			size += ARRAY_ELEMENT_BYTES + element(writes[i]->event, c, &wire).len;
	}
	return size;
}

/* The earliest at_ms of the events that are to be looked for; 0: none is. */
static int64_t
since(struct hsw_write *const *writes, size_t n)
{
	int64_t first = 0;

	for (size_t i = 0; i < n; i++) {
		int64_t at = writes[i]->kind == HSW_WRITE_EVENT ? writes[i]->at_ms : 0;
		if (at != 0 && (first == 0 || at < first))
			first = at;
	}
	return first;
}

struct append *
append_new(struct hsw_write *const *writes, size_t n_writes, size_t n)
{
	size_t sizes[COLUMNS], total = 0;

	for (int c = 0; c < COLUMNS; c++)
		total += sizes[c] = column_size(writes, n_writes, (enum column)c);
	struct append *a = malloc(sizeof(*a) + total);
	if (a == NULL)
		return NULL;
	a->since_ms = since(writes, n_writes);
	a->is_staged = false;
	a->size = total;
	char *to = a->bytes;
	for (int c = 0; c < COLUMNS; c++) {
		a->sizes[c] = sizes[c];
		a->at[c] = (size_t)(to - a->bytes);
		to = put_column(to, writes, n_writes, n, (enum column)c);
	}
	return a;
}

void
append_free(struct append *a)
{
	free(a);
}

static void
add_params(struct params *p, const struct append *a)
{
	for (int c = 0; c < COLUMNS; c++)
		params_bytes(p, (struct hsw_str){ a->bytes + a->at[c], a->sizes[c] });
	params_bigint(p, a->since_ms);
}

/*
 * A role that may not have temporary tables sends large events as it does small ones. What a table of the
 * session holds is neither logged nor synced; nothing in it is worth compressing.
 */
static int
need_stage(struct postgres_store *s, struct hsw_error *err)
{
	struct hsw_error why = { "" };

	if (s->has_stage || s->is_without_stage)
		return HSW_OK;
	query_add_text(s,
		"CREATE TEMPORARY TABLE hookswitch_staged (c1 bigint[], c2 bytea[], c3 bytea[],"
		" c4 bytea[], c5 bytea[], c6 bytea[], c7 bytea[], c8 bytea[], c9 bigint[], c10 "
		"bigint)",
		NULL);
	query_add_text(s,
		"ALTER TABLE pg_temp.hookswitch_staged ALTER c7 SET STORAGE EXTERNAL,"
		" ALTER c8 SET STORAGE EXTERNAL",
		NULL);
	int rc = query_run(s, "making a temporary table", 0, NULL, NULL, &why);
	s->has_stage = rc == HSW_OK;
	if (rc == HSW_OK)
		return rc;
	if (rc != HSW_EIO || s->db == NULL)
		return pg_error(err, rc, "%s", why.text);
	s->is_without_stage = true;
	s->host->log(s->handle, HSW_LOG_WARN,
		"large events are not sent ahead, so other daemons may have to wait for them: %s",
		why.text);
	return HSW_OK;
}

int
append_stage(struct postgres_store *s, struct append *a, struct hsw_error *err)
{
	struct params p = { 0 };
	int rc = a->size >= STAGE_BYTES ? need_stage(s, err) : HSW_OK;

	if (rc != HSW_OK || !s->has_stage || a->size < STAGE_BYTES)
		return rc;
	add_params(&p, a);
	query_add_text(s, "TRUNCATE pg_temp.hookswitch_staged", NULL);
	query_add_text(s,
		"INSERT INTO pg_temp.hookswitch_staged VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
		"$10)",
		&p);
	rc = query_run(s, "sending events", 0, NULL, NULL, err);
	a->is_staged = rc == HSW_OK;
	s->staged_at = session_now_ms();
	return rc;
}

int
append_drop_stage(struct postgres_store *s, struct hsw_error *err)
{
	if (!s->has_stage || session_now_ms() - s->staged_at < STAGE_IDLE_MS)
		return HSW_OK;
	int rc = session_need(s, err);
	if (rc != HSW_OK || !s->has_stage)
		return rc;
	query_add_text(s, "DROP TABLE pg_temp.hookswitch_staged", NULL);
	rc = query_run(s, "dropping a temporary table", 0, NULL, NULL, err);
	s->has_stage = rc != HSW_OK;
	return rc;
}

void
append_add(struct postgres_store *s, const struct append *a)
{
	struct params p = { 0 };

	if (a->since_ms != 0)
		s->ids_since_ms = a->since_ms;
	if (a->is_staged) {
		query_add_text(s, statement_append_staged, NULL);
		return;
	}
	add_params(&p, a);
	query_add(s, ST_APPEND, &p);
}

/* The rows are those of the events that were appended, in the order of the batch. */
void
append_number(struct postgres_store *s, struct hsw_write *const *writes, size_t n_writes,
	const PGresult *r)
{
	int row = 0;

	for (size_t i = 0; i < n_writes; i++) {
		if (writes[i]->kind != HSW_WRITE_EVENT)
			continue;
		struct hsw_store_event *e = writes[i]->event;
		bool is_it = row < PQntuples(r) && PQgetlength(r, row, 1) == sizeof(e->id) &&
			memcmp(PQgetvalue(r, row, 1), e->id, sizeof(e->id)) == 0;
		e->seq = is_it ? result_bigint(r, row, 0) : 0;
		if (e->seq > s->last_seq)
			s->last_seq = e->seq;
		row += is_it;
	}
}
