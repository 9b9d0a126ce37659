/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.c - see control.h. Each request is a tour, see tour.h: to every worker for what only it may look
 * at, and to the store thread.
 */
#include "control_impl.h"

#include <inttypes.h>
#include <stdlib.h>

#include "claim.h"
#include "clock.h"
#include "err.h"
#include "log.h"

#define DEAD_LIST_MAX 1000 /* dead letters of one answer */
#define DEAD_AT_ONCE 2000  /* of them in one call of the store */
#define NAME_SHOWN_MAX 60  /* bytes of a parameter's name, in an error */

/* ---- status ---- */

static int
print_dead_count(void *arg, struct hsw_str destination, int64_t count)
{
	struct tour *t = arg;

	tour_comma(t);
	buf_json(&t->out, destination);
	buf_printf(&t->out, ":%" PRId64, count);
	return HSW_OK;
}

static void
print_deliveries(struct tour *t)
{
	const struct claims *claims = t->server->claims;
	bool is_paused = claims != NULL &&
		clock_mono_ms() >= atomic_load(claims_held_until_ms(claims));

	buf_printf(&t->out, ",\"deliveriesPaused\":%s", is_paused ? "true" : "false");
}

static void
print_trouble(struct tour *t)
{
	const char *trouble = store_trouble(journal_store(t->server->journal));

	buf_printf(&t->out, ",\"storeUp\":%s", trouble == NULL ? "true" : "false");
	if (trouble == NULL)
		return;
	buf_str(&t->out, ",\"storeTrouble\":");
	buf_json(&t->out, str_of(trouble));
}

/* A store that is away takes with it what only it knows. */
static void
status_store(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;
	struct hsw_store_stats stats = { 0 };
	int rc = store->ops->stats(store->self, &stats, &t->error);

	buf_printf(&t->out, "],\"store\":{\"plugin\":\"%s\"",
		t->server->config->store_plugin->info->name);
	if (rc == HSW_OK)
		buf_printf(&t->out,
			",\"firstSeq\":%" PRId64 ",\"lastSeq\":%" PRId64 ",\"events\":%" PRId64
			",\"bytes\":%" PRId64 "},\"dead\":",
			stats.first_seq, stats.last_seq, stats.events, stats.bytes);
	else
		buf_str(&t->out,
			",\"firstSeq\":null,\"lastSeq\":null,\"events\":null,\"bytes\":null},"
			"\"dead\":");
	size_t before = t->out.len;
	buf_str(&t->out, "{");
	t->has_items = false;
	if (rc == HSW_OK)
		rc = store->ops->dead_counts(store->self, print_dead_count, t, &t->error);
	buf_str(&t->out, "}");
	if (rc != HSW_OK && !t->out.failed) {
		t->out.len = before;
		buf_str(&t->out, "null,\"storeError\":");
		buf_json(&t->out, str_of(t->error.text));
	}
	print_trouble(t);
	print_deliveries(t);
	if (t->server->claims != NULL) {
		buf_str(&t->out, ",");
		claims_print(store, &t->out);
	}
	buf_str(&t->out, "}");
	tour_go_home(t);
}

static void
status_worker(struct mail *mail)
{
	struct tour *t = tour_of(mail);
	const struct worker *w = &t->server->workers[t->stop++];

	for (const struct destination *d = w->delivery.first; d != NULL; d = destination_next(d)) {
		tour_comma(t);
		destination_print(d, &t->out);
	}
	if (t->stop < t->server->n_workers)
		worker_post(&t->server->workers[t->stop], &t->mail);
	else
		tour_go_to_store(t, status_store);
}

static void
print_instance(void *arg, const struct instance *i)
{
	struct tour *t = arg;
	int64_t last = atomic_load_explicit(&i->last_event_ms, memory_order_relaxed);
	char text[CLOCK_TEXT_SIZE];

	tour_comma(t);
	buf_str(&t->out, "{\"name\":");
	buf_json(&t->out, i->name);
	buf_printf(&t->out, ",\"events\":%" PRId64, metric_value(i->events));
	if (last != 0) {
		clock_text(last, text);
		buf_printf(&t->out, ",\"lastEventAt\":\"%s\"", text);
	}
	buf_str(&t->out, "}");
}

