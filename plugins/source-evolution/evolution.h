/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evolution.h - what the files of source-evolution share.
 *
 * A translator gets one element of the body's `data` and emits its events, or ignores it. It never fails
 * on what it does not know. Only what translators name leaves here: bodies carry credentials.
 */
#ifndef SOURCE_EVOLUTION_H
#define SOURCE_EVOLUTION_H

#include <hookswitch/canon_content.h>

#include "words.h"

/* One request on its way. */
struct translation {
	struct hsw_canon *canon;
	const struct hsw_request *request;
	int (*emit)(struct hsw_emit *, const struct hsw_event *);
	struct hsw_emit *out;
	struct hsw_str event; /* the provider's name for it, as it came */
	struct hsw_party own; /* the instance's own number */
	bool keeps_history;
};

/* Emits what was written into canon. */
int evolution_emit(struct translation *);
/* Tells that this has no canonical home. */
int evolution_ignore(struct translation *);

/* ---- who.c ---- */

/* Adds what an identifier, or an object with several of them, tells. */
void evolution_party(struct hsw_party *, struct json_object *o);
/* The one of a group that a message's key names, if it does. */
void evolution_participant(struct hsw_party *, struct json_object *key);
/* The chat of a message's key; data has the same members where the key has none. */
void evolution_chat(struct json_object *key, struct json_object *data, struct hsw_party *chat);
/* Who wrote it: of a group, else of a private chat. */
void evolution_author(const struct translation *, struct json_object *key, struct json_object *data,
	const struct hsw_party *chat, struct hsw_party *author);

/* ---- message.c ---- */

/* Direction, chat and sender. */
void message_parties(const struct translation *, struct json_object *key, struct json_object *data,
	struct hsw_message *);
/* Emits it; ignores it if it has no id or no chat. */
int message_emit(struct translation *, const struct hsw_message *);

/* ---- the translators ---- */

int evolution_message(struct translation *, struct json_object *data);      /* messages.upsert */
int evolution_sent_message(struct translation *, struct json_object *data); /* send.message */
int evolution_history(struct translation *, struct json_object *data);      /* messages.set */
/* A protocolMessage: messages.edited, send.message.update. */
int evolution_edited(struct translation *, struct json_object *data);
int evolution_sent_edit(struct translation *, struct json_object *data);
int evolution_deleted(struct translation *, struct json_object *data); /* messages.delete */
int evolution_update(struct translation *, struct json_object *data);  /* messages.update */

int evolution_connection(struct translation *, struct json_object *data); /* connection.update */
int evolution_qrcode(struct translation *, struct json_object *data);     /* qrcode.updated */
int evolution_call(struct translation *, struct json_object *data);       /* call */
int evolution_startup(struct translation *, struct json_object *data);    /* application.startup */
int evolution_status(struct translation *, struct json_object *data);     /* status.instance */
int evolution_logout(struct translation *, struct json_object *data); /* logout, remove.instance */
/* group-participants.update */
int evolution_participants(struct translation *, struct json_object *data);
int evolution_group(struct translation *, struct json_object *data);        /* groups.upsert */
int evolution_group_update(struct translation *, struct json_object *data); /* groups.update */
int evolution_label(struct translation *, struct json_object *data);        /* labels.edit */
int evolution_label_association(struct translation *, struct json_object *data);

#endif
