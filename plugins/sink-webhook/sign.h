/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign.h - signatures as Standard Webhooks have them: HMAC-SHA256 (RFC 2104) of "<id>.<timestamp>.<body>".
 */
#ifndef SIGN_H
#define SIGN_H

#include <stdbool.h>
#include <sys/uio.h>

#include <hookswitch/sink.h>

#define SIGN_TEXT_SIZE 48 /* "v1," and 44 digits of base64 and NUL */

struct signer;

/* secret: "whsec_" and base64 of the key, or any other text, whose bytes are the key. NULL: err says
 * why. */
struct signer *signer_new(const char *secret, struct hsw_error *err);
void signer_free(struct signer *); /* NULL is allowed */
/* Writes the header's value. false: OpenSSL failed. */
bool signer_sign(const struct signer *, struct hsw_str id, const char *timestamp,
	const struct iovec *body, int n, char out[SIGN_TEXT_SIZE]);

#endif