static void
status(struct worker *w, struct http_request *r)
{
	struct tour *t = tour_new(w, r, "");
	char started[CLOCK_TEXT_SIZE];

	if (t == NULL)
		return;
	clock_text(w->server->started_ms, started);
	buf_printf(&t->out,
		"{\"success\":true,\"version\":\"%s\",\"startedAt\":\"%s\",\"workers\":%u,"
		"\"connections\":%" PRId64 ",\"instances\":[",
		PACKAGE_VERSION, started, w->server->n_workers,
		atomic_load_explicit(&w->server->http.connections, memory_order_relaxed));
	catalog_each(&w->catalog, print_instance, t);
	buf_str(&t->out, "],\"sinks\":[");
	t->has_items = false;
	t->mail.run = status_worker;
	worker_post(&w->server->workers[0], &t->mail);
}

/* ---- dead letters ---- */

static int
print_dead(void *arg, const struct hsw_store_exception *x)
{
	struct tour *t = arg;

	tour_comma(t);
	buf_str(&t->out, "{\"sink\":");
	buf_json(&t->out, x->destination);
	buf_str(&t->out, ",");
	dead_print(x, t->query.with_body, &t->out);
	buf_str(&t->out, "}");
	t->count++;
	return HSW_OK;
}

/* A sink that was removed may have dead letters still; without any its name is taken for a mistake. */
static int
refuse_unknown(struct tour *t)
{
	bool is_page = t->query.after > 0;

	if (t->count > 0 || is_page || t->query.destination.len == 0 ||
		control_has_sink(t, t->query.destination))
		return HSW_OK;
	control_no_sink(t);
	return HSW_ENOENT;
}

static void
dead_list(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;

	buf_str(&t->out, "{\"success\":true,\"dead\":[");
	int rc = store->ops->dead(store->self, &t->query, print_dead, t, &t->error);
	if (rc == HSW_OK)
		rc = refuse_unknown(t);
	buf_printf(&t->out, "],\"more\":%s}", t->count == t->query.limit ? "true" : "false");
	if (rc == HSW_OK)
		tour_go_home(t);
	else
		tour_fail(t, rc);
}

/* Also of the requests before this one, of which it knows by `count`. */
static void
print_count(struct tour *t, const char *what, bool is_over)
{
	buf_printf(&t->out, "{\"success\":true,\"%s\":%zu,\"more\":%s,\"next\":%" PRId64 "}", what,
		t->count, is_over ? "false" : "true", t->query.after);
}

static bool
has_time(const struct tour *t)
{
	return clock_mono_ms() < t->until_ms;
}

/* Some at a time: events wait for the store meanwhile, and a million would take longer than it may. */
static void
dead_purge(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;
	size_t n = 0;

	t->query.limit = DEAD_AT_ONCE;
	int rc = store->ops->dead_purge(store->self, &t->query, &n, &t->error);
	t->count += n;
	bool is_over = n < DEAD_AT_ONCE;
	if (rc == HSW_OK && !is_over && has_time(t)) {
		tour_go_to_store(t, dead_purge);
		return;
	}
	if (rc == HSW_OK)
		rc = refuse_unknown(t);
	print_count(t, "purged", is_over);
	if (rc == HSW_OK)
		tour_go_home(t);
	else
		tour_fail(t, rc);
}

static void replay_dead(struct store_call *, const struct store_port *);

/* On each worker: the one that serves the sink takes the retries up. */
static void
replay_worker(struct mail *mail)
{
	struct tour *t = tour_of(mail);
	struct destination *d = destination_find(
		&t->server->workers[t->stop].delivery, t->query.destination);

	if (d != NULL)
		destination_retry(d, t->replayed.seqs, t->replayed.n, true);
	if (d == NULL && ++t->stop < t->server->n_workers) {
		worker_post(&t->server->workers[t->stop], &t->mail);
		return;
	}
	bool is_over = t->replayed.n < t->query.limit;
	if (!is_over && has_time(t)) {
		tour_go_to_store(t, replay_dead);
		return;
	}
	print_count(t, "replayed", is_over);
	tour_go_home(t);
}

/* Some at a time, as above. One that dies again meanwhile is not replayed once more. */
static void
replay_dead(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;

	t->query.limit = DEAD_AT_ONCE;
	t->replayed.n = 0;
	t->stop = 0;
	int rc = dead_replay(store, &t->query, &t->replayed, &t->error);
	t->count += t->replayed.n;
	if (t->replayed.n > 0)
		t->query.after = t->replayed.seqs[t->replayed.n - 1];
	if (rc != HSW_OK)
		tour_fail(t, rc);
	else
		tour_go_to_worker(t, 0, replay_worker);
}

