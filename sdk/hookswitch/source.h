/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hookswitch/source.h - plugins that translate a provider's webhooks into canonical events.
 *
 * Life of a handle: open, then for each request verify and translate, close. There is one handle of
 * a section on every worker thread; they share nothing.
 *
 * A source is given whole requests and writes the `data` object of each canonical event as JSON
 * text. The daemon puts the rest of the envelope around it, stores all events of a request in one
 * transaction (all or none), and only then answers the provider.
 */
#ifndef HOOKSWITCH_SOURCE_H
#define HOOKSWITCH_SOURCE_H

#include <hookswitch/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One request of a provider. Everything is borrowed until the call returns. */
struct hsw_request {
	uint32_t size;
	struct hsw_str method; /* "POST" */
	struct hsw_str path;   /* what follows /in/<source>/<instance>: "" or "/messages-upsert" */
	struct hsw_str query;  /* without "?"; still percent-encoded; credentials still in it */
	/* The name in the path, decoded and checked; empty where the events name theirs (names_instances). */
	struct hsw_str instance;
	struct hsw_str body; /* raw bytes, transfer coding removed */
	int64_t received_ms; /* milliseconds since 1970, UTC */
	/* The value of a header (its name in any case), s = NULL where there is none. */
	struct hsw_str (*header)(const struct hsw_request *, const char *name);
	/*
	 * What earlier events of this instance told of people's two identities. phone_of writes the phone
	 * jid of a LID ("...@lid") into out, with a NUL, and returns its length, 0: it is not known. learn is
	 * told of a pair by an event that has both. NULL: nothing is remembered.
	 */
	size_t (*phone_of)(const struct hsw_request *, struct hsw_str lid, char *out, size_t size);
	void (*learn)(const struct hsw_request *, struct hsw_str lid, struct hsw_str phone);
	/* The daemon's own. The functions above also take a copy of the request with this as it is, and with
	 * another instance: phone_of and learn are then of that one. */
	const void *daemon;
};

/*
 * A run of bytes of an event's data. part = 0: every destination gets it. Else one of HSW_MEDIA, HSW_CODES and
 * HSW_KEYS: only destinations that want that part do, so the text must be valid JSON with and without it, e.g.
 * a piece of HSW_MEDIA is the whole member `,"base64":"..."`.
 */
struct hsw_piece {
	struct hsw_str bytes;
	unsigned part;
};

#define HSW_PIECES_MAX 16 /* of one event */

/* One event as the source gives it to emit. */
struct hsw_event {
	uint32_t size;
	/* One of the six types ("message.exchange", "message.status", "call.update", "group.flow",
	 * "instance.state", "label.update"), or NULL: the provider's event has no canonical home; it
	 * is counted by its name as ignored (or kept raw, if the section says unmapped = raw). */
	const char *type;
	/* The provider's own name of the event as it sent it: "messages.upsert". */
	struct hsw_str provider_event;
	/* What makes the event the same event when it comes again: its natural key, any bytes. The
	 * envelope's id is made of it, the instance and the type. */
	struct hsw_str identity;
	/* The conversation, for ordered delivery: the chat's jid; "" where there is none. */
	struct hsw_str key;
	/* The `data` object, a JSON object as text (RFC 8259, UTF-8), in up to HSW_PIECES_MAX pieces. The first
	 * one begins with `{` and the last one ends with `}`: no blanks around it, and neither is empty. */
	const struct hsw_piece *data;
	size_t pieces;
	/*
	 * The name of the instance whose event it is, for a source of which names_instances says that its
	 * events name it; of others it must be empty. One that does not exist (and that auto_create does
	 * not make), and an empty one, make the event ignored: counted and logged, and emit returns HSW_OK.
	 * The envelope's id, its order and what is remembered of people are of that instance.
	 */
	struct hsw_str instance;
};

#define HSW_REPLY_MAX 1024 /* bytes */

/* What a source answers by itself, see challenge. */
struct hsw_reply {
	uint32_t size;
	int status;               /* HTTP; 200 at first */
	const char *content_type; /* lives as long as the plugin; "text/plain" at first */
	char body[HSW_REPLY_MAX];
	size_t len; /* of body; 0 at first */
};

struct hsw_source_ops {
	uint32_t size; /* sizeof(struct hsw_source_ops) */
	/* As in sink.h. */
	int (*open)(const struct hsw_host *host, struct hsw_handle *handle, const void *conf,
		void **self, struct hsw_error *err);
	/*
	 * Checks a request's own proof of origin (signature, key in the body) beyond the section's
	 * `token`, which the daemon has checked. Compare in constant time. HSW_OK: go on. HSW_EAUTH:
	 * answered 401. HSW_EINVAL: answered 400 with err's text. Optional (NULL): nothing to check.
	 */
	int (*verify)(void *self, const struct hsw_request *, struct hsw_error *err);
	/*
	 * Reads the request and calls emit for each event, in the provider's order; emit copies. HSW_OK:
	 * what was emitted is stored and answered 202 (also when nothing was). HSW_EINVAL: it cannot be
	 * read: nothing is stored, answered 400 with err's text (what was wrong, where).
	 * HSW_EUNPROCESSABLE: it was read, but cannot be translated: the same with 422. HSW_ENOMEM and
	 * others: nothing is stored, answered 500 or 503. emit returns HSW_OK, HSW_EINVAL (the event
	 * is malformed: a bug of the plugin), HSW_ELIMIT (too many or too large) or HSW_ENOMEM; pass
	 * what is not HSW_OK on as translate's own result.
	 */
	int (*translate)(void *self, const struct hsw_request *,
		int (*emit)(struct hsw_emit *, const struct hsw_event *), struct hsw_emit *,
		struct hsw_error *err);
	/* Frees the handle. */
	void (*close)(void *self);
	/*
	 * Answers a GET, with which some providers ask whether an address is ours before they send events
	 * to it (Meta's hub.challenge). The section's `token` was not checked: the request proves
	 * itself. HSW_OK: reply is sent. HSW_EAUTH: answered 403. HSW_EINVAL: answered 400 with err's
	 * text. Optional (NULL): every GET is answered 405.
	 */
	int (*challenge)(void *self, const struct hsw_request *, struct hsw_reply *reply,
		struct hsw_error *err);
	/*
	 * Not 0: each event names its instance (struct hsw_event). The URL then needs none: it is
	 * /in/<source>, what follows is the request's path, and the request's instance is empty. Asked once,
	 * after open. Optional (NULL): the URL names it.
	 */
	int (*names_instances)(void *self);
};

#ifdef __cplusplus
}
#endif
#endif
