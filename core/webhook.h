/* SPDX-License-Identifier: Apache-2.0 */
/*
 * webhook.h - a webhook that was made by the API: what it says, and the sink section that it becomes.
 *
 * A webhook is a plain value of one owner. Its section is an object of its own, which goes to the
 * worker that serves the destination "<instance>/<label>".
 */
#ifndef WEBHOOK_H
#define WEBHOOK_H

#include "buf.h"
#include "config.h"
#include "envelope.h"

#define WEBHOOK_LABEL_MAX 100           /* bytes */
#define WEBHOOK_LABEL_DEFAULT "default" /* of one that was given none */
#define WEBHOOK_TEXT_MAX 4096           /* bytes of url, authorization and secret each */
#define WEBHOOK_FORMAT_MAX 32           /* bytes */
#define WEBHOOK_HEADERS_MAX 8192        /* bytes of all headers */

/* Types in the order in which they were asked for. */
struct event_list {
	unsigned char types[TYPE_COUNT];
	size_t n;
};

/* What is encrypted in the store. */
enum webhook_credential {
	CREDENTIAL_AUTHORIZATION,
	CREDENTIAL_SECRET,
	CREDENTIAL_SECRET_OLD,
	CREDENTIAL_HEADERS,
	CREDENTIAL_COUNT
};

/* Texts are NULL where they are not set. */
struct webhook {
	char *label;
	bool enabled, by_events, media_base64;
	bool is_dashed; /* by_events: /message-exchange instead of /message.exchange */
	struct event_list events;
	enum sink_only only; /* of these events */
	char *url, *authorization;
	char *secret, *secret_old; /* Standard Webhooks signing keys, as given */
	char *headers;             /* "Name: value", a line each */
	char *format;              /* of what is sent, a word of the sink; NULL: the envelope */
	/* As stored, where they could not be decrypted and are NULL above: nothing is sent without them. */
	char *sealed[CREDENTIAL_COUNT];
	char *aliases; /* another interface's names of the events, as given, with commas */
	/* Its destination answered that it is gone: nothing is sent, and its events are kept. It is enabled else. */
	char *disabled_reason;
	int64_t set_ms; /* when this was asked for, since 1970: what is told of it is not told of another */
	struct webhook *next;
};

/* Members of a webhook, by the bits of its credentials. */
enum {
	WEBHOOK_AUTHORIZATION = 1 << CREDENTIAL_AUTHORIZATION,
	WEBHOOK_SECRET = 1 << CREDENTIAL_SECRET,
	WEBHOOK_SECRET_OLD = 1 << CREDENTIAL_SECRET_OLD,
	WEBHOOK_HEADERS = 1 << CREDENTIAL_HEADERS,
	WEBHOOK_FORMAT = 1 << CREDENTIAL_COUNT,
	WEBHOOK_CREDENTIALS = WEBHOOK_FORMAT - 1,
	/* What only hookswitch has: programs that do not know of it must not remove it. */
	WEBHOOK_EXTRAS = WEBHOOK_SECRET | WEBHOOK_SECRET_OLD | WEBHOOK_HEADERS | WEBHOOK_FORMAT
};

/* What a new label may be: 1 to WEBHOOK_LABEL_MAX bytes of UTF-8, without control characters, marks that turn the
 * direction of text, and blanks at its ends: it stands in the log and in the names of destinations, and two that are
 * different look different. Those of the store are taken as they are. */
bool webhook_label_is_valid(struct hsw_str);

struct webhook *webhook_new(struct hsw_str label); /* NULL: out of memory */
void webhook_free(struct webhook *);               /* NULL is allowed */
/* Takes over these of WEBHOOK_EXTRAS, also those that could not be decrypted. HSW_OK or HSW_ENOMEM. */
int webhook_keep(struct webhook *, const struct webhook *before, unsigned extras);
/* What it is called in the store's records, and by the API. */
const char *webhook_credential_name(enum webhook_credential);
/* NULL: there is none, or it could not be decrypted. The webhook's. */
const char *webhook_credential(const struct webhook *, enum webhook_credential);
/* Takes the value, which may be NULL, in the place of the one before. */
void webhook_take_credential(struct webhook *, enum webhook_credential, char *value);
/* WEBHOOK_CREDENTIALS that are stored and could not be decrypted. */
unsigned webhook_undecryptable(const struct webhook *);
/* Whether it is sent anything: what clients know as enabled. */
bool webhook_is_on(const struct webhook *);

void event_list_all(struct event_list *);
/* Of names, which are checked already; each once. */
void event_list_of(struct event_list *, const char **names);
/* Bits 1 << enum event_type. */
unsigned event_list_bits(const struct event_list *);
/* The types of which an enabled webhook wants the raw bodies; bits 1 << enum event_type. */
unsigned webhook_raw_types(const struct webhook *);
/* A JSON array of names. */
void event_list_print(const struct event_list *, struct buf *);
/* The object that clients read back. */
void webhook_print(const struct webhook *, struct buf *);

/* ---- the sink ---- */

/* The webhook sink that serves all of them: its plugin, and what no webhook sets for itself. */
struct webhook_sink {
	const struct plugin *plugin;
	void *conf;
	bool https_only; /* [api] https_only */
};

/* Loads sink-webhook. Main thread. HSW_OK, or err says why; HSW_ENOENT: it is not installed, and no
 * section can be made. */
int webhook_sink_init(struct webhook_sink *, const struct config *, struct hsw_error *err);
/* One of the same plugin, with what [api] says in this configuration. Any thread; plugin is NULL where the other's is.
 * HSW_OK, or err says why; *out is to be given to webhook_sink_fini either way. */
int webhook_sink_copy(struct webhook_sink *out, const struct webhook_sink *, const struct config *,
	struct hsw_error *err);
/* The same for notices: they go to [server] notify_url, whatever its address. HSW_OK, also where there
 * is none: then without a plugin. */
int webhook_sink_init_notices(
	struct webhook_sink *, const struct server_conf *, struct hsw_error *err);
void webhook_sink_fini(struct webhook_sink *);

struct webhook_section {
	struct config_section section; /* first */
	void *conf;                    /* the plugin's, with the webhook's own options set */
	bool is_undecryptable;         /* as the webhook's, and these two */
	char *disabled_reason;
	int64_t set_ms;
	char *name; /* "<instance>/<label>" */
	char *instance;
	const char *instances[2];
	const char *events[TYPE_COUNT + 1];
};

/* NULL: err says what is wrong with the webhook, beginning with the field's name. */
struct webhook_section *webhook_section_new(const struct webhook_sink *, struct hsw_str instance,
	const struct webhook *, struct hsw_error *err);
/* What only the sink knows: that it could send there, with [api] allow_private as it is in config. HSW_OK, or
 * err begins with the option's name. */
int webhook_section_check(struct webhook_section *, const struct config *, struct hsw_error *err);
/* Has the section's attempts from now on obey what [api] says. Of the section's thread. */
void webhook_section_follow(struct webhook_section *, const struct webhook_sink *);
/* Whether they go to different URLs. */
bool webhook_section_is_elsewhere(const struct webhook_section *, const struct webhook_section *);
void webhook_section_free(struct webhook_section *); /* NULL is allowed */

#endif
