/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redis.c - the sink redis: adds each event to a stream of Redis or Valkey (XADD), many in flight at once.
 *
 * hiredis runs on the daemon's watches. The connection is made for a delivery that finds none, so the daemon's
 * retries are also those of the connection. States: none (ac == NULL), being set up (jobs wait), ready (jobs are
 * sent as they come). Whatever ends the connection ends all of its jobs with HSW_RETRY.
 *
 * A job waits in `waiting` until the connection is ready. Once sent it belongs to hiredis, whose callback frees it,
 * with the answer or at the end of the connection. cancel only takes its delivery away.
 *
 * A callback may end a delivery, and the daemon may hand over the next one in there: so the sink is brought into
 * order (no ac) before deliveries are ended.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/time.h>

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <hookswitch/sink.h>

#define STREAM_MAX 512 /* bytes of a stream's name */
#define TEXT_SIZE 256
#define ARGUMENTS_MAX 16

struct conf {
	const char *host, *path, *username, *password, *stream;
	int64_t port, db, maxlen;
};

static const struct hsw_option options[] = {
	{ .key = "host",
		.type = HSW_OPT_STRING,
		.offset = offsetof(struct conf, host),
		.def = "127.0.0.1",
		.help = "the server's IP address; names are not looked up, but for localhost" },
	{ .key = "port",
		.type = HSW_OPT_INT,
		.offset = offsetof(struct conf, port),
		.def = "6379",
		.min = 1,
		.max = 65535,
		.help = "the server's TCP port" },
	{ .key = "path",
		.type = HSW_OPT_PATH,
		.offset = offsetof(struct conf, path),
		.help = "the server's unix socket, in place of host and port" },
	{ .key = "username",
		.type = HSW_OPT_STRING,
		.offset = offsetof(struct conf, username),
		.help = "the user of the server's ACL; without it the password is the default "
			"user's" },
	{ .key = "password",
		.type = HSW_OPT_SECRET,
		.offset = offsetof(struct conf, password),
		.help = "the password; without it nothing is sent to log in" },
	{ .key = "db",
		.type = HSW_OPT_INT,
		.offset = offsetof(struct conf, db),
		.def = "0",
		.min = 0,
		.max = INT32_MAX,
		.help = "the number of the database" },
	{ .key = "stream",
		.type = HSW_OPT_STRING,
		.offset = offsetof(struct conf, stream),
		.def = "hookswitch",
		.help = "the stream's key; %instance% and %event% stand for the event's own" },
	{ .key = "maxlen",
		.type = HSW_OPT_INT,
		.offset = offsetof(struct conf, maxlen),
		.def = "0",
		.min = 0,
		.max = INT64_MAX,
		.help = "about how many entries the stream keeps, 0: all; older ones are deleted "
			"unread" },
	{ .key = NULL },
};

struct job {
	STAILQ_ENTRY(job) entry; /* of waiting */
	struct sink *sink;
	struct hsw_delivery *delivery; /* NULL: cancelled */
};

struct sink {
	const struct hsw_host *host;
	struct hsw_handle *handle;
	const struct conf *conf;
	redisAsyncContext *ac; /* NULL: no connection, and none being made */
	unsigned generation;   /* of ac */
	unsigned setup_left;   /* answers to AUTH and SELECT that are missing */
	bool is_ready, is_failing;
	struct hsw_timer *drop; /* ends a connection on which a job took too long */
	STAILQ_HEAD(, job) waiting;
};

/* hiredis' interest in one connection; lives as long as that. */
struct link {
	struct sink *sink;
	redisAsyncContext *ac;
	struct hsw_watch *watch;
	unsigned wanted; /* HSW_READ, HSW_WRITE */
};

/* ---- jobs ---- */