int64_t
control_number(const struct http_request *r, const char *name)
{
	struct buf b = BUF_INIT;
	int64_t n = 0;

	if (http_query_form(r, name, &b) && b.len > 0) {
		buf_append(&b, "", 1);
		n = b.failed ? 0 : strtoll(b.data, NULL, 10);
	}
	buf_free(&b);
	return n > 0 ? n : 0;
}

/* What the request selects; false: it was answered. */
static bool
read_query(struct tour *t)
{
	struct http_request *r = t->http;

	t->config = config_ref(t->home->config);
	if (http_query_form(r, "sink", &t->sink))
		t->query.destination = (struct hsw_str){ t->sink.data, t->sink.len };
	if (http_query_form(r, "id", &t->id_text)) {
		if (!envelope_id_parse(
			    (struct hsw_str){ t->id_text.data, t->id_text.len }, t->id)) {
			http_reply_error(r, 400, "", "id: expected evt_ and 32 hex digits");
			tour_free(t);
			return false;
		}
		t->query.id = (struct hsw_str){ (char *)t->id, sizeof(t->id) };
	}
	if (t->sink.failed || t->id_text.failed) {
		http_reply_error(r, 503, "", "Out of memory");
		tour_free(t);
		return false;
	}
	t->query.after = control_number(r, "after");
	t->query.with_body = control_number(r, "body") != 0;
	return true;
}

/* The same for what is done piece by piece. */
static bool
read_round(struct tour *t)
{
	if (!read_query(t))
		return false;
	t->count = (size_t)control_number(t->http, "count");
	t->until_ms = clock_mono_ms() + ROUNDS_MS;
	return true;
}

static void
dead(struct worker *w, struct http_request *r)
{
	struct tour *t = tour_new(w, r, "");

	if (t == NULL || !read_query(t))
		return;
	int64_t limit = control_number(r, "limit");
	t->query.limit = limit > 0 && limit < DEAD_LIST_MAX ? (size_t)limit : DEAD_LIST_MAX;
	tour_go_to_store(t, dead_list);
}

static void
refuse_sink(struct store_call *call, const struct store_port *store)
{
	struct tour *t = (struct tour *)call;

	(void)store;
	control_no_sink(t);
	tour_go_home(t);
}

static void
replay(struct worker *w, struct http_request *r)
{
	struct tour *t = tour_new(w, r, "");

	if (t == NULL || !read_round(t))
		return;
	bool is_of_api = t->query.destination.len > 0 &&
		memchr(t->query.destination.s, '/', t->query.destination.len) != NULL;
	if (!is_of_api && control_find_sink(w->config, t->query.destination) == NULL)
		tour_go_to_store(t, refuse_sink);
	else
		tour_go_to_store(t, replay_dead);
}

static void
purge(struct worker *w, struct http_request *r)
{
	struct tour *t = tour_new(w, r, "");

	if (t != NULL && read_round(t))
		tour_go_to_store(t, dead_purge);
}

/* false: it was answered. What does not decode must not pass for what is not there: of which sink, which event. */
static bool
check_query(struct http_request *r)
{
	const struct hsw_str name = http_query_malformed(r);
	struct hsw_error err;

	if (name.s == NULL)
		return true;
	err_set(&err, HSW_EINVAL, "%.*s: %s",
		name.len < NAME_SHOWN_MAX ? (int)name.len : NAME_SHOWN_MAX, name.s,
		HTTP_QUERY_EXPECTED);
	http_reply_error(r, 400, "", err.text);
	return false;
}

bool
control_handle(struct worker *w, struct http_request *r)
{
	static const struct {
		const char *method, *path;
		void (*fn)(struct worker *, struct http_request *);
	} routes[] = {
		{ "GET", "/status", status },
		{ "POST", "/reload", control_reload },
		{ "GET", "/dead", dead },
		{ "POST", "/dead/replay", replay },
		{ "POST", "/dead/purge", purge },
		{ "GET", "/deliveries", control_deliveries },
		{ "POST", "/replay", control_replay },
		{ "POST", "/replay/outcome", control_outcome },
		{ "POST", "/enable", control_enable },
		{ "POST", "/skip", control_skip },
	};

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (str_is(r->path, routes[i].path) && str_is(r->method, routes[i].method)) {
			if (check_query(r))
				routes[i].fn(w, r);
			return true;
		}
	}
	return false;
}
