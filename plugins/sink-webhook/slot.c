/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot.c - see slot.h.
 *
 * Of a request a slot changes the body's address and length and overwrites three header lines in
 * place; curl's other settings stay.
 *
 * Handles are added and removed outside of curl's callbacks only: starting and stopping come from the
 * daemon, and done() is called from webhook_transfers_ended(), after curl has returned. What is added
 * starts with curl's timer of 0 ms, so that all requests of one turn of the loop start together.
 */
#include "slot_impl.h"

#include <stdlib.h>
#include <string.h>

#include "sockets.h"
#include "target.h"

/* Slots that are kept for later; one takes, with its connection, about 18 KB. */
#define IDLE_SLOTS_MAX 64
/* An idle connection is not used again after this time. */
#define IDLE_SECONDS 60L
/* A connection is not used again after this time, so that changes of addresses are noticed. */
#define LIFETIME_SECONDS 600L
#define CA_CACHE_SECONDS 3600L
#define READ_BUFFER_BYTES 4096L
/* A buffer for bodies of several pieces that is larger is not kept. */
#define GATHERED_KEEP_BYTES (64 * 1024)

static void
slot_free(struct slot *s)
{
	if (s->easy != NULL)
		curl_easy_cleanup(s->easy);
	variant_unref(s->variant);
	target_unref(s->target);
	pieces_free(&s->body);
	free(s->packed);
	free(s->gathered);
	free(s);
}

static void
head_came(struct answer *a)
{
	struct slot *s = (struct slot *)((char *)a - offsetof(struct slot, answer));

	if (s->is_headed)
		return;
	s->is_headed = true;
	TAILQ_INSERT_TAIL(&s->w->headed, s, headed);
}

/* All that never changes. */
static void
set_constants(struct slot *s)
{
	CURL *easy = s->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, &s->transfer);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, READ_BUFFER_BYTES);
	curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, IDLE_SECONDS);
	curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, LIFETIME_SECONDS);
	sockets_set(easy, &s->opener);
	answer_set(&s->answer, easy, head_came);
}

static void
set_tls(const struct slot *s)
{
	const struct webhook_conf *conf = s->w->conf;
	const char *ca_file = conf->ca_file;

	if (ca_file == NULL)
		ca_file = curl_version_info(CURLVERSION_NOW)->cainfo;
	/* curl keeps parsed certificates only without a folder of them: reading the system's
	 * some 140 costs more than 10 ms of a connection otherwise. */
	if (ca_file != NULL) {
		curl_easy_setopt(s->easy, CURLOPT_CAPATH, NULL);
		curl_easy_setopt(s->easy, CURLOPT_CAINFO, ca_file);
	}
#if LIBCURL_VERSION_NUM >= 0x075700
	curl_easy_setopt(s->easy, CURLOPT_CA_CACHE_TIMEOUT, CA_CACHE_SECONDS);
#endif
	if (conf->cert_file != NULL)
		curl_easy_setopt(s->easy, CURLOPT_SSLCERT, conf->cert_file);
	if (conf->key_file != NULL)
		curl_easy_setopt(s->easy, CURLOPT_SSLKEY, conf->key_file);
}

static int
make_easy(struct slot *s)
{
	s->easy = curl_easy_init();
	if (s->easy == NULL)
		return HSW_ENOMEM;
	set_constants(s);
	set_tls(s);
	return HSW_OK;
}

static void exchange_ended(struct exchange *, CURLcode);
static void exchange_succeeded(struct exchange *);
static void exchange_refused(struct exchange *);

static struct slot *
slot_new(struct webhook *w)
{
	struct slot *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->w = w;
	TAILQ_INIT(&s->items);
	s->opener = (struct opener){ .w = w, .was_refused = &s->answer.was_refused };
	s->exchange.w = w;
	s->exchange.answer = &s->answer;
	s->exchange.ended = exchange_ended;
	s->exchange.succeeded = exchange_succeeded;
	s->exchange.refused = exchange_refused;
	slot_init_lines(s);
	w->slot_count++;
	sockets_allow(w);
	return s;
}

struct slot *
slot_take(struct webhook *w)
{
	struct slot *s = LIST_FIRST(&w->idle);

	if (s == NULL)
		return slot_new(w);
	LIST_REMOVE(s, entry);
	w->idle_count--;
	return s;
}

