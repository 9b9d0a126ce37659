/* SPDX-License-Identifier: Apache-2.0 */
/* conf.h - the options of sink-webhook. */
#ifndef CONF_H
#define CONF_H

#include <stdbool.h>

#include <hookswitch/plugin.h>

enum by_events { BY_EVENTS_NO, BY_EVENTS_DOTTED, BY_EVENTS_DASHED };

enum format { FORMAT_ENVELOPE, FORMAT_DATA, FORMAT_CLOUDEVENTS, FORMAT_RAW };
enum batch_format { BATCH_JSON, BATCH_NDJSON };
enum compress { COMPRESS_NO, COMPRESS_GZIP };

struct webhook_conf {
	const char *url;
	const char *authorization;
	const char *headers;
	const char *secret, *secret_old;
	const char *hmac_header, *hmac_prefix, *hmac_secret;
	int hmac_algorithm;             /* enum sign_algorithm */
	int hmac_encoding;              /* enum sign_encoding */
	int by_events;                  /* enum by_events */
	const char *filter, *transform; /* jq expressions; NULL: none */
	int format;                     /* enum format */
	const char *batch;              /* "100/200ms"; see conf_batch */
	int batch_format;               /* enum batch_format */
	int compress;                   /* enum compress */
	int64_t max_body, media_limit;  /* bytes; 0: none */
	const char *ca_file;
	const char *cert_file;
	const char *key_file;
	bool https_only;
	const char **allow_private; /* ends with NULL; NULL: not set */
};

extern const struct hsw_option conf_options[];

/* What `batch` says; events = 0: nothing. */
struct conf_batch {
	size_t events;
	int64_t wait_ms;
};

typedef int conf_check_fn(const struct webhook_conf *, struct hsw_error *err);
/* What conf_check looks at, one option after another; ends with NULL. */
extern conf_check_fn *const conf_checks[];
/* All but the URL and what target.h and guard.h check. HSW_OK, or err says which option is wrong. */
int conf_check(const struct webhook_conf *, struct hsw_error *err);
/* Whether https_only forbids its URL. */
bool conf_forbids_url(const struct webhook_conf *);
/* As hsw_sink_ops.needs, gathers and check_parts. */
unsigned conf_needs(const void *webhook_conf);
size_t conf_gathers(const void *webhook_conf);
void conf_check_parts(const void *webhook_conf, unsigned parts,
	void (*report)(void *arg, const char *text), void *arg);
/* What `batch` says. HSW_OK, or err says why that is no batch. */
int conf_batch(const struct webhook_conf *, struct conf_batch *, struct hsw_error *err);

#endif
