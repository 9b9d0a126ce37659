/* SPDX-License-Identifier: Apache-2.0 */
/* waha.h - what the files of source-waha share; see frame.h for translators. */
#ifndef SOURCE_WAHA_H
#define SOURCE_WAHA_H

#include "frame.h"

/* ---- id.c ---- */

/* `false_<chat>_<id>[_<participant>]`, taken apart; what is not there has s = NULL. */
struct waha_id {
	enum hsw_tri is_own;
	struct hsw_str chat, id, participant;
};

/* o: such a string, a bare id, or WhatsApp Web's object {fromMe, remote, id, participant, _serialized}. */
struct waha_id waha_id(struct json_object *o);
/* The id of a member that holds either form; bare. */
struct hsw_str waha_bare_id(struct json_object *o, const char *key);
/* Adds a contact's id, which may be an object, too. */
void waha_party(struct hsw_party *, struct json_object *o);

/* ---- engine.c ---- */

/*
 * What the engine's own message in `_data` tells beyond WAHA's: GOWS and NOWEB have WhatsApp's nodes, WEBJS a
 * message of WhatsApp Web.
 */
struct waha_engine {
	struct json_object *data;   /* `_data`; NULL: none */
	struct json_object *nodes;  /* to be put; NULL: it has no nodes */
	struct hsw_content content; /* of the nodes */
	struct hsw_str name;        /* the author's */
	enum hsw_tri is_forwarded;
};

void waha_engine_open(struct waha_engine *, struct json_object *payload);
void waha_engine_close(struct waha_engine *);
/* Adds the other identity of chat and author. */
void waha_engine_parties(const struct waha_engine *, struct hsw_message *);
/* WEBJS' type of the message; NULL: it has none, or one that is not known. */
const char *waha_engine_type(const struct waha_engine *);
/* Its media: size, keys, ...; type stays as it is. */
void waha_engine_media(struct hsw_canon *, const struct waha_engine *, struct json_object *payload,
	struct hsw_media *);

/* ---- message.c ---- */

/* Direction, chat, sender, id and time of a payload. */
void waha_parties(const struct translation *, const struct waha_engine *,
	struct json_object *payload, struct hsw_message *);

int waha_message(struct translation *, struct json_object *payload);
int waha_waiting(struct translation *, struct json_object *payload);
int waha_reaction(struct translation *, struct json_object *payload);
int waha_edited(struct translation *, struct json_object *payload);
int waha_revoked(struct translation *, struct json_object *payload);
int waha_vote(struct translation *, struct json_object *payload);

/* ---- shape.c ---- */

/* Type, content, media and details as WAHA's own members tell them. m borrows payload and engine. */
void waha_shape(struct hsw_canon *, const struct waha_engine *, struct json_object *payload,
	struct hsw_message *);

/* ---- group.c ---- */

int waha_group_join(struct translation *, struct json_object *payload);
int waha_group_leave(struct translation *, struct json_object *payload);
int waha_group_participants(struct translation *, struct json_object *payload);
int waha_group_request(struct translation *, struct json_object *payload);
int waha_group_update(struct translation *, struct json_object *payload);
/* group.join and group.leave of older versions. */
int waha_old_group_join(struct translation *, struct json_object *payload);
int waha_old_group_leave(struct translation *, struct json_object *payload);

#endif
