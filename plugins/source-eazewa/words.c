/* SPDX-License-Identifier: Apache-2.0 */
/* words.c - words of WhatsApp Web and its servers, in either case. */
#include "eazewa.h"

#include <string.h>
#include <strings.h>

bool
eazewa_is(struct hsw_str s, const char *word)
{
	return s.s != NULL && strlen(word) == s.len && strncasecmp(s.s, word, s.len) == 0;
}

const char *
eazewa_word(const struct word *words, struct hsw_str s)
{
	for (; words->from != NULL; words++) {
		if (eazewa_is(s, words->from))
			return words->to;
	}
	return NULL;
}
