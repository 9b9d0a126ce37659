/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot_lines.c - the header lines of a request that change: they are overwritten in place.
 */
#include "slot_impl.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "target.h"

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

void
slot_init_lines(struct slot *s)
{
	for (int i = 0; i < LINES; i++) {
		memcpy(s->line[i], line_names[i], strlen(line_names[i]));
		s->lines[i].data = s->line[i];
		s->lines[i].next = i + 1 < LINES ? &s->lines[i + 1] : NULL;
	}
	s->lines[LINE_HMAC].data = s->hmac_line;
}

/* Writes the value behind the name that slot_init_lines put there. */
static void
set_line(struct slot *s, int line, const char *value, size_t len)
{
	size_t name_len = strlen(line_names[line]);

	if (len > LINE_BYTES - 1 - name_len)
		len = LINE_BYTES - 1 - name_len;
	memcpy(s->line[line] + name_len, value, len);
	s->line[line][name_len + len] = '\0';
}

void
slot_link_lines(struct slot *s)
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

int
slot_set_lines(struct slot *s)
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

struct hsw_str
slot_wire_lines(struct slot *s)
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
