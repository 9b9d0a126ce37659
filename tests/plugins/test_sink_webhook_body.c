/* SPDX-License-Identifier: Apache-2.0 */
/* test_sink_webhook_body.c - sink-webhook: formats, limits, compression and batches. */
#include "payload_rig.h"

#include <stdio.h>
#include <string.h>

#include <zlib.h>

#include "unit.h"

/* An envelope as the daemon's: media and token are pieces of their own. */
#define DATA_FRONT "{\"id\":\"a\\\"}\",\"data\":[1,{\"data\":2}],\"media\":{\"mimetype\":\"x\""
#define MEDIA ",\"base64\":\"QUJDREVGRw==\""
#define DATA_BACK "},\"n\":null}"
#define FRONT "{\"event\":\"message.exchange\", \"x\\u0064ata\":\"data\",\"data\": "
#define BACK ",\"instanceData\":{\"data\":{}},\"id\":\"evt_1\"}"

static const struct fake_piece whole[] = { { FRONT, sizeof(FRONT) - 1, 0 },
	{ DATA_FRONT, sizeof(DATA_FRONT) - 1, 0 }, { MEDIA, sizeof(MEDIA) - 1, HSW_MEDIA },
	{ DATA_BACK, sizeof(DATA_BACK) - 1, 0 }, { BACK, sizeof(BACK) - 1, 0 } };

static const struct hsw_envelope *
whole_envelope(const char *key)
{
	return fake_envelope_new(&(struct fake_event){ .id = "evt_1",
		.received_ms = 1763771103045,
		.instance = "sales \"1\"",
		.key = key,
		.pieces = whole,
		.count = sizeof(whole) / sizeof(whole[0]) });
}

static struct fake_result
send_whole(struct hsw_handle *h, const char *key)
{
	const struct hsw_envelope *env = whole_envelope(key);
	struct fake_result r = *fake_wait(fake_deliver(h, env, 1));

	fake_unref(env);
	return r;
}

static struct hsw_delivery *
put_text(struct hsw_handle *h, const char *json, const char *id, int attempt)
{
	const struct fake_piece piece = { json, strlen(json), 0 };
	const struct hsw_envelope *env = fake_envelope_new(
		&(struct fake_event){ .id = id, .pieces = &piece, .count = 1 });
	struct hsw_delivery *d = fake_deliver(h, env, attempt);

	fake_unref(env);
	return d;
}

static void
assert_body(const struct http_request *q, const char *expected)
{
	ck_assert_msg(q->len == strlen(expected) && memcmp(q->body, expected, q->len) == 0,
		"%.*s\nnot %s", (int)q->len, q->body, expected);
}

/* ---- formats ---- */

START_TEST(data_alone_is_what_stands_in_the_envelope)
{
	for (int way = 0; way < WAYS; way++) {
		struct hsw_handle *h = OPEN_WAY(way, "format", "data", NULL);
		ck_assert_int_eq(send_whole(h, "k").outcome, HSW_DELIVERED);
		assert_body(last_request(way), DATA_FRONT DATA_BACK);
		ck_assert_str_eq(
			http_header(last_request(way), "Content-Type"), "application/json");
		fake_close(h);
	}
}
END_TEST

START_TEST(a_cloudevent_has_its_attributes_and_data)
{
	for (int way = 0; way < WAYS; way++) {
		struct hsw_handle *h = OPEN_WAY(way, "format", "cloudevents", NULL);
		ck_assert_int_eq(send_whole(h, "49\"@s.whatsapp.net").outcome, HSW_DELIVERED);
		assert_body(last_request(way),
			"{\"specversion\":\"1.0\",\"id\":\"evt_1\",\"source\":\"/evolution/"
			"sales%20%221%22\",\"type\":\"message.exchange\",\"subject\":"
			"\"49\\\"@s.whatsapp.net\",\"time\":\"2025-11-22T00:25:03.045Z\","
			"\"datacontenttype\":\"application/json\",\"data\":" DATA_FRONT DATA_BACK
			"}");
		ck_assert_str_eq(http_header(last_request(way), "Content-Type"),
			"application/cloudevents+json");
		ck_assert_int_eq(send_whole(h, "").outcome, HSW_DELIVERED);
		ck_assert_ptr_null(
			memmem(last_request(way)->body, last_request(way)->len, "subject", 7));
		fake_close(h);
	}
}
END_TEST

