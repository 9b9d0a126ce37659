/* SPDX-License-Identifier: Apache-2.0 */
/* conf.c - see conf.h. */
#include "conf.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "pem.h"
#include "sign.h"

#define BATCH_EVENTS_MAX 1000
#define BATCH_WAIT_MAX_MS 60000

static const char *const by_events_words[] = {
	[BY_EVENTS_NO] = "no", [BY_EVENTS_DOTTED] = "dotted", [BY_EVENTS_DASHED] = "dashed", NULL
};

static const char *const algorithm_words[] = {
	[SIGN_SHA256] = "sha256", [SIGN_SHA1] = "sha1", [SIGN_SHA512] = "sha512", NULL
};
static const char *const encoding_words[] = { [SIGN_HEX] = "hex", [SIGN_BASE64] = "base64", NULL };

static const char *const format_words[] = { [FORMAT_ENVELOPE] = "envelope",
	[FORMAT_DATA] = "data",
	[FORMAT_CLOUDEVENTS] = "cloudevents",
	[FORMAT_RAW] = "raw",
	NULL };
static const char *const batch_format_words[] = {
	[BATCH_JSON] = "json", [BATCH_NDJSON] = "ndjson", NULL
};
static const char *const compress_words[] = {
	[COMPRESS_NO] = "no", [COMPRESS_GZIP] = "gzip", NULL
};

#define MEMBER(name) offsetof(struct webhook_conf, name)

