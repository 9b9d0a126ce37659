/* SPDX-License-Identifier: Apache-2.0 */
/* signing.c - see signing.h. */
#include "signing.h"

#include <stdbool.h>
#include <string.h>

#include "err.h"

/* Bytes of a key (Standard Webhooks, "Secrets"). */
#define KEY_MIN 24
#define KEY_MAX 64

static bool
is_in_bounds(size_t bytes)
{
	return bytes >= KEY_MIN && bytes <= KEY_MAX;
}

/* RFC 4648 section 4; the padding may be missing. */
static bool
is_base64_of_key(const char *text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = strspn(text, digits);
	const char *padding = text + n;

	return n % 4 != 1 && is_in_bounds(n * 3 / 4) && padding[strspn(padding, "=")] == '\0';
}

int
signing_check(const char *name, const char *secret, struct hsw_error *err)
{
	static const char prefix[] = "whsec_";
	size_t skip = sizeof(prefix) - 1;

	if (strncmp(secret, prefix, skip) == 0) {
		if (is_base64_of_key(secret + skip))
			return HSW_OK;
		return err_set(err, HSW_EINVAL,
			"%s: expected base64 of %d to %d bytes after whsec_", name, KEY_MIN,
			KEY_MAX);
	}
	if (is_in_bounds(strlen(secret)))
		return HSW_OK;
	return err_set(err, HSW_EINVAL,
		"%s: expected a text of %d to %d bytes, or whsec_ and base64 of so many", name,
		KEY_MIN, KEY_MAX);
}