START_TEST(what_is_no_envelope_is_not_sent_as_data)
{
	static const char *const texts[] = { "{\"dat\":1}", "[\"data\"]" };
	struct hsw_handle *h = OPEN_WAY(0, "format", "data", NULL);

	for (int i = 0; i < 2; i++) {
		const struct fake_result *r = fake_wait(put_text(h, texts[i], "evt_1", 1));
		ck_assert_int_eq(r->outcome, HSW_REJECT);
		ck_assert_str_eq(r->text, "the event is no envelope");
	}
	ck_assert_uint_eq(http_server_requests(server), 0);
	fake_close(h);
}
END_TEST

/* ---- limits ---- */

START_TEST(a_body_over_the_limit_is_a_dead_letter_at_once)
{
	for (int way = 0; way < WAYS; way++) {
		struct hsw_handle *h = OPEN_WAY(way, "max_body", "8", NULL);
		ck_assert_int_eq(
			fake_wait(put_text(h, "{\"a\":12}", "e", 1))->outcome, HSW_DELIVERED);
		const struct fake_result *r = fake_wait(put_text(h, "{\"a\":123}", "e", 1));
		ck_assert_int_eq(r->outcome, HSW_REJECT);
		ck_assert_str_eq(r->text, "its body of 9 bytes is over max_body (8)");
		ck_assert_uint_eq(http_server_requests(way_server(way)), 1);
		fake_close(h);
	}
}
END_TEST

START_TEST(the_limit_is_of_what_is_sent_not_of_the_envelope)
{
	char limit[16];
	snprintf(limit, sizeof(limit), "%zu", strlen(DATA_FRONT DATA_BACK));
	struct hsw_handle *h = OPEN_WAY(0, "max_body", limit, "format", "data", NULL);

	ck_assert_int_eq(send_whole(h, "k").outcome, HSW_DELIVERED);
	fake_close(h);
}
END_TEST

/* ---- compression ---- */

/* The body of the request, in a static buffer. */
static const char *
unpacked(const struct http_request *q)
{
	static char text[1 << 16];
	z_stream z = { .next_in = (unsigned char *)q->body,
		.avail_in = (unsigned)q->len,
		.next_out = (unsigned char *)text,
		.avail_out = sizeof(text) - 1 };

	ck_assert_int_eq(inflateInit2(&z, 15 + 16), Z_OK);
	ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	ck_assert_uint_eq(z.avail_in, 0);
	inflateEnd(&z);
	text[z.total_out] = '\0';
	return text;
}

START_TEST(a_compressed_body_is_gzip_of_the_same)
{
	char json[40000] = "{\"data\":\"";
	memset(json + 9, 'x', 39000);
	strcpy(json + 39009, "\"}");

	for (int way = 0; way < WAYS; way++) {
		struct hsw_handle *h = OPEN_WAY(way, "compress", "gzip", NULL);
		for (int i = 0; i < 2; i++) {
			const char *text = i == 0 ? json : "{}";
			ck_assert_int_eq(
				fake_wait(put_text(h, text, "e", 1))->outcome, HSW_DELIVERED);
			ck_assert_str_eq(unpacked(last_request(way)), text);
			ck_assert_str_eq(
				http_header(last_request(way), "Content-Encoding"), "gzip");
		}
		ck_assert_int_eq(send_whole(h, "k").outcome, HSW_DELIVERED);
		ck_assert_str_eq(unpacked(last_request(way)), FRONT DATA_FRONT DATA_BACK BACK);
		fake_close(h);
	}
}
END_TEST

/* ---- batches ---- */

