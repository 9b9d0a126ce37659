/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer.h - what a receiver answered, and what it means for the delivery.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include "target.h"

/* So much of a body is shown. */
#define EXCERPT_BYTES 200

struct answer {
	size_t head_bytes, body_bytes;
	bool head_too_long, body_too_long;
	size_t excerpt_len;
	char excerpt[EXCERPT_BYTES + TARGET_SECRET_PREFIX];
	char error[CURL_ERROR_SIZE];
};

#define ANSWER_TEXT_SIZE 320

/* Sets the callbacks of a transfer's handle that fill the answer. */
void answer_set(struct answer *, CURL *easy);
/* Forgets the answer before. */
void answer_reset(struct answer *);
/* Whether a transfer failed only because the other side had closed a connection that was used
 * before. */
bool answer_met_old_connection(const struct answer *, CURL *easy, CURLcode);
/* What the answer means. text: room for detail->text. */
enum hsw_outcome answer_outcome(const struct answer *, CURL *easy, CURLcode, const struct target *,
	struct hsw_detail *, char text[ANSWER_TEXT_SIZE]);

#endif
