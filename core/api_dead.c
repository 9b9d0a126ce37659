/* SPDX-License-Identifier: Apache-2.0 */
/* api_dead.c - the routes of the dead letters of an instance's webhooks: to list them, and to deliver them once more. */
#include <inttypes.h>
#include <stdlib.h>

#include "api_inquiry.h"
#include "api_json.h"
#include "err.h"

#define LIST_DEFAULT 100 /* dead letters of one answer */
#define LIST_MAX 1000
#define IDS_MAX 100           /* that are named in one request */
#define DEAD_REPLAY_MAX 10000 /* dead letters that one request replays */

/* ---- the list, on the store thread ---- */

static int
print_dead(void *arg, const struct hsw_store_exception *x)
{
	struct tour *t = arg;
	struct inquiry *q = t->own;

	if (t->count == q->limit) {
		q->is_more = true;
		return HSW_ECLOSED;
	}
	tour_comma(t);
	buf_str(&t->out, "{\"label\":");
	buf_json_cstr(&t->out, q->labels[q->at]);
	buf_str(&t->out, ",");
	dead_print(x, false, &t->out);
	buf_str(&t->out, "}");
	t->count++;
	q->last = x->seq;
	free(q->after_label);
	q->after_label = strdup(q->labels[q->at]);
	return HSW_OK;
}

static int
list_dead_of(struct tour *t, const struct store_port *store)
{
	const struct inquiry *q = t->own;
	int order = q->after_label != NULL ? strcmp(q->labels[q->at], q->after_label) : 1;

	if (order < 0)
		return HSW_OK;
	if (!inquiry_set_destination(t, q->labels[q->at]))
		return HSW_ENOMEM;
	t->query.after = order == 0 ? q->after : 0;
	t->query.limit = q->limit - t->count + 1; /* the last one only tells that there are more */
	return store->ops->dead(store->self, &t->query, print_dead, t, &t->error);
}

static void
print_next(struct tour *t)
{
	const struct inquiry *q = t->own;

	buf_printf(&t->out, "],\"more\":%s", q->is_more ? "true" : "false");
	if (q->is_more) {
		struct buf next = BUF_INIT;
		buf_printf(&next, "%" PRId64 "/%s", q->last,
			q->after_label != NULL ? q->after_label : "");
		t->out.failed |= q->after_label == NULL;
		buf_str(&t->out, ",\"next\":");
		buf_json(&t->out, (struct hsw_str){ next.data, next.len });
		t->out.failed |= next.failed;
		buf_free(&next);
	}
	buf_str(&t->out, "}");
}

static void
list_dead(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;
	struct inquiry *q = t->own;
	int rc = HSW_OK;

	if (inquiry_find_labels(t)) {
		buf_str(&t->out, "{\"success\":true,\"dead\":[");
		for (; rc == HSW_OK && !q->is_more && q->at < q->n_labels; q->at++)
			rc = list_dead_of(t, store);
		print_next(t);
	}
	if (rc != HSW_OK)
		inquiry_fail_store(t, rc);
	tour_go_home(t);
}

/* ---- replaying them ---- */

static int
collect_named(void *arg, const struct hsw_store_exception *x)
{
	struct tour *t = arg;
	const struct inquiry *q = t->own;

	for (size_t i = 0; i < q->n_ids; i++) {
		if (memcmp(q->ids[i], x->event->id, HSW_EVENT_ID_BYTES) == 0)
			return seq_list_add(&t->replayed, x->seq);
	}
	return HSW_OK;
}

/* One pass finds those of all ids. What became a retry before an error is one. */
static int
replay_named(struct tour *t, const struct store_port *store)
{
	struct hsw_dead_query query = { .destination = t->query.destination };
	struct seq_list done = { NULL, 0, 0 };
	int rc = store->ops->dead(store->self, &query, collect_named, t, &t->error);

	query.limit = 1;
	for (size_t i = 0; rc == HSW_OK && i < t->replayed.n; i++) {
		query.after = t->replayed.seqs[i] - 1;
		rc = dead_replay(store, &query, &done, &t->error);
	}
	free(t->replayed.seqs);
	t->replayed = done;
	return rc;
}

static int
replay_dead_of(struct tour *t, const struct store_port *store)
{
	const struct inquiry *q = t->own;

	t->replayed.n = 0;
	if (!inquiry_set_destination(t, q->labels[q->at]))
		return HSW_ENOMEM;
	if (q->n_ids > 0)
		return replay_named(t, store);
	t->query.limit = DEAD_REPLAY_MAX - t->count;
	return dead_replay(store, &t->query, &t->replayed, &t->error);
}

static void replay_next(struct store_call *, const struct store_port *);

/* On the worker that serves the destination. */
static void
take_up_dead(struct mail *mail)
{
	struct tour *t = tour_of(mail);
	struct destination *d = inquiry_find_destination(t);

	if (d != NULL)
		destination_retry(d, t->replayed.seqs, t->replayed.n, true);
	if (t->status >= 400)
		tour_go_home(t);
	else
		tour_go_to_store(t, replay_next);
}

