/* SPDX-License-Identifier: Apache-2.0 */
/* words.c - Evolution's words: versions and channels write them in either case. */
#include "evolution.h"

#include <string.h>
#include <strings.h>

bool
evolution_is(struct hsw_str s, const char *word)
{
	return s.s != NULL && strlen(word) == s.len && strncasecmp(s.s, word, s.len) == 0;
}

const char *
evolution_word(const struct word *words, struct hsw_str s)
{
	for (; words->from != NULL; words++) {
		if (evolution_is(s, words->from))
			return words->to;
	}
	return NULL;
}
