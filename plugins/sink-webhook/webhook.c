/* SPDX-License-Identifier: Apache-2.0 */
/*
 * webhook.c - sink-webhook: each envelope is one HTTP POST (RFC 9110), with libcurl.
 *
 * A transfer is a reusable easy handle with everything that it sends: constant options are set once,
 * a delivery only overwrites its header values in place and points at its body.
 */
#include "webhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define ANSWER_KEPT 160        /* bytes of a refusal's body that are told */
#define ANSWER_MAX (256 << 10) /* bytes of an answer that are read at all, header or body */
#define READ_BUFFER 4096L      /* answers are short */
#define CONNECTION_AGE_S 118L  /* an idle connection is not used again after that */
#define EVENT_URLS 8           /* URLs by event that are kept */
#define OWN_LINES 6            /* header lines of the sink itself */

static const char *const by_events_words[] = { "no", "dotted", "dashed", NULL };

static const struct hsw_option options[] = {
	{ "url", HSW_OPT_URL, HSW_OPT_REQUIRED | HSW_OPT_PER_TARGET,
		offsetof(struct webhook_conf, url), NULL, 0, 0, NULL,
		"Where envelopes are posted to." },
	{ "authorization", HSW_OPT_SECRET, HSW_OPT_PER_TARGET,
		offsetof(struct webhook_conf, authorization), NULL, 0, 0, NULL,
		"The Authorization header, sent exactly as written." },
	{ "headers", HSW_OPT_SECRET, HSW_OPT_PER_TARGET, offsetof(struct webhook_conf, headers),
		NULL, 0, 0, NULL, "Further headers: `Name: value | Name: value`." },
	{ "by_events", HSW_OPT_ENUM, HSW_OPT_PER_TARGET, offsetof(struct webhook_conf, by_events),
		"no", 0, 0, by_events_words,
		"Add the event's name to the URL's path: dotted, /message.exchange, or dashed, "
		"/message-exchange." },
	{ "ca_file", HSW_OPT_PATH, 0, offsetof(struct webhook_conf, ca_file), NULL, 0, 0, NULL,
		"Certificates (PEM) of the authorities that may vouch for the receiver, instead of "
		"the "
		"system's. A receiver's certificate is always checked." },
	{ NULL, HSW_OPT_STRING, 0, 0, NULL, 0, 0, NULL, NULL },
};

struct event_url {
	char *type, *url;
};

struct webhook {
	const struct hsw_host *host;
	const struct webhook_conf *conf;
	struct hsw_handle *handle;
	struct loop *loop;
	struct headers headers;
	struct transfer *spare;
	struct event_url event_urls[EVENT_URLS];
	char *authorization; /* header line */
	char user_agent[64];
};

struct transfer {
	struct transfer *next; /* spare */
	struct webhook *webhook;
	CURL *easy;
	struct hsw_delivery *delivery;
	const char *url; /* that the handle has */
	struct curl_slist lines[OWN_LINES + HEADERS_OWN_MAX];
	char id[64], timestamp[48], attempt[48];
	char *gathered; /* a body of several pieces */
	size_t gathered_cap;
	size_t head_bytes, body_bytes;
	bool is_too_long;
	char answer[ANSWER_KEPT + 1];
	char error[CURL_ERROR_SIZE];
};

/* ---- answers ---- */

static size_t
on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t bytes = size * n;

	for (size_t i = 0; i < bytes && t->body_bytes + i < ANSWER_KEPT; i++) {
		char c = data[i];
		t->answer[t->body_bytes + i] = c >= 0x20 && c < 0x7f ? c : ' ';
	}
	t->body_bytes += bytes;
	t->is_too_long |= t->body_bytes > ANSWER_MAX;
	return t->is_too_long ? 0 : bytes;
}

static size_t
on_header(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	(void)data;
	t->head_bytes += size * n;
	return t->head_bytes > ANSWER_MAX ? 0 : size * n;
}

static void
describe(const struct transfer *t, CURLcode code, long status, char *text, size_t size)
{
	size_t kept = t->body_bytes < ANSWER_KEPT ? t->body_bytes : ANSWER_KEPT;

	if (code != CURLE_OK && t->head_bytes > ANSWER_MAX)
		snprintf(text, size, "the answer's header is too long");
	else if (code != CURLE_OK && !t->is_too_long)
		snprintf(text, size, "%s",
			t->error[0] != '\0' ? t->error : curl_easy_strerror(code));
	else if (status >= 300 && status < 400)
		snprintf(text, size, "HTTP %ld (redirects are not followed)", status);
	else
		snprintf(text, size, "HTTP %ld%s%.*s", status, kept > 0 ? ": " : "", (int)kept,
			t->answer);
}

static enum hsw_outcome
judge(const struct transfer *t, CURLcode code, long status)
{
	/* A 2xx whose body we did not want to read to its end has arrived all the same. */
	bool has_answer = code == CURLE_OK || (t->is_too_long && code == CURLE_WRITE_ERROR);

	if (has_answer && status >= 200 && status < 300)
		return HSW_DELIVERED;
	return has_answer && status == 410 ? HSW_GONE : HSW_RETRY;
}

