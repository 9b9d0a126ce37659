/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.h - what was configured at run time: instances, their webhooks and WebSockets, and the
 * records in the store that keep it. Instances of the configuration file are here, too, since they can
 * have webhooks and another WebSocket than the file says; they have no record of their own.
 *
 * Everything belongs to the store thread. Each change is one transaction first and is seen here only
 * when that is on disk, so memory and store are never different, but for what other nodes change: that is read when
 * they tell, or when a change finds that it was made of settings which are not those of the store any more.
 *
 *   kind "instance", name "sales"          id, token, times
 *   kind "webhook", name "sales/default"   all of struct webhook
 *   kind "websocket", name "sales"         enabled, events, mediaBase64
 *   kind "version", name "1"               of all the others but the key: each change replaces the one that
 *                                          it was made of. None in a store that earlier versions wrote
 *   kind "state", name "sales"             what was last seen of it (states.h): no setting
 *   kind "key", name "1"                   salt of the passphrase, a value to check the key with;
 *                                          none: secrets are stored readable
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <uthash.h>

#include "catalog.h"
#include "seal.h"
#include "store.h"
#include "webhook.h"

#define WEBHOOKS_OF_INSTANCE_MAX 100

/* What clients are told that are sent away. */
#define SETTINGS_DELETED "the instance was deleted"
#define SETTINGS_TOKEN_CHANGED "the token was changed"

struct websocket {
	bool is_set, enabled, media_base64;
	bool is_stored; /* set by the API: what the file says does not count */
	struct event_list events;
};

struct instance_settings {
	struct instance *instance;
	char *sealed_token; /* as stored, where it could not be decrypted and the instance has none */
	int64_t created_ms, updated_ms; /* 0: of the configuration file; never changed */
	const char *file; /* where the configuration file says it; NULL: made by the API */
	int line;
	struct webhook *webhooks; /* by label */
	struct websocket websocket;
	struct websocket of_file; /* what the file says, also where the API has set another one */
	UT_hash_handle hh;
};

struct stray;

struct settings {
	const struct config *config; /* of the instances; a reference */
	struct catalog *catalog;
	struct seal *seal;
	struct instance_settings *instances;
	struct stray
		*strays;    /* records of instances that the file has no more, and may have again */
	struct buf version; /* as the store's record says it; empty: there is none */
	struct buf next_version; /* that the change which is being stored makes */
	uint64_t n_changes;      /* that were stored */
	bool keep_undecryptable;
	bool has_wrong_key; /* nothing may be written: values of two keys would stand there */
	bool is_behind;     /* the last reload failed, and that was logged */
	bool is_shared; /* other nodes were there: they may be about to use what this one does not know */
};

/* Settings of the configuration's instances: those that the catalog has, or, where that is NULL, new ones.
 * HSW_OK or HSW_ENOMEM. */
int settings_init(struct settings *, const struct config *, struct catalog *);
void settings_fini(struct settings *);

/*
 * Reads the records. HSW_EAUTH: the key is missing or wrong, and err says what to do; what cannot be
 * decrypted is kept as it is where keep_undecryptable is set, and has_wrong_key is set then. Where the store has
 * no key and there is one now, writes its record and encrypts all in one transaction; of several nodes that do so
 * the first one's is the store's, and the others check theirs with it. Forgets destinations of webhooks that are not there any more.
 */
int settings_load(struct settings *, const struct store_port *, struct hsw_error *err);
/* Adds what the records say to the instances of the configuration, and changes nothing else. HSW_OK, or err
 * says why not. */
int settings_read(struct settings *, const struct store_port *, struct hsw_error *err);
struct rekey_order {
	const char *old_key; /* NULL: none was given */
	bool decrypts;       /* there is no new key, and the values shall be readable */
	/* What cannot be decrypted is given up: each secret is told to lost, with strings that are borrowed, and
	 * where there was one, may_lose says whether they shall be; false: nothing is changed. Without an old key
	 * the new one is tried, so that nothing is given up that it opens. */
	bool forgets;
	void *arg;
	void (*lost)(void *arg, struct hsw_str kind, struct hsw_str name, const char *member);
	bool (*may_lose)(void *arg);
};