/* Ends the job, and its delivery unless that was cancelled. */
static void
job_end(struct job *job, enum hsw_outcome outcome, const char *text)
{
	struct sink *s = job->sink;
	struct hsw_delivery *delivery = job->delivery;
	const struct hsw_detail detail = { .text = text };

	free(job);
	if (delivery == NULL)
		return;
	if (outcome == HSW_DELIVERED)
		s->host->count(s->handle, "redis_entries", NULL, 1);
	s->host->done(delivery, outcome, &detail);
}

static void
end_waiting(struct sink *s, const char *text)
{
	STAILQ_HEAD(, job) ending = STAILQ_HEAD_INITIALIZER(ending);

	STAILQ_CONCAT(&ending, &s->waiting);
	while (!STAILQ_EMPTY(&ending)) {
		struct job *job = STAILQ_FIRST(&ending);
		STAILQ_REMOVE_HEAD(&ending, entry);
		job_end(job, HSW_RETRY, text);
	}
}

/* ---- what the server says ---- */

/* How answers begin after which another attempt may help: it has no room or no time, or somebody mends its
 * configuration. The first two come with a connection that it closes, and seem to be of the first command. */
static const char *const passing[] = { "DENIED", "ERR max number of clients", "OOM", "READONLY",
	"LOADING", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN", "BUSY", "MISCONF", "NOREPLICAS",
	"NOAUTH", "WRONGPASS", "NOPERM" };

static enum hsw_outcome
outcome_of(const char *answer)
{
	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
		size_t n = strlen(passing[i]);
		if (strncmp(passing[i], answer, n) == 0 && (answer[n] == ' ' || answer[n] == '\0'))
			return HSW_RETRY;
	}
	return HSW_REJECT;
}

/* What it says of a command that it does not know has the arguments in it: they are not for logs. */
static int
shown(const char *answer)
{
	const char *arguments = strstr(answer, ", with args");

	return (int)(arguments != NULL ? (size_t)(arguments - answer) : strcspn(answer, "\r\n"));
}

static void
on_added(redisAsyncContext *ac, void *answer, void *arg)
{
	const redisReply *reply = answer;
	struct job *job = arg;
	struct sink *s = job->sink;
	char text[TEXT_SIZE];

	if (reply == NULL) {
		if (s->ac == ac)
			s->ac = NULL;
		snprintf(text, sizeof(text), "the connection was lost: %s",
			ac->err != 0 ? ac->errstr : "given up");
		job_end(job, HSW_RETRY, text);
	} else if (reply->type == REDIS_REPLY_ERROR) {
		snprintf(text, sizeof(text), "the server answered: %.*s", shown(reply->str),
			reply->str);
		job_end(job, outcome_of(reply->str), text);
	} else {
		job_end(job, HSW_DELIVERED, NULL);
	}
}

/* ---- sending ---- */

/* The stream's key for this event; false: too long. */
static bool
stream_of(const struct sink *s, const struct hsw_envelope *e, char *out, size_t size)
{
	static const struct {
		const char *word;
		enum hsw_field field;
	} words[] = { { "%instance%", HSW_F_INSTANCE }, { "%event%", HSW_F_TYPE } };
	size_t n = 0;

	for (const char *c = s->conf->stream; *c != '\0';) {
		struct hsw_str piece = { c, 1 };
		size_t step = 1;
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			if (strncmp(c, words[i].word, strlen(words[i].word)) != 0)
				continue;
			piece = s->host->get(e, words[i].field);
			step = strlen(words[i].word);
		}
		if (piece.len >= size - n)
			return false;
		memcpy(out + n, piece.s, piece.len);
		n += piece.len;
		c += step;
	}
	out[n] = '\0';
	return true;
}

struct command {
	const char *word[ARGUMENTS_MAX];
	size_t len[ARGUMENTS_MAX];
	int n;
};

static void
add(struct command *c, const char *word, size_t len)
{
	c->word[c->n] = word;
	c->len[c->n++] = len;
}

static void
add_field(struct command *c, const char *name, struct hsw_str value)
{
	add(c, name, strlen(name));
	add(c, value.s, value.len);
}

