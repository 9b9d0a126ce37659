/* SPDX-License-Identifier: Apache-2.0 */
/* suite_sink.c - what every sink must do. It may deliver what it is given or not. */
#include "suite.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "calls.h"
#include "expect.h"
#include "leftover.h"

#define MANY 3000
#define IN_FLIGHT_MAX 65536
#define DELIVERIES_OF_LIFE 10
/* In a round of the test for calls that block: enough that one of 20 calls is in each. */
#define WATCHED 100
#define CANCELLED 8
#define TURN_MS 20

const struct hsw_envelope *
fake_subject_envelope(unsigned number)
{
	char json[256];

	snprintf(json, sizeof(json),
		"{\"event\":\"message.exchange\",\"data\":{\"id\":\"TEST%u\"},\"instanceData\":"
		"{\"instance\":\"sales\"},\"id\":\"evt_%032x\"}",
		number, number);
	return fake_envelope_text(json);
}

bool
fake_is_live(const struct fake_subject *s)
{
	return (((const struct hsw_sink_ops *)s->plugin->ops)->flags & HSW_SINK_LIVE) != 0;
}

static void
need_deliveries(const struct fake_subject *s)
{
	if (fake_is_live(s))
		fake_skip("a live sink gets no deliveries");
}

static void
sink_has_its_functions(const struct fake_subject *s)
{
	const struct hsw_sink_ops *ops = s->plugin->ops;

	if (ops->size < offsetof(struct hsw_sink_ops, drain))
		fake_fail("its ops are smaller than any version's");
	if (!ops->open || !ops->close)
		fake_fail("open and close are needed");
	if (fake_is_live(s) && (!SUITE_HAS(ops, adopt) || !SUITE_HAS(ops, broadcast)))
		fake_fail("a live sink needs adopt and broadcast");
	if (fake_is_live(s) && (ops->deliver || ops->cancel))
		fake_fail("a live sink has neither deliver nor cancel");
	if (!fake_is_live(s) && (!ops->deliver || !ops->cancel))
		fake_fail("deliver and cancel are needed");
	if (ops->concurrency < 1 || ops->concurrency > IN_FLIGHT_MAX)
		fake_fail("concurrency is 1 to %d", IN_FLIGHT_MAX);
}

static void
fail_told(void *arg, const char *text)
{
	(void)arg;
	fake_fail("check_each: %s", text);
}

/* Whether they mean something beside the daemon's own options is not known here. */
static void
ignore_told(void *arg, const char *text)
{
	(void)arg;
	(void)text;
}

static void
check(const struct fake_subject *s)
{
	const struct hsw_sink_ops *ops = s->plugin->ops;
	struct hsw_error err = { "" };

	void *conf = fake_conf_new(s->plugin, s->options, &err);
	if (conf == NULL)
		fake_fail("%s", err.text);
	if (ops->check(conf, &err) != HSW_OK)
		fake_fail("check: %s", err.text);
	if (SUITE_HAS(ops, check_each))
		ops->check_each(conf, fail_told, NULL);
	for (unsigned parts = 0; parts < 2 * HSW_KEYS && SUITE_HAS(ops, check_parts); parts++)
		ops->check_parts(conf, parts, ignore_told, NULL);
	fake_conf_free(s->plugin, conf);
}

static void
checking_leaves_nothing(const struct fake_subject *s)
{
	const struct hsw_sink_ops *ops = s->plugin->ops;

	if (SUITE_HAS(ops, check))
		leftover_expect_none(check, s);
}

static void
a_delivery_ends_once_with_a_word_for_people(const struct fake_subject *s)
{
	need_deliveries(s);
	struct hsw_handle *h = fake_subject_open(s);
	const struct hsw_envelope *e = fake_subject_envelope(1);

	for (int attempt = 1; attempt <= 3; attempt++) {
		const struct fake_result *r = fake_wait(fake_deliver(h, e, attempt));
		if (r->state == FAKE_DONE && strchr(r->text, '\n') != NULL)
			fake_fail("its text has more than a line: %s", r->text);
		if (r->state == FAKE_DONE && (r->outcome < HSW_DELIVERED || r->outcome > HSW_HOLD))
			fake_fail("outcome %d is none", (int)r->outcome);
	}
	fake_unref(e);
	fake_close(h);
}

/* Feeds as the daemon does, up to the sink's concurrency. */
static void
feed(struct hsw_handle *h, unsigned n, unsigned concurrency)
{
	unsigned in_flight = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct hsw_envelope *e = fake_subject_envelope(i);
		struct hsw_delivery *d = fake_deliver(h, e, 1);
		fake_unref(e);
		if (fake_result(d)->state == FAKE_PENDING && ++in_flight < concurrency)
			continue;
		if (fake_result(d)->state == FAKE_REFUSED && fake_result(d)->rc == HSW_EAGAIN)
			i--;
		fake_wait_all(h);
		in_flight = 0;
	}
	fake_wait_all(h);
}

