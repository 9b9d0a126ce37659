/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notice.c - see notice.h.
 *
 * The sink is called as for events: `outlet` stands for a destination of the kind that has no journal,
 * and `flight` for its delivery. There is one at a time:
 *
 *   idle -> flying -> (it arrived, or its attempts are used up) -> idle, or flying with the next one
 *           flying -> (it failed) -> waiting -> flying
 *
 * The sink is never called from inside its own `done`: the timer starts every attempt.
 */
#include "notice.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "destination_impl.h"
#include "err.h"
#include "host.h"
#include "log.h"

#define TIMEOUT_MS 10000 /* of one attempt */
#define HOST_MAX 256     /* bytes of the host's name */
#define LAG_LOW_SHARE 2  /* a destination has caught up below a half of notify_lag */

/* The waits before the second, third, ... attempt. */
static const int64_t waits_ms[] = { 1000, 5000, 30000, 120000 };
#define ATTEMPTS_MAX (int)(sizeof(waits_ms) / sizeof(waits_ms[0]) + 1)

static const char *const names[] = {
	[NOTICE_DISABLED] = "sink.disabled",
	[NOTICE_CIRCUIT_OPENED] = "sink.circuit_opened",
	[NOTICE_CIRCUIT_CLOSED] = "sink.circuit_closed",
	[NOTICE_DEAD_LETTERS] = "sink.dead_letters",
	[NOTICE_LAGGING] = "sink.lagging",
	[NOTICE_CAUGHT_UP] = "sink.caught_up",
};

struct notices {
	struct destination outlet;
	struct hsw_delivery flight;
	struct hsw_envelope *queue[NOTICES_MAX]; /* a ring; the first one is tried */
	size_t first, n;
	uint64_t made; /* for their ids */
	struct hasher *hasher;
	bool is_flying;
	struct event *timer; /* of the next attempt, or of the deadline */
	int64_t lag, dead;   /* notify_lag, notify_dead_letters; 0: off */
	char host[HOST_MAX];
	struct metric *sent, *failed, *dropped;
};

/* ---- the queue ---- */

static void
set_timer(struct notices *s, int64_t ms)
{
	const struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
	event_add(s->timer, &tv);
}

static struct hsw_envelope *
head(const struct notices *s)
{
	return s->queue[s->first];
}

static void
pop(struct notices *s)
{
	envelope_unref(head(s));
	s->first = (s->first + 1) % NOTICES_MAX;
	s->n--;
	s->flight.attempts = 0;
	if (s->n > 0)
		set_timer(s, 0);
	else
		event_del(s->timer);
}

static void
give_up(struct notices *s, const char *why)
{
	log_error("notice", "a notice did not arrive and is lost id=%.*s attempts=%d: %s",
		ENVELOPE_ID_TEXT, head(s)->id_text, s->flight.attempts, why);
	metric_add(s->failed, 1);
	pop(s);
}

/* ---- attempts ---- */

static void
failed(struct notices *s, bool may_help, const char *why)
{
	s->is_flying = false;
	s->flight.attempts++;
	if (!may_help || s->flight.attempts == ATTEMPTS_MAX) {
		give_up(s, why);
		return;
	}
	log_warn("notice", "a notice failed and will be tried again id=%.*s attempts=%d: %s",
		ENVELOPE_ID_TEXT, head(s)->id_text, s->flight.attempts, why);
	set_timer(s, waits_ms[s->flight.attempts - 1]);
}

static void
on_ended(struct hsw_delivery *flight, enum hsw_outcome outcome, const struct hsw_detail *detail)
{
	struct notices *s = (struct notices *)flight->d;
	const char *text = detail != NULL && detail->text != NULL ? detail->text : "failed";

	if (outcome == HSW_DELIVERED) {
		s->is_flying = false;
		metric_add(s->sent, 1);
		pop(s);
	} else {
		failed(s, outcome == HSW_RETRY, text);
	}
}

