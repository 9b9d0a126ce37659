/* SPDX-License-Identifier: Apache-2.0 */
/*
 * webhook.c - sink-webhook: POSTs events to an HTTP receiver, by libcurl's multi interface or, where
 * neither TLS nor HTTP/2 is asked for, over a wire (wire.h).
 *
 * Where events are batched, w->pending is the slot that they are gathered in. It is sent when it is
 * full, when the next event would make it too large or is a replay where it is not (or the other way
 * round), or when its first event has waited long enough. What is tried again goes alone, a batch that was
 * refused for what is in it at once (slot_split.c): so an event that the receiver will never take costs
 * others one attempt at most.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "expressions.h"
#include "gzip.h"
#include "slot.h"
#include "target.h"

/* Deliveries in flight, unless the section says otherwise. */
#define CONCURRENCY 32

/* ---- one event, one request ---- */

/* Ends a delivery that can never succeed. */
static void
reject(struct webhook *w, struct hsw_delivery *delivery, size_t len)
{
	char text[128];
	const struct hsw_detail detail = { .text = text };

	snprintf(text, sizeof(text), "its body of %zu bytes is over max_body (%lld)", len,
		(long long)w->conf->max_body);
	w->host->done(delivery, HSW_REJECT, &detail);
}

/* Ends a delivery of which nothing could or should be made. The result for deliver(). */
static int
settle_unmade(struct webhook *w, struct hsw_delivery *delivery, int rc, const struct hsw_error *err)
{
	const struct hsw_detail why = { .text = err->text };

	switch (rc) {
	case HSW_ENOENT:
		w->host->count(w->handle, "filtered", NULL, 1);
		w->host->skip(delivery);
		return HSW_OK;
	case HSW_EINVAL:
	case HSW_ELIMIT: /* it would hold up all others again and again */
		w->host->done(delivery, HSW_REJECT, &why);
		return HSW_OK;
	default:
		return rc;
	}
}

/* The size of the slot's body with this item in it, if that is too large; else 0. */
static size_t
excess(const struct slot *s, const struct item *item)
{
	int64_t max = s->w->conf->max_body;
	size_t len = max > 0 ? slot_body_bytes(s, item) : 0;

	return len > (size_t)max ? len : 0;
}

static int
send_alone(struct slot *s, struct item *item)
{
	struct webhook *w = s->w;
	struct hsw_delivery *delivery = item->delivery;
	size_t len = excess(s, item);

	if (len == 0) {
		slot_add_item(s, item);
		int rc = slot_start(s);
		if (rc != HSW_OK)
			slot_give_back(s);
		return rc;
	}
	slot_drop_item(s, item);
	slot_give_back(s);
	reject(w, delivery, len);
	return HSW_OK;
}

static int
deliver_alone(struct webhook *w, struct hsw_delivery *delivery, const struct webhook_conf *conf)
{
	struct slot *s = slot_take(w);
	struct item *item = NULL;
	struct hsw_error err;

	if (s == NULL)
		return HSW_ENOMEM;
	int rc = slot_set_target(s, conf);
	if (rc != HSW_OK) {
		slot_give_back(s);
		return rc;
	}
	rc = slot_make_item(s, delivery, &item, &err);
	if (rc == HSW_OK)
		return send_alone(s, item);
	slot_give_back(s);
	return settle_unmade(w, delivery, rc, &err);
}

/* ---- batches ---- */

static void
send_pending(struct webhook *w)
{
	static const struct hsw_detail failed = { .text = "out of memory" };
	struct slot *s = w->pending;

	w->host->timer_set(w->batch_timer, -1);
	w->pending = NULL;
	if (s == NULL)
		return;
	slot_postpone(s, 0); /* it is sent only now */
	if (slot_start(s) != HSW_OK)
		slot_settle(s, HSW_RETRY, &failed);
}

static void
batch_over(void *arg)
{
	send_pending(arg);
}

static int
begin_batch(struct webhook *w)
{
	struct slot *s = slot_take(w);

	if (s == NULL)
		return HSW_ENOMEM;
	int rc = slot_set_target(s, NULL);
	if (rc != HSW_OK) {
		slot_give_back(s);
		return rc;
	}
	w->pending = s;
	w->host->timer_set(w->batch_timer, w->batch.wait_ms);
	return HSW_OK;
}

