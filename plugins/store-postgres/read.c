/* SPDX-License-Identifier: Apache-2.0 */
/* read.c - pages of the log and its figures. */
#include "postgres.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES (1 << 20) /* of bodies that are chosen by their seqs */
#define CHUNK_SEQS 1024

static int64_t
bounded(size_t n)
{
	return n < INT64_MAX ? (int64_t)n : INT64_MAX;
}

/* Hands the rows on; false: no more are wanted. *last: the last one's seq. */
static bool
hand_on(const PGresult *r, hsw_event_fn *fn, void *arg, int64_t *last)
{
	for (int i = 0; i < PQntuples(r); i++) {
		const struct hsw_store_event e = result_event(r, i);
		*last = e.seq;
		if (fn(arg, &e) != HSW_OK)
			return false;
	}
	return true;
}

int
store_read(void *self, int64_t after, size_t max_events, size_t max_bytes, hsw_event_fn *fn,
	void *arg, struct hsw_error *err)
{
	struct params p = { 0 };
	PGresult *r = NULL;
	int64_t last;

	params_bigint(&p, after);
	params_bigint(&p, bounded(max_events));
	params_bigint(&p, max_bytes > 0 ? bounded(max_bytes) : 1);
	int rc = query_one(self, ST_READ, &p, "reading events", &r, err);
	if (rc == HSW_OK)
		hand_on(r, fn, arg, &last);
	PQclear(r);
	return rc;
}

/* An array of bigint, as in append.c. */
static size_t
make_array(char *to, const int64_t *seqs, size_t n)
{
	const uint32_t head[] = { htobe32(1), 0, htobe32(20), htobe32((uint32_t)n), htobe32(1) };
	const uint32_t length = htobe32(sizeof(int64_t));
	char *at = to + sizeof(head);

	memcpy(to, head, sizeof(head));
	for (size_t i = 0; i < n; i++) {
		uint64_t wire = htobe64((uint64_t)seqs[i]);
		memcpy(at, &length, sizeof(length));
		memcpy(at + sizeof(length), &wire, sizeof(wire));
		at += sizeof(length) + sizeof(wire);
	}
	return (size_t)(at - to);
}

/* Some of the chosen events; *last: up to which seq all were handed on; 0: no more are wanted. */
static int
read_chunk(struct postgres_store *s, const int64_t *seqs, size_t n, int64_t *last, hsw_event_fn *fn,
	void *arg, struct hsw_error *err)
{
	char array[20 + CHUNK_SEQS * 12];
	struct params p = { 0 };
	PGresult *r = NULL;

	params_bigint(&p, *last);
	params_bigint(&p, (int64_t)n);
	params_bigint(&p, CHUNK_BYTES);
	params_bytes(&p, (struct hsw_str){ array, make_array(array, seqs, n) });
	int rc = query_one(s, ST_READ_SEQS, &p, "reading events", &r, err);
	if (rc == HSW_OK && PQntuples(r) == 0)
		*last = INT64_MAX;
	else if (rc == HSW_OK && !hand_on(r, fn, arg, last))
		*last = 0;
	PQclear(r);
	return rc;
}

int
store_read_seqs(void *self, const int64_t *seqs, size_t n, hsw_event_fn *fn, void *arg,
	struct hsw_error *err)
{
	int rc = HSW_OK;

	for (size_t done = 0; done < n && rc == HSW_OK; done += CHUNK_SEQS) {
		size_t some = n - done < CHUNK_SEQS ? n - done : CHUNK_SEQS;
		int64_t last = seqs[done] - 1, end = seqs[done + some - 1];
		while (rc == HSW_OK && last < end) {
			rc = read_chunk(self, seqs + done, some, &last, fn, arg, err);
			if (last == 0)
				return rc;
		}
	}
	return rc;
}

/* Counting rows would read the whole table: what is between first and last is an estimate. */
int
store_stats(void *self, struct hsw_store_stats *stats, struct hsw_error *err)
{
	PGresult *r = NULL;
	int rc = query_one(self, ST_STATS, NULL, "reading figures", &r, err);

	*stats = (struct hsw_store_stats){ 0 };
	if (rc != HSW_OK || PQntuples(r) == 0) {
		PQclear(r);
		return rc;
	}
	stats->last_seq = result_bigint(r, 0, 1);
	stats->bytes = result_bigint(r, 0, 2);
	if (!PQgetisnull(r, 0, 0)) {
		stats->first_seq = result_bigint(r, 0, 0);
		stats->events = stats->last_seq - stats->first_seq + 1 - result_bigint(r, 0, 3);
	}
	PQclear(r);
	return HSW_OK;
}