/* The envelope's text in one piece, to be freed; or NULL. */
static char *
body_of(const struct sink *s, const struct job *job, size_t *len)
{
	struct iovec piece[HSW_IOV_MAX];
	int n = s->host->iov(s->host->envelope(job->delivery), s->host->parts(job->delivery), piece,
		HSW_IOV_MAX);

	*len = 0;
	for (int i = 0; i < n; i++)
		*len += piece[i].iov_len;
	char *body = malloc(*len + 1);
	size_t at = 0;
	for (int i = 0; body != NULL && i < n; i++) {
		memcpy(body + at, piece[i].iov_base, piece[i].iov_len);
		at += piece[i].iov_len;
	}
	return body;
}

/* hiredis copies the command. */
static void
send_job(struct sink *s, struct job *job)
{
	char stream[STREAM_MAX], maxlen[24];
	struct command c = { .n = 0 };
	size_t len;

	if (job->delivery == NULL) {
		job_end(job, HSW_RETRY, NULL);
		return;
	}
	const struct hsw_envelope *e = s->host->envelope(job->delivery);
	if (!stream_of(s, e, stream, sizeof(stream))) {
		job_end(job, HSW_REJECT, "the stream's key would be too long");
		return;
	}
	add_field(&c, "XADD", (struct hsw_str){ stream, strlen(stream) });
	if (s->conf->maxlen > 0) {
		snprintf(maxlen, sizeof(maxlen), "%lld", (long long)s->conf->maxlen);
		add_field(&c, "MAXLEN", (struct hsw_str){ "~", 1 });
		add(&c, maxlen, strlen(maxlen));
	}
	add(&c, "*", 1);
	add_field(&c, "id", s->host->get(e, HSW_F_ID));
	add_field(&c, "event", s->host->get(e, HSW_F_TYPE));
	add_field(&c, "instance", s->host->get(e, HSW_F_INSTANCE));
	char *body = body_of(s, job, &len);
	add_field(&c, "body", (struct hsw_str){ body, len });
	if (body == NULL ||
		redisAsyncCommandArgv(s->ac, on_added, job, c.n, c.word, c.len) != REDIS_OK)
		job_end(job, HSW_RETRY,
			body == NULL ? "out of memory" : "the connection is ending");
	free(body);
}

static void
send_waiting(struct sink *s)
{
	s->is_ready = true;
	s->is_failing = false;
	s->host->log(s->handle, HSW_LOG_INFO, "connected to the server");
	while (s->ac != NULL && !STAILQ_EMPTY(&s->waiting)) {
		struct job *job = STAILQ_FIRST(&s->waiting);
		STAILQ_REMOVE_HEAD(&s->waiting, entry);
		send_job(s, job);
	}
}

/* ---- the connection ---- */

/* There is no connection (any more): says so once, and ends the jobs that waited for it. */
static void
connection_failed(struct sink *s, const char *text)
{
	if (!s->is_failing)
		s->host->log(s->handle, HSW_LOG_WARN, "%s", text);
	s->is_failing = true;
	s->is_ready = false;
	end_waiting(s, text);
}

static void
give_up(struct sink *s, const char *text)
{
	redisAsyncContext *ac = s->ac;

	s->ac = NULL;
	if (ac != NULL)
		redisAsyncFree(ac);
	connection_failed(s, text);
}

static void
drop_connection(void *arg)
{
	struct sink *s = arg;

	if (s->ac != NULL)
		give_up(s, "the server took too long to answer");
}

/* Of the answer only the first word is told: the rest may hold what was sent. */
static void
on_setup(redisAsyncContext *ac, void *answer, void *arg)
{
	const redisReply *reply = answer;
	struct sink *s = ac->data;
	char text[TEXT_SIZE];

	if (reply == NULL || s->ac != ac)
		return;
	if (reply->type == REDIS_REPLY_ERROR) {
		snprintf(text, sizeof(text), "%s was refused: %.*s", (const char *)arg,
			(int)strcspn(reply->str, " "), reply->str);
		give_up(s, text);
	} else if (--s->setup_left == 0) {
		send_waiting(s);
	}
}

