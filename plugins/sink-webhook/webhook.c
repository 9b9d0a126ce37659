/* SPDX-License-Identifier: Apache-2.0 */
/*
 * webhook.c - sink-webhook: POSTs envelopes to an HTTP receiver, by libcurl's multi interface or, where
 * neither TLS nor HTTP/2 is asked for, over a wire (wire.h).
 *
 * A *slot* is used for one delivery after the other, with a curl handle that is set up once. Of a
 * delivery it changes the body's address and length and overwrites three header lines in place;
 * curl's other settings stay. A slot is either on w->busy, with a delivery and its handle in w->multi
 * or its exchange on a wire, or on w->idle.
 *
 * Handles are added and removed outside of curl's callbacks only: deliver() and cancel() come from
 * the daemon, and done() is called from webhook_transfers_ended(), after curl has returned. What is
 * added starts with curl's timer of 0 ms, so that all deliveries of one turn of the loop start
 * together.
 */
#include "answer.h"
#include "sign.h"
#include "sockets.h"
#include "target.h"
#include "wire.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Deliveries in flight, unless the section says otherwise. */
#define CONCURRENCY 32
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

/* The header lines that change, in the order in which they are linked. LINE_EXPECT has no value: it
 * keeps curl from asking for leave to send a body that is longer than 1 MB. It is only linked in
 * for such, as every line costs a microsecond. The two of signatures are linked in where
 * the target has them. */
enum { LINE_EXPECT, LINE_ID, LINE_TIMESTAMP, LINE_ATTEMPT, LINE_SIGNATURE, LINE_HMAC, LINES };
#define LINE_BYTES SIGNATURE_LINE_SIZE
#define EXPECT_FROM_BYTES (512 * 1024)
#define WIRE_LINES_BYTES (LINES * (LINE_BYTES + 2) + HMAC_LINE_SIZE + 48) /* and Content-Length */

struct slot {
	struct transfer transfer; /* first */
	LIST_ENTRY(slot) entry;
	struct webhook *w;
	CURL *easy; /* NULL: not needed so far */
	struct exchange exchange;
	char wire_lines[WIRE_LINES_BYTES];
	struct hsw_delivery *delivery;
	struct target *target; /* of the delivery; kept while idle */
	CURLU *url;            /* what easy is set to; the target's */
	struct curl_slist lines[LINES];
	char line[LINES][LINE_BYTES]; /* but that of LINE_HMAC: */
	char hmac_line[HMAC_LINE_SIZE];
	size_t body_len;
	char *gathered; /* body of several pieces */
	size_t gathered_size;
	bool resent; /* after its connection had died */
	struct opener opener;
	struct answer answer;
};

static const char *const by_events_words[] = {
	[BY_EVENTS_NO] = "no", [BY_EVENTS_DOTTED] = "dotted", [BY_EVENTS_DASHED] = "dashed", NULL
};

static const char *const algorithm_words[] = {
	[SIGN_SHA256] = "sha256", [SIGN_SHA1] = "sha1", [SIGN_SHA512] = "sha512", NULL
};
static const char *const encoding_words[] = { [SIGN_HEX] = "hex", [SIGN_BASE64] = "base64", NULL };

#define MEMBER(name) offsetof(struct webhook_conf, name)

