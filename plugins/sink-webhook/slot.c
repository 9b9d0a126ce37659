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
#include "slot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "expressions.h"
#include "gzip.h"
#include "sockets.h"
#include "target.h"

/* Slots that are kept for later; one takes, with its connection, about 18 KB. */
#define IDLE_SLOTS_MAX 64
/* Items that are kept for later; one takes about 2 KB. */
#define FREE_ITEMS_MAX 256
/* An idle connection is not used again after this time. */
#define IDLE_SECONDS 60L
/* A connection is not used again after this time, so that changes of addresses are noticed. */
#define LIFETIME_SECONDS 600L
#define CA_CACHE_SECONDS 3600L
#define READ_BUFFER_BYTES 4096L
/* A buffer for bodies of several pieces that is larger is not kept. */
#define GATHERED_KEEP_BYTES (64 * 1024)

/* An id of a batch: "batch_" and so many bytes of a digest as hex. */
#define BATCH_ID_BYTES 16

static const char *const line_names[LINES] = { [LINE_EXPECT] = "Expect:",
	[LINE_ID] = "webhook-id: ",
	[LINE_TIMESTAMP] = "webhook-timestamp: ",
	[LINE_ATTEMPT] = "X-Hookswitch-Attempt: ",
	[LINE_REPLAY] = "webhook-replay: 1",
	[LINE_TYPE] = "Content-Type: ",
	[LINE_SIGNATURE] = "",
	[LINE_HMAC] = "" };

/* Writes the value behind the name that slot_new put there. */
static void
set_line(struct slot *s, int line, const char *value, size_t len)
{
	size_t name_len = strlen(line_names[line]);

	if (len > LINE_BYTES - 1 - name_len)
		len = LINE_BYTES - 1 - name_len;
	memcpy(s->line[line] + name_len, value, len);
	s->line[line][name_len + len] = '\0';
}

/* ---- items ---- */

static struct item *
item_take(struct webhook *w)
{
	struct item *item = TAILQ_FIRST(&w->free_items);

	if (item == NULL)
		return calloc(1, sizeof(*item));
	TAILQ_REMOVE(&w->free_items, item, entry);
	w->free_item_count--;
	return item;
}

static void
item_free(struct item *item)
{
	event_text_free(&item->text);
	free(item);
}

static void
item_give_back(struct webhook *w, struct item *item)
{
	w->host->unref(item->env);
	item->env = NULL;
	free(item->transformed);
	item->transformed = NULL;
	item->delivery = NULL;
	item->slot = NULL;
	if (w->free_item_count >= FREE_ITEMS_MAX) {
		item_free(item);
		return;
	}
	TAILQ_INSERT_HEAD(&w->free_items, item, entry);
	w->free_item_count++;
}

static void
items_give_back(struct webhook *w, struct item_list *items)
{
	struct item *item;

	while ((item = TAILQ_FIRST(items)) != NULL) {
		TAILQ_REMOVE(items, item, entry);
		item_give_back(w, item);
	}
}

/* ---- slots ---------------------------------------------------------------------------------- */

