/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buffer.h - bytes that grow up to a bound.
 *
 * What does not fit is counted and left out, from then on everything. Out of memory is remembered.
 */
#ifndef BUFFER_H
#define BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
	char *bytes;
	size_t len, size;
	size_t limit;   /* of len */
	size_t dropped; /* bytes that did not fit */
	bool failed;    /* out of memory */
};

void buffer_fini(struct buffer *);
void buffer_add(struct buffer *, const char *s, size_t len);
void buffer_add_text(struct buffer *, const char *s);
void buffer_printf(struct buffer *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Takes bytes off the end until at most len are left and no UTF-8 character is left half. */
void buffer_cut(struct buffer *, size_t len);

/* The longest part of s of at most max bytes that ends with a whole UTF-8 character. */
size_t utf8_fit(const char *s, size_t len, size_t max);

#endif
