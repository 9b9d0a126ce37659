/* SPDX-License-Identifier: Apache-2.0 */
/* error.c - PostgreSQL's failures in the words of the store contract. */
#include "postgres.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
pg_error(struct hsw_error *err, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

/* What begins of a SQLSTATE mean to the daemon, the longer ones first; what is not here is HSW_EIO. */
static const struct meaning {
	const char *state;
	int result;
} meanings[] = {
	{ "53100", HSW_ELIMIT }, /* disk full */
	{ "53", HSW_EAGAIN },    /* out of memory, too many connections */
	{ "08", HSW_EAGAIN },    /* connection */
	{ "22012", HSW_ENOENT }, /* division by zero: ST_RECORD_NEW, _IF */
	{ "25006", HSW_EAGAIN }, /* read only */
	{ "25P0", HSW_EAGAIN },  /* the transaction waited too long, or failed before */
	{ "40", HSW_EAGAIN },    /* serialization, deadlock */
	{ "55", HSW_EAGAIN },    /* locked by somebody else */
	{ "57", HSW_EAGAIN },    /* cancelled, timed out, shutting down */
	{ "58P01", HSW_EAGAIN }, /* a file of the server's is missing */
};

static int
meaning_of(const char *state)
{
	if (state == NULL)
		return HSW_EAGAIN; /* libpq's own: the connection */
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		const struct meaning *m = &meanings[i];
		if (strncmp(state, m->state, strlen(m->state)) == 0)
			return m->result;
	}
	return HSW_EIO;
}

/* The first line of a text, which may be empty or NULL. */
static int
line_length(const char *text)
{
	return text != NULL ? (int)strcspn(text, "\n") : 0;
}

int
pg_result_error(const PGresult *r, const char *doing, struct hsw_error *err)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

	if (text == NULL)
		text = PQresultErrorMessage(r);
	return pg_error(err, meaning_of(state), "PostgreSQL: %s failed: %.*s (%s)", doing,
		line_length(text), text, state != NULL ? state : "connection");
}

int
pg_connection_error(const PGconn *db, const char *doing, struct hsw_error *err)
{
	const char *text = db != NULL ? PQerrorMessage(db) : "out of memory";

	return pg_error(
		err, HSW_EAGAIN, "PostgreSQL: %s failed: %.*s", doing, line_length(text), text);
}

bool
pg_is_conflict(const PGresult *r)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);

	return state != NULL && (strncmp(state, "40", 2) == 0 || strcmp(state, "55P03") == 0);
}
