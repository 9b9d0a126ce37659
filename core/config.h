/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.h - the configuration as the daemon uses it: one INI file with its includes, checked, every
 * option parsed into a struct by its table, every plugin that is named loaded.
 *
 * Immutable once loaded; any thread may read it. What is reported is collected, so that a person sees
 * all errors of a file in one go.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "address.h"
#include "plugin.h"

#define CONFIG_LISTEN_NONE "none" /* listen = none: only listen_tls */

struct server_conf {
	const char **listen;     /* "127.0.0.1:8080", "[::1]:8080", "unix:/path" */
	const char **listen_tls; /* the same, under TLS; NULL: none */
	const char *tls_cert, *tls_key;
	const char *listen_mode_text; /* "0666"; parsed into: */
	unsigned listen_mode;         /* of unix sockets */
	const char **trusted_proxies; /* as written; parsed into: */
	struct network *proxies;
	size_t n_proxies;
	const char *base_url;     /* instanceData.baseUrl */
	const char *workers_text; /* as written: "auto" or a number; parsed into: */
	int64_t workers;          /* 0: one per core */
	const char *plugin_dir;
	const char *control; /* path of the control socket */
	int64_t shutdown_timeout_ms;
	int64_t max_connections; /* of all workers together */
	int64_t header_timeout_ms, body_timeout_ms, idle_timeout_ms;
	int64_t max_header_bytes;
	const char *encryption_key;  /* of secrets in the store; NULL: they stand there readable */
	const char *notify_url;      /* where notices go; NULL: nowhere */
	const char *notify_secret;   /* their Standard Webhooks key; NULL: they are not signed */
	int64_t notify_lag;          /* events; 0: off */
	int64_t notify_dead_letters; /* so many are told of at once; 0: off */
};

struct api_conf {
	const char *account_token; /* may do everything; NULL: only instances' own tokens work */
	const char *rate_limit_text, *instance_rate_limit_text; /* "100/min"; parsed into: */
	int64_t rate_limit, instance_rate_limit; /* requests of one token a minute; 0: no limit */
	int64_t max_webhooks;                    /* enabled ones of an instance */
	bool https_only;                         /* of webhooks' URLs */
	const char **allow_private; /* networks that webhooks may reach beside public ones */
};

struct store_conf {
	const char *plugin;
	int64_t retention_ms;      /* how long settled events are kept for replay */
	int64_t retention_size;    /* bytes; over it settled events go earlier; 0: no limit */
	int64_t dead_retention_ms; /* how long dead letters are kept; 0: until they are deleted */
};

enum ingest_identity { IDENTITY_LEARN, IDENTITY_OFF };

struct ingest_conf {
	int64_t max_body_bytes;
	int64_t queue_bytes;         /* of events that wait for the store; over it: 503 */
	int64_t retry_after_ms;      /* what a 503 asks for */
	int64_t dedupe_ms;           /* what comes again within it is not stored again; 0: it is */
	int identity;                /* enum ingest_identity */
	const char *rate_limit_text; /* "100/min"; parsed into: */
	int64_t rate_limit; /* requests of one client to one source a minute; 0: no limit */
	bool auto_create;   /* accept instances that no section names */
};

struct log_conf {
	int level;  /* enum hsw_log_level */
	int format; /* enum log_format */
	const char *target;
};

struct instance_conf {
	const char *token;
	bool websocket;
	const char **websocket_events; /* names of types; NULL: all six */
	bool websocket_media_base64;
};

/* Options of [websocket], beside its plugin's own. */
struct websocket_conf {
	const char *plugin;
	const char **origins; /* whose pages may connect, beside our own host's; NULL: nobody's */
};

enum source_unmapped { UNMAPPED_IGNORE, UNMAPPED_RAW };
enum source_status_order { STATUS_AS_IS, STATUS_MONOTONIC };

/* Options of every source, beside its plugin's own. */
struct source_conf {
	const char *plugin;  /* default: the section's name */
	const char *token;   /* ingest credential; NULL: none is asked for */
	bool instance_token; /* the instance's own token is one, too, for it alone */
	int unmapped;        /* enum source_unmapped */
	int status_order;    /* enum source_status_order */
};

enum sink_ordering { ORDERING_CHAT, ORDERING_CHAT_STRICT, ORDERING_NONE, ORDERING_STRICT };
enum sink_secrets { SECRETS_AUTO, SECRETS_YES, SECRETS_NO };

enum sink_policy { POLICY_RYZE, POLICY_EAZEWA, POLICY_STANDARD_WEBHOOKS };

#define CONFIG_NAME_MAX 100 /* bytes of the name of an instance, source or sink */

#define RETRY_STEPS_MAX 32
#define STATUS_END 640 /* above every status of a protocol that is told apart */

/* Bit status % 64 of word status / 64. */
struct status_set {
	uint64_t words[STATUS_END / 64];
};

/* A part of a type; see router.h. */
enum sink_only { ONLY_ALL, ONLY_OUTGOING, ONLY_INCOMING, ONLY_CONNECTED, ONLY_DISCONNECTED };

