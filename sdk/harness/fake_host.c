/* SPDX-License-Identifier: Apache-2.0 */
/* fake_host.c - handles and deliveries of the fake host. */
#include "fake_private.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include <hookswitch/source.h>

#include "calls.h"

#define WAIT_MAX_MS 10000

struct hsw_delivery {
	LIST_ENTRY(hsw_delivery) entry;
	struct hsw_handle *handle;
	const struct hsw_envelope *env; /* NULL once ended */
	const void *target;
	int attempt;
	void *data;
	unsigned pending; /* 1, or 0 once ended */
	struct fake_result result;
};

/* ---- deliveries ----------------------------------------------------------------------------- */

static const struct hsw_delivery *
live(const struct hsw_delivery *d, const char *call)
{
	fake_own_thread(d->handle, call);
	if (d->result.state != FAKE_PENDING)
		fake_breach("%s of a delivery that has ended", call);
	return d;
}

static const struct hsw_envelope *
host_envelope(const struct hsw_delivery *d)
{
	return live(d, "envelope")->env;
}

static unsigned
host_parts(const struct hsw_delivery *d)
{
	return live(d, "parts")->handle->sink.parts;
}

static int
host_attempt(const struct hsw_delivery *d)
{
	return live(d, "attempt")->attempt;
}

static const void *
host_target(const struct hsw_delivery *d)
{
	return live(d, "target")->target;
}

static void
host_set_data(struct hsw_delivery *d, void *data)
{
	live(d, "set_data");
	d->data = data;
}

static int
host_is_replay(const struct hsw_delivery *d)
{
	(void)d;
	return 0;
}

static void *
host_get_data(const struct hsw_delivery *d)
{
	return d->data;
}

static void
end(struct hsw_delivery *d, enum fake_state state)
{
	d->result.state = state;
	d->pending = 0;
	d->handle->pending--;
	fake_unref(d->env);
	d->env = NULL;
}

static void
host_done(struct hsw_delivery *d, enum hsw_outcome outcome, const struct hsw_detail *detail)
{
	struct hsw_handle *h = d->handle;

	live(d, "done");
	if (outcome < HSW_DELIVERED || outcome > HSW_HOLD)
		fake_breach("done with the outcome %d", (int)outcome);
	d->result.outcome = outcome;
	d->result.order = ++h->ended;
	if (detail != NULL) {
		d->result.status = detail->status;
		d->result.retry_after_ms = detail->retry_after_ms;
		snprintf(d->result.text, sizeof(d->result.text), "%s",
			detail->text != NULL ? detail->text : "");
	}
	end(d, FAKE_DONE);
	if (h->on_done != NULL)
		h->on_done(d, h->on_done_arg);
}

static void
host_skip(struct hsw_delivery *d)
{
	live(d, "skip");
	d->result.is_skipped = true;
	host_done(d, HSW_DELIVERED, NULL);
}

static void
host_postpone(struct hsw_delivery *d, int64_t ms)
{
	live(d, "postpone");
	if (ms < 0)
		fake_breach("postpone by %lld ms", (long long)ms);
	d->result.postponed_ms = ms;
	d->result.n_postponed++;
}

static void
host_extend(struct hsw_delivery *d, int64_t ms)
{
	live(d, "extend");
	if (ms < 0)
		fake_breach("extend by %lld ms", (long long)ms);
	d->result.extended_ms = ms;
}

static const struct hsw_host host = { .size = sizeof(struct hsw_host),
	.abi = HSW_ABI_MAJOR << 16 | HSW_ABI_MINOR,
	.log = fake_host_log,
	.post = fake_host_post,
	.ref = fake_host_ref,
	.unref = fake_unref,
	.now_ms = fake_host_now_ms,
	.timer_new = fake_host_timer_new,
	.timer_set = fake_host_timer_set,
	.timer_free = fake_host_timer_free,
	.watch_new = fake_host_watch_new,
	.watch_set = fake_host_watch_set,
	.watch_free = fake_host_watch_free,
	.count = fake_host_count,
	.get = fake_host_get,
	.received_ms = fake_host_received_ms,
	.iov = fake_host_iov,
	.envelope = host_envelope,
	.parts = host_parts,
	.attempt = host_attempt,
	.target = host_target,
	.done = host_done,
	.set_data = host_set_data,
	.get_data = host_get_data,
	.is_replay = host_is_replay,
	.skip = host_skip,
	.postpone = host_postpone,
	.extend = host_extend,
	.version = "1.2.3" };

struct hsw_delivery *
fake_deliver_to(
	struct hsw_handle *h, const struct hsw_envelope *env, int attempt, const void *target)
{
	struct hsw_delivery *d = fake_must(calloc(1, sizeof(*d)));
	struct call call;

