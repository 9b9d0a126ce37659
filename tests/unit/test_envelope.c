/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of envelope and emit: the text with every choice of parts, ids, the way through the store. */
#include "unit.h"

#include <stdio.h>

#include <json.h>

#include "buf.h"
#include "emit.h"

static struct hasher *hasher;

static struct envelope_origin
origin(void)
{
	return (struct envelope_origin){
		.base_url_json = str_of("\"http://h:1\""),
		.instance = str_of("sales"),
		.provider = str_of("evolution"),
		.token = str_of(",\"token\":\"T\""),
		.received_ms = 1795229628123,
		.hasher = hasher,
	};
}

static const struct hsw_piece pieces[] = {
	{ { "{\"a\":{\"x\":1", 11 }, 0 },
	{ { ",\"base64\":\"", 11 }, HSW_MEDIA },
	{ { "QUJD", 4 }, HSW_MEDIA },
	{ { "\"", 1 }, HSW_MEDIA },
	{ { "},\"b\":2", 7 }, 0 },
	{ { ",\"codes\":[1]", 12 }, HSW_CODES },
	{ { "}", 1 }, 0 },
};

static struct hsw_event
event(void)
{
	return (struct hsw_event){
		.size = sizeof(struct hsw_event),
		.type = "message.exchange",
		.provider_event = str_of("messages.\"upsert\""),
		.identity = str_of("id1"),
		.key = str_of("123@s.whatsapp.net"),
		.data = pieces,
		.pieces = sizeof(pieces) / sizeof(pieces[0]),
	};
}

static struct hsw_envelope *
make(const struct hsw_event *e)
{
	struct envelope_origin o = origin();
	struct hsw_envelope *envelope;

	ck_assert_int_eq(envelope_new(&o, e, 0, &envelope), HSW_OK);
	envelope_finish(envelope, 1);
	return envelope;
}

static char *
text_of(const struct hsw_envelope *e, unsigned parts, int *n)
{
	struct iovec iov[HSW_IOV_MAX];
	struct buf b = BUF_INIT;

	*n = envelope_iov(e, parts, iov, HSW_IOV_MAX);
	ck_assert_int_gt(*n, 0);
	for (int i = 0; i < *n; i++)
		buf_append(&b, iov[i].iov_base, iov[i].iov_len);
	buf_append(&b, "", 1);
	return b.data;
}

static const char plain[] =
	"{\"event\":\"message.exchange\",\"data\":{\"a\":{\"x\":1},\"b\":2},"
	"\"instanceData\":{\"baseUrl\":\"http://h:1\",\"instance\":\"sales\"},"
	"\"id\":\"evt_%s\",\"receivedAt\":\"2026-11-21T02:53:48.123Z\","
	"\"source\":{\"provider\":\"evolution\",\"event\":\"messages.\\\"upsert\\\"\","
	"\"index\":0,\"count\":1}}";

START_TEST(text_without_parts_is_exactly_this)
{
	struct hsw_event ev = event();
	struct hsw_envelope *e = make(&ev);
	char expected[1024];
	int n;

	snprintf(expected, sizeof(expected), plain, "0123456789abcdef0123456789abcdef");
	char *text = text_of(e, 0, &n);
	memcpy(strstr(expected, "evt_"), strstr(text, "evt_"), ENVELOPE_ID_TEXT);
	ck_assert_str_eq(text, expected);
	ck_assert_int_eq(n, 3); /* what lies together goes together */
	free(text);
	envelope_unref(e);
}
END_TEST

START_TEST(every_choice_of_parts_is_json_and_has_just_those)
{
	struct hsw_event ev = event();
	struct hsw_envelope *e = make(&ev);

	for (unsigned parts = 0; parts < 32; parts++) {
		int n;
		char *text = text_of(e, parts, &n);
		struct json_object *root = json_tokener_parse(text);
		ck_assert_ptr_nonnull(root);
		ck_assert_int_eq(
			strstr(text, "\"base64\":\"QUJD\"") != NULL, (parts & HSW_MEDIA) != 0);
		ck_assert_int_eq(strstr(text, "\"codes\":[1]") != NULL, (parts & HSW_CODES) != 0);
		ck_assert_int_eq(strstr(text, "\"token\":\"T\"") != NULL, (parts & HSW_TOKEN) != 0);
		json_object_put(root);
		free(text);
	}
	envelope_unref(e);
}
END_TEST

START_TEST(too_few_iovecs_are_an_error_not_a_cut_text)
{
	struct hsw_event ev = event();
	struct hsw_envelope *e = make(&ev);
	struct iovec iov[2];

	ck_assert_int_eq(envelope_iov(e, HSW_MEDIA | HSW_TOKEN, iov, 2), HSW_ELIMIT);
	envelope_unref(e);
}
END_TEST

