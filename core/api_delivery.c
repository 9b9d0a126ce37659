/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_delivery.c - the routes of what became of deliveries: the last attempts of an instance's webhooks,
 * its dead letters, and delivering once more. They concern the destinations "<instance>/<label>" of the
 * webhooks that the API made, never sinks of the configuration file: those may carry other instances.
 *
 * Who calls what from where: a route reads its request on the request's worker, with which a tour begins;
 * it visits the store thread, which knows the webhooks, and the workers that serve them.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "api_call.h"
#include "api_json.h"
#include "claim.h"
#include "clock.h"
#include "err.h"
#include "log.h"
#include "tour.h"

#define LIST_DEFAULT 100 /* dead letters of one answer */
#define LIST_MAX 1000
#define IDS_MAX 100           /* that are named in one request */
#define DEAD_REPLAY_MAX 10000 /* dead letters that one request replays */
#define PAGES_MAX 100         /* of the log that one request looks at */

/* What a request is about; the own of its tour. */
struct inquiry {
	char *instance;
	char *label; /* NULL: all webhooks */
	bool with_delivered;
	/* dead letters */
	size_t limit;
	int64_t after;     /* this seq ... */
	char *after_label; /* ... of this webhook; NULL: from the first */
	unsigned char (*ids)[HSW_EVENT_ID_BYTES];
	size_t n_ids;
	bool is_more; /* than fit into the answer */
	int64_t last; /* seq that was printed */
	/* The webhooks, by label; found on the store thread. */
	char **labels;
	char **nodes;        /* which other node serves each; NULL: as far as is known none */
	size_t n_labels, at; /* at: which is visited */
	unsigned pages;
};

static void
inquiry_free(void *arg)
{
	struct inquiry *q = arg;

	if (q == NULL)
		return;
	for (size_t i = 0; i < q->n_labels; i++) {
		free(q->labels[i]);
		if (q->nodes != NULL)
			free(q->nodes[i]);
	}
	free(q->labels);
	free(q->nodes);
	free(q->instance);
	free(q->label);
	free(q->after_label);
	free(q->ids);
	free(q);
}

static void
refuse_memory(const struct api_call *call)
{
	api_error(call, 503, "Out of memory");
}

/* NULL: it was answered. */
static struct inquiry *
inquiry_new(const struct api_call *call)
{
	struct inquiry *q = calloc(1, sizeof(*q));

	if (q != NULL)
		q->instance = strndup(call->instance.s, call->instance.len);
	if (q != NULL && q->instance != NULL)
		return q;
	inquiry_free(q);
	refuse_memory(call);
	return NULL;
}

/* Takes both. */
static void
begin(const struct api_call *call, struct inquiry *q, struct replay *replay,
	void (*fn)(struct store_call *, const struct store_port *))
{
	struct tour *t = tour_new(call->worker, call->http, call->headers);

	if (t == NULL) {
		inquiry_free(q);
		replay_free(replay);
		return;
	}
	t->own = q;
	t->free_own = inquiry_free;
	t->replay = replay;
	tour_go_to_store(t, fn);
}

/* ---- on the store thread ---- */

static void
fail(struct tour *t, int status, const char *message)
{
	t->status = status;
	err_set(&t->error, HSW_EINVAL, "%s", message);
}

static void
fail_store(struct tour *t, int rc)
{
	const struct inquiry *q = t->own;

	log_error(
		"api", "deliveries: the store failed instance=%s: %s", q->instance, t->error.text);
	if (rc == HSW_ENOMEM)
		fail(t, 503, "Out of memory");
	else
		fail(t, 500, "Failed to use the store");
}

static bool
add_label(struct tour *t, const char *label)
{
	struct inquiry *q = t->own;

	q->labels[q->n_labels] = strdup(label);
	if (q->labels[q->n_labels] == NULL) {
		fail(t, 503, "Out of memory");
		return false;
	}
	q->n_labels++;
	return true;
}

