/* SPDX-License-Identifier: Apache-2.0 */
/* seal.c - see seal.h. */
#include "seal.h"

#include <stdlib.h>
#include <sys/random.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "err.h"

#define NONCE_BYTES 12
#define TAG_BYTES 16
#define SCRYPT_N (1u << 15)
#define SCRYPT_R 8
#define SCRYPT_P 1
#define SCRYPT_MEMORY (64u << 20)

static const char encrypted_mark[] = "enc:1:";
static const char plain_mark[] = "plain:";

struct seal {
	unsigned char key[SEAL_KEY_BYTES];
	bool has_key;
};

bool
seal_random(void *out, size_t n)
{
	return getrandom(out, n, 0) == (ssize_t)n;
}

/* ---- the key ---- */

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9'    ? c - '0'
		: c >= 'a' && c <= 'f' ? c - 'a' + 10
		: c >= 'A' && c <= 'F' ? c - 'A' + 10
				       : -1;
}

static bool
read_hex(const char *text, unsigned char key[SEAL_KEY_BYTES])
{
	if (strlen(text) != 2 * SEAL_KEY_BYTES)
		return false;
	for (size_t i = 0; i < SEAL_KEY_BYTES; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		key[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

/* 32 bytes are 43 characters and one "=", which may be left out. */
static bool
read_base64(const char *text, unsigned char key[SEAL_KEY_BYTES])
{
	unsigned char padded[45] = { 0 }, bytes[33];
	size_t n = strlen(text);

	if (n != 43 && !(n == 44 && text[43] == '='))
		return false;
	for (size_t i = 0; i < 43; i++)
		padded[i] = (unsigned char)(text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i]);
	padded[43] = '=';
	bool is_good = EVP_DecodeBlock(bytes, padded, 44) == (int)sizeof(bytes);
	memcpy(key, bytes, SEAL_KEY_BYTES);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	OPENSSL_cleanse(padded, sizeof(padded));
	return is_good;
}

struct seal *
seal_new(const char *key, const unsigned char salt[SEAL_SALT_BYTES], struct hsw_error *err)
{
	struct seal *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		err_set(err, HSW_ENOMEM, "out of memory");
		return NULL;
	}
	s->has_key = key != NULL;
	if (key == NULL || read_hex(key, s->key) || read_base64(key, s->key))
		return s;
	if (EVP_PBE_scrypt(key, strlen(key), salt, SEAL_SALT_BYTES, SCRYPT_N, SCRYPT_R, SCRYPT_P,
		    SCRYPT_MEMORY, s->key, sizeof(s->key)) == 1)
		return s;
	err_set(err, HSW_EIO, "encryption_key: scrypt failed");
	seal_free(s);
	return NULL;
}

void
seal_free(struct seal *s)
{
	if (s != NULL)
		OPENSSL_cleanse(s->key, sizeof(s->key));
	free(s);
}

bool
seal_has_key(const struct seal *s)
{
	return s->has_key;
}

/* ---- values ---- */

static bool
encrypt(EVP_CIPHER_CTX *c, const struct seal *s, struct hsw_str of, struct hsw_str value,
	unsigned char *out)
{
	unsigned char *text = out + NONCE_BYTES;
	int n;

	return seal_random(out, NONCE_BYTES) &&
		EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, s->key, out) == 1 &&
		EVP_EncryptUpdate(c, NULL, &n, (const unsigned char *)of.s, (int)of.len) == 1 &&
		EVP_EncryptUpdate(c, text, &n, (const unsigned char *)value.s, (int)value.len) ==
		1 &&
		EVP_EncryptFinal_ex(c, text + n, &n) == 1 &&
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, text + value.len) == 1;
}

static bool
decrypt(EVP_CIPHER_CTX *c, const struct seal *s, struct hsw_str of, unsigned char *in, size_t len,
	unsigned char *out)
{
	unsigned char *text = in + NONCE_BYTES;
	size_t text_len = len - NONCE_BYTES - TAG_BYTES;
	int n;

	return EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, s->key, in) == 1 &&
		EVP_DecryptUpdate(c, NULL, &n, (const unsigned char *)of.s, (int)of.len) == 1 &&
		EVP_DecryptUpdate(c, out, &n, text, (int)text_len) == 1 &&
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, text + text_len) == 1 &&
		EVP_DecryptFinal_ex(c, out + n, &n) == 1;
}

static void
put_base64(struct buf *out, const unsigned char *bytes, size_t n)
{
	if (!buf_reserve(out, 4 * ((n + 2) / 3) + 1))
		return;
	int len = EVP_EncodeBlock((unsigned char *)out->data + out->len, bytes, (int)n);
	out->len += (size_t)len;
}

int
seal_close(struct seal *s, struct hsw_str of, struct hsw_str value, struct buf *out)
{
	if (!s->has_key) {
		buf_str(out, plain_mark);
		buf_append(out, value.s, value.len);
		return out->failed ? HSW_ENOMEM : HSW_OK;
	}
	size_t n = NONCE_BYTES + value.len + TAG_BYTES;
	unsigned char *bytes = malloc(n);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int rc = bytes == NULL || c == NULL ? HSW_ENOMEM : HSW_OK;

	if (rc == HSW_OK && !encrypt(c, s, of, value, bytes))
		rc = HSW_EIO;
	if (rc == HSW_OK) {
		buf_str(out, encrypted_mark);
		put_base64(out, bytes, n);
		rc = out->failed ? HSW_ENOMEM : HSW_OK;
	}
	EVP_CIPHER_CTX_free(c);
	free(bytes);
	return rc;
}

static bool
starts_with(struct hsw_str s, const char *mark)
{
	size_t n = strlen(mark);
	return s.len >= n && memcmp(s.s, mark, n) == 0;
}

bool
seal_is_encrypted(struct hsw_str sealed)
{
	return starts_with(sealed, encrypted_mark);
}

static int
open_encrypted(struct seal *s, struct hsw_str of, struct hsw_str text, struct buf *out)
{
	unsigned char *bytes = malloc(text.len / 4 * 3 + 3);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int rc = bytes == NULL || c == NULL ? HSW_ENOMEM : HSW_EAUTH;
	int n = rc == HSW_EAUTH
		? EVP_DecodeBlock(bytes, (const unsigned char *)text.s, (int)text.len)
		: -1;

	/* EVP_DecodeBlock counts the padding. */
	for (size_t i = text.len; n > 0 && i > 0 && text.s[i - 1] == '='; i--)
		n--;
	if (n >= NONCE_BYTES + TAG_BYTES && buf_reserve(out, (size_t)n) &&
		decrypt(c, s, of, bytes, (size_t)n, (unsigned char *)out->data + out->len)) {
		out->len += (size_t)n - NONCE_BYTES - TAG_BYTES;
		rc = HSW_OK;
	}
	EVP_CIPHER_CTX_free(c);
	free(bytes);
	return rc;
}

int
seal_open(struct seal *s, struct hsw_str of, struct hsw_str sealed, struct buf *out)
{
	if (starts_with(sealed, plain_mark)) {
		size_t n = sizeof(plain_mark) - 1;
		buf_append(out, sealed.s + n, sealed.len - n);
		return out->failed ? HSW_ENOMEM : HSW_OK;
	}
	if (!seal_is_encrypted(sealed))
		return HSW_EINVAL;
	if (!s->has_key)
		return HSW_EAUTH;
	size_t n = sizeof(encrypted_mark) - 1;
	return open_encrypted(s, of, (struct hsw_str){ sealed.s + n, sealed.len - n }, out);
}
