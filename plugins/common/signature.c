/* SPDX-License-Identifier: Apache-2.0 */
/* signature.c - see signature.h. */
#include "signature.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

/* 16 and more: it is no hexadecimal digit. */
static unsigned
digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	return c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10 : 16;
}

static bool
decode_hex(struct hsw_str hex, unsigned char *out, size_t n)
{
	if (hex.s == NULL || hex.len != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned high = digit_of(hex.s[2 * i]), low = digit_of(hex.s[2 * i + 1]);
		if (high > 15 || low > 15)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

bool
signature_is(const char *digest, const char *key, struct hsw_str bytes, struct hsw_str hex)
{
	unsigned char wanted[EVP_MAX_MD_SIZE], given[EVP_MAX_MD_SIZE];
	const EVP_MD *md = EVP_get_digestbyname(digest);
	size_t key_len = strlen(key);
	unsigned n = 0;

	if (md == NULL || key_len > INT_MAX)
		return false;
	if (HMAC(md, key, (int)key_len, (const unsigned char *)bytes.s, bytes.len, wanted, &n) ==
		NULL)
		return false;
	return decode_hex(hex, given, n) && CRYPTO_memcmp(wanted, given, n) == 0;
}

bool
signature_is_hub(const char *key, struct hsw_str bytes, struct hsw_str header)
{
	static const char prefix[] = "sha256=";
	const size_t n = sizeof(prefix) - 1;

	return header.len > n && memcmp(header.s, prefix, n) == 0 &&
		signature_is(
			"SHA256", key, bytes, (struct hsw_str){ header.s + n, header.len - n });
}

int
signature_refuse(const char *header, bool is_missing, struct hsw_error *err)
{
	snprintf(err->text, sizeof(err->text), "%s: is %s", header,
		is_missing ? "missing" : "not the body's signature");
	return HSW_EAUTH;
}
