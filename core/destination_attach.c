/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destination_attach.c - what the store knows of a destination when it opens: its cursor, its retries
 * and the events past the cursor whose outcome is known.
 */
#include "destination_impl.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "err.h"

#define RETRY_WAIT_MAX_MS (7 * 86400000LL) /* the longest step that a schedule may have */
#define RETRIES_AT_ONCE 1000

static int
compare_seqs(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

bool
destination_excepts(const struct destination *d, int64_t seq)
{
	return d->n_excepted > 0 &&
		bsearch(&seq, d->excepted, d->n_excepted, sizeof(seq), compare_seqs) != NULL;
}

/* What is read of the store about a destination's exceptions. */
struct exception_reader {
	struct destination *d;
	int64_t after;
	size_t n;
	int rc;
	struct hsw_error *err;
};

static int
except(struct exception_reader *r, int64_t seq)
{
	struct destination *d = r->d;

	if (seq <= d->cursor)
		return HSW_OK;
	int64_t *grown = realloc(d->excepted, (d->n_excepted + 1) * sizeof(grown[0]));
	if (grown == NULL)
		return r->rc = err_set(r->err, HSW_ENOMEM, "out of memory");
	d->excepted = grown;
	d->excepted[d->n_excepted++] = seq;
	return HSW_OK;
}

static int
add_dead(void *arg, const struct hsw_store_exception *x)
{
	return except(arg, x->seq);
}

/* With chat-strict the first one of each chat is the one that may be tried. */
static bool
keep_retry(struct destination *d, const struct hsw_store_exception *x, struct retry r)
{
	if (d->conf->ordering != ORDERING_CHAT_STRICT || x->event == NULL)
		return retry_push(&d->retries, r);
	struct lane *lane = lane_hold(
		&d->lanes, envelope_key_hash(x->event->instance, x->event->key), r.seq);
	if (lane == NULL)
		return false;
	return lane->running == r.seq ? retry_push(&d->retries, r) : lane_wait(lane, r, true);
}

static bool
is_replay(struct hsw_str text)
{
	const size_t n = sizeof(REPLAY_TEXT) - 1;
	return text.len >= n && memcmp(text.s, REPLAY_TEXT, n) == 0;
}

static int
add_retry(void *arg, const struct hsw_store_exception *x)
{
	struct exception_reader *r = arg;
	int64_t wait = x->due_ms - clock_wall_ms();

	r->n++;
	r->after = x->seq;
	/* A clock that was set back must not hold a retry for longer than any schedule would. */
	if (wait > RETRY_WAIT_MAX_MS)
		wait = RETRY_WAIT_MAX_MS;
	const struct retry retry = { clock_mono_ms() + (wait > 0 ? wait : 0), x->seq, x->attempts,
		is_replay(x->text), 0 };
	if (!keep_retry(r->d, x, retry)) {
		r->rc = err_set(r->err, HSW_ENOMEM, "out of memory");
		return HSW_ENOMEM;
	}
	r->d->in_retry++;
	return except(r, x->seq);
}

static void
read_exceptions(void *arg, const struct store_port *store)
{
	struct exception_reader *r = arg;
	const struct hsw_dead_query dead = { .destination = str_of(r->d->name),
		.after = r->d->cursor };

	do {
		r->n = 0;
		int rc = store->ops->retries(store->self, dead.destination, r->after,
			RETRIES_AT_ONCE, add_retry, r, r->err);
		if (r->rc == HSW_OK)
			r->rc = rc;
	} while (r->rc == HSW_OK && r->n == RETRIES_AT_ONCE);
	if (r->rc == HSW_OK)
		r->rc = store->ops->dead(store->self, &dead, add_dead, r, r->err);
	if (r->d->n_excepted > 0)
		qsort(r->d->excepted, r->d->n_excepted, sizeof(r->d->excepted[0]), compare_seqs);
}

int
destination_read(struct destination *d, const struct store_port *store, struct hsw_error *err)
{
	int rc = store->ops->attach(store->self, str_of(d->name), &d->cursor, err);
	if (rc != HSW_OK)
		return rc;
	d->position = d->cursor;
	struct exception_reader r = { .d = d, .err = err };
	read_exceptions(&r, store);
	return r.rc;
}

int
destination_attach(struct destination *d, struct hsw_error *err)
{
	struct journal *j = d->thread->journal;
	int rc = journal_attach(j, str_of(d->name), &d->cursor, err);
	if (rc != HSW_OK)
		return rc;
	d->position = d->cursor;
	struct exception_reader r = { .d = d, .err = err };
	store_run(journal_store(j), read_exceptions, &r);
	return r.rc;
}
