/* SPDX-License-Identifier: Apache-2.0 */
/* gowa.h - what the files of source-gowa share; see frame.h for translators. */
#ifndef SOURCE_GOWA_H
#define SOURCE_GOWA_H

#include "frame.h"

struct conf {
	const char *hmac_key;
	const char *base_url;
};

/* Adds member and member_lid of the payload, both identities of one. */
void gowa_party(struct hsw_party *, struct json_object *payload, const char *member,
	const char *member_lid);
/* The payload's own time, else the body's; 0: none. */
int64_t gowa_time(const struct translation *, struct json_object *payload);

/* ---- content.c ---- */

/* What a message holds. */
struct gowa_content {
	struct hsw_content content; /* of nodes, for what has one of WhatsApp's */
	struct json_object *nodes;  /* to be put */
	struct json_object *poll;   /* GOWA's own form of polls and votes; NULL: none */
	struct json_object *referral;
};

/* Fills type, content, media and details of the message, which borrows *c and the payload. */
void gowa_content_open(struct gowa_content *c, struct translation *, struct json_object *payload,
	struct hsw_message *);
void gowa_content_close(struct gowa_content *c);

/* ---- message.c ---- */

int gowa_message(struct translation *, struct json_object *payload);
int gowa_reaction(struct translation *, struct json_object *payload);
int gowa_edited(struct translation *, struct json_object *payload);
int gowa_revoked(struct translation *, struct json_object *payload);
int gowa_deleted(struct translation *, struct json_object *payload);
int gowa_newsletter(struct translation *, struct json_object *payload);

#endif
