/* SPDX-License-Identifier: Apache-2.0 */
/*
 * code.h - how keys and values are written as bytes, and read again.
 *
 * A key is the byte of its table and a tuple, and its bytes are ordered as the tuple is:
 *	string	its bytes, where 00 is written 00 ff; then 00 01. So it is before each one that it begins,
 *		and what follows is never taken for a part of it
 *	number	8 bytes, the highest first, the sign turned
 * A value is the byte VALUE_VERSION and what belongs to its table: numbers as above, strings as 4 bytes of length,
 * the highest first, and their bytes.
 */
#ifndef HSW_KV_CODE_H
#define HSW_KV_CODE_H

#include <stdbool.h>

#include <hookswitch/kv.h>

#define VALUE_VERSION 1

/* The byte at the start of a key. META is the first of all keys. */
enum kv_table {
	KV_META = 1, /* one row */
	KV_CURSOR,   /* who */
	KV_EVENT,    /* seq */
	KV_RETRY,    /* who, seq */
	KV_DEAD,     /* who, seq */
	KV_NAMED,    /* seq, who, by: the index of the events that retries and dead letters name */
	KV_RECORD,   /* who (its kind), name */
	KV_MEMO,     /* who (its kind), seq (its number) */
	KV_TABLES
};

/* A key's tuple; members that its table does not have are unused. The strings are borrowed. */
struct kv_key {
	enum kv_table table;
	struct hsw_str who, name;
	int64_t seq;
	enum kv_table by; /* KV_RETRY or KV_DEAD; 0, which is no row's: before both */
};

/* Bytes that grow. rc is the first error of all that was added; then nothing more is. */
struct kv_bytes {
	char *s;
	size_t len, room;
	int rc;
};

/* What is left to be read. is_bad: something was not there; then all that is read is empty or 0. */
struct kv_reader {
	const char *at;
	size_t len;
	bool is_bad;
};

/* The only value of KV_META. */
struct kv_meta {
	int64_t last_seq, last_memo, events;
};

void kv_bytes_free(struct kv_bytes *b);
/* Adds bytes as they are. */
void kv_add_raw(struct kv_bytes *b, const void *s, size_t len);
/* Adds the key. HSW_EINVAL in b->rc: it is longer than HSW_KV_KEY_MAX. */
void kv_add_key(struct kv_bytes *b, const struct kv_key *key);
/* Adds a value, of the table that each one names. HSW_ELIMIT in b->rc: a string of 4 GB. */
void kv_add_meta(struct kv_bytes *b, const struct kv_meta *meta);
void kv_add_cursor(struct kv_bytes *b, int64_t cursor);
void kv_add_event(struct kv_bytes *b, const struct hsw_store_event *e);
/* Of a retry due_ms is kept, of a dead letter at_ms: time_ms here. */
void kv_add_exception(
	struct kv_bytes *b, int attempts, int64_t time_ms, int status, struct hsw_str text);
void kv_add_named(struct kv_bytes *b);
void kv_add_record(struct kv_bytes *b, struct hsw_str text);
void kv_add_memo(struct kv_bytes *b, int64_t at_ms, struct hsw_str text);

/* Room for the strings of a key that was read. */
struct kv_strings {
	char s[HSW_KV_KEY_MAX];
	size_t len;
};

/* false: these bytes are no key. The tuple's strings are in *strings. */
bool kv_read_key(struct hsw_str bytes, struct kv_key *key, struct kv_strings *strings);
/* Each reads the whole value; false: it is damaged, or of another version. Strings are the value's own. */
bool kv_read_meta(struct hsw_str value, struct kv_meta *meta);
bool kv_read_cursor(struct hsw_str value, int64_t *cursor);
/* seq is not in the value and is not set. */
bool kv_read_event(struct hsw_str value, struct hsw_store_event *e);
/* Sets attempts, due_ms and at_ms (both: the time that was kept), status and text. */
bool kv_read_exception(struct hsw_str value, struct hsw_store_exception *x);
bool kv_read_record(struct hsw_str value, struct hsw_str *text);
bool kv_read_memo(struct hsw_str value, int64_t *at_ms, struct hsw_str *text);

int kv_compare(struct hsw_str a, struct hsw_str b);
bool kv_is_same(struct hsw_str a, struct hsw_str b);

#endif