const struct hsw_option conf_options[] = {
	{ .key = "url",
		.type = HSW_OPT_URL,
		.flags = HSW_OPT_REQUIRED | HSW_OPT_PER_TARGET,
		.offset = MEMBER(url),
		.help = "Where events are posted to." },
	{ .key = "authorization",
		.type = HSW_OPT_SECRET,
		.flags = HSW_OPT_PER_TARGET,
		.offset = MEMBER(authorization),
		.help = "Sent as it stands as the Authorization header, e.g. \"Bearer abc\"." },
	{ .key = "headers",
		.type = HSW_OPT_SECRET,
		.flags = HSW_OPT_PER_TARGET | HSW_OPT_LINES,
		.offset = MEMBER(headers),
		.help = "More headers, \"Name: value\", with | between them, or one a line in a "
			"file "
			"(@/path/to/file)." },
	{ .key = "secret",
		.type = HSW_OPT_SECRET,
		.flags = HSW_OPT_PER_TARGET,
		.offset = MEMBER(secret),
		.help = "Signs each request as Standard Webhooks have it (webhook-signature): "
			"whsec_ and base64 of the key, or a text that is the key; 24 to 64 "
			"bytes." },
	{ .key = "secret_old",
		.type = HSW_OPT_SECRET,
		.flags = HSW_OPT_PER_TARGET,
		.offset = MEMBER(secret_old),
		.help = "The secret before, while receivers change to the new one: requests are "
			"signed with both." },
	{ .key = "hmac_header",
		.type = HSW_OPT_STRING,
		.offset = MEMBER(hmac_header),
		.help = "Signs the body with hmac_secret in a header of this name, e.g. "
			"X-Hub-Signature-256." },
	{ .key = "hmac_secret",
		.type = HSW_OPT_SECRET,
		.offset = MEMBER(hmac_secret),
		.help = "The key of hmac_header, of at least 16 bytes." },
	{ .key = "hmac_algorithm",
		.type = HSW_OPT_ENUM,
		.offset = MEMBER(hmac_algorithm),
		.def = "sha256",
		.choices = algorithm_words,
		.help = "The hash of hmac_header: sha256, sha1 or sha512." },
	{ .key = "hmac_encoding",
		.type = HSW_OPT_ENUM,
		.offset = MEMBER(hmac_encoding),
		.def = "hex",
		.choices = encoding_words,
		.help = "How hmac_header is written: hex or base64." },
	{ .key = "hmac_prefix",
		.type = HSW_OPT_STRING,
		.offset = MEMBER(hmac_prefix),
		.help = "What stands before the signature in hmac_header, e.g. sha256=." },
	{ .key = "by_events",
		.type = HSW_OPT_ENUM,
		.flags = HSW_OPT_PER_TARGET,
		.offset = MEMBER(by_events),
		.def = "no",
		.choices = by_events_words,
		.help = "Adds the event's name to the URL's path: dotted /message.exchange, dashed "
			"/message-exchange." },
#ifdef WITH_JQ
	{ .key = "filter",
		.type = HSW_OPT_STRING,
		.offset = MEMBER(filter),
		.help = "A jq expression over the envelope: only events for which it gives "
			"something else than false, null or nothing are sent." },
	{ .key = "transform",
		.type = HSW_OPT_STRING,
		.offset = MEMBER(transform),
		.help = "A jq expression over the envelope: what it gives is sent instead. Nothing "
			"is sent when it gives nothing." },
#endif
	{ .key = "format",
		.type = HSW_OPT_ENUM,
		.flags = HSW_OPT_PER_TARGET,
		.offset = MEMBER(format),
		.def = "envelope",
		.choices = format_words,
		.help = "What is sent of an event: envelope; data, its member data alone; or "
			"cloudevents, a CloudEvent (1.0) with data in it; or raw, the provider's "
			"own "
			"body, once for each of its requests." },
	{ .key = "batch",
		.type = HSW_OPT_STRING,
		.offset = MEMBER(batch),
		.help = "Several events in one request: at most so many, and no longer after the "
			"first one than this time, e.g. 100/200ms; 2 to 1000 events, and at most "
			"a minute. `concurrency` counts events: "
			"it is twice as many unless it is set, and never less than a batch. "
			"A batch that is answered with a 4xx about what is in it (not 401, 403, "
			"404, 407, 408, 410, 425, 429) goes again at once, each event alone: "
			"`drop_on`, `retry_on` and `retry` look at those answers only." },
	{ .key = "batch_format",
		.type = HSW_OPT_ENUM,
		.offset = MEMBER(batch_format),
		.def = "json",
		.choices = batch_format_words,
		.help = "How a batch is written: json, an array; or ndjson, one event a line." },
	{ .key = "compress",
		.type = HSW_OPT_ENUM,
		.offset = MEMBER(compress),
		.def = "no",
		.choices = compress_words,
		.help = "gzip: bodies are compressed (Content-Encoding: gzip); no." },
	{ .key = "max_body",
		.type = HSW_OPT_SIZE,
		.offset = MEMBER(max_body),
		.def = "0",
		.min = 0,
		.max = INT64_C(1) << 40,
		.help = "Size of a request's body at most, before it is compressed; 0: no limit. A "
			"larger event is a dead letter at once." },
	{ .key = "media_limit",
		.type = HSW_OPT_SIZE,
		.offset = MEMBER(media_limit),
		.def = "0",
		.min = 0,
		.max = INT64_C(1) << 40,
		.help = "Size of an event's media at most, as base64; 0: no limit. Larger media is "
			"left out, and base64Omitted tells its size as base64, in bytes. The "
			"provider's own body (raw) is not looked at." },
	{ .key = "ca_file",
		.type = HSW_OPT_PATH,
		.offset = MEMBER(ca_file),
		.help = "PEM file of the certificates that are trusted, instead of the system's. "
			"For "
			"receivers with a private CA or a self-signed certificate." },
	{ .key = "cert_file",
		.type = HSW_OPT_PATH,
		.offset = MEMBER(cert_file),
		.help = "PEM file of a client certificate, with its chain." },
	{ .key = "key_file",
		.type = HSW_OPT_PATH,
		.offset = MEMBER(key_file),
		.help = "PEM file of the client certificate's key, without a passphrase, if it is "
			"not in cert_file." },
	{ .key = "https_only",
		.type = HSW_OPT_BOOL,
		.flags = HSW_OPT_PER_TARGET,
		.offset = MEMBER(https_only),
		.def = "no",
		.help = "The URL must be https; looked at again at each attempt." },
	{ .key = "allow_private",
		.type = HSW_OPT_LIST,
		.offset = MEMBER(allow_private),
		.help = "Where it is set, the receiver must have a public address, or one of these "
			"networks (10.0.0.0/8, fd00::/8); none; any: no check." },
	{ .key = NULL },
};

static int
check_file(const char *key, const char *path, struct hsw_error *err)
{
	if (path == NULL || access(path, R_OK) == 0)
		return HSW_OK;
	snprintf(err->text, sizeof(err->text), "%s: cannot be read: %s", key, strerror(errno));
	return HSW_EINVAL;
}

static int
check_certificate(const char *key, const char *path, struct hsw_error *err)
{
	int rc = check_file(key, path, err);

	return rc == HSW_OK && path != NULL ? pem_check_certificate(key, path, err) : rc;
}

