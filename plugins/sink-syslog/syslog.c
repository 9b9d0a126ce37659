/* SPDX-License-Identifier: Apache-2.0 */
/*
 * syslog.c - sink-syslog: events as syslog messages, to a local socket or a collector.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "link.h"
#include "message.h"
#include "priority.h"
#include "tls.h"

/* Messages in flight: what a stream has sent and the other side not acknowledged, or what waits for
 * the connection. */
#define CONCURRENCY 512
#define HOSTNAME_SIZE 256 /* RFC 5424 section 6 */
#define APP_NAME_SIZE 49
#define SD_ID_DEFAULT "hookswitch@32473"
#define DATAGRAM_MAX 65000 /* of UDP over IPv4, 65507; with room for what is in between */

struct syslog_conf {
	const char *target;
	const char **facility, **severity;
	int format;
	int message;
	const char *app_name, *hostname, *sd_id;
	int64_t max_message_bytes;
	const char *ca_file, *cert_file, *key_file;
};

struct syslog_sink {
	const struct hsw_host *host;
	struct hsw_handle *handle;
	const struct syslog_conf *conf;
	struct address address;
	struct priorities *priorities;
	struct message_settings settings;
	char app_name[APP_NAME_SIZE], hostname[HOSTNAME_SIZE];
	SSL_CTX *ctx;
	struct link *link;
	struct buffer buffer;
};

static const char *const format_words[] = {
	[MESSAGE_RFC5424] = "rfc5424", [MESSAGE_RFC3164] = "rfc3164", NULL
};
static const char *const body_words[] = { [MESSAGE_JSON] = "json", [MESSAGE_TEXT] = "text", NULL };

#define MEMBER(name) offsetof(struct syslog_conf, name)

static const struct hsw_option options[] = {
	{ .key = "target",
		.type = HSW_OPT_STRING,
		.flags = HSW_OPT_REQUIRED,
		.offset = MEMBER(target),
		.help = "Where messages go: unix:/dev/log, udp://host:514, tcp://host:601 or "
			"tls://host:6514. TCP and TLS count octets (RFC 6587, RFC 5425)." },
	{ .key = "facility",
		.type = HSW_OPT_LIST,
		.offset = MEMBER(facility),
		.def = "daemon",
		.help = "Facility: one for all messages, or by event, like \"call.update: local1, "
			"*: local0\". The first that fits counts; others get daemon." },
	{ .key = "severity",
		.type = HSW_OPT_LIST,
		.offset = MEMBER(severity),
		.help = "Severity by event, like \"call.update: notice, message.*: debug\". The "
			"first that fits counts; a severity alone is for all events. Others get "
			"info." },
	{ .key = "format",
		.type = HSW_OPT_ENUM,
		.offset = MEMBER(format),
		.def = "rfc5424",
		.choices = format_words,
		.help = "rfc5424, with the instance, event, id and chat as structured data, or the "
			"older rfc3164." },
	{ .key = "message",
		.type = HSW_OPT_ENUM,
		.offset = MEMBER(message),
		.def = "json",
		.choices = body_words,
		.help = "What the message says: the event as JSON, or as text of key=value "
			"pairs." },
	{ .key = "max_message",
		.type = HSW_OPT_SIZE,
		.offset = MEMBER(max_message_bytes),
		.def = "8k",
		.min = 1024,
		.max = 1024 * 1024,
		.help = "Longest message. What is longer is cut and ends with \"[N bytes cut]\"." },
	{ .key = "app_name",
		.type = HSW_OPT_STRING,
		.offset = MEMBER(app_name),
		.def = "hookswitch",
		.help = "Name of the program in messages; the tag of rfc3164." },
	{ .key = "hostname",
		.type = HSW_OPT_STRING,
		.offset = MEMBER(hostname),
		.help = "Name of the machine in messages. Not set: its own." },
	{ .key = "sd_id",
		.type = HSW_OPT_STRING,
		.offset = MEMBER(sd_id),
		.def = SD_ID_DEFAULT,
		.help = "Name of the structured data: a name, @ and a private enterprise number. "
			"32473 is the one for examples." },
	{ .key = "ca_file",
		.type = HSW_OPT_PATH,
		.offset = MEMBER(ca_file),
		.help = "Certificates (PEM) that may sign the collector's. Not set: the "
			"system's." },
	{ .key = "cert_file",
		.type = HSW_OPT_PATH,
		.offset = MEMBER(cert_file),
		.help = "Certificate (PEM) that is shown to the collector, with its chain." },
	{ .key = "key_file",
		.type = HSW_OPT_PATH,
		.offset = MEMBER(key_file),
		.help = "Key (PEM) of cert_file. Not set: it is in cert_file." },
	{ .key = NULL },
};

