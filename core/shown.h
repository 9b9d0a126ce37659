/* SPDX-License-Identifier: Apache-2.0 */
/* shown.h - texts of strangers that go to a terminal or into a bounded field. Of any thread. */
#ifndef SHOWN_H
#define SHOWN_H

#include "buf.h"

/* The length of the character at s, of n > 0 bytes; 1 for what is no UTF-8. *may_show: neither a C0 or C1
 * control nor one of the marks that turn the direction of what follows (U+202A to U+202E, U+2066 to
 * U+2069). */
size_t shown_character(const unsigned char *s, size_t n, bool *may_show);
/* The longest part of s of at most so many bytes that leaves no character half. */
size_t shown_cut(const char *s, size_t len, size_t most);
/* Appends at most so many characters, those that may not be shown and bytes that are no UTF-8 as \x1b, and
 * "..." where something was left out. */
void shown_append(struct buf *, struct hsw_str, size_t most);
/* The same for a line whose columns count: each of them as a space (line breaks, tabs) or "?". */
void shown_append_flat(struct buf *, struct hsw_str, size_t most);

#endif
