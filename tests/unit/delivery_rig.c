/* SPDX-License-Identifier: Apache-2.0 */
/* delivery_rig.c - see delivery_rig.h. */
#include "delivery_rig.h"

#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "destination_impl.h"
#include "emit.h"
#include "host.h"
#include "memory_store.h"

#define ATTEMPTS_MAX 50000
#define FLIGHT_MAX 1024
#define UNTIL_MS 20000

struct rig_sink rig_sink;
struct sink_conf rig_sink_conf;
int64_t rig_crash_cursor = -1;
size_t rig_body_bytes;

static struct {
	struct event_base *base;
	struct event *mail;
	struct mailbox box;
	struct catalog *catalog;
	struct journal *journal;
	struct journal_port port;
	_Atomic unsigned readers;
	struct delivery_thread thread;
	struct config config;
	struct config_section section;
	struct plugin store_plugin, sink_plugin;
	struct rig_attempt attempts[ATTEMPTS_MAX];
	size_t n_attempts, n_delivered, n_cancelled;
	struct hsw_delivery *flight[FLIGHT_MAX];
	size_t flight_index[FLIGHT_MAX];
	size_t n_flight;
	unsigned random;
	int stored_rc, n_stored, next_id;
} rig;

/* ---- the sink ---- */

static int
sink_open(const struct hsw_host *host, struct hsw_handle *handle, const void *conf, void **self,
	struct hsw_error *err)
{
	(void)host;
	(void)handle;
	(void)conf;
	(void)err;
	*self = &rig;
	return HSW_OK;
}

static enum hsw_outcome
scripted(const struct rig_attempt *a)
{
	if (a->number == 1 && a->seq == rig_sink.fail_first_attempts_of_seq)
		return HSW_RETRY;
	if (a->seq == rig_sink.fail_always_seq)
		return HSW_RETRY;
	if (rig_sink.fail_odd && a->seq % 2 == 1)
		return HSW_RETRY;
	return rig_sink.outcome;
}

static int
sink_deliver(void *self, struct hsw_delivery *d)
{
	const struct hsw_host *host = host_functions();
	const struct hsw_envelope *e = host->envelope(d);

	(void)self;
	if (rig_sink.eagain > 0) {
		rig_sink.eagain--;
		return HSW_EAGAIN;
	}
	ck_assert_uint_lt(rig.n_attempts, ATTEMPTS_MAX);
	struct rig_attempt *a = &rig.attempts[rig.n_attempts++];
	*a = (struct rig_attempt){ .seq = e->seq,
		.at_ms = clock_mono_ms(),
		.number = host->attempt(d),
		.chat = (int)strtol(e->key.s, NULL, 10) };
	if (rig_sink.is_async) {
		ck_assert_uint_lt(rig.n_flight, FLIGHT_MAX);
		rig.flight_index[rig.n_flight] = rig.n_attempts - 1;
		rig.flight[rig.n_flight++] = d;
		return HSW_OK;
	}
	if (rig_sink.skip_odd && a->seq % 2 == 1) {
		host->skip(d);
		return HSW_OK;
	}
	enum hsw_outcome outcome = scripted(a);
	a->is_delivered = outcome == HSW_DELIVERED;
	rig.n_delivered += a->is_delivered;
	const struct hsw_detail detail = { rig_sink.status, rig_sink.retry_after_ms, "scripted" };
	host->done(d, outcome, outcome != HSW_DELIVERED ? &detail : NULL);
	return HSW_OK;
}

static void
sink_cancel(void *self, struct hsw_delivery *d)
{
	(void)self;
	for (size_t i = 0; i < rig.n_flight; i++) {
		if (rig.flight[i] != d)
			continue;
		rig.flight[i] = rig.flight[--rig.n_flight];
		rig.flight_index[i] = rig.flight_index[rig.n_flight];
		rig.n_cancelled++;
		return;
	}
	ck_abort_msg("cancelled what is not in flight");
}

static void
sink_close(void *self)
{
	(void)self;
	ck_assert_uint_eq(rig.n_flight, 0);
}