static int
refuse(struct hsw_error *err, const char *text)
{
	snprintf(err->text, sizeof(err->text), "%s", text);
	return HSW_EINVAL;
}

static int
check_max_message(const struct syslog_conf *conf, const struct address *a, struct hsw_error *err)
{
	if (a->transport != TRANSPORT_UDP || conf->max_message_bytes <= DATAGRAM_MAX)
		return HSW_OK;
	return refuse(err, "max_message: expected at most 65000 bytes with udp");
}

static int
check_sd_id(const struct syslog_conf *conf, const struct address *a, struct hsw_error *err)
{
	(void)a;
	if (message_is_sd_id(conf->sd_id))
		return HSW_OK;
	return refuse(err,
		"sd_id: expected a name and number like hookswitch@32473, at most 32 characters");
}

static int
check_tls(const struct syslog_conf *conf, const struct address *a, struct hsw_error *err)
{
	if (a->transport == TRANSPORT_TLS ||
		(conf->ca_file == NULL && conf->cert_file == NULL && conf->key_file == NULL))
		return HSW_OK;
	return refuse(err, "ca_file, cert_file and key_file need a target with tls://");
}

static int
check_key_file(const struct syslog_conf *conf, const struct address *a, struct hsw_error *err)
{
	(void)a;
	if (conf->key_file == NULL || conf->cert_file != NULL)
		return HSW_OK;
	return refuse(err, "key_file: needs cert_file");
}

/* What is set, but never used; a default cannot be told from what is not set. */
static int
check_format(const struct syslog_conf *conf, const struct address *a, struct hsw_error *err)
{
	(void)a;
	if (conf->format != MESSAGE_RFC3164 || strcmp(conf->sd_id, SD_ID_DEFAULT) == 0)
		return HSW_OK;
	return refuse(err, "sd_id: has no meaning with format = rfc3164");
}

/* Messages would have another one: see message_name. */
static int
check_app_name(const struct syslog_conf *conf, const struct address *a, struct hsw_error *err)
{
	(void)a;
	if (message_is_name(conf->app_name, APP_NAME_SIZE - 1))
		return HSW_OK;
	return refuse(err, "app_name: expected 1 to 48 visible ASCII characters without spaces");
}

static int
check_hostname(const struct syslog_conf *conf, const struct address *a, struct hsw_error *err)
{
	(void)a;
	if (conf->hostname == NULL || message_is_name(conf->hostname, HOSTNAME_SIZE - 1))
		return HSW_OK;
	return refuse(err, "hostname: expected 1 to 255 visible ASCII characters without spaces");
}

typedef int check_fn(const struct syslog_conf *, const struct address *, struct hsw_error *err);

/* What open() refuses, too; then what only check() does. Both end with NULL. */
static check_fn *const checks_of_open[] = { check_max_message, check_sd_id, check_tls,
	check_key_file, NULL };
static check_fn *const checks_of_sense[] = { check_format, check_app_name, check_hostname, NULL };

static int
run_checks(check_fn *const *fn, const struct syslog_conf *conf, const struct address *a,
	struct hsw_error *err)
{
	int rc = HSW_OK;