static const struct hsw_option options[] = {
	{ .key = "url",
		.type = HSW_OPT_URL,
		.flags = HSW_OPT_REQUIRED | HSW_OPT_PER_TARGET,
		.offset = MEMBER(url),
		.help = "Where events are posted to." },
	{ .key = "authorization",
		.type = HSW_OPT_SECRET,
		.flags = HSW_OPT_PER_TARGET,
		.offset = MEMBER(authorization),
		.help = "Sent as it stands as the Authorization header, e.g. \"Bearer abc\"." },
	{ .key = "headers",
		.type = HSW_OPT_SECRET,
		.flags = HSW_OPT_PER_TARGET,
		.offset = MEMBER(headers),
		.help = "More headers, \"Name: value\", with | between them, or one a line in a "
			"file "
			"(@/path/to/file)." },
	{ .key = "secret",
		.type = HSW_OPT_SECRET,
		.flags = HSW_OPT_PER_TARGET,
		.offset = MEMBER(secret),
		.help = "Signs each request as Standard Webhooks have it (webhook-signature): "
			"whsec_ and base64 of the key, or any other text." },
	{ .key = "secret_old",
		.type = HSW_OPT_SECRET,
		.offset = MEMBER(secret_old),
		.help = "The secret before, while receivers change to the new one: requests are "
			"signed with both." },
	{ .key = "hmac_header",
		.type = HSW_OPT_STRING,
		.offset = MEMBER(hmac_header),
		.help = "Signs the body with hmac_secret in a header of this name, e.g. "
			"X-Hub-Signature-256." },
	{ .key = "hmac_secret",
		.type = HSW_OPT_SECRET,
		.offset = MEMBER(hmac_secret),
		.help = "The key of hmac_header." },
	{ .key = "hmac_algorithm",
		.type = HSW_OPT_ENUM,
		.offset = MEMBER(hmac_algorithm),
		.def = "sha256",
		.choices = algorithm_words,
		.help = "The hash of hmac_header: sha256, sha1 or sha512." },
	{ .key = "hmac_encoding",
		.type = HSW_OPT_ENUM,
		.offset = MEMBER(hmac_encoding),
		.def = "hex",
		.choices = encoding_words,
		.help = "How hmac_header is written: hex or base64." },
	{ .key = "hmac_prefix",
		.type = HSW_OPT_STRING,
		.offset = MEMBER(hmac_prefix),
		.help = "What stands before the signature in hmac_header, e.g. sha256=." },
	{ .key = "by_events",
		.type = HSW_OPT_ENUM,
		.flags = HSW_OPT_PER_TARGET,
		.offset = MEMBER(by_events),
		.def = "no",
		.choices = by_events_words,
		.help = "Adds the event's name to the URL's path: dotted /message.exchange, dashed "
			"/message-exchange." },
	{ .key = "ca_file",
		.type = HSW_OPT_PATH,
		.offset = MEMBER(ca_file),
		.help = "PEM file of the certificates that are trusted, instead of the system's. "
			"For "
			"receivers with a private CA or a self-signed certificate." },
	{ .key = "cert_file",
		.type = HSW_OPT_PATH,
		.offset = MEMBER(cert_file),
		.help = "PEM file of a client certificate, with its chain." },
	{ .key = "key_file",
		.type = HSW_OPT_PATH,
		.offset = MEMBER(key_file),
		.help = "PEM file of the client certificate's key, if it is not in cert_file." },
	{ .key = "allow_private",
		.type = HSW_OPT_LIST,
		.offset = MEMBER(allow_private),
		.help = "Where it is set, the receiver must have a public address, or one of these "
			"networks (10.0.0.0/8, fd00::/8); none; any: no check." },
	{ .key = NULL },
};

