/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suite_source.c - what every source must do with the payloads that it is given, and with what has become of them on
 * a bad day. events_of_request checks each event on the way.
 */
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hookswitch/harness_events.h>

#include "calls.h"
#include "expect.h"
#include "leftover.h"

/* An event may say more than the request did, but not without a bound: bytes, and those for each of the body. */
#define OUTPUT_BASE (64 * 1024)
#define OUTPUT_FACTOR 64
#define SLOW_MS 1000 /* of the processor, for one request */
#define WATCHED 100  /* requests in a round of the test for calls that block */
#define TURN_MS 20
#define WARM_UP 100
#define ROUNDS 2000
#define LEAK_MAX \
	(16 * 1024) /* bytes in use more after ROUNDS: the least leak would be 32 bytes each */

static const struct hsw_source_ops *
ops_of(const struct fake_subject *s)
{
	return s->plugin->ops;
}

static struct events_result
translate(const struct fake_subject *s, struct hsw_handle *h, struct hsw_str body,
	unsigned refuse_from)
{
	const struct events_request request = { .path = s->path,
		.query = s->query,
		.headers = s->headers,
		.body = body,
		.refuse_from = refuse_from };
	struct events_result result;

	events_of_request(ops_of(s), fake_self(h), &request, &result);
	return result;
}

static void
need_payloads(const struct fake_subject *s)
{
	if (s->payload_count == 0)
		fake_skip("no payload was given");
}

/* ---- what it says of errors ---- */

static bool
is_result(int rc)
{
	return rc <= HSW_OK && rc >= HSW_EUNPROCESSABLE;
}

/* The secret among the options that stands in the text, or NULL. */
static const char *
secret_in(const struct fake_subject *s, const char *text)
{
	for (const char *const *o = s->options; o != NULL && o[0] != NULL; o += 2) {
		const struct hsw_option *option = s->plugin->options;
		while (option != NULL && option->key != NULL && strcmp(option->key, o[0]) != 0)
			option++;
		if (option != NULL && option->key != NULL && option->type == HSW_OPT_SECRET &&
			o[1][0] != '\0' && strstr(text, o[1]) != NULL)
			return o[0];
	}
	return NULL;
}

static void
check_result(const struct fake_subject *s, const struct events_result *r, struct hsw_str body)
{
	const char *text = r->err.text;

	expect_that(is_result(r->rc), "the result %d is none of enum hsw_err", r->rc);
	expect_that(r->rc == HSW_OK || text[0] != '\0', "%d without a text that says why", r->rc);
	expect_that(memchr(text, '\0', sizeof(r->err.text)) != NULL, "the error's text has no end");
	expect_that(strchr(text, '\n') == NULL, "an error of more than one line: %s", text);
	expect_that(secret_in(s, text) == NULL, "an error tells the secret %s", secret_in(s, text));
	expect_that(r->bytes <= OUTPUT_BASE + OUTPUT_FACTOR * body.len,
		"%zu bytes of events of a body of %zu", r->bytes, body.len);
}

/* ---- the tests ---- */

static void
source_has_its_functions(const struct fake_subject *s)
{
	const struct hsw_source_ops *ops = ops_of(s);

	expect_that(ops->size >= offsetof(struct hsw_source_ops, challenge),
		"its ops are smaller than any version's");
	expect_that(
		ops->open && ops->translate && ops->close, "open, translate and close are needed");
}

/* The daemon ignores an event that is nobody's. */
static void
check_instances(const struct fake_subject *s, struct hsw_handle *h, const char *name,
	struct json_object *events)
{
	if (!fake_names_instances(ops_of(s), fake_self(h)))
		return;
	for (size_t i = 0; i < json_object_array_length(events); i++) {
		struct json_object *event = json_object_array_get_idx(events, i);
		expect_that(json_object_object_get(event, "type") == NULL ||
				json_object_object_get(event, "instance") != NULL,
			"%s: event %zu does not name its instance", name, i + 1);
	}
}

