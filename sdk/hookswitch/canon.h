/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hookswitch/canon.h - what every source needs to write canonical events: the events themselves, a JSON
 * writer below them, and WhatsApp's identifiers and times in their one form.
 *
 * A source fills one of the structs of events (struct hsw_message, ...) with what the provider says, has it
 * written (canon_message, ...) and emitted (canon_emit). What stays zero is unknown: it is left out, or
 * null where the event always has the member. The natural key of the event is made on the way.
 *
 * A static library of the SDK (libhswcanon) that needs libc alone; canon_json.h reads JSON with json-c, and
 * canon_content.h what is in WhatsApp's own messages. A struct hsw_canon belongs to one thread; its memory is
 * used again from event to event.
 */
#ifndef HOOKSWITCH_CANON_H
#define HOOKSWITCH_CANON_H

#include <stdbool.h>

#include <hookswitch/source.h>

#ifdef __cplusplus
extern "C" {
#endif

enum hsw_tri { HSW_UNKNOWN, HSW_NO, HSW_YES };

/* ---- the writer ---- */

struct hsw_bytes {
	char *data;
	size_t len, cap;
};

/*
 * Writes one object, member by member, with the commas between. An allocation that fails sets `failed`
 * and everything later is dropped: canon_emit tells. What is written between canon_part(part) and
 * canon_part(0) becomes a piece of its own; it must not be the first member of its object.
 */
struct hsw_canon {
	struct hsw_bytes text;     /* the JSON, without what is borrowed */
	struct hsw_bytes identity; /* the natural key */
	bool failed;
	bool has_member; /* the next member needs a comma before it */
	unsigned part;   /* of what is being written */
	struct {
		struct hsw_str foreign; /* s is not NULL: bytes that are not in text */
		size_t end;             /* of text, when the piece ended */
		unsigned part;
	} cuts[HSW_PIECES_MAX];
	size_t n_cuts;
	struct hsw_piece pieces[HSW_PIECES_MAX];
	void *scratch; /* list of canon_scratch */
	/* Of the request, see canon_start. */
	const struct hsw_request *request;
	int64_t received_ms;
	struct hsw_str occasion;
	/* Of the events that follow, see canon_instance. */
	struct hsw_request of_instance;
	struct hsw_str instance;
	/* Of the event. */
	const char *type;
	struct hsw_bytes key;
};

/* Begins a request; 0 bytes of everything are a good start, too. occasion: what the provider sends again
 * unchanged when it repeats an event that has no time of its own, s = NULL: nothing; the time of
 * receipt in buckets of 2 s stands in. */
void canon_start(struct hsw_canon *, const struct hsw_request *, struct hsw_str occasion);
/* The events that follow, also those that are ignored, are of this instance, until the next request: for sources
 * of which names_instances says that their events name it. Borrowed until then. */
void canon_instance(struct hsw_canon *, struct hsw_str name);
/* Begins an event of another kind than the structs below. The key is copied. */
void canon_begin(struct hsw_canon *, const char *type, struct hsw_str key);
/* Sets another key for the event that was begun: its conversation. It is copied. */
void canon_key_is(struct hsw_canon *, struct hsw_str key);
void canon_free(struct hsw_canon *);
/* Memory until the event was emitted, or the next request; NULL: none (canon_emit will tell). */
char *canon_scratch(struct hsw_canon *, size_t);

/* key = NULL: the outermost object, or an element of an array. */
void canon_open_object(struct hsw_canon *, const char *key);
void canon_close_object(struct hsw_canon *);
void canon_open_array(struct hsw_canon *, const char *key);
void canon_close_array(struct hsw_canon *);
/* A string member; s = NULL: nothing is written. Bytes that are no UTF-8 become U+FFFD. */
void canon_string(struct hsw_canon *, const char *key, struct hsw_str);
void canon_text(struct hsw_canon *, const char *key, const char *); /* the same for a C string */
void canon_some(
	struct hsw_canon *, const char *key, struct hsw_str); /* the same, but nothing for "" */
void canon_int(struct hsw_canon *, const char *key, int64_t);
/* A number as text; nothing is written if it is none (RFC 8259 section 6). */
void canon_number(struct hsw_canon *, const char *key, struct hsw_str);
void canon_bool(struct hsw_canon *, const char *key, bool);
void canon_tri(struct hsw_canon *, const char *key, enum hsw_tri); /* nothing for HSW_UNKNOWN */
void canon_null(struct hsw_canon *, const char *key);
/* The key of a member that comes from outside; its value follows, with key = NULL. */
void canon_key(struct hsw_canon *, struct hsw_str key);
/* A time in ms since 1970, as RFC 3339; 0: the time of receipt. */
void canon_when(struct hsw_canon *, const char *key, int64_t ms);
/* A string member whose bytes need no escaping (base64) and are not copied: they must live until the
 * event was emitted. */
void canon_borrowed(struct hsw_canon *, const char *key, struct hsw_str);
/* What follows is of this part (enum hsw_part), 0: everybody's. */
void canon_part(struct hsw_canon *, unsigned part);

/* The natural key: parts of any bytes, each with its length before it. */
void canon_identity(struct hsw_canon *, struct hsw_str part);
void canon_identity_text(struct hsw_canon *, const char *part);
/* The provider's time; 0: the occasion, else the time of receipt in buckets of 2 s. */
void canon_identity_time(struct hsw_canon *, int64_t ms);

/* Emits what was written, and begins anew. Returns what emit returned, HSW_ENOMEM, or HSW_ELIMIT (too many
 * parts). */
int canon_emit(struct hsw_canon *, struct hsw_str provider_event,
	int (*emit)(struct hsw_emit *, const struct hsw_event *), struct hsw_emit *);
/* Tells of a provider's event that has no canonical home; drops what was written. */
int canon_ignore(struct hsw_canon *, struct hsw_str provider_event,
	int (*emit)(struct hsw_emit *, const struct hsw_event *), struct hsw_emit *);

/* ---- identifiers ---- */

enum hsw_jid {
	HSW_JID_NONE,
	HSW_JID_PHONE,
	HSW_JID_LID,
	HSW_JID_GROUP,
	HSW_JID_NEWSLETTER,
	HSW_JID_BROADCAST
};

#define HSW_JID_MAX 96 /* bytes, with a NUL */

/*
 * One form for all: `5511...:57@c.us`, `+55 11 ...`, bare digits -> `5511...@s.whatsapp.net`; `...@lid`;
 * `...@g.us`; `...@newsletter`; `status@broadcast`. HSW_JID_NONE: it is no jid (out is "" then).
 */
enum hsw_jid canon_jid(struct hsw_str, char out[HSW_JID_MAX]);
/* The digits of a phone number as people write it; how many, 0: it is none. */
size_t canon_phone_digits(struct hsw_str, char *out, size_t size);

#define HSW_USER_ID_MAX 160 /* bytes, with a NUL */

/* A person or chat: its identities, as far as they are known. */
struct hsw_party {
	char jid[HSW_JID_MAX]; /* phone, group, ...; "": not known */
	char lid[HSW_JID_MAX];
	/* What the provider calls a person by that is neither: Meta's business-scoped "US.13491...". */
	char user_id[HSW_USER_ID_MAX];
	enum hsw_jid type;   /* of jid; of lid where that is all there is */
	struct hsw_str name; /* s = NULL: not known */
};

/* Adds what an identifier tells; the first of each kind counts. */
void canon_party_add(struct hsw_party *, struct hsw_str);
/* The identifier to go by: the phone's, else the LID, else "". */
const char *canon_party_id(const struct hsw_party *);
/* The same, else the user id: what tells one party from another, never to be written as a jid. */
const char *canon_party_key(const struct hsw_party *);
/* Sets user_id if that is Meta's form of one: a country's two letters, a dot, and up to 128 letters, digits and
 * dots. The first counts. false: it is none. */
bool canon_party_add_user_id(struct hsw_party *, struct hsw_str);
/*
 * The identifier to show: the phone's, its own or the one that earlier events of the instance told to belong
 * to its LID (written into phone), else the LID, else "". A party that has both is remembered. Not for
 * natural keys: the same event must have the same key, whatever is known by then.
 */
const char *canon_party_shown(
	struct hsw_canon *, const struct hsw_party *, char phone[HSW_JID_MAX]);
/* `"jid":..., "lid":..., "userId":..., "name":...` into the open object. */
void canon_party_members(struct hsw_canon *, const struct hsw_party *);
/* The same as an object member; nothing where nothing is known. */
void canon_party(struct hsw_canon *, const char *key, const struct hsw_party *);
/* private, group, newsletter, broadcast */
const char *canon_chat_type(enum hsw_jid);

/* ---- times ---- */

#define HSW_TIME_MAX 32 /* bytes, with a NUL */

/* A number of seconds (below 1e11) or milliseconds (below 1e14) as milliseconds since 1970; 0: neither. */
int64_t canon_epoch_ms(double seconds_or_ms);
/* "2026-11-21T02:53:48.123Z" (RFC 3339); whole seconds without the fraction. */
void canon_time(int64_t ms, char out[HSW_TIME_MAX]);
/* Reads RFC 3339, or a number (then canon_epoch_ms). false: neither. */
bool canon_time_parse(struct hsw_str, int64_t *ms);

/* ---- UTF-8 ---- */

/* How many bytes from the start on are UTF-8 (RFC 3629); s.len: all of them. */
size_t canon_utf8_length(struct hsw_str);

/* ---- base64 ---- */

/*
 * Whether s is base64 (RFC 4648 section 4, padding optional), and something. A `data:...;base64,` before it is
 * taken off; line breaks and the URL-safe alphabet are put in order, in scratch memory.
 */
bool canon_base64(struct hsw_canon *, struct hsw_str *s);
/* n bytes in base64, in scratch memory; s = NULL: no memory. */
struct hsw_str canon_base64_encode(struct hsw_canon *, const unsigned char *bytes, size_t n);

/* ---- the events ---- */

/* Writes the members or elements that no struct can hold: arg is the source's own. */
struct hsw_fill {
	void (*write)(struct hsw_canon *, const void *arg); /* NULL: there are none */
	const void *arg;
};

struct hsw_media {
	const char *type; /* image, video, audio, document, sticker, ptt, ptv; NULL: no media */
	struct hsw_str mimetype, url, s3_url;
	struct hsw_str base64; /* not copied: it must live until the event was emitted */
	struct hsw_str file_name, caption;
	int64_t size; /* bytes */
	struct hsw_str sha256;
	int64_t seconds, width, height;
	enum hsw_tri is_voice_note, is_animated;
	/* WhatsApp's own copy, of no use without its key. */
	struct hsw_str encrypted_url, encrypted_sha256, media_key;
};

/* What the event is to its message; of the natural key. */
enum hsw_change {
	HSW_NEW,
	HSW_EDIT, /* target_id: the message (s = NULL: id has to do), content: its new text, s = NULL: not known */
	HSW_REVOKE,   /* id: the message */
	HSW_REACTION, /* target_id: the message, reaction: the text */
	HSW_VOTE,     /* vote: who and what, where id is not the vote's own */
	HSW_STUB      /* says that there is a message, which may still come */
};

struct hsw_message {
	struct hsw_str id;
	enum hsw_change change;
	bool is_outgoing;
	int64_t time_ms;
	struct hsw_party chat, sender;
	bool is_community;
	struct hsw_fill mentions; /* by canon_mention */
	struct hsw_str reply_id, reply_text;
	struct hsw_party reply_sender;
	const char *type;
	struct hsw_str content;
	bool is_api, is_forwarded;
	struct hsw_media media;
	struct hsw_str target_id, reaction, vote;
	/*
	 * What tells an edit from an earlier one back to the same text: its own id, which comes again where the
	 * provider sends it again, and with every hook that tells of it. s = NULL: it has none such.
	 */
	struct hsw_str edit_id;
	bool is_target_own;
	struct hsw_fill context; /* members of message.context */
	struct hsw_fill details; /* further members of message: canon_location, ... */
	bool is_history;
	struct hsw_fill extras; /* further members of data */
};

void canon_message(struct hsw_canon *, const struct hsw_message *);
/* An element of mentions; what is no identifier is left out. */
void canon_mention(struct hsw_canon *, struct hsw_str jid);

struct hsw_location {
	struct hsw_str latitude, longitude; /* numbers as text */
	struct hsw_str name, address;
};

void canon_location(struct hsw_canon *, const struct hsw_location *);
/* `display_name, phone_number, vcard`; the number is looked for in the vCard. key: "contact", or NULL in the
 * array "contacts". */
void canon_contact(struct hsw_canon *, const char *key, struct hsw_str name, struct hsw_str vcard);
/* An element of a poll's options. */
void canon_option(struct hsw_canon *, struct hsw_str name);

struct hsw_status {
	const char *status;
	const struct hsw_str *ids;
	size_t n_ids;
	struct hsw_party chat, recipient, message_sender;
	int64_t time_ms;
	int64_t error_code;
	struct hsw_str error_text;
};

void canon_status(struct hsw_canon *, const struct hsw_status *);

struct hsw_call {
	const char *type;
	struct hsw_str id;
	struct hsw_party from, to;
	int64_t time_ms;
	enum hsw_tri is_video, is_group;
	struct hsw_party group;
	struct hsw_str reason, platform;
};

void canon_call(struct hsw_canon *, const struct hsw_call *);

struct hsw_group {
	const char *type;
	struct hsw_party group; /* with its name */
	int64_t time_ms;
	struct hsw_party author;
	struct hsw_fill participants; /* by canon_participant */
	/* At most one of these is set. */
	struct hsw_str value;
	enum hsw_tri value_flag;
	struct hsw_fill value_members;
	struct hsw_str reason;
};

void canon_group(struct hsw_canon *, const struct hsw_group *);
/* An element of participants; one without an identity is left out. */
void canon_participant(struct hsw_canon *, const struct hsw_party *);

struct hsw_state {
	const char *state;
	int64_t time_ms;
	struct hsw_str instance;
	struct hsw_party own;
	/* code: what the QR code says; its picture as a data URI, where there is no more. */
	struct hsw_str code, pairing_code;
	struct hsw_fill more_codes; /* elements after code: those that will follow it */
	struct hsw_str reason;
	int64_t status;
	struct hsw_str progress; /* a number as text */
};

void canon_state(struct hsw_canon *, const struct hsw_state *);

struct hsw_label {
	const char *type, *action;
	struct hsw_str id, name, color;
	enum hsw_tri is_deleted;
	struct hsw_party chat;
	struct hsw_str message_id;
	enum hsw_tri is_labeled;
	int64_t time_ms;
};

void canon_label(struct hsw_canon *, const struct hsw_label *);

#ifdef __cplusplus
}
#endif
#endif