static int
check_ca_file(const struct webhook_conf *conf, struct hsw_error *err)
{
	return check_certificate("ca_file", conf->ca_file, err);
}

static int
check_cert_file(const struct webhook_conf *conf, struct hsw_error *err)
{
	return check_certificate("cert_file", conf->cert_file, err);
}

static int
check_key_file(const struct webhook_conf *conf, struct hsw_error *err)
{
	int rc = check_file("key_file", conf->key_file, err);
	struct hsw_error told = { "" }; /* by check_cert_file */

	if (rc != HSW_OK || (conf->key_file == NULL && conf->cert_file == NULL))
		return rc;
	if (conf->key_file != NULL && conf->cert_file != NULL)
		return pem_check_key(conf->cert_file, "key_file", conf->key_file, err);
	if (conf->cert_file != NULL)
		return check_cert_file(conf, &told) == HSW_OK
			? pem_check_key(conf->cert_file, "cert_file", conf->cert_file, err)
			: HSW_OK;
	snprintf(err->text, sizeof(err->text), "key_file: is set, but no cert_file");
	return HSW_EINVAL;
}

/* Options that say how something is done that is not done. */
static int
check_sense(const struct webhook_conf *conf, struct hsw_error *err)
{
	bool is_plain = conf->url != NULL && strncasecmp(conf->url, "http://", 7) == 0;
	const struct {
		const char *key, *without;
		bool is_idle;
	} rules[] = {
		{ "ca_file", "an https url", is_plain && conf->ca_file != NULL },
		{ "cert_file", "an https url", is_plain && conf->cert_file != NULL },
		{ "batch_format", "batch",
			conf->batch == NULL && conf->batch_format != BATCH_JSON },
		{ "hmac_prefix", "hmac_header",
			conf->hmac_header == NULL && conf->hmac_prefix != NULL },
		{ "hmac_algorithm", "hmac_header",
			conf->hmac_header == NULL && conf->hmac_algorithm != SIGN_SHA256 },
		{ "hmac_encoding", "hmac_header",
			conf->hmac_header == NULL && conf->hmac_encoding != SIGN_HEX },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (!rules[i].is_idle)
			continue;
		snprintf(err->text, sizeof(err->text), "%s: has no meaning without %s",
			rules[i].key, rules[i].without);
		return HSW_EINVAL;
	}
	return HSW_OK;
}

static int
check_secret(const struct webhook_conf *conf, struct hsw_error *err)
{
	return conf->secret != NULL ? sign_check_secret("secret", conf->secret, err) : HSW_OK;
}

static int
check_secret_old(const struct webhook_conf *conf, struct hsw_error *err)
{
	return conf->secret_old != NULL ? sign_check_secret("secret_old", conf->secret_old, err)
					: HSW_OK;
}

static int
check_hmac_secret(const struct webhook_conf *conf, struct hsw_error *err)
{
	return conf->hmac_header != NULL && conf->hmac_secret != NULL
		? sign_check_hmac_secret("hmac_secret", conf->hmac_secret, err)
		: HSW_OK;
}

int
conf_batch(const struct webhook_conf *conf, struct conf_batch *out, struct hsw_error *err)
{
	char *end = NULL;

	*out = (struct conf_batch){ 0 };
	if (conf->batch == NULL)
		return HSW_OK;
	long events = strtol(conf->batch, &end, 10);
	const char *slash = end;
	long wait = *slash == '/' ? strtol(slash + 1, &end, 10) : -1;
	if (wait >= 0 && wait <= BATCH_WAIT_MAX_MS && strcmp(end, "s") == 0)
		wait *= 1000;
	else if (strcmp(end, "ms") != 0)
		wait = -1;
	if (events < 2 || events > BATCH_EVENTS_MAX || wait < 1 || wait > BATCH_WAIT_MAX_MS) {
		snprintf(err->text, sizeof(err->text),
			"batch: found `%.40s`, expected 2 to %d events and at most a minute, such "
			"as 100/200ms",
			conf->batch, BATCH_EVENTS_MAX);
		return HSW_EINVAL;
	}
	*out = (struct conf_batch){ .events = (size_t)events, .wait_ms = wait };
	return HSW_OK;
}

bool
conf_forbids_url(const struct webhook_conf *conf)
{
	return conf->https_only && conf->url != NULL && strncasecmp(conf->url, "https://", 8) != 0;
}