static void
slot_free(struct slot *s)
{
	if (s->easy != NULL)
		curl_easy_cleanup(s->easy);
	target_unref(s->target);
	pieces_free(&s->body);
	free(s->packed);
	free(s->gathered);
	free(s);
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
	answer_set(&s->answer, easy);
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
	for (int i = 0; i < LINES; i++) {
		memcpy(s->line[i], line_names[i], strlen(line_names[i]));
		s->lines[i].data = s->line[i];
		s->lines[i].next = i + 1 < LINES ? &s->lines[i + 1] : NULL;
	}
	s->lines[LINE_HMAC].data = s->hmac_line;
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

/* ---- what is in a request ---- */

static void
link_lines(struct slot *s)
{
	const struct signatures *sigs = target_signatures(s->target);
	struct curl_slist *next = target_headers(s->target);

	if (signatures_is_hmac(sigs)) {
		s->lines[LINE_HMAC].next = next;
		next = &s->lines[LINE_HMAC];
	}
	if (signatures_is_standard(sigs)) {
		s->lines[LINE_SIGNATURE].next = next;
		next = &s->lines[LINE_SIGNATURE];
	}
	if (s->format == FORMAT_RAW) {
		s->lines[LINE_TYPE].next = next;
		next = &s->lines[LINE_TYPE];
	}
	s->lines[LINE_REPLAY].next = next;
	s->lines[LINE_ATTEMPT].next = next;
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
	target_unref(s->target);
	if (t != s->target)
		s->url = NULL; /* its memory is the old target's */
	s->target = t;
	s->opener.is_guarded = conf != NULL || w->conf->allow_private != NULL;
	s->exchange.is_guarded = s->opener.is_guarded;
	s->is_sections = conf == NULL;
	s->is_batch = conf == NULL && w->batch.events > 0;
	s->format = (enum format)(conf != NULL ? conf : w->conf)->format;
	link_lines(s);
	return HSW_OK;
}

/* What stands around and between the events. */
static size_t
frame_bytes(const struct slot *s, size_t events)
{
	if (!s->is_batch)
		return 0;
	return s->w->conf->batch_format == BATCH_JSON ? events + 1 : events;
}

size_t
slot_body_bytes(const struct slot *s, const struct item *more)
{
	size_t len = 0, events = s->live;
	const struct item *item;

	TAILQ_FOREACH (item, &s->items, entry) {
		len += item->text.pieces.len;
	}
	if (more != NULL) {
		len += more->text.pieces.len;
		events++;
	}
	return len + frame_bytes(s, events);
}

/* Puts what the expressions make of it in the place of the envelope. */
static int
transform(struct webhook *w, struct item *item, struct hsw_error *err)
{
	struct pieces *pieces = &item->text.pieces;
	int rc = expressions_run(w->expressions, pieces, &item->transformed, err);

	if (rc != HSW_OK || item->transformed == NULL)
		return rc;
	pieces_clear(pieces);
	return pieces_add(pieces, item->transformed, strlen(item->transformed)) ? HSW_OK
										: HSW_ENOMEM;
}

/* A delivery's item with the pieces of the body. */
static int
write_item(struct slot *s, struct item *item, struct hsw_delivery *delivery, struct hsw_error *err)
{
	struct webhook *w = s->w;
	bool is_jq = s->is_sections && w->expressions != NULL;
	/* Expressions see the envelope: it is written as such before they make what they like of it. */
	enum format format = is_jq ? FORMAT_ENVELOPE : s->format;
	unsigned parts = w->host->parts(delivery);
	const struct hsw_envelope *env = w->host->envelope(delivery);

	snprintf(err->text, sizeof(err->text), "the event is no envelope");
	int rc = event_write(&item->text, w->host, env, parts, format, w->conf->media_limit);
	if (rc == HSW_OK && is_jq)
		rc = transform(w, item, err);
	if (rc == HSW_OK && format != s->format)
		rc = event_write(&item->text, w->host, env, parts, s->format, w->conf->media_limit);
	return rc;
}

int
slot_make_item(
	struct slot *s, struct hsw_delivery *delivery, struct item **out, struct hsw_error *err)
{
	struct item *item = item_take(s->w);

	if (item == NULL)
		return HSW_ENOMEM;
	int rc = write_item(s, item, delivery, err);
	if (rc != HSW_OK) {
		item_give_back(s->w, item);
		return rc;
	}
	item->delivery = delivery;
	*out = item;
	return HSW_OK;
}

void
slot_drop_item(struct slot *s, struct item *item)
{
	item_give_back(s->w, item);
}

void
slot_add_item(struct slot *s, struct item *item)
{
	struct webhook *w = s->w;

	/* Others of a batch may be cancelled, while what they brought is being sent. */
	if (s->is_batch)
		item->env = w->host->ref(w->host->envelope(item->delivery));
	item->slot = s;
	TAILQ_INSERT_TAIL(&s->items, item, entry);
	s->live++;
	w->host->set_data(item->delivery, item);
}

void
slot_remove_item(struct slot *s, struct item *item)
{
	TAILQ_REMOVE(&s->items, item, entry);
	item_give_back(s->w, item);
}

static bool
compose_batch(struct slot *s)
{
	bool is_json = s->w->conf->batch_format == BATCH_JSON, has_memory = true;
	struct item *item;

	TAILQ_FOREACH (item, &s->items, entry) {
		const char *before = !is_json ? "" : s->body.n == 0 ? "[" : ",";
		has_memory = has_memory && pieces_add(&s->body, before, strlen(before)) &&
			pieces_add_all(&s->body, &item->text.pieces) &&
			pieces_add(&s->body, "\n", is_json ? 0 : 1);
	}
	return has_memory && pieces_add(&s->body, "]", is_json ? 1 : 0);
}

static bool
compress(struct slot *s)
{
	size_t len;

	if (!gzip_pack(s->w->gzip, &s->body, &s->packed, &len))
		return false;
	pieces_clear(&s->body);
	return pieces_add(&s->body, s->packed, len);
}

/* The pieces of the body, which both ways of sending it have from s->body. */
static int
compose(struct slot *s)
{
	const struct item *first = TAILQ_FIRST(&s->items);
	bool has_memory = s->is_batch ? compose_batch(s)
				      : pieces_add_all(&s->body, &first->text.pieces);

	if (has_memory && target_is_compressed(s->target))
		has_memory = compress(s);
	return has_memory ? HSW_OK : HSW_ENOMEM;
}

static int
set_url(struct slot *s)
{
	CURLU *url = target_url(s->target, s->type);

	if (url == s->url)
		return HSW_OK;
	if (url == NULL || curl_easy_setopt(s->easy, CURLOPT_CURLU, url) != CURLE_OK)
		return HSW_ENOMEM;
	/* Rather wait for a connection that may turn out to be HTTP/2 than make many. Without
	 * TLS curl would learn only from the first answer that it is not. */
	curl_easy_setopt(s->easy, CURLOPT_PIPEWAIT, (long)target_is_tls(s->target));
	s->url = url;
	return HSW_OK;
}

static void
set_number(struct slot *s, int line, int64_t n)
{
	char digits[20], *end = digits + sizeof(digits), *p = end;

	do
		*--p = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	set_line(s, line, p, (size_t)(end - p));
}

/* The same for the same events: that of the one, or made of those of all. */
static bool
set_id(struct slot *s)
{
	const struct hsw_host *host = s->w->host;
	const struct item *item = TAILQ_FIRST(&s->items);
	unsigned char digest[EVP_MAX_MD_SIZE];

	s->id = host->get(host->envelope(item->delivery), HSW_F_ID);
	if (s->live > 1) {
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		bool is_good = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
		TAILQ_FOREACH (item, &s->items, entry) {
			struct hsw_str id = host->get(item->env, HSW_F_ID);
			is_good = is_good && EVP_DigestUpdate(ctx, id.s, id.len) == 1;
		}
		is_good = is_good && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
		EVP_MD_CTX_free(ctx);
		if (!is_good)
			return false;
		int n = snprintf(s->batch_id, sizeof(s->batch_id), "batch_");
		for (size_t i = 0; i < BATCH_ID_BYTES; i++)
			n += snprintf(s->batch_id + n, sizeof(s->batch_id) - (size_t)n, "%02x",
				digest[i]);
		s->id = (struct hsw_str){ s->batch_id, (size_t)n };
	}
	set_line(s, LINE_ID, s->id.s, s->id.len);
	return true;
}

static int
set_signatures(struct slot *s)
{
	const struct signatures *sigs = target_signatures(s->target);
	const struct signed_request r = { .id = s->id,
		.timestamp = s->line[LINE_TIMESTAMP] + strlen(line_names[LINE_TIMESTAMP]),
		.body = s->body.iov,
		.pieces = (int)s->body.n };

	if (signatures_is_standard(sigs) &&
		!signatures_write_standard(sigs, &r, s->line[LINE_SIGNATURE]))
		return HSW_EIO;
	if (signatures_is_hmac(sigs) && !signatures_write_hmac(sigs, &r, s->hmac_line))
		return HSW_EIO;
	return HSW_OK;
}

static void
set_type(struct slot *s)
{
	const char *type = TAILQ_FIRST(&s->items)->text.type;
	set_line(s, LINE_TYPE, type, strlen(type));
}

static int
set_lines(struct slot *s)
{
	if (!set_id(s))
		return HSW_EIO;
	set_number(s, LINE_TIMESTAMP, time(NULL));
	if (s->format == FORMAT_RAW)
		set_type(s);
	const struct hsw_delivery *first = TAILQ_FIRST(&s->items)->delivery;
	set_number(s, LINE_ATTEMPT, s->w->host->attempt(first));
	s->lines[LINE_ATTEMPT].next = s->w->host->is_replay(first) ? &s->lines[LINE_REPLAY]
								   : s->lines[LINE_REPLAY].next;
	return set_signatures(s);
}

/* ---- sending ---- */

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

/* "webhook-id: ...", each line with its end. */
static struct hsw_str
wire_lines(struct slot *s)
{
	size_t n = 0;

	for (const struct curl_slist *line = &s->lines[LINE_ID]; line != target_headers(s->target);
		line = line->next) {
		size_t len = strlen(line->data);
		memcpy(s->wire_lines + n, line->data, len);
		memcpy(s->wire_lines + n + len, "\r\n", 2);
		n += len + 2;
	}
	n += (size_t)snprintf(s->wire_lines + n, sizeof(s->wire_lines) - n,
		"Content-Length: %zu\r\n", s->body.len);
	return (struct hsw_str){ s->wire_lines, n };
}

static int
start_exchange(struct slot *s)
{
	struct exchange *x = &s->exchange;

	x->target = s->target;
	x->head = target_head(s->target, s->type);
	x->tail = target_tail(s->target);
	if (x->head.s == NULL || x->tail.s == NULL)
		return HSW_ENOMEM;
	x->lines = wire_lines(s);
	x->body = s->body.iov;
	x->body_pieces = s->body.n;
	x->resent = false;
	return wire_start(x);
}

int
slot_start(struct slot *s)
{
	struct webhook *w = s->w;
	int rc = compose(s);

	s->type = w->host->get(w->host->envelope(TAILQ_FIRST(&s->items)->delivery), HSW_F_TYPE);
	if (rc == HSW_OK)
		rc = set_lines(s);
	if (rc == HSW_OK)
		rc = target_is_plain(s->target) ? start_exchange(s) : start_transfer(s);
	if (rc != HSW_OK)
		return rc;
	w->used = true;
	LIST_INSERT_HEAD(&w->busy, s, entry);
	return HSW_OK;
}

/* Takes it out of whatever it is in; its items stay. */
static void
slot_halt(struct slot *s)
{
	if (s->exchange.wire != NULL)
		wire_stop(&s->exchange);
	else if (s->easy != NULL)
		curl_multi_remove_handle(s->w->multi, s->easy);
	LIST_REMOVE(s, entry);
}

void
slot_stop(struct slot *s)
{
	slot_halt(s);
	slot_give_back(s);
}

/* ---- endings ---- */

/* done() may deliver and cancel others. */
void
slot_settle(struct slot *s, enum hsw_outcome outcome, const struct hsw_detail *detail)
{
	struct webhook *w = s->w;
	struct item_list items = TAILQ_HEAD_INITIALIZER(items);
	struct item *item;

	TAILQ_CONCAT(&items, &s->items, entry);
	TAILQ_FOREACH (item, &items, entry) {
		item->slot = NULL;
	}
	slot_give_back(s);
	while ((item = TAILQ_FIRST(&items)) != NULL) {
		struct hsw_delivery *delivery = item->delivery;
		TAILQ_REMOVE(&items, item, entry);
		item_give_back(w, item);
		if (delivery != NULL)
			w->host->done(delivery, outcome, detail);
	}
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

static void
slot_ended(struct slot *s, CURLcode code)
{
	struct hsw_detail detail = { 0 };
	char text[ANSWER_TEXT_SIZE];
	enum hsw_outcome outcome = answer_outcome(&s->answer, code, s->target, &detail, text);

	slot_halt(s);
	slot_settle(s, outcome, &detail);
}

void
slot_transfer_ended(struct slot *s, CURLcode code)
{
	answer_take(&s->answer, s->easy);
	if (code == CURLE_OK || !slot_resend(s, code))
		slot_ended(s, code);
}

static void
exchange_ended(struct exchange *x, CURLcode code)
{
	slot_ended((struct slot *)((char *)x - offsetof(struct slot, exchange)), code);
}
