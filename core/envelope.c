/* SPDX-License-Identifier: Apache-2.0 */
/*
 * envelope.c - see envelope.h.
 *
 * An envelope is one allocation: the struct, then its strings, then the body. The body's size is known
 * before it is written but for the count of envelopes in its request, for which COUNT_ROOM bytes are
 * kept free at the end.
 */
#include "envelope.h"

#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "shown.h"

#define COUNT_ROOM 16          /* "4294967295}}" and more */
#define PROVIDER_EVENT_MAX 128 /* bytes of a provider's event name that are kept */

const char *const event_type_names[TYPE_COUNT] = {
	[TYPE_MESSAGE_EXCHANGE] = "message.exchange",
	[TYPE_MESSAGE_STATUS] = "message.status",
	[TYPE_CALL_UPDATE] = "call.update",
	[TYPE_GROUP_FLOW] = "group.flow",
	[TYPE_INSTANCE_STATE] = "instance.state",
	[TYPE_LABEL_UPDATE] = "label.update",
};

int
event_type_of(struct hsw_str name)
{
	for (int i = 0; i < TYPE_COUNT; i++) {
		if (str_is(name, event_type_names[i]))
			return i;
	}
	return -1;
}

int
event_type_or_raw(struct hsw_str name)
{
	static const char raw[] = "raw.";
	bool is_raw = name.len >= sizeof(raw) && memcmp(name.s, raw, sizeof(raw) - 1) == 0;

	return is_raw ? TYPE_RAW : event_type_of(name);
}

/* id = the first 128 bits of SHA-256 over instance, type and natural key, with NUL between: neither
 * of the first two can hold one. Before the instance, its own id, where it has one, and "/", which no name has:
 * one that is made anew shall not have what came of the former one taken for its own. */
static int
make_id(struct hsw_envelope *e, const struct envelope_origin *o, struct hsw_str identity)
{
	static const struct hsw_str nul = { "", 1 }, slash = { "/", 1 }, none = { "", 0 };
	const struct hsw_str parts[] = { o->instance_id, o->instance_id.len > 0 ? slash : none,
		e->instance, nul, e->type_name, nul, identity };
	unsigned char digest[SHA256_BYTES];

	if (!hasher_sha256(o->hasher, parts, sizeof(parts) / sizeof(parts[0]), digest))
		return HSW_ENOMEM;
	memcpy(e->id, digest, sizeof(e->id));
	return HSW_OK;
}

static void
make_id_text(struct hsw_envelope *e)
{
	static const char digits[] = "0123456789abcdef";

	memcpy(e->id_text, "evt_", 4);
	for (size_t i = 0; i < sizeof(e->id); i++) {
		e->id_text[4 + 2 * i] = digits[e->id[i] >> 4];
		e->id_text[5 + 2 * i] = digits[e->id[i] & 15];
	}
}

uint64_t
envelope_key_hash(struct hsw_str instance, struct hsw_str key)
{
	uint64_t hash = str_hash(HASH_START, instance);
	return str_hash(str_hash(hash, (struct hsw_str){ "", 1 }), key);
}

/* Where the body is being written. The room was computed before: it never runs over. */
struct writer {
	char *at;
	struct hsw_envelope *e;
};

static void
put(struct writer *w, const char *s, size_t n)
{
	memcpy(w->at, s, n);
	w->at += n;
}

#define PUT_LITERAL(w, text) put(w, text, sizeof(text) - 1)

static void
put_str(struct writer *w, struct hsw_str s)
{
	put(w, s.s, s.len);
}

static void
put_number(struct writer *w, unsigned n)
{
	char digits[10];
	size_t len = 0;

	do
		digits[sizeof(digits) - ++len] = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	put(w, digits + sizeof(digits) - len, len);
}

/* Ends a range where the writer is; runs of the same part become one range. */
static void
end_range(struct writer *w, uint8_t part)
{
	struct hsw_envelope *e = w->e;
	uint32_t end = (uint32_t)(w->at - e->body.s);

	if (e->ranges > 0 && e->range[e->ranges - 1].part == part && part != HSW_TOKEN)
		e->range[e->ranges - 1].end = end;
	else
		e->range[e->ranges++] = (struct envelope_range){ end, part };
}