/* Nothing is pending that has no event in it. */
static void
drop_if_empty(struct webhook *w)
{
	if (w->pending == NULL || w->pending->live > 0)
		return;
	w->host->timer_set(w->batch_timer, -1);
	slot_give_back(w->pending);
	w->pending = NULL;
}

/* A request says once whether it is a replay: what it brings is so throughout, or not at all. */
static bool
is_of_other_kind(const struct slot *pending, const struct hsw_delivery *delivery)
{
	const struct hsw_host *host = pending->w->host;
	const struct hsw_delivery *first = TAILQ_FIRST(&pending->items)->delivery;

	return (host->is_replay(first) != 0) != (host->is_replay(delivery) != 0);
}

static int
deliver_batched(struct webhook *w, struct hsw_delivery *delivery)
{
	struct item *item;
	struct hsw_error err;
	int rc = w->pending != NULL ? HSW_OK : begin_batch(w);

	if (rc != HSW_OK)
		return rc;
	rc = slot_make_item(w->pending, delivery, &item, &err);
	if (rc != HSW_OK) {
		drop_if_empty(w);
		return settle_unmade(w, delivery, rc, &err);
	}
	size_t len = excess(w->pending, item);
	if (w->pending->live > 0 && (len > 0 || is_of_other_kind(w->pending, delivery))) {
		slot_drop_item(w->pending, item);
		send_pending(w);
		return deliver_batched(w, delivery);
	}
	if (len > 0) {
		slot_drop_item(w->pending, item);
		drop_if_empty(w);
		reject(w, delivery, len);
		return HSW_OK;
	}
	slot_add_item(w->pending, item);
	w->host->postpone(delivery, w->batch.wait_ms);
	if (w->pending->live >= w->batch.events)
		send_pending(w);
	return HSW_OK;
}

/* ---- the daemon's calls ---- */

static int
webhook_deliver(void *self, struct hsw_delivery *delivery)
{
	struct webhook *w = self;
	const struct webhook_conf *conf = w->host->target(delivery);
	static const struct hsw_detail forbidden = { .text = "the URL is not https (https_only)" };

	/* One of the API was set when it was allowed. Its events wait for a better URL. */
	if (conf_forbids_url(conf != NULL ? conf : w->conf)) {
		w->host->done(delivery, HSW_RETRY, &forbidden);
		return HSW_OK;
	}
	if (conf == NULL && w->batch.events > 0 && w->host->attempt(delivery) == 1)
		return deliver_batched(w, delivery);
	return deliver_alone(w, delivery, conf);
}

static void
webhook_cancel(void *self, struct hsw_delivery *delivery)
{
	struct webhook *w = self;
	struct item *item = w->host->get_data(delivery);
	struct slot *s = item->slot;

	item->delivery = NULL;
	if (s == NULL)
		return;
	s->live--;
	if (s == w->pending) {
		slot_remove_item(s, item);
		drop_if_empty(w);
	} else if (s->live == 0) {
		slot_stop(s);
	}
}

void
webhook_transfers_ended(struct webhook *w)
{
	const CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(w->multi, &left)) != NULL) {
		CURLcode code = m->data.result;
		struct transfer *t;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
		if (t->is_wire)
			wire_connected((struct wire *)t, code);
		else
			slot_transfer_ended((struct slot *)t, code);
	}
	slots_look_at_heads(w);
}

/* ---- the handle ----------------------------------------------------------------------------- */

/* curl counts these calls; older builds of it do not lock. */
static pthread_mutex_t global_lock = PTHREAD_MUTEX_INITIALIZER;

static int
global_init(struct hsw_error *err)
{
	pthread_mutex_lock(&global_lock);
	CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
	pthread_mutex_unlock(&global_lock);
	if (code == CURLE_OK)
		return HSW_OK;
	snprintf(err->text, sizeof(err->text), "libcurl: %s", curl_easy_strerror(code));
	return HSW_EIO;
}