static void
set_up(struct sink *s)
{
	const struct conf *c = s->conf;
	const char *auth[] = { "AUTH", c->username, c->password };

	s->setup_left = (c->password != NULL) + (c->db != 0);
	if (s->setup_left == 0) {
		send_waiting(s);
		return;
	}
	if (c->password != NULL && c->username == NULL)
		auth[1] = c->password;
	if (c->password != NULL)
		redisAsyncCommandArgv(s->ac, on_setup, (void *)"AUTH (username, password)",
			c->username != NULL ? 3 : 2, auth, NULL);
	if (c->db != 0)
		redisAsyncCommand(
			s->ac, on_setup, (void *)"SELECT (db)", "SELECT %lld", (long long)c->db);
}

static void
on_connect(const redisAsyncContext *ac, int status)
{
	struct sink *s = ac->data;
	char text[TEXT_SIZE];

	if (s->ac != ac)
		return;
	if (status == REDIS_OK) {
		set_up(s);
		return;
	}
	/* hiredis frees it when this returns. */
	s->ac = NULL;
	snprintf(text, sizeof(text), "cannot connect to the server: %s", ac->errstr);
	connection_failed(s, text);
}

static void
on_disconnect(const redisAsyncContext *ac, int status)
{
	struct sink *s = ac->data;
	char text[TEXT_SIZE];

	if (s->ac == ac)
		s->ac = NULL;
	if (s->ac != NULL || status == REDIS_OK)
		return;
	snprintf(text, sizeof(text), "the connection was lost: %s", ac->errstr);
	connection_failed(s, text);
}

/* ---- hiredis on the daemon's watches ---- */

static void
link_want(struct link *l, unsigned wanted)
{
	l->wanted = wanted;
	l->sink->host->watch_set(l->watch, wanted);
}

static void
add_read(void *arg)
{
	struct link *l = arg;

	link_want(l, l->wanted | HSW_READ);
}

static void
del_read(void *arg)
{
	struct link *l = arg;

	link_want(l, l->wanted & ~HSW_READ);
}

static void
add_write(void *arg)
{
	struct link *l = arg;

	link_want(l, l->wanted | HSW_WRITE);
}

static void
del_write(void *arg)
{
	struct link *l = arg;

	link_want(l, l->wanted & ~HSW_WRITE);
}

/* Before the descriptor is closed. */
static void
link_free(void *arg)
{
	struct link *l = arg;

	l->sink->host->watch_free(l->watch);
	free(l);
}

static void
on_socket(int fd, unsigned what, void *arg)
{
	struct link *l = arg;
	struct sink *s = l->sink;
	redisAsyncContext *ac = l->ac;
	unsigned generation = s->generation;

	(void)fd;
	if ((what & HSW_READ) != 0)
		redisAsyncHandleRead(ac);
	/* Reading may have ended it, and l with it. */
	if ((what & HSW_WRITE) != 0 && s->ac == ac && s->generation == generation)
		redisAsyncHandleWrite(ac);
}

static bool
link_new(struct sink *s, redisAsyncContext *ac)
{
	struct link *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return false;
	*l = (struct link){ .sink = s, .ac = ac };
	l->watch = s->host->watch_new(s->handle, ac->c.fd, on_socket, l);
	if (l->watch == NULL) {
		free(l);
		return false;
	}
	ac->ev.data = l;
	ac->ev.addRead = add_read;
	ac->ev.delRead = del_read;
	ac->ev.addWrite = add_write;
	ac->ev.delWrite = del_write;
	ac->ev.cleanup = link_free;
	return true;
}

