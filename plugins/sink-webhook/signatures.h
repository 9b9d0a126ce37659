/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signatures.h - the header lines that sign a target's requests: webhook-signature of Standard
 * Webhooks with one secret or, while it is being changed, two; and an HMAC of the body in a header
 * of the receiver's choice.
 */
#ifndef SIGNATURES_H
#define SIGNATURES_H

#include "webhook.h"

/* "webhook-signature: " and two signatures */
#define SIGNATURE_LINE_SIZE 128
#define HMAC_HEADER_MAX 64
#define HMAC_PREFIX_MAX 32
/* name, ": ", prefix, 128 hex digits */
#define HMAC_LINE_SIZE (HMAC_HEADER_MAX + 2 + HMAC_PREFIX_MAX + 130)

struct signatures;

/* What the options ask for; *out is NULL when they ask for none. */
int signatures_new(const struct webhook_conf *, struct signatures **out, struct hsw_error *err);
void signatures_free(struct signatures *); /* NULL is allowed */
/* Which of the two lines there are. */
bool signatures_is_standard(const struct signatures *);
bool signatures_is_hmac(const struct signatures *);

/* What is signed. */
struct signed_request {
	struct hsw_str id;
	const char *timestamp;
	const struct iovec *body;
	int pieces;
};

/* Writes the line; false: OpenSSL failed. */
bool signatures_write_standard(
	const struct signatures *, const struct signed_request *, char line[SIGNATURE_LINE_SIZE]);
bool signatures_write_hmac(
	const struct signatures *, const struct signed_request *, char line[HMAC_LINE_SIZE]);

#endif