START_TEST(a_full_batch_is_one_request_in_order)
{
	static const struct {
		const char *format, *batch_format, *body, *type;
	} cases[] = {
		{ "envelope", "json", "[{\"data\":1},{\"data\":2},{\"data\":3}]",
			"application/json" },
		{ "envelope", "ndjson", "{\"data\":1}\n{\"data\":2}\n{\"data\":3}\n",
			"application/x-ndjson" },
		{ "data", "json", "[1,2,3]", "application/json" },
	};

	for (int i = 0; i < 3 * WAYS; i++) {
		int way = i / 3, c = i % 3;
		struct hsw_handle *h = OPEN_WAY(way, "batch", "3/10s", "format", cases[c].format,
			"batch_format", cases[c].batch_format, "secret", "a text of 24 bytes......",
			NULL);
		unsigned before = http_server_requests(way_server(way));
		struct hsw_delivery *d[3] = { put_text(h, "{\"data\":1}", "e1", 1),
			put_text(h, "{\"data\":2}", "e2", 1),
			put_text(h, "{\"data\":3}", "e3", 1) };
		for (unsigned k = 0; k < 3; k++) {
			ck_assert_int_eq(fake_wait(d[k])->outcome, HSW_DELIVERED);
			ck_assert_uint_eq(fake_result(d[k])->order, k + 1);
		}
		ck_assert_uint_eq(http_server_requests(way_server(way)), before + 1);
		const struct http_request *q = last_request(way);
		assert_body(q, cases[c].body);
		ck_assert_str_eq(http_header(q, "Content-Type"), cases[c].type);
		ck_assert_int_eq(strncmp(http_header(q, "webhook-id"), "batch_", 6), 0);
		ck_assert_uint_eq(strlen(http_header(q, "webhook-id")), 38);
		fake_close(h);
	}
}
END_TEST

START_TEST(a_batch_of_cloudevents_is_named_so)
{
	struct hsw_handle *h = OPEN_WAY(0, "batch", "2/10s", "format", "cloudevents", NULL);

	put_text(h, "{\"data\":1}", "e1", 1);
	fake_wait(put_text(h, "{\"data\":2}", "e2", 1));
	const struct http_request *q = last_request(0);
	ck_assert_str_eq(http_header(q, "Content-Type"), "application/cloudevents-batch+json");
	ck_assert_ptr_nonnull(memmem(q->body, q->len, "\"id\":\"e1\"", 9));
	ck_assert_ptr_nonnull(memmem(q->body, q->len, "\"id\":\"e2\"", 9));
	fake_close(h);
}
END_TEST

START_TEST(a_batch_waits_no_longer_than_it_may)
{
	struct hsw_handle *h = OPEN_WAY(0, "batch", "100/50ms", NULL);
	struct hsw_delivery *one = put_text(h, "{}", "e1", 1);

	fake_run(h, 10);
	ck_assert_int_eq(fake_result(one)->state, FAKE_PENDING);
	ck_assert_int_eq(fake_wait(one)->outcome, HSW_DELIVERED);
	assert_body(last_request(0), "[{}]");
	ck_assert_str_eq(http_header(last_request(0), "webhook-id"), "e1");
	fake_close(h);
}
END_TEST

START_TEST(a_second_attempt_goes_alone_and_at_once)
{
	struct hsw_handle *h = OPEN_WAY(0, "batch", "100/10s", NULL);

	ck_assert_int_eq(fake_wait(put_text(h, "{}", "e1", 2))->outcome, HSW_DELIVERED);
	assert_body(last_request(0), "[{}]");
	fake_close(h);
}
END_TEST

START_TEST(all_of_a_batch_end_as_their_request_does)
{
	const char *const options[] = { "url", url_of(server, "http", "/500"), "batch", "2/10s",
		NULL };
	struct hsw_handle *h = open_sink(options);
	struct hsw_delivery *a = put_text(h, "{}", "e1", 1), *b = put_text(h, "{}", "e2", 1);

	ck_assert_int_eq(fake_wait(a)->outcome, HSW_RETRY);
	ck_assert_int_eq(fake_wait(b)->outcome, HSW_RETRY);
	ck_assert_int_eq(fake_result(b)->status, 500);
	fake_close(h);
}
END_TEST