static void
release(struct transfer *t)
{
	t->delivery = NULL;
	t->next = t->webhook->spare;
	t->webhook->spare = t;
}

static void
finish(struct transfer *t, CURLcode code)
{
	const struct hsw_host *host = t->webhook->host;
	struct hsw_delivery *delivery = t->delivery;
	char text[ANSWER_KEPT + CURL_ERROR_SIZE];
	curl_off_t retry_after = 0;
	long status = 0;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	enum hsw_outcome outcome = judge(t, code, status);
	if (outcome == HSW_DELIVERED) {
		const struct hsw_detail detail = { (int)status, 0, NULL };
		release(t);
		host->done(delivery, outcome, &detail);
		return;
	}
	curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry_after);
	describe(t, code, status, text, sizeof(text));
	const struct hsw_detail detail = { (int)status, (int64_t)retry_after * 1000, text };
	release(t);
	host->done(delivery, outcome, &detail);
}

static void
on_progress(void *arg)
{
	struct webhook *w = arg;
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(loop_multi(w->loop), &left)) != NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		CURLcode code = message->data.result;
		CURL *easy = message->easy_handle;
		char *transfer = NULL;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
		curl_multi_remove_handle(loop_multi(w->loop), easy);
		finish((struct transfer *)transfer, code);
	}
}

/* ---- transfers ---- */

/* The header lines are a list of libcurl's form whose texts are ours: it only reads them. */
static void
make_lines(struct transfer *t)
{
	struct webhook *w = t->webhook;
	const char *lines[OWN_LINES + HEADERS_OWN_MAX];
	size_t n = 0;

	lines[n++] = "Content-Type: application/json";
	lines[n++] = "Expect:";
	lines[n++] = t->id;
	lines[n++] = t->timestamp;
	lines[n++] = t->attempt;
	if (w->authorization != NULL)
		lines[n++] = w->authorization;
	for (size_t i = 0; i < w->headers.n; i++)
		lines[n++] = w->headers.lines[i];
	for (size_t i = 0; i < n; i++)
		t->lines[i] = (struct curl_slist){ (char *)lines[i],
			i + 1 < n ? &t->lines[i + 1] : NULL };
}

static void
set_options(struct transfer *t)
{
	CURL *e = t->easy;
	struct webhook *w = t->webhook;

	curl_easy_setopt(e, CURLOPT_PRIVATE, (char *)t);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->lines);
	curl_easy_setopt(e, CURLOPT_POST, 1L);
	curl_easy_setopt(e, CURLOPT_USERAGENT, w->user_agent);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_NOPROGRESS, 1L);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, CONNECTION_AGE_S);
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, READ_BUFFER);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	if (w->conf->ca_file != NULL)
		curl_easy_setopt(e, CURLOPT_CAINFO, w->conf->ca_file);
	/* Wait for a connection that may turn out to be HTTP/2, instead of opening many. */
	if (strncasecmp(w->conf->url, "https", 5) == 0)
		curl_easy_setopt(e, CURLOPT_PIPEWAIT, 1L);
	loop_setup(w->loop, e);
}

static struct transfer *
transfer_get(struct webhook *w)
{
	struct transfer *t = w->spare;

	if (t != NULL) {
		w->spare = t->next;
		return t;
	}
	t = calloc(1, sizeof(*t));
	if (t == NULL || (t->easy = curl_easy_init()) == NULL) {
		free(t);
		return NULL;
	}
	t->webhook = w;
	make_lines(t);
	set_options(t);
	return t;
}

static void
transfer_free(struct transfer *t)
{
	curl_easy_cleanup(t->easy);
	free(t->gathered);
	free(t);
}

/* The URL for this type of event. */
static const char *
choose_url(struct webhook *w, struct hsw_str type)
{
	if (w->conf->by_events == BY_EVENTS_NO)
		return w->conf->url;
	for (size_t i = 0; i < EVENT_URLS; i++) {
		struct event_url *u = &w->event_urls[i];
		if (u->type == NULL) {
			u->url = url_for_event(
				w->conf->url, (enum by_events)w->conf->by_events, type);
			u->type = u->url != NULL ? strndup(type.s, type.len) : NULL;
			return u->url;
		}
		if (strlen(u->type) == type.len && memcmp(u->type, type.s, type.len) == 0)
			return u->url;
	}
	return NULL;
}

