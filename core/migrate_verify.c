/* SPDX-License-Identifier: Apache-2.0 */
/* migrate_verify.c - whether the target has all that the source had, see migrate_impl.h. */
#include "migrate_impl.h"

#include <string.h>

#include "buf.h"
#include "err.h"
#include "journal.h"

/* Pages of events that are only counted. */
struct tally {
	size_t n;     /* of the page */
	int64_t last; /* seq */
};

static int
count_event(void *arg, const struct hsw_store_event *e)
{
	struct tally *t = arg;

	t->last = e->seq;
	t->n++;
	return HSW_OK;
}

static int
count_memo(void *arg, int64_t at_ms, struct hsw_str text)
{
	(void)at_ms;
	(void)text;
	++*(int64_t *)arg;
	return HSW_OK;
}

static int
count_exception(void *arg, const struct hsw_store_exception *x)
{
	(void)x;
	++*(int64_t *)arg;
	return HSW_OK;
}

static int
count_destination(void *arg, struct hsw_str name, int64_t cursor)
{
	(void)name;
	(void)cursor;
	++*(int64_t *)arg;
	return HSW_OK;
}

static int
count_record(void *arg, const struct hsw_store_record *r)
{
	*(int64_t *)arg += !str_is(r->kind, MIGRATE_STATE_KIND);
	return HSW_OK;
}

static int
count_events(struct job *j, int64_t *n)
{
	struct tally page = { .n = 1 };
	int rc = HSW_OK;

	while (rc == HSW_OK && page.n > 0) {
		page.n = 0;
		rc = j->to.ops->read(j->to.self, page.last, ALL_ROWS, PAGE_BODY_BYTES, count_event,
			&page, j->err);
		*n += (int64_t)page.n;
		j->progress(j->arg, "verifying", *n, j->source.events);
	}
	return rc;
}

static int
count_target(struct job *j, const struct batch *destinations, struct migrate_counts *c)
{
	const struct hsw_dead_query all = { .limit = 0 };
	int rc = count_events(j, &c->events);

	if (rc == HSW_OK)
		rc = j->to.ops->records(j->to.self, count_record, &c->records, j->err);
	if (rc == HSW_OK)
		rc = j->to.ops->cursors(j->to.self, count_destination, &c->destinations, j->err);
	if (rc == HSW_OK)
		rc = j->to.ops->dead(j->to.self, &all, count_exception, &c->dead, j->err);
	for (const char *const *kind = journal_memo_kinds; *kind != NULL && rc == HSW_OK; kind++)
		rc = j->to.ops->memos(
			j->to.self, str_of(*kind), INT64_MIN, count_memo, &c->memos, j->err);
	for (const struct row *r = destinations->first; r != NULL && rc == HSW_OK; r = r->next) {
		rc = j->to.ops->retries(j->to.self, r->write.destination, 0, SIZE_MAX,
			count_exception, &c->retries, j->err);
	}
	return rc;
}

int
migrate_verify(struct job *j, const struct batch *destinations, struct migrate_counts *c)
{
	int rc = count_target(j, destinations, c);

	if (rc != HSW_OK)
		return rc;
	j->source.destinations = (int64_t)destinations->n;
	if (memcmp(c, &j->source, sizeof(*c)) != 0)
		return err_set(j->err, HSW_EINVAL,
			"the target differs: %lld of %lld events, %lld of %lld retries, %lld of "
			"%lld dead "
			"letters, %lld of %lld destinations, %lld of %lld records, %lld of %lld "
			"memos: begin again with a new one",
			(long long)c->events, (long long)j->source.events, (long long)c->retries,
			(long long)j->source.retries, (long long)c->dead, (long long)j->source.dead,
			(long long)c->destinations, (long long)j->source.destinations,
			(long long)c->records, (long long)j->source.records, (long long)c->memos,
			(long long)j->source.memos);
	const struct hsw_store_record state = { .kind = str_of(MIGRATE_STATE_KIND),
		.name = str_of(STATE_NAME) };
	struct hsw_write w = { .kind = HSW_WRITE_FORGET, .record = &state };
	return j->to.ops->commit(j->to.self, (struct hsw_write *[]){ &w }, 1, j->err);
}
