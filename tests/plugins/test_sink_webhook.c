/* SPDX-License-Identifier: Apache-2.0 */
/* test_sink_webhook.c - sink-webhook: what is sent, and what answers mean. */
#include "webhook_rig.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

/* ---- what is sent --------------------------------------------------------------------------- */

START_TEST(an_envelope_is_posted_with_its_headers)
{
	struct hsw_handle *h = OPEN("/hook?x=1", "authorization", "Bearer  AbC==", "headers",
		"X-Tenant: 7 | X-Note: a; b, c", NULL);
	const struct fake_piece pieces[] = { { "{\"a\":\"", 6, 0 }, { "\0\xff", 2, 0 },
		{ "TOKEN", 5, HSW_TOKEN }, { "CODE", 4, HSW_CODES }, { "\"}", 2, 0 } };
	const struct hsw_envelope *env = fake_envelope_new(&(struct fake_event){
		.id = "evt_00112233445566778899aabbccddeeff", .pieces = pieces, .count = 5 });

	const struct fake_result *r = fake_wait(fake_deliver(h, env, 3));
	ck_assert_int_eq(r->outcome, HSW_DELIVERED);
	ck_assert_int_eq(r->status, 200);
	fake_unref(env);
	const struct http_request *q = http_server_request(server, 0);
	ck_assert_int_eq(strncmp(q->head, "POST /hook?x=1 HTTP/1.1\r\n", 25), 0);
	ck_assert_str_eq(http_header(q, "Content-Type"), "application/json");
	ck_assert_str_eq(http_header(q, "User-Agent"), "hookswitch/1.2.3");
	ck_assert_str_eq(http_header(q, "Authorization"), "Bearer  AbC==");
	ck_assert_str_eq(http_header(q, "webhook-id"), "evt_00112233445566778899aabbccddeeff");
	ck_assert_str_eq(http_header(q, "X-Hookswitch-Attempt"), "3");
	ck_assert_str_eq(http_header(q, "X-Tenant"), "7");
	ck_assert_str_eq(http_header(q, "X-Note"), "a; b, c");
	ck_assert_ptr_null(http_header(q, "Expect"));
	long age = time(NULL) - strtol(http_header(q, "webhook-timestamp"), NULL, 10);
	ck_assert_int_le(age, 2);
	ck_assert_int_ge(age, 0);
	ck_assert_uint_eq(q->len, 14);
	ck_assert_mem_eq(q->body,
		"{\"a\":\"\0\xff"
		"CODE\"}",
		14);
	fake_close(h);
}
END_TEST

START_TEST(headers_of_the_delivery_before_do_not_stay)
{
	struct hsw_handle *h = OPEN("/", NULL);
	const struct fake_piece piece = { "{}", 2, 0 };

	for (int attempt = 12; attempt >= 8; attempt -= 4) {
		const struct hsw_envelope *env = fake_envelope_new(&(struct fake_event){
			.id = attempt == 12 ? "evt_long" : "evt", .pieces = &piece, .count = 1 });
		fake_wait(fake_deliver(h, env, attempt));
		fake_unref(env);
	}
	const struct http_request *q = http_server_request(server, 1);
	ck_assert_str_eq(http_header(q, "webhook-id"), "evt");
	ck_assert_str_eq(http_header(q, "X-Hookswitch-Attempt"), "8");
	ck_assert_ptr_null(http_header(q, "Authorization"));
	fake_close(h);
}
END_TEST

START_TEST(long_bodies_of_one_or_more_pieces_arrive_whole)
{
	size_t len = 3 << 20;
	char *bytes = malloc(len);
	struct hsw_handle *h = OPEN("/", NULL);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(i * 31 + i / 251);
	for (unsigned n = 1; n <= 2; n++) {
		const struct fake_piece pieces[] = { { bytes, len / n, 0 },
			{ bytes + len / 2, len / 2, 0 } };
		const struct hsw_envelope *env = fake_envelope_new(
			&(struct fake_event){ .pieces = pieces, .count = n });
		ck_assert_int_eq(fake_wait(fake_deliver(h, env, 1))->outcome, HSW_DELIVERED);
		fake_unref(env);
		const struct http_request *q = http_server_request(server, n - 1);
		ck_assert_uint_eq(q->len, len);
		ck_assert_mem_eq(q->body, bytes, len);
		ck_assert_ptr_null(http_header(q, "Expect"));
	}
	fake_close(h);
	free(bytes);
}
END_TEST

