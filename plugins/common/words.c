/* SPDX-License-Identifier: Apache-2.0 */
/* words.c - see words.h. */
#include "words.h"

#include <string.h>
#include <strings.h>

bool
word_is(struct hsw_str s, const char *word)
{
	return s.s != NULL && strlen(word) == s.len && strncasecmp(s.s, word, s.len) == 0;
}

const char *
word_find(const struct word *words, struct hsw_str s)
{
	for (; words->from != NULL; words++) {
		if (word_is(s, words->from))
			return words->to;
	}
	return NULL;
}
