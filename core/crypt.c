/* SPDX-License-Identifier: Apache-2.0 */
/* crypt.c - see crypt.h. */
#include "crypt.h"

#include <stdlib.h>

#include <openssl/evp.h>

struct hasher {
	EVP_MD *sha256;
	EVP_MD_CTX *ctx;
};

struct hasher *
hasher_new(void)
{
	struct hasher *h = calloc(1, sizeof(*h));
	if (h == NULL)
		return NULL;
	h->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	h->ctx = EVP_MD_CTX_new();
	if (h->sha256 != NULL && h->ctx != NULL)
		return h;
	hasher_free(h);
	return NULL;
}

void
hasher_free(struct hasher *h)
{
	if (h == NULL)
		return;
	EVP_MD_CTX_free(h->ctx);
	EVP_MD_free(h->sha256);
	free(h);
}

bool
hasher_sha256(
	struct hasher *h, const struct hsw_str *parts, size_t n, unsigned char digest[SHA256_BYTES])
{
	if (EVP_DigestInit_ex2(h->ctx, h->sha256, NULL) != 1)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (EVP_DigestUpdate(h->ctx, parts[i].s, parts[i].len) != 1)
			return false;
	}
	return EVP_DigestFinal_ex(h->ctx, digest, NULL) == 1;
}

/* Runs over `given` whole, whatever `expected` is: a wrong length is found in the end. */
bool
secret_equal(struct hsw_str given, struct hsw_str expected)
{
	volatile unsigned char different = given.len != expected.len || expected.len == 0;

	for (size_t i = 0; i < given.len; i++)
		different |= (unsigned char)(given.s[i] ^
			(expected.len > 0 ? expected.s[i % expected.len] : '\0'));
	return different == 0;
}

bool
sha1_base64(struct hsw_str a, struct hsw_str b, char out[SHA1_BASE64_SIZE])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	bool is_good = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) == 1 &&
		EVP_DigestUpdate(ctx, a.s, a.len) == 1 && EVP_DigestUpdate(ctx, b.s, b.len) == 1 &&
		EVP_DigestFinal_ex(ctx, digest, &n) == 1;
	EVP_MD_CTX_free(ctx);
	return is_good &&
		EVP_EncodeBlock((unsigned char *)out, digest, (int)n) == SHA1_BASE64_SIZE - 1;
}