static void
check_same_again(const struct fake_subject *s, struct hsw_handle *h, const struct fake_payload *p)
{
	struct hsw_handle *other = fake_subject_open(s);
	struct events_result one = translate(s, h, p->body, 0), again = translate(s, h, p->body, 0);
	struct events_result elsewhere = translate(s, other, p->body, 0);
	const char *text = json_object_to_json_string(one.events);

	expect_that(one.rc == HSW_OK, "%s: %d: %s", p->name, one.rc, one.err.text);
	check_result(s, &one, p->body);
	check_instances(s, h, p->name, one.events);
	expect_that(strcmp(text, json_object_to_json_string(again.events)) == 0 &&
			strcmp(text, json_object_to_json_string(elsewhere.events)) == 0,
		"%s: becomes\n%s\nand then\n%s\nand by another handle\n%s", p->name, text,
		json_object_to_json_string(again.events),
		json_object_to_json_string(elsewhere.events));
	json_object_put(one.events);
	json_object_put(again.events);
	json_object_put(elsewhere.events);
	fake_close(other);
}

static void
payloads_become_the_same_events_again(const struct fake_subject *s)
{
	need_payloads(s);
	struct hsw_handle *h = fake_subject_open(s);

	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < s->payload_count; i++)
			check_same_again(s, h, &s->payloads[i]);
	}
	fake_close(h);
}

static void
check_refusals(const struct fake_subject *s, struct hsw_handle *h, const struct fake_payload *p)
{
	struct events_result all = translate(s, h, p->body, 0);
	size_t n = json_object_array_length(all.events);

	json_object_put(all.events);
	for (unsigned from = 1; from <= n; from++) {
		struct events_result r = translate(s, h, p->body, from);
		expect_that(r.rc == HSW_ELIMIT,
			"%s: emit refused event %u by HSW_ELIMIT, and translate returned %d",
			p->name, from, r.rc);
		check_result(s, &r, p->body);
		json_object_put(r.events);
	}
}

static void
what_emit_refuses_is_passed_on(const struct fake_subject *s)
{
	need_payloads(s);
	struct hsw_handle *h = fake_subject_open(s);

	for (size_t i = 0; i < s->payload_count; i++)
		check_refusals(s, h, &s->payloads[i]);
	fake_close(h);
}

struct bad_day {
	const struct fake_subject *subject;
	struct hsw_handle *handle;
};

static double
cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void
try_bad(void *arg, struct hsw_str body)
{
	const struct bad_day *day = arg;
	double start = cpu_ms();
	struct events_result r = translate(day->subject, day->handle, body, 0);
	double took = cpu_ms() - start;

	expect_that(took <= SLOW_MS, "a body of %zu bytes took %.0f ms: %.200s", body.len, took,
		body.len > 0 ? body.s : "");
	check_result(day->subject, &r, body);
	json_object_put(r.events);
}

static void
bad_input_is_refused_or_bounded(const struct fake_subject *s)
{
	struct bad_day day = { s, fake_subject_open(s) };

	fake_bad_input_each((struct hsw_str){ "", 0 }, try_bad, &day);
	for (size_t i = 0; i < s->payload_count; i++)
		fake_bad_input_each(s->payloads[i].body, try_bad, &day);
	/* After all that a good one is still what it was. */
	for (size_t i = 0; i < s->payload_count; i++)
		check_same_again(s, day.handle, &s->payloads[i]);
	fake_close(day.handle);
}

static void
translate_all(const struct fake_subject *s, struct hsw_handle *h)
{
	for (size_t i = 0; i < s->payload_count; i++) {
		struct hsw_str body = s->payloads[i].body;
		json_object_put(translate(s, h, body, 0).events);
		json_object_put(translate(s, h, body, 1).events);
		json_object_put(
			translate(s, h, (struct hsw_str){ body.s, body.len / 2 }, 0).events);
	}
}