void
slot_give_back(struct slot *s)
{
	struct webhook *w = s->w;

	items_give_back(w, &s->items);
	s->live = 0;
	pieces_clear(&s->body);
	free(s->packed);
	s->packed = NULL;
	if (s->gathered_size > GATHERED_KEEP_BYTES) {
		free(s->gathered);
		s->gathered = NULL;
		s->gathered_size = 0;
	}
	if (w->idle_count >= IDLE_SLOTS_MAX) {
		w->slot_count--;
		slot_free(s);
		return;
	}
	LIST_INSERT_HEAD(&w->idle, s, entry);
	w->idle_count++;
}

void
slots_free(struct webhook *w)
{
	struct slot *s;
	struct item *item;

	while ((s = LIST_FIRST(&w->idle)) != NULL) {
		LIST_REMOVE(s, entry);
		slot_free(s);
	}
	while ((item = TAILQ_FIRST(&w->free_items)) != NULL) {
		TAILQ_REMOVE(&w->free_items, item, entry);
		item_free(item);
	}
}

static void
set_variant(struct slot *s, struct variant *v)
{
	if (v != s->variant)
		s->has_url = false;
	variant_unref(s->variant);
	s->variant = v;
}

int
slot_set_target(struct slot *s, const struct webhook_conf *conf)
{
	struct webhook *w = s->w;
	struct hsw_error err;
	struct target *t = conf == NULL ? target_ref(w->target)
					: target_get(w->targets, conf, &err);

	if (t == NULL) {
		w->host->log(w->handle, HSW_LOG_WARN, "%s", err.text);
		return HSW_EINVAL;
	}
	if (t != s->target)
		set_variant(s, NULL); /* it is the old target's */
	target_unref(s->target);
	s->target = t;
	s->opener.is_guarded = conf != NULL || w->conf->allow_private != NULL;
	s->exchange.is_guarded = s->opener.is_guarded;
	s->is_sections = conf == NULL;
	s->is_batch = conf == NULL && w->batch.events > 0;
	s->format = (enum format)(conf != NULL ? conf : w->conf)->format;
	slot_link_lines(s);
	return HSW_OK;
}

/* ---- sending ---- */

static int
set_url(struct slot *s)
{
	if (s->has_url)
		return HSW_OK;
	if (curl_easy_setopt(s->easy, CURLOPT_CURLU, variant_url(s->variant)) != CURLE_OK)
		return HSW_ENOMEM;
	/* Rather wait for a connection that may turn out to be HTTP/2 than make many. Without
	 * TLS curl would learn only from the first answer that it is not. */
	curl_easy_setopt(s->easy, CURLOPT_PIPEWAIT, (long)target_is_tls(s->target));
	s->has_url = true;
	return HSW_OK;
}

/* One piece, for curl. NULL: out of memory. */
static const char *
gather(struct slot *s)
{
	const struct pieces *body = &s->body;

	if (body->n == 1)
		return body->iov[0].iov_base;
	if (body->len > s->gathered_size) {
		char *larger = realloc(s->gathered, body->len);
		if (larger == NULL)
			return NULL;
		s->gathered = larger;
		s->gathered_size = body->len;
	}
	char *to = s->gathered;
	for (size_t i = 0; i < body->n; i++)
		to = mempcpy(to, body->iov[i].iov_base, body->iov[i].iov_len);
	return s->gathered;
}

static int
set_body(struct slot *s)
{
	const char *body = gather(s);

	if (body == NULL)
		return HSW_ENOMEM;
	curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)s->body.len);
	curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER,
		&s->lines[s->body.len < EXPECT_FROM_BYTES ? LINE_EXPECT + 1 : LINE_EXPECT]);
	return HSW_OK;
}

static int
slot_add(struct slot *s)
{
	answer_reset(&s->answer);
	sockets_begin(&s->opener, target_origin(s->target));
	return curl_multi_add_handle(s->w->multi, s->easy) == CURLM_OK ? HSW_OK : HSW_ENOMEM;
}

static int
start_transfer(struct slot *s)
{
	int rc = s->easy != NULL ? HSW_OK : make_easy(s);

	if (rc == HSW_OK)
		rc = set_url(s);
	if (rc == HSW_OK)
		rc = set_body(s);
	if (rc != HSW_OK)
		return rc;
	s->resent = false;
	return slot_add(s);
}

