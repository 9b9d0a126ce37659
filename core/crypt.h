/* SPDX-License-Identifier: Apache-2.0 */
/* crypt.h - what we need of OpenSSL: hashing, and comparing secrets. */
#ifndef CRYPT_H
#define CRYPT_H

#include <stdbool.h>

#include <hookswitch/plugin.h>

#define SHA256_BYTES 32

/* The state of one thread's SHA-256 (FIPS 180-4); made once, since OpenSSL 3 looks algorithms up by
 * name each time otherwise. */
struct hasher;
struct hasher *hasher_new(void); /* NULL: out of memory */
void hasher_free(struct hasher *);
/* The digest of the n parts one after another; false: OpenSSL failed. */
bool hasher_sha256(
	struct hasher *, const struct hsw_str *parts, size_t n, unsigned char digest[SHA256_BYTES]);

/* The SHA-1 of both strings in a row as base64, which has this many characters and a NUL. No security
 * rests on it: RFC 6455 wants it. false: OpenSSL failed. */
#define SHA1_BASE64_SIZE 29
bool sha1_base64(struct hsw_str, struct hsw_str, char out[SHA1_BASE64_SIZE]);

/* Whether two secrets are the same, in a time that tells at most the length of `given`. Nothing is the same as an
 * empty one. */
bool secret_equal(struct hsw_str given, struct hsw_str expected);

#endif