START_TEST(a_batch_that_is_refused_is_judged_event_by_event)
{
	static const char *const ids[] = { "e1", "e2", "e3" };

	for (int way = 0; way < WAYS; way++) {
		struct hsw_handle *h = OPEN_WAY_AT(
			way, "/400", "batch", "3/10s", "secret", "a text of 24 bytes......", NULL);
		struct hsw_delivery *d[3];
		unsigned before = http_server_requests(way_server(way)), seen = 0;
		for (int i = 0; i < 3; i++)
			d[i] = put_text(h, "{\"a\":1}", ids[i], 1);
		for (int i = 0; i < 3; i++) {
			ck_assert_int_eq(fake_wait(d[i])->outcome, HSW_RETRY);
			ck_assert_int_eq(fake_result(d[i])->status, 400);
			ck_assert_int_eq(fake_result(d[i])->postponed_ms, 0);
			ck_assert_uint_eq(fake_result(d[i])->n_postponed, 3);
		}
		ck_assert_uint_eq(http_server_requests(way_server(way)), before + 4);
		for (unsigned i = 1; i <= 3; i++) {
			const struct http_request *q = http_server_request(
				way_server(way), before + i);
			assert_body(q, "[{\"a\":1}]");
			for (unsigned k = 0; k < 3; k++)
				seen |= (unsigned)!strcmp(http_header(q, "webhook-id"), ids[k])
					<< k;
		}
		ck_assert_uint_eq(seen, 7);
		fake_close(h);
	}
}
END_TEST

START_TEST(what_was_cancelled_of_a_refused_batch_does_not_go_again)
{
	for (int way = 0; way < WAYS; way++) {
		struct hsw_handle *h = OPEN_WAY_AT(way, "/400", "batch", "3/10s", NULL);
		unsigned before = http_server_requests(way_server(way));
		struct hsw_delivery *d[3];
		for (int i = 0; i < 3; i++)
			d[i] = put_text(h, "{\"a\":1}", "e1", 1);
		fake_cancel(d[0]);
		fake_cancel(d[2]);
		ck_assert_int_eq(fake_wait(d[1])->status, 400);
		ck_assert_uint_eq(http_server_requests(way_server(way)), before + 2);
		fake_close(h);
	}
}
END_TEST

START_TEST(a_batch_stays_below_the_limit_of_a_body)
{
	struct hsw_handle *h = OPEN_WAY(0, "batch", "100/50ms", "max_body", "17", NULL);
	struct hsw_delivery *d[4] = { put_text(h, "{\"a\":1}", "e1", 1),
		put_text(h, "{\"a\":2}", "e2", 1), put_text(h, "{\"a\":345678901234}", "e3", 1),
		put_text(h, "{\"a\":4}", "e4", 1) };

	ck_assert_int_eq(fake_result(d[2])->outcome, HSW_REJECT);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(fake_wait(d[i])->outcome, i == 2 ? HSW_REJECT : HSW_DELIVERED);
	ck_assert_uint_eq(http_server_requests(server), 2);
	bool is_first = http_server_request(server, 0)->len > 10;
	assert_body(http_server_request(server, is_first ? 0 : 1), "[{\"a\":1},{\"a\":2}]");
	fake_close(h);
}
END_TEST

START_TEST(a_cancelled_event_leaves_the_batch_that_is_being_gathered)
{
	struct hsw_handle *h = OPEN_WAY(0, "batch", "2/10s", NULL);
	struct hsw_delivery *gone = put_text(h, "{\"gone\":1}", "e1", 1);

	fake_cancel(gone);
	put_text(h, "{\"a\":1}", "e2", 1);
	ck_assert_int_eq(fake_wait(put_text(h, "{\"a\":2}", "e3", 1))->outcome, HSW_DELIVERED);
	assert_body(last_request(0), "[{\"a\":1},{\"a\":2}]");
	fake_cancel(put_text(h, "{}", "e4", 1));
	fake_close(h);
}
END_TEST

