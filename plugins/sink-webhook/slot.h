/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slot.h - one request after the other, with a curl handle that is set up once.
 *
 * A slot is in one of four states: on w->idle; with its owner (taken, events are being added);
 * on w->busy, with its handle in w->multi or its exchange on a wire; or being settled. Each event in
 * it is an *item*, which the daemon's delivery points to.
 */
#ifndef SLOT_H
#define SLOT_H

#include <openssl/types.h>

#include "answer.h"
#include "event.h"
#include "sockets.h"
#include "wire.h"

/* The header lines that change, in the order in which they are linked. LINE_EXPECT has no value: it
 * keeps curl from asking for leave to send a body that is longer than 1 MB. It is only linked in
 * for such, as every line costs a microsecond. LINE_TYPE and the two of signatures are linked in where
 * the target has them. */
enum {
	LINE_EXPECT,
	LINE_ID,
	LINE_TIMESTAMP,
	LINE_ATTEMPT,
	LINE_REPLAY,
	LINE_TYPE,
	LINE_SIGNATURE,
	LINE_HMAC,
	LINES
};
#define LINE_BYTES SIGNATURE_LINE_SIZE
#define EXPECT_FROM_BYTES (512 * 1024)
#define WIRE_LINES_BYTES (LINES * (LINE_BYTES + 2) + HMAC_LINE_SIZE + 48) /* and Content-Length */

#define BATCH_ID_SIZE 40

struct item {
	TAILQ_ENTRY(item) entry;
	struct slot *slot;              /* NULL: it is being settled */
	struct hsw_delivery *delivery;  /* NULL: cancelled */
	const struct hsw_envelope *env; /* a reference, of those in a batch; else NULL */
	struct event_text text;
	char *transformed; /* what text.pieces is; NULL: that of the event */
};

struct slot {
	struct transfer transfer; /* first */
	LIST_ENTRY(slot) entry;
	struct webhook *w;
	CURL *easy; /* NULL: not needed so far */
	struct exchange exchange;
	char wire_lines[WIRE_LINES_BYTES];
	struct item_list items; /* in order */
	size_t live;            /* those that are not cancelled */
	bool is_sections;       /* goes to the section's own receiver */
	bool is_batch;          /* written as one, though it may have one event */
	enum format format;
	struct target *target;   /* of the request; kept while idle */
	struct variant *variant; /* of the target, for the first event's type; kept while idle */
	bool has_url;            /* easy is set to that */
	struct hsw_str id;
	char batch_id[BATCH_ID_SIZE];
	struct curl_slist lines[LINES];
	char line[LINES][LINE_BYTES]; /* but that of LINE_HMAC: */
	char hmac_line[HMAC_LINE_SIZE];
	struct pieces body;
	char *packed;   /* the body, compressed; NULL: it is not */
	char *gathered; /* body of several pieces */
	size_t gathered_size;
	bool resent; /* after its connection had died */
	struct opener opener;
	bool is_headed; /* on w->headed */
	bool is_resting; /* the head of its answer came, the rest is read for a while; on w->settled or w->refused */
	bool is_settled; /* the daemon was told: the rest changes nothing */
	int64_t headed_ms;
	TAILQ_ENTRY(slot) headed, resting;
	struct answer answer;
};

/* A slot without events. NULL: out of memory. */
struct slot *slot_take(struct webhook *);
void slot_give_back(struct slot *);
/* Those that are idle. */
void slots_free(struct webhook *);

/* Where its request goes; conf: of a destination of the API, or NULL. Before events are added. */
int slot_set_target(struct slot *, const struct webhook_conf *conf);
/*
 * What is to be sent of a delivery, for slot_add_item or slot_drop_item. HSW_OK, HSW_ENOMEM; or, as of
 * expressions_run, HSW_ENOENT: nothing; HSW_EINVAL: it can never be sent, HSW_ELIMIT: to make it
 * takes too long; err says why.
 */
int slot_make_item(struct slot *, struct hsw_delivery *, struct item **out, struct hsw_error *err);
void slot_drop_item(struct slot *, struct item *);
void slot_add_item(struct slot *, struct item *);
/* Restarts the deadlines of all its events: `timeout` and ms from now. */
void slot_postpone(struct slot *, int64_t ms);
/* Takes out a cancelled one, before the request is started. */
void slot_remove_item(struct slot *, struct item *);
/* Size of its body, with one more item (NULL: none). */
size_t slot_body_bytes(const struct slot *, const struct item *more);
/* Starts the request. On failure it is taken as before, and its body is not to be used again. */
int slot_start(struct slot *);
/* Gives up the request; nobody is told. */
void slot_stop(struct slot *);
/* Tells the daemon of all its events, and gives it back. */
void slot_settle(struct slot *, enum hsw_outcome, const struct hsw_detail *);
/* Tells the daemon of those transfers of curl whose receivers have said that it is delivered; the others that
 * have an answer's head rest. */
void slots_look_at_heads(struct webhook *);
/* Gives up reading the rest of answers that came so long ago, and tells the daemon of those that it does not know
 * yet. */
void slots_end_resting(struct webhook *, int64_t older_than_ms);
/* Of w->resting_timer. */
void slots_rest_over(void *webhook);
/* curl has ended its transfer. */
void slot_transfer_ended(struct slot *, CURLcode);

#endif