static int
check_event(const struct hsw_event *ev, int *type, size_t *data_bytes)
{
	size_t sum = 0;

	*type = event_type_or_raw(str_of(ev->type));
	if (*type < 0 || ev->pieces == 0 || ev->pieces > HSW_PIECES_MAX)
		return HSW_EINVAL;
	for (size_t i = 0; i < ev->pieces; i++) {
		const struct hsw_piece *p = &ev->data[i];
		if (p->part != 0 && p->part != HSW_MEDIA && p->part != HSW_CODES &&
			p->part != HSW_KEYS)
			return HSW_EINVAL;
		if (p->bytes.len > ENVELOPE_DATA_MAX - sum)
			return HSW_ELIMIT;
		sum += p->bytes.len;
	}
	const struct hsw_str first = ev->data[0].bytes, last = ev->data[ev->pieces - 1].bytes;
	if (first.len == 0 || first.s[0] != '{' || last.len == 0 || last.s[last.len - 1] != '}')
		return HSW_EINVAL;
	*data_bytes = sum;
	return HSW_OK;
}

static struct hsw_str
keep(char **memory, struct hsw_str s)
{
	struct hsw_str kept = { *memory, s.len };
	if (s.len > 0)
		memcpy(*memory, s.s, s.len);
	*memory += s.len;
	return kept;
}

/* An envelope with its strings set and `body` bytes of room behind them. */
static struct hsw_envelope *
allocate(const struct hsw_store_event *row, struct hsw_str token, size_t body, enum event_type type)
{
	struct hsw_envelope *e = malloc(sizeof(*e) + row->type.len + row->instance.len +
		row->provider.len + row->key.len + token.len + body);
	if (e == NULL)
		return NULL;
	char *memory = e->memory;
	atomic_init(&e->refs, 1);
	e->type = type;
	e->seq = row->seq;
	e->received_ms = row->received_ms;
	e->type_name = keep(&memory, row->type);
	e->instance = keep(&memory, row->instance);
	e->provider = keep(&memory, row->provider);
	e->key = keep(&memory, row->key);
	e->token = keep(&memory, token);
	e->body = (struct hsw_str){ memory, 0 };
	e->is_damaged = false;
	e->ranges = 0;
	e->key_hash = envelope_key_hash(e->instance, e->key);
	return e;
}

bool
envelope_has_codes(const struct hsw_event *ev)
{
	unsigned parts = 0;

	for (size_t i = 0; i < ev->pieces && i < HSW_PIECES_MAX; i++)
		parts |= ev->data[i].part;
	return (parts & HSW_CODES) != 0;
}

/* Codes of the event are in the request's body, too. Its media keys are not. */
static uint8_t
raw_part(const struct hsw_event *ev)
{
	return envelope_has_codes(ev) ? HSW_RAW | HSW_CODES : HSW_RAW;
}

static void
write_body(struct writer *w, const struct envelope_origin *o, const struct hsw_event *ev,
	struct hsw_str provider_event, unsigned index)
{
	char when[CLOCK_TEXT_SIZE];

	PUT_LITERAL(w, "{\"event\":\"");
	put_str(w, w->e->type_name);
	PUT_LITERAL(w, "\",\"data\":");
	end_range(w, 0);
	for (size_t i = 0; i < ev->pieces; i++) {
		put_str(w, ev->data[i].bytes);
		end_range(w, (uint8_t)ev->data[i].part);
	}
	PUT_LITERAL(w, ",\"instanceData\":{\"baseUrl\":");
	put_str(w, o->base_url_json);
	PUT_LITERAL(w, ",\"instance\":\"");
	put_str(w, w->e->instance);
	PUT_LITERAL(w, "\"");
	end_range(w, 0);
	end_range(w, HSW_TOKEN);
	PUT_LITERAL(w, "},\"id\":\"");
	put(w, w->e->id_text, ENVELOPE_ID_TEXT);
	PUT_LITERAL(w, "\",\"receivedAt\":\"");
	clock_text(o->received_ms, when);
	put(w, when, CLOCK_TEXT_SIZE - 1);
	PUT_LITERAL(w, "\",\"source\":{\"provider\":\"");
	put_str(w, w->e->provider);
	PUT_LITERAL(w, "\",\"event\":");
	put_str(w, provider_event);
	PUT_LITERAL(w, ",\"index\":");
	put_number(w, index);
	end_range(w, 0);
	if (index == 0 && o->raw.len > 0) {
		put_str(w, o->raw);
		end_range(w, raw_part(ev));
	}
	PUT_LITERAL(w, ",\"count\":");
	end_range(w, 0);
}

/* Bytes of the fixed text of write_body with its numbers, dates and id, rounded up. */
#define FIXED_TEXT 256

