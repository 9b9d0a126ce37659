/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cloudapi.h - what the files of source-cloudapi share.
 *
 * A translator gets one element of a list in a change's `value` and emits its events, or ignores it. It never
 * fails on what it does not know. Only what translators name leaves here.
 */
#ifndef SOURCE_CLOUDAPI_H
#define SOURCE_CLOUDAPI_H

#include <hookswitch/canon_json.h>

#include "words.h"

/* One request on its way. */
struct translation {
	struct hsw_canon *canon;
	int (*emit)(struct hsw_emit *, const struct hsw_event *);
	struct hsw_emit *out;
	bool keeps_history;
	bool is_by_number;          /* a change's instance is told by its number */
	const char *const *numbers; /* see numbers_instance */
	/* Of the change. */
	struct hsw_str event;         /* its `field` */
	struct json_object *contacts; /* who it is about */
	struct json_object *known;    /* the same by jid and by user id; NULL: there are none */
	struct hsw_party own;         /* the business's number */
	struct hsw_str own_id;        /* Meta's id of that number */
};

/* Emits what was written into canon. */
int cloudapi_emit(struct translation *);
/* Tells that this has no canonical home. */
int cloudapi_ignore(struct translation *);

/* ---- query.c ---- */

/* A parameter of a query, decoded into out: its length; 0: there is none; -1: it is malformed or longer. */
int query_parameter(struct hsw_str query, const char *name, char *out, size_t size);

/* ---- numbers.c ---- */

/* HSW_OK, or HSW_EINVAL: err says which item is malformed, or of a number that an earlier one is of. */
int numbers_check(const char *const *numbers, struct hsw_error *err);
/* The instance of the number with that id, which is the id itself where the list has none. Borrowed from either. */
struct hsw_str numbers_instance(const char *const *numbers, struct hsw_str id);

/* ---- who.c ---- */

/* Adds a phone number or a business-scoped user id, whichever it is. */
void cloudapi_add(struct hsw_party *, struct hsw_str id);
/* Adds what two members of o tell: a phone number, and a user id. */
void cloudapi_party(
	struct hsw_party *, struct json_object *o, const char *phone, const char *user_id);
/* Makes a list the change's contacts, in place of those of the change before. NULL: there are none. */
int cloudapi_contacts(struct translation *, struct json_object *list);
/* Adds what the change's contacts tell of the same person. */
void cloudapi_known(const struct translation *, struct hsw_party *);
void cloudapi_group(struct hsw_party *, struct hsw_str id);

/* ---- content.c ---- */

struct content {
	const struct kind *kind;     /* NULL: none that is known */
	struct json_object *value;   /* the member that is called like the type */
	struct json_object *message; /* what holds it */
};

struct kind {
	const char *name;  /* of the type and the member */
	const char *type;  /* canonical */
	const char *media; /* its type; NULL: none */
	const char *text;  /* the member of it that is the message's text; NULL: none */
	void (*details)(struct hsw_canon *, const void *content);
};

struct content content_find(struct json_object *message);
bool content_is(const struct content *, const char *name);
/* Fills type, content, media and details of the message. */
void content_read(struct hsw_canon *, const struct content *, struct hsw_message *);

/* ---- context.c ---- */

/* Fills reply, is_forwarded and context; it borrows content. */
void context_read(const struct translation *, const struct content *, struct hsw_message *);

/* ---- the translators ---- */

int cloudapi_message(struct translation *, struct json_object *); /* messages */
int cloudapi_echo(struct translation *, struct json_object *);    /* message_echoes */
int cloudapi_history(struct translation *, struct json_object *); /* history */
int cloudapi_status(struct translation *, struct json_object *);  /* statuses */
int cloudapi_call(struct translation *, struct json_object *);    /* calls */
int cloudapi_groups(struct translation *, struct json_object *);  /* groups */

/* What became of a call of the business's: a status of type "call". */
int cloudapi_call_status(struct translation *, struct json_object *);

#endif