/* Those that are enabled: the others have no deliveries, and their dead letters went with them. */
static bool
find_labels(struct tour *t)
{
	struct inquiry *q = t->own;
	const struct instance_settings *i = settings_find(t->server->settings, str_of(q->instance));

	if (i == NULL) {
		fail(t, 404, "Instance not found");
		return false;
	}
	if (q->label != NULL && settings_find_webhook(i, q->label) == NULL) {
		fail(t, 404, "Webhook not found");
		return false;
	}
	size_t n = 0;
	for (const struct webhook *w = i->webhooks; w != NULL; w = w->next)
		n++;
	q->labels = calloc(n + 1, sizeof(q->labels[0]));
	if (q->labels == NULL) {
		fail(t, 503, "Out of memory");
		return false;
	}
	for (const struct webhook *w = i->webhooks; w != NULL; w = w->next) {
		bool is_wanted = q->label == NULL || strcmp(q->label, w->label) == 0;
		if (w->enabled && is_wanted && !add_label(t, w->label))
			return false;
	}
	return true;
}

static bool
set_destination(struct tour *t, const char *label)
{
	const struct inquiry *q = t->own;

	t->sink.len = 0;
	buf_printf(&t->sink, "%s/%s", q->instance, label);
	buf_append(&t->sink, "", 1);
	if (t->sink.failed) {
		fail(t, 503, "Out of memory");
		return false;
	}
	t->query.destination = (struct hsw_str){ t->sink.data, t->sink.len - 1 };
	return true;
}

static void
go_to_owner(struct tour *t, void (*fn)(struct mail *))
{
	tour_go_to_worker(t, change_owner(t->server, t->sink.data), fn);
}

/* NULL: it is not served here (any more). */
static struct destination *
find_destination(const struct tour *t)
{
	return destination_find(&t->server->workers[change_owner(t->server, t->sink.data)].delivery,
		t->query.destination);
}

/* ---- attempts ---- */

static void print_attempts(struct mail *);

static void
visit_next(struct tour *t)
{
	const struct inquiry *q = t->own;

	if (q->at < q->n_labels && set_destination(t, q->labels[q->at])) {
		go_to_owner(t, print_attempts);
		return;
	}
	buf_str(&t->out, "]}");
	tour_go_home(t);
}

static void
print_attempts(struct mail *mail)
{
	struct tour *t = tour_of(mail);
	struct inquiry *q = t->own;
	const struct destination *d = find_destination(t);
	const char *node = q->nodes != NULL ? q->nodes[q->at] : NULL;

	tour_comma(t);
	buf_str(&t->out, "{\"label\":");
	buf_json_cstr(&t->out, q->labels[q->at++]);
	buf_str(&t->out, ",\"deliveries\":");
	if (d != NULL)
		destination_print_attempts(d, q->with_delivered, &t->out);
	else
		buf_str(&t->out, "[]");
	if (d == NULL && node != NULL) {
		buf_str(&t->out, ",\"node\":");
		buf_json_cstr(&t->out, node);
	}
	buf_str(&t->out, "}");
	visit_next(t);
}

/* Only the node that serves a webhook knows its attempts: the answer names it. */
static bool
find_nodes(struct tour *t, const struct store_port *store)
{
	struct inquiry *q = t->own;

	if (t->server->claims == NULL)
		return true;
	q->nodes = calloc(q->n_labels + 1, sizeof(q->nodes[0]));
	if (q->nodes == NULL) {
		fail(t, 503, "Out of memory");
		return false;
	}
	for (size_t i = 0; i < q->n_labels; i++) {
		struct buf node = BUF_INIT;
		if (!set_destination(t, q->labels[i]))
			return false;
		claims_find(store, t->query.destination, &node);
		if (node.len > 0)
			q->nodes[i] = strndup(node.data, node.len);
		buf_free(&node);
	}
	return true;
}

static void
list_attempts(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;

	if (!find_labels(t) || !find_nodes(t, store)) {
		tour_go_home(t);
		return;
	}
	buf_str(&t->out, "{\"success\":true,\"webhooks\":[");
	visit_next(t);
}

/* ---- dead letters ---- */

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
	if (!set_destination(t, q->labels[q->at]))
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

	if (find_labels(t)) {
		buf_str(&t->out, "{\"success\":true,\"dead\":[");
		for (; rc == HSW_OK && !q->is_more && q->at < q->n_labels; q->at++)
			rc = list_dead_of(t, store);
		print_next(t);
	}
	if (rc != HSW_OK)
		fail_store(t, rc);
	tour_go_home(t);
}

