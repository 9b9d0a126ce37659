/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target.c - URLs and header lines of destinations.
 *
 * A target lives as long as it has references, and then some: the most recently used ones are kept,
 * `CACHED_MAX` in all, those in use not counted out.
 */
#include "target.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "headers.h"

#define HASH_FIRST 2166136261u /* FNV-1a */
#define CHAINS 256
#define CACHED_MAX 1024
#define FIXED_HEADERS_MAX 3 /* in front, without secrets */
/* Of a target; those in use not counted out. There are few types of events, but that of `raw` has a name that came
 * with the request. */
#define VARIANTS_MAX 64

/* The members of the configuration that make a target. */
static const size_t texts[] = { offsetof(struct webhook_conf, url),
	offsetof(struct webhook_conf, authorization), offsetof(struct webhook_conf, headers),
	offsetof(struct webhook_conf, secret), offsetof(struct webhook_conf, secret_old),
	offsetof(struct webhook_conf, hmac_header), offsetof(struct webhook_conf, hmac_prefix),
	offsetof(struct webhook_conf, hmac_secret), offsetof(struct webhook_conf, batch) };
static const size_t numbers[] = { offsetof(struct webhook_conf, by_events),
	offsetof(struct webhook_conf, hmac_algorithm), offsetof(struct webhook_conf, hmac_encoding),
	offsetof(struct webhook_conf, format), offsetof(struct webhook_conf, batch_format),
	offsetof(struct webhook_conf, compress) };
#define TEXTS (sizeof(texts) / sizeof(texts[0]))
#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

struct variant {
	TAILQ_ENTRY(variant) entry;
	unsigned refs;
	CURLU *url;
	struct hsw_str head; /* s = NULL: not made yet */
	size_t type_len;
	char type[];
};

struct target {
	LIST_ENTRY(target) chain;
	TAILQ_ENTRY(target) used;
	struct targets *all;
	unsigned refs;
	uint32_t hash;
	struct webhook_conf conf; /* those members that members[] names, copied; NULL for none */
	struct signatures *signatures;
	CURLU *plain_url;
	TAILQ_HEAD(variant_order, variant) by_type; /* the last used one first */
	size_t variant_count;
	bool is_plain;
	struct hsw_str tail; /* s = NULL: not made yet */
	char *origin;        /* NULL: not made yet */
	uint32_t origin_hash;
	struct curl_slist *headers;
};

struct targets {
	LIST_HEAD(, target) chain[CHAINS];
	TAILQ_HEAD(target_order, target) used; /* the last used one first */
	size_t count;
	char *user_agent;
};

static char **
text_at(const struct webhook_conf *conf, size_t i)
{
	return (char **)((char *)conf + texts[i]);
}

static int
number_at(const struct webhook_conf *conf, size_t i)
{
	return *(const int *)((const char *)conf + numbers[i]);
}

struct targets *
targets_new(const char *version)
{
	struct targets *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return NULL;
	TAILQ_INIT(&all->used);
	if (asprintf(&all->user_agent, "User-Agent: hookswitch/%s", version) >= 0)
		return all;
	free(all);
	return NULL;
}

static void
variant_drop(struct target *t, struct variant *v)
{
	TAILQ_REMOVE(&t->by_type, v, entry);
	t->variant_count--;
	curl_url_cleanup(v->url);
	free((char *)v->head.s);
	free(v);
}

static void
target_free(struct target *t)
{
	if (t == NULL)
		return;
	while (!TAILQ_EMPTY(&t->by_type))
		variant_drop(t, TAILQ_FIRST(&t->by_type));
	curl_slist_free_all(t->headers);
	curl_url_cleanup(t->plain_url);
	free((char *)t->tail.s);
	free(t->origin);
	for (size_t i = 0; i < TEXTS; i++)
		free(*text_at(&t->conf, i));
	signatures_free(t->signatures);
	free(t);
}

static void
target_drop(struct target *t)
{
	LIST_REMOVE(t, chain);
	TAILQ_REMOVE(&t->all->used, t, used);
	t->all->count--;
	target_free(t);
}

void
targets_free(struct targets *all)
{
	if (all == NULL)
		return;
	while (!TAILQ_EMPTY(&all->used))
		target_drop(TAILQ_FIRST(&all->used));
	free(all->user_agent);
	free(all);
}

/* ---- header lines --------------------------------------------------------------------------- */

