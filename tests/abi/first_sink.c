/* SPDX-License-Identifier: Apache-2.0 */
/* first_sink.c - a sink, to be compiled with the first headers: appends each event to a file. It uses each kind
 * of the host's functions: references, timers, posts, fields, delivery data. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include <hookswitch/sink.h>

struct conf {
	const char *path;
	int64_t delay;
};

static const struct hsw_option options[] = {
	{ .key = "path",
		.type = HSW_OPT_PATH,
		.flags = HSW_OPT_REQUIRED,
		.offset = offsetof(struct conf, path),
		.help = "the file" },
	{ .key = "delay",
		.type = HSW_OPT_MSEC,
		.offset = offsetof(struct conf, delay),
		.def = "10ms",
		.max = 1000,
		.help = "how long a delivery takes" },
	{ .key = NULL },
};

struct sink {
	const struct hsw_host *host;
	struct hsw_handle *handle;
	struct hsw_timer *timer;
	struct hsw_delivery *delivery;
	const struct hsw_envelope *envelope;
	int64_t delay;
	int fd;
};

static void
write_out(void *arg)
{
	struct sink *s = arg;
	struct iovec json[HSW_IOV_MAX];

	if (s->delivery == NULL)
		return;
	int n = s->host->iov(s->envelope, s->host->parts(s->delivery), json, HSW_IOV_MAX);
	struct hsw_delivery *delivery = s->delivery;
	bool is_written = s->host->get_data(delivery) == s && n > 0 && writev(s->fd, json, n) > 0 &&
		write(s->fd, "\n", 1) == 1;
	const struct hsw_detail detail = { .text = "cannot write" };

	s->host->unref(s->envelope);
	s->delivery = NULL;
	s->host->count(s->handle, "first_lines", NULL, 1);
	s->host->done(
		delivery, is_written ? HSW_DELIVERED : HSW_RETRY, is_written ? NULL : &detail);
}

static void
start(void *arg)
{
	struct sink *s = arg;

	s->host->timer_set(s->timer, s->delay);
}

static int
sink_open(const struct hsw_host *host, struct hsw_handle *handle, const void *conf, void **self,
	struct hsw_error *err)
{
	const struct conf *c = conf;
	struct sink *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return HSW_ENOMEM;
	s->host = host;
	s->handle = handle;
	s->delay = c->delay;
	s->timer = host->timer_new(handle, write_out, s);
	s->fd = open(c->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (s->fd < 0) {
		snprintf(err->text, sizeof(err->text), "cannot open %s", c->path);
		host->timer_free(s->timer);
		free(s);
		return HSW_EIO;
	}
	*self = s;
	return HSW_OK;
}

static int
sink_deliver(void *self, struct hsw_delivery *delivery)
{
	struct sink *s = self;

	s->delivery = delivery;
	s->envelope = s->host->ref(s->host->envelope(delivery));
	s->host->set_data(delivery, s);
	s->host->log(s->handle, HSW_LOG_INFO, "type %.*s, attempt %d, received %s",
		(int)s->host->get(s->envelope, HSW_F_TYPE).len,
		s->host->get(s->envelope, HSW_F_TYPE).s, s->host->attempt(delivery),
		s->host->received_ms(s->envelope) > 0 ? "once" : "never");
	return s->host->post(s->handle, start, s);
}

static void
sink_cancel(void *self, struct hsw_delivery *delivery)
{
	struct sink *s = self;

	if (s->delivery != delivery)
		return;
	s->host->timer_set(s->timer, -1);
	s->host->unref(s->envelope);
	s->delivery = NULL;
}

static void
sink_close(void *self)
{
	struct sink *s = self;

	s->host->timer_free(s->timer);
	close(s->fd);
	free(s);
}

static const struct hsw_sink_ops ops = {
	.size = sizeof(struct hsw_sink_ops),
	.concurrency = 1,
	.parts = HSW_TOKEN,
	.open = sink_open,
	.deliver = sink_deliver,
	.cancel = sink_cancel,
	.close = sink_close,
};

HSW_PLUGIN(HSW_SINK, "first", "1.0", "of the first headers", sizeof(struct conf), options, &ops);