static void
thousands_of_envelopes_end(const struct fake_subject *s)
{
	need_deliveries(s);
	const struct hsw_sink_ops *ops = s->plugin->ops;
	struct hsw_handle *h = fake_subject_open(s);

	feed(h, MANY, ops->concurrency);
	fake_close(h);
}

/* Each of the sink's functions, also with deliveries under way. */
static void
call_each(void *arg)
{
	const struct fake_subject *s = arg;
	const struct hsw_sink_ops *ops = s->plugin->ops;
	struct hsw_delivery *all[CANCELLED];

	if (fake_is_live(s)) {
		fake_live_through(s);
		return;
	}
	struct hsw_handle *h = fake_subject_open(s);
	feed(h, WATCHED, ops->concurrency);
	fake_reopen(h);
	fake_run(h, TURN_MS);
	for (unsigned i = 0; i < CANCELLED; i++) {
		const struct hsw_envelope *e = fake_subject_envelope(i);
		all[i] = fake_deliver(h, e, 1);
		fake_unref(e);
		if (i % 2 == 0)
			fake_run(h, 1);
	}
	fake_drain(h);
	for (unsigned i = 0; i < CANCELLED; i++) {
		if (fake_result(all[i])->state == FAKE_PENDING)
			fake_cancel(all[i]);
	}
	fake_close(h);
}

static void
no_call_blocks(const struct fake_subject *s)
{
	fake_calls_expect_none_blocks(call_each, (void *)s);
}

static void
cancelled_deliveries_are_forgotten(const struct fake_subject *s)
{
	need_deliveries(s);
	struct hsw_handle *h = fake_subject_open(s);

	for (unsigned i = 0; i < 50; i++) {
		const struct hsw_envelope *e = fake_subject_envelope(i);
		struct hsw_delivery *d = fake_deliver(h, e, 1);
		fake_unref(e);
		if (i % 5 == 4)
			fake_run(h, 1);
		if (fake_result(d)->state == FAKE_PENDING)
			fake_cancel(d);
		/* What was not forgotten comes up now, or when another one is under way. */
		if (i % 5 == 2)
			fake_run(h, 20);
	}
	fake_run(h, 500);
	fake_close(h);
}

static void
a_stop_in_the_middle_leaves_nothing(const struct fake_subject *s)
{
	need_deliveries(s);
	const struct hsw_sink_ops *ops = s->plugin->ops;
	unsigned n = ops->concurrency < 64 ? ops->concurrency : 64;
	struct hsw_delivery *all[64];
	struct hsw_handle *h = fake_subject_open(s);

	for (unsigned i = 0; i < n; i++) {
		const struct hsw_envelope *e = fake_subject_envelope(i);
		all[i] = fake_deliver(h, e, 1);
		fake_unref(e);
	}
	fake_drain(h);
	for (unsigned i = 0; i < n; i++) {
		if (fake_result(all[i])->state == FAKE_PENDING)
			fake_cancel(all[i]);
	}
	fake_close(h);
}

/* A handle from its start to its end, with deliveries that end and one that is cancelled. */
static void
live(const struct fake_subject *s)
{
	const struct hsw_sink_ops *ops = s->plugin->ops;
	struct hsw_handle *h = fake_subject_open(s);

	feed(h, DELIVERIES_OF_LIFE, ops->concurrency);
	const struct hsw_envelope *e = fake_subject_envelope(DELIVERIES_OF_LIFE);
	struct hsw_delivery *last = fake_deliver(h, e, 1);
	fake_unref(e);
	if (fake_result(last)->state == FAKE_PENDING)
		fake_cancel(last);
	fake_drain(h);
	fake_close(h);
}

static void
what_a_handle_takes_it_gives_back(const struct fake_subject *s)
{
	leftover_expect_none(fake_is_live(s) ? fake_live_through : live, s);
}

const struct suite_test fake_suite_of_sinks[] = {
	{ "sink has its functions", sink_has_its_functions },
	{ "checking leaves nothing", checking_leaves_nothing },
	{ "handles open and close again", fake_handles_open_and_close_again },
	{ "a delivery ends once", a_delivery_ends_once_with_a_word_for_people },
	{ "thousands of envelopes end", thousands_of_envelopes_end },
	{ "no call blocks", no_call_blocks },
	{ "cancelled deliveries are forgotten", cancelled_deliveries_are_forgotten },
	{ "a stop in the middle leaves nothing", a_stop_in_the_middle_leaves_nothing },
	{ "what a handle takes it gives back", what_a_handle_takes_it_gives_back },
	{ NULL, NULL },
};