static const char *
content_type(const struct webhook_conf *conf)
{
	if (conf->format == FORMAT_RAW)
		return NULL; /* each of its own */
	if (conf->batch != NULL && conf->batch_format == BATCH_NDJSON)
		return "Content-Type: application/x-ndjson";
	if (conf->format != FORMAT_CLOUDEVENTS)
		return "Content-Type: application/json";
	return conf->batch != NULL ? "Content-Type: application/cloudevents-batch+json"
				   : "Content-Type: application/cloudevents+json";
}

bool
target_is_compressed(const struct target *t)
{
	return t->conf.compress == COMPRESS_GZIP;
}

static size_t
fixed_headers(const struct target *t)
{
	return 1 + (content_type(&t->conf) != NULL) + (size_t)target_is_compressed(t);
}

static int
add_headers(struct target *t, struct hsw_error *err)
{
	const char *const fixed[FIXED_HEADERS_MAX] = { content_type(&t->conf), t->all->user_agent,
		target_is_compressed(t) ? "Content-Encoding: gzip" : NULL };
	int rc = HSW_OK;

	for (size_t i = 0; rc == HSW_OK && i < FIXED_HEADERS_MAX; i++) {
		if (fixed[i] != NULL)
			rc = headers_add_line(&t->headers, fixed[i], strlen(fixed[i]));
	}
	if (rc == HSW_OK && t->conf.authorization != NULL)
		rc = headers_add_authorization(&t->headers, t->conf.authorization, err);
	if (rc == HSW_OK && t->conf.headers != NULL)
		rc = headers_add_all(&t->headers, t->conf.headers, err);
	if (rc == HSW_ENOMEM)
		snprintf(err->text, sizeof(err->text), "out of memory");
	return rc;
}

struct curl_slist *
target_headers(const struct target *t)
{
	return t->headers;
}

/* ---- URLs ----------------------------------------------------------------------------------- */

static int
parse_url(struct target *t, struct hsw_error *err)
{
	CURLUcode code = CURLUE_OUT_OF_MEMORY;

	t->plain_url = curl_url();
	if (t->plain_url != NULL)
		code = curl_url_set(t->plain_url, CURLUPART_URL, t->conf.url, 0);
	if (code == CURLUE_OK)
		return HSW_OK;
	snprintf(err->text, sizeof(err->text), "url: %s", curl_url_strerror(code));
	return code == CURLUE_OUT_OF_MEMORY ? HSW_ENOMEM : HSW_EINVAL;
}

/* The type as a path segment (RFC 3986 section 3.3). To be freed with curl_free. */
static char *
segment_new(const struct target *t, struct hsw_str type)
{
	char *copy = strndup(type.s, type.len);

	if (copy == NULL)
		return NULL;
	for (char *p = copy; *p != '\0' && t->conf.by_events == BY_EVENTS_DASHED; p++)
		*p = *p == '.' ? '-' : *p;
	char *segment = curl_easy_escape(NULL, copy, 0);
	free(copy);
	return segment;
}

/* The URL with the type as one more segment of its path. NULL: out of memory. */
static CURLU *
url_with_type(const struct target *t, struct hsw_str type)
{
	CURLU *url = curl_url_dup(t->plain_url);
	char *segment = segment_new(t, type);
	char *path = NULL, *longer = NULL;
	bool ok = false;

	if (url == NULL || segment == NULL ||
		curl_url_get(url, CURLUPART_PATH, &path, 0) != CURLUE_OK)
		goto out;
	size_t len = strlen(path);
	if (len > 0 && path[len - 1] == '/')
		len--;
	if (asprintf(&longer, "%.*s/%s", (int)len, path, segment) < 0)
		goto out;
	ok = curl_url_set(url, CURLUPART_PATH, longer, 0) == CURLUE_OK;
	free(longer);
out:
	curl_free(path);
	curl_free(segment);
	if (ok)
		return url;
	curl_url_cleanup(url);
	return NULL;
}

static struct variant *
variant_new(const struct target *t, struct hsw_str type)
{
	struct variant *v = calloc(1, sizeof(*v) + type.len);

	if (v == NULL)
		return NULL;
	v->type_len = type.len;
	memcpy(v->type, type.s, type.len);
	v->url = type.len > 0 ? url_with_type(t, type) : curl_url_dup(t->plain_url);
	if (v->url != NULL)
		return v;
	free(v);
	return NULL;
}

static struct variant *
find_variant(const struct target *t, struct hsw_str type)
{
	struct variant *v;

	TAILQ_FOREACH (v, &t->by_type, entry) {
		if (v->type_len == type.len && memcmp(v->type, type.s, type.len) == 0)
			return v;
	}
	return NULL;
}

