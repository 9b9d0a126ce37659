/* SPDX-License-Identifier: Apache-2.0 */
/* old_live_sink.c - a sink for clients that was built before its options could change while it is open. */
#include <stddef.h>

#include <hookswitch/sink.h>

struct conf {
	int64_t queue;
};

static const struct hsw_option options[] = {
	{ "queue", HSW_OPT_INT, 0, offsetof(struct conf, queue), "256", 1, 1000, NULL, "a number" },
	{ NULL, HSW_OPT_STRING, 0, 0, NULL, 0, 0, NULL, NULL },
};

static int
open_handle(const struct hsw_host *host, struct hsw_handle *handle, const void *conf, void **self,
	struct hsw_error *err)
{
	(void)host, (void)handle, (void)err;
	*self = (void *)conf;
	return HSW_OK;
}

static void
close_handle(void *self)
{
	(void)self;
}

static int
adopt(void *self, const struct hsw_conn *conn)
{
	(void)self, (void)conn;
	return HSW_ENOTSUP;
}

static void
broadcast(void *self, const struct hsw_envelope *envelope, unsigned parts)
{
	(void)self, (void)envelope, (void)parts;
}

static const struct hsw_sink_ops ops = {
	.size = offsetof(struct hsw_sink_ops, configure),
	.concurrency = 1,
	.flags = HSW_SINK_LIVE,
	.open = open_handle,
	.close = close_handle,
	.adopt = adopt,
	.broadcast = broadcast,
};

HSW_PLUGIN(HSW_SINK, "websocket", "0.1", "takes no clients", sizeof(struct conf), options, &ops);
