/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer.h - what a receiver answered, and what it means for the delivery.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include "target.h"

/* So much of a body is shown. */
#define EXCERPT_BYTES 1024

struct answer {
	size_t head_bytes, body_bytes;
	bool head_too_long, body_too_long;
	bool was_refused;      /* an address, by the guard */
	bool is_reused;        /* came over a connection that had been used before */
	bool is_head_complete; /* of the answer itself, not of an interim one */
	int status;            /* HTTP; 0: none came */
	int os_errno;          /* of what failed; 0: not known */
	int64_t retry_after_ms;
	size_t excerpt_len;
	char excerpt[EXCERPT_BYTES + TARGET_SECRET_PREFIX];
	char error[CURL_ERROR_SIZE];
	/* Of a transfer: called by curl with the end of a head, which it may only note; never reset. */
	void (*headed)(struct answer *);
};

#define STATUS_WITHOUT_EXPECT 417 /* curl asks again by itself */
#define ANSWER_TEXT_SIZE 1152

/* Forgets the answer before. */
void answer_reset(struct answer *);
/* Bytes of the head, of the body came. false: enough, the rest is not waited for. */
bool answer_add_head(struct answer *, size_t len);
bool answer_add_body(struct answer *, const char *bytes, size_t len);
/* Whether its head says already that the event is delivered: whatever its body may be. */
bool answer_is_success(const struct answer *);
/* The value of a Retry-After header, with white space around it or not. Of several the last one counts. */
void answer_retry_after(struct answer *, const char *at, size_t len);

/* Sets headed, and the callbacks of a transfer's handle that fill the answer. */
void answer_set(struct answer *, CURL *easy, void (*headed)(struct answer *));
/* Takes over what curl knows when the transfer has ended. */
void answer_take(struct answer *, CURL *easy);

/* Whether a transfer failed only because the other side had closed a connection that was used
 * before. */
bool answer_met_old_connection(const struct answer *, CURLcode);
/* What the answer means. text: room for detail->text. */
enum hsw_outcome answer_outcome(const struct answer *, CURLcode, const struct target *,
	struct hsw_detail *, char text[ANSWER_TEXT_SIZE]);

#endif
