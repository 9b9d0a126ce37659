/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_skip.c - POST /skip: a sink's backlog is given up.
 *
 * The tour goes round: begin (the worker that serves the sink) -> look (store thread) -> end (the worker), once for
 * each piece, for ROUNDS_MS; who asks comes again with where it got to until there is no more, so that an
 * interrupted skip stops where it is.
 */
#include "control_impl.h"

#include <inttypes.h>
#include <stdlib.h>

#include "clock.h"
#include "err.h"
#include "log.h"
#include "skip.h"

struct skip_request {
	struct destination_skip skip;
	const struct sink_conf *conf; /* in the tour's config, or in made */
	struct webhook_section *made; /* owned; NULL: the API did not make the sink */
	int64_t began_ms;
	size_t n_events, n_retries;
	int rc; /* of the store */
};

static void
request_free(void *own)
{
	struct skip_request *q = own;

	if (q == NULL)
		return;
	webhook_section_free(q->made);
	free(q->skip.retries);
	free(q);
}

static void
finish(struct tour *t)
{
	const struct skip_request *q = t->own;
	const struct destination_skip *s = &q->skip;

	if (!s->is_dry && q->n_events + q->n_retries > 0)
		log_warn("router",
			"its backlog was given up, by command destination=%.*s events=%zu "
			"retries=%zu upto=%" PRId64,
			(int)t->query.destination.len, t->query.destination.s, q->n_events,
			q->n_retries, s->next);
	buf_printf(&t->out,
		"{\"success\":true,\"events\":%zu,\"retries\":%zu,\"upto\":%" PRId64
		",\"next\":%" PRId64 ",\"retryAfter\":%" PRId64 ",\"more\":%s}",
		q->n_events, q->n_retries, s->upto, s->next, s->retry_after,
		skip_is_over(s) ? "false" : "true");
	tour_go_home(t);
}

static void begin(struct mail *);

static void
end(struct mail *mail)
{
	struct tour *t = tour_of(mail);
	struct skip_request *q = t->own;

	destination_skip_end(&q->skip, q->rc == HSW_OK && !q->skip.is_dry);
	if (q->rc != HSW_OK) {
		tour_fail(t, q->rc);
		return;
	}
	q->n_events += q->skip.n_events;
	q->n_retries += q->skip.n_retries;
	if (!skip_is_over(&q->skip) && clock_mono_ms() - q->began_ms < ROUNDS_MS)
		begin(mail);
	else
		finish(t);
}

static void
look(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;
	struct skip_request *q = t->own;

	q->rc = skip_piece(&q->skip, store, t->query.destination, q->conf, &t->error);
	tour_go_to_worker(t, t->stop, end);
}

/* What was on its way to the store is there now. */
static void
come_again(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;

	(void)store;
	tour_go_to_worker(t, t->stop, begin);
}

/* One that waits for us is found by its skip: it may be about to leave. */
static void
begin(struct mail *mail)
{
	struct tour *t = tour_of(mail);
	struct skip_request *q = t->own;
	struct destination *d = q->skip.d;

	mail->run = begin;
	if (d == NULL)
		d = control_need_destination(t);
	if (d == NULL)
		return;
	int rc = destination_skip_begin(&q->skip, d, &t->error);
	if (rc == HSW_EAGAIN)
		tour_go_to_store(t, come_again);
	else if (rc == HSW_OK)
		tour_go_to_store(t, look);
	else
		tour_fail(t, rc);
}

static void
resolve(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;
	struct skip_request *q = t->own;
	struct hsw_store_stats stats = { 0 };
	int rc = control_find_conf(t, &q->conf, &q->made);

	if (rc == HSW_OK && q->skip.upto == 0) {
		rc = store->ops->stats(store->self, &stats, &t->error);
		q->skip.upto = stats.last_seq;
	}
	if (rc == HSW_OK)
		tour_go_to_worker(t, 0, begin);
	else
		tour_fail(t, rc);
}

static struct skip_request *
request_new(const struct http_request *r)
{
	struct skip_request *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	int64_t before_ms = control_number(r, "until");
	q->began_ms = clock_mono_ms();
	q->skip.before_ms = before_ms > 0 ? before_ms : INT64_MAX;
	q->skip.upto = control_number(r, "upto");
	q->skip.next = control_number(r, "next");
	q->skip.retry_after = control_number(r, "retryAfter");
	q->skip.is_dry = control_number(r, "dry") != 0;
	return q;
}

void
control_skip(struct worker *w, struct http_request *r)
{
	struct tour *t = control_tour_of_sink(w, r);

	if (t == NULL)
		return;
	t->own = request_new(r);
	t->free_own = request_free;
	if (t->own == NULL || t->sink.failed) {
		http_reply_error(r, 503, "", "Out of memory");
		tour_free(t);
		return;
	}
	tour_go_to_store(t, resolve);
}
