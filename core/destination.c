/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destination.c - see destination.h: opening, taking events in, the cursor. Attempts are delivery.c's.
 */
#include "destination_impl.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "err.h"
#include "host.h"
#include "log.h"
#include "router.h"

#define CURSOR_EVERY_MS 50                 /* after a delivery */
#define CURSOR_EVERY_EVENTS 512            /* or so many */
#define CURSOR_LAZY_MS 5000                /* when all that came was for others */
#define RETRY_WAIT_MAX_MS (7 * 86400000LL) /* the longest step that a schedule may have */
#define AUTO_TIMES 4        /* of the plugin's own number are the most for concurrency = auto */
#define HELD_PAGE_EVENTS 16 /* a destination that is held needs only a few to probe with */

static const struct timeval cursor_tick = { 0, CURSOR_EVERY_MS * 1000 };

/* ---- the cursor ---- */

static int64_t
cursor_now(const struct destination *d)
{
	const struct hsw_delivery *first = TAILQ_FIRST(&d->unsettled);
	return first != NULL ? first->seq - 1 : d->position;
}

static void
on_cursor_written(struct journal_note *note, int rc)
{
	struct destination *d = (struct destination *)((char *)note -
		offsetof(struct destination, cursor_note));

	d->is_writing_cursor = false;
	d->has_cursor_failed = rc != HSW_OK;
	if (rc == HSW_OK)
		d->cursor = note->write.seq;
}

static void
write_cursor(struct destination *d)
{
	int64_t seq = cursor_now(d);

	if (d->is_writing_cursor)
		return;
	d->is_dirty = false;
	d->settled = 0;
	d->skipped_at_ms = 0;
	if (seq == d->cursor)
		return;
	d->is_writing_cursor = true;
	d->cursor_note.done = on_cursor_written;
	d->cursor_note.write = (struct hsw_write){
		.kind = HSW_WRITE_CURSOR,
		.destination = str_of(d->name),
		.seq = seq,
	};
	journal_write(d->thread->journal, d->thread->port, &d->cursor_note);
}

void
destination_start_tick(struct delivery_thread *t)
{
	if (t->is_ticking)
		return;
	t->is_ticking = true;
	event_add(t->tick, &cursor_tick);
}

/* All destinations of a worker write at the same moment, so that it is one transaction. */
static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct delivery_thread *t = arg;

	(void)fd;
	(void)what;
	t->is_ticking = false;
	for (struct destination *d = t->first; d != NULL; d = d->next) {
		if (d->is_dirty)
			write_cursor(d);
		if (d->is_dirty)
			destination_start_tick(t);
	}
	destinations_free_left(t);
}

void
destination_moved(struct destination *d, unsigned settled)
{
	d->settled += settled;
	d->is_dirty = true;
	if (d->settled >= CURSOR_EVERY_EVENTS)
		write_cursor(d);
	if (d->is_dirty)
		destination_start_tick(d->thread);
}

/* ---- intake ---- */

static bool
wants(const struct destination *d, const struct hsw_envelope *e)
{
	return (d->types & 1u << e->type) != 0 && router_has_instance(d->conf, e->instance) &&
		router_has_part(d->conf, e);
}

/* With chat-strict every event of a held chat becomes a retry: there they are bounded. */
static bool
is_full_of_retries(const struct destination *d)
{
	return d->conf->ordering == ORDERING_CHAT_STRICT &&
		(int64_t)d->in_retry >= d->conf->max_retrying;
}

static bool
window_is_full(const struct destination *d)
{
	if (is_full_of_retries(d))
		return true;
	return d->n_window >= WINDOW_EVENTS || d->window_bytes >= WINDOW_BYTES;
}

