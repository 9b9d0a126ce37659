/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eazewa.h - what the files of source-eazewa share.
 *
 * A translator gets the `data` of one event and emits its event, or ignores it. It never fails on what it
 * does not know. Objects of whatsapp-web.js come nested (data.message) or flat (data); what a message says
 * lies beside `_data`, the browser's own object, or only in it. Only what translators name leaves here.
 */
#ifndef SOURCE_EAZEWA_H
#define SOURCE_EAZEWA_H

#include <hookswitch/canon_json.h>

#include "words.h"

/* One request on its way. */
struct translation {
	struct hsw_canon *canon;
	const struct hsw_request *request;
	int (*emit)(struct hsw_emit *, const struct hsw_event *);
	struct hsw_emit *out;
	struct hsw_str event; /* the provider's name for it, as it came */
};

/* Emits what was written into canon. */
int eazewa_emit(struct translation *);
/* Tells that this has no canonical home. */
int eazewa_ignore(struct translation *);

/* ---- key.c ---- */

/* `<fromMe>_<remote>_<id>[_<participant>]`, as an object or as that text; or the id alone. */
struct key {
	struct hsw_str id, remote, participant; /* s = NULL: not known */
	enum hsw_tri is_own;
};

struct key eazewa_key(struct hsw_canon *, struct json_object *o);
/* An account: a string, or {server, user, _serialized}. s = NULL: it is neither. */
struct hsw_str eazewa_wid(struct hsw_canon *, struct json_object *o);
void eazewa_add(struct hsw_canon *, struct hsw_party *, struct json_object *wid);
/* The same, but for what is no person. */
void eazewa_add_person(struct hsw_canon *, struct hsw_party *, struct json_object *wid);
/* Whether they are one, as far as both are known by the same kind of identifier. */
enum hsw_tri eazewa_is_same(const struct hsw_party *, const struct hsw_party *);

/* ---- view.c ---- */

/* A message of whatsapp-web.js. */
struct view {
	struct json_object *message, *raw; /* raw: its _data; may be NULL */
	struct key key;
	bool is_own;
	struct hsw_party chat, author;
	struct hsw_party own; /* ourselves */
};

void view_open(struct translation *, struct json_object *message, struct view *);
/* The member of the message, else of its _data. */
struct json_object *view_get(const struct view *, const char *name);
/* Which of the two has it; NULL: none. */
struct json_object *view_holder(const struct view *, const char *name);
struct hsw_str view_string(const struct view *, const char *name);
/* A member of a member that is an object, else the object itself: nested or flat. */
struct json_object *view_inner(struct json_object *data, const char *name);

/* ---- content.c, media.c ---- */

/* Fills type, content, details; they borrow from the view. */
void content_read(const struct view *, struct hsw_message *);
/* data: what lies beside the message. */
void media_read(
	struct hsw_canon *, const struct view *, struct json_object *data, struct hsw_message *);
/* The type of a media message; NULL: it is none. */
const char *content_media(struct hsw_str type);

/* ---- message.c ---- */

/* What every event of a message has: id, direction, who and where. */
struct hsw_message message_of(const struct view *);
/* Emits it; ignores it if it has no id or no chat. also: what makes it another event than its kind alone, or
 * NULL. */
int message_emit(struct translation *, const struct hsw_message *, const char *also);

/* ---- the translators ---- */

int eazewa_message(struct translation *, struct json_object *data);
int eazewa_uploaded(struct translation *, struct json_object *data);
int eazewa_ack(struct translation *, struct json_object *data);
int eazewa_revoke_everyone(struct translation *, struct json_object *data);
int eazewa_revoke_me(struct translation *, struct json_object *data);
int eazewa_reaction(struct translation *, struct json_object *data);
int eazewa_edit(struct translation *, struct json_object *data);
int eazewa_vote(struct translation *, struct json_object *data);
int eazewa_group(struct translation *, struct json_object *data);
int eazewa_call(struct translation *, struct json_object *data);

int eazewa_loading(struct translation *, struct json_object *data);
int eazewa_qr(struct translation *, struct json_object *data);
int eazewa_code(struct translation *, struct json_object *data);
int eazewa_authenticated(struct translation *, struct json_object *data);
int eazewa_auth_failure(struct translation *, struct json_object *data);
int eazewa_ready(struct translation *, struct json_object *data);
int eazewa_disconnected(struct translation *, struct json_object *data);
int eazewa_change_state(struct translation *, struct json_object *data);

#endif
