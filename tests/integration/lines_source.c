/* SPDX-License-Identifier: Apache-2.0 */
/* lines_source.c - a source whose events name their instances: each line of a body is "<instance> <lid> <phone>", the
 * phone "-" where it is not known. Its events tell what the daemon knows of the LID. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hookswitch/source.h>

struct conf {
	bool silent; /* it does not say that its events name instances */
};

static const struct hsw_option options[] = {
	{ .key = "silent",
		.type = HSW_OPT_BOOL,
		.offset = offsetof(struct conf, silent),
		.def = "no",
		.help = "Do not say that events name their instances." },
	{ .key = NULL },
};

static int
source_open(const struct hsw_host *host, struct hsw_handle *handle, const void *conf, void **self,
	struct hsw_error *err)
{
	(void)host;
	(void)handle;
	(void)err;
	*self = (void *)conf;
	return HSW_OK;
}

static struct hsw_str
str(const char *s)
{
	return (struct hsw_str){ s, strlen(s) };
}

static int
translate_line(const struct hsw_request *request, const char *line,
	int (*emit)(struct hsw_emit *, const struct hsw_event *), struct hsw_emit *out)
{
	char instance[65], lid[65], phone[65], known[65] = "", text[256];
	struct hsw_request copy = *request;

	if (sscanf(line, "%64s %64s %64s", instance, lid, phone) != 3)
		return HSW_EINVAL;
	copy.instance = str(instance);
	if (strcmp(phone, "-") != 0)
		copy.learn(&copy, str(lid), str(phone));
	copy.phone_of(&copy, str(lid), known, sizeof(known));
	int n = snprintf(text, sizeof(text), "{\"known\":\"%s\",\"type\":\"%.*s\"}", known,
		(int)copy.header(&copy, "Content-Type").len, copy.header(&copy, "Content-Type").s);
	const struct hsw_piece data = { { text, (size_t)n }, 0 };
	const struct hsw_event event = { .size = sizeof(event),
		.type = "message.exchange",
		.provider_event = str("line"),
		.identity = str(line),
		.key = str(lid),
		.data = &data,
		.pieces = 1,
		.instance = copy.instance };
	return emit(out, &event);
}

static int
source_translate(void *self, const struct hsw_request *request,
	int (*emit)(struct hsw_emit *, const struct hsw_event *), struct hsw_emit *out,
	struct hsw_error *err)
{
	char *body = strndup(request->body.s, request->body.len), *rest = body;
	int rc = body != NULL ? HSW_OK : HSW_ENOMEM;

	(void)self;
	for (char *line; rc == HSW_OK && (line = strsep(&rest, "\n")) != NULL;)
		rc = translate_line(request, line, emit, out);
	snprintf(err->text, sizeof(err->text), "a line is refused");
	free(body);
	return rc;
}

static int
source_names_instances(void *self)
{
	return !((const struct conf *)self)->silent;
}

static void
source_close(void *self)
{
	(void)self;
}

static const struct hsw_source_ops ops = {
	.size = sizeof(struct hsw_source_ops),
	.open = source_open,
	.translate = source_translate,
	.close = source_close,
	.names_instances = source_names_instances,
};

HSW_PLUGIN(HSW_SOURCE, "lines", "1.0", "lines that name their instances", sizeof(struct conf),
	options, &ops);
