/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hookswitch/canon_content.h - what WhatsApp's own message nodes (proto.Message) hold, for sources that hand
 * them on as JSON: imageMessage, extendedTextMessage, contextInfo, ... as Baileys spells them; canon_camel
 * brings whatsmeow's spelling to it.
 *
 * What is found borrows from the JSON, which must live until the event was emitted.
 */
#ifndef HOOKSWITCH_CANON_CONTENT_H
#define HOOKSWITCH_CANON_CONTENT_H

#include <hookswitch/canon_json.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A kind of node. */
struct hsw_node {
	const char *name;
	const char *type;  /* of the message; NULL: it accompanies others */
	const char *media; /* its type; NULL: none */
	const char *text;  /* the member that is its text; "": the node itself; NULL: none */
	/* Writes the members of data.message that only it has; content: the struct hsw_content. */
	void (*details)(struct hsw_canon *, const void *content);
};

/* The node of a message that is its content. */
struct hsw_content {
	const struct hsw_node *node; /* NULL: none that is known */
	struct json_object *value;   /* the node's object; NULL for a plain string */
	struct json_object *message; /* what holds the node, and what lies beside it */
	struct hsw_str text;         /* s = NULL: none */
	bool is_edited;              /* it was in an editedMessage */
};

/* Finds it, through wrappers (ephemeral, view once, ...). message = NULL: there is none. */
struct hsw_content canon_content(struct json_object *message);
bool canon_content_is(const struct hsw_content *, const char *type);

/*
 * What the content makes of the message: its type, text and details, and what it does to another message
 * (edit, revocation, reaction, vote). The message borrows content itself, too.
 */
void canon_content_fill(const struct hsw_content *, struct hsw_message *);
/* What a protocolMessage does to another message; m stays as it is if it does nothing to any. */
void canon_protocol(struct json_object *protocol, struct hsw_message *m);

/* The content's media; type stays NULL where it has none. data: the object that holds the message, where
 * providers put what they decrypted (base64) or stored (mediaUrl, s3Url). */
void canon_media(struct hsw_canon *, const struct hsw_content *, struct json_object *data,
	struct hsw_media *out);
/* Whether the URL is one of WhatsApp's own, whose bytes are encrypted. */
bool canon_url_is_encrypted(struct hsw_str url);

/* Fills mentions, reply, is_forwarded and context of the message by a contextInfo; NULL: there is none. */
void canon_context(struct json_object *context, struct hsw_message *);

/*
 * A copy of o with every key in Baileys' spelling: URL is url, stanzaID stanzaId, fileEncSHA256 fileEncSha256,
 * NativeFlowResponseMessage nativeFlowResponseMessage. Values that are neither object nor array are shared.
 * The caller puts it. NULL: o is NULL, or no memory.
 */
struct json_object *canon_camel(struct json_object *o);

#ifdef __cplusplus
}
#endif
#endif
