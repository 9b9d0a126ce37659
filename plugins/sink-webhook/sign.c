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

#define DIGEST_MAX 64
/* Bytes of a key (Standard Webhooks, "Secrets"). */
#define KEY_MIN 24
#define KEY_MAX 64
/* Bytes of a key of an HMAC in a header, which has no standard. */
#define HMAC_KEY_MIN 16

static const char key_prefix[] = "whsec_";

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
new_context(const unsigned char *key, size_t len, enum sign_algorithm algorithm)
{
	static const char *const names[] = {
		[SIGN_SHA256] = "SHA256", [SIGN_SHA1] = "SHA1", [SIGN_SHA512] = "SHA512"
	};
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(
					OSSL_MAC_PARAM_DIGEST, (char *)names[algorithm], 0),
		OSSL_PARAM_construct_end() };
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;

	EVP_MAC_free(mac);
	if (ctx != NULL && EVP_MAC_init(ctx, key, len, params) == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

static struct signer *
new_signer(
	const unsigned char *key, size_t len, enum sign_algorithm algorithm, struct hsw_error *err)
{
	struct signer *s = calloc(1, sizeof(*s));

	if (s != NULL)
		s->ctx = new_context(key, len, algorithm);
	if (s != NULL && s->ctx != NULL)
		return s;
	free(s);
	snprintf(err->text, sizeof(err->text), "out of memory");
	return NULL;
}

static bool
is_base64(const char *secret)
{
	return strncmp(secret, key_prefix, sizeof(key_prefix) - 1) == 0;
}

static int
wrong_key(const char *name, struct hsw_error *err)
{
	snprintf(err->text, sizeof(err->text),
		"%s: expected whsec_ and base64 of %d to %d bytes, or a text of so many that does "
		"not begin so",
		name, KEY_MIN, KEY_MAX);
	return HSW_EINVAL;
}

static struct signer *
new_of_base64(const char *name, const char *text, struct hsw_error *err)
{
	size_t room = strlen(text) + 4;
	unsigned char *key = malloc(room);
	struct signer *s = NULL;

	if (key == NULL) {
		snprintf(err->text, sizeof(err->text), "out of memory");
		return NULL;
	}
	int len = decode(text, key);
	if (len < KEY_MIN || len > KEY_MAX)
		wrong_key(name, err);
	else
		s = new_signer(key, (size_t)len, SIGN_SHA256, err);
	OPENSSL_cleanse(key, room);
	free(key);
	return s;
}

struct signer *
signer_new(const char *key, const char *secret, struct hsw_error *err)
{
	if (is_base64(secret))
		return new_of_base64(key, secret + sizeof(key_prefix) - 1, err);
	return new_signer((const unsigned char *)secret, strlen(secret), SIGN_SHA256, err);
}

int
sign_check_secret(const char *key, const char *secret, struct hsw_error *err)
{
	size_t len = strlen(secret);

	if (!is_base64(secret))
		return len >= KEY_MIN && len <= KEY_MAX ? HSW_OK : wrong_key(key, err);
	struct signer *s = signer_new(key, secret, err);
	signer_free(s);
	return s != NULL ? HSW_OK : HSW_EINVAL;
}

int
sign_check_hmac_secret(const char *key, const char *secret, struct hsw_error *err)
{
	if (strlen(secret) >= HMAC_KEY_MIN)
		return HSW_OK;
	snprintf(err->text, sizeof(err->text), "%s: expected at least %d bytes", key, HMAC_KEY_MIN);
	return HSW_EINVAL;
}

struct signer *
signer_new_hmac(const char *secret, enum sign_algorithm algorithm, struct hsw_error *err)
{
	return new_signer((const unsigned char *)secret, strlen(secret), algorithm, err);
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

/* Frees ctx. */
static bool
finish(EVP_MAC_CTX *ctx, bool is_good, const struct iovec *body, int n,
	unsigned char digest[DIGEST_MAX], size_t *len)
{
	for (int i = 0; i < n && is_good; i++)
		is_good = update(ctx, body[i].iov_base, body[i].iov_len);
	is_good = is_good && EVP_MAC_final(ctx, digest, len, DIGEST_MAX) == 1;
	EVP_MAC_CTX_free(ctx);
	return is_good;
}

bool
signer_sign(const struct signer *s, struct hsw_str id, const char *timestamp,
	const struct iovec *body, int n, char out[SIGN_TEXT_SIZE])
{
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(s->ctx);
	unsigned char digest[DIGEST_MAX];
	size_t len;
	bool is_good = ctx != NULL && update(ctx, id.s, id.len) && update(ctx, ".", 1) &&
		update(ctx, timestamp, strlen(timestamp)) && update(ctx, ".", 1);

	if (!finish(ctx, is_good, body, n, digest, &len))
		return false;
	memcpy(out, "v1,", 3);
	EVP_EncodeBlock((unsigned char *)out + 3, digest, (int)len);
	return true;
}

bool
signer_hmac(const struct signer *s, const struct iovec *body, int n, enum sign_encoding encoding,
	char out[SIGN_HMAC_SIZE])
{
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(s->ctx);
	unsigned char digest[DIGEST_MAX];
	size_t len;

	if (!finish(ctx, ctx != NULL, body, n, digest, &len))
		return false;
	if (encoding == SIGN_BASE64) {
		EVP_EncodeBlock((unsigned char *)out, digest, (int)len);
		return true;
	}
	for (size_t i = 0; i < len; i++)
		snprintf(out + i * 2, 3, "%02x", digest[i]);
	return true;
}
