/* SPDX-License-Identifier: Apache-2.0 */
/* api_inquiry.c - see api_inquiry.h. */
#include "api_inquiry.h"

#include <stdlib.h>

#include "err.h"
#include "log.h"

void
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

void
inquiry_refuse_memory(const struct api_call *call)
{
	api_error(call, 503, "Out of memory");
}

struct inquiry *
inquiry_new(const struct api_call *call)
{
	struct inquiry *q = calloc(1, sizeof(*q));

	if (q != NULL)
		q->instance = strndup(call->instance.s, call->instance.len);
	if (q != NULL && q->instance != NULL)
		return q;
	inquiry_free(q);
	inquiry_refuse_memory(call);
	return NULL;
}

void
inquiry_begin(const struct api_call *call, struct inquiry *q, struct replay *replay,
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

void
inquiry_fail(struct tour *t, int status, const char *message)
{
	t->status = status;
	err_set(&t->error, HSW_EINVAL, "%s", message);
}

void
inquiry_fail_store(struct tour *t, int rc)
{
	const struct inquiry *q = t->own;

	log_error(
		"api", "deliveries: the store failed instance=%s: %s", q->instance, t->error.text);
	if (rc == HSW_ENOMEM)
		inquiry_fail(t, 503, "Out of memory");
	else
		inquiry_fail(t, 500, "Failed to use the store");
}

static bool
add_label(struct tour *t, const char *label)
{
	struct inquiry *q = t->own;

	q->labels[q->n_labels] = strdup(label);
	if (q->labels[q->n_labels] == NULL) {
		inquiry_fail(t, 503, "Out of memory");
		return false;
	}
	q->n_labels++;
	return true;
}

bool
inquiry_find_labels(struct tour *t)
{
	struct inquiry *q = t->own;
	const struct instance_settings *i = settings_find(t->server->settings, str_of(q->instance));

	if (i == NULL) {
		inquiry_fail(t, 404, "Instance not found");
		return false;
	}
	if (q->label != NULL && settings_find_webhook(i, q->label) == NULL) {
		inquiry_fail(t, 404, "Webhook not found");
		return false;
	}
	size_t n = 0;
	for (const struct webhook *w = i->webhooks; w != NULL; w = w->next)
		n++;
	q->labels = calloc(n + 1, sizeof(q->labels[0]));
	if (q->labels == NULL) {
		inquiry_fail(t, 503, "Out of memory");
		return false;
	}
	for (const struct webhook *w = i->webhooks; w != NULL; w = w->next) {
		bool is_wanted = q->label == NULL || strcmp(q->label, w->label) == 0;
		if (w->enabled && is_wanted && !add_label(t, w->label))
			return false;
	}
	return true;
}

bool
inquiry_set_destination(struct tour *t, const char *label)
{
	const struct inquiry *q = t->own;

	t->sink.len = 0;
	buf_printf(&t->sink, "%s/%s", q->instance, label);
	buf_append(&t->sink, "", 1);
	if (t->sink.failed) {
		inquiry_fail(t, 503, "Out of memory");
		return false;
	}
	t->query.destination = (struct hsw_str){ t->sink.data, t->sink.len - 1 };
	return true;
}

void
inquiry_go_to_owner(struct tour *t, void (*fn)(struct mail *))
{
	tour_go_to_worker(t, change_owner(t->server, t->sink.data), fn);
}

struct destination *
inquiry_find_destination(const struct tour *t)
{
	return destination_find(&t->server->workers[change_owner(t->server, t->sink.data)].delivery,
		t->query.destination);
}

bool
inquiry_read_label(const struct api_call *call, struct inquiry *q)
{
	struct buf label = BUF_INIT;

	if (!http_query_form(call->http, "label", &label)) {
		buf_free(&label);
		return true;
	}
	q->label = label.len > 0 ? strndup(label.data, label.len) : strdup(WEBHOOK_LABEL_DEFAULT);
	buf_free(&label);
	if (q->label == NULL)
		inquiry_refuse_memory(call);
	return q->label != NULL;
}

void
inquiry_refuse(const struct api_call *call, int rc, const struct hsw_error *err)
{
	api_error(call, rc == HSW_ENOMEM ? 503 : 400, "%s", err->text);
}