static const struct hsw_sink_ops sink_ops = {
	.size = sizeof(struct hsw_sink_ops),
	.concurrency = 32,
	.open = sink_open,
	.deliver = sink_deliver,
	.cancel = sink_cancel,
	.close = sink_close,
};

static const struct hsw_plugin sink_info = { .name = "rig", .kind = HSW_SINK };
static const struct hsw_plugin store_info = { .name = "memory", .kind = HSW_STORE };

void
rig_finish_in_flight(enum hsw_outcome outcome)
{
	struct hsw_delivery *flight[FLIGHT_MAX];
	size_t n = rig.n_flight;

	memcpy(flight, rig.flight, n * sizeof(flight[0]));
	rig.n_flight = 0;
	for (size_t i = 0; i < n; i++) {
		rig.attempts[rig.flight_index[i]].is_delivered = outcome == HSW_DELIVERED;
		rig.n_delivered += outcome == HSW_DELIVERED;
		host_functions()->done(flight[i], outcome, NULL);
	}
}

void
rig_extend_first(int64_t ms)
{
	host_functions()->extend(rig.flight[0], ms);
}

static unsigned
random_below(unsigned n)
{
	rig.random = rig.random * 1103515245u + 12345u;
	return (rig.random >> 16) % n;
}

static void
finish_one(size_t i, enum hsw_outcome outcome)
{
	struct hsw_delivery *d = rig.flight[i];

	rig.attempts[rig.flight_index[i]].is_delivered = outcome == HSW_DELIVERED;
	rig.n_delivered += outcome == HSW_DELIVERED;
	rig.flight[i] = rig.flight[--rig.n_flight];
	rig.flight_index[i] = rig.flight_index[rig.n_flight];
	host_functions()->done(d, outcome, NULL);
}

void
rig_finish_some(unsigned failing_percent)
{
	for (size_t i = rig.n_flight; i-- > 0;) {
		if (i < rig.n_flight && random_below(2) == 0)
			finish_one(
				i, random_below(100) < failing_percent ? HSW_RETRY : HSW_DELIVERED);
	}
}

void
rig_assert_goes_up_from(size_t attempt)
{
	ck_assert_uint_lt(attempt, rig.n_attempts);
	for (size_t i = attempt + 1; i < rig.n_attempts; i++)
		ck_assert_int_gt(rig.attempts[i].seq, rig.attempts[i - 1].seq);
}

void
rig_assert_first_deliveries_in_order(int chat, size_t n)
{
	int64_t last = 0;
	size_t found = 0;

	for (size_t i = 0; i < rig.n_attempts; i++) {
		const struct rig_attempt *a = &rig.attempts[i];
		if ((chat >= 0 && a->chat != chat) || !a->is_delivered || a->seq <= last)
			continue;
		ck_assert_msg(chat < 0 ? a->seq == last + 1 : true, "%lld came after %lld",
			(long long)a->seq, (long long)last);
		last = a->seq;
		found++;
	}
	ck_assert_uint_eq(found, n);
}

void
rig_finish_all_as_they_come(size_t n)
{
	while (rig.n_delivered < n) {
		rig_until(rig.n_flight > 0);
		rig_finish_in_flight(HSW_DELIVERED);
	}
}

void
rig_assert_chat_in_order(int chat)
{
	int64_t last = 0;

	for (size_t i = 0; i < rig.n_attempts; i++) {
		if (rig.attempts[i].chat != chat)
			continue;
		ck_assert_int_gt(rig.attempts[i].seq, last);
		last = rig.attempts[i].seq;
	}
	ck_assert_int_gt(last, 0);
}

/* ---- the loop ---- */

static void
on_mail(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	struct mail *next;
	for (struct mail *m = mailbox_take(&rig.box); m != NULL; m = next) {
		next = m->next;
		m->run(m);
	}
}

int64_t
rig_deadline(void)
{
	return clock_mono_ms() + UNTIL_MS;
}

bool
rig_turn_before(int64_t deadline_ms)
{
	const struct timeval soon = { 0, 2000 };

	event_base_loopexit(rig.base, &soon);
	event_base_loop(rig.base, EVLOOP_ONCE);
	return clock_mono_ms() < deadline_ms;
}

void
rig_turns(int n)
{
	while (n-- > 0)
		rig_turn_before(INT64_MAX);
}

