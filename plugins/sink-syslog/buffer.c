/* SPDX-License-Identifier: Apache-2.0 */
/* buffer.c - see buffer.h. */
#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 1024

void
buffer_fini(struct buffer *b)
{
	free(b->bytes);
	*b = (struct buffer){ .limit = b->limit };
}

static bool
make_room(struct buffer *b, size_t len)
{
	size_t size = b->size > 0 ? b->size : FIRST_SIZE;

	if (b->size - b->len >= len)
		return true;
	while (size - b->len < len)
		size *= 2;
	char *larger = realloc(b->bytes, size);
	b->failed = b->failed || larger == NULL;
	if (larger == NULL)
		return false;
	b->bytes = larger;
	b->size = size;
	return true;
}

void
buffer_add(struct buffer *b, const char *s, size_t len)
{
	size_t fits = b->dropped > 0 ? 0 : b->limit - b->len;

	if (len > fits) {
		b->dropped += len - fits;
		len = fits;
	}
	if (len == 0 || b->failed || !make_room(b, len))
		return;
	memcpy(b->bytes + b->len, s, len);
	b->len += len;
}

void
buffer_add_text(struct buffer *b, const char *s)
{
	buffer_add(b, s, strlen(s));
}

void
buffer_printf(struct buffer *b, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	int len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (len > 0)
		buffer_add(b, text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
}

size_t
utf8_fit(const char *s, size_t len, size_t max)
{
	if (len <= max)
		return len;
	/* Byte max is the first one that goes: inside a character the whole character goes. */
	while (max > 0 && ((unsigned char)s[max] & 0xC0) == 0x80)
		max--;
	return max;
}

void
buffer_cut(struct buffer *b, size_t len)
{
	size_t keep = utf8_fit(b->bytes, b->len, len);

	b->dropped += b->len - keep;
	b->len = keep;
}