size_t
conf_gathers(const void *webhook_conf)
{
	struct conf_batch batch;
	struct hsw_error err;

	return conf_batch(webhook_conf, &batch, &err) == HSW_OK ? batch.events : 0;
}

unsigned
conf_needs(const void *webhook_conf)
{
	const struct webhook_conf *conf = webhook_conf;
	return conf->format == FORMAT_RAW ? HSW_RAW : 0;
}

static int
check_https_only(const struct webhook_conf *conf, struct hsw_error *err)
{
	if (!conf_forbids_url(conf))
		return HSW_OK;
	snprintf(err->text, sizeof(err->text),
		"url: must begin with https://, since https_only is set");
	return HSW_EINVAL;
}

static int
check_batch(const struct webhook_conf *conf, struct hsw_error *err)
{
	struct conf_batch batch;
	int rc = conf_batch(conf, &batch, err);

	if (rc != HSW_OK || conf->batch == NULL)
		return rc;
	if (conf->format == FORMAT_RAW)
		snprintf(err->text, sizeof(err->text),
			"batch: cannot stand beside format = raw: such bodies are of any type");
	else if (conf->by_events != BY_EVENTS_NO)
		snprintf(err->text, sizeof(err->text),
			"batch: cannot stand beside by_events: its events go to different places");
	else
		return HSW_OK;
	return HSW_EINVAL;
}

static int
check_format(const struct webhook_conf *conf, struct hsw_error *err)
{
	if (conf->transform != NULL && conf->format != FORMAT_ENVELOPE)
		snprintf(err->text, sizeof(err->text),
			"format: cannot stand beside transform, which makes all that is sent");
	else if (conf->format == FORMAT_RAW && conf->media_limit > 0)
		snprintf(err->text, sizeof(err->text),
			"media_limit: has no meaning with format = raw, which is the provider's "
			"body as it came; max_body bounds that");
	else
		return HSW_OK;
	return HSW_EINVAL;
}

conf_check_fn *const conf_checks[] = { check_ca_file, check_cert_file, check_key_file,
	check_https_only, check_sense, check_secret, check_secret_old, check_hmac_secret,
	check_batch, check_format, NULL };

int
conf_check(const struct webhook_conf *conf, struct hsw_error *err)
{
	int rc = HSW_OK;

	for (size_t i = 0; rc == HSW_OK && conf_checks[i] != NULL; i++)
		rc = conf_checks[i](conf, err);
	return rc;
}

/* The daemon's options that ask for parts which the format leaves out. */
static void
check_left_out(int format, unsigned parts, void (*report)(void *arg, const char *text), void *arg)
{
	static const unsigned left_out[] = { [FORMAT_ENVELOPE] = 0,
		[FORMAT_DATA] = HSW_TOKEN | HSW_RAW,
		[FORMAT_CLOUDEVENTS] = HSW_TOKEN | HSW_RAW,
		[FORMAT_RAW] = HSW_TOKEN | HSW_MEDIA | HSW_CODES | HSW_KEYS };
	static const struct {
		const char *key;
		unsigned parts;
	} askers[] = { { "token", HSW_TOKEN }, { "media_base64", HSW_MEDIA }, { "raw", HSW_RAW },
		{ "secrets", HSW_CODES | HSW_KEYS } };
	char text[HSW_ERROR_SIZE];

	for (size_t i = 0; i < sizeof(askers) / sizeof(askers[0]); i++) {
		if ((askers[i].parts & parts & left_out[format]) == 0)
			continue;
		snprintf(text, sizeof(text), "%s: has no meaning with format = %s, which %s",
			askers[i].key, format_words[format],
			format == FORMAT_RAW ? "is the provider's body as it came"
					     : "leaves it out");
		report(arg, text);
	}
}

void
conf_check_parts(const void *webhook_conf, unsigned parts,
	void (*report)(void *arg, const char *text), void *arg)
{
	const struct webhook_conf *conf = webhook_conf;

	if (conf->media_limit > 0 && (parts & HSW_MEDIA) == 0 && conf->format != FORMAT_RAW)
		report(arg, "media_limit: has no meaning without media_base64 = yes");
	/* Expressions see the whole envelope, whatever is sent. */
	if (conf->filter == NULL && conf->transform == NULL)
		check_left_out(conf->format, parts, report, arg);
}
