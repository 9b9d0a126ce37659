/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evolution.h - what the files of source-evolution share.
 *
 * The translators get one element of the body's `data` and write one event, or several. They never fail
 * on what they do not know: that is ignored, by its name.
 */
#ifndef SOURCE_EVOLUTION_H
#define SOURCE_EVOLUTION_H

#include <hookswitch/canon_json.h>

struct evolution {
	const struct hsw_host *host;
	struct hsw_handle *handle;
	struct json_tokener *tokener;
	struct hsw_canon canon;
};

/* One request on its way. */
struct translation {
	struct evolution *source;
	struct hsw_canon *canon;
	const struct hsw_request *request;
	int (*emit)(struct hsw_emit *, const struct hsw_event *);
	struct hsw_emit *out;
	struct hsw_str event; /* the provider's name for it, as it came */
	struct json_object *body;
	struct hsw_str own; /* the instance's own jid; s = NULL: not known */
	char *owned;        /* bytes that were encoded for this event */
};

/* Emits what is in canon. key: the chat. */
int evolution_emit(
	struct translation *, const char *type, const struct hsw_identity *, const char *key);
/* Counts the event as one that has no canonical home. */
int evolution_ignore(struct translation *);

/* `"timestamp":...` from the member, or from the time of receipt; returns it in ms, and 0 where the provider gave
 * none. */
int64_t evolution_timestamp(struct translation *, struct json_object *o, const char *key);
/* The time for a natural key: the provider's, else the receipt's in buckets of 2 s. */
int64_t evolution_key_time(const struct translation *, int64_t provider_ms);

/* The identities of a key's chat (remoteJid), or of who wrote it (participant). */
void evolution_chat(struct json_object *key, struct json_object *data, struct hsw_party *chat);
void evolution_author(struct json_object *key, struct json_object *data, struct hsw_party *author);

/* ---- message.c ---- */

int evolution_message(struct translation *, struct json_object *data);      /* messages.upsert */
int evolution_sent_message(struct translation *, struct json_object *data); /* send.message */
/* A message that was deleted or edited (to what, is not known) afterwards, or a vote. */
int evolution_revoked(struct translation *, struct json_object *key, struct json_object *data);
int evolution_edited(struct translation *, struct json_object *key, struct json_object *data);
int evolution_voted(struct translation *, struct json_object *key, struct json_object *data,
	struct json_object *updates);

/* ---- content.c ---- */

/* What a message's content node is. */
struct content {
	const char *type;            /* "text", "image", ... */
	const char *media;           /* type of its media, or NULL */
	const char *node_name;       /* "imageMessage" */
	struct json_object *node;    /* its object; NULL for a plain string */
	struct hsw_str text;         /* s = NULL: none */
	struct json_object *message; /* the node's parent: where base64 lies too */
};

/* Finds the content, through wrappers (ephemeral, view once, ...). */
struct content content_find(struct json_object *message);
/* Members of `message` that only this type has (location, poll, ...). */
void content_members(struct hsw_canon *, const struct content *);

/* ---- media.c ---- */

/* The member `media`: null, or the object; base64 as a part of its own. */
void media_member(struct translation *, const struct content *, struct json_object *data);

/* ---- events.c ---- */

int evolution_update(struct translation *, struct json_object *data);     /* messages.update */
int evolution_connection(struct translation *, struct json_object *data); /* connection.update */
int evolution_qrcode(struct translation *, struct json_object *data);     /* qrcode.updated */
int evolution_participants(
	struct translation *, struct json_object *data);            /* group-participants.update */
int evolution_call(struct translation *, struct json_object *data); /* call */

#endif
