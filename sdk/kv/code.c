/* SPDX-License-Identifier: Apache-2.0 */
/* code.c - see code.h. */
#include "code.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 256
#define ESCAPED_NUL '\xff' /* behind a NUL of a key's string */
#define STRING_END '\x01'  /* behind the NUL that ends it; less than ESCAPED_NUL */

/* What a key of a table has, in order: who, name, seq, by. */
static const char *const shapes[KV_TABLES] = {
	[KV_META] = "",
	[KV_CURSOR] = "w",
	[KV_EVENT] = "s",
	[KV_RETRY] = "ws",
	[KV_DEAD] = "ws",
	[KV_NAMED] = "swb",
	[KV_RECORD] = "wn",
	[KV_MEMO] = "ws",
};

int
kv_compare(struct hsw_str a, struct hsw_str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n > 0 ? memcmp(a.s, b.s, n) : 0;

	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

bool
kv_is_same(struct hsw_str a, struct hsw_str b)
{
	return a.len == b.len && kv_compare(a, b) == 0;
}

/* ---- writing ---- */

void
kv_bytes_free(struct kv_bytes *b)
{
	free(b->s);
	*b = (struct kv_bytes){ .rc = HSW_OK };
}

void
kv_add_raw(struct kv_bytes *b, const void *s, size_t len)
{
	if (b->rc == HSW_OK && len > b->room - b->len) {
		size_t room = b->room > FIRST_ROOM ? b->room : FIRST_ROOM;
		while (room - b->len < len && room < SIZE_MAX / 2)
			room *= 2;
		char *more = room - b->len >= len ? realloc(b->s, room) : NULL;
		b->rc = more != NULL ? HSW_OK : HSW_ENOMEM;
		b->s = more != NULL ? more : b->s;
		b->room = more != NULL ? room : b->room;
	}
	if (b->rc != HSW_OK || len == 0)
		return;
	memcpy(b->s + b->len, s, len);
	b->len += len;
}

static void
add_byte(struct kv_bytes *b, int byte)
{
	char c = (char)byte;

	kv_add_raw(b, &c, 1);
}

static void
add_bits(struct kv_bytes *b, uint64_t bits, int n)
{
	char bytes[8];

	for (int i = 0; i < n; i++)
		bytes[i] = (char)(bits >> (8 * (n - 1 - i)));
	kv_add_raw(b, bytes, (size_t)n);
}

static void
add_number(struct kv_bytes *b, int64_t number)
{
	add_bits(b, (uint64_t)number ^ (uint64_t)INT64_MIN, 8);
}

static void
add_string(struct kv_bytes *b, struct hsw_str string)
{
	if (string.len > UINT32_MAX && b->rc == HSW_OK)
		b->rc = HSW_ELIMIT;
	add_bits(b, string.len, 4);
	kv_add_raw(b, string.s, string.len);
}

static void
add_key_string(struct kv_bytes *b, struct hsw_str string)
{
	for (size_t i = 0; i < string.len; i++) {
		add_byte(b, string.s[i]);
		if (string.s[i] == '\0')
			add_byte(b, ESCAPED_NUL);
	}
	add_byte(b, '\0');
	add_byte(b, STRING_END);
}

void
kv_add_key(struct kv_bytes *b, const struct kv_key *key)
{
	size_t from = b->len;

	if (b->rc == HSW_OK && (key->who.len > HSW_KV_KEY_MAX || key->name.len > HSW_KV_KEY_MAX))
		b->rc = HSW_EINVAL;
	if (b->rc != HSW_OK)
		return;
	add_byte(b, (int)key->table);
	for (const char *part = shapes[key->table]; *part != '\0'; part++) {
		if (*part == 'w' || *part == 'n')
			add_key_string(b, *part == 'w' ? key->who : key->name);
		else if (*part == 's')
			add_number(b, key->seq);
		else
			add_byte(b, (int)key->by);
	}
	if (b->rc == HSW_OK && b->len - from > HSW_KV_KEY_MAX)
		b->rc = HSW_EINVAL;
}

void
kv_add_meta(struct kv_bytes *b, const struct kv_meta *meta)
{
	add_byte(b, VALUE_VERSION);
	add_number(b, meta->last_seq);
	add_number(b, meta->last_memo);
	add_number(b, meta->events);
}

void
kv_add_cursor(struct kv_bytes *b, int64_t cursor)
{
	add_byte(b, VALUE_VERSION);
	add_number(b, cursor);
}

/* What pruning reads is at the start. */
void
kv_add_event(struct kv_bytes *b, const struct hsw_store_event *e)
{
	add_byte(b, VALUE_VERSION);
	add_number(b, e->received_ms);
	kv_add_raw(b, e->id, sizeof(e->id));
	add_string(b, e->instance);
	add_string(b, e->type);
	add_string(b, e->provider);
	add_string(b, e->key);
	add_string(b, e->layout);
	add_string(b, e->body);
}

void
kv_add_exception(struct kv_bytes *b, int attempts, int64_t time_ms, int status, struct hsw_str text)
{
	add_byte(b, VALUE_VERSION);
	add_number(b, attempts);
	add_number(b, time_ms);
	add_number(b, status);
	add_string(b, text);
}

void
kv_add_named(struct kv_bytes *b)
{
	add_byte(b, VALUE_VERSION);
}

void
kv_add_record(struct kv_bytes *b, struct hsw_str text)
{
	add_byte(b, VALUE_VERSION);
	add_string(b, text);
}

void
kv_add_memo(struct kv_bytes *b, int64_t at_ms, struct hsw_str text)
{
	add_byte(b, VALUE_VERSION);
	add_number(b, at_ms);
	add_string(b, text);
}

/* ---- reading ---- */

/* The next len bytes, or NULL. */
static const char *
take(struct kv_reader *r, size_t len)
{
	const char *s = r->at;

	if (r->is_bad || len > r->len) {
		r->is_bad = true;
		return NULL;
	}
	r->at += len;
	r->len -= len;
	return s;
}

static int
take_byte(struct kv_reader *r)
{
	const char *s = take(r, 1);

	return s != NULL ? (unsigned char)*s : 0;
}

static uint64_t
take_bits(struct kv_reader *r, size_t n)
{
	const char *s = take(r, n);
	uint64_t bits = 0;

	for (size_t i = 0; s != NULL && i < n; i++)
		bits = bits << 8 | (unsigned char)s[i];
	return bits;
}

static int64_t
take_number(struct kv_reader *r)
{
	uint64_t bits = take_bits(r, 8);

	return r->is_bad ? 0 : (int64_t)(bits ^ (uint64_t)INT64_MIN);
}

static int
take_int(struct kv_reader *r)
{
	int64_t number = take_number(r);

	if (number < INT_MIN || number > INT_MAX)
		r->is_bad = true;
	return r->is_bad ? 0 : (int)number;
}

static struct hsw_str
take_string(struct kv_reader *r)
{
	size_t len = (size_t)take_bits(r, 4);
	const char *s = take(r, len);

	return s != NULL ? (struct hsw_str){ s, len } : (struct hsw_str){ "", 0 };
}

static struct hsw_str
take_key_string(struct kv_reader *r, struct kv_strings *strings)
{
	struct hsw_str string = { strings->s + strings->len, 0 };

	while (!r->is_bad && strings->len < sizeof(strings->s)) {
		char c = (char)take_byte(r);
		if (c == '\0' && !r->is_bad) {
			char next = (char)take_byte(r);
			if (next == STRING_END)
				return string;
			r->is_bad = r->is_bad || next != ESCAPED_NUL;
		}
		strings->s[strings->len++] = c;
		string.len++;
	}
	r->is_bad = true;
	return string;
}

bool
kv_read_key(struct hsw_str bytes, struct kv_key *key, struct kv_strings *strings)
{
	struct kv_reader r = { bytes.s, bytes.len, bytes.len > HSW_KV_KEY_MAX };
	int table = take_byte(&r);

	*key = (struct kv_key){ .table = (enum kv_table)table };
	strings->len = 0;
	if (table < KV_META || table >= KV_TABLES)
		return false;
	for (const char *part = shapes[table]; *part != '\0'; part++) {
		if (*part == 'w' || *part == 'n')
			*(*part == 'w' ? &key->who : &key->name) = take_key_string(&r, strings);
		else if (*part == 's')
			key->seq = take_number(&r);
		else
			key->by = (enum kv_table)take_byte(&r);
	}
	return !r.is_bad && r.len == 0;
}

/* At what follows the version. */
static struct kv_reader
begin(struct hsw_str value)
{
	struct kv_reader r = { value.s, value.len, false };

	if (take_byte(&r) != VALUE_VERSION)
		r.is_bad = true;
	return r;
}

static bool
is_whole(const struct kv_reader *r)
{
	return !r->is_bad && r->len == 0;
}

bool
kv_read_meta(struct hsw_str value, struct kv_meta *meta)
{
	struct kv_reader r = begin(value);

	meta->last_seq = take_number(&r);
	meta->last_memo = take_number(&r);
	meta->events = take_number(&r);
	return is_whole(&r) && meta->last_seq >= 0 && meta->last_memo >= 0 && meta->events >= 0;
}

bool
kv_read_cursor(struct hsw_str value, int64_t *cursor)
{
	struct kv_reader r = begin(value);

	*cursor = take_number(&r);
	return is_whole(&r);
}

bool
kv_read_event(struct hsw_str value, struct hsw_store_event *e)
{
	struct kv_reader r = begin(value);

	e->received_ms = take_number(&r);
	const char *id = take(&r, sizeof(e->id));
	if (id != NULL)
		memcpy(e->id, id, sizeof(e->id));
	e->instance = take_string(&r);
	e->type = take_string(&r);
	e->provider = take_string(&r);
	e->key = take_string(&r);
	e->layout = take_string(&r);
	e->body = take_string(&r);
	return is_whole(&r);
}

bool
kv_read_exception(struct hsw_str value, struct hsw_store_exception *x)
{
	struct kv_reader r = begin(value);

	x->attempts = take_int(&r);
	x->due_ms = x->at_ms = take_number(&r);
	x->status = take_int(&r);
	x->text = take_string(&r);
	return is_whole(&r);
}

bool
kv_read_record(struct hsw_str value, struct hsw_str *text)
{
	struct kv_reader r = begin(value);

	*text = take_string(&r);
	return is_whole(&r);
}

bool
kv_read_memo(struct hsw_str value, int64_t *at_ms, struct hsw_str *text)
{
	struct kv_reader r = begin(value);

	*at_ms = take_number(&r);
	*text = take_string(&r);
	return is_whole(&r);
}
