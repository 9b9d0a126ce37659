/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.h - text of others, character by character, as it is shown to people. */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The length of the character at s, of which n > 0 bytes are there; 1 for what is no UTF-8. *may_show: neither a C0
 * or C1 control nor one of the marks that turn the direction of what follows (U+202A to U+202E, U+2066 to
 * U+2069). */
size_t utf8_next(const unsigned char *s, size_t n, bool *may_show);

#endif