static int
start_exchange(struct slot *s)
{
	struct exchange *x = &s->exchange;

	x->target = s->target;
	x->head = variant_head(s->variant);
	x->tail = target_tail(s->target);
	if (x->head.s == NULL || x->tail.s == NULL)
		return HSW_ENOMEM;
	x->lines = slot_wire_lines(s);
	x->body = s->body.iov;
	x->body_pieces = s->body.n;
	x->resent = false;
	return wire_start(x);
}

static int
find_variant(struct slot *s)
{
	const struct hsw_host *host = s->w->host;
	const struct hsw_envelope *first = host->envelope(TAILQ_FIRST(&s->items)->delivery);
	struct variant *v = target_variant(s->target, host->get(first, HSW_F_TYPE));

	if (v == NULL)
		return HSW_ENOMEM;
	set_variant(s, v);
	return HSW_OK;
}

int
slot_start(struct slot *s)
{
	struct webhook *w = s->w;
	int rc = find_variant(s);

	if (rc == HSW_OK)
		rc = slot_compose(s);
	if (rc == HSW_OK)
		rc = slot_set_lines(s);
	if (rc == HSW_OK)
		rc = target_is_plain(s->target) ? start_exchange(s) : start_transfer(s);
	if (rc != HSW_OK)
		return rc;
	w->used = true;
	LIST_INSERT_HEAD(&w->busy, s, entry);
	return HSW_OK;
}

void
slot_postpone(struct slot *s, int64_t ms)
{
	struct item *item;

	TAILQ_FOREACH (item, &s->items, entry) {
		if (item->delivery != NULL)
			s->w->host->postpone(item->delivery, ms);
	}
}

static struct slot_order *
rests_among(struct slot *s)
{
	return s->is_settled ? &s->w->settled : &s->w->refused;
}

/* Takes it out of whatever it is in; its items stay. */
static void
slot_halt(struct slot *s)
{
	if (s->exchange.wire != NULL)
		wire_stop(&s->exchange);
	else if (s->easy != NULL) {
		sockets_give_up(&s->opener);
		curl_multi_remove_handle(s->w->multi, s->easy);
	}
	LIST_REMOVE(s, entry);
	if (s->is_headed)
		TAILQ_REMOVE(&s->w->headed, s, headed);
	if (s->is_resting)
		TAILQ_REMOVE(rests_among(s), s, resting);
	s->w->settled_count -= s->is_settled;
	s->is_headed = s->is_resting = s->is_settled = false;
}

void
slot_stop(struct slot *s)
{
	slot_halt(s);
	slot_give_back(s);
}

/* ---- endings ---- */

/* When its head has said all that counts the rest of an answer is read for so long: of a failure for the text, else
 * so that the connection can be used again. */
#define REST_MS 1000
/* No more than so many of which the delivery has ended, each with its connection: the oldest one is given up. */
#define SETTLED_MAX 256

/* done() may deliver and cancel others. */
static void
tell_all(struct webhook *w, struct item_list *items, enum hsw_outcome outcome,
	const struct hsw_detail *detail)
{
	struct item *item;

	while ((item = TAILQ_FIRST(items)) != NULL) {
		struct hsw_delivery *delivery = item->delivery;
		TAILQ_REMOVE(items, item, entry);
		item_give_back(w, item);
		if (delivery != NULL)
			w->host->done(delivery, outcome, detail);
	}
}

void
slot_settle(struct slot *s, enum hsw_outcome outcome, const struct hsw_detail *detail)
{
	struct webhook *w = s->w;
	struct item_list items;

	items_take(s, &items);
	slot_give_back(s);
	tell_all(w, &items, outcome, detail);
}

static void
slot_rest(struct slot *s)
{
	struct webhook *w = s->w;

	if (TAILQ_EMPTY(&w->settled) && TAILQ_EMPTY(&w->refused))
		w->host->timer_set(w->resting_timer, REST_MS);
	s->is_resting = true;
	s->headed_ms = w->host->now_ms(w->handle);
	TAILQ_INSERT_TAIL(rests_among(s), s, resting);
}

