/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canon.c - the JSON writer of hookswitch/canon.h.
 *
 *   text   {"id":"3A..","media":{"type":"image","base64":""},...}
 *          |--------------- cut ------------|------- cut ---| ...
 *                                            foreign bytes lie between two cuts
 *
 * Cuts ascend; what lies between the last cut and the end of the text is still of the current part.
 */
#include <hookswitch/canon.h>

#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 4096
#define BUCKET_MS 2000
#define DIGITS_MAX 24 /* of an int64_t, and its sign */

struct scratch {
	struct scratch *next;
	char bytes[];
};

/* ---- memory ---- */

static bool
reserve(struct hsw_canon *c, struct hsw_bytes *b, size_t more)
{
	if (c->failed || more <= b->cap - b->len)
		return !c->failed;
	size_t cap = b->cap != 0 ? b->cap : FIRST_BYTES;
	while (cap - b->len < more && cap <= SIZE_MAX / 2)
		cap *= 2;
	char *data = cap - b->len >= more ? realloc(b->data, cap) : NULL;
	if (data == NULL) {
		c->failed = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

char *
canon_scratch(struct hsw_canon *c, size_t n)
{
	struct scratch *s = n < SIZE_MAX / 2 ? malloc(sizeof(*s) + n) : NULL;

	if (s == NULL) {
		c->failed = true;
		return NULL;
	}
	s->next = c->scratch;
	c->scratch = s;
	return s->bytes;
}

static void
free_scratch(struct hsw_canon *c)
{
	for (struct scratch *s = c->scratch, *next; s != NULL; s = next) {
		next = s->next;
		free(s);
	}
	c->scratch = NULL;
}

/* ---- life ---- */

static void
forget(struct hsw_canon *c)
{
	c->text.len = c->identity.len = 0;
	c->n_cuts = 0;
	c->has_member = false;
	c->part = 0;
	c->type = NULL;
	c->key.len = 0;
}

void
canon_start(struct hsw_canon *c, const struct hsw_request *request, struct hsw_str occasion)
{
	forget(c);
	free_scratch(c);
	c->failed = false;
	c->request = request;
	c->received_ms = request->received_ms;
	c->occasion = occasion;
	c->instance = (struct hsw_str){ NULL, 0 };
}

void
canon_instance(struct hsw_canon *c, struct hsw_str name)
{
	const struct hsw_request *r = c->request;
	size_t known = r->size < sizeof(*r) ? r->size : sizeof(*r);

	if (r != &c->of_instance)
		memcpy(&c->of_instance, r, known);
	c->of_instance.instance = name;
	c->request = &c->of_instance;
	c->instance = name;
}

void
canon_key_is(struct hsw_canon *c, struct hsw_str key)
{
	c->key.len = 0;
	if (key.len > 0 && reserve(c, &c->key, key.len)) {
		memcpy(c->key.data, key.s, key.len);
		c->key.len = key.len;
	}
}

void
canon_begin(struct hsw_canon *c, const char *type, struct hsw_str key)
{
	forget(c);
	c->type = type;
	canon_key_is(c, key);
}

void
canon_free(struct hsw_canon *c)
{
	free_scratch(c);
	free(c->text.data);
	free(c->identity.data);
	free(c->key.data);
	*c = (struct hsw_canon){ .type = NULL };
}

/* ---- text ---- */

static void
put(struct hsw_canon *c, const char *s, size_t n)
{
	if (n == 0 || !reserve(c, &c->text, n))
		return;
	memcpy(c->text.data + c->text.len, s, n);
	c->text.len += n;
}

static void
put_char(struct hsw_canon *c, char ch)
{
	if (reserve(c, &c->text, 1))
		c->text.data[c->text.len++] = ch;
}

/* The length of the UTF-8 sequence at s (RFC 3629 section 4), 0: there is none. */
static size_t
utf8_length(const unsigned char *s, size_t n)
{
	size_t want = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

	if (s[0] < 0xc2 || s[0] > 0xf4 || n < want)
		return 0;
	for (size_t i = 1; i < want; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	bool is_overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
	bool is_outside = (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f);
	return is_overlong || is_outside ? 0 : want;
}

size_t
canon_utf8_length(struct hsw_str s)
{
	const unsigned char *p = (const unsigned char *)s.s;
	size_t i = 0;

	while (i < s.len) {
		uint64_t word;
		if (s.len - i >= sizeof(word)) {
			memcpy(&word, p + i, sizeof(word));
			if ((word & 0x8080808080808080u) == 0) {
				i += sizeof(word);
				continue;
			}
		}
		size_t n = p[i] < 0x80 ? 1 : utf8_length(p + i, s.len - i);
		if (n == 0)
			return i;
		i += n;
	}
	return i;
}

/* What stands for the byte in a JSON string: 0: itself, 'u': \u00xx, '8': UTF-8, else \ and this. */
static const char escapes[256] = {
	[0x00 ... 0x07] = 'u',
	['\b'] = 'b',
	['\t'] = 't',
	['\n'] = 'n',
	[0x0b] = 'u',
	['\f'] = 'f',
	['\r'] = 'r',
	[0x0e ... 0x1f] = 'u',
	['"'] = '"',
	['\\'] = '\\',
	[0x80 ... 0xff] = '8',
};

static void
put_escape(struct hsw_canon *c, unsigned char ch)
{
	static const char hex[] = "0123456789abcdef";
	const char text[] = { '\\', escapes[ch], '0', '0', hex[ch >> 4], hex[ch & 15] };

	put(c, text, escapes[ch] == 'u' ? 6 : 2);
}

static void
put_string(struct hsw_canon *c, struct hsw_str s)
{
	const unsigned char *p = (const unsigned char *)s.s;
	size_t start = 0, i = 0;

	put_char(c, '"');
	while (i < s.len) {
		if (escapes[p[i]] == 0) {
			i++;
			continue;
		}
		size_t n = p[i] >= 0x80 ? utf8_length(p + i, s.len - i) : 0;
		if (n != 0) {
			i += n;
			continue;
		}
		put(c, s.s + start, i - start);
		if (p[i] >= 0x80)
			put(c, "\xef\xbf\xbd", 3);
		else
			put_escape(c, p[i]);
		start = ++i;
	}
	put(c, s.s + start, s.len - start);
	put_char(c, '"');
}

static void
begin_member(struct hsw_canon *c, const char *key)
{
	size_t n = key != NULL ? strlen(key) : 0;

	if (!reserve(c, &c->text, n + 4))
		return;
	char *at = c->text.data + c->text.len;
	if (c->has_member)
		*at++ = ',';
	c->has_member = true;
	if (key != NULL) {
		*at++ = '"';
		memcpy(at, key, n);
		at += n;
		*at++ = '"';
		*at++ = ':';
	}
	c->text.len = (size_t)(at - c->text.data);
}

void
canon_key(struct hsw_canon *c, struct hsw_str key)
{
	begin_member(c, NULL);
	put_string(c, key);
	put_char(c, ':');
	c->has_member = false;
}

void
canon_open_object(struct hsw_canon *c, const char *key)
{
	begin_member(c, key);
	put_char(c, '{');
	c->has_member = false;
}

void
canon_close_object(struct hsw_canon *c)
{
	put_char(c, '}');
	c->has_member = true;
}

void
canon_open_array(struct hsw_canon *c, const char *key)
{
	begin_member(c, key);
	put_char(c, '[');
	c->has_member = false;
}

void
canon_close_array(struct hsw_canon *c)
{
	put_char(c, ']');
	c->has_member = true;
}

void
canon_string(struct hsw_canon *c, const char *key, struct hsw_str s)
{
	if (s.s == NULL)
		return;
	begin_member(c, key);
	put_string(c, s);
}

void
canon_some(struct hsw_canon *c, const char *key, struct hsw_str s)
{
	if (s.len > 0)
		canon_string(c, key, s);
}

void
canon_text(struct hsw_canon *c, const char *key, const char *s)
{
	if (s != NULL)
		canon_string(c, key, (struct hsw_str){ s, strlen(s) });
}

/* The decimal digits of n, at the end of out; returns how many bytes. */
static size_t
digits_of(int64_t n, char out[DIGITS_MAX])
{
	uint64_t u = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
	size_t len = 0;

	do
		out[DIGITS_MAX - ++len] = (char)('0' + u % 10);
	while ((u /= 10) != 0);
	if (n < 0)
		out[DIGITS_MAX - ++len] = '-';
	return len;
}

void
canon_int(struct hsw_canon *c, const char *key, int64_t n)
{
	char digits[DIGITS_MAX];
	size_t len = digits_of(n, digits);

	begin_member(c, key);
	put(c, digits + DIGITS_MAX - len, len);
}

static size_t
skip_digits(struct hsw_str s, size_t i)
{
	while (i < s.len && s.s[i] >= '0' && s.s[i] <= '9')
		i++;
	return i;
}

static bool
is_number(struct hsw_str s)
{
	size_t first = s.len > 0 && s.s[0] == '-', i = skip_digits(s, first);

	if (i == first || (i > first + 1 && s.s[first] == '0'))
		return false;
	if (i < s.len && s.s[i] == '.') {
		size_t fraction = i + 1;
		i = skip_digits(s, fraction);
		if (i == fraction)
			return false;
	}
	if (i < s.len && (s.s[i] == 'e' || s.s[i] == 'E')) {
		size_t exponent = i + 1;
		if (exponent < s.len && (s.s[exponent] == '+' || s.s[exponent] == '-'))
			exponent++;
		i = skip_digits(s, exponent);
		if (i == exponent)
			return false;
	}
	return i == s.len;
}

void
canon_number(struct hsw_canon *c, const char *key, struct hsw_str s)
{
	if (s.s == NULL || !is_number(s))
		return;
	begin_member(c, key);
	put(c, s.s, s.len);
}

void
canon_bool(struct hsw_canon *c, const char *key, bool value)
{
	begin_member(c, key);
	put(c, value ? "true" : "false", value ? 4 : 5);
}

void
canon_tri(struct hsw_canon *c, const char *key, enum hsw_tri value)
{
	if (value != HSW_UNKNOWN)
		canon_bool(c, key, value == HSW_YES);
}

void
canon_null(struct hsw_canon *c, const char *key)
{
	begin_member(c, key);
	put(c, "null", 4);
}

void
canon_when(struct hsw_canon *c, const char *key, int64_t ms)
{
	char text[HSW_TIME_MAX];

	canon_time(ms != 0 ? ms : c->received_ms, text);
	canon_text(c, key, text);
}

/* ---- pieces ---- */

static void
cut(struct hsw_canon *c, struct hsw_str foreign)
{
	size_t last = c->n_cuts > 0 ? c->cuts[c->n_cuts - 1].end : 0;

	if (foreign.s == NULL && last == c->text.len)
		return;
	if (c->n_cuts == HSW_PIECES_MAX) {
		c->failed = true;
		return;
	}
	c->cuts[c->n_cuts].foreign = foreign;
	c->cuts[c->n_cuts].end = c->text.len;
	c->cuts[c->n_cuts].part = c->part;
	c->n_cuts++;
}

static const struct hsw_str none = { NULL, 0 };

void
canon_part(struct hsw_canon *c, unsigned part)
{
	cut(c, none);
	c->part = part;
}

void
canon_borrowed(struct hsw_canon *c, const char *key, struct hsw_str s)
{
	if (s.s == NULL)
		return;
	begin_member(c, key);
	put_char(c, '"');
	cut(c, none);
	if (s.len > 0)
		cut(c, s);
	put_char(c, '"');
}

static void
make_pieces(struct hsw_canon *c)
{
	size_t begin = 0;

	cut(c, none);
	for (size_t i = 0; i < c->n_cuts; i++) {
		struct hsw_str own = { c->text.data + begin, c->cuts[i].end - begin };
		c->pieces[i].bytes = c->cuts[i].foreign.s != NULL ? c->cuts[i].foreign : own;
		c->pieces[i].part = c->cuts[i].part;
		begin = c->cuts[i].end;
	}
}

int
canon_emit(struct hsw_canon *c, struct hsw_str provider_event,
	int (*emit)(struct hsw_emit *, const struct hsw_event *), struct hsw_emit *out)
{
	int rc = HSW_ENOMEM;

	make_pieces(c);
	if (c->n_cuts == HSW_PIECES_MAX && c->failed)
		rc = HSW_ELIMIT;
	if (!c->failed) {
		const struct hsw_event event = {
			.size = sizeof(event),
			.type = c->type,
			.provider_event = provider_event,
			.identity = { c->identity.data, c->identity.len },
			.key = { c->key.data != NULL ? c->key.data : "", c->key.len },
			.data = c->pieces,
			.pieces = c->n_cuts,
			.instance = c->instance,
		};
		rc = emit(out, &event);
	}
	forget(c);
	free_scratch(c);
	return rc;
}

int
canon_ignore(struct hsw_canon *c, struct hsw_str provider_event,
	int (*emit)(struct hsw_emit *, const struct hsw_event *), struct hsw_emit *out)
{
	const struct hsw_event event = {
		.size = sizeof(event), .provider_event = provider_event, .instance = c->instance
	};

	forget(c);
	free_scratch(c);
	return emit(out, &event);
}

/* ---- natural keys ---- */

void
canon_identity(struct hsw_canon *c, struct hsw_str part)
{
	if (!reserve(c, &c->identity, part.len + sizeof(uint32_t)))
		return;
	char *at = c->identity.data + c->identity.len;
	for (size_t i = 0; i < sizeof(uint32_t); i++)
		*at++ = (char)(part.len >> 8 * i & 0xff);
	if (part.len > 0)
		memcpy(at, part.s, part.len);
	c->identity.len += sizeof(uint32_t) + part.len;
}

void
canon_identity_text(struct hsw_canon *c, const char *part)
{
	canon_identity(c, (struct hsw_str){ part, strlen(part) });
}

void
canon_identity_time(struct hsw_canon *c, int64_t ms)
{
	char digits[DIGITS_MAX];

	if (ms == 0 && c->occasion.s != NULL && c->occasion.len > 0) {
		canon_identity(c, c->occasion);
		return;
	}
	size_t len = digits_of(ms != 0 ? ms : c->received_ms / BUCKET_MS, digits);
	canon_identity(c, (struct hsw_str){ digits + DIGITS_MAX - len, len });
}
