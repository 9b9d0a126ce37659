/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame.h - what sources have in common whose body is one JSON object with the name of an event in it: the
 * reading, and the way to the translator of that event.
 *
 * A translator gets the event's payload (NULL: there is no object) and emits what it becomes, or ignores it. It
 * never fails on what it does not know. Only what translators name leaves: bodies carry credentials.
 */
#ifndef COMMON_FRAME_H
#define COMMON_FRAME_H

#include <hookswitch/canon_content.h>

#include "handle.h"
#include "words.h"

/* One request on its way. */
struct translation {
	struct hsw_canon *canon;
	struct json_tokener *tokener;
	const void *conf;
	const struct hsw_request *request;
	int (*emit)(struct hsw_emit *, const struct hsw_event *);
	struct hsw_emit *out;
	struct json_object *body;
	struct hsw_str event; /* the provider's name for it, as it came */
	int64_t time_ms;      /* of the event, where its payload has none; 0: not known */
	struct hsw_party own; /* the instance's own number */
};

struct route {
	const char *name; /* of the event, in any case; NULL: the list's end */
	int (*translate)(struct translation *, struct json_object *payload);
};

/*
 * Parses the text, has dispatch find the event, own and time in t->body, and puts the body. What translate of
 * struct hsw_source_ops returns.
 */
int frame_translate(struct handle *, struct translation *, struct hsw_str text,
	int (*dispatch)(struct translation *, struct hsw_error *), struct hsw_error *);
/* Reads t->event from this member of the body. example: such a name. HSW_EINVAL: there is none. */
int frame_event(struct translation *, const char *member, const char *example, struct hsw_error *);
/* Goes the event's route; ignores an event without one. */
int frame_route(struct translation *, const struct route *, struct json_object *payload);

/* Emits what was written into canon. */
int frame_emit(struct translation *);
/* Tells that this has no canonical home. */
int frame_ignore(struct translation *);
/*
 * These emit it, or ignore it where it lacks what makes it one: an id (a call, a label), an id and a chat (a
 * message, a status), a group, a type or status; a label on something, its chat. Nothing is ever made up.
 */
int frame_emit_message(struct translation *, const struct hsw_message *);
int frame_emit_status(struct translation *, const struct hsw_status *);
int frame_emit_call(struct translation *, const struct hsw_call *);
int frame_emit_group(struct translation *, const struct hsw_group *);
int frame_emit_label(struct translation *, const struct hsw_label *);
/* Fills in the instance, and our own number where it is not known better. */
int frame_emit_state(struct translation *, struct hsw_state *);

/* Adds what an identifier tells; bare digits that are longer than a phone number (LIDs) are left out. */
void frame_party(struct hsw_party *, struct hsw_str);
/* Whether both are known, and the same person or chat. */
bool frame_is_same(const struct hsw_party *, const struct hsw_party *);
/* A read or played receipt of ours is for a message that came in. */
const char *frame_own_receipt(const char *status);

#endif