void
rig_for_ms(int ms)
{
	int64_t end = clock_mono_ms() + ms;
	while (rig_turn_before(end))
		;
}

/* ---- appending ---- */

static void
on_stored(void *arg, int rc, size_t duplicates)
{
	(void)arg;
	(void)duplicates;
	rig.stored_rc = rc;
	rig.n_stored++;
}

static void
append_one(int chat)
{
	char *body = NULL;
	struct hasher *hasher = hasher_new();
	char key[32], identity[32];

	int len = asprintf(&body, "{\"x\":\"%*s\"}", (int)rig_body_bytes, "");
	ck_assert_int_gt(len, 0);
	const struct hsw_piece data = { { body, (size_t)len }, 0 };
	snprintf(key, sizeof(key), "%d@c", chat);
	snprintf(identity, sizeof(identity), "%d", rig.next_id++);
	struct hsw_emit emit = { .origin = { .base_url_json = str_of("\"u\""),
					 .instance = str_of("i"),
					 .provider = str_of("p"),
					 .received_ms = clock_wall_ms(),
					 .hasher = hasher } };
	const struct hsw_event event = { .size = sizeof(event),
		.type = "message.exchange",
		.provider_event = str_of("e"),
		.identity = str_of(identity),
		.key = str_of(key),
		.data = &data,
		.pieces = 1 };
	ck_assert_int_eq(emit_event(&emit, &event), HSW_OK);
	emit_finish(&emit);
	ck_assert_int_eq(
		journal_append(rig.journal, 0, emit.envelopes, 1, on_stored, NULL), HSW_OK);
	emit.n = 0;
	emit_free(&emit);
	hasher_free(hasher);
	free(body);
}

void
rig_append(int n, int chats)
{
	int before = rig.n_stored;

	for (int i = 0; i < n; i++)
		append_one(i % chats);
	rig_until(rig.n_stored == before + n);
	ck_assert_int_eq(rig.stored_rc, HSW_OK);
}

int
rig_append_result(int chats)
{
	int before = rig.n_stored;

	append_one(chats);
	rig_until(rig.n_stored == before + 1);
	return rig.stored_rc;
}

int
rig_repeat_result(int chats)
{
	rig.next_id--;
	return rig_append_result(chats);
}

void
rig_retry(const int64_t *seqs, size_t n)
{
	destination_retry(rig.thread.first, seqs, n, false);
}

struct destination *
rig_destination(void)
{
	return rig.thread.first;
}

bool
rig_is_fed(void)
{
	return rig.thread.first->is_live;
}

void
rig_watch(const _Atomic int64_t *held_until_ms)
{
	ck_assert_int_eq(destinations_watch(&rig.thread, held_until_ms), HSW_OK);
}

/* ---- open and close ---- */

static void
feed(void *arg, struct hsw_envelope *const *envelopes, size_t n)
{
	(void)arg;
	destinations_feed(&rig.thread, envelopes, n);
}

void
rig_set_retry(int64_t a, int64_t b, int64_t c)
{
	rig_sink_conf.retry_ms[0] = a;
	rig_sink_conf.retry_ms[1] = b;
	rig_sink_conf.retry_ms[2] = c;
	rig_sink_conf.retry_steps = 3;
}

void
rig_reset(void)
{
	memset(&rig, 0, sizeof(rig));
	rig_body_bytes = 0;
	atomic_init(&rig.readers, 1);
	memory_store_clear();
	rig_sink = (struct rig_sink){ .outcome = HSW_DELIVERED };
	rig_sink_conf = (struct sink_conf){ .timeout_ms = 60000,
		.max_retrying = 10000,
		.probe_interval_ms = 5000,
		.retry_after_max_ms = 3600000,
		.failures_to_open = 10 };
	rig_set_retry(1000, 15000, 240000);
}