START_TEST(token_is_never_in_what_is_stored)
{
	struct hsw_event ev = event();
	struct hsw_envelope *e = make(&ev);

	ck_assert_ptr_null(memmem(e->body.s, e->body.len, "\"T\"", 3));
	envelope_unref(e);
}
END_TEST

START_TEST(row_and_back_gives_the_same_text)
{
	struct hsw_event ev = event();
	struct hsw_envelope *e = make(&ev);
	unsigned char layout[ENVELOPE_LAYOUT_MAX];
	struct hsw_store_event row = { .seq = 7,
		.received_ms = e->received_ms,
		.instance = e->instance,
		.type = e->type_name,
		.provider = e->provider,
		.key = e->key,
		.layout = { (char *)layout, envelope_layout(e, layout) },
		.body = e->body };
	memcpy(row.id, e->id, sizeof(row.id));
	struct hsw_envelope *again = envelope_from_row(&row, str_of(",\"token\":\"T\""));
	int n;

	for (unsigned parts = 0; parts < 32; parts++) {
		char *a = text_of(e, parts, &n), *b = text_of(again, parts, &n);
		ck_assert_str_eq(a, b);
		free(a);
		free(b);
	}
	ck_assert_int_eq(again->seq, 7);
	ck_assert(again->key_hash == e->key_hash);
	ck_assert_mem_eq(again->id_text, e->id_text, ENVELOPE_ID_TEXT);
	envelope_unref(e);
	envelope_unref(again);
}
END_TEST

START_TEST(of_a_broken_layout_nothing_is_sent)
{
	struct iovec iov[4];

	struct hsw_store_event row = {
		.seq = 1, .type = str_of("call.update"), .body = str_of("{}")
	};
	static const struct hsw_str layouts[] = {
		{ "", 0 },
		{ "\x02\0\0\0", 4 },
		{ "\x03\0\0\0\0", 5 },
		{ "\x01\0\0\0\0", 5 },
		{ "\x02\0\0\0\0\x01\0\0\0\0", 10 },
	};

	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		row.layout = layouts[i];
		struct hsw_envelope *damaged = envelope_from_row(&row, str_of(""));
		ck_assert(damaged->is_damaged);
		ck_assert_int_eq(envelope_iov(damaged, HSW_MEDIA, iov, 4), 0);
		envelope_unref(damaged);
	}
	row.layout = (struct hsw_str){ "\x02\0\0\0\0", 5 };
	struct hsw_envelope *good = envelope_from_row(&row, str_of(""));
	ck_assert(!good->is_damaged);
	envelope_unref(good);
	row.type = str_of("no.such.type");
	ck_assert_ptr_null(envelope_from_row(&row, str_of("")));
}
END_TEST

static void
assert_same_id(const struct hsw_event *a, const struct hsw_event *b, bool same)
{
	struct hsw_envelope *x = make(a), *y = make(b);

	ck_assert_int_eq(memcmp(x->id, y->id, sizeof(x->id)) == 0, same);
	envelope_unref(x);
	envelope_unref(y);
}

START_TEST(id_depends_on_type_and_identity_alone)
{
	struct hsw_event a = event(), b = event();

	b.provider_event = str_of("other");
	b.key = str_of("other");
	assert_same_id(&a, &b, true);
	b.identity = str_of("id2");
	assert_same_id(&a, &b, false);
	b = event();
	b.type = "message.status";
	assert_same_id(&a, &b, false);
}
END_TEST

START_TEST(ids_are_read_back_from_text)
{
	unsigned char id[HSW_EVENT_ID_BYTES];

	ck_assert(envelope_id_parse(str_of("evt_000102030405060708090a0b0c0d0eff"), id));
	ck_assert_int_eq(id[1], 1);
	ck_assert_int_eq(id[15], 255);
	ck_assert(envelope_id_parse(str_of("000102030405060708090a0b0c0d0eff"), id));
	ck_assert(!envelope_id_parse(str_of("evt_000102030405060708090a0b0c0d0ef"), id));
	ck_assert(!envelope_id_parse(str_of("evt_000102030405060708090a0b0c0d0egg"), id));
	ck_assert(!envelope_id_parse(str_of(""), id));
}
END_TEST

/* 127 letters, and one of two bytes, of which 128 bytes would have the first. */
START_TEST(long_name_of_an_event_is_cut_between_characters)
{
	static const char wanted[] = "n\",\"index\"";
	struct hsw_event ev = event();
	char name[130];
	int n;

	memset(name, 'n', 127);
	strcpy(name + 127, "\xc3\xa9");
	ev.provider_event = str_of(name);
	struct hsw_envelope *e = make(&ev);
	char *text = text_of(e, 0, &n);
	ck_assert_msg(strstr(text, wanted) != NULL, "%s", text);
	free(text);
	envelope_unref(e);
}
END_TEST

