/* SPDX-License-Identifier: Apache-2.0 */
/* ingress_answer.c - what a request of a provider is answered, see ingress_impl.h. */
#include "ingress_impl.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "err.h"
#include "log.h"

#define COMPLAIN_EVERY_MS 5000 /* one log line of refused requests a source */

/* The instance of the path, for the log: what is no instance, and what follows it, may be a token. */
static const char *
known_instance(const struct ingress *in, const struct http_request *r)
{
	struct hsw_str path = { r->path.s + sizeof(INGRESS_PREFIX) - 1,
		r->path.len - (sizeof(INGRESS_PREFIX) - 1) };

	ingress_take_segment(&path);
	ingress_skip_slash(&path);
	const struct instance *instance = catalog_find_known(
		in->env.catalog, ingress_take_segment(&path));
	return instance != NULL ? instance->name.s : "?";
}

static void
complain(struct source *source, const struct http_request *r, int status, const char *why)
{
	int64_t now = clock_mono_ms();
	char client[ADDRESS_TEXT_SIZE];

	metric_add(source->refused, 1);
	source->complaints++;
	if (now < source->complain_at_ms)
		return;
	log_warn("ingress",
		"request refused source=%s client=%s instance=%s status=%d bytes=%zu refused=%u: "
		"%s",
		source->section->name, address_print(&r->client.address, client),
		known_instance(source->ingress, r), status, r->body.len, source->complaints, why);
	source->complaints = 0;
	source->complain_at_ms = now + COMPLAIN_EVERY_MS;
}

void
ingress_refuse(struct source *source, struct http_request *r, int status, const char *extra,
	const char *why)
{
	complain(source, r, status, why);
	if (status == 503)
		metric_add(source->unavailable, 1);
	http_reply_error(r, status, extra, why);
}

static bool
has_json_type(const struct http_request *r)
{
	struct hsw_str type = http_header(r, "content-type");
	return type.s == NULL || memmem(type.s, type.len, "json", 4) != NULL;
}

/* A body that could not be read: when its Content-Type says that it is something else, that is why. */
static void
refuse_body(struct source *source, struct http_request *r, const char *why)
{
	char text[HSW_ERROR_SIZE + 160];

	if (has_json_type(r)) {
		ingress_refuse(source, r, 400, "", why);
		return;
	}
	struct hsw_str type = http_header(r, "content-type");
	snprintf(text, sizeof(text), "Content-Type %.*s is not what this source reads: %s",
		type.len < 100 ? (int)type.len : 100, type.s, why);
	ingress_refuse(source, r, 415, "", text);
}

void
ingress_refuse_result(
	struct ingress *in, struct source *source, struct http_request *r, int rc, const char *why)
{
	switch ((enum hsw_err)rc) {
	case HSW_EINVAL:
		refuse_body(source, r, why);
		return;
	case HSW_EUNPROCESSABLE:
		ingress_refuse(source, r, 422, "", why);
		return;
	case HSW_EAUTH:
		ingress_refuse(source, r, 401, "", why);
		return;
	case HSW_ELIMIT:
	case HSW_EAGAIN:
	case HSW_ENOMEM:
	case HSW_ECLOSED:
	case HSW_EIO:
		ingress_refuse(source, r, 503, in->retry_after, why);
		return;
	case HSW_OK:
	case HSW_ENOTSUP:
	case HSW_ENOENT:
		ingress_refuse(source, r, 500, "", why);
		return;
	}
	ingress_refuse(source, r, 500, "", why);
}

void
ingress_reply_accepted(struct http_request *r, size_t accepted, size_t duplicates, size_t ignored,
	struct hsw_str ids)
{
	struct buf b = BUF_INIT;

	buf_str(&b, "{\"success\":true,\"accepted\":");
	buf_number(&b, accepted);
	if (duplicates > 0) {
		buf_str(&b, ",\"duplicates\":");
		buf_number(&b, duplicates);
	}
	buf_str(&b, ",\"ignored\":");
	buf_number(&b, ignored);
	buf_str(&b, ",\"ids\":[");
	buf_append(&b, ids.s, ids.len);
	buf_str(&b, "]}");
	/* What is stored must not be sent again for want of memory for its answer. */
	http_reply(r, 202, "", (struct hsw_str){ b.data, b.failed ? 0 : b.len });
	buf_free(&b);
}
