/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seal.h - secrets at rest: AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce for each value.
 *
 * A sealed value is text: "enc:1:" and base64 of nonce, ciphertext and tag, or, without a key,
 * "plain:" and the value. What it belongs to (`of`) is authenticated along, so that one value cannot
 * be put in another's place. One thread.
 */
#ifndef SEAL_H
#define SEAL_H

#include "buf.h"

#define SEAL_KEY_BYTES 32
#define SEAL_SALT_BYTES 16

struct seal;

/*
 * key: 32 bytes as 64 hex digits or as base64; anything else is a passphrase that goes through scrypt
 * (RFC 7914, N = 2^15, r = 8, p = 1) with the salt. NULL: no key, values stay readable.
 * NULL: err says why.
 */
struct seal *seal_new(
	const char *key, const unsigned char salt[SEAL_SALT_BYTES], struct hsw_error *err);
/* Wipes the key. NULL is allowed. */
void seal_free(struct seal *);
bool seal_has_key(const struct seal *);

/* Appends the sealed value. HSW_OK, HSW_ENOMEM or HSW_EIO (OpenSSL failed). */
int seal_close(struct seal *, struct hsw_str of, struct hsw_str value, struct buf *out);
/* Appends the value of a sealed one. HSW_OK; HSW_EAUTH: another key, another `of`, or damaged;
 * HSW_EINVAL: it is no sealed value; HSW_ENOMEM. */
int seal_open(struct seal *, struct hsw_str of, struct hsw_str sealed, struct buf *out);
/* Whether it is encrypted. */
bool seal_is_encrypted(struct hsw_str sealed);

/* n random bytes of the operating system; false: there are none. */
bool seal_random(void *out, size_t n);

#endif