/* The body in one piece: as it lies, or gathered. NULL: out of memory. */
static const char *
body_of(struct transfer *t, const struct hsw_envelope *e, unsigned parts, size_t *len)
{
	struct iovec iov[HSW_IOV_MAX];
	int n = t->webhook->host->iov(e, parts, iov, HSW_IOV_MAX);

	*len = 0;
	for (int i = 0; i < n; i++)
		*len += iov[i].iov_len;
	if (n == 1)
		return iov[0].iov_base;
	if (*len > t->gathered_cap) {
		char *grown = realloc(t->gathered, *len);
		if (grown == NULL)
			return NULL;
		t->gathered = grown;
		t->gathered_cap = *len;
	}
	char *at = t->gathered;
	for (int i = 0; i < n; i++) {
		memcpy(at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	return t->gathered;
}

static bool
fill(struct transfer *t, struct hsw_delivery *delivery)
{
	struct webhook *w = t->webhook;
	const struct hsw_host *host = w->host;
	const struct hsw_envelope *e = host->envelope(delivery);
	struct hsw_str id = host->get(e, HSW_F_ID);
	const char *url = choose_url(w, host->get(e, HSW_F_TYPE));
	size_t len;
	const char *body = body_of(t, e, host->parts(delivery), &len);

	if (url == NULL || body == NULL)
		return false;
	if (url != t->url && curl_easy_setopt(t->easy, CURLOPT_URL, url) != CURLE_OK)
		return false;
	t->url = url;
	snprintf(t->id, sizeof(t->id), "webhook-id: %.*s", (int)id.len, id.s);
	snprintf(t->timestamp, sizeof(t->timestamp), "webhook-timestamp: %lld",
		(long long)time(NULL));
	snprintf(t->attempt, sizeof(t->attempt), "X-Hookswitch-Attempt: %d",
		host->attempt(delivery));
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, body);
	t->head_bytes = t->body_bytes = 0;
	t->is_too_long = false;
	t->error[0] = '\0';
	return true;
}

/* ---- the sink ---- */

static void
webhook_close(void *self)
{
	struct webhook *w = self;

	while (w->spare != NULL) {
		struct transfer *t = w->spare;
		w->spare = t->next;
		transfer_free(t);
	}
	loop_free(w->loop);
	for (size_t i = 0; i < EVENT_URLS; i++) {
		free(w->event_urls[i].type);
		free(w->event_urls[i].url);
	}
	headers_free(&w->headers);
	free(w->authorization);
	free(w);
	curl_global_cleanup();
}

/* From the environment or a file it may hold what would end the header line. */
static int
make_authorization(struct webhook *w, struct hsw_error *err)
{
	const char *value = w->conf->authorization;

	if (value == NULL)
		return HSW_OK;
	if (value[strcspn(value, "\r\n")] != '\0') {
		snprintf(err->text, sizeof(err->text), "authorization: has a line break in it");
		return HSW_EINVAL;
	}
	if (asprintf(&w->authorization, "Authorization: %s", value) >= 0)
		return HSW_OK;
	w->authorization = NULL;
	return HSW_ENOMEM;
}

static int
check_ca_file(const char *path, struct hsw_error *err)
{
	FILE *f = path != NULL ? fopen(path, "re") : NULL;

	if (path == NULL || f != NULL) {
		if (f != NULL)
			fclose(f);
		return HSW_OK;
	}
	snprintf(err->text, sizeof(err->text), "ca_file: cannot read %.150s", path);
	return HSW_EINVAL;
}

static int
webhook_open(const struct hsw_host *host, struct hsw_handle *handle, const void *conf, void **self,
	struct hsw_error *err)
{
	struct webhook *w = calloc(1, sizeof(*w));

	snprintf(err->text, sizeof(err->text), "out of memory");
	if (w == NULL)
		return HSW_ENOMEM;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(w);
		return HSW_ENOMEM;
	}
	w->host = host;
	w->handle = handle;
	w->conf = conf;
	snprintf(w->user_agent, sizeof(w->user_agent), "hookswitch/%s", host->version);
	int rc = headers_parse(&w->headers, w->conf->headers, err);
	if (rc == HSW_OK)
		rc = check_ca_file(w->conf->ca_file, err);
	if (rc == HSW_OK)
		rc = make_authorization(w, err);
	if (rc == HSW_OK && (w->loop = loop_new(host, handle, on_progress, w)) == NULL)
		rc = HSW_ENOMEM;
	if (rc == HSW_OK)
		*self = w;
	else
		webhook_close(w);
	return rc;
}

static int
webhook_deliver(void *self, struct hsw_delivery *delivery)
{
	struct webhook *w = self;
	struct transfer *t = transfer_get(w);

	if (t == NULL)
		return HSW_ENOMEM;
	if (!fill(t, delivery) || curl_multi_add_handle(loop_multi(w->loop), t->easy) != CURLM_OK) {
		release(t);
		return HSW_ENOMEM;
	}
	t->delivery = delivery;
	w->host->set_data(delivery, t);
	loop_kick(w->loop);
	return HSW_OK;
}

static void
webhook_cancel(void *self, struct hsw_delivery *delivery)
{
	struct webhook *w = self;
	struct transfer *t = w->host->get_data(delivery);

	curl_multi_remove_handle(loop_multi(w->loop), t->easy);
	release(t);
}

static const struct hsw_sink_ops ops = {
	.size = sizeof(struct hsw_sink_ops),
	.concurrency = 32,
	.parts = HSW_CODES,
	.open = webhook_open,
	.deliver = webhook_deliver,
	.cancel = webhook_cancel,
	.close = webhook_close,
};

HSW_PLUGIN(HSW_SINK, "webhook", "1.0", "posts each envelope to a URL", sizeof(struct webhook_conf),
	options, &ops);
