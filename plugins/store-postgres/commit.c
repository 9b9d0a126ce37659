/* SPDX-License-Identifier: Apache-2.0 */
/* commit.c - a batch of writes in one transaction and one round trip. */
#include <string.h>

#include "node.h"

#define APPEND_NUMBER 2 /* of ST_APPEND among the statements */

static void
add_exception(struct postgres_store *s, enum statement which, const struct hsw_write *w,
	int64_t destination, int64_t time_ms)
{
	struct params p = { 0 };

	params_int(&p, (int)destination);
	params_bigint(&p, w->seq);
	params_int(&p, w->attempts);
	params_bigint(&p, time_ms);
	params_int(&p, w->status);
	params_bytes(&p, w->text);
	query_add(s, which, &p);
}

static void
add_short(struct postgres_store *s, enum statement which, const struct hsw_write *w,
	int64_t destination)
{
	struct params p = { 0 };

	params_int(&p, (int)destination);
	params_bigint(&p, w->seq);
	query_add(s, which, &p);
}

void
touch_add(struct postgres_store *s, int64_t first, int64_t last)
{
	struct params p = { 0 };

	params_int(&p, (int)first);
	params_int(&p, (int)last);
	params_bytes(&p, (struct hsw_str){ s->node_name, strlen(s->node_name) });
	query_add(s, ST_TOUCH, &p);
}

static void
add_write(struct postgres_store *s, const struct hsw_write *w)
{
	int64_t id = destinations_id(s, w->destination);

	switch (w->kind) {
	case HSW_WRITE_EVENT:
		return; /* all in one statement */
	case HSW_WRITE_CURSOR:
		add_short(s, ST_CURSOR, w, id);
		return;
	case HSW_WRITE_RETRY:
		add_exception(s, ST_RETRY, w, id, w->due_ms);
		/* Also where this node serves it, as it thinks: it may have stood still for a while. */
		if (s->node != NULL)
			touch_add(s, id, id);
		return;
	case HSW_WRITE_SETTLED:
		prune_tour_look_again(&s->tour, w->seq);
		add_short(s, ST_SETTLED, w, id);
		return;
	case HSW_WRITE_DEAD:
		add_exception(s, ST_DEAD, w, id, w->at_ms);
		return;
	case HSW_WRITE_RECORD:
	case HSW_WRITE_FORGET:
		record_add(s, w);
		return;
	case HSW_WRITE_RECORD_IF:
		record_replace_add(s, w);
		return;
	case HSW_WRITE_MEMO:
		memo_add(s, w);
		return;
	}
}

/* Whether the write can be done; it is not begun otherwise. */
static int
check(const struct postgres_store *s, const struct hsw_write *w, struct hsw_error *err)
{
	switch (w->kind) {
	case HSW_WRITE_EVENT:
	case HSW_WRITE_RECORD:
	case HSW_WRITE_FORGET:
	case HSW_WRITE_RECORD_IF:
	case HSW_WRITE_MEMO:
		return HSW_OK;
	case HSW_WRITE_CURSOR:
	case HSW_WRITE_RETRY:
	case HSW_WRITE_SETTLED:
	case HSW_WRITE_DEAD:
		/* Another node may have forgotten it: then the write changes nothing. */
		if (destinations_id(s, w->destination) != 0 || s->node != NULL)
			return HSW_OK;
		return pg_error(err, HSW_EINVAL, "destination %.*s was never attached",
			(int)(w->destination.len < 100 ? w->destination.len : 100),
			w->destination.s);
	}
	return pg_error(err, HSW_EINVAL, "unknown kind of write %d", (int)w->kind);
}

static bool
is_setting(const struct hsw_write *w)
{
	const struct hsw_str attempts = { HSW_RECORD_ATTEMPTS, sizeof(HSW_RECORD_ATTEMPTS) - 1 };

	if (w->kind == HSW_WRITE_RECORD)
		return w->record->kind.len != attempts.len ||
			memcmp(w->record->kind.s, attempts.s, attempts.len) != 0;
	return w->kind == HSW_WRITE_RECORD_IF || w->kind == HSW_WRITE_FORGET;
}

static bool
has_settings(struct hsw_write *const *writes, size_t n)
{
	bool has = false;

	for (size_t i = 0; i < n; i++)
		has |= is_setting(writes[i]);
	return has;
}

/* The order in which events and memos appear is that of their numbers, so whoever adds some waits for the others.
 */
static bool
has_numbers(struct hsw_write *const *writes, size_t n)
{
	bool has = false;

	for (size_t i = 0; i < n; i++)
		has |= writes[i]->kind == HSW_WRITE_EVENT || writes[i]->kind == HSW_WRITE_MEMO;
	return has;
}

static int
transact(struct postgres_store *s, struct hsw_write *const *writes, size_t n,
	const struct append *events, bool *is_conflict, struct hsw_error *err)
{
	PGresult *r = NULL;

	query_add(s, ST_BEGIN, NULL);
	if (has_numbers(writes, n))
		lock_add(s, LOCK_LOG);
	else
		lock_add_wait(s);
	if (events != NULL)
		append_add(s, events);
	for (size_t i = 0; i < n; i++)
		add_write(s, writes[i]);
	if (has_settings(writes, n))
		query_add(s, ST_SETTINGS, NULL);
	if (events != NULL && node_has_company(s))
		query_add(s, ST_NOTIFY_EVENTS, NULL);
	query_add(s, ST_COMMIT, NULL);
	int rc = query_run(
		s, "committing", events != NULL ? APPEND_NUMBER : -1, &r, is_conflict, err);
	if (rc == HSW_OK && events != NULL)
		append_number(s, writes, n, r);
	PQclear(r);
	return rc;
}

/* Until it is done, or not for another transaction's sake. */
static int
transact_again(struct postgres_store *s, struct hsw_write *const *writes, size_t n,
	const struct append *events, struct hsw_error *err)
{
	struct lock_holder holder = { 0 };
	bool is_conflict = false;
	int rc = transact(s, writes, n, events, &is_conflict, err);

	for (int i = 1; i < CONFLICT_TRIES && is_conflict && s->db != NULL; i++) {
		rc = lock_look(s, LOCK_LOG, &holder, err);
		if (rc == HSW_OK)
			rc = transact(s, writes, n, events, &is_conflict, err);
		else
			is_conflict = false;
	}
	return rc;
}

/* A connection that breaks in the middle leaves it open whether the transaction was done: the daemon is told
 * that it was not, and what comes again is recognised by its id. */
int
store_commit(void *self, struct hsw_write *const *writes, size_t n, struct hsw_error *err)
{
	struct postgres_store *s = self;
	struct append *events = NULL;
	size_t n_events = 0;
	int rc = session_need(s, err);

	for (size_t i = 0; i < n && rc == HSW_OK; i++) {
		rc = check(s, writes[i], err);
		n_events += writes[i]->kind == HSW_WRITE_EVENT;
	}
	if (rc != HSW_OK)
		return rc;
	if (n_events > 0 && (events = append_new(writes, n, n_events)) == NULL)
		return pg_error(err, HSW_ENOMEM, "out of memory");
	if (events != NULL)
		rc = append_stage(s, events, err);
	if (rc == HSW_OK)
		rc = transact_again(s, writes, n, events, err);
	append_free(events);
	return rc;
}
