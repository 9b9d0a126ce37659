/* SPDX-License-Identifier: Apache-2.0 */
/* test_sink_webhook_jq.c - sink-webhook: jq expressions that choose and rewrite events. */
#include "payload_rig.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static struct fake_result
send(struct hsw_handle *h, const char *json)
{
	const struct hsw_envelope *env = fake_envelope_text(json);
	struct fake_result r = *fake_wait(fake_deliver(h, env, 1));

	fake_unref(env);
	return r;
}

static void
assert_body(const struct http_request *q, const char *expected)
{
	ck_assert_msg(q->len == strlen(expected) && memcmp(q->body, expected, q->len) == 0,
		"%.*s\nnot %s", (int)q->len, q->body, expected);
}

START_TEST(only_events_that_the_filter_wants_are_sent)
{
	static const struct {
		const char *filter, *json;
		bool is_sent;
	} cases[] = { { ".data.a == 1", "{\"data\":{\"a\":1}}", true },
		{ ".data.a == 1", "{\"data\":{\"a\":2}}", false },
		{ ".data.a", "{\"data\":{\"a\":0}}", true },
		{ ".data.a", "{\"data\":{\"a\":null}}", false },
		{ ".data.a", "{\"data\":{}}", false }, { "empty", "{\"data\":{\"a\":1}}", false },
		{ "select(.data.a | test(\"^x\"))", "{\"data\":{\"a\":\"xy\"}}", true },
		{ "select(.data.a | test(\"^x\"))", "{\"data\":{\"a\":\"y\"}}", false },
		{ "false, true", "{\"data\":{}}", false } };

	for (int way = 0; way < WAYS; way++) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct hsw_handle *h = OPEN_WAY(way, "filter", cases[i].filter, NULL);
			unsigned before = http_server_requests(way_server(way));
			struct fake_result r = send(h, cases[i].json);
			ck_assert_int_eq(r.outcome, HSW_DELIVERED);
			ck_assert_msg(http_server_requests(way_server(way)) - before ==
					(unsigned)cases[i].is_sent,
				"%s of %s", cases[i].filter, cases[i].json);
			ck_assert_int_eq(fake_counted(h, "filtered"), !cases[i].is_sent);
			ck_assert_int_eq(r.is_skipped, !cases[i].is_sent);
			if (cases[i].is_sent)
				assert_body(last_request(way), cases[i].json);
			fake_close(h);
		}
	}
}
END_TEST

START_TEST(what_transform_gives_is_sent_instead)
{
	static const struct {
		const char *transform, *expected;
	} cases[] = { { "{text: .data.a, n: (1 + 1)}", "{\"text\":\"caf\xc3\xa9\",\"n\":2}" },
		{ ".data.a", "\"caf\xc3\xa9\"" },
		{ ".event = \"x\" | .data |= keys", "{\"event\":\"x\",\"data\":[\"a\"]}" },
		{ "del(.event) | .data += {b: [0]} | .data.b[2] = 1 | .data.b[] |= (. // 0) + 1",
			"{\"data\":{\"a\":\"caf\xc3\xa9\",\"b\":[1,1,2]}}" },
		{ "(.data.a, .event) = null", "{\"event\":null,\"data\":{\"a\":null}}" },
		{ "[.event = (1, 2) | .event]", "[1,2]" },
		{ "del(.data.a)", "{\"event\":\"e\",\"data\":{}}" }, { "1, 2", "1" },
		{ "empty", NULL } };

	for (int way = 0; way < WAYS; way++) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct hsw_handle *h = OPEN_WAY(way, "transform", cases[i].transform,
				"secret", "a text of 24 bytes......", NULL);
			unsigned before = http_server_requests(way_server(way));
			struct fake_result r = send(
				h, "{\"event\":\"e\",\"data\":{\"a\":\"caf\xc3\xa9\"}}");
			ck_assert_msg(r.outcome == HSW_DELIVERED, "%s", r.text);
			ck_assert_uint_eq(http_server_requests(way_server(way)) - before,
				cases[i].expected != NULL);
			if (cases[i].expected != NULL)
				assert_body(last_request(way), cases[i].expected);
			fake_close(h);
		}
	}
}
END_TEST

