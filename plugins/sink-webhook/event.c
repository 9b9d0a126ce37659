/* SPDX-License-Identifier: Apache-2.0 */
/* event.c - see event.h. */
#include "event.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>
#include <openssl/evp.h>

void
event_text_free(struct event_text *t)
{
	pieces_free(&t->pieces);
	pieces_free(&t->whole);
	pieces_free(&t->without_media);
	pieces_free(&t->source);
	free(t->front);
}

static int
read_envelope(struct pieces *p, const struct hsw_host *host, const struct hsw_envelope *env,
	unsigned parts)
{
	struct iovec *iov;

	pieces_clear(p);
	iov = pieces_room(p, HSW_IOV_MAX);
	if (iov == NULL)
		return HSW_ENOMEM;
	int n = host->iov(env, parts, iov, HSW_IOV_MAX);
	if (n < 0)
		return n;
	pieces_take(p, (size_t)n);
	return HSW_OK;
}

/* ---- media that is too large ---- */

/* Where `part`, which has some bytes of `whole` less, goes on with others; c: the first of those
 * that it has not. Both point to the same bytes. */
static size_t
find_cut(const struct pieces *whole, const struct pieces *part, char *c)
{
	size_t at = 0, i = 0, k = 0, in_whole = 0, in_part = 0;

	for (; i < whole->n; in_whole = 0, i++) {
		const char *s = whole->iov[i].iov_base;
		while (in_whole < whole->iov[i].iov_len) {
			const char *t = k < part->n ? (const char *)part->iov[k].iov_base + in_part
						    : NULL;
			if (t != s + in_whole) {
				*c = s[in_whole];
				return at;
			}
			size_t left = part->iov[k].iov_len - in_part;
			size_t step = whole->iov[i].iov_len - in_whole;
			step = left < step ? left : step;
			at += step;
			in_whole += step;
			in_part += step;
			if (in_part == part->iov[k].iov_len) {
				in_part = 0;
				k++;
			}
		}
	}
	return at;
}

/* The media's size as base64: what the envelope without it is shorter by, but for what stands around it. */
static size_t
media_size(const struct event_text *t)
{
	static const char around[] = ",\"base64\":\"\"";
	size_t len = t->whole.len - t->without_media.len;

	return len > sizeof(around) - 1 ? len - (sizeof(around) - 1) : 0;
}

/* Puts a note in the place of the media. A member is cut out with the comma on one of its sides. */
static bool
cut_media(struct event_text *t)
{
	char c = ',';
	size_t at = find_cut(&t->whole, &t->without_media, &c);
	size_t len = t->without_media.len, cut = media_size(t);
	bool is_behind = c == ',';

	snprintf(t->note, sizeof(t->note), "%s\"base64Omitted\":%zu%s", is_behind ? "," : "", cut,
		is_behind ? "" : ",");
	pieces_clear(&t->whole);
	return pieces_add_slice(&t->whole, &t->without_media, 0, at) &&
		pieces_add(&t->whole, t->note, strlen(t->note)) &&
		pieces_add_slice(&t->whole, &t->without_media, at, len);
}

/* The envelope, in t->whole. */
static int
read_limited(struct event_text *t, const struct hsw_host *host, const struct hsw_envelope *env,
	unsigned parts, int64_t media_limit)
{
	int rc = read_envelope(&t->whole, host, env, parts);

	if (rc != HSW_OK || media_limit == 0 || !(parts & HSW_MEDIA))
		return rc;
	rc = read_envelope(&t->without_media, host, env, parts & ~(unsigned)HSW_MEDIA);
	if (rc != HSW_OK || media_size(t) <= (size_t)media_limit)
		return rc;
	return cut_media(t) ? HSW_OK : HSW_ENOMEM;
}

/* ---- formats ---- */

/* A string of JSON (RFC 8259 section 7); what is sent of an event is UTF-8 already. */
static void
write_string(FILE *f, struct hsw_str s)
{
	fputc('"', f);
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.s[i];
		if (c < 0x20)
			fprintf(f, "\\u%04x", c);
		else
			fprintf(f, "%s%c", c == '"' || c == '\\' ? "\\" : "", c);
	}
	fputc('"', f);
}

/* A segment of a URI (RFC 3986 section 3.3). */
static void
write_segment(FILE *f, struct hsw_str s)
{
	char *segment = s.len > 0 ? curl_easy_escape(NULL, s.s, (int)s.len) : NULL;

	fprintf(f, "/%s", segment != NULL ? segment : "");
	curl_free(segment);
}

static void
write_time(FILE *f, int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char text[32];

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
	fprintf(f, "\"%s.%03dZ\"", text, (int)(ms % 1000));
}