/* Begins to connect. false: text says why that failed at once. */
static bool
connect_to(struct sink *s, char *text, size_t size)
{
	const struct conf *c = s->conf;
	const char *host = strcmp(c->host, "localhost") == 0 ? "127.0.0.1" : c->host;
	redisAsyncContext *ac = c->path != NULL ? redisAsyncConnectUnix(c->path)
						: redisAsyncConnect(host, (int)c->port);

	if (ac == NULL || ac->err != 0 || !link_new(s, ac)) {
		snprintf(text, size, "cannot connect to the server: %s",
			ac != NULL && ac->err != 0 ? ac->errstr : "out of memory");
		if (ac != NULL)
			redisAsyncFree(ac);
		return false;
	}
	ac->data = s;
	s->ac = ac;
	s->generation++;
	s->is_ready = false;
	redisAsyncSetConnectCallback(ac, on_connect);
	redisAsyncSetDisconnectCallback(ac, on_disconnect);
	return true;
}

/* ---- the plugin ---- */

static int
fail(struct hsw_error *err, int rc, const char *text)
{
	snprintf(err->text, sizeof(err->text), "%s", text);
	return rc;
}

/* What the option table cannot say. */
static const char *
wrong_in(const struct conf *c)
{
	unsigned char address[sizeof(struct in6_addr)];

	if (c->path == NULL && strcmp(c->host, "localhost") != 0 &&
		inet_pton(AF_INET, c->host, address) != 1 &&
		inet_pton(AF_INET6, c->host, address) != 1)
		return "host: expected an IP address or localhost (names are not looked up)";
	if (c->username != NULL && c->password == NULL)
		return "username: needs a password, too";
	if (c->stream[0] == '\0' || strlen(c->stream) >= STREAM_MAX)
		return "stream: expected a key of 1 to 511 bytes";
	return NULL;
}

static int
sink_open(const struct hsw_host *host, struct hsw_handle *handle, const void *conf, void **self,
	struct hsw_error *err)
{
	const char *wrong = wrong_in(conf);
	struct sink *s = wrong == NULL ? calloc(1, sizeof(*s)) : NULL;

	if (s == NULL)
		return fail(err, wrong != NULL ? HSW_EINVAL : HSW_ENOMEM,
			wrong != NULL ? wrong : "out of memory");
	*s = (struct sink){ .host = host, .handle = handle, .conf = conf };
	STAILQ_INIT(&s->waiting);
	s->drop = host->timer_new(handle, drop_connection, s);
	if (s->drop == NULL) {
		free(s);
		return fail(err, HSW_ENOMEM, "out of memory");
	}
	*self = s;
	return HSW_OK;
}

static int
sink_deliver(void *self, struct hsw_delivery *delivery)
{
	struct sink *s = self;
	char text[TEXT_SIZE];
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return HSW_ENOMEM;
	*job = (struct job){ .sink = s, .delivery = delivery };
	s->host->set_data(delivery, job);
	if (s->ac == NULL && !connect_to(s, text, sizeof(text))) {
		connection_failed(s, text);
		job_end(job, HSW_RETRY, text);
	} else if (s->is_ready) {
		send_job(s, job);
	} else {
		STAILQ_INSERT_TAIL(&s->waiting, job, entry);
	}
	return HSW_OK;
}

/* Its deadline is over: what follows on this connection would fare no better. */
static void
sink_cancel(void *self, struct hsw_delivery *delivery)
{
	struct sink *s = self;
	struct job *job = s->host->get_data(delivery);

	job->delivery = NULL;
	s->host->timer_set(s->drop, 0);
}

static void
sink_close(void *self)
{
	struct sink *s = self;
	redisAsyncContext *ac = s->ac;

	s->host->timer_free(s->drop);
	s->ac = NULL;
	if (ac != NULL)
		redisAsyncFree(ac);
	end_waiting(s, NULL);
	free(s);
}

static const struct hsw_sink_ops ops = {
	.size = sizeof(struct hsw_sink_ops),
	.concurrency = 64,
	.open = sink_open,
	.deliver = sink_deliver,
	.cancel = sink_cancel,
	.close = sink_close,
};

HSW_PLUGIN(HSW_SINK, "redis", "1.0", "adds events to a stream of Redis", sizeof(struct conf),
	options, &ops);
