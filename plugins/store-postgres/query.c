/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query.c - statements go out in one piece and their results come back in order, all within a time: the
 * connection never blocks by itself (PQsetnonblocking), poll does.
 */
#include "postgres.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

void
params_bytes(struct params *p, struct hsw_str bytes)
{
	p->values[p->n] = bytes.len > 0 ? bytes.s : "";
	p->lengths[p->n++] = (int)bytes.len;
}

void
params_bigint(struct params *p, int64_t value)
{
	uint64_t wire = htobe64((uint64_t)value);

	memcpy(p->numbers[p->n], &wire, sizeof(wire));
	p->lengths[p->n++] = sizeof(wire);
}

void
params_int(struct params *p, int value)
{
	uint32_t wire = htobe32((uint32_t)value);

	memcpy(p->numbers[p->n], &wire, sizeof(wire));
	p->lengths[p->n++] = sizeof(wire);
}

/* ---- queueing ---- */

static const int all_binary[PARAMS_MAX] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
static const struct params no_params;

/* Where each value is: a number stands in params itself, which may have been copied since. */
static void
locate(const struct params *p, const char **values)
{
	for (int i = 0; i < p->n; i++)
		values[i] = p->values[i] != NULL ? p->values[i] : p->numbers[i];
}

/* A statement that could not be queued makes the connection unusable: nothing of the others is sent, or
 * committed. */
void
query_add(struct postgres_store *s, enum statement which, const struct params *p)
{
	const char *values[PARAMS_MAX];

	if (p == NULL)
		p = &no_params;
	locate(p, values);
	if (PQsendQueryPrepared(
		    s->db, statement_name(which), p->n, values, p->lengths, all_binary, 1) == 0)
		s->is_incomplete = true;
}

void
query_add_text(struct postgres_store *s, const char *sql, const struct params *p)
{
	const char *values[PARAMS_MAX];

	if (p == NULL)
		p = &no_params;
	locate(p, values);
	if (PQsendQueryParams(s->db, sql, p->n, NULL, values, p->lengths, all_binary, 1) == 0)
		s->is_incomplete = true;
}

/* ---- running ---- */

/* Until the socket can be read, or written when that is wanted; false: the time is over. */
static bool
await_socket(struct postgres_store *s, bool wants_write)
{
	struct pollfd p = { .fd = PQsocket(s->db),
		.events = (short)(POLLIN | (wants_write ? POLLOUT : 0)) };

	for (;;) {
		int64_t left = s->deadline_ms - session_now_ms();
		if (left <= 0)
			return false;
		int n = poll(&p, 1, (int)left);
		if (n > 0 || (n < 0 && errno != EINTR))
			return true;
	}
}

/* Sends everything, taking in what comes meanwhile. false: see PQerrorMessage, or the time is over. */
static bool
flush(struct postgres_store *s, bool *is_late)
{
	int rc;

	while ((rc = PQflush(s->db)) > 0) {
		if (!await_socket(s, true)) {
			*is_late = true;
			return false;
		}
		if (PQconsumeInput(s->db) == 0)
			return false;
	}
	return rc == 0;
}

static bool
await_result(struct postgres_store *s, bool *is_late)
{
	while (PQisBusy(s->db)) {
		if (!await_socket(s, false)) {
			*is_late = true;
			return false;
		}
		if (PQconsumeInput(s->db) == 0)
			return false;
	}
	return true;
}

/* What the results of one query_run come to. */
struct outcome {
	int wanted, number;
	PGresult **result;
	int rc;
	bool is_conflict, is_read_only, is_over;
	const char *doing;
	struct hsw_error *err;
};

static void
take_result(struct outcome *o, PGresult *r)
{
	switch (PQresultStatus(r)) {
	case PGRES_PIPELINE_SYNC:
		o->is_over = true;
		break;
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
		if (o->result != NULL && o->number++ == o->wanted) {
			*o->result = r;
			return;
		}
		break;
	case PGRES_PIPELINE_ABORTED:
		break;
	default:
		if (o->rc != HSW_OK)
			break;
		o->rc = pg_result_error(r, o->doing, o->err);
		o->is_conflict = pg_is_conflict(r);
		const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
		o->is_read_only = state != NULL && strcmp(state, "25006") == 0;
	}
	PQclear(r);
}