	*d = (struct hsw_delivery){ .handle = h,
		.env = fake_host_ref(env),
		.target = target,
		.attempt = attempt,
		.pending = 1 };
	LIST_INSERT_HEAD(&h->deliveries, d, entry);
	h->pending++;
	fake_call_begin(&call, CALL_DELIVER);
	int rc = h->sink.deliver(h->self, d);
	fake_call_end(&call, 0);
	/* With rc == HSW_OK it may have ended, and even been forgotten, already. */
	if (rc != HSW_OK) {
		live(d, "refusal");
		d->result.rc = rc;
		end(d, FAKE_REFUSED);
	}
	return d;
}

struct hsw_delivery *
fake_deliver(struct hsw_handle *h, const struct hsw_envelope *env, int attempt)
{
	return fake_deliver_to(h, env, attempt, NULL);
}

void
fake_cancel(struct hsw_delivery *d)
{
	struct call call;

	live(d, "cancel");
	fake_call_begin(&call, CALL_CANCEL);
	d->handle->sink.cancel(d->handle->self, d);
	fake_call_end(&call, 0);
	live(d, "cancel");
	end(d, FAKE_CANCELLED);
}

const struct fake_result *
fake_result(const struct hsw_delivery *d)
{
	return &d->result;
}

void
fake_forget(struct hsw_delivery *d)
{
	if (d->result.state == FAKE_PENDING)
		fake_breach("a pending delivery is forgotten");
	LIST_REMOVE(d, entry);
	free(d);
}

void
fake_on_done(struct hsw_handle *h, void (*fn)(struct hsw_delivery *, void *arg), void *arg)
{
	h->on_done = fn;
	h->on_done_arg = arg;
}

/* ---- the loop ------------------------------------------------------------------------------- */

static void
stop_loop(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	*(bool *)arg = true;
}

/* Runs the loop until *n is 0 or the time is over. */
static bool
run_until_zero(struct hsw_handle *h, const unsigned *n, int64_t ms)
{
	bool late = false;
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	struct event *guard = fake_must(event_new(h->base, -1, 0, stop_loop, &late));

	event_add(guard, &tv);
	while (*n != 0 && !late)
		event_base_loop(h->base, EVLOOP_ONCE);
	event_free(guard);
	return !late;
}

void
fake_run(struct hsw_handle *h, int64_t ms)
{
	const unsigned forever = 1;

	run_until_zero(h, &forever, ms);
}

const struct fake_result *
fake_wait(struct hsw_delivery *d)
{
	if (!run_until_zero(d->handle, &d->pending, WAIT_MAX_MS))
		fake_breach("no done within %d ms", WAIT_MAX_MS);
	return &d->result;
}

void
fake_wait_all(struct hsw_handle *h)
{
	if (!run_until_zero(h, &h->pending, WAIT_MAX_MS))
		fake_breach("%u deliveries without done within %d ms", h->pending, WAIT_MAX_MS);
}

struct event_base *
fake_base(struct hsw_handle *h)
{
	return h->base;
}

/* ---- opening and closing -------------------------------------------------------------------- */

const struct hsw_plugin *
fake_load(const char *path, struct hsw_error *err)
{
	void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (lib == NULL) {
		snprintf(err->text, sizeof(err->text), "%s", dlerror());
		return NULL;
	}
	const struct hsw_plugin *p = dlsym(lib, "hsw_plugin");
	if (p == NULL || p->magic != HSW_PLUGIN_MAGIC || p->abi_major != HSW_ABI_MAJOR) {
		snprintf(err->text, sizeof(err->text), "%s: not a plugin of this version", path);
		return NULL;
	}
	return p;
}

static struct hsw_handle *
handle_new(const struct hsw_plugin *p)
{
	struct hsw_handle *h = fake_must(calloc(1, sizeof(*h)));

	h->plugin = p;
	h->thread = pthread_self();
	if (p->kind == HSW_SINK) {
		const struct hsw_sink_ops *ops = p->ops;
		memcpy(&h->sink, ops, ops->size < sizeof(h->sink) ? ops->size : sizeof(h->sink));
	}
	fake_loop_init(h);
	return h;
}

static void
handle_free(struct hsw_handle *h)
{
	while (!LIST_EMPTY(&h->deliveries))
		fake_forget(LIST_FIRST(&h->deliveries));
	if (h->conf != NULL)
		fake_conf_free(h->plugin, h->conf);
	fake_loop_fini(h);
	free(h);
}

static int
handle_open(struct hsw_handle *h, struct hsw_error *err)
{
	if (h->plugin->kind == HSW_SINK && h->sink.check != NULL) {
		int rc = h->sink.check(h->conf, err);
		if (rc != HSW_OK)
			return rc;
	}
	const struct hsw_source_ops *source = h->plugin->ops;
	struct call call;
	fake_call_begin(&call, CALL_OPEN);
	int rc = h->plugin->kind == HSW_SINK ? h->sink.open(&host, h, h->conf, &h->self, err)
					     : source->open(&host, h, h->conf, &h->self, err);
	fake_call_end(&call, 0);
	return rc;
}