START_TEST(a_filter_goes_before_transform_batches_and_formats)
{
	struct hsw_handle *h = OPEN_WAY(
		0, "filter", ".data > 1", "transform", "{d: .data}", "batch", "2/10s", NULL);
	struct hsw_delivery *d[3];

	for (int i = 0; i < 3; i++) {
		char text[32];
		snprintf(text, sizeof(text), "{\"data\":%d}", i + 1);
		const struct hsw_envelope *env = fake_envelope_text(text);
		d[i] = fake_deliver(h, env, 1);
		fake_unref(env);
	}
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(fake_wait(d[i])->outcome, HSW_DELIVERED);
	assert_body(last_request(0), "[{\"d\":2},{\"d\":3}]");
	fake_close(h);
	h = OPEN_WAY(0, "filter", ".event == \"e\"", "format", "data", NULL);
	send(h, "{\"event\":\"e\",\"data\":{\"b\":2}}");
	assert_body(last_request(0), "{\"b\":2}");
	fake_close(h);
}
END_TEST

START_TEST(an_expression_that_fails_makes_a_dead_letter)
{
	static const struct {
		const char *key, *text, *expected;
	} cases[] = { { "filter", ".data + {}", "filter: " },
		{ "transform", "error(\"no\")", "transform: no" },
		{ "transform", ".x[.data * 100000000] = 1", "transform: a list of more than" },
		{ "transform", ".x[2147483647] |= 1", "transform: a list of more than" },
		{ "filter", ".x[2147483647] += 1", "filter: a list of more than" },
		{ "transform", "[1114112] | implode", "transform: implode" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hsw_handle *h = OPEN_WAY(0, cases[i].key, cases[i].text, NULL);
		for (int n = 0; n < 2; n++) { /* the next event finds all as it was */
			struct fake_result r = send(h, "{\"data\":1}");
			ck_assert_int_eq(r.outcome, HSW_REJECT);
			ck_assert_msg(
				strncmp(r.text, cases[i].expected, strlen(cases[i].expected)) == 0,
				"%s", r.text);
		}
		fake_close(h);
	}
	ck_assert_uint_eq(http_server_requests(server), 0);
}
END_TEST

START_TEST(an_expression_without_end_is_stopped)
{
	struct hsw_handle *h = OPEN_WAY(
		0, "filter", "if .data == 1 then last(range(1e9)) else true end", NULL);

	struct fake_result r = send(h, "{\"data\":1}");
	ck_assert_int_eq(r.outcome, HSW_REJECT);
	ck_assert_str_eq(r.text, "filter: takes too long");
	ck_assert_int_eq(send(h, "{\"data\":2}").outcome, HSW_DELIVERED);
	ck_assert_uint_eq(http_server_requests(server), 1);
	fake_close(h);
}
END_TEST

/* Has this process stand still, as a machine does that is moved to another host. */
static void
stand_still(int times)
{
	for (int i = 0; i < times; i++) {
		kill(getppid(), SIGSTOP);
		usleep(130000);
		kill(getppid(), SIGCONT);
		usleep(3000);
	}
	_exit(0);
}

START_TEST(a_machine_that_stands_still_uses_up_nothing)
{
	struct hsw_handle *h = OPEN_WAY(0, "filter", "last(range(20000)) > 0", NULL);
	pid_t stopper = fork();

	if (stopper == 0)
		stand_still(8);
	while (waitpid(stopper, NULL, WNOHANG) == 0) {
		struct fake_result r = send(h, "{\"data\":1}");
		ck_assert_msg(r.outcome == HSW_DELIVERED, "%s", r.text);
	}
	fake_close(h);
}
END_TEST

START_TEST(refused_words_may_be_names_only)
{
	static const struct {
		const char *text, *expected; /* NULL: it is allowed */
	} cases[] = { { ".data.text[now:]", "now is" }, { ".data.text[ now :1]", "now is" },
		{ ".data[(1 | now):]", "now is" }, { ".[_implode:]", "_implode is" },
		{ ".[halt:]", "halt is" }, { ".[input:]", "input is" },
		{ "{a: .b[now:]}", "now is" }, { "[{a: 1}][now:]", "now is" },
		{ "{a: 1, b: now}", "now is" }, { "{a: 1, b: (now)}", "now is" },
		{ "{a: 1 | now}", "now is" }, { "{(now | tostring): 1}", "now is" },
		{ "{a: \"\\(now)\"}", "now is" }, { "{now}", "now is" }, { "{$ENV}", "$ENV is" },
		{ "def now: 1; 2", "now is" }, { "def _x: 1; 2", "_x is" },
		{ "def f(g): g; f(now)", "now is" }, { ". as {a: $x} | $x | now", "now is" },
		{ "now # :", "now is" },
		{ "$ ENV", "a $ without a name is" }, { "$\nENV", "a $ without a name is" },
		{ "$#x\nENV", "a $ without a name is" },
		{ "1 # \\\n\"\n| now # \"", "a comment that ends with \\ is" },
		{ "1 # \\\r\n\"\n| now # \"", "a comment that ends with \\ is" },
		{ "{now: 1, _x: 2, \"env\": 3}", NULL }, { "{a: {now: 1}}", NULL },
		{ "[{input : 1}]", NULL }, { "\"\\({now: 1})\"", NULL },
		{ ". as {now: $x} | $x", NULL }, { "def f: {now: 1}; f", NULL },
		{ "def f(g): g; f({env: 1})", NULL }, { ".now, .[\"now\"]", NULL },
		{ "{if: 1, and: 2}", NULL }, { ".data.x as $x | .data[$x:]", NULL },
		{ ". as {a: $x} ?// [$x] | $x", NULL }, { "1 # now \\ and so on\n", NULL },
		{ "# now", "syntax error" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const options[] = { "url", "http://127.0.0.1/", "filter", cases[i].text,
			NULL };
		struct hsw_error err = { "" };
		struct hsw_handle *h = fake_open("sink-webhook", options, &err);
		ck_assert_msg((h != NULL) == (cases[i].expected == NULL), "%s: %s", cases[i].text,
			err.text);
		if (h != NULL)
			fake_close(h);
		else
			ck_assert_msg(strstr(err.text, cases[i].expected) != NULL, "%s: %s",
				cases[i].text, err.text);
	}
}
END_TEST

START_TEST(wrong_expressions_stop_the_start)
{
	static const struct {
		const char *key, *text, *expected;
	} cases[] = { { "filter", ".a ==", "filter: syntax error" },
		{ "filter", "env.HOME", "filter: env is not allowed" },
		{ "transform", "nosuch(1)", "transform: nosuch/1 is not defined" },
		{ "transform", "(1", "transform: ( is not closed" } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *const options[] = { "url", "http://127.0.0.1/", cases[i].key,
			cases[i].text, NULL };
		struct hsw_error err = { "" };
		ck_assert_ptr_null(fake_open("sink-webhook", options, &err));
		ck_assert_msg(strncmp(err.text, cases[i].expected, strlen(cases[i].expected)) == 0,
			"%s", err.text);
	}
	const char *const both[] = { "url", "http://127.0.0.1/", "transform", ".", "format", "data",
		NULL };
	struct hsw_error err = { "" };
	ck_assert_ptr_null(fake_open("sink-webhook", both, &err));
	ck_assert_ptr_nonnull(strstr(err.text, "format: cannot stand beside transform"));
}
END_TEST

UNIT_MAIN_WITH("sink-webhook: jq", payload_rig_setup, payload_rig_teardown,
	only_events_that_the_filter_wants_are_sent, what_transform_gives_is_sent_instead,
	a_filter_goes_before_transform_batches_and_formats,
	an_expression_that_fails_makes_a_dead_letter, an_expression_without_end_is_stopped,
	a_machine_that_stands_still_uses_up_nothing, refused_words_may_be_names_only,
	wrong_expressions_stop_the_start)