static void
finish_dead(struct tour *t)
{
	t->status = 202;
	buf_printf(&t->out, "{\"success\":true,\"replayed\":%zu,\"more\":%s}", t->count,
		t->count == DEAD_REPLAY_MAX ? "true" : "false");
	tour_go_home(t);
}

static void
replay_next(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;
	struct inquiry *q = t->own;
	int rc = HSW_OK;

	t->replayed.n = 0;
	while (rc == HSW_OK && t->replayed.n == 0 && q->at < q->n_labels &&
		t->count < DEAD_REPLAY_MAX) {
		rc = replay_dead_of(t, store);
		q->at++;
	}
	if (rc != HSW_OK)
		inquiry_fail_store(t, rc);
	t->count += t->replayed.n;
	if (t->replayed.n > 0)
		inquiry_go_to_owner(t, take_up_dead);
	else if (rc != HSW_OK)
		tour_go_home(t);
	else
		finish_dead(t);
}

static void
replay_dead(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;

	if (inquiry_find_labels(t))
		replay_next(call, store);
	else
		tour_go_home(t);
}

/* ---- the routes ---- */

static bool
query_limit(const struct api_call *call, size_t *out)
{
	struct buf value = BUF_INIT;
	int64_t n = LIST_DEFAULT;

	if (http_query_form(call->http, "limit", &value)) {
		char *end;
		buf_append(&value, "", 1);
		n = value.failed ? 0 : strtoll(value.data, &end, 10);
		if (n != 0 && *end != '\0')
			n = 0;
	}
	buf_free(&value);
	*out = (size_t)n;
	if (n >= 1 && n <= LIST_MAX)
		return true;
	api_error(call, 400, "limit: expected a number from 1 to %d", LIST_MAX);
	return false;
}

/* ?after=, as print_next wrote it. */
static bool
query_after(const struct api_call *call, struct inquiry *q)
{
	struct buf value = BUF_INIT;
	char *end = NULL;
	bool is_given = http_query_form(call->http, "after", &value);

	buf_append(&value, "", 1);
	if (is_given && !value.failed) {
		q->after = strtoll(value.data, &end, 10);
		if (q->after > 0 && *end == '/' && end[1] != '\0')
			q->after_label = strdup(end + 1);
	}
	buf_free(&value);
	if (!is_given || q->after_label != NULL)
		return true;
	api_error(call, 400, "after: expected what another answer has as `next`");
	return false;
}

void
api_dead(struct api_call *call)
{
	struct inquiry *q = inquiry_new(call);

	if (q == NULL)
		return;
	if (inquiry_read_label(call, q) && query_limit(call, &q->limit) && query_after(call, q))
		inquiry_begin(call, q, NULL, list_dead);
	else
		inquiry_free(q);
}

static int
read_ids(struct inquiry *q, struct json_object *root, struct hsw_error *err)
{
	struct json_object *ids = json_object_object_get(root, "ids");

	if (ids == NULL)
		return HSW_OK;
	size_t n = json_object_is_type(ids, json_type_array) ? json_object_array_length(ids) : 0;
	if (n == 0 || n > IDS_MAX)
		return err_set(err, HSW_EINVAL, "ids: expected an array of 1 to %d ids", IDS_MAX);
	q->ids = calloc(n, sizeof(q->ids[0]));
	if (q->ids == NULL)
		return err_set(err, HSW_ENOMEM, "Out of memory");
	for (; q->n_ids < n; q->n_ids++) {
		struct json_object *v = json_object_array_get_idx(ids, q->n_ids);
		struct hsw_str id = { "", 0 };
		if (json_object_is_type(v, json_type_string))
			id = (struct hsw_str){ json_object_get_string(v),
				(size_t)json_object_get_string_len(v) };
		if (!envelope_id_parse(id, q->ids[q->n_ids]))
			return err_set(err, HSW_EINVAL,
				"ids: expected evt_ and 32 hex digits, found %.60s",
				json_object_to_json_string(v));
	}
	return HSW_OK;
}

/* An empty one is the default's, as it is wherever a label is told; only without it all are meant. */
static int
read_label(struct inquiry *q, struct json_object *root, struct hsw_error *err)
{
	int rc = api_json_text(root, "label", WEBHOOK_LABEL_MAX, &q->label, err);

	if (rc != HSW_OK || q->label != NULL || json_object_object_get(root, "label") == NULL)
		return rc;
	q->label = strdup(WEBHOOK_LABEL_DEFAULT);
	return q->label != NULL ? HSW_OK : err_set(err, HSW_ENOMEM, "Out of memory");
}

void
api_dead_replay(struct api_call *call)
{
	static const char *const known[] = { "label", "ids", NULL };
	struct json_object *root = api_body(call, known);
	struct inquiry *q = root != NULL ? inquiry_new(call) : NULL;
	struct hsw_error err = { "" };

	if (q != NULL) {
		int rc = read_label(q, root, &err);
		if (rc == HSW_OK)
			rc = read_ids(q, root, &err);
		if (rc == HSW_OK) {
			inquiry_begin(call, q, NULL, replay_dead);
		} else {
			inquiry_refuse(call, rc, &err);
			inquiry_free(q);
		}
	}
	json_object_put(root);
}