/* Makes room for one more. */
static void
drop_unused_variants(struct target *t)
{
	struct variant *v = TAILQ_LAST(&t->by_type, variant_order);

	while (v != NULL && t->variant_count >= VARIANTS_MAX) {
		struct variant *before = TAILQ_PREV(v, variant_order, entry);
		if (v->refs == 0)
			variant_drop(t, v);
		v = before;
	}
}

struct variant *
target_variant(struct target *t, struct hsw_str type)
{
	if (t->conf.by_events == BY_EVENTS_NO)
		type = (struct hsw_str){ "", 0 };
	struct variant *v = find_variant(t, type);
	if (v == NULL) {
		drop_unused_variants(t);
		v = variant_new(t, type);
		if (v == NULL)
			return NULL;
		t->variant_count++;
	} else {
		TAILQ_REMOVE(&t->by_type, v, entry);
	}
	TAILQ_INSERT_HEAD(&t->by_type, v, entry);
	v->refs++;
	return v;
}

void
variant_unref(struct variant *v)
{
	if (v != NULL)
		v->refs--;
}

CURLU *
variant_url(const struct variant *v)
{
	return v->url;
}

CURLU *
target_plain_url(struct target *t)
{
	return t->plain_url;
}

/* A part of a URL with what stands before it; nothing where there is none. */
static void
write_part(FILE *f, CURLU *url, CURLUPart part, const char *before)
{
	char *text = NULL;

	if (curl_url_get(url, part, &text, 0) == CURLUE_OK)
		fprintf(f, "%s%s", before, text);
	curl_free(text);
}

/* What was written to a stream of memory; to be freed. s = NULL: out of memory. */
static struct hsw_str
written(FILE *f, char **text, const size_t *len)
{
	bool failed = ferror(f) != 0;

	failed = fclose(f) != 0 || failed;
	if (!failed)
		return (struct hsw_str){ *text, *len };
	free(*text);
	return (struct hsw_str){ NULL, 0 };
}

static struct hsw_str
head_new(CURLU *url)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return (struct hsw_str){ NULL, 0 };
	write_part(f, url, CURLUPART_PATH, "POST ");
	write_part(f, url, CURLUPART_QUERY, "?");
	write_part(f, url, CURLUPART_HOST, " HTTP/1.1\r\nHost: ");
	write_part(f, url, CURLUPART_PORT, ":");
	fputs("\r\nAccept: */*\r\n", f);
	return written(f, &text, &len);
}

struct hsw_str
variant_head(struct variant *v)
{
	if (v->head.s == NULL)
		v->head = head_new(v->url);
	return v->head;
}

static struct hsw_str
tail_new(const struct target *t)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return (struct hsw_str){ NULL, 0 };
	for (const struct curl_slist *line = t->headers; line != NULL; line = line->next)
		fprintf(f, "%s\r\n", line->data);
	fputs("\r\n", f);
	return written(f, &text, &len);
}

struct hsw_str
target_tail(struct target *t)
{
	if (t->tail.s == NULL)
		t->tail = tail_new(t);
	return t->tail;
}

/* FNV-1a, 32 bits */
static uint32_t
hash_more(uint32_t hash, const char *s)
{
	for (; s != NULL && *s != '\0'; s++)
		hash = (hash ^ (unsigned char)*s) * 16777619u;
	return (hash ^ 0xffu) * 16777619u;
}

const char *
target_origin(struct target *t)
{
	if (t->origin != NULL)
		return t->origin;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	if (f == NULL)
		return NULL;
	write_part(f, t->plain_url, CURLUPART_HOST, "");
	write_part(f, t->plain_url, CURLUPART_PORT, ":");
	t->origin = (char *)written(f, &text, &len).s;
	t->origin_hash = hash_more(HASH_FIRST, t->origin);
	return t->origin;
}

uint32_t
target_origin_hash(const struct target *t)
{
	return t->origin_hash;
}

bool
target_is_plain(const struct target *t)
{
	return t->is_plain;
}

void
target_leave_to_curl(struct target *t)
{
	t->is_plain = false;
}

/* A host's name that is not ASCII is curl's to translate. */
static bool
is_ascii(const char *s)
{
	while (*s > 0)
		s++;
	return *s == '\0';
}

bool
target_is_tls(const struct target *t)
{
	return strncasecmp(t->conf.url, "https:", 6) == 0;
}

/* ---- secrets -------------------------------------------------------------------------------- */