	for (; rc == HSW_OK && *fn != NULL; fn++)
		rc = (*fn)(conf, a, err);
	return rc;
}

static SSL_CTX *
make_tls(const struct syslog_conf *conf, struct hsw_error *err)
{
	const struct tls_settings set = {
		.ca_file = conf->ca_file, .cert_file = conf->cert_file, .key_file = conf->key_file
	};

	return tls_new(&set, err);
}

static void
set_message(struct syslog_sink *s, const struct syslog_conf *conf)
{
	char own[HOSTNAME_SIZE] = "";

	/* Longer than that it is cut, perhaps without an end. */
	gethostname(own, sizeof(own) - 1);
	message_name(
		conf->hostname != NULL ? conf->hostname : own, s->hostname, sizeof(s->hostname));
	message_name(conf->app_name, s->app_name, sizeof(s->app_name));
	s->settings = (struct message_settings){ .format = (enum message_format)conf->format,
		.body = (enum message_body)conf->message,
		.is_local = s->address.transport == TRANSPORT_UNIX,
		.app_name = s->app_name,
		.hostname = s->hostname,
		.sd_id = conf->sd_id,
		.max_bytes = (size_t)conf->max_message_bytes };
}

/* What the options give, or an error: the address, the priorities and the context of TLS. What is made of
 * them is in the sink also on failure, for free_made. */
static int
make(struct syslog_sink *s, struct hsw_error *err)
{
	const struct syslog_conf *conf = s->conf;
	int rc = address_parse(conf->target, &s->address, err);

	if (rc == HSW_OK)
		rc = run_checks(checks_of_open, conf, &s->address, err);
	if (rc != HSW_OK)
		return rc;
	s->priorities = priorities_new(conf->facility, conf->severity, err);
	if (s->priorities == NULL)
		return HSW_EINVAL;
	if (s->address.transport == TRANSPORT_TLS && (s->ctx = make_tls(conf, err)) == NULL)
		return HSW_EINVAL;
	return HSW_OK;
}

static void
free_made(struct syslog_sink *s)
{
	SSL_CTX_free(s->ctx);
	priorities_free(s->priorities);
}

static int
syslog_check(const void *conf, struct hsw_error *err)
{
	struct syslog_sink s = { .conf = conf };
	int rc = make(&s, err);

	free_made(&s);
	return rc == HSW_OK ? run_checks(checks_of_sense, conf, &s.address, err) : rc;
}

static void
check_rules(const char *const *facility, const char *const *severity,
	void (*report)(void *arg, const char *text), void *arg)
{
	struct hsw_error err = { "" };
	struct priorities *priorities = priorities_new(facility, severity, &err);

	if (priorities == NULL)
		report(arg, err.text);
	priorities_free(priorities);
}

static void
syslog_check_each(const void *section, void (*report)(void *arg, const char *text), void *arg)
{
	check_fn *const *const lists[] = { checks_of_open, checks_of_sense };
	const struct syslog_conf *conf = section;
	struct address address = { 0 };
	struct hsw_error err = { "" };
	bool has_address = address_parse(conf->target, &address, &err) == HSW_OK;

	if (!has_address)
		report(arg, err.text);
	check_rules(conf->facility, NULL, report, arg);
	check_rules(NULL, conf->severity, report, arg);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]) && has_address; i++) {
		for (check_fn *const *fn = lists[i]; *fn != NULL; fn++) {
			if ((*fn)(conf, &address, &err) != HSW_OK)
				report(arg, err.text);
		}
	}
	if (!has_address || address.transport != TRANSPORT_TLS)
		return;
	SSL_CTX *ctx = make_tls(conf, &err);
	if (ctx == NULL)
		report(arg, err.text);
	SSL_CTX_free(ctx);
}