/* ---- replaying dead letters ---- */

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
	if (!set_destination(t, q->labels[q->at]))
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
	struct destination *d = find_destination(t);

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
		fail_store(t, rc);
	t->count += t->replayed.n;
	if (t->replayed.n > 0)
		go_to_owner(t, take_up_dead);
	else if (rc != HSW_OK)
		tour_go_home(t);
	else
		finish_dead(t);
}

static void
replay_dead(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;

	if (find_labels(t))
		replay_next(call, store);
	else
		tour_go_home(t);
}

/* ---- replaying what was settled ---- */

/* A webhook may be changed, or go, between two pages. An instance gets nothing that came before it was
 * made: that was another one's of the same name. */
static bool
find_conf(struct tour *t)
{
	const struct inquiry *q = t->own;
	struct replay *p = t->replay;
	struct hsw_str name = str_of(q->instance);
	const struct instance_settings *i = settings_find(t->server->settings, name);
	const struct webhook *w = i != NULL ? settings_find_webhook(i, q->label) : NULL;

	if (i == NULL)
		fail(t, 404, "Instance not found");
	else if (w == NULL)
		fail(t, 404, "Webhook not found");
	else if (!w->enabled)
		fail(t, 400, "label: the webhook is not enabled");
	if (t->status != 0)
		return false;
	if (p->since_ms < i->created_ms)
		p->since_ms = i->created_ms;
	webhook_section_free(p->made);
	p->made = webhook_section_new(&t->server->webhook_sink, name, w, &t->error);
	if (p->made == NULL) {
		t->status = 500;
		return false;
	}
	p->conf = &p->made->section.u.sink;
	return true;
}

static void
finish_replay(struct tour *t)
{
	const struct replay *p = t->replay;

	t->status = 202;
	buf_printf(&t->out, "{\"success\":true,\"replayed\":%zu,\"more\":%s", p->n,
		p->is_over ? "false" : "true");
	if (!p->is_over)
		buf_printf(&t->out, ",\"next\":%" PRId64, p->next);
	buf_str(&t->out, "}");
	tour_go_home(t);
}

static void
take_up(struct mail *mail)
{
	struct tour *t = tour_of(mail);
	struct destination *d = find_destination(t);

	if (d != NULL)
		destination_retry(d, t->replay->seqs, t->replay->n, true);
	finish_replay(t);
}

/* Page after page, so that the store does other things between them. */
static void
replay_page(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;
	struct inquiry *q = t->own;
	struct replay *p = t->replay;

	if (!find_conf(t)) {
		tour_go_home(t);
		return;
	}
	int rc = replay_select(p, store, t->query.destination, &t->error);
	bool is_last = p->is_over || p->n == p->limit || ++q->pages == PAGES_MAX;
	if (rc == HSW_OK && !is_last) {
		tour_go_to_store(t, replay_page);
		return;
	}
	if (rc == HSW_OK)
		rc = replay_commit(p, store, t->query.destination, &t->error);
	if (rc != HSW_OK) {
		fail_store(t, rc);
		tour_go_home(t);
	} else {
		go_to_owner(t, take_up);
	}
}

static void
replay_settled(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;

	const struct inquiry *q = t->own;

	if (set_destination(t, q->label))
		replay_page(call, store);
	else
		tour_go_home(t);
}

/* ---- queries ---- */

/* ?label=, where there is one; an empty one is the default. false: out of memory. */
static bool
query_label(const struct api_call *call, struct inquiry *q)
{
	struct buf label = BUF_INIT;

	if (!http_query(call->http, "label", &label)) {
		buf_free(&label);
		return true;
	}
	q->label = label.len > 0 ? strndup(label.data, label.len) : strdup(WEBHOOK_LABEL_DEFAULT);
	buf_free(&label);
	if (q->label == NULL)
		refuse_memory(call);
	return q->label != NULL;
}

static bool
query_bool(const struct api_call *call, const char *name, bool *out)
{
	struct buf value = BUF_INIT;
	bool is_good = true;

	if (http_query(call->http, name, &value)) {
		struct hsw_str s = { value.data, value.len };
		*out = str_is(s, "true") || str_is(s, "1");
		is_good = *out || str_is(s, "false") || str_is(s, "0");
	}
	buf_free(&value);
	if (!is_good)
		api_error(call, 400, "%s: expected true or false", name);
	return is_good;
}