static int
compare_seqs(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/* After a crash the cursor may stand before events whose outcome was written down already. */
static bool
is_excepted(const struct destination *d, int64_t seq)
{
	return d->n_excepted > 0 &&
		bsearch(&seq, d->excepted, d->n_excepted, sizeof(seq), compare_seqs) != NULL;
}

/* Takes one event of the log, or passes it over. false: no memory, it was not taken. */
static bool
take(struct destination *d, struct hsw_envelope *e)
{
	if (wants(d, e) && !is_excepted(d, e->seq)) {
		if (!delivery_add(d, envelope_ref(e), NULL))
			return false;
	} else if (TAILQ_EMPTY(&d->unsettled) && d->skipped_at_ms == 0) {
		d->skipped_at_ms = clock_mono_ms();
	}
	d->position = e->seq;
	return true;
}

static void
feed(struct destination *d, struct hsw_envelope *const *envelopes, size_t n)
{
	if (!d->is_live)
		return;
	for (size_t i = 0; i < n; i++) {
		if (window_is_full(d) || !take(d, envelopes[i])) {
			d->is_live = false;
			break;
		}
	}
	delivery_pump_soon(d);
}

void
destinations_feed(struct delivery_thread *t, struct hsw_envelope *const *envelopes, size_t n)
{
	/* A commit whose answer was lost may have been done: its events are read from the log. */
	bool has_gap = envelopes[0]->seq > t->tail_seq + 1;

	t->tail_seq = envelopes[n - 1]->seq;
	for (struct destination *d = t->first; d != NULL; d = d->next) {
		if (has_gap && d->is_live) {
			d->is_live = false;
			delivery_pump_soon(d);
		}
		feed(d, envelopes, n);
	}
}

/* A short page means that the log was at its end, and what was committed later has been fed after it
 * was read: from here on the destination lives on what it is fed. */
static void
take_page(struct destination *d)
{
	struct journal_page *page = d->page;

	for (size_t i = 0; i < page->n; i++) {
		if (!take(d, page->envelopes[i]))
			return;
	}
	if (page->is_end) {
		d->is_live = true;
		if (d->position < d->thread->tail_seq)
			d->position = d->thread->tail_seq;
	}
}

void
destination_push_retry(struct destination *d, struct retry r)
{
	if (!retry_push(&d->retries, r))
		log_error("router",
			"out of memory: a retry waits for the next start destination=%s", d->name);
}

void
destination_advance(struct destination *d, struct lane *lane)
{
	struct retry r;

	if (lane_next(&d->lanes, lane, &r))
		destination_push_retry(d, r);
}

static int
by_seq(const void *a, const void *b)
{
	return compare_seqs(&((const struct retry *)a)->seq, &((const struct retry *)b)->seq);
}

/* Those that could not be read come again; those that are not there any more are forgotten. */
static void
take_retries(struct destination *d)
{
	struct journal_page *page = d->page;
	size_t k = 0, n = d->n_loading;

	d->n_loading = 0;
	for (size_t i = 0; i < n; i++) {
		struct retry r = d->loading[i];
		bool is_there = k < page->n && page->envelopes[k]->seq == r.seq;
		if (is_there && delivery_add(d, envelope_ref(page->envelopes[k++]), &r))
			continue;
		if (!is_there && page->rc == HSW_OK) {
			delivery_forget(d, &r);
			continue;
		}
		r.due_ms = clock_mono_ms() + SAVE_AGAIN_MS;
		destination_push_retry(d, r);
	}
}

static void
on_page(struct journal_page *page)
{
	struct destination *d = (struct destination *)page->arg;

	d->is_reading = false;
	if (d->n_loading > 0)
		take_retries(d);
	else if (page->rc == HSW_OK)
		take_page(d);
	for (size_t i = 0; i < page->n; i++)
		envelope_unref(page->envelopes[i]);
	if (page->rc != HSW_OK)
		d->blocked_until_ms = clock_mono_ms() + SAVE_AGAIN_MS;
	delivery_pump_soon(d);
}

static void
read_retries(struct destination *d, int64_t now)
{
	struct journal_page *page = d->page;
	size_t n = 0;

	while (n < RETRY_LOAD_MAX && d->n_retries_ready + n < d->concurrency &&
		retry_take_due(&d->retries, now, &d->loading[n]))
		n++;
	if (n == 0)
		return;
	qsort(d->loading, n, sizeof(d->loading[0]), by_seq);
	for (size_t i = 0; i < n; i++)
		d->loading_seqs[i] = d->loading[i].seq;
	d->n_loading = n;
	d->is_reading = true;
	page->seqs = d->loading_seqs;
	page->wanted = page->max = n;
	journal_read(d->thread->journal, d->thread->port, page);
}

static void
read_log(struct destination *d)
{
	struct journal_page *page = d->page;
	size_t max = d->is_held ? HELD_PAGE_EVENTS : WINDOW_EVENTS / 2;

	if (is_full_of_retries(d))
		return;
	if (d->is_live || d->n_window >= max || d->window_bytes >= WINDOW_BYTES / 2)
		return;
	d->is_reading = true;
	page->after = d->position;
	page->wanted = 0;
	page->max = max;
	journal_read(d->thread->journal, d->thread->port, page);
}

void
destination_refill(struct destination *d)
{
	int64_t now = clock_mono_ms();

	if (d->is_reading || d->is_draining || d->is_disabled || now < d->blocked_until_ms)
		return;
	read_retries(d, now);
	if (!d->is_reading)
		read_log(d);
}

void
destination_retry(struct destination *d, const int64_t *seqs, size_t n, bool is_replay)
{
	int64_t now = clock_mono_ms();

	for (size_t i = 0; i < n; i++) {
		if (retry_push(&d->retries, (struct retry){ now, seqs[i], 0, is_replay }))
			d->in_retry++;
		else
			log_error("router",
				"out of memory: a retry waits for the next start destination=%s",
				d->name);
	}
	delivery_pump_soon(d);
}

/* ---- opening ---- */

/* What is read of the store about a destination's exceptions. */
struct exception_reader {
	struct destination *d;
	int64_t after;
	size_t n;
	int rc;
	struct hsw_error *err;
};

#define RETRIES_AT_ONCE 1000

static int
except(struct exception_reader *r, int64_t seq)
{
	struct destination *d = r->d;

	if (seq <= d->cursor)
		return HSW_OK;
	int64_t *grown = realloc(d->excepted, (d->n_excepted + 1) * sizeof(grown[0]));
	if (grown == NULL)
		return r->rc = err_set(r->err, HSW_ENOMEM, "out of memory");
	d->excepted = grown;
	d->excepted[d->n_excepted++] = seq;
	return HSW_OK;
}

static int
add_dead(void *arg, const struct hsw_store_exception *x)
{
	return except(arg, x->seq);
}

/* With chat-strict the first one of each chat is the one that may be tried. */
static bool
keep_retry(struct destination *d, const struct hsw_store_exception *x, struct retry r)
{
	if (d->conf->ordering != ORDERING_CHAT_STRICT || x->event == NULL)
		return retry_push(&d->retries, r);
	struct lane *lane = lane_hold(
		&d->lanes, envelope_key_hash(x->event->instance, x->event->key), r.seq);
	if (lane == NULL)
		return false;
	return lane->running == r.seq ? retry_push(&d->retries, r) : lane_wait(lane, r, true);
}

static bool
is_replay(struct hsw_str text)
{
	const size_t n = sizeof(REPLAY_TEXT) - 1;
	return text.len >= n && memcmp(text.s, REPLAY_TEXT, n) == 0;
}

static int
add_retry(void *arg, const struct hsw_store_exception *x)
{
	struct exception_reader *r = arg;
	int64_t wait = x->due_ms - clock_wall_ms();

	r->n++;
	r->after = x->seq;
	/* A clock that was set back must not hold a retry for longer than any schedule would. */
	if (wait > RETRY_WAIT_MAX_MS)
		wait = RETRY_WAIT_MAX_MS;
	const struct retry retry = { clock_mono_ms() + (wait > 0 ? wait : 0), x->seq, x->attempts,
		is_replay(x->text) };
	if (!keep_retry(r->d, x, retry)) {
		r->rc = err_set(r->err, HSW_ENOMEM, "out of memory");
		return HSW_ENOMEM;
	}
	r->d->in_retry++;
	return except(r, x->seq);
}

static void
read_exceptions(void *arg, const struct store_port *store)
{
	struct exception_reader *r = arg;
	const struct hsw_dead_query dead = { .destination = str_of(r->d->name),
		.after = r->d->cursor };

	do {
		r->n = 0;
		int rc = store->ops->retries(store->self, dead.destination, r->after,
			RETRIES_AT_ONCE, add_retry, r, r->err);
		if (r->rc == HSW_OK)
			r->rc = rc;
	} while (r->rc == HSW_OK && r->n == RETRIES_AT_ONCE);
	if (r->rc == HSW_OK)
		r->rc = store->ops->dead(store->self, &dead, add_dead, r, r->err);
	if (r->d->n_excepted > 0)
		qsort(r->d->excepted, r->d->n_excepted, sizeof(r->d->excepted[0]), compare_seqs);
}

int
destination_attach(struct destination *d, struct hsw_error *err)
{
	struct journal *j = d->thread->journal;
	int rc = journal_attach(j, str_of(d->name), &d->cursor, err);
	if (rc != HSW_OK)
		return rc;
	d->position = d->cursor;
	struct exception_reader r = { .d = d, .err = err };
	store_run(journal_store(j), read_exceptions, &r);
	return r.rc;
}

static unsigned
choose_parts(const struct destination *d)
{
	const struct sink_conf *c = d->conf;
	unsigned parts = d->ops->parts;

	parts |= c->media_base64 ? HSW_MEDIA : 0;
	parts |= c->token ? HSW_TOKEN : 0;
	if (c->secrets == SECRETS_YES)
		parts |= HSW_CODES | HSW_KEYS;
	else if (c->secrets == SECRETS_NO)
		parts &= ~(unsigned)(HSW_CODES | HSW_KEYS);
	return parts;
}

static void
make_metrics(struct destination *d)
{
	struct metric_label labels[] = { { "sink", str_of(d->name) }, { "result", { 0 } } };

	labels[1].value = str_of("delivered");
	d->delivered = metric_get("hookswitch_deliveries_total", labels, 2);
	labels[1].value = str_of("failed");
	d->retried = metric_get("hookswitch_deliveries_total", labels, 2);
	labels[1].value = str_of("dead");
	d->died = metric_get("hookswitch_deliveries_total", labels, 2);
	d->lag = metric_get("hookswitch_sink_lag_events", labels, 1);
	d->waiting = metric_get("hookswitch_sink_retrying_events", labels, 1);
	d->circuit = metric_get("hookswitch_sink_circuit", labels, 1);
	d->opened = metric_get("hookswitch_sink_circuit_opened_total", labels, 1);
	d->disabled = metric_get("hookswitch_sink_disabled_total", labels, 1);
	d->allowed = metric_get("hookswitch_sink_concurrency", labels, 1);
}

static bool
make_events(struct destination *d, struct event_base *base)
{
	d->pump = event_new(base, -1, 0, delivery_on_pump, d);
	d->wake = evtimer_new(base, delivery_on_pump, d);
	d->deadline = evtimer_new(base, delivery_on_deadline, d);
	return d->pump != NULL && d->wake != NULL && d->deadline != NULL;
}

void
destination_free(struct destination *d)
{
	if (d == NULL)
		return;
	if (d->pump != NULL)
		event_free(d->pump);
	if (d->wake != NULL)
		event_free(d->wake);
	if (d->deadline != NULL)
		event_free(d->deadline);
	host_handle_free(d->handle);
	retry_free(&d->retries);
	lanes_free(&d->lanes);
	attempts_free(&d->attempts);
	free(d->excepted);
	free(d->page);
	webhook_section_free(d->owned);
	free(d->name);
	free(d);
}

static size_t
choose_concurrency(const struct destination *d)
{
	const struct sink_conf *c = d->conf;

	if (c->ordering == ORDERING_STRICT)
		return 1;
	if (c->is_concurrency_auto)
		return AUTO_TIMES * (size_t)d->ops->concurrency;
	return c->concurrency > 0 ? (size_t)c->concurrency : d->ops->concurrency;
}

/* What the section says. */
void
destination_adopt(struct destination *d, const struct config_section *s)
{
	d->section = s;
	d->conf = &s->u.sink;
	d->types = router_types(d->conf->events);
	d->parts = choose_parts(d);
	d->concurrency = choose_concurrency(d);
	pace_configure(
		&d->pace, d->concurrency, d->conf->is_concurrency_auto, d->conf->rate_interval_us);
}

/* Without a handle. */
struct destination *
destination_new(struct delivery_thread *t, const struct config_section *s)
{
	struct destination *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->thread = t;
	d->ops = &s->plugin->ops.sink;
	destination_adopt(d, s);
	TAILQ_INIT(&d->unsettled);
	TAILQ_INIT(&d->ready);
	TAILQ_INIT(&d->retries_ready);
	TAILQ_INIT(&d->flying);
	TAILQ_INIT(&d->unsaved);
	d->name = strdup(s->name);
	d->page = calloc(1, sizeof(*d->page));
	if (d->page != NULL) {
		d->page->arg = d;
		d->page->done = on_page;
	}
	if (d->name != NULL && d->page != NULL && make_events(d, t->base)) {
		make_metrics(d);
		return d;
	}
	destination_free(d);
	return NULL;
}

void
destination_link(struct destination *d)
{
	d->next = d->thread->first;
	d->thread->first = d;
	delivery_pump_soon(d);
}

int
destination_open(struct delivery_thread *t, const struct config_section *s, struct hsw_error *err)
{
	const struct host_thread thread = { t->base, t->box };
	struct hsw_error why = { "out of memory" };
	struct destination *d = destination_new(t, s);
	char who[CONFIG_NAME_MAX + 8];

	if (d == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	snprintf(who, sizeof(who), "sink %s", s->name);
	d->handle = host_handle_new(who, &thread);
	int rc = d->handle != NULL ? destination_attach(d, &why) : HSW_ENOMEM;
	if (rc == HSW_OK)
		rc = d->ops->open(host_functions(), d->handle, s->conf, &d->self, &why);
	if (rc != HSW_OK) {
		err_set(err, rc, "%s:%d: [sink %s]: %s", s->file, s->line, s->name, why.text);
		destination_free(d);
		return rc;
	}
	destination_link(d);
	return HSW_OK;
}

/* ---- all of a worker ---- */

int
delivery_thread_init(struct delivery_thread *t, struct event_base *base, struct mailbox *box,
	struct journal *journal, unsigned port)
{
	*t = (struct delivery_thread){
		.base = base,
		.box = box,
		.journal = journal,
		.port = port,
		.tail_seq = journal_last_seq(journal),
		.random = (uint64_t)clock_wall_ms() * 2654435761u + port + 1,
	};
	t->tick = evtimer_new(base, on_tick, t);
	return t->tick != NULL ? HSW_OK : HSW_ENOMEM;
}

void
delivery_thread_fini(struct delivery_thread *t)
{
	if (t->tick != NULL)
		event_free(t->tick);
	t->tick = NULL;
}

void
destinations_reopen(struct delivery_thread *t)
{
	for (struct destination *d = t->first; d != NULL; d = d->next) {
		if (d->ops->reopen != NULL)
			d->ops->reopen(d->self);
	}
}

void
destinations_drain(struct delivery_thread *t)
{
	for (struct destination *d = t->first; d != NULL; d = d->next) {
		d->is_draining = true;
		if (d->ops->drain != NULL)
			d->ops->drain(d->self);
	}
}

void
destinations_cancel(struct delivery_thread *t)
{
	for (struct destination *d = t->first; d != NULL; d = d->next)
		delivery_cancel_all(d);
}

/* The last cursor is written when nothing else is on its way. */
static bool
is_idle(struct destination *d)
{
	if (d->n_flying > 0 || d->n_saving > 0 || d->is_reading)
		return false;
	if (!d->has_cursor_failed)
		write_cursor(d);
	return !d->is_writing_cursor;
}

bool
destinations_are_idle(const struct delivery_thread *t)
{
	bool all = t->leaving == NULL;

	for (struct destination *d = t->first; d != NULL; d = d->next)
		all &= is_idle(d);
	return all;
}

static void
close_list(struct destination **list)
{
	while (*list != NULL) {
		struct destination *d = *list;
		*list = d->next;
		if (d->handle != NULL)
			d->ops->close(d->self);
		delivery_free_all(d);
		destination_free(d);
	}
}

void
destinations_close(struct delivery_thread *t)
{
	close_list(&t->first);
	close_list(&t->leaving);
	destinations_close_api(t);
}

struct destination *
destination_find(struct delivery_thread *t, struct hsw_str name)
{
	struct destination *d = t->first;

	while (d != NULL && !str_is(name, d->name))
		d = d->next;
	return d;
}

struct destination *
destination_next(const struct destination *d)
{
	return d->next;
}

/* ---- for people ---- */

static const char *
state_name(const struct destination *d)
{
	return d->is_disabled     ? "disabled"
		: d->is_held      ? "held"
		: d->failures > 0 ? "failing"
				  : "active";
}

static int64_t
lag(const struct destination *d)
{
	int64_t behind = d->thread->tail_seq - cursor_now(d);
	return behind > 0 ? behind : 0;
}

static void
print_time(struct buf *out, const char *name, int64_t wall_ms)
{
	char text[CLOCK_TEXT_SIZE];

	if (wall_ms == 0)
		return;
	clock_text(wall_ms, text);
	buf_printf(out, ",\"%s\":\"%s\"", name, text);
}

void
destination_print(const struct destination *d, struct buf *out)
{
	buf_str(out, "{\"name\":");
	buf_json_cstr(out, d->name);
	buf_printf(out,
		",\"plugin\":\"%s\",\"state\":\"%s\",\"circuit\":\"%s\",\"concurrency\":%d,"
		"\"cursor\":%lld,\"lag\":%lld,"
		"\"inFlight\":%zu,\"retrying\":%zu,\"delivered\":%lld,\"failed\":%lld,\"failures\":"
		"%d",
		d->section->plugin->info->name, state_name(d), circuit_name(d),
		(int)d->pace.allowed, (long long)cursor_now(d), (long long)lag(d), d->n_flying,
		d->in_retry, (long long)metric_value(d->delivered),
		(long long)metric_value(d->retried), d->failures);
	print_time(out, "lastDeliveredAt", d->last_delivered_at_ms);
	print_time(out, "lastErrorAt", d->last_error_at_ms);
	if (d->last_error_at_ms != 0) {
		buf_printf(out, ",\"lastStatus\":%d,\"lastError\":", d->last_status);
		buf_json_cstr(out, d->last_error);
	}
	buf_str(out, "}");
}

size_t
destination_retrying(const struct destination *d)
{
	return d->in_retry;
}

void
destination_print_attempts(const struct destination *d, bool with_delivered, struct buf *out)
{
	attempts_print(&d->attempts, with_delivered, out);
}

void
destinations_measure(struct delivery_thread *t)
{
	int64_t now = clock_mono_ms();

	for (struct destination *d = t->first; d != NULL; d = d->next) {
		metric_set(d->lag, lag(d));
		metric_set(d->waiting, (int64_t)d->in_retry);
		metric_set(d->circuit, circuit_number(d));
		metric_set(d->allowed, (int64_t)d->pace.allowed);
		if (d->skipped_at_ms != 0 && now - d->skipped_at_ms >= CURSOR_LAZY_MS)
			write_cursor(d);
	}
}