START_TEST(by_events_adds_the_name_to_the_path)
{
	static const struct {
		const char *path, *by_events, *expected;
	} cases[] = { { "/wh", "no", "POST /wh HTTP" },
		{ "/wh", "dotted", "POST /wh/message.exchange HTTP" },
		{ "/wh/", "dotted", "POST /wh/message.exchange HTTP" },
		{ "/wh", "dashed", "POST /wh/message-exchange HTTP" },
		{ "/a.b?q=a.b/c", "dashed", "POST /a.b/message-exchange?q=a.b/c HTTP" },
		{ "/a%20b", "dotted", "POST /a%20b/message.exchange HTTP" },
		{ "", "dotted", "POST /message.exchange HTTP" },
		{ "?q=1", "dotted", "POST /message.exchange?q=1 HTTP" } };

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		result_at(url_of(server, "http", cases[i].path), "by_events", cases[i].by_events);
		const char *head = http_server_request(server, i)->head;
		ck_assert_msg(strncmp(head, cases[i].expected, strlen(cases[i].expected)) == 0,
			"%s", head);
	}
}
END_TEST

static void
deliver_named(struct hsw_handle *h, const char *type)
{
	static const struct fake_piece piece = { "{}", 2, 0 };
	const struct fake_event event = { .type = type, .pieces = &piece, .count = 1 };
	const struct hsw_envelope *env = fake_envelope_new(&event);
	struct hsw_delivery *d = fake_deliver(h, env, 1);

	ck_assert_int_eq(fake_wait(d)->outcome, HSW_DELIVERED);
	fake_forget(d);
	fake_unref(env);
}

/* What 1500 deliveries of as many names take, after some others; the server keeps all that it got. */
static size_t
growth_of_names(const char *by_events)
{
	struct hsw_handle *h = OPEN("/", "by_events", by_events, NULL);
	unsigned first = http_server_requests(server);
	size_t before = 0;
	char type[64];

	for (unsigned i = 0; i < 1600; i++) {
		if (i == 100)
			before = mallinfo2().uordblks;
		snprintf(type, sizeof(type), "raw.%u", i);
		deliver_named(h, type);
		const char *path = http_server_request(server, first + i)->head + strlen("POST /");
		size_t len = strcmp(by_events, "no") == 0 ? 0 : strlen(type);
		ck_assert_int_eq(strncmp(path, type, len), 0);
		ck_assert_int_eq(path[len], ' ');
	}
	size_t growth = mallinfo2().uordblks - before;
	fake_close(h);
	return growth;
}

/* Those of raw come with the request. */
START_TEST(names_without_end_take_no_memory)
{
	size_t one = growth_of_names("no"), many = growth_of_names("dotted");

	ck_assert_uint_lt(many, one + 200000);
}
END_TEST