static void
start(struct notices *s)
{
	s->flight.envelope = head(s);
	s->flight.data = NULL;
	s->is_flying = true;
	set_timer(s, TIMEOUT_MS);
	if (s->outlet.ops->deliver(s->outlet.self, &s->flight) != HSW_OK)
		failed(s, true, "the webhook sink could not take it");
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct notices *s = arg;

	(void)fd;
	(void)what;
	if (!s->is_flying) {
		start(s);
		return;
	}
	s->outlet.ops->cancel(s->outlet.self, &s->flight);
	failed(s, true, "no answer in time");
}

/* ---- what they say ---- */

static void
write_time(struct buf *b, const char *name, int64_t wall_ms)
{
	char text[CLOCK_TEXT_SIZE];

	if (wall_ms == 0)
		return;
	clock_text(wall_ms, text);
	buf_printf(b, "\"%s\":\"%s\",", name, text);
}

static void
write_notice(struct buf *b, const struct notices *s, const struct destination *d, enum notice what,
	int64_t since_ms)
{
	buf_printf(b, "{\"type\":\"%s\",", names[what]);
	write_time(b, "timestamp", clock_wall_ms());
	buf_str(b, "\"data\":{\"host\":");
	buf_json_cstr(b, s->host);
	buf_str(b, ",\"sink\":");
	buf_json_cstr(b, d->name);
	buf_printf(b, ",\"api\":%s,\"plugin\":\"%s\",", d->owned != NULL ? "true" : "false",
		d->section->plugin->info->name);
	write_time(b, "since", since_ms);
	write_time(b, "lastDeliveredAt", d->last_delivered_at_ms);
	write_time(b, "lastErrorAt", d->last_error_at_ms);
	if (d->last_error_at_ms != 0) {
		buf_printf(b, "\"lastStatus\":%d,\"lastError\":", d->last_status);
		buf_json_cstr(b, d->last_error);
		buf_str(b, ",");
	}
	buf_printf(b, "\"failures\":%d,\"lag\":%lld,\"retrying\":%zu,\"deadLetters\":%lld}}",
		d->failures, (long long)destination_lag(d), d->in_retry,
		(long long)metric_value(d->died));
}

/* Only for the webhook-id of its requests. */
static bool
make_id(struct notices *s, unsigned char id[HSW_EVENT_ID_BYTES], struct hsw_str text)
{
	const struct hsw_str parts[] = { text, { (const char *)&s->made, sizeof(s->made) } };
	unsigned char digest[SHA256_BYTES];

	s->made++;
	if (!hasher_sha256(s->hasher, parts, 2, digest))
		return false;
	memcpy(id, digest, HSW_EVENT_ID_BYTES);
	return true;
}

/* The text as an envelope of one range. NULL: out of memory. */
static struct hsw_envelope *
wrap(struct notices *s, struct hsw_str text)
{
	struct hsw_store_event row = { .received_ms = clock_wall_ms(),
		.type = str_of("raw.notice"),
		.provider = str_of("hookswitch"),
		.instance = { "", 0 },
		.key = { "", 0 },
		.body = text };
	const char layout[5] = { (char)(text.len & 0xff), (char)(text.len >> 8 & 0xff),
		(char)(text.len >> 16 & 0xff), (char)(text.len >> 24 & 0xff), 0 };

	row.layout = (struct hsw_str){ layout, sizeof(layout) };
	if (!make_id(s, row.id, text))
		return NULL;
	return envelope_from_row(&row, (struct hsw_str){ "", 0 });
}

void
notice_send(const struct destination *d, enum notice what, int64_t since_ms)
{
	struct notices *s = d->thread->notices;
	struct buf text = BUF_INIT;
	struct hsw_envelope *e = NULL;

	if (s == NULL)
		return;
	write_notice(&text, s, d, what, since_ms);
	if (!text.failed && s->n < NOTICES_MAX)
		e = wrap(s, (struct hsw_str){ text.data, text.len });
	buf_free(&text);
	if (e == NULL) {
		log_error("notice", "%s: a notice is lost notice=%s destination=%s",
			s->n == NOTICES_MAX ? "too many wait" : "out of memory", names[what],
			d->name);
		metric_add(s->dropped, 1);
		return;
	}
	s->queue[(s->first + s->n++) % NOTICES_MAX] = e;
	if (s->n == 1)
		set_timer(s, 0);
}