static const char *const line_names[LINES] = { [LINE_EXPECT] = "Expect:",
	[LINE_ID] = "webhook-id: ",
	[LINE_TIMESTAMP] = "webhook-timestamp: ",
	[LINE_ATTEMPT] = "X-Hookswitch-Attempt: ",
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

/* ---- slots ---------------------------------------------------------------------------------- */

static void
slot_free(struct slot *s)
{
	if (s == NULL)
		return;
	if (s->easy != NULL)
		curl_easy_cleanup(s->easy);
	target_unref(s->target);
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
	s->opener = (struct opener){ .w = w, .was_refused = &s->answer.was_refused };
	s->exchange.w = w;
	s->exchange.answer = &s->answer;
	s->exchange.ended = exchange_ended;
	for (int i = 0; i < LINES; i++) {
		set_line(s, i, "", 0);
		memcpy(s->line[i], line_names[i], strlen(line_names[i]));
		s->lines[i].data = s->line[i];
		s->lines[i].next = i + 1 < LINES ? &s->lines[i + 1] : NULL;
	}
	s->lines[LINE_HMAC].data = s->hmac_line;
	w->slot_count++;
	sockets_allow(w);
	return s;
}

/* A slot on no list. */
static struct slot *
slot_take(struct webhook *w)
{
	struct slot *s = LIST_FIRST(&w->idle);

	if (s == NULL)
		return slot_new(w);
	LIST_REMOVE(s, entry);
	w->idle_count--;
	return s;
}

static void
slot_give_back(struct slot *s)
{
	struct webhook *w = s->w;

	s->delivery = NULL;
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

/* ---- one delivery --------------------------------------------------------------------------- */

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
	s->lines[LINE_ATTEMPT].next = next;
}

static int
set_target(struct slot *s)
{
	struct webhook *w = s->w;
	const struct webhook_conf *conf = w->host->target(s->delivery);
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
	link_lines(s);
	return HSW_OK;
}

static int
set_url(struct slot *s, const struct hsw_envelope *env)
{
	CURLU *url = target_url(s->target, s->w->host->get(env, HSW_F_TYPE));

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

static void
set_lines(struct slot *s, const struct hsw_envelope *env)
{
	const struct hsw_host *host = s->w->host;
	struct hsw_str id = host->get(env, HSW_F_ID);

	set_line(s, LINE_ID, id.s, id.len);
	set_number(s, LINE_TIMESTAMP, time(NULL));
	set_number(s, LINE_ATTEMPT, host->attempt(s->delivery));
}

static int
set_signatures(struct slot *s, const struct hsw_envelope *env)
{
	const struct signatures *sigs = target_signatures(s->target);
	const struct signed_request r = { .id = s->w->host->get(env, HSW_F_ID),
		.timestamp = s->line[LINE_TIMESTAMP] + strlen(line_names[LINE_TIMESTAMP]),
		.body = s->exchange.body,
		.pieces = s->exchange.body_pieces };

	if (signatures_is_standard(sigs) &&
		!signatures_write_standard(sigs, &r, s->line[LINE_SIGNATURE]))
		return HSW_EIO;
	if (signatures_is_hmac(sigs) && !signatures_write_hmac(sigs, &r, s->hmac_line))
		return HSW_EIO;
	return HSW_OK;
}

/* The pieces of the body, which both ways of sending it have from s->exchange. */
static int
make_body(struct slot *s, const struct hsw_envelope *env)
{
	const struct hsw_host *host = s->w->host;
	struct exchange *x = &s->exchange;

	x->body_pieces = host->iov(env, host->parts(s->delivery), x->body, HSW_IOV_MAX);
	if (x->body_pieces < 0)
		return x->body_pieces;
	s->body_len = 0;
	for (int i = 0; i < x->body_pieces; i++)
		s->body_len += x->body[i].iov_len;
	return HSW_OK;
}

/* One piece, for curl. NULL: out of memory. */
static const char *
gather(struct slot *s)
{
	const struct exchange *x = &s->exchange;

	if (x->body_pieces == 1)
		return x->body[0].iov_base;
	if (s->body_len > s->gathered_size) {
		char *larger = realloc(s->gathered, s->body_len);
		if (larger == NULL)
			return NULL;
		s->gathered = larger;
		s->gathered_size = s->body_len;
	}
	char *to = s->gathered;
	for (int i = 0; i < x->body_pieces; i++)
		to = mempcpy(to, x->body[i].iov_base, x->body[i].iov_len);
	return s->gathered;
}

static int
set_body(struct slot *s)
{
	const char *body = gather(s);

	if (body == NULL)
		return HSW_ENOMEM;
	curl_easy_setopt(s->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)s->body_len);
	curl_easy_setopt(s->easy, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER,
		&s->lines[s->body_len < EXPECT_FROM_BYTES ? LINE_EXPECT + 1 : LINE_EXPECT]);
	return HSW_OK;
}

static int
slot_add(struct slot *s)
{
	answer_reset(&s->answer);
	return curl_multi_add_handle(s->w->multi, s->easy) == CURLM_OK ? HSW_OK : HSW_ENOMEM;
}

static int
start_transfer(struct slot *s, const struct hsw_envelope *env)
{
	int rc = s->easy != NULL ? HSW_OK : make_easy(s);

	if (rc == HSW_OK)
		rc = set_url(s, env);
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
		"Content-Length: %zu\r\n", s->body_len);
	return (struct hsw_str){ s->wire_lines, n };
}

static int
start_exchange(struct slot *s, const struct hsw_envelope *env)
{
	struct exchange *x = &s->exchange;

	x->target = s->target;
	x->head = target_head(s->target, s->w->host->get(env, HSW_F_TYPE));
	x->tail = target_tail(s->target);
	if (x->head.s == NULL || x->tail.s == NULL)
		return HSW_ENOMEM;
	x->lines = wire_lines(s);
	x->resent = false;
	return wire_start(x);
}

