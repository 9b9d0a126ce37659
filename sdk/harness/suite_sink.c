/* SPDX-License-Identifier: Apache-2.0 */
/* suite_sink.c - what every sink must do. It may deliver what it is given or not. */
#include "suite.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "expect.h"
#include "leftover.h"

#define MANY 3000
#define SLOW_MS 10
#define IN_FLIGHT_MAX 65536
#define DELIVERIES_OF_LIFE 10

static const struct hsw_envelope *
envelope(unsigned number)
{
	char json[256];

	snprintf(json, sizeof(json),
		"{\"event\":\"message.exchange\",\"data\":{\"id\":\"TEST%u\"},\"instanceData\":"
		"{\"instance\":\"sales\"},\"id\":\"evt_%032x\"}",
		number, number);
	return fake_envelope_text(json);
}

static void
sink_has_its_functions(const struct fake_subject *s)
{
	const struct hsw_sink_ops *ops = s->plugin->ops;

	if (ops->size < offsetof(struct hsw_sink_ops, drain))
		fake_fail("its ops are smaller than any version's");
	if (!ops->open || !ops->deliver || !ops->cancel || !ops->close)
		fake_fail("open, deliver, cancel and close are needed");
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

/* Whether the plugin knows an optional operation, and has it. */
#define HAS(ops, member)                                                                 \
	((ops)->size >= offsetof(struct hsw_sink_ops, member) + sizeof((ops)->member) && \
		(ops)->member != NULL)

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
	if (HAS(ops, check_each))
		ops->check_each(conf, fail_told, NULL);
	for (unsigned parts = 0; parts < 2 * HSW_KEYS && HAS(ops, check_parts); parts++)
		ops->check_parts(conf, parts, ignore_told, NULL);
	fake_conf_free(s->plugin, conf);
}

static void
checking_leaves_nothing(const struct fake_subject *s)
{
	const struct hsw_sink_ops *ops = s->plugin->ops;

	if (HAS(ops, check))
		leftover_expect_none(check, s);
}

static void
a_delivery_ends_once_with_a_word_for_people(const struct fake_subject *s)
{
	struct hsw_handle *h = fake_subject_open(s);
	const struct hsw_envelope *e = envelope(1);

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

static double
now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Feeds as the daemon does, up to the sink's concurrency; returns how many calls of deliver were slow. */
static unsigned
feed(struct hsw_handle *h, unsigned n, unsigned concurrency)
{
	unsigned slow = 0, in_flight = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct hsw_envelope *e = envelope(i);
		double start = now(CLOCK_MONOTONIC);
		struct hsw_delivery *d = fake_deliver(h, e, 1);
		slow += now(CLOCK_MONOTONIC) - start > SLOW_MS;
		fake_unref(e);
		if (fake_result(d)->state == FAKE_PENDING && ++in_flight < concurrency)
			continue;
		if (fake_result(d)->state == FAKE_REFUSED && fake_result(d)->rc == HSW_EAGAIN)
			i--;
		fake_wait_all(h);
		in_flight = 0;
	}
	return slow;
}

static void
thousands_of_envelopes_end(const struct fake_subject *s)
{
	const struct hsw_sink_ops *ops = s->plugin->ops;
	struct hsw_handle *h = fake_subject_open(s);

	feed(h, MANY, ops->concurrency);
	fake_wait_all(h);
	fake_close(h);
}

/* One slow call may be the machine's fault, one in ten is not. */
static void
no_call_blocks(const struct fake_subject *s)
{
	const struct hsw_sink_ops *ops = s->plugin->ops;
	struct hsw_handle *h = fake_subject_open(s);
	unsigned slow = feed(h, 100, ops->concurrency);

	if (slow >= 10)
		fake_fail("%u of 100 calls of deliver took more than %d ms", slow, SLOW_MS);
	fake_wait_all(h);
	fake_close(h);
}

static void
cancelled_deliveries_are_forgotten(const struct fake_subject *s)
{
	struct hsw_handle *h = fake_subject_open(s);

	for (unsigned i = 0; i < 50; i++) {
		const struct hsw_envelope *e = envelope(i);
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
	const struct hsw_sink_ops *ops = s->plugin->ops;
	unsigned n = ops->concurrency < 64 ? ops->concurrency : 64;
	struct hsw_delivery *all[64];
	struct hsw_handle *h = fake_subject_open(s);

	for (unsigned i = 0; i < n; i++) {
		const struct hsw_envelope *e = envelope(i);
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
	fake_wait_all(h);
	const struct hsw_envelope *e = envelope(DELIVERIES_OF_LIFE);
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
	leftover_expect_none(live, s);
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
