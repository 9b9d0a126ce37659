/* SPDX-License-Identifier: Apache-2.0 */
/* sign.c - see sign.h. */
#include "sign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#define DIGEST_BYTES 32

struct signer {
	EVP_MAC_CTX *ctx; /* with the key; copied for each signature */
};

/* base64 (RFC 4648 section 4) whose padding may be missing. The number of bytes, -1: it is none. */
static int
decode(const char *text, unsigned char *out)
{
	size_t n = strcspn(text, "="), padding = (4 - n % 4) % 4;
	unsigned char *padded = malloc(n + padding + 1);
	int len = -1;

	if (padded != NULL && padding < 3 && n > 0 && strspn(text + n, "=") == strlen(text + n)) {
		memcpy(padded, text, n);
		memcpy(padded + n, "==", padding);
		len = EVP_DecodeBlock(out, padded, (int)(n + padding));
		OPENSSL_cleanse(padded, n);
	}
	free(padded);
	return len > 0 ? len - (int)padding : -1;
}

static EVP_MAC_CTX *
new_context(const unsigned char *key, size_t len)
{
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(
					OSSL_MAC_PARAM_DIGEST, (char[]){ "SHA256" }, 0),
		OSSL_PARAM_construct_end() };
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;

	EVP_MAC_free(mac);
	if (ctx != NULL && EVP_MAC_init(ctx, key, len, params) == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

struct signer *
signer_new(const char *secret, struct hsw_error *err)
{
	static const char prefix[] = "whsec_";
	size_t n = strlen(secret);
	bool is_encoded = strncmp(secret, prefix, sizeof(prefix) - 1) == 0;
	unsigned char *key = malloc(n + 4);
	struct signer *s = calloc(1, sizeof(*s));
	int len = (int)n;

	snprintf(err->text, sizeof(err->text), "out of memory");
	if (key != NULL && is_encoded)
		len = decode(secret + sizeof(prefix) - 1, key);
	else if (key != NULL)
		memcpy(key, secret, n);
	if (len <= 0)
		snprintf(err->text, sizeof(err->text),
			"secret: expected whsec_ and base64, or a text that does not begin so");
	else if (s != NULL && key != NULL)
		s->ctx = new_context(key, (size_t)len);
	if (key != NULL)
		OPENSSL_cleanse(key, n);
	free(key);
	if (s != NULL && s->ctx != NULL)
		return s;
	free(s);
	return NULL;
}

void
signer_free(struct signer *s)
{
	if (s == NULL)
		return;
	EVP_MAC_CTX_free(s->ctx);
	free(s);
}

static bool
update(EVP_MAC_CTX *ctx, const void *bytes, size_t len)
{
	return EVP_MAC_update(ctx, bytes, len) == 1;
}

bool
signer_sign(const struct signer *s, struct hsw_str id, const char *timestamp,
	const struct iovec *body, int n, char out[SIGN_TEXT_SIZE])
{
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(s->ctx);
	unsigned char digest[DIGEST_BYTES];
	size_t len;
	bool is_good = ctx != NULL && update(ctx, id.s, id.len) && update(ctx, ".", 1) &&
		update(ctx, timestamp, strlen(timestamp)) && update(ctx, ".", 1);

	for (int i = 0; i < n && is_good; i++)
		is_good = update(ctx, body[i].iov_base, body[i].iov_len);
	is_good = is_good && EVP_MAC_final(ctx, digest, &len, sizeof(digest)) == 1;
	EVP_MAC_CTX_free(ctx);
	if (!is_good)
		return false;
	memcpy(out, "v1,", 3);
	EVP_EncodeBlock((unsigned char *)out + 3, digest, sizeof(digest));
	return true;
}
