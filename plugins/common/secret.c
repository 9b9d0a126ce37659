/* SPDX-License-Identifier: Apache-2.0 */
/* secret.c - see secret.h. */
#include "secret.h"

#include <string.h>

bool
secret_is(struct hsw_str given, const char *wanted)
{
	size_t n = strlen(wanted);
	unsigned char differs = given.len != n;

	for (size_t i = 0; i < given.len && n > 0; i++)
		differs |= (unsigned char)given.s[i] ^ (unsigned char)wanted[i % n];
	return differs == 0;
}