/* Reads until the pipeline's end; false: the connection is of no use any more. */
static bool
gather(struct postgres_store *s, struct outcome *o, bool *is_late)
{
	while (!o->is_over) {
		if (!await_result(s, is_late))
			return false;
		PGresult *r = PQgetResult(s->db);
		if (r != NULL)
			take_result(o, r);
		if (PQstatus(s->db) != CONNECTION_OK)
			return false;
	}
	PQgetResult(s->db); /* NULL: libpq is idle from here on, and takes notices in */
	return true;
}

static int
lose(struct postgres_store *s, struct outcome *o, bool is_late)
{
	if (o->rc == HSW_OK && is_late)
		o->rc = pg_error(o->err, HSW_EAGAIN,
			"PostgreSQL: %s failed: no answer within %lld ms", o->doing,
			(long long)s->conf->timeout_ms);
	if (o->rc == HSW_OK)
		o->rc = pg_connection_error(s->db, o->doing, o->err);
	session_drop(s);
	return o->rc;
}

static int
round_trip(struct postgres_store *s, struct outcome *o)
{
	bool is_late = false;

	s->deadline_ms = session_now_ms() + s->conf->timeout_ms;
	if (s->is_incomplete || PQpipelineSync(s->db) == 0 || !flush(s, &is_late) ||
		!gather(s, o, &is_late))
		return lose(s, o, is_late);
	return o->rc;
}

static void
roll_back(struct postgres_store *s)
{
	struct hsw_error ignored;
	struct outcome o = { .doing = "rolling back", .err = &ignored };

	query_add(s, ST_ROLLBACK, NULL);
	round_trip(s, &o);
}

int
query_run(struct postgres_store *s, const char *doing, int number, PGresult **result,
	bool *is_conflict, struct hsw_error *err)
{
	struct outcome o = { .wanted = number, .result = result, .doing = doing, .err = err };

	if (result != NULL)
		*result = NULL;
	int rc = round_trip(s, &o);
	if (rc != HSW_OK && result != NULL) {
		PQclear(*result);
		*result = NULL;
	}
	if (rc != HSW_OK && s->db != NULL && PQtransactionStatus(s->db) != PQTRANS_IDLE)
		roll_back(s);
	/* A server that became a standby: the next connection finds the one that took over. */
	if (o.is_read_only)
		session_drop(s);
	if (is_conflict != NULL)
		*is_conflict = o.is_conflict;
	return rc;
}

int
query_one(struct postgres_store *s, enum statement which, const struct params *p, const char *doing,
	PGresult **result, struct hsw_error *err)
{
	int rc = session_need(s, err);

	if (result != NULL)
		*result = NULL;
	if (rc != HSW_OK)
		return rc;
	query_add(s, which, p);
	return query_run(s, doing, 0, result, NULL, err);
}

/* ---- results ---- */

int64_t
result_bigint(const PGresult *r, int row, int column)
{
	uint64_t wire = 0;

	if (PQgetlength(r, row, column) == sizeof(wire))
		memcpy(&wire, PQgetvalue(r, row, column), sizeof(wire));
	return (int64_t)be64toh(wire);
}

int
result_int(const PGresult *r, int row, int column)
{
	uint32_t wire = 0;

	if (PQgetlength(r, row, column) == sizeof(wire))
		memcpy(&wire, PQgetvalue(r, row, column), sizeof(wire));
	return (int)be32toh(wire);
}

struct hsw_str
result_bytes(const PGresult *r, int row, int column)
{
	return (struct hsw_str){ PQgetvalue(r, row, column), (size_t)PQgetlength(r, row, column) };
}

struct hsw_store_event
result_event(const PGresult *r, int row)
{
	struct hsw_store_event e = {
		.seq = result_bigint(r, row, 0),
		.received_ms = result_bigint(r, row, 1),
		.instance = result_bytes(r, row, 3),
		.type = result_bytes(r, row, 4),
		.provider = result_bytes(r, row, 5),
		.key = result_bytes(r, row, 6),
		.layout = result_bytes(r, row, 7),
		.body = result_bytes(r, row, 8),
	};
	struct hsw_str id = result_bytes(r, row, 2);

	if (id.len == sizeof(e.id))
		memcpy(e.id, id.s, sizeof(e.id));
	return e;
}