START_TEST(the_others_of_a_batch_do_not_lose_what_a_cancelled_one_brought)
{
	for (int way = 0; way < WAYS; way++) {
		struct hsw_handle *h = OPEN_WAY(way, "batch", "2/10s", NULL);
		struct hsw_delivery *gone = put_text(h, "{\"gone\":1}", "e1", 1);
		struct hsw_delivery *stays = put_text(h, "{\"a\":1}", "e2", 1);
		fake_cancel(gone); /* it is on its way, and its envelope freed */
		ck_assert_int_eq(fake_wait(stays)->outcome, HSW_DELIVERED);
		assert_body(last_request(way), "[{\"gone\":1},{\"a\":1}]");
		gone = put_text(h, "{}", "e3", 1);
		stays = put_text(h, "{}", "e4", 1);
		fake_cancel(gone);
		fake_cancel(stays);
		fake_close(h);
	}
}
END_TEST

START_TEST(drain_sends_what_was_gathered)
{
	struct hsw_handle *h = OPEN_WAY(0, "batch", "100/60s", NULL);
	struct hsw_delivery *d = put_text(h, "{}", "e1", 1);

	fake_drain(h);
	ck_assert_int_eq(fake_wait(d)->outcome, HSW_DELIVERED);
	fake_close(h);
}
END_TEST

/* More pieces than one send of the system takes. */
START_TEST(a_large_batch_arrives_whole)
{
	char expected[16 * 1000 + 2], *p = expected;

	for (int way = 0; way < WAYS; way++) {
		struct hsw_handle *h = OPEN_WAY(way, "batch", "1000/10s", NULL);
		p = expected;
		for (int i = 0; i < 1000; i++) {
			char text[32];
			snprintf(text, sizeof(text), "{\"a\":%d}", i);
			p += sprintf(p, "%c%s", i == 0 ? '[' : ',', text);
			put_text(h, text, "e", 1);
		}
		strcpy(p, "]");
		fake_wait_all(h);
		assert_body(last_request(way), expected);
		fake_close(h);
	}
}
END_TEST

START_TEST(wrong_batches_are_refused)
{
	static const char *const cases[] = { "100", "100/", "1/1s", "1001/1s", "100/61s", "100/0ms",
		"100/5", "x/1s", "100/-1s", "100/5m", "" };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const options[] = { "url", "http://127.0.0.1/", "batch", cases[i],
			NULL };
		struct hsw_error err = { "" };
		ck_assert_msg(fake_open("sink-webhook", options, &err) == NULL, "%s", cases[i]);
		ck_assert_ptr_nonnull(strstr(err.text, "batch: found"));
	}
	const char *const both[] = { "url", "http://127.0.0.1/", "batch", "9/1s", "by_events",
		"dotted", NULL };
	struct hsw_error err = { "" };
	ck_assert_ptr_null(fake_open("sink-webhook", both, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "by_events"));
}
END_TEST

UNIT_MAIN_WITH("sink-webhook: bodies", payload_rig_setup, payload_rig_teardown,
	data_alone_is_what_stands_in_the_envelope, a_cloudevent_has_its_attributes_and_data,
	what_is_no_envelope_is_not_sent_as_data, a_body_over_the_limit_is_a_dead_letter_at_once,
	the_limit_is_of_what_is_sent_not_of_the_envelope, a_compressed_body_is_gzip_of_the_same,
	a_full_batch_is_one_request_in_order, a_batch_of_cloudevents_is_named_so,
	a_batch_waits_no_longer_than_it_may, a_second_attempt_goes_alone_and_at_once,
	all_of_a_batch_end_as_their_request_does, a_batch_that_is_refused_is_judged_event_by_event,
	what_was_cancelled_of_a_refused_batch_does_not_go_again,
	a_batch_stays_below_the_limit_of_a_body,
	a_cancelled_event_leaves_the_batch_that_is_being_gathered,
	the_others_of_a_batch_do_not_lose_what_a_cancelled_one_brought,
	drain_sends_what_was_gathered, a_large_batch_arrives_whole, wrong_batches_are_refused)
