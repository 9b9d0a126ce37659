/* SPDX-License-Identifier: Apache-2.0 */
/* first_source.c - a source, to be compiled with the first headers: a body is the text of a message, and the
 * header X-Id its id. The media of the message are a piece of their own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hookswitch/source.h>

#define TEXT_MAX 500

static int
source_open(const struct hsw_host *host, struct hsw_handle *handle, const void *conf, void **self,
	struct hsw_error *err)
{
	(void)conf;
	(void)err;
	host->log(handle, HSW_LOG_INFO, "on %s", host->version);
	*self = malloc(1);
	return *self != NULL ? HSW_OK : HSW_ENOMEM;
}

static int
source_verify(void *self, const struct hsw_request *request, struct hsw_error *err)
{
	struct hsw_str proof = request->header(request, "x-proof");

	(void)self;
	(void)err;
	return proof.len == 5 && memcmp(proof.s, "first", 5) == 0 ? HSW_OK : HSW_EAUTH;
}

static int
source_translate(void *self, const struct hsw_request *request,
	int (*emit)(struct hsw_emit *, const struct hsw_event *), struct hsw_emit *out,
	struct hsw_error *err)
{
	struct hsw_str id = request->header(request, "X-Id");
	char text[TEXT_MAX];

	(void)self;
	if (id.s == NULL || request->body.len > TEXT_MAX / 2 || id.len > TEXT_MAX / 4) {
		snprintf(err->text, sizeof(err->text), "X-Id: is missing, or too long a body");
		return HSW_EINVAL;
	}
	int n = snprintf(text, sizeof(text), "{\"id\":\"%.*s\",\"text\":\"%.*s\"", (int)id.len,
		id.s, (int)request->body.len, request->body.s);
	const struct hsw_piece data[] = {
		{ { text, (size_t)n }, 0 },
		{ { ",\"base64\":\"AAAA\"", 16 }, HSW_MEDIA },
		{ { "}", 1 }, 0 },
	};
	const struct hsw_event event = { .size = sizeof(event),
		.type = "message.exchange",
		.provider_event = { "first", 5 },
		.identity = id,
		.key = { "chat", 4 },
		.data = data,
		.pieces = sizeof(data) / sizeof(data[0]) };
	return emit(out, &event);
}

static void
source_close(void *self)
{
	free(self);
}

static const struct hsw_source_ops ops = {
	.size = sizeof(struct hsw_source_ops),
	.open = source_open,
	.verify = source_verify,
	.translate = source_translate,
	.close = source_close,
};

HSW_PLUGIN(HSW_SOURCE, "first", "1.0", "of the first headers", 0, NULL, &ops);