/* Options of every sink, beside its plugin's own. */
struct sink_conf {
	const char *plugin;
	const char **events;    /* names of types; NULL: all six */
	const char **instances; /* names; NULL: all */
	bool media_base64;
	bool token;
	bool raw;
	int secrets;  /* enum sink_secrets */
	int ordering; /* enum sink_ordering */
	const char *concurrency_text;
	int64_t concurrency; /* 0: the plugin's default */
	bool is_concurrency_auto;
	const char *rate;         /* as written; NULL: none */
	int64_t rate_interval_us; /* between two deliveries; 0: no limit */
	int64_t timeout_ms;
	int policy;                        /* enum sink_policy */
	const char **retry;                /* as written; NULL: the policy's; parsed into: */
	int64_t retry_after_max_ms;        /* of what a destination asks for */
	int64_t retry_ms[RETRY_STEPS_MAX]; /* wait after the 1st, 2nd, ... failed attempt */
	size_t retry_steps;
	bool is_retry_endless;            /* the last wait repeats */
	const char **retry_on, **drop_on; /* as written; parsed into: */
	struct status_set retry_statuses, drop_statuses;
	int64_t failures_to_open; /* in a row, before the destination's circuit opens */
	int64_t disable_after_ms; /* open for so long; 0: never */
	int64_t probe_interval_ms; /* how often a destination that is down is tried with a new event */
	int64_t max_retrying;      /* events in retry at once; more wait in the journal */
	enum sink_only only;       /* no option: webhooks of the API have it */
};

/* One [instance NAME], [source NAME] or [sink NAME]; lists in the file's order. */
struct config_section {
	struct config_section *next;
	const struct config *config; /* whose it is; NULL: of no file */
	const char *name;            /* NAME */
	const char *file;            /* where it stands, for messages */
	int line;
	const struct plugin *plugin; /* NULL for instances */
	const void *conf;            /* the plugin's conf struct; NULL: it has no options */
	union {
		struct instance_conf instance;
		struct source_conf source;
		struct sink_conf sink;
	} u;
};

struct config {
	char *path;
	struct server_conf server;
	struct store_conf store;
	const struct plugin *store_plugin;
	const void *store_plugin_conf;
	struct websocket_conf websocket;
	const struct plugin *websocket_plugin; /* NULL: it is not installed, and not asked for */
	const void *websocket_plugin_conf;
	struct ingest_conf ingest;
	struct log_conf log;
	struct api_conf api;
	struct config_section *instances, *sources, *sinks;
	struct config_private *private;
};

/* The option tables of the daemon itself, for documentation. Those of sources, sinks and the store are
 * beside their plugins' own. kind: "server", "store", "ingest", "api", "log", "instance", "source", "sink",
 * "websocket"; NULL: there is none. */
const struct hsw_option *config_table(const char *kind);
/* The kinds, in the order of the documentation; ends with NULL. */
extern const char *const config_kinds[];

#define CONFIG_ERRORS_MAX 200 /* kept; further ones are only counted */

/* What was wrong: lines "file:line: [section] key: what was found, what was expected". */
struct config_errors {
	char *text[CONFIG_ERRORS_MAX];
	size_t count;
};

/* How much of a configuration to load. */
enum config_scope {
	CONFIG_CHECK, /* everything, plugins too */
	CONFIG_CLIENT /* only [server] and [log], no plugin: for commands that talk to a daemon */
};

/* Reads and checks. NULL: errors tells why (there is at least one). */
struct config *config_load(const char *path, enum config_scope, struct config_errors *errors);
/* Whoever may still hold references: config_unref. NULL is allowed, here and there. */
void config_free(struct config *);
/* Any thread. config_load gives the first reference; with the last one it is freed. What
 * config_load did not make has none to count. */
const struct config *config_ref(const struct config *);
void config_unref(const struct config *);

/* How many deliveries the sink's section puts into a request at most; 0 or 1: each goes alone. */
size_t config_gathers(const struct config_section *sink);
/* The parts (enum hsw_part) that a sink's section asks for. */
unsigned config_sink_parts(const struct sink_conf *);
/* NULL: there is no such [sink]. */
const struct config_section *config_find_sink(const struct config *, const char *name);

/* A section, and what is different in it. */
struct config_change {
	const char *kind, *name; /* name: NULL where the kind has none */
	enum { CONFIG_ADDED, CONFIG_REMOVED, CONFIG_CHANGED } what;
	const char *key; /* of CONFIG_CHANGED: which key; once for each */
};

/* Calls fn for each difference between the files, as they were written, and between the secrets that others have. */
void config_compare(const struct config *before, const struct config *after,
	void (*fn)(void *arg, const struct config_change *), void *arg);
/* Calls fn for each section that has a name, with a sum of what is written there: other where that is other, and no
 * way to learn what it is. HSW_OK or HSW_ENOMEM. */
int config_sums(const struct config *,
	void (*fn)(void *arg, const char *kind, const char *name, uint16_t sum), void *arg,
	struct hsw_error *err);
void config_errors_print(const struct config_errors *, FILE *);
void config_errors_free(struct config_errors *);

/* Whether it is a name for an instance, source or sink: [A-Za-z0-9_-]{1,100}. */
bool config_name_is_valid(struct hsw_str name);

/* The path that is read when none is given: SYSCONF_DIR "/hookswitch/hookswitch.ini". */
extern const char *const config_default_path;

#endif
