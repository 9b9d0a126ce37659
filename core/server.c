/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.c - see server.h.
 *
 * The main thread makes everything, then only waits for signals; all other threads have them blocked.
 * Order of the start: sockets, store, workers (sources and sinks), then they listen. So whatever is
 * wrong is found before the first request, and nothing is accepted that could not be stored.
 */
#include "server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api.h"
#include "change.h"
#include "claim.h"
#include "clock.h"
#include "err.h"
#include "log.h"
#include "notify.h"
#include "reload.h"
#include "sockets.h"
#include "status_order.h"
#include "worker.h"

#define STOP_GRACE_MS 10000 /* for the store, past shutdown_timeout */
#define STOP_CHECK_MS 20
#define STATUS_ADDRESSES_MAX 700 /* bytes of them for the service manager */
#define RELOAD_CHECK_MS 20

/* ---- start ---- */

static unsigned
count_workers(const struct server_conf *conf)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	int64_t n = conf->workers > 0 ? conf->workers : cores;

	return n < 1 ? 1 : n > JOURNAL_PORTS_MAX ? JOURNAL_PORTS_MAX : (unsigned)n;
}

/* As many file descriptors as we are allowed to have. */
static void
raise_limits(const struct server_conf *conf)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur != RLIM_INFINITY &&
		(int64_t)limit.rlim_cur < conf->max_connections + 256)
		log_warn("server",
			"max_connections = %lld, but only %llu file descriptors are allowed",
			(long long)conf->max_connections, (unsigned long long)limit.rlim_cur);
}

static void
feed_worker(void *arg, struct hsw_envelope *const *envelopes, size_t n)
{
	struct worker *w = arg;
	destinations_feed(&w->delivery, envelopes, n);
	live_feed(w->live, envelopes, n);
}

static unsigned
count_sinks(const struct config *config)
{
	unsigned n = 0;
	for (const struct config_section *s = config->sinks; s != NULL; s = s->next)
		n++;
	return n;
}

static void
server_free(struct server *s)
{
	for (unsigned i = 0; s->workers != NULL && i < s->n_workers; i++)
		worker_join(&s->workers[i]);
	status_order_free(s->statuses);
	if (s->journal != NULL)
		claims_leave(s->claims);
	journal_close(s->journal);
	identities_close(s->identities);
	claims_free(s->claims);
	for (unsigned i = 0; s->workers != NULL && i < s->n_workers; i++)
		worker_fini(&s->workers[i]);
	settings_fini(s->settings);
	webhook_sink_fini(&s->webhook_sink);
	webhook_sink_fini(&s->notice_sink);
	catalog_free(s->catalog);
	ratelimit_free(s->rate);
	ratelimit_free(s->instance_rate);
	ratelimit_free(s->ingest_rate);
	tls_unref(s->tls);
	mailbox_fini(&s->reloads);
	free(s->workers);
}

/* Runs a call of the store thread and waits for it. */
struct loading {
	struct server *server;
	int rc;
	struct hsw_error *err;
};

static void
run_load(void *arg, const struct store_port *store)
{
	struct loading *l = arg;
	struct server *s = l->server;

	s->settings->is_shared = s->claims != NULL && claims_have_company(store);
	l->rc = settings_load(s->settings, store, l->err);
}

/* A worker with a webhook must be fed from the first event on. */
static void
feed_owner(void *arg, struct instance_settings *i)
{
	struct server *s = arg;
	char name[CONFIG_NAME_MAX + WEBHOOK_LABEL_MAX + 2];

	for (const struct webhook *w = i->webhooks; w != NULL; w = w->next) {
		snprintf(name, sizeof(name), "%s/%s", i->instance->name.s, w->label);
		if (w->enabled)
			journal_feed(s->journal, change_owner(s, name));
	}
}

static int
load_settings(struct server *s, struct hsw_error *err)
{
	struct loading l = { s, HSW_OK, err };

	if (settings_init(s->settings, s->config, s->catalog) != HSW_OK)
		return err_set(err, HSW_ENOMEM, "out of memory");
	store_run(journal_store(s->journal), run_load, &l);
	if (l.rc == HSW_OK)
		settings_each(s->settings, feed_owner, s);
	return l.rc;
}

static bool
wants_status_order(const struct config *config)
{
	for (const struct config_section *s = config->sources; s != NULL; s = s->next) {
		if (s->u.source.status_order == STATUS_MONOTONIC)
			return true;
	}
	return false;
}

