/*
 * @NAME@.c - the sink @NAME@: sends each event as one datagram to a unix socket.
 *
 * A complete sink to begin with: its options, its state, one delivery at a time. Change `deliver`, and what is not
 * needed, take out. hookswitch/sink.h says what the daemon promises and what it expects.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <hookswitch/sink.h>

/* ---- options: the daemon reads, checks and documents them (`hookswitch plugins sink-@NAME@`) ---- */

struct conf {
	const char *path;
};

static const struct hsw_option options[] = {
	{ .key = "path",
		.type = HSW_OPT_PATH,
		.flags = HSW_OPT_REQUIRED,
		.offset = offsetof(struct conf, path),
		.help = "the unix datagram socket that gets each event as one datagram" },
	{ .key = NULL },
};

/* ---- a handle: one section on one thread. All state is here, never in variables of the file ---- */

struct sink {
	const struct hsw_host *host;
	struct hsw_handle *handle;
	struct sockaddr_un to;
	int fd;
};

/* What `open` would refuse because of what the section says; without side effects. `hookswitch check` calls it,
 * and the daemon before it starts or reloads anything. */
static int
sink_check(const void *conf, struct hsw_error *err)
{
	const struct conf *c = conf;
	struct sockaddr_un to;

	if (strlen(c->path) < sizeof(to.sun_path))
		return HSW_OK;
	snprintf(err->text, sizeof(err->text), "path: longer than a socket's may be");
	return HSW_EINVAL;
}

static int
sink_open(const struct hsw_host *host, struct hsw_handle *handle, const void *conf, void **self,
	struct hsw_error *err)
{
	const struct conf *c = conf;
	struct sink *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		snprintf(err->text, sizeof(err->text), "out of memory");
		return HSW_ENOMEM;
	}
	s->host = host;
	s->handle = handle;
	s->to.sun_family = AF_UNIX;
	strcpy(s->to.sun_path, c->path);
	/* Whether anybody listens is no matter of the start: deliveries find out, and are tried again. */
	s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0) {
		snprintf(err->text, sizeof(err->text), "cannot make a socket: %s", strerror(errno));
		free(s);
		return HSW_EIO;
	}
	*self = s;
	return HSW_OK;
}

/* Tries once and says how it went. What takes longer is started here and ended later, by host->done from a
 * watch's or timer's function; then `cancel` has to forget it, too. */
static int
sink_deliver(void *self, struct hsw_delivery *delivery)
{
	struct sink *s = self;
	struct iovec json[HSW_IOV_MAX];
	int n = s->host->iov(s->host->envelope(delivery), s->host->parts(delivery), json, HSW_IOV_MAX);
	const struct msghdr message = { .msg_name = &s->to,
		.msg_namelen = sizeof(s->to),
		.msg_iov = json,
		.msg_iovlen = (size_t)n };

	if (sendmsg(s->fd, &message, MSG_NOSIGNAL) >= 0) {
		s->host->count(s->handle, "@METRIC@_datagrams", NULL, 1);
		s->host->done(delivery, HSW_DELIVERED, NULL);
		return HSW_OK;
	}
	/* One that is too long always will be; everything else may go better next time. */
	const struct hsw_detail detail = { .text = strerror(errno) };
	s->host->done(delivery, errno == EMSGSIZE ? HSW_REJECT : HSW_RETRY, &detail);
	return HSW_OK;
}

/* Every delivery has ended when deliver returns: there is none to forget. */
static void
sink_cancel(void *self, struct hsw_delivery *delivery)
{
	(void)self;
	(void)delivery;
}

static void
sink_close(void *self)
{
	struct sink *s = self;

	close(s->fd);
	free(s);
}

static const struct hsw_sink_ops ops = {
	.size = sizeof(struct hsw_sink_ops),
	.concurrency = 1,
	.open = sink_open,
	.deliver = sink_deliver,
	.cancel = sink_cancel,
	.close = sink_close,
	.check = sink_check,
};

HSW_PLUGIN(HSW_SINK, "@NAME@", "0.1", "sends events as datagrams", sizeof(struct conf), options, &ops);