static void
memory_does_not_grow(const struct fake_subject *s)
{
	need_payloads(s);
	struct hsw_handle *h = fake_subject_open(s);

	for (int i = 0; i < WARM_UP; i++)
		translate_all(s, h);
	size_t before = leftover_bytes();
	for (int i = 0; i < ROUNDS / (int)s->payload_count + 1; i++)
		translate_all(s, h);
	size_t after = leftover_bytes();
	expect_that(after <= before + LEAK_MAX, "%zu bytes in use became %zu in %d rounds", before,
		after, ROUNDS / (int)s->payload_count + 1);
	fake_close(h);
}

static struct hsw_str
no_header(const struct hsw_request *request, const char *name)
{
	(void)request;
	(void)name;
	return (struct hsw_str){ NULL, 0 };
}

static void
challenge_all(const struct fake_subject *s, struct hsw_handle *h)
{
	static const char *const queries[] = { "", "&", "=", "%", "%zz=%00", "hub.challenge",
		"hub.mode=subscribe&hub.verify_token=&hub.challenge=" };
	const char *instance = fake_names_instances(ops_of(s), fake_self(h)) ? "" : EVENTS_INSTANCE;

	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		const struct hsw_request r = { .size = sizeof(r),
			.method = { "GET", 3 },
			.path = { "", 0 },
			.query = { queries[i], strlen(queries[i]) },
			.instance = { instance, strlen(instance) },
			.body = { "", 0 },
			.received_ms = EVENTS_RECEIVED_MS,
			.header = no_header };
		struct hsw_reply reply = { sizeof(reply), 200, "text/plain", "", 0 };
		struct events_result result = { .rc = HSW_OK };
		struct call call;
		fake_call_begin(&call, CALL_CHALLENGE);
		result.rc = ops_of(s)->challenge(fake_self(h), &r, &reply, &result.err);
		fake_call_end(&call, 0);
		check_result(s, &result, r.query);
		expect_that(reply.len <= HSW_REPLY_MAX, "a reply of %zu bytes", reply.len);
		expect_that(reply.status >= 200 && reply.status <= 599, "status %d", reply.status);
	}
}

static void
a_challenge_answers_within_its_reply(const struct fake_subject *s)
{
	if (!SUITE_HAS(ops_of(s), challenge))
		fake_skip("it answers no GET");
	struct hsw_handle *h = fake_subject_open(s);
	challenge_all(s, h);
	fake_close(h);
}

/* Without payloads what is translated is refused, perhaps: that must not block either. */
static void
call_each(void *arg)
{
	static const struct fake_payload nothing = { "nothing", { "{}", 2 } };
	const struct fake_subject *s = arg;
	const struct fake_payload *payloads = s->payload_count > 0 ? s->payloads : &nothing;
	size_t n = s->payload_count > 0 ? s->payload_count : 1;
	struct hsw_handle *h = fake_subject_open(s);

	for (size_t i = 0; i < n || i < WATCHED; i++) {
		struct events_result r = translate(s, h, payloads[i % n].body, 0);
		json_object_put(r.events);
	}
	if (SUITE_HAS(ops_of(s), challenge))
		challenge_all(s, h);
	fake_run(h, TURN_MS);
	fake_close(h);
}

static void
no_call_blocks(const struct fake_subject *s)
{
	fake_calls_expect_none_blocks(call_each, (void *)s);
}

const struct suite_test fake_suite_of_sources[] = {
	{ "source has its functions", source_has_its_functions },
	{ "handles open and close again", fake_handles_open_and_close_again },
	{ "payloads become the same events again", payloads_become_the_same_events_again },
	{ "what emit refuses is passed on", what_emit_refuses_is_passed_on },
	{ "bad input is refused or bounded", bad_input_is_refused_or_bounded },
	{ "memory does not grow", memory_does_not_grow },
	{ "no call blocks", no_call_blocks },
	{ "a challenge answers within its reply", a_challenge_answers_within_its_reply },
	{ NULL, NULL },
};
