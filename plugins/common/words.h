/* SPDX-License-Identifier: Apache-2.0 */
/* words.h - a provider's words and ours for them; providers write them in either case. */
#ifndef COMMON_WORDS_H
#define COMMON_WORDS_H

#include <stdbool.h>

#include <hookswitch/plugin.h>

struct word {
	const char *from, *to;
};

/* The first word that s is, in any case; NULL: none. words ends with from = NULL. */
const char *word_find(const struct word *words, struct hsw_str s);
bool word_is(struct hsw_str s, const char *word);

#endif
