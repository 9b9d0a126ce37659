/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ryzeapi.h - what the files of source-ryzeapi share.
 *
 * RyzeAPI's events are the canonical ones already, but for their spelling: a translator reads what it knows
 * by name, and canon writes it in the one form. It never fails on what it does not know.
 */
#ifndef SOURCE_RYZEAPI_H
#define SOURCE_RYZEAPI_H

#include <hookswitch/canon_json.h>

/* One request on its way. */
struct translation {
	struct hsw_canon *canon;
	const struct hsw_request *request;
	int (*emit)(struct hsw_emit *, const struct hsw_event *);
	struct hsw_emit *out;
	struct hsw_str event; /* the provider's name for it, as it came */
};

/* Emits what was written into canon. */
int ryzeapi_emit(struct translation *);
/* Tells that this has no canonical home. */
int ryzeapi_ignore(struct translation *);

/* ---- members.c ---- */

/* The key under which o has this member: versions spell it fileName, file_name or filename, selectedRowId or
 * selectedRowID. name itself where o has none. For use with cj_*. */
const char *as(struct json_object *o, const char *name);
/* The element of words, a list that ends with NULL, that s is in any spelling of its kind; NULL: none. */
const char *ryzeapi_word(const char *const *words, struct hsw_str s);
bool ryzeapi_is(struct hsw_str s, const char *word);

/* Adds what an identifier, or {jid, lid, name}, tells. */
void ryzeapi_party(struct hsw_party *, struct json_object *o);
/* The same for a chat, whose type tells what a jid without a server is. */
void ryzeapi_chat(struct hsw_party *, struct json_object *chat);
/* A group's jid, with or without its server. */
void ryzeapi_group(struct hsw_party *, struct hsw_str jid);

/* For cj_copy: what may be a secret, or is of no use to anyone. */
bool ryzeapi_skip(const char *name, struct json_object *value);
/* Writes o's members but for those that ryzeapi_skip skips: a struct hsw_fill's write. */
void ryzeapi_copy(struct hsw_canon *, const void *o);

/* ---- content.c ---- */

/* A message: where it is told who wrote it, and what it holds; the same object in the catalog's nesting. */
struct content {
	struct json_object *route, *message, *data;
};

/* A member of the message, or beside it; NULL: there is none. */
struct json_object *content_get(const struct content *, const char *name);
/* Its type; told by what it holds where it is not said. */
const char *content_type(const struct content *, const struct hsw_media *);
/* Writes the members that some types have. */
void content_details(struct hsw_canon *, const void *content);
/* Fills media. */
void content_media(struct hsw_canon *, const struct content *, struct hsw_media *);

/* ---- the translators ---- */

int ryzeapi_message(struct translation *, struct json_object *data); /* message.exchange */
int ryzeapi_status(struct translation *, struct json_object *data);  /* message.status */
int ryzeapi_call(struct translation *, struct json_object *data);    /* call.update */
int ryzeapi_flow(struct translation *, struct json_object *data);    /* group.flow */
int ryzeapi_state(struct translation *, struct json_object *data);   /* instance.state */
int ryzeapi_label(struct translation *, struct json_object *data);   /* label.update */

#endif