START_TEST(malformed_events_of_a_source_are_refused)
{
	static const struct hsw_piece no_object = { { "[1]", 3 }, 0 }, empty = { { "", 0 }, 0 };
	static const struct hsw_piece bad_part = { { "{}", 2 }, HSW_TOKEN };
	struct envelope_origin o = origin();
	struct hsw_envelope *e;
	struct hsw_event ev = event();

	ev.type = "message.unknown";
	ck_assert_int_eq(envelope_new(&o, &ev, 0, &e), HSW_EINVAL);
	ck_assert_ptr_null(e);
	ev = event();
	ev.pieces = 1;
	ev.data = &no_object;
	ck_assert_int_eq(envelope_new(&o, &ev, 0, &e), HSW_EINVAL);
	ev.data = &empty;
	ck_assert_int_eq(envelope_new(&o, &ev, 0, &e), HSW_EINVAL);
	ev.data = &bad_part;
	ck_assert_int_eq(envelope_new(&o, &ev, 0, &e), HSW_EINVAL);
	ev.pieces = 0;
	ck_assert_int_eq(envelope_new(&o, &ev, 0, &e), HSW_EINVAL);
}
END_TEST

START_TEST(emit_counts_events_and_the_ignored)
{
	struct hsw_emit emit = { .origin = origin() };
	struct hsw_event ev = event(), ignored = { .size = sizeof(ignored) };

	for (int i = 0; i < 40; i++)
		ck_assert_int_eq(emit_event(&emit, i % 4 == 3 ? &ignored : &ev), HSW_OK);
	emit_finish(&emit);
	ck_assert_uint_eq(emit.n, 30);
	ck_assert_uint_eq(emit.ignored, 10);
	int n;
	char *text = text_of(emit.envelopes[29], 0, &n);
	ck_assert_ptr_nonnull(strstr(text, "\"index\":29,\"count\":30}}"));
	free(text);
	emit_free(&emit);
}
END_TEST

static void
make_hasher(void)
{
	hasher = hasher_new();
}

static void
free_hasher(void)
{
	hasher_free(hasher);
}

static struct hsw_envelope *
make_with_raw(const struct hsw_event *ev, unsigned index)
{
	struct envelope_origin o = origin();
	struct hsw_envelope *e;

	o.raw = str_of(",\"raw\":{\"k\":1}");
	ck_assert_int_eq(envelope_new(&o, ev, index, &e), HSW_OK);
	envelope_finish(e, index + 1);
	return e;
}

static bool
has_raw(const struct hsw_envelope *e, unsigned parts)
{
	int n;
	char *text = text_of(e, parts, &n);
	struct json_object *root = json_tokener_parse(text);
	struct json_object *source = json_object_object_get(root, "source");

	ck_assert_ptr_nonnull(source);
	ck_assert_ptr_nonnull(json_object_object_get(source, "count"));
	bool has = json_object_object_get(source, "raw") != NULL;
	json_object_put(root);
	free(text);
	return has;
}

START_TEST(raw_is_of_the_first_event_and_for_who_asks)
{
	static const struct hsw_piece whole = { { "{\"b\":2}", 7 }, 0 };
	struct hsw_event ev = event();

	ev.data = &whole;
	ev.pieces = 1;
	struct hsw_envelope *first = make_with_raw(&ev, 0), *second = make_with_raw(&ev, 1);
	ck_assert(has_raw(first, HSW_RAW));
	ck_assert(has_raw(first, HSW_RAW | HSW_TOKEN));
	ck_assert(!has_raw(first, HSW_TOKEN | HSW_CODES | HSW_MEDIA | HSW_KEYS));
	ck_assert(!has_raw(second, HSW_RAW));
	envelope_unref(first);
	envelope_unref(second);
}
END_TEST

START_TEST(raw_with_codes_in_it_is_for_who_gets_codes)
{
	struct hsw_event ev = event(); /* it has a piece of HSW_CODES */
	struct hsw_envelope *e = make_with_raw(&ev, 0);

	ck_assert(!has_raw(e, HSW_RAW));
	ck_assert(!has_raw(e, HSW_CODES));
	ck_assert(has_raw(e, HSW_RAW | HSW_CODES));
	envelope_unref(e);
}
END_TEST

