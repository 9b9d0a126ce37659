/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign.h - signatures of requests: as Standard Webhooks have them, HMAC-SHA256 (RFC 2104) of
 * "<id>.<timestamp>.<body>", and HMACs of the body alone in a header of the receiver's choice.
 */
#ifndef SIGN_H
#define SIGN_H

#include <stdbool.h>
#include <sys/uio.h>

#include <hookswitch/sink.h>

#define SIGN_TEXT_SIZE 48  /* "v1," and 44 digits of base64 and NUL */
#define SIGN_HMAC_SIZE 130 /* 128 hex digits of SHA-512 and NUL */

enum sign_algorithm { SIGN_SHA256, SIGN_SHA1, SIGN_SHA512 };
enum sign_encoding { SIGN_HEX, SIGN_BASE64 };

struct signer;

/* What a secret that is set now must be; those that the API stored before are used as they are.
 * key: the option's name. HSW_OK, or err says what was expected, without the secret. */
int sign_check_secret(const char *key, const char *secret, struct hsw_error *err);
int sign_check_hmac_secret(const char *key, const char *secret, struct hsw_error *err);
/* secret: "whsec_" and base64 of a key of 24 to 64 bytes, or any other text, whose bytes are the
 * key. key: the option's name. NULL: err says why. */
struct signer *signer_new(const char *key, const char *secret, struct hsw_error *err);
/* For signer_hmac; the secret's bytes are the key. */
struct signer *signer_new_hmac(const char *secret, enum sign_algorithm, struct hsw_error *err);
void signer_free(struct signer *); /* NULL is allowed */
/* Writes one signature of the header webhook-signature. false: OpenSSL failed. */
bool signer_sign(const struct signer *, struct hsw_str id, const char *timestamp,
	const struct iovec *body, int n, char out[SIGN_TEXT_SIZE]);
/* Writes the HMAC of the body. false: OpenSSL failed. */
bool signer_hmac(const struct signer *, const struct iovec *body, int n, enum sign_encoding,
	char out[SIGN_HMAC_SIZE]);

#endif