static bool
query_limit(const struct api_call *call, size_t *out)
{
	struct buf value = BUF_INIT;
	int64_t n = LIST_DEFAULT;

	if (http_query(call->http, "limit", &value)) {
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
	bool is_given = http_query(call->http, "after", &value);

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
api_deliveries(struct api_call *call)
{
	struct inquiry *q = inquiry_new(call);
	bool is_failed = false;

	if (q == NULL)
		return;
	if (query_label(call, q) && query_bool(call, "failed", &is_failed)) {
		q->with_delivered = !is_failed;
		begin(call, q, NULL, list_attempts);
	} else {
		inquiry_free(q);
	}
}

void
api_dead(struct api_call *call)
{
	struct inquiry *q = inquiry_new(call);

	if (q == NULL)
		return;
	if (query_label(call, q) && query_limit(call, &q->limit) && query_after(call, q))
		begin(call, q, NULL, list_dead);
	else
		inquiry_free(q);
}

/* ---- bodies ---- */

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

static void
refuse(const struct api_call *call, int rc, const struct hsw_error *err)
{
	api_error(call, rc == HSW_ENOMEM ? 503 : 400, "%s", err->text);
}

void
api_dead_replay(struct api_call *call)
{
	static const char *const known[] = { "label", "ids", NULL };
	struct json_object *root = api_body(call, known);
	struct inquiry *q = root != NULL ? inquiry_new(call) : NULL;
	struct hsw_error err = { "" };

	if (q != NULL) {
		int rc = api_json_text(root, "label", WEBHOOK_LABEL_MAX, &q->label, &err);
		if (rc == HSW_OK)
			rc = read_ids(q, root, &err);
		if (rc == HSW_OK) {
			begin(call, q, NULL, replay_dead);
		} else {
			refuse(call, rc, &err);
			inquiry_free(q);
		}
	}
	json_object_put(root);
}

static int
read_replay(struct inquiry *q, struct replay *p, struct json_object *root, struct hsw_error *err)
{
	bool has_since, has_until;
	int64_t limit = REPLAY_MAX;
	int rc = api_json_text(root, "label", WEBHOOK_LABEL_MAX, &q->label, err);

	p->until_ms = clock_wall_ms();
	if (rc == HSW_OK && q->label == NULL)
		rc = err_set(err, HSW_EINVAL, "label: is missing");
	if (rc == HSW_OK)
		rc = api_json_time(root, "since", &p->since_ms, &has_since, err);
	if (rc == HSW_OK && !has_since)
		rc = err_set(err, HSW_EINVAL, "since: is missing");
	if (rc == HSW_OK)
		rc = api_json_time(root, "until", &p->until_ms, &has_until, err);
	if (rc == HSW_OK && p->until_ms < p->since_ms)
		rc = err_set(err, HSW_EINVAL, "%s: is before since", has_until ? "until" : "now");
	if (rc == HSW_OK)
		rc = api_json_number(root, "after", 0, INT64_MAX, &p->next, err);
	if (rc == HSW_OK)
		rc = api_json_number(root, "limit", 1, REPLAY_MAX, &limit, err);
	p->limit = (size_t)limit;
	return rc;
}

void
api_replay(struct api_call *call)
{
	static const char *const known[] = { "label", "since", "until", "after", "limit", NULL };
	struct json_object *root = api_body(call, known);
	struct inquiry *q = root != NULL ? inquiry_new(call) : NULL;
	struct replay *p = q != NULL ? calloc(1, sizeof(*p)) : NULL;
	struct hsw_error err = { "" };

	if (q != NULL && p == NULL) {
		refuse_memory(call);
		inquiry_free(q);
	} else if (q != NULL) {
		int rc = read_replay(q, p, root, &err);
		if (rc == HSW_OK) {
			begin(call, q, p, replay_settled);
		} else {
			refuse(call, rc, &err);
			inquiry_free(q);
			replay_free(p);
		}
	}
	json_object_put(root);
}