int
envelope_new(const struct envelope_origin *o, const struct hsw_event *ev, unsigned index,
	struct hsw_envelope **out)
{
	struct buf name = BUF_INIT;
	size_t data_bytes = 0;
	int type = 0, rc = check_event(ev, &type, &data_bytes);

	*out = NULL;
	if (rc != HSW_OK)
		return rc;
	const struct hsw_str given = ev->provider_event;
	buf_json(&name,
		(struct hsw_str){ given.s, shown_cut(given.s, given.len, PROVIDER_EVENT_MAX) });
	if (name.failed)
		return HSW_ENOMEM;
	const struct hsw_store_event row = { .received_ms = o->received_ms,
		.instance = o->instance,
		.type = str_of(ev->type),
		.provider = o->provider,
		.key = ev->key };
	size_t room = FIXED_TEXT + data_bytes + row.type.len + o->base_url_json.len +
		row.instance.len + row.provider.len + name.len + (index == 0 ? o->raw.len : 0) +
		COUNT_ROOM;
	struct hsw_envelope *e = allocate(&row, o->token, room, (enum event_type)type);
	rc = e != NULL ? make_id(e, o, ev->identity) : HSW_ENOMEM;
	if (rc == HSW_OK) {
		struct writer w = { e->memory + (e->body.s - e->memory), e };
		make_id_text(e);
		write_body(&w, o, ev, (struct hsw_str){ name.data, name.len }, index);
		e->body.len = (size_t)(w.at - e->body.s);
		*out = e;
	} else {
		free(e);
	}
	buf_free(&name);
	return rc;
}

void
envelope_drop_raw(struct hsw_envelope *e)
{
	size_t i = 0;

	while (i < e->ranges && (e->range[i].part & HSW_RAW) == 0)
		i++;
	if (i == 0 || i >= e->ranges)
		return;
	uint32_t begin = e->range[i - 1].end, end = e->range[i].end;
	char *body = e->memory + (e->body.s - e->memory);
	memmove(body + begin, body + end, e->body.len - end);
	e->body.len -= end - begin;
	e->ranges--;
	for (; i < e->ranges; i++)
		e->range[i] = (struct envelope_range){ e->range[i + 1].end - (end - begin),
			e->range[i + 1].part };
}

void
envelope_guard_raw(struct hsw_envelope *e)
{
	for (size_t i = 0; i < e->ranges; i++) {
		if (e->range[i].part & HSW_RAW)
			e->range[i].part |= HSW_CODES;
	}
}

void
envelope_finish(struct hsw_envelope *e, unsigned count)
{
	struct writer w = { e->memory + (e->body.s - e->memory) + e->body.len, e };

	put_number(&w, count);
	PUT_LITERAL(&w, "}}");
	end_range(&w, 0);
	e->body.len = (size_t)(w.at - e->body.s);
}

/* A layout is 5 bytes a range: its end as a little-endian 32-bit number, its part. */
size_t
envelope_layout(const struct hsw_envelope *e, unsigned char out[ENVELOPE_LAYOUT_MAX])
{
	for (size_t i = 0; i < e->ranges; i++) {
		uint32_t end = e->range[i].end;
		for (int k = 0; k < 4; k++)
			out[5 * i + (size_t)k] = (unsigned char)(end >> (8 * k));
		out[5 * i + 4] = e->range[i].part;
	}
	return 5 * (size_t)e->ranges;
}

static bool
read_layout(struct hsw_envelope *e, struct hsw_str layout)
{
	const unsigned char *p = (const unsigned char *)layout.s;
	size_t n = layout.len / 5;
	uint32_t before = 0;

	if (layout.len % 5 != 0 || n == 0 || n > ENVELOPE_RANGES_MAX)
		return false;
	for (size_t i = 0; i < n; i++, p += 5) {
		uint32_t end = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
			(uint32_t)p[3] << 24;
		if (end < before || end > e->body.len)
			return false;
		e->range[i] = (struct envelope_range){ end, p[4] };
		before = end;
	}
	if (before != e->body.len)
		return false;
	e->ranges = (uint8_t)n;
	return true;
}

struct hsw_envelope *
envelope_from_row(const struct hsw_store_event *row, struct hsw_str token)
{
	int type = event_type_or_raw(row->type);
	struct hsw_envelope *e = type >= 0
		? allocate(row, token, row->body.len, (enum event_type)type)
		: NULL;

	if (e == NULL)
		return NULL;
	memcpy(e->memory + (e->body.s - e->memory), row->body.s, row->body.len);
	e->body.len = row->body.len;
	memcpy(e->id, row->id, sizeof(e->id));
	make_id_text(e);
	e->is_damaged = !read_layout(e, row->layout);
	return e;
}

