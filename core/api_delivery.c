/* SPDX-License-Identifier: Apache-2.0 */
/* api_delivery.c - the route of the last attempts of an instance's webhooks. */
#include <stdlib.h>

#include "api_inquiry.h"
#include "claim.h"

static void print_attempts(struct mail *);

static void
visit_next(struct tour *t)
{
	const struct inquiry *q = t->own;

	if (q->at < q->n_labels && inquiry_set_destination(t, q->labels[q->at])) {
		inquiry_go_to_owner(t, print_attempts);
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
	const struct destination *d = inquiry_find_destination(t);
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
		inquiry_fail(t, 503, "Out of memory");
		return false;
	}
	for (size_t i = 0; i < q->n_labels; i++) {
		struct buf node = BUF_INIT;
		if (!inquiry_set_destination(t, q->labels[i]))
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

	if (!inquiry_find_labels(t) || !find_nodes(t, store)) {
		tour_go_home(t);
		return;
	}
	buf_str(&t->out, "{\"success\":true,\"webhooks\":[");
	visit_next(t);
}

/* ---- the route ---- */

static bool
query_bool(const struct api_call *call, const char *name, bool *out)
{
	struct buf value = BUF_INIT;
	bool is_good = true;

	if (http_query_form(call->http, name, &value)) {
		struct hsw_str s = { value.data, value.len };
		*out = str_is(s, "true") || str_is(s, "1");
		is_good = *out || str_is(s, "false") || str_is(s, "0");
	}
	buf_free(&value);
	if (!is_good)
		api_error(call, 400, "%s: expected true or false", name);
	return is_good;
}

void
api_deliveries(struct api_call *call)
{
	struct inquiry *q = inquiry_new(call);
	bool is_failed = false;

	if (q == NULL)
		return;
	if (inquiry_read_label(call, q) && query_bool(call, "failed", &is_failed)) {
		q->with_delivered = !is_failed;
		inquiry_begin(call, q, NULL, list_attempts);
	} else {
		inquiry_free(q);
	}
}