static void
global_fini(void)
{
	pthread_mutex_lock(&global_lock);
	curl_global_cleanup();
	pthread_mutex_unlock(&global_lock);
}

static void
webhook_close(void *self)
{
	struct webhook *w = self;

	slots_end_resting(w, 0);
	slots_free(w);
	sockets_close(w);
	w->host->timer_free(w->batch_timer);
	w->host->timer_free(w->resting_timer);
	gzip_free(w->gzip);
	expressions_free(w->expressions);
	target_unref(w->target);
	targets_free(w->targets);
	guard_free(w->guard);
	free(w);
	global_fini();
}

static int
out_of_memory(struct hsw_error *err)
{
	snprintf(err->text, sizeof(err->text), "out of memory");
	return HSW_ENOMEM;
}

static int
webhook_open(const struct hsw_host *host, struct hsw_handle *handle, const void *conf, void **self,
	struct hsw_error *err)
{
	int rc = conf_check(conf, err);

	if (rc == HSW_OK)
		rc = global_init(err);
	if (rc != HSW_OK)
		return rc;
	struct webhook *w = calloc(1, sizeof(*w));
	if (w == NULL) {
		global_fini();
		return out_of_memory(err);
	}
	*w = (struct webhook){ .host = host, .handle = handle, .conf = conf };
	TAILQ_INIT(&w->free_items);
	TAILQ_INIT(&w->headed);
	TAILQ_INIT(&w->settled);
	TAILQ_INIT(&w->refused);
	TAILQ_INIT(&w->idle_order);
	conf_batch(conf, &w->batch, err);
	w->targets = targets_new(host->version);
	w->guard = guard_new(w->conf->allow_private, err);
	w->batch_timer = host->timer_new(handle, batch_over, w);
	w->resting_timer = host->timer_new(handle, slots_rest_over, w);
	if (w->conf->compress == COMPRESS_GZIP)
		w->gzip = gzip_new();
	if (w->targets == NULL || sockets_open(w) != HSW_OK || w->batch_timer == NULL ||
		w->resting_timer == NULL || (w->conf->compress == COMPRESS_GZIP && w->gzip == NULL))
		rc = out_of_memory(err);
	else if (w->guard == NULL)
		rc = HSW_EINVAL;
	else
		rc = expressions_new(w->conf, &w->expressions, err);
	if (rc == HSW_OK && w->conf->url != NULL &&
		(w->target = target_get(w->targets, conf, err)) == NULL)
		rc = HSW_EINVAL;
	if (rc != HSW_OK)
		webhook_close(w);
	*self = w;
	return rc;
}

/* Connections to where it may not go any more end; what is in flight on them is tried again, and refused. */
static int
webhook_configure(void *self, const void *section, struct hsw_error *err)
{
	struct webhook *w = self;
	const struct webhook_conf *conf = section;
	struct guard *guard = guard_new(conf->allow_private, err);

	if (guard == NULL)
		return HSW_EINVAL;
	guard_free(w->guard);
	w->guard = guard;
	w->conf = conf;
	sockets_guard(w);
	wires_guard(w);
	return HSW_OK;
}

/* Connections are closed when nothing is in flight any more; by idle_timer, since this may be
 * called out of done(). */
static void
webhook_drain(void *self)
{
	struct webhook *w = self;

	send_pending(w);
	w->used = false;
	sockets_look_at_idle(w, 0);
}

static const struct hsw_sink_ops ops = {
	.size = sizeof(ops),
	.concurrency = CONCURRENCY,
	.flags = HSW_SINK_STATUSES,
	.parts = HSW_CODES,
	.open = webhook_open,
	.deliver = webhook_deliver,
	.cancel = webhook_cancel,
	.drain = webhook_drain,
	.close = webhook_close,
	.needs = conf_needs,
	.check = check_first,
	.gathers = conf_gathers,
	.configure = webhook_configure,
	.check_each = check_each,
	.check_parts = conf_check_parts,
};

HSW_PLUGIN(HSW_SINK, "webhook", "1.0", "posts events to an HTTP or HTTPS receiver",
	sizeof(struct webhook_conf), conf_options, &ops);