/* Whether the text has one of the words of `secrets` in it, or the beginning of one. */
static bool
has_word(const char *text, size_t len, const char *secrets)
{
	static const char separators[] = " \t&=;,?#";

	while (*(secrets += strspn(secrets, separators)) != '\0') {
		size_t word = strcspn(secrets, separators);
		size_t start = word < TARGET_SECRET_PREFIX ? word : TARGET_SECRET_PREFIX;
		/* What is shorter than that keeps no secret, and would be found everywhere. */
		if (word >= 4 && memmem(text, len, secrets, start) != NULL)
			return true;
		secrets += word;
	}
	return false;
}

bool
target_is_safe_text(const struct target *t, const char *text, size_t len)
{
	const struct curl_slist *line = t->headers;

	for (size_t i = 0; line != NULL; i++, line = line->next) {
		if (i >= fixed_headers(t) && has_word(text, len, strchr(line->data, ':') + 1))
			return false;
	}
	return !has_word(text, len, t->conf.url + strcspn(t->conf.url, "?"));
}

/* ---- finding one ---------------------------------------------------------------------------- */

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static uint32_t
hash_of(const struct webhook_conf *conf)
{
	uint32_t hash = HASH_FIRST;

	for (size_t i = 0; i < NUMBERS; i++)
		hash = hash * 31 + (uint32_t)number_at(conf, i);
	for (size_t i = 0; i < TEXTS; i++)
		hash = hash_more(hash, *text_at(conf, i));
	return hash;
}

static bool
is_of(const struct target *t, const struct webhook_conf *conf)
{
	bool is_same = true;

	for (size_t i = 0; is_same && i < NUMBERS; i++)
		is_same = number_at(&t->conf, i) == number_at(conf, i);
	for (size_t i = 0; is_same && i < TEXTS; i++)
		is_same = same(*text_at(&t->conf, i), *text_at(conf, i));
	return is_same;
}

static struct target *
find(struct targets *all, const struct webhook_conf *conf, uint32_t hash)
{
	struct target *t;

	LIST_FOREACH (t, &all->chain[hash % CHAINS], chain) {
		if (t->hash == hash && is_of(t, conf))
			return t;
	}
	return NULL;
}

/* On failure the target has what was copied so far, and no other pointer. */
static int
copy_conf(struct target *t, const struct webhook_conf *conf)
{
	for (size_t i = 0; i < NUMBERS; i++)
		memcpy((char *)&t->conf + numbers[i], (const char *)conf + numbers[i], sizeof(int));
	for (size_t i = 0; i < TEXTS; i++) {
		const char *text = *text_at(conf, i);
		if (text != NULL && (*text_at(&t->conf, i) = strdup(text)) == NULL)
			return HSW_ENOMEM;
	}
	return HSW_OK;
}

const struct signatures *
target_signatures(const struct target *t)
{
	return t->signatures;
}

static struct target *
target_new(struct targets *all, const struct webhook_conf *conf, struct hsw_error *err)
{
	struct target *t = calloc(1, sizeof(*t));

	if (t != NULL)
		TAILQ_INIT(&t->by_type);
	if (t == NULL || copy_conf(t, conf) != HSW_OK) {
		snprintf(err->text, sizeof(err->text), "out of memory");
		target_free(t);
		return NULL;
	}
	t->all = all;
	t->is_plain = !target_is_tls(t) && is_ascii(t->conf.url);
	if (parse_url(t, err) == HSW_OK && add_headers(t, err) == HSW_OK &&
		signatures_new(conf, &t->signatures, err) == HSW_OK)
		return t;
	target_free(t);
	return NULL;
}

/* Makes room for one more. */
static void
drop_unused(struct targets *all)
{
	struct target *t = TAILQ_LAST(&all->used, target_order);

	while (t != NULL && all->count >= CACHED_MAX) {
		struct target *before = TAILQ_PREV(t, target_order, used);
		if (t->refs == 0)
			target_drop(t);
		t = before;
	}
}

struct target *
target_get(struct targets *all, const struct webhook_conf *conf, struct hsw_error *err)
{
	uint32_t hash = hash_of(conf);
	struct target *t = find(all, conf, hash);

	if (t == NULL) {
		drop_unused(all);
		t = target_new(all, conf, err);
		if (t == NULL)
			return NULL;
		t->hash = hash;
		LIST_INSERT_HEAD(&all->chain[hash % CHAINS], t, chain);
		all->count++;
	} else {
		TAILQ_REMOVE(&all->used, t, used);
	}
	TAILQ_INSERT_HEAD(&all->used, t, used);
	return target_ref(t);
}

struct target *
target_ref(struct target *t)
{
	t->refs++;
	return t;
}

void
target_unref(struct target *t)
{
	if (t != NULL)
		t->refs--;
}
