/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_outcome.c - what became of events that a replay gave to a sink.
 *
 * A replayed event is a retry's row whose text is REPLAY_TEXT alone until its first attempt ended; with more
 * text it waits for the next one. Without a row it was delivered, unless it died meanwhile.
 */
#include "control_impl.h"

#include <inttypes.h>
#include <stdlib.h>

#include "api_json.h"
#include "err.h"

struct outcome {
	int64_t seqs[REPLAY_MAX]; /* ascending */
	size_t n;
	int64_t since_ms; /* what died before was dead already; since 1970 */
	size_t dead;
	struct buf untried, retrying; /* items of JSON lists */
};

static void
outcome_free(void *arg)
{
	struct outcome *o = arg;

	buf_free(&o->untried);
	buf_free(&o->retrying);
	free(o);
}

static int
compare_seqs(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static bool
is_asked_for(const struct outcome *o, int64_t seq)
{
	return bsearch(&seq, o->seqs, o->n, sizeof(o->seqs[0]), compare_seqs) != NULL;
}

/* Rows come by seq: past the last one none is of interest. */
static int
go_on(const struct outcome *o, int64_t seq)
{
	return seq < o->seqs[o->n - 1] ? HSW_OK : HSW_ECLOSED;
}

static int
take_retry(void *arg, const struct hsw_store_exception *x)
{
	struct outcome *o = arg;
	struct buf *list = str_is(x->text, REPLAY_TEXT) ? &o->untried : &o->retrying;

	if (is_asked_for(o, x->seq))
		buf_printf(list, "%s%" PRId64, list->len > 0 ? "," : "", x->seq);
	return go_on(o, x->seq);
}

static int
take_dead(void *arg, const struct hsw_store_exception *x)
{
	struct outcome *o = arg;

	if (x->at_ms >= o->since_ms && is_asked_for(o, x->seq))
		o->dead++;
	return go_on(o, x->seq);
}

/* With the sink's state, which only its worker knows. */
static void
finish(struct mail *mail)
{
	struct tour *t = tour_of(mail);
	const struct outcome *o = t->own;
	const struct destination *d = control_need_destination(t);

	if (d == NULL)
		return;
	buf_printf(&t->out, "{\"success\":true,\"state\":\"%s\",\"dead\":%zu,\"untried\":[",
		destination_state(d), o->dead);
	buf_append(&t->out, o->untried.data, o->untried.len);
	buf_str(&t->out, "],\"retrying\":[");
	buf_append(&t->out, o->retrying.data, o->retrying.len);
	buf_str(&t->out, "]}");
	if (o->untried.failed || o->retrying.failed)
		t->out.failed = true;
	tour_go_home(t);
}

static void
look_up(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;
	struct outcome *o = t->own;
	int rc = HSW_OK;

	control_resolve(t);
	if (o->n > 0) {
		t->query.after = o->seqs[0] - 1;
		rc = store->ops->retries(store->self, t->query.destination, t->query.after,
			SIZE_MAX, take_retry, o, &t->error);
		if (rc == HSW_OK)
			rc = store->ops->dead(store->self, &t->query, take_dead, o, &t->error);
	}
	if (rc != HSW_OK)
		tour_fail(t, rc);
	else
		tour_go_to_worker(t, 0, finish);
}

/* {"since":1795363200000,"seqs":[1,2]} */
static int
read_body(struct outcome *o, struct hsw_str body, struct hsw_error *err)
{
	struct json_object *root = NULL, *list = NULL;
	int rc = api_json_parse(body, &root, err);

	if (rc != HSW_OK)
		return rc;
	json_object_object_get_ex(root, "seqs", &list);
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	if (n > REPLAY_MAX)
		rc = err_set(err, HSW_EINVAL, "seqs: expected at most %d", REPLAY_MAX);
	for (size_t i = 0; rc == HSW_OK && i < n; i++)
		o->seqs[o->n++] = json_object_get_int64(json_object_array_get_idx(list, i));
	if (rc == HSW_OK)
		rc = api_json_number(root, "since", 0, INT64_MAX, &o->since_ms, err);
	qsort(o->seqs, o->n, sizeof(o->seqs[0]), compare_seqs);
	json_object_put(root);
	return rc;
}

void
control_outcome(struct worker *w, struct http_request *r)
{
	struct outcome *o = calloc(1, sizeof(*o));
	struct hsw_error err = { "out of memory" };

	if (o == NULL || read_body(o, r->body, &err) != HSW_OK) {
		http_reply_error(r, o == NULL ? 503 : 400, "", err.text);
		free(o);
		return;
	}
	struct tour *t = control_tour_of_sink(w, r);
	if (t == NULL) {
		outcome_free(o);
		return;
	}
	t->own = o;
	t->free_own = outcome_free;
	tour_go_to_store(t, look_up);
}
