/* SPDX-License-Identifier: Apache-2.0 */
/* secret.c - see secret.h. */
#include "secret.h"

#include <string.h>

/* Runs over `given` whole, whatever `wanted` is. volatile: no compiler may end it early. */
bool
secret_is(struct hsw_str given, const char *wanted)
{
	size_t n = strlen(wanted);
	volatile unsigned char differs = given.len != n || n == 0;

	for (size_t i = 0; i < given.len && n > 0; i++)
		differs |= (unsigned char)((unsigned char)given.s[i] ^
			(unsigned char)wanted[i % n]);
	return differs == 0;
}