/* ---- thresholds ---- */

void
notice_died(struct destination *d)
{
	const struct notices *s = d->thread->notices;

	if (s == NULL || s->dead == 0)
		return;
	if (d->dead_untold++ == 0)
		d->dead_since_ms = clock_wall_ms();
	if (d->dead_untold < s->dead)
		return;
	notice_send(d, NOTICE_DEAD_LETTERS, d->dead_since_ms);
	d->dead_untold = 0;
}

void
notice_lag(struct destination *d, int64_t lag)
{
	const struct notices *s = d->thread->notices;

	if (s == NULL || s->lag == 0)
		return;
	if (d->lagging_since_ms == 0 && lag >= s->lag) {
		d->lagging_since_ms = clock_wall_ms();
		log_warn("router", "destination is behind destination=%s lag=%lld", d->name,
			(long long)lag);
		notice_send(d, NOTICE_LAGGING, d->lagging_since_ms);
	} else if (d->lagging_since_ms != 0 && lag < (s->lag + LAG_LOW_SHARE - 1) / LAG_LOW_SHARE) {
		log_info("router", "destination has caught up destination=%s lag=%lld", d->name,
			(long long)lag);
		notice_send(d, NOTICE_CAUGHT_UP, d->lagging_since_ms);
		d->lagging_since_ms = 0;
	}
}

/* ---- opening ---- */

static void
make_metrics(struct notices *s)
{
	struct metric_label label = { "result", str_of("sent") };

	s->sent = metric_get("hookswitch_notices_total", &label, 1);
	label.value = str_of("failed");
	s->failed = metric_get("hookswitch_notices_total", &label, 1);
	label.value = str_of("dropped");
	s->dropped = metric_get("hookswitch_notices_total", &label, 1);
}

static int
open_outlet(struct notices *s, struct delivery_thread *t, const struct webhook_sink *sink,
	struct hsw_error *err)
{
	const struct host_thread thread = { t->base, t->box };
	struct destination *d = &s->outlet;

	d->thread = t;
	d->ops = &sink->plugin->ops.sink;
	d->ended = on_ended;
	d->handle = host_handle_new("sink notices", &thread);
	if (d->handle == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	return d->ops->open(host_functions(), d->handle, sink->conf, &d->self, err);
}

int
notices_open(struct delivery_thread *t, const struct webhook_sink *sink,
	const struct server_conf *conf, struct hsw_error *err)
{
	if (sink->plugin == NULL)
		return HSW_OK;
	struct notices *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	s->lag = conf->notify_lag;
	s->dead = conf->notify_dead_letters;
	s->flight.d = &s->outlet;
	s->timer = evtimer_new(t->base, on_timer, s);
	s->hasher = hasher_new();
	if (gethostname(s->host, sizeof(s->host) - 1) != 0)
		s->host[0] = '\0';
	make_metrics(s);
	int rc = s->timer != NULL && s->hasher != NULL ? open_outlet(s, t, sink, err)
						       : err_set(err, HSW_ENOMEM, "out of memory");
	if (rc == HSW_OK) {
		t->notices = s;
		return HSW_OK;
	}
	s->outlet.self = NULL;
	notices_close(s);
	return rc;
}

void
notices_close(struct notices *s)
{
	if (s == NULL)
		return;
	if (s->is_flying)
		s->outlet.ops->cancel(s->outlet.self, &s->flight);
	if (s->n > 0) {
		log_warn("notice", "notices are lost by the stop notices=%zu", s->n);
		metric_add(s->dropped, (int64_t)s->n);
	}
	for (; s->n > 0; s->n--, s->first = (s->first + 1) % NOTICES_MAX)
		envelope_unref(head(s));
	if (s->outlet.self != NULL)
		s->outlet.ops->close(s->outlet.self);
	host_handle_free(s->outlet.handle);
	if (s->timer != NULL)
		event_free(s->timer);
	hasher_free(s->hasher);
	free(s);
}