void
rig_open(void)
{
	struct hsw_error err = { "" };

	struct event_config *config = event_config_new();
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	rig.base = event_base_new_with_config(config);
	event_config_free(config);
	ck_assert_int_eq(mailbox_init(&rig.box), HSW_OK);
	rig.mail = event_new(rig.base, rig.box.fd, EV_READ | EV_PERSIST | EV_ET, on_mail, NULL);
	event_add(rig.mail, NULL);
	rig.store_plugin = (struct plugin){ .info = &store_info, .ops.store = memory_store_ops };
	rig.sink_plugin = (struct plugin){ .info = &sink_info, .ops.sink = sink_ops };
	rig.sink_plugin.ops.sink.flags = rig_sink.tells_statuses ? HSW_SINK_STATUSES : 0;
	rig.section = (struct config_section){ .name = "out",
		.file = "test.ini",
		.line = 1,
		.plugin = &rig.sink_plugin,
		.u.sink = rig_sink_conf };
	rig.config = (struct config){ .store_plugin = &rig.store_plugin,
		.sinks = &rig.section,
		.store.retention_ms = 1000,
		.ingest.queue_bytes = 1 << 30 };
	rig.catalog = catalog_new(&rig.config);
	rig.port = (struct journal_port){ .box = &rig.box, .feed = feed, .readers = &rig.readers };
	rig.journal = journal_open(&rig.config, rig.catalog, &rig.port, 1, &err);
	ck_assert_msg(rig.journal != NULL, "%s", err.text);
	delivery_register();
	ck_assert_int_eq(
		delivery_thread_init(&rig.thread, rig.base, &rig.box, rig.journal, 0), HSW_OK);
	ck_assert_int_eq(destination_open(&rig.thread, &rig.section, &err), HSW_OK);
}

void
rig_close(void)
{
	destinations_drain(&rig.thread, 0);
	destinations_cancel(&rig.thread);
	rig_until(destinations_are_idle(&rig.thread));
	destinations_close(&rig.thread);
	delivery_thread_fini(&rig.thread);
	journal_close(rig.journal);
	event_free(rig.mail);
	event_base_free(rig.base);
	mailbox_fini(&rig.box);
	catalog_free(rig.catalog);
	metrics_free();
}

void
rig_restart(void)
{
	rig_close();
	if (rig_crash_cursor >= 0)
		memory_store_set_cursor("out", rig_crash_cursor);
	rig_crash_cursor = -1;
	rig.n_delivered = 0;
	rig_open();
}

void
rig_drain_while_it_reads(void)
{
	rig_until(rig.thread.first->is_reading);
	destination_drain(rig.thread.first, 0);
	rig_until(!rig.thread.first->is_reading);
}

static struct {
	struct destination_swap swap;
	struct store_call call;
	bool is_drained;
	_Atomic bool is_read;
} change;

static void
on_drained(struct destination_swap *swap)
{
	(void)swap;
	change.is_drained = true;
}

static void
read_successor(struct store_call *call, const struct store_port *store)
{
	(void)call;
	destination_swap_read(&change.swap, store);
	atomic_store(&change.is_read, true);
}

void
rig_swap_begin(void)
{
	memset(&change, 0, sizeof(change));
	change.swap.drained = on_drained;
	destination_swap_begin(&change.swap, &rig.thread, "out", &rig.section, 0);
	rig_until(change.is_drained);
}

void
rig_swap_end(void)
{
	change.call.fn = read_successor;
	store_post_call(journal_store(rig.journal), &change.call);
	rig_until(atomic_load(&change.is_read));
	destination_swap_end(&change.swap);
	ck_assert_msg(change.swap.rc == HSW_OK, "%s", change.swap.error.text);
}

const char *
rig_print(void)
{
	static char text[2000];
	struct buf out = BUF_INIT;

	destination_print(rig.thread.first, &out);
	ck_assert_uint_lt(out.len, sizeof(text));
	memcpy(text, out.data, out.len);
	text[out.len] = '\0';
	buf_free(&out);
	return text;
}

size_t
rig_attempts(void)
{
	return rig.n_attempts;
}

size_t
rig_delivered(void)
{
	return rig.n_delivered;
}

size_t
rig_in_flight(void)
{
	return rig.n_flight;
}

size_t
rig_cancelled(void)
{
	return rig.n_cancelled;
}

const struct rig_attempt *
rig_attempt(int i)
{
	ck_assert_uint_lt((size_t)i, rig.n_attempts);
	return &rig.attempts[i];
}
