/* SPDX-License-Identifier: Apache-2.0 */
/* records.c - the configuration that is made at run time, and memos: lists that grow at one end and are
 * forgotten at the other. */
#include "postgres.h"

#define CHUNK 1024 /* memos that are read at a time: a window's ids are tens of megabytes */

void
record_add(struct postgres_store *s, const struct hsw_write *w)
{
	bool is_put = w->kind == HSW_WRITE_RECORD;
	struct params p = { 0 };

	params_bytes(&p, w->record->kind);
	params_bytes(&p, w->record->name);
	if (is_put)
		params_bytes(&p, w->record->text);
	query_add(s, is_put ? ST_RECORD : ST_FORGET, &p);
}

/* Who comes second waits at the row, and then sees that it is another one. */
void
record_replace_add(struct postgres_store *s, const struct hsw_write *w)
{
	struct params p = { 0 };

	params_bytes(&p, w->record->kind);
	params_bytes(&p, w->record->name);
	params_bytes(&p, w->record->text);
	if (w->text.len > 0)
		params_bytes(&p, w->text);
	query_add(s, w->text.len > 0 ? ST_RECORD_IF : ST_RECORD_NEW, &p);
}

void
memo_add(struct postgres_store *s, const struct hsw_write *w)
{
	struct params p = { 0 };

	params_bytes(&p, w->record->kind);
	params_bigint(&p, w->at_ms);
	params_bytes(&p, w->record->text);
	query_add(s, ST_MEMO, &p);
}

int
store_records(void *self, hsw_record_fn *fn, void *arg, struct hsw_error *err)
{
	PGresult *r = NULL;
	int rc = query_one(self, ST_RECORDS, NULL, "reading records", &r, err);

	for (int i = 0; i < PQntuples(r); i++) {
		const struct hsw_store_record record = { result_bytes(r, i, 0),
			result_bytes(r, i, 1), result_bytes(r, i, 2) };
		if (fn(arg, &record) != HSW_OK)
			break;
	}
	PQclear(r);
	return rc;
}

int
store_memos_after(void *self, struct hsw_str kind, int64_t since_ms, int64_t *after,
	hsw_memo_fn *fn, void *arg, struct hsw_error *err)
{
	bool goes_on = true;
	int rc = HSW_OK;

	while (rc == HSW_OK && goes_on) {
		struct params p = { 0 };
		PGresult *r = NULL;
		params_bytes(&p, kind);
		params_bigint(&p, since_ms);
		params_bigint(&p, *after);
		params_bigint(&p, CHUNK);
		rc = query_one(self, ST_MEMOS, &p, "reading memos", &r, err);
		goes_on = PQntuples(r) == CHUNK;
		for (int i = 0; i < PQntuples(r); i++) {
			*after = result_bigint(r, i, 0);
			if (fn(arg, result_bigint(r, i, 1), result_bytes(r, i, 2)) == HSW_OK)
				continue;
			goes_on = false;
			break;
		}
		PQclear(r);
	}
	return rc;
}

int
store_memos(void *self, struct hsw_str kind, int64_t since_ms, hsw_memo_fn *fn, void *arg,
	struct hsw_error *err)
{
	int64_t after = 0;

	return store_memos_after(self, kind, since_ms, &after, fn, arg, err);
}

int
store_forget_memos(void *self, struct hsw_str kind, int64_t before_ms, struct hsw_error *err)
{
	struct params p = { 0 };

	params_bytes(&p, kind);
	params_bigint(&p, before_ms);
	return query_one(self, ST_FORGET_MEMOS, &p, "forgetting memos", NULL, err);
}