static int
slot_start(struct slot *s)
{
	const struct hsw_envelope *env = s->w->host->envelope(s->delivery);
	int rc = set_target(s);

	if (rc == HSW_OK)
		rc = make_body(s, env);
	if (rc != HSW_OK)
		return rc;
	set_lines(s, env);
	rc = set_signatures(s, env);
	if (rc != HSW_OK)
		return rc;
	return target_is_plain(s->target) ? start_exchange(s, env) : start_transfer(s, env);
}

static int
webhook_deliver(void *self, struct hsw_delivery *delivery)
{
	struct webhook *w = self;
	struct slot *s = slot_take(w);

	if (s == NULL)
		return HSW_ENOMEM;
	s->delivery = delivery;
	int rc = slot_start(s);
	if (rc != HSW_OK) {
		slot_give_back(s);
		return rc;
	}
	w->used = true;
	LIST_INSERT_HEAD(&w->busy, s, entry);
	w->host->set_data(delivery, s);
	return HSW_OK;
}

static void
slot_stop(struct slot *s)
{
	if (s->exchange.wire != NULL)
		wire_stop(&s->exchange);
	else if (s->easy != NULL)
		curl_multi_remove_handle(s->w->multi, s->easy);
	LIST_REMOVE(s, entry);
	slot_give_back(s);
}

static void
webhook_cancel(void *self, struct hsw_delivery *delivery)
{
	const struct webhook *w = self;

	slot_stop(w->host->get_data(delivery));
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
	const struct hsw_host *host = s->w->host;
	struct hsw_delivery *delivery = s->delivery;
	struct hsw_detail detail = { 0 };
	char text[ANSWER_TEXT_SIZE];
	enum hsw_outcome outcome = answer_outcome(&s->answer, code, s->target, &detail, text);

	slot_stop(s);
	host->done(delivery, outcome, &detail);
}

static void
transfer_ended(struct slot *s, CURLcode code)
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
			transfer_ended((struct slot *)t, code);
	}
}

/* ---- the handle ----------------------------------------------------------------------------- */

static int
check_file(const char *key, const char *path, struct hsw_error *err)
{
	if (path == NULL || access(path, R_OK) == 0)
		return HSW_OK;
	snprintf(err->text, sizeof(err->text), "%s: cannot be read: %s", key, strerror(errno));
	return HSW_EINVAL;
}

static int
check_files(const struct webhook_conf *conf, struct hsw_error *err)
{
	int rc = check_file("ca_file", conf->ca_file, err);

	if (rc == HSW_OK)
		rc = check_file("cert_file", conf->cert_file, err);
	if (rc == HSW_OK)
		rc = check_file("key_file", conf->key_file, err);
	if (rc != HSW_OK || conf->key_file == NULL || conf->cert_file != NULL)
		return rc;
	snprintf(err->text, sizeof(err->text), "key_file: is set, but no cert_file");
	return HSW_EINVAL;
}

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
	struct slot *s;

	while ((s = LIST_FIRST(&w->idle)) != NULL) {
		LIST_REMOVE(s, entry);
		slot_free(s);
	}
	sockets_close(w);
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
	int rc = check_files(conf, err);

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
	w->targets = targets_new(host->version);
	w->guard = guard_new(w->conf->allow_private, err);
	if (w->targets == NULL || sockets_open(w) != HSW_OK)
		rc = out_of_memory(err);
	else if (w->guard == NULL)
		rc = HSW_EINVAL;
	else if (w->conf->url != NULL && (w->target = target_get(w->targets, conf, err)) == NULL)
		rc = HSW_EINVAL;
	if (rc != HSW_OK)
		webhook_close(w);
	*self = w;
	return rc;
}

/* Connections are closed when nothing is in flight any more; by idle_timer, since this may be
 * called out of done(). */
static void
webhook_drain(void *self)
{
	struct webhook *w = self;

	w->used = false;
	w->host->timer_set(w->idle_timer, 0);
}

static const struct hsw_sink_ops ops = {
	.size = sizeof(ops),
	.concurrency = CONCURRENCY,
	.parts = HSW_CODES,
	.open = webhook_open,
	.deliver = webhook_deliver,
	.cancel = webhook_cancel,
	.drain = webhook_drain,
	.close = webhook_close,
};

HSW_PLUGIN(HSW_SINK, "webhook", "1.0", "posts events to an HTTP or HTTPS receiver",
	sizeof(struct webhook_conf), options, &ops);
