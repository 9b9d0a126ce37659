/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envelope.h - one canonical event as JSON text that is never serialised twice.
 *
 * The text (body) is a run of ranges. A range belongs to everybody or to one part (enum hsw_part):
 * media, codes, keys, raw. What a destination wants is then a choice of ranges, handed to it as
 * iovecs. The instance's token is no part of the body, so that it is never stored: an empty range
 * marks its place, and the text comes from the instance.
 *
 *   {"event":"...","data":{ pieces },"instanceData":{"baseUrl":"...","instance":"..." <token> },
 *    "id":"evt_...","receivedAt":"...","source":{"provider":"...","event":"...","index":0 <raw>,"count":1}}
 *
 * Immutable after envelope_finish. Any thread may hold references; the last one frees.
 */
#ifndef ENVELOPE_H
#define ENVELOPE_H

#include <stdatomic.h>
#include <stdbool.h>

#include <hookswitch/source.h>
#include <hookswitch/store.h>

#include "crypt.h"

/* The six types, in the order of their bits in filters. */
enum event_type {
	TYPE_MESSAGE_EXCHANGE,
	TYPE_MESSAGE_STATUS,
	TYPE_CALL_UPDATE,
	TYPE_GROUP_FLOW,
	TYPE_INSTANCE_STATE,
	TYPE_LABEL_UPDATE,
	TYPE_COUNT,
	TYPE_RAW = TYPE_COUNT /* "raw.<name>": a provider's event that has no canonical home */
};

/* "message.exchange", ... */
extern const char *const event_type_names[TYPE_COUNT];
/* The type of a name, one of the six, or -1. */
int event_type_of(struct hsw_str name);
/* The same, or TYPE_RAW. */
int event_type_or_raw(struct hsw_str name);

#define ENVELOPE_RANGES_MAX (HSW_PIECES_MAX + 6)
#define ENVELOPE_ID_TEXT 36 /* "evt_" and 32 hex digits */
/* Bytes of one event's data with all parts. */
#define ENVELOPE_DATA_MAX (256u << 20)

struct envelope_range {
	uint32_t end; /* of the body; it begins where the range before ends */
	uint8_t part; /* 0: everybody's; several bits: of those who get all of these parts */
};

struct hsw_envelope {
	_Atomic unsigned refs;
	enum event_type type;
	int64_t seq;         /* in the journal; 0: not stored yet. Set once, before it is shared */
	int64_t received_ms; /* since 1970 */
	uint64_t key_hash;   /* of instance and conversation */
	unsigned char id[HSW_EVENT_ID_BYTES];
	char id_text[ENVELOPE_ID_TEXT];
	struct hsw_str type_name, instance, provider, key;
	struct hsw_str token; /* `,"token":"..."` of the instance, or empty */
	struct hsw_str body;
	bool is_damaged; /* in the store: it has no ranges, and nobody is sent any of it */
	uint8_t ranges;
	struct envelope_range range[ENVELOPE_RANGES_MAX];
	char memory[]; /* what the strings point into */
};

/* What is the same for all envelopes of one request. */
struct envelope_origin {
	struct hsw_str base_url_json; /* a JSON string with its quotes */
	struct hsw_str instance;
	struct hsw_str instance_id; /* of one that the API made; or empty */
	struct hsw_str provider;
	struct hsw_str token; /* see struct hsw_envelope */
	struct hsw_str
		raw; /* members of source with the request's body, of its first envelope; or empty */
	int64_t received_ms;
	struct hasher *hasher; /* of this thread */
};

/*
 * Makes the envelope of one event, which is number `index` of its request; one reference, the
 * caller's. It is not complete until envelope_finish. *out is NULL on error: HSW_EINVAL (unknown type,
 * data that is no object, too many pieces), HSW_ELIMIT, HSW_ENOMEM.
 */
int envelope_new(const struct envelope_origin *, const struct hsw_event *, unsigned index,
	struct hsw_envelope **out);
/* Takes the request's body out of it again; before envelope_finish. */
void envelope_drop_raw(struct hsw_envelope *);
/* Whether the event has QR or pairing codes. */
bool envelope_has_codes(const struct hsw_event *);
/* Before it is complete: another event of its request has codes, so what is raw is for who gets codes. */
void envelope_guard_raw(struct hsw_envelope *);
/* Completes it: `count` envelopes are of this request. */
void envelope_finish(struct hsw_envelope *, unsigned count);

/* What key_hash is of an event of that instance and conversation. */
uint64_t envelope_key_hash(struct hsw_str instance, struct hsw_str key);

/* Back from the store. The token is looked up by the caller. NULL: out of memory, or of a type that this version
 * does not know. */
struct hsw_envelope *envelope_from_row(const struct hsw_store_event *, struct hsw_str token);

/* The layout column of an envelope; at most ENVELOPE_LAYOUT_MAX bytes; returns how many. */
#define ENVELOPE_LAYOUT_MAX (ENVELOPE_RANGES_MAX * 5)
size_t envelope_layout(const struct hsw_envelope *, unsigned char out[ENVELOPE_LAYOUT_MAX]);

struct hsw_envelope *envelope_ref(struct hsw_envelope *);
void envelope_unref(struct hsw_envelope *);

/* As hsw_host.iov, get. */
int envelope_iov(const struct hsw_envelope *, unsigned parts, struct iovec *, int n);
struct hsw_str envelope_field(const struct hsw_envelope *, enum hsw_field);

/* Bytes of data that envelope_text looks at: what it is asked for stands at the beginning. */
#define ENVELOPE_TEXT_WITHIN 4096
/* The string that this member of data has, as between its quotes. s is NULL where there is none. */
struct hsw_str envelope_text(const struct hsw_envelope *, const char *member);

/* 16 bytes from "evt_<32 hex>" or "<32 hex>"; false: it is neither. */
bool envelope_id_parse(struct hsw_str text, unsigned char id[HSW_EVENT_ID_BYTES]);

#endif