/* Settles before the whole answer is there. Its request has been sent: nothing of the items is needed. */
static void
slot_settle_early(struct slot *s)
{
	struct webhook *w = s->w;
	struct hsw_detail detail = { 0 };
	char text[ANSWER_TEXT_SIZE];
	struct item_list items;

	if (s->is_resting)
		return;
	s->is_settled = true;
	slot_rest(s);
	if (++w->settled_count > SETTLED_MAX)
		slot_stop(TAILQ_FIRST(&w->settled));
	items_take(s, &items);
	tell_all(
		w, &items, answer_outcome(&s->answer, CURLE_OK, s->target, &detail, text), &detail);
}

/* Its text is waited for, until the timer has come round twice at most: that is no time in which nobody answered. */
static void
slot_is_refused(struct slot *s)
{
	struct item *item;

	if (s->is_resting)
		return;
	slot_rest(s);
	TAILQ_FOREACH (item, &s->items, entry) {
		if (item->delivery != NULL)
			s->w->host->extend(item->delivery, 3 * REST_MS);
	}
}

static struct slot *
slot_of(struct exchange *x)
{
	return (struct slot *)((char *)x - offsetof(struct slot, exchange));
}

static void
exchange_succeeded(struct exchange *x)
{
	slot_settle_early(slot_of(x));
}

static void
exchange_refused(struct exchange *x)
{
	slot_is_refused(slot_of(x));
}

static void
slot_ended(struct slot *s, CURLcode code)
{
	struct hsw_detail detail = { 0 };
	char text[ANSWER_TEXT_SIZE];
	enum hsw_outcome outcome = answer_outcome(&s->answer, code, s->target, &detail, text);

	slot_halt(s);
	if (slot_is_refused_as_batch(s, outcome))
		slot_split(s);
	else
		slot_settle(s, outcome, &detail);
}

static bool
has_sent_all(const struct slot *s)
{
	curl_off_t sent = 0;

	curl_easy_getinfo(s->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	return sent >= (curl_off_t)s->body.len;
}

static void
look_at_head(struct slot *s)
{
	if (!answer_is_success(&s->answer)) {
		if (s->answer.status != STATUS_WITHOUT_EXPECT)
			slot_is_refused(s);
	} else if (has_sent_all(s)) {
		slot_settle_early(s);
	} else {
		slot_ended(s, CURLE_OK);
	}
}

void
slots_look_at_heads(struct webhook *w)
{
	struct slot *s;

	while ((s = TAILQ_FIRST(&w->headed)) != NULL) {
		TAILQ_REMOVE(&w->headed, s, headed);
		s->is_headed = false;
		look_at_head(s);
	}
}

static struct slot *
first_older(const struct slot_order *resting, int64_t headed_ms)
{
	struct slot *s = TAILQ_FIRST(resting);

	return s != NULL && s->headed_ms <= headed_ms ? s : NULL;
}

void
slots_end_resting(struct webhook *w, int64_t older_than_ms)
{
	int64_t headed_ms = w->host->now_ms(w->handle) - older_than_ms;
	struct slot *s;

	while ((s = first_older(&w->settled, headed_ms)) != NULL)
		slot_stop(s);
	while ((s = first_older(&w->refused, headed_ms)) != NULL)
		slot_ended(s, CURLE_OK);
}

void
slots_rest_over(void *webhook)
{
	struct webhook *w = webhook;

	slots_end_resting(w, REST_MS);
	if (!TAILQ_EMPTY(&w->settled) || !TAILQ_EMPTY(&w->refused))
		w->host->timer_set(w->resting_timer, REST_MS);
}

/*
 * A request that met the end of an idle connection goes out again on another one. curl does so by
 * itself, but counts over the whole life of a handle and gives up each sixth time.
 */
static bool
slot_resend(struct slot *s, CURLcode code)
{
	if (s->resent || !answer_met_old_connection(&s->answer, code))
		return false;
	s->resent = true;
	curl_multi_remove_handle(s->w->multi, s->easy);
	return slot_add(s) == HSW_OK;
}

void
slot_transfer_ended(struct slot *s, CURLcode code)
{
	s->opener.is_resolving = false;
	answer_take(&s->answer, s->easy);
	if (code == CURLE_OK || !slot_resend(s, code))
		slot_ended(s, code);
}

static void
exchange_ended(struct exchange *x, CURLcode code)
{
	slot_ended(slot_of(x), code);
}