/* Encrypts all values anew: from the old key to the configuration's; where that has none, makes them readable, if
 * the order says so. HSW_EAUTH: the old key is wrong; HSW_EINVAL: the new one is no good, or missing; HSW_ECLOSED:
 * may_lose said no: nothing was changed. */
int settings_rekey(const struct config *, const struct store_port *, const struct rekey_order *,
	size_t *n_records, struct hsw_error *err);

/* NULL: there is none of that name. */
struct instance_settings *settings_find(struct settings *, struct hsw_str name);
/* NULL: there is none with that label. */
struct webhook *settings_find_webhook(const struct instance_settings *, const char *label);
/* Enabled webhooks, but for those that get a part of a type only. */
size_t settings_count_enabled(const struct instance_settings *);
/* Tells those who take requests of which events raw bodies are wanted; after each change of webhooks. */
void settings_tell_raw(const struct instance_settings *);
/* Puts the instance and its WebSocket into the catalog. HSW_OK or HSW_ENOMEM. */
int settings_publish(struct settings *, const struct instance_settings *);
/* The catalog has all of these and no other. HSW_OK or HSW_ENOMEM. */
int settings_publish_all(struct settings *);
/* By name; calls fn for each. */
void settings_each(struct settings *, void (*fn)(void *arg, struct instance_settings *), void *arg);

/* What is to be done about what settings_reload finds different. The strings are borrowed until the call
 * returns. */
struct settings_watch {
	void *arg;
	void (*put)(void *arg, struct hsw_str instance, const struct webhook *);
	void (*remove)(void *arg, struct hsw_str instance, const char *label);
	/* Its WebSocket clients are to be closed: they are of an instance that is no more, or came with a
	 * token that is none any more. why: a literal. */
	void (*gone)(void *arg, struct hsw_str instance, const char *why);
	/* The file says another WebSocket than before, but the API's, which is yet another, stays. */
	void (*kept)(void *arg, struct hsw_str instance);
};

/*
 * The file was read again, or another node changed records: the instances are those that a start with this
 * configuration would find, in the catalog, too. Instances that are the same stay what they are for those who
 * have references. HSW_OK, or err says why nothing was changed.
 */
int settings_reload(struct settings *, const struct config *, const struct store_port *,
	const struct settings_watch *, struct hsw_error *err);

/* Whether a webhook is enabled that this is the destination of, or it is none of a webhook. */
bool settings_want(struct settings *, struct hsw_str destination);

/* ---- changes: HSW_OK, or why the store did not take it. HSW_ENOENT: another node has changed the settings, and they
 * are to be read again; nothing is changed. ---- */

/* A new instance, with a webhook and a WebSocket where they are not NULL, and nothing of another one that had its
 * name before. Takes the webhook with HSW_OK. *out is the new one's. */
int settings_add(struct settings *, const struct store_port *, struct hsw_str name,
	const char *token, struct webhook *, const struct websocket *,
	struct instance_settings **out, struct hsw_error *err);
/* Deletes it with all that it has. Only one that the API made. */
int settings_remove(struct settings *, const struct store_port *, struct instance_settings *,
	struct hsw_error *err);
/* Another token in the place of its own. Only of one that the API made. */
int settings_set_token(struct settings *, const struct store_port *, struct instance_settings *,
	const char *token, struct hsw_error *err);
/* Puts it in the place of the one with its label. Takes it with HSW_OK. */
int settings_put_webhook(struct settings *, const struct store_port *, struct instance_settings *,
	struct webhook *, struct hsw_error *err);
/* Notes that its destination is gone; reason NULL: not any more. */
int settings_disable_webhook(struct settings *, const struct store_port *,
	struct instance_settings *, struct webhook *, const char *reason, struct hsw_error *err);
int settings_remove_webhook(struct settings *, const struct store_port *,
	struct instance_settings *, const char *label, struct hsw_error *err);
int settings_put_websocket(struct settings *, const struct store_port *, struct instance_settings *,
	const struct websocket *, struct hsw_error *err);

#endif
