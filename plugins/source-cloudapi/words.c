/* SPDX-License-Identifier: Apache-2.0 */
/* words.c - tables of words. */
#include "cloudapi.h"

#include <string.h>
#include <strings.h>

bool
cloudapi_is(struct hsw_str s, const char *word)
{
	return s.s != NULL && s.len == strlen(word) && strncasecmp(s.s, word, s.len) == 0;
}

const char *
cloudapi_word(const struct word *words, struct hsw_str s)
{
	for (; words->from != NULL; words++) {
		if (cloudapi_is(s, words->from))
			return words->to;
	}
	return NULL;
}