struct hsw_handle *
fake_open_plugin(const struct hsw_plugin *p, const char *const *options, struct hsw_error *err)
{
	if (p->kind != HSW_SINK && p->kind != HSW_SOURCE)
		fake_breach("%s is neither a sink nor a source", p->name);
	signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	signal(SIGXFSZ, SIG_IGN);
	struct hsw_handle *h = handle_new(p);
	h->conf = fake_conf_new(p, options, err);
	if (h->conf == NULL || handle_open(h, err) != HSW_OK) {
		if (fake_held(h) != 0)
			fake_breach("a failed open keeps timers or watches");
		handle_free(h);
		return NULL;
	}
	return h;
}

struct hsw_handle *
fake_open(const char *plugin, const char *const *options, struct hsw_error *err)
{
	const char *dir = getenv("PLUGIN_DIR");
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s.so", dir != NULL ? dir : "plugins/.libs", plugin);
	const struct hsw_plugin *p = fake_load(path, err);
	return p != NULL ? fake_open_plugin(p, options, err) : NULL;
}

int
fake_adopt(struct hsw_handle *h, const struct hsw_conn *conn)
{
	struct call call;

	fake_call_begin(&call, CALL_ADOPT);
	int rc = h->sink.adopt(h->self, conn);
	fake_call_end(&call, 0);
	return rc;
}

void
fake_broadcast(struct hsw_handle *h, const struct hsw_envelope *env, unsigned parts)
{
	struct call call;

	fake_call_begin(&call, CALL_BROADCAST);
	h->sink.broadcast(h->self, env, parts);
	fake_call_end(&call, 0);
}

void
fake_dismiss(struct hsw_handle *h, const char *instance)
{
	struct call call;

	fake_call_begin(&call, CALL_DISMISS);
	h->sink.dismiss(h->self, (struct hsw_str){ instance, strlen(instance) });
	fake_call_end(&call, 0);
}

void
fake_expel(struct hsw_handle *h, const char *instance, uint32_t flags, const char *reason)
{
	struct call call;

	fake_call_begin(&call, CALL_EXPEL);
	h->sink.expel(h->self,
		(struct hsw_str){ instance, instance != NULL ? strlen(instance) : 0 }, flags,
		reason);
	fake_call_end(&call, 0);
}

int
fake_configure(struct hsw_handle *h, const char *const *options, struct hsw_error *err)
{
	struct call call;

	if (h->sink.configure == NULL) {
		snprintf(err->text, sizeof(err->text), "%s has no configure", h->plugin->name);
		return HSW_ENOTSUP;
	}
	void *conf = fake_conf_new(h->plugin, options, err);
	if (conf == NULL)
		return HSW_EINVAL;
	int rc = h->sink.check != NULL ? h->sink.check(conf, err) : HSW_OK;
	fake_call_begin(&call, CALL_CONFIGURE);
	if (rc == HSW_OK)
		rc = h->sink.configure(h->self, conf, err);
	fake_call_end(&call, 0);
	void *unused = rc == HSW_OK ? h->conf : conf;
	if (rc == HSW_OK)
		h->conf = conf;
	fake_conf_free(h->plugin, unused);
	return rc;
}

void
fake_drain(struct hsw_handle *h)
{
	struct call call;

	if (h->sink.drain == NULL)
		return;
	fake_call_begin(&call, CALL_DRAIN);
	h->sink.drain(h->self);
	fake_call_end(&call, 0);
}

void
fake_reopen(struct hsw_handle *h)
{
	struct call call;

	if (h->sink.reopen == NULL)
		return;
	fake_call_begin(&call, CALL_REOPEN);
	h->sink.reopen(h->self);
	fake_call_end(&call, 0);
}

void
fake_close(struct hsw_handle *h)
{
	struct call call;

	fake_drain(h);
	if (h->pending != 0)
		fake_breach("%u deliveries are pending at close", h->pending);
	pthread_mutex_lock(&h->lock);
	h->closed = true;
	pthread_mutex_unlock(&h->lock);
	fake_call_begin(&call, CALL_CLOSE);
	if (h->plugin->kind == HSW_SINK)
		h->sink.close(h->self);
	else
		((const struct hsw_source_ops *)h->plugin->ops)->close(h->self);
	fake_call_end(&call, 0);
	if (fake_held(h) != 0)
		fake_breach("%u timers or watches are left after close", fake_held(h));
	handle_free(h);
}

const struct hsw_plugin *
fake_plugin(const struct hsw_handle *h)
{
	return h->plugin;
}

void *
fake_self(const struct hsw_handle *h)
{
	return h->self;
}
