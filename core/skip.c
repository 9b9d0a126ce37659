/* SPDX-License-Identifier: Apache-2.0 */
/* skip.c - see skip.h. */
#include "skip.h"

#include <stdlib.h>

#include "err.h"
#include "redeliver.h"
#include "retry.h"

#define PAGE_ROWS 1000 /* of the log, and retries, that are looked at in one piece */

struct reader {
	struct destination_skip *s;
	const struct sink_conf *conf;
	size_t n_rows;
};

static bool
is_before(const struct destination_skip *s, int64_t seq, int64_t received_ms)
{
	return seq <= s->upto && received_ms < s->before_ms;
}

/* Those that are in retry or dead are no part of the log any more. */
static int
look_at_event(void *arg, const struct hsw_store_event *e)
{
	struct reader *r = arg;
	struct destination_skip *s = r->s;

	if (!is_before(s, e->seq, e->received_ms)) {
		s->is_through = true;
		return HSW_ECLOSED;
	}
	r->n_rows++;
	s->next = e->seq;
	if (!retry_is_among(e->seq, s->excepted, s->n_excepted) && redeliver_is_wanted(r->conf, e))
		s->n_events++;
	return HSW_OK;
}

static int
read_log(struct reader *r, const struct store_port *store, struct hsw_error *err)
{
	struct destination_skip *s = r->s;

	if (s->is_through || s->next >= s->upto) {
		s->is_through = true;
		return HSW_OK;
	}
	r->n_rows = 0;
	int rc = store->ops->read(
		store->self, s->next, PAGE_ROWS, PAGE_BYTES, look_at_event, r, err);
	if (r->n_rows == 0)
		s->is_through = true;
	return rc;
}

static int
look_at_retry(void *arg, const struct hsw_store_exception *x)
{
	struct reader *r = arg;
	struct destination_skip *s = r->s;
	bool is_old = x->event != NULL ? is_before(s, x->seq, x->event->received_ms)
				       : x->seq <= s->upto && s->before_ms == INT64_MAX;

	r->n_rows++;
	s->retry_after = x->seq;
	if (is_old && !retry_is_among(x->seq, s->busy, s->n_busy))
		s->retries[s->n_retries++] = x->seq;
	return HSW_OK;
}

static int
read_retries(struct reader *r, const struct store_port *store, struct hsw_str destination,
	struct hsw_error *err)
{
	struct destination_skip *s = r->s;

	if (s->is_through_retries)
		return HSW_OK;
	if (s->retries == NULL)
		s->retries = calloc(PAGE_ROWS, sizeof(s->retries[0]));
	if (s->retries == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	r->n_rows = 0;
	int rc = store->ops->retries(
		store->self, destination, s->retry_after, PAGE_ROWS, look_at_retry, r, err);
	s->is_through_retries = r->n_rows < PAGE_ROWS || s->retry_after >= s->upto;
	return rc;
}

/* What is in flight must come again after a crash: the cursor stays before it. */
static int64_t
cursor_of(const struct destination_skip *s)
{
	return s->flying != 0 ? s->flying - 1 : s->next;
}

static int
write_down(const struct destination_skip *s, const struct store_port *store,
	struct hsw_str destination, struct hsw_error *err)
{
	size_t n = s->n_retries + 1;
	struct hsw_write *writes = calloc(n, sizeof(*writes));

	if (writes == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	for (size_t i = 0; i < n; i++) {
		bool is_retry = i < s->n_retries;
		writes[i] = (struct hsw_write){ .kind = is_retry ? HSW_WRITE_SETTLED
								 : HSW_WRITE_CURSOR,
			.destination = destination,
			.seq = is_retry ? s->retries[i] : cursor_of(s) };
	}
	int rc = store_commit(store, writes, n, err);
	free(writes);
	return rc;
}

int
skip_piece(struct destination_skip *s, const struct store_port *store, struct hsw_str destination,
	const struct sink_conf *conf, struct hsw_error *err)
{
	struct reader r = { .s = s, .conf = conf };
	int rc = read_log(&r, store, err);

	if (rc == HSW_OK)
		rc = read_retries(&r, store, destination, err);
	if (rc == HSW_OK && !s->is_dry)
		rc = write_down(s, store, destination, err);
	return rc;
}

bool
skip_is_over(const struct destination_skip *s)
{
	return s->is_through && s->is_through_retries;
}