/* Text is made of the event's data. */
static void
syslog_check_parts(
	const void *section, unsigned parts, void (*report)(void *arg, const char *text), void *arg)
{
	const struct syslog_conf *conf = section;

	if (conf->message != MESSAGE_TEXT)
		return;
	if (parts & HSW_TOKEN)
		report(arg, "token: has no meaning with message = text, which leaves it out");
	if (parts & HSW_RAW)
		report(arg, "raw: has no meaning with message = text, which leaves it out");
}

static void
syslog_close(void *self)
{
	struct syslog_sink *s = self;

	link_free(s->link);
	free_made(s);
	buffer_fini(&s->buffer);
	free(s);
}

/* Fills the sink; what is left is freed by syslog_close. */
static int
setup(struct syslog_sink *s, struct hsw_error *err)
{
	int rc = make(s, err);

	if (rc != HSW_OK)
		return rc;
	set_message(s, s->conf);
	s->link = link_new(s->host, s->handle, &s->address, s->ctx);
	if (s->link != NULL)
		return HSW_OK;
	snprintf(err->text, sizeof(err->text), "out of memory");
	return HSW_ENOMEM;
}

static int
syslog_open(const struct hsw_host *host, struct hsw_handle *handle, const void *conf, void **self,
	struct hsw_error *err)
{
	struct syslog_sink *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		snprintf(err->text, sizeof(err->text), "out of memory");
		return HSW_ENOMEM;
	}
	s->host = host;
	s->handle = handle;
	s->conf = conf;
	int rc = setup(s, err);
	if (rc != HSW_OK)
		syslog_close(s);
	else
		*self = s;
	return rc;
}

static int
syslog_deliver(void *self, struct hsw_delivery *delivery)
{
	struct syslog_sink *s = self;
	const struct hsw_host *host = s->host;
	const struct hsw_envelope *env = host->envelope(delivery);
	struct iovec json[HSW_IOV_MAX];
	struct message_event event = { .time_ms = host->received_ms(env),
		.id = host->get(env, HSW_F_ID),
		.type = host->get(env, HSW_F_TYPE),
		.instance = host->get(env, HSW_F_INSTANCE),
		.chat = host->get(env, HSW_F_KEY),
		.json = json };
	size_t cut;

	event.priority = priority_of(s->priorities, event.type);
	event.json_count = host->iov(env, host->parts(delivery), json, HSW_IOV_MAX);
	s->buffer.len = 0;
	s->buffer.failed = false;
	if (!message_write(&s->buffer, &s->settings, &event, &cut))
		return HSW_ENOMEM;
	if (cut > 0)
		host->count(s->handle, "messages_cut", NULL, 1);
	return link_put(s->link, delivery, &s->buffer);
}

static void
syslog_cancel(void *self, struct hsw_delivery *delivery)
{
	struct syslog_sink *s = self;

	link_cancel(s->link, delivery);
}

/* Certificates may have been renewed. */
static void
syslog_reopen(void *self)
{
	struct syslog_sink *s = self;
	struct hsw_error err = { "" };

	if (s->ctx == NULL)
		return;
	SSL_CTX *fresh = make_tls(s->conf, &err);
	if (fresh == NULL) {
		s->host->log(s->handle, HSW_LOG_ERROR, "keeps the certificates it has error=\"%s\"",
			err.text);
		return;
	}
	link_set_tls(s->link, fresh);
	SSL_CTX_free(s->ctx); /* a session under way has a reference */
	s->ctx = fresh;
}

static const struct hsw_sink_ops ops = {
	.size = sizeof(ops),
	.concurrency = CONCURRENCY,
	.parts = 0,
	.flags = HSW_SINK_SERIAL,
	.open = syslog_open,
	.deliver = syslog_deliver,
	.cancel = syslog_cancel,
	.close = syslog_close,
	.reopen = syslog_reopen,
	.check = syslog_check,
	.check_each = syslog_check_each,
	.check_parts = syslog_check_parts,
};

HSW_PLUGIN(HSW_SINK, "syslog", "1.0",
	"writes events to syslog: a local socket, UDP, TCP or TLS (RFC 5424)",
	sizeof(struct syslog_conf), options, &ops);