/* The attributes (CloudEvents 1.0 section 3, JSON format section 3). */
static char *
front_new(const struct hsw_host *host, const struct hsw_envelope *env)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	const struct hsw_str key = host->get(env, HSW_F_KEY);

	if (f == NULL)
		return NULL;
	fputs("{\"specversion\":\"1.0\",\"id\":", f);
	write_string(f, host->get(env, HSW_F_ID));
	fputs(",\"source\":\"", f);
	write_segment(f, host->get(env, HSW_F_PROVIDER));
	write_segment(f, host->get(env, HSW_F_INSTANCE));
	fputs("\",\"type\":", f);
	write_string(f, host->get(env, HSW_F_TYPE));
	if (key.len > 0) {
		fputs(",\"subject\":", f);
		write_string(f, key);
	}
	fputs(",\"time\":", f);
	write_time(f, host->received_ms(env));
	fputs(",\"datacontenttype\":\"application/json\",\"data\":", f);
	bool failed = ferror(f) != 0;
	if (fclose(f) == 0 && !failed)
		return text;
	free(text);
	return NULL;
}

static int
write_data(struct event_text *t)
{
	size_t from, to;

	if (!pieces_find(&t->whole, "data", &from, &to))
		return HSW_EINVAL;
	return pieces_add_slice(&t->pieces, &t->whole, from, to) ? HSW_OK : HSW_ENOMEM;
}

static int
write_cloudevent(struct event_text *t, const struct hsw_host *host, const struct hsw_envelope *env)
{
	free(t->front);
	t->front = front_new(host, env);
	if (t->front == NULL || !pieces_add(&t->pieces, t->front, strlen(t->front)))
		return HSW_ENOMEM;
	int rc = write_data(t);
	if (rc == HSW_OK && !pieces_add(&t->pieces, "}", 1))
		rc = HSW_ENOMEM;
	return rc;
}

/* Bytes of the source from..to, one after the other, and a NUL. To be freed. */
static char *
copy_source(const struct event_text *t, size_t from, size_t to)
{
	struct pieces part = { 0 };
	char *copy = malloc(to - from + 1), *at = copy;

	if (copy != NULL && pieces_add_slice(&part, &t->source, from, to)) {
		for (size_t i = 0; i < part.n; i++)
			at = mempcpy(at, part.iov[i].iov_base, part.iov[i].iov_len);
		*at = '\0';
	} else {
		free(copy);
		copy = NULL;
	}
	pieces_free(&part);
	return copy;
}

/* The string of rawType, which has no escapes, without its quotes. */
static int
read_type(struct event_text *t)
{
	size_t from, to;

	if (!pieces_find(&t->source, "rawType", &from, &to) || to - from < 2)
		return HSW_EINVAL;
	char *type = copy_source(t, from + 1, to - 1);
	if (type == NULL)
		return HSW_ENOMEM;
	snprintf(t->type, sizeof(t->type), "%s", type);
	free(type);
	return HSW_OK;
}

/* A body that is no JSON came as base64, in place of which its bytes are written. */
static int
write_decoded(struct event_text *t, size_t from, size_t to)
{
	size_t padding = 0, len = to - from - 2;

	free(t->front);
	t->front = len <= INT_MAX ? copy_source(t, from + 1, to - 1) : NULL;
	if (t->front == NULL)
		return HSW_ENOMEM;
	while (padding < 2 && padding < len && t->front[len - 1 - padding] == '=')
		padding++;
	int n = EVP_DecodeBlock(
		(unsigned char *)t->front, (const unsigned char *)t->front, (int)len);
	if (n < (int)padding)
		return HSW_EINVAL;
	return pieces_add(&t->pieces, t->front, (size_t)n - padding) ? HSW_OK : HSW_ENOMEM;
}

static int
write_raw(struct event_text *t)
{
	size_t from, to;
	char *first;

	pieces_clear(&t->source);
	if (!pieces_find(&t->whole, "source", &from, &to))
		return HSW_EINVAL;
	if (!pieces_add_slice(&t->source, &t->whole, from, to))
		return HSW_ENOMEM;
	if (!pieces_find(&t->source, "raw", &from, &to))
		return HSW_ENOENT;
	int rc = read_type(t);
	first = rc == HSW_OK ? copy_source(t, from, from + 1) : NULL;
	if (first == NULL)
		return rc != HSW_OK ? rc : HSW_ENOMEM;
	bool is_base64 = *first == '"';
	free(first);
	if (is_base64)
		return write_decoded(t, from, to);
	return pieces_add_slice(&t->pieces, &t->source, from, to) ? HSW_OK : HSW_ENOMEM;
}

int
event_write(struct event_text *t, const struct hsw_host *host, const struct hsw_envelope *env,
	unsigned parts, enum format format, int64_t media_limit)
{
	int rc = read_limited(t, host, env, parts, media_limit);

	pieces_clear(&t->pieces);
	if (rc != HSW_OK)
		return rc;
	switch (format) {
	case FORMAT_ENVELOPE:
		return pieces_add_all(&t->pieces, &t->whole) ? HSW_OK : HSW_ENOMEM;
	case FORMAT_DATA:
		return write_data(t);
	case FORMAT_RAW:
		return write_raw(t);
	case FORMAT_CLOUDEVENTS:
		return write_cloudevent(t, host, env);
	}
	return HSW_EINVAL;
}