START_TEST(raw_that_is_dropped_leaves_no_trace)
{
	static const struct hsw_piece whole = { { "{\"b\":2}", 7 }, 0 };
	struct envelope_origin without = origin(), with_raw = origin();
	struct hsw_event events[] = { event(), event() };

	events[1].data = &whole;
	events[1].pieces = 1;
	with_raw.raw = str_of(",\"raw\":{\"k\":1}");
	for (size_t i = 0; i < 2; i++) {
		struct hsw_envelope *e, *dropped;
		ck_assert_int_eq(envelope_new(&without, &events[i], 0, &e), HSW_OK);
		ck_assert_int_eq(envelope_new(&with_raw, &events[i], 0, &dropped), HSW_OK);
		for (int times = 0; times < 2; times++)
			envelope_drop_raw(dropped);
		envelope_finish(e, 3);
		envelope_finish(dropped, 3);
		for (unsigned parts = 0; parts < 32; parts++) {
			int n;
			char *text = text_of(e, parts, &n), *other = text_of(dropped, parts, &n);
			ck_assert_str_eq(text, other);
			free(text);
			free(other);
		}
		envelope_unref(e);
		envelope_unref(dropped);
	}
}
END_TEST

START_TEST(raw_with_codes_of_a_later_event_in_it_is_for_who_gets_codes)
{
	static const struct hsw_piece whole = { { "{\"b\":2}", 7 }, 0 };
	struct hsw_event with_codes = event(), without = event();

	without.data = &whole;
	without.pieces = 1;
	for (int has_codes = 0; has_codes < 2; has_codes++) {
		struct hsw_emit emit = { .origin = origin() };
		emit.origin.raw = str_of(",\"raw\":{\"k\":1}");
		ck_assert_int_eq(emit_event(&emit, &without), HSW_OK);
		emit.origin.raw = str_of("");
		ck_assert_int_eq(emit_event(&emit, &without), HSW_OK);
		ck_assert_int_eq(emit_event(&emit, has_codes ? &with_codes : &without), HSW_OK);
		emit_finish(&emit);
		ck_assert(has_raw(emit.envelopes[0], HSW_RAW) == !has_codes);
		ck_assert(has_raw(emit.envelopes[0], HSW_RAW | HSW_CODES));
		ck_assert(!has_raw(emit.envelopes[0], HSW_CODES));
		emit_free(&emit);
	}
}
END_TEST

START_TEST(most_pieces_and_raw_come_back_from_a_row)
{
	struct hsw_piece many[HSW_PIECES_MAX];
	struct hsw_event ev = event();
	unsigned char layout[ENVELOPE_LAYOUT_MAX];

	for (size_t i = 0; i < HSW_PIECES_MAX; i++)
		many[i] = (struct hsw_piece){ { i == 0 ? "{\"a\":1" : ",\"a\":1", 6 },
			i % 2 == 0 ? 0 : HSW_MEDIA };
	many[HSW_PIECES_MAX - 1] = (struct hsw_piece){ { "}", 1 }, 0 };
	many[HSW_PIECES_MAX - 2].part = HSW_KEYS;
	ev.data = many;
	ev.pieces = HSW_PIECES_MAX;
	struct hsw_envelope *e = make_with_raw(&ev, 0);
	const struct hsw_store_event row = { .seq = 1,
		.received_ms = e->received_ms,
		.instance = e->instance,
		.type = e->type_name,
		.provider = e->provider,
		.key = e->key,
		.body = e->body,
		.layout = { (const char *)layout, envelope_layout(e, layout) } };
	struct hsw_envelope *back = envelope_from_row(&row, e->token);
	ck_assert_ptr_nonnull(back);
	for (unsigned parts = 0; parts < 32; parts++)
		ck_assert(has_raw(back, parts) == ((parts & HSW_RAW) != 0));
	envelope_unref(e);
	envelope_unref(back);
}
END_TEST

UNIT_MAIN_WITH("envelope", make_hasher, free_hasher, text_without_parts_is_exactly_this,
	every_choice_of_parts_is_json_and_has_just_those,
	too_few_iovecs_are_an_error_not_a_cut_text, token_is_never_in_what_is_stored,
	raw_is_of_the_first_event_and_for_who_asks, raw_with_codes_in_it_is_for_who_gets_codes,
	raw_that_is_dropped_leaves_no_trace,
	raw_with_codes_of_a_later_event_in_it_is_for_who_gets_codes,
	most_pieces_and_raw_come_back_from_a_row, row_and_back_gives_the_same_text,
	of_a_broken_layout_nothing_is_sent, id_depends_on_type_and_identity_alone,
	ids_are_read_back_from_text, long_name_of_an_event_is_cut_between_characters,
	malformed_events_of_a_source_are_refused, emit_counts_events_and_the_ignored)
