/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hookswitch/canon.h - what every source needs to write canonical events: a JSON writer, and WhatsApp's
 * identifiers and times in their one form.
 *
 * A static library of the SDK (libhswcanon), without any dependency. A struct hsw_canon belongs to one
 * thread; its memory is used again from event to event.
 */
#ifndef HOOKSWITCH_CANON_H
#define HOOKSWITCH_CANON_H

#include <stdbool.h>

#include <hookswitch/source.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- JSON text ---- */

/*
 * Writes one object, member by member, with the commas between. An allocation that fails sets `failed`
 * and everything later is dropped: canon_pieces tells. Text of a part (canon_part) becomes a piece of
 * its own; it must not be the first member of its object.
 */
struct hsw_canon {
	char *data;
	size_t len, cap;
	bool failed;
	bool has_member; /* the next member needs a comma before it */
	unsigned part;   /* of what is being written */
	struct {
		struct hsw_str foreign; /* s is not NULL: bytes that are not in data */
		size_t end;             /* of data, when the piece ended */
		unsigned part;
	} cuts[HSW_PIECES_MAX];
	size_t n_cuts;
	struct hsw_piece pieces[HSW_PIECES_MAX];
};

/* Forgets what was written; keeps the memory. */
void canon_reset(struct hsw_canon *);
void canon_free(struct hsw_canon *);

/* key = NULL: the outermost object, or an element of an array. */
void canon_open_object(struct hsw_canon *, const char *key);
void canon_close_object(struct hsw_canon *);
void canon_open_array(struct hsw_canon *, const char *key);
void canon_close_array(struct hsw_canon *);
/* A string member; s = NULL: nothing is written. Bytes that are no UTF-8 become U+FFFD. */
void canon_string(struct hsw_canon *, const char *key, struct hsw_str);
void canon_text(struct hsw_canon *, const char *key, const char *); /* the same for a C string */
void canon_int(struct hsw_canon *, const char *key, int64_t);
void canon_bool(struct hsw_canon *, const char *key, bool);
void canon_null(struct hsw_canon *, const char *key);
/* A member whose value is JSON text already. */
void canon_raw(struct hsw_canon *, const char *key, struct hsw_str json);
/* A string member whose bytes need no escaping (base64) and are not copied: they must live until the
 * event was emitted. */
void canon_borrowed(struct hsw_canon *, const char *key, struct hsw_str);
/* What follows is of this part (enum hsw_part), 0: everybody's. */
void canon_part(struct hsw_canon *, unsigned part);
/* The finished text as pieces for struct hsw_event; 0: out of memory, or too many parts. */
size_t canon_pieces(struct hsw_canon *);

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

/* A person or chat: both identities, as far as they are known. */
struct hsw_party {
	char jid[HSW_JID_MAX]; /* phone, group, ...; "": not known */
	char lid[HSW_JID_MAX];
	enum hsw_jid type;   /* of jid; of lid where that is all there is */
	struct hsw_str name; /* s = NULL: not known */
};

/* Adds what an identifier tells; the first of each kind counts. */
void canon_party_add(struct hsw_party *, struct hsw_str);
/* The identifier to go by: the phone's, else the LID, else "". */
const char *canon_party_id(const struct hsw_party *);
/* `"jid":..., "lid":..., "name":...` into the open object. */
void canon_party_members(struct hsw_canon *, const struct hsw_party *);
/* The same as an object member; nothing where nothing is known. */
void canon_party(struct hsw_canon *, const char *key, const struct hsw_party *);
/* private, group, newsletter, broadcast */
const char *canon_chat_type(enum hsw_jid);

/* ---- times ---- */

#define HSW_TIME_MAX 32 /* bytes, with a NUL */

/* A number that is seconds (below 1e11) or milliseconds, as milliseconds since 1970. */
int64_t canon_epoch_ms(int64_t seconds_or_ms);
/* "2026-11-21T02:53:48.123Z" (RFC 3339); whole seconds without the fraction. */
void canon_time(int64_t ms, char out[HSW_TIME_MAX]);
/* Reads RFC 3339, or digits (then canon_epoch_ms). false: neither. */
bool canon_time_parse(struct hsw_str, int64_t *ms);

/* ---- natural keys ---- */

/* Builds struct hsw_event.identity: parts joined by NUL. One that does not fit is cut: ids are short. */
struct hsw_identity {
	char data[1024];
	size_t len;
};

void canon_identity(struct hsw_identity *, struct hsw_str part);
void canon_identity_text(struct hsw_identity *, const char *part);
void canon_identity_int(struct hsw_identity *, int64_t part);

/* Whether s is base64 (RFC 4648 section 4, padding optional) and nothing else; a `data:...;base64,` before it is
 * taken off. */
bool canon_base64(struct hsw_str *s);

#ifdef __cplusplus
}
#endif
#endif