struct hsw_envelope *
envelope_ref(struct hsw_envelope *e)
{
	atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
	return e;
}

void
envelope_unref(struct hsw_envelope *e)
{
	if (e != NULL && atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) == 1)
		free(e);
}

/* Adds a piece, or makes the last one longer where it goes on. */
static int
add_iov(struct iovec *iov, int n, int used, const char *s, size_t len)
{
	if (len == 0)
		return used;
	if (used > 0 && (char *)iov[used - 1].iov_base + iov[used - 1].iov_len == s) {
		iov[used - 1].iov_len += len;
		return used;
	}
	if (used == n)
		return HSW_ELIMIT;
	iov[used] = (struct iovec){ (void *)s, len };
	return used + 1;
}

int
envelope_iov(const struct hsw_envelope *e, unsigned parts, struct iovec *iov, int n)
{
	uint32_t begin = 0;
	int used = 0;

	for (size_t i = 0; i < e->ranges && used >= 0; i++) {
		const struct envelope_range *r = &e->range[i];
		if (r->part == HSW_TOKEN && (parts & HSW_TOKEN))
			used = add_iov(iov, n, used, e->token.s, e->token.len);
		else if ((parts & r->part) == r->part)
			used = add_iov(iov, n, used, e->body.s + begin, r->end - begin);
		begin = r->end;
	}
	return used;
}

struct hsw_str
envelope_field(const struct hsw_envelope *e, enum hsw_field field)
{
	switch (field) {
	case HSW_F_ID:
		return (struct hsw_str){ e->id_text, ENVELOPE_ID_TEXT };
	case HSW_F_TYPE:
		return e->type_name;
	case HSW_F_INSTANCE:
		return e->instance;
	case HSW_F_PROVIDER:
		return e->provider;
	case HSW_F_KEY:
		return e->key;
	}
	return (struct hsw_str){ NULL, 0 };
}

/* From one quote to the other, escapes left as they are; s.s[at] is the first one. */
static struct hsw_str
quoted(struct hsw_str s, size_t at)
{
	size_t end = at + 1;

	while (end < s.len && s.s[end] != '"')
		end += s.s[end] == '\\' ? 2 : 1;
	return end < s.len ? (struct hsw_str){ s.s + at + 1, end - at - 1 }
			   : (struct hsw_str){ NULL, 0 };
}

/* Where the value of a name stands that ends before `at`; s.len: no colon follows, it is no name. */
static size_t
value_after(struct hsw_str s, size_t at)
{
	while (at < s.len && s.s[at] == ' ')
		at++;
	if (at == s.len || s.s[at] != ':')
		return s.len;
	for (at++; at < s.len && s.s[at] == ' ';)
		at++;
	return at;
}

/* Values of `member` that are no strings, and what is deeper, are passed over. */
static struct hsw_str
find_text(struct hsw_str data, const char *member)
{
	size_t depth = 0;

	for (size_t i = 0; i < data.len; i++) {
		char c = data.s[i];
		if (c == '{' || c == '[')
			depth++;
		if ((c == '}' || c == ']') && --depth == 0)
			break;
		if (c != '"')
			continue;
		struct hsw_str text = quoted(data, i);
		if (text.s == NULL)
			break;
		i += text.len + 1;
		size_t value = value_after(data, i + 1);
		if (depth == 1 && value < data.len && data.s[value] == '"' && str_is(text, member))
			return quoted(data, value);
	}
	return (struct hsw_str){ NULL, 0 };
}

struct hsw_str
envelope_text(const struct hsw_envelope *e, const char *member)
{
	/* As write_body begins. */
	size_t before = strlen("{\"event\":\"\",\"data\":") + e->type_name.len;
	size_t n = e->body.len > before ? e->body.len - before : 0;

	return find_text((struct hsw_str){ e->body.s + before,
				 n < ENVELOPE_TEXT_WITHIN ? n : ENVELOPE_TEXT_WITHIN },
		member);
}

static int
hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
envelope_id_parse(struct hsw_str text, unsigned char id[HSW_EVENT_ID_BYTES])
{
	if (text.len == ENVELOPE_ID_TEXT && memcmp(text.s, "evt_", 4) == 0)
		text = (struct hsw_str){ text.s + 4, text.len - 4 };
	if (text.len != 2 * HSW_EVENT_ID_BYTES)
		return false;
	for (size_t i = 0; i < HSW_EVENT_ID_BYTES; i++) {
		int high = hex_value(text.s[2 * i]), low = hex_value(text.s[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		id[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}
