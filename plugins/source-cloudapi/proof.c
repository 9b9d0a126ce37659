/* SPDX-License-Identifier: Apache-2.0 */
/* proof.c - that a request is Meta's: its signature, and what a query says. */
#include "cloudapi.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define DIGEST_SIZE 32 /* bytes of SHA-256 */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
read_digest(struct hsw_str hex, unsigned char out[DIGEST_SIZE])
{
	if (hex.len != (size_t)2 * DIGEST_SIZE)
		return false;
	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		int high = hex_digit(hex.s[2 * i]), low = hex_digit(hex.s[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

bool
proof_is_signed(struct hsw_str header, struct hsw_str body, const char *secret)
{
	static const char method[] = "sha256=";
	const size_t n = sizeof(method) - 1;
	unsigned char given[DIGEST_SIZE], wanted[DIGEST_SIZE];

	if (header.s == NULL || header.len < n || memcmp(header.s, method, n) != 0 ||
		!read_digest((struct hsw_str){ header.s + n, header.len - n }, given))
		return false;
	if (HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)body.s, body.len,
		    wanted, NULL) == NULL)
		return false;
	return CRYPTO_memcmp(given, wanted, DIGEST_SIZE) == 0;
}

bool
proof_is_same(struct hsw_str given, const char *wanted)
{
	return given.len == strlen(wanted) && CRYPTO_memcmp(given.s, wanted, given.len) == 0;
}

/* ---- queries (application/x-www-form-urlencoded) ---- */

/* Decodes one byte at s; how many bytes it took, 0: it is malformed. */
static size_t
decode_byte(struct hsw_str s, char *out)
{
	if (s.s[0] != '%') {
		*out = s.s[0] == '+' ? ' ' : s.s[0];
		return 1;
	}
	int high = s.len >= 3 ? hex_digit(s.s[1]) : -1, low = high >= 0 ? hex_digit(s.s[2]) : -1;
	if (low < 0)
		return 0;
	*out = (char)(high << 4 | low);
	return 3;
}

static int
decode(struct hsw_str s, char *out, size_t size)
{
	size_t n = 0;

	while (s.len > 0) {
		size_t took = n < size ? decode_byte(s, &out[n++]) : 0;
		if (took == 0)
			return -1;
		s = (struct hsw_str){ s.s + took, s.len - took };
	}
	return (int)n;
}

int
proof_parameter(struct hsw_str query, const char *name, char *out, size_t size)
{
	const size_t wanted = strlen(name);

	while (query.len > 0) {
		const char *end = memchr(query.s, '&', query.len);
		size_t n = end != NULL ? (size_t)(end - query.s) : query.len;
		const char *eq = memchr(query.s, '=', n);
		size_t key = eq != NULL ? (size_t)(eq - query.s) : n;
		/* "hub.mode" may come as "hub%2Emode"; out is large enough for any name. */
		int len = decode((struct hsw_str){ query.s, key }, out, size);
		if (eq != NULL && len == (int)wanted && memcmp(out, name, wanted) == 0)
			return decode((struct hsw_str){ eq + 1, n - key - 1 }, out, size);
		n += end != NULL;
		query = (struct hsw_str){ query.s + n, query.len - n };
	}
	return 0;
}