START_TEST(wrong_options_are_refused_without_telling_secrets)
{
	static const struct {
		const char *key, *value, *expected;
	} cases[] = { { "headers", "s3cret", "headers: expected \"Name: value\"" },
		{ "headers", "X-A: ok | s3cret header: x", "headers: expected \"Name: value\"" },
		{ "headers", "X-A: s3cret\x01", "headers: a value" },
		{ "headers", "X-A:", "headers: a value is empty" },
		{ "headers", "Content-Length: s3cret", "headers: Content-Length" },
		{ "headers", "AUTHORIZATION: s3cret", "headers: AUTHORIZATION" },
		{ "headers", "webhook-id: s3cret", "headers: webhook-id" },
		{ "authorization", "Bearer s3cret\r\nX: y", "authorization:" },
		{ "secret", "whsec_", "secret:" }, { "secret", "whsec_s3cret*", "secret:" },
		{ "secret", "whsec_AAAAA", "secret:" },
		{ "ca_file", "/does/not/exist", "ca_file:" },
		{ "cert_file", "/does/not/exist", "cert_file:" },
		{ "key_file", "/dev/null", "key_file:" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const options[] = { "url", "http://127.0.0.1/", cases[i].key,
			cases[i].value, NULL };
		struct hsw_error err = { "" };
		ck_assert_ptr_null(fake_open("sink-webhook", options, &err));
		ck_assert_msg(strncmp(err.text, cases[i].expected, strlen(cases[i].expected)) == 0,
			"%s", err.text);
		ck_assert_ptr_null(strstr(err.text, "s3cret"));
	}
}
END_TEST

START_TEST(headers_of_a_file_stand_one_a_line)
{
	struct hsw_handle *h = OPEN("/", "headers", "X-A: 1|2\r\n\r\nX-B:3\n", NULL);

	fake_wait(put(h));
	const struct http_request *q = http_server_request(server, 0);
	ck_assert_str_eq(http_header(q, "X-A"), "1|2");
	ck_assert_str_eq(http_header(q, "X-B"), "3");
	fake_close(h);
}
END_TEST

/* What the daemon fills for a destination that the API made. */
START_TEST(destinations_with_options_of_their_own_get_them)
{
	struct hsw_handle *h = OPEN(
		"/section", "authorization", "section", "allow_private", "127.0.0.0/8", NULL);
	const struct hsw_envelope *env = fake_envelope_text("{}");
	struct hsw_error err;
	void *conf[2];

	for (int i = 0; i < 2; i++) {
		const char *const options[] = { "url", url_of(server, "http", i ? "/b" : "/a"),
			"authorization", i ? "b" : "a", NULL };
		conf[i] = fake_conf_new(fake_plugin(h), options, &err);
	}
	const void *const targets[] = { conf[0], conf[1], NULL, conf[0] };
	static const char *const paths[] = { "POST /a ", "POST /b ", "POST /section ", "POST /a " };
	static const char *const authorizations[] = { "a", "b", "section", "a" };
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_int_eq(
			fake_wait(fake_deliver_to(h, env, 1, targets[i]))->outcome, HSW_DELIVERED);
		const struct http_request *q = http_server_request(server, i);
		ck_assert_int_eq(strncmp(q->head, paths[i], strlen(paths[i])), 0);
		ck_assert_str_eq(http_header(q, "Authorization"), authorizations[i]);
	}
	const char *const bad[] = { "url", "http://127.0.0.1/", "headers", "bad", NULL };
	void *wrong = fake_conf_new(fake_plugin(h), bad, &err);
	ck_assert_int_eq(fake_result(fake_deliver_to(h, env, 1, wrong))->rc, HSW_EINVAL);
	ck_assert_uint_eq(fake_logged(h, "headers:"), 1);
	fake_unref(env);
	fake_conf_free(fake_plugin(h), wrong);
	fake_conf_free(fake_plugin(h), conf[0]);
	fake_conf_free(fake_plugin(h), conf[1]);
	fake_close(h);
}
END_TEST

/* More destinations than are remembered. */
START_TEST(many_destinations_are_served)
{
	struct hsw_handle *h = OPEN("/", "allow_private", "127.0.0.0/8", NULL);
	const struct hsw_envelope *env = fake_envelope_text("{}");
	struct hsw_error err;
	char path[32];

	for (unsigned i = 0; i < 1500; i++) {
		snprintf(path, sizeof(path), "/x%u", i);
		const char *const options[] = { "url", url_of(server, "http", path), NULL };
		void *conf = fake_conf_new(fake_plugin(h), options, &err);
		ck_assert_int_eq(
			fake_wait(fake_deliver_to(h, env, 1, conf))->outcome, HSW_DELIVERED);
		fake_conf_free(fake_plugin(h), conf);
		ck_assert_int_eq(
			strncmp(http_server_request(server, i)->head + 5, path, strlen(path)), 0);
	}
	fake_unref(env);
	fake_close(h);
}
END_TEST

/* ---- what is answered ----------------------------------------------------------------------- */

