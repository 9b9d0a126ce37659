/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf.h - a growing run of bytes, for building texts.
 *
 * An allocation that fails sets `failed` and drops what is appended from then on, so a caller checks
 * once, at the end. One owner, no locking.
 */
#ifndef BUF_H
#define BUF_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <hookswitch/plugin.h>

struct buf {
	char *data;
	size_t len, cap;
	bool failed;
};

#define BUF_INIT                  \
	{                         \
		NULL, 0, 0, false \
	}

/* Makes room for more bytes behind len; false: out of memory. */
bool buf_reserve(struct buf *, size_t more);
void buf_append(struct buf *, const void *, size_t);
void buf_str(struct buf *, const char *);
/* In decimal. */
void buf_number(struct buf *, uint64_t);
void buf_printf(struct buf *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A JSON string (RFC 8259 section 7) with its quotes. Bytes that are no UTF-8 become U+FFFD. */
void buf_json(struct buf *, struct hsw_str);
void buf_json_cstr(struct buf *, const char *);
/* The bytes as lower-case hex digits. */
void buf_hex(struct buf *, const unsigned char *, size_t);
void buf_free(struct buf *);

static inline struct hsw_str
str_of(const char *s)
{
	return (struct hsw_str){ s, s != NULL ? strlen(s) : 0 };
}

static inline struct hsw_str
str_of_buf(const struct buf *b)
{
	return (struct hsw_str){ b->data, b->len };
}

static inline bool
str_equal(struct hsw_str a, struct hsw_str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.s, b.s, a.len) == 0);
}

static inline bool
str_is(struct hsw_str a, const char *b)
{
	return str_equal(a, str_of(b));
}

/* Either may be NULL, which equals NULL alone. */
static inline bool
text_equal(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* 64-bit FNV-1a, continued from `hash` (HASH_START at first). Not for hostile keys that cost. */
#define HASH_START 0xcbf29ce484222325u

static inline uint64_t
str_hash(uint64_t hash, struct hsw_str s)
{
	for (size_t i = 0; i < s.len; i++)
		hash = (hash ^ (unsigned char)s.s[i]) * 0x100000001b3u;
	return hash;
}

#endif