static int
start_workers(struct server *s, struct journal_port *ports, struct hsw_error *err)
{
	unsigned sinks = count_sinks(s->config);
	int rc = HSW_OK;

	for (unsigned i = 0; i < s->n_workers && rc == HSW_OK; i++) {
		rc = worker_init(&s->workers[i], s, i);
		ports[i].box = &s->workers[i].box;
		ports[i].feed = feed_worker;
		ports[i].is_idle = i >= sinks;
		ports[i].arg = &s->workers[i];
		atomic_init(&s->workers[i].readers, 0);
		ports[i].readers = &s->workers[i].readers;
	}
	if (rc != HSW_OK)
		return err_set(err, rc, "cannot make the workers' mailboxes");
	s->journal = journal_open(s->config, s->catalog, ports, s->n_workers, err);
	if (s->journal == NULL)
		return HSW_EIO;
	rc = claims_start(s, &s->claims, err);
	if (rc == HSW_OK)
		rc = load_settings(s, err);
	if (rc == HSW_OK && s->config->ingest.identity == IDENTITY_LEARN) {
		s->identities = identities_open(s->journal, err);
		rc = s->identities != NULL ? HSW_OK : HSW_EIO;
	}
	if (rc == HSW_OK && wants_status_order(s->config)) {
		s->statuses = status_order_new();
		if (s->statuses == NULL)
			rc = err_set(err, HSW_ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < s->n_workers && rc == HSW_OK; i++)
		rc = worker_start(&s->workers[i], err);
	return rc == HSW_OK && s->claims != NULL ? claims_begin(s->claims, err) : rc;
}

static int
server_start(struct server *s, struct journal_port *ports, struct sockets *sockets,
	struct hsw_error *err)
{
	s->n_workers = count_workers(&s->config->server);
	int rc = sockets_open(sockets, &s->config->server, s->n_workers, err);
	if (rc != HSW_OK)
		return rc;
	if (s->config->server.listen_tls != NULL) {
		s->tls = tls_open(s->config->server.tls_cert, s->config->server.tls_key, err);
		if (s->tls == NULL)
			return HSW_EINVAL;
	}
	atomic_init(&s->n_serving, s->n_workers);
	s->http.conf = &s->config->server;
	s->http.max_body_bytes = s->config->ingest.max_body_bytes;
	s->started_ms = clock_wall_ms();
	s->catalog = catalog_new(s->config);
	s->workers = calloc(s->n_workers, sizeof(s->workers[0]));
	s->rate = ratelimit_new(s->config->api.rate_limit);
	s->instance_rate = ratelimit_new(s->config->api.instance_rate_limit);
	s->ingest_rate = ratelimit_new(s->config->ingest.rate_limit);
	if (s->catalog == NULL || s->workers == NULL || s->rate == NULL ||
		s->instance_rate == NULL || s->ingest_rate == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	rc = webhook_sink_init(&s->webhook_sink, s->config, err);
	if (rc == HSW_ENOENT)
		log_warn("api", "webhooks cannot be set: %s", err->text);
	else if (rc != HSW_OK)
		return rc;
	rc = webhook_sink_init_notices(&s->notice_sink, &s->config->server, err);
	if (rc != HSW_OK)
		return rc;
	if (s->config->websocket_plugin == NULL &&
		plugin_load(s->config->server.plugin_dir, HSW_SINK, "websocket", err) == NULL)
		log_warn("ws", "WebSockets cannot be enabled: %s", err->text);
	delivery_register();
	rc = start_workers(s, ports, err);
	if (rc != HSW_OK)
		return rc;
	for (unsigned i = 0; i < s->n_workers; i++)
		worker_go(&s->workers[i], sockets);
	return HSW_OK;
}

/* ---- signals and stop ---- */

/* The addresses of a long list are cut for the service manager: a message that is too long would be lost,
 * and with it that the daemon is ready. */
static void
tell_serving(const struct server *s, const struct config *in_use, bool is_start)
{
	unsigned sinks = count_sinks(in_use);
	struct buf addresses = BUF_INIT;

	/* Of the start: where it listens does not change with a reload. */
	sockets_print(&s->config->server, &addresses);
	buf_append(&addresses, "", 1);
	const char *text = addresses.failed ? "(out of memory)" : addresses.data;
	if (is_start)
		log_info("server", "hookswitch %s is ready listen=%s workers=%u sinks=%u",
			PACKAGE_VERSION, text, s->n_workers, sinks);
	notify_send("%sSTATUS=Serving on %.*s%s with %u workers, %u sinks",
		is_start ? "READY=1\n" : "", STATUS_ADDRESSES_MAX, text,
		strlen(text) > STATUS_ADDRESSES_MAX ? "..." : "", s->n_workers, sinks);
	buf_free(&addresses);
}

static void
handle_hup(struct server *s, struct reload *reload)
{
	log_reopen();
	for (unsigned i = 0; i < s->n_workers; i++)
		worker_reopen(&s->workers[i]);
	log_info("server", "opened log and files again");
	reload_run(reload);
}

/* The service manager kills a daemon of which it hears nothing: so it hears something as long as every
 * worker's loop turns. false: one hangs. */
static bool
feed_watchdog(struct server *s, int64_t watchdog_ms)
{
	int64_t now = clock_mono_ms();

	for (unsigned i = 0; i < s->n_workers; i++) {
		int64_t silent = now - atomic_load(&s->workers[i].turned_ms);
		if (silent < watchdog_ms / 2 + WORKER_TURN_MS)
			continue;
		log_error("server", "a worker hangs index=%u ms=%lld", i, (long long)silent);
		notify_send("STATUS=Worker %u has been hanging for %lld s", i,
			(long long)(silent / 1000));
		return false;
	}
	notify_send("WATCHDOG=1");
	return true;
}

/* Until SIGTERM or SIGINT. */
static void
wait_for_stop(struct server *s, struct reload *reload, const sigset_t *signals)
{
	int64_t watchdog_ms = notify_watchdog_ms();
	int64_t every_ms = watchdog_ms > 0 ? watchdog_ms / 2 : INT32_MAX;
	const struct timespec idle = { every_ms / 1000, every_ms % 1000 * 1000000 };
	const struct timespec busy = { 0, RELOAD_CHECK_MS * 1000000 };
	bool is_fed = true;

	for (;;) {
		bool is_status_old = false;
		const struct timespec pause = reload_is_busy(reload) ? busy : idle;
		int signal = sigtimedwait(signals, NULL, &pause);
		if (signal < 0 && errno == EAGAIN && watchdog_ms > 0) {
			bool was_fed = is_fed;
			is_fed = feed_watchdog(s, watchdog_ms);
			is_status_old = is_fed && !was_fed;
		}
		if (reload_is_busy(reload)) {
			reload_go_on(reload);
			is_status_old = is_status_old || (is_fed && !reload_is_busy(reload));
		}
		if (is_status_old)
			tell_serving(s, reload->in_use, false);
		if (signal == SIGHUP)
			handle_hup(s, reload);
		else if (signal == SIGTERM || signal == SIGINT)
			return;
	}
}

static bool
workers_have_ended(struct server *s)
{
	for (unsigned i = 0; i < s->n_workers; i++) {
		if (!atomic_load(&s->workers[i].has_ended))
			return false;
	}
	return true;
}

/* false: a worker hangs, or a second signal came. */
static bool
stop_workers(struct server *s, struct reload *reload, int64_t timeout, const sigset_t *signals)
{
	int64_t until = clock_mono_ms() + timeout + STOP_GRACE_MS;
	const struct timespec pause = { 0, STOP_CHECK_MS * 1000000 };

	claims_stop(s->claims);
	for (unsigned i = 0; i < s->n_workers; i++)
		worker_drain(&s->workers[i], timeout);
	while (!workers_have_ended(s)) {
		reload_refuse(reload);
		int signal = sigtimedwait(signals, NULL, &pause);
		if (signal == SIGTERM || signal == SIGINT) {
			log_error("server", "second signal: stopping at once");
			return false;
		}
		if (clock_mono_ms() > until) {
			log_error("server", "a worker does not end, stopping at once");
			return false;
		}
	}
	return true;
}

static void
block_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

int
server_run(const struct config *config, const struct server_options *options)
{
	struct journal_port ports[JOURNAL_PORTS_MAX] = { { 0 } };
	struct settings settings = { .keep_undecryptable = options->keep_undecryptable };
	struct change_queue changes;
	struct server s = {
		.config = config, .handle = api_handle, .settings = &settings, .changes = &changes
	};
	struct sockets sockets = { .n = 0 };
	struct reload reload = { .server = NULL };
	struct hsw_error err = { "" };
	sigset_t signals;

	change_queue_init(&changes);
	if (mailbox_init(&s.reloads) != HSW_OK) {
		log_error("server", "cannot start: no file descriptor is left");
		return 1;
	}
	block_signals(&signals);
	raise_limits(&config->server);
	if (server_start(&s, ports, &sockets, &err) != HSW_OK ||
		reload_init(&reload, &s) != HSW_OK) {
		log_error("server", "cannot start: %s", err.text);
		notify_send("STATUS=Cannot start: %s", err.text);
		sockets_close(&sockets);
		server_free(&s);
		reload_fini(&reload);
		return 1;
	}
	sockets_close(&sockets);
	tell_serving(&s, config, true);
	wait_for_stop(&s, &reload, &signals);
	log_info("server", "stopping");
	notify_send("STOPPING=1\nSTATUS=Finishing what is under way");
	if (!stop_workers(&s, &reload, reload.in_use->server.shutdown_timeout_ms, &signals))
		_exit(1);
	server_free(&s);
	reload_fini(&reload);
	sockets_remove_files(&config->server);
	metrics_free();
	log_info("server", "stopped");
	return 0;
}