START_TEST(answers_are_judged)
{
	static const struct {
		const char *path;
		enum hsw_outcome outcome;
		int status;
		int64_t retry_after_ms;
		const char *text; /* NULL: as much as has come */
	} cases[] = { { "/201", HSW_DELIVERED, 201, 0, "" }, { "/204", HSW_DELIVERED, 204, 0, "" },
		{ "/chunked", HSW_DELIVERED, 200, 0, "abc" },
		{ "/until-close", HSW_DELIVERED, 200, 0, "abc" },
		{ "/continue", HSW_DELIVERED, 200, 0, "" },
		{ "/endless", HSW_DELIVERED, 200, 0, NULL },
		{ "/302", HSW_RETRY, 302, 0, "HTTP 302 (redirects are not followed)" },
		{ "/307", HSW_RETRY, 307, 0, "HTTP 307 (redirects are not followed)" },
		{ "/401", HSW_RETRY, 401, 0, "HTTP 401" }, { "/410", HSW_GONE, 410, 0, "HTTP 410" },
		{ "/429", HSW_RETRY, 429, 7000, "HTTP 429" },
		{ "/503-odd", HSW_RETRY, 503, 0, "HTTP 503" },
		{ "/503-fraction", HSW_RETRY, 503, 0, "HTTP 503" },
		{ "/503-past", HSW_RETRY, 503, 0, "HTTP 503" },
		{ "/500", HSW_RETRY, 500, 0, "HTTP 500: no <b>disk</b>\\x01\\xff here" },
		{ "/500-utf8", HSW_RETRY, 500, 0,
			"HTTP 500: N\xc3\xa3o \xe6\x97\xa5 \\x1b[2J\\xe2\\x80\\xae\\xc2\\x85\\xc3 "
			"\xf0\x9f\x99\x82 x" },
		{ "/garbage", HSW_RETRY, 0, 0, "the answer is not HTTP" },
		{ "/close", HSW_RETRY, 0, 0, "closed the connection without an answer" },
		{ "/half", HSW_DELIVERED, 200, 0, "abc" },
		{ "/half-chunk", HSW_DELIVERED, 200, 0, "abc" },
		{ "/bad-chunk", HSW_DELIVERED, 200, 0, "" },
		{ "/half-hang", HSW_DELIVERED, 200, 0, "abc" },
		{ "/half-head", HSW_RETRY, 0, 0,
			"closed the connection in the middle of the answer" },
		{ "/half-500", HSW_RETRY, 500, 0,
			"closed the connection in the middle of the answer" },
		{ "/endless-head", HSW_RETRY, 0, 0, "the answer's headers are too long" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake_result r = result_at(url_of(server, "http", cases[i].path), NULL, NULL);
		ck_assert_msg(r.outcome == cases[i].outcome && r.status == cases[i].status &&
				r.retry_after_ms == cases[i].retry_after_ms &&
				(cases[i].text == NULL || strcmp(r.text, cases[i].text) == 0),
			"%s: outcome=%d status=%d retry_after=%lld text=\"%s\"", cases[i].path,
			r.outcome, r.status, (long long)r.retry_after_ms, r.text);
	}
}
END_TEST

/* llhttp refuses what curl takes: the receiver is curl's from then on. */
START_TEST(a_receiver_of_odd_answers_is_left_to_curl)
{
	struct hsw_handle *h = OPEN("/odd-header", NULL);

	const struct fake_result *r = fake_wait(put(h));
	ck_assert_int_eq(r->outcome, HSW_RETRY);
	ck_assert_str_eq(r->text, "the answer is not HTTP");
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(fake_wait(put(h))->outcome, HSW_DELIVERED);
	fake_close(h);
}
END_TEST

START_TEST(answers_without_end_are_given_up)
{
	struct fake_result r = result_at(url_of(server, "http", "/endless-500"), NULL, NULL);

	ck_assert_int_eq(r.outcome, HSW_RETRY);
	ck_assert_uint_lt(strlen(r.text), 1152);
	ck_assert_int_eq(strncmp(r.text, "HTTP 500: and so on", 19), 0);
	r = result_at(url_of(server, "http", "/endless-continue"), NULL, NULL);
	ck_assert_int_eq(r.outcome, HSW_RETRY);
	ck_assert_str_eq(r.text, "the answer's headers are too long");
}
END_TEST

START_TEST(a_long_excerpt_is_cut_at_a_character)
{
	struct fake_result r = result_at(url_of(server, "http", "/endless-500-utf8"), NULL, NULL);

	/* 1 and 2 * 511 of 1024 bytes */
	ck_assert_uint_eq(strlen(r.text), strlen("HTTP 500: x") + 2 * 511);
	ck_assert_str_eq(r.text + strlen(r.text) - 2, "\xc3\xa9");
}
END_TEST

static int64_t
asked_for(const char *value)
{
	char answer[256];

	snprintf(answer, sizeof(answer), ANSWER("503 Unavailable", "Retry-After: %s\r\n"), value);
	const struct http_rule rule[] = { { .answer = answer } };
	struct http_server *s = http_server_start(rule, NULL);
	struct fake_result r = result_at(url_of(s, "http", "/"), NULL, NULL);
	http_server_stop(s);
	return r.retry_after_ms;
}

START_TEST(retry_after_may_be_one_of_three_dates)
{
	static const char *const forms[] = { "%a, %d %b %Y %H:%M:%S GMT",
		"%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y" };
	char date[64];
	struct tm tm;

	for (size_t i = 0; i < 3; i++) {
		time_t later = time(NULL) + 100;
		strftime(date, sizeof(date), forms[i], gmtime_r(&later, &tm));
		int64_t ms = asked_for(date);
		ck_assert_msg(ms >= 95000 && ms <= 100000, "%s: %lld", date, (long long)ms);
		later -= 200;
		strftime(date, sizeof(date), forms[i], gmtime_r(&later, &tm));
		ck_assert_int_eq(asked_for(date), 0);
	}
}
END_TEST

START_TEST(retry_after_of_another_form_is_ignored)
{
	static const char *const others[] = { "2999-01-01T00:00:00Z", "2999-01-01", "-5", "+5",
		"5s", "1e3", "Thu, 01 Jan 2999 00:00:00", "Thu, 01 Jan 2999 00:00:00 +0000",
		"Thu, 1 Jan 2999 00:00:00 GMT", "Thu, 30 Feb 2999 00:00:00 GMT",
		"Thu, 01 Jan 2999 24:00:00 GMT", "Thu, 00 Jan 2999 00:00:00 GMT",
		"Xyz, 01 Jan 2999 00:00:00 GMT", "Thu, 01 anF 2999 00:00:00 GMT", "01 Jan 2999",
		"tomorrow", "Thu Jan 01 00:00:00 2999 GMT" };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ck_assert_msg(asked_for(others[i]) == 0, "%s", others[i]);
	ck_assert_int_eq(asked_for("3600"), 3600000);
	ck_assert_int_eq(asked_for("0"), 0);
	ck_assert_int_gt(asked_for("99999999999999999999"), 3600000);
	ck_assert_int_gt(asked_for("Thu, 01 Jan 2999 00:00:00 GMT"), 3600000);
}
END_TEST

/* An answer with the whole request in it must not bring credentials into logs and tables. */
START_TEST(texts_never_hold_secrets)
{
	static const struct {
		const char *path, *key, *value;
	} cases[] = { { "/echo", "authorization", "Bearer s3cretword" },
		{ "/echo", "authorization", "s3cretword" },
		{ "/echo", "headers", "X-Key: first s3cretword" },
		{ "/echo?key=queryword", NULL, NULL } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fake_result r = result_at(
			url_of(server, "http", cases[i].path), cases[i].key, cases[i].value);
		ck_assert_msg(strcmp(r.text, "HTTP 500") == 0, "%zu: %s", i, r.text);
	}
	struct fake_result r = result_at(url_of(server, "http", "/echo"), NULL, NULL);
	ck_assert_ptr_nonnull(strstr(r.text, "hookswitch/1.2.3"));
}
END_TEST

START_TEST(a_receiver_that_is_not_there_is_told_in_plain_words)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char url[64];

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/?key=s3cret", ntohs(a.sin_port));
	struct fake_result r = result_at(url, NULL, NULL);
	ck_assert_int_eq(r.outcome, HSW_RETRY);
	ck_assert_str_eq(r.text, "connection refused");
	close(fd);
}
END_TEST

UNIT_MAIN_WITH("sink-webhook", webhook_rig_setup, webhook_rig_teardown,
	an_envelope_is_posted_with_its_headers, headers_of_the_delivery_before_do_not_stay,
	long_bodies_of_one_or_more_pieces_arrive_whole, by_events_adds_the_name_to_the_path,
	names_without_end_take_no_memory, wrong_options_are_refused_without_telling_secrets,
	headers_of_a_file_stand_one_a_line, destinations_with_options_of_their_own_get_them,
	many_destinations_are_served, answers_are_judged, a_receiver_of_odd_answers_is_left_to_curl,
	answers_without_end_are_given_up, a_long_excerpt_is_cut_at_a_character,
	retry_after_may_be_one_of_three_dates, retry_after_of_another_form_is_ignored,
	texts_never_hold_secrets, a_receiver_that_is_not_there_is_told_in_plain_words)
