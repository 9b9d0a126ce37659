/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.c - see worker.h.
 *
 * Who calls what from where: the functions of worker.h are the main thread's (worker_post: anybody's);
 * all static ones but the start of a call run on the worker.
 */
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>

#include "claim.h"
#include "clock.h"
#include "err.h"
#include "gone.h"
#include "log.h"
#include "notice.h"
#include "sockets.h"

#define DRAIN_CHECK_MS 5
/* Plugins may recurse over what events and options make of values: libjq frees an array in an array so, and what
 * is made in a run's time may have 500000 of them. Only what is touched takes memory. */
#define STACK_BYTES (256u << 20)

/* Mail from the main thread. */
struct command {
	struct mail mail; /* first */
	struct worker *worker;
	int64_t timeout_ms;
	struct tls *tls;
	const struct config *config;
	size_t n;
	struct socket sockets[];
};

void
worker_post(struct worker *w, struct mail *mail)
{
	mailbox_post(&w->box, mail);
}

static void
run_mail(struct worker *w)
{
	struct mail *mail = mailbox_take(&w->box);

	while (mail != NULL) {
		struct mail *next = mail->next;
		mail->run(mail);
		mail = next;
	}
}

/* Edge triggered: the eventfd's counter is never read, so a wake-up costs one system call less. */
static void
on_mail(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	run_mail(arg);
}

static void
on_second(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;

	(void)fd;
	(void)what;
	atomic_store(&w->turned_ms, clock_mono_ms());
	destinations_measure(&w->delivery);
}

static void
on_request(void *arg, struct http_request *r)
{
	struct worker *w = arg;
	w->server->handle(w, r);
}

/* ---- draining ---- */

/* A request may be handed to any worker as long as one of them has connections. */
static bool
requests_are_done(struct worker *w)
{
	struct server *s = w->server;

	if (!w->has_served && http_server_is_idle(w->http)) {
		w->has_served = true;
		atomic_fetch_sub(&s->n_serving, 1);
	}
	return atomic_load(&s->n_serving) == 0 && atomic_load(&s->on_tour) == 0;
}

/* First what providers wait for, then what is in flight to destinations; past the time that is given
 * back to the journal, and clients are cut off. Ends the loop when nothing is left: no request that is at the store
 * or with another worker still, as it comes back here. How long that may take the main thread says. */
static void
on_drain(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	const struct timeval again = { 0, DRAIN_CHECK_MS * 1000 };
	bool is_late = clock_mono_ms() >= w->drain_until_ms;

	(void)fd;
	(void)what;
	if (is_late && !w->has_cancelled) {
		w->has_cancelled = true;
		destinations_cancel(&w->delivery);
	}
	if (is_late)
		http_server_cut(w->http);
	bool clients_done = live_is_idle(w->live) || is_late;
	if (requests_are_done(w) && clients_done && destinations_are_idle(&w->delivery))
		event_base_loopexit(w->base, NULL);
	else
		event_add(w->drain, &again);
}

static void
run_drain(struct mail *mail)
{
	struct command *c = (struct command *)mail;
	struct worker *w = c->worker;

	w->drain_until_ms = clock_mono_ms() + c->timeout_ms;
	free(c);
	http_server_drain(w->http);
	destinations_drain(&w->delivery, w->drain_until_ms);
	live_drain(w->live);
	on_drain(-1, 0, w);
}

static void
run_reopen(struct mail *mail)
{
	struct command *c = (struct command *)mail;

	destinations_reopen(&c->worker->delivery);
	free(c);
}

static void
run_go(struct mail *mail)
{
	struct command *c = (struct command *)mail;

	for (size_t i = 0; i < c->n; i++)
		http_server_listen(c->worker->http, c->sockets[i].fd, c->sockets[i].kind);
	free(c);
}

static struct ingress *
open_ingress(struct worker *w, const struct config *config, struct hsw_error *err)
{
	const struct ingress_env env = { config, &w->catalog, w->server->journal, w->index,
		w->server->identities, w->server->statuses, w->server->ingest_rate,
		{ w->base, &w->box } };

	return ingress_open(&env, err);
}

const char *const worker_parts[WORKER_PARTS] = { [WORKER_SOURCES] = "sources",
	[WORKER_WEBSOCKET] = "WebSocket options",
	[WORKER_WEBHOOKS] = "options of the API's webhooks" };

static bool
is_same_list(const char **a, const char **b)
{
	if (a == NULL || b == NULL)
		return a == b;
	while (*a != NULL && *b != NULL && strcmp(*a, *b) == 0)
		a++, b++;
	return *a == NULL && *b == NULL;
}

static void
configure_sources(struct worker *w, struct hsw_error *err)
{
	struct ingress *fresh = open_ingress(w, w->config, err);

	if (fresh == NULL)
		return;
	ingress_retire(w->ingress);
	w->ingress = fresh;
}

static void
run_configure(struct mail *mail)
{
	struct command *c = (struct command *)mail;
	struct worker *w = c->worker;
	const struct config *before = w->config;

	http_server_set_conf(w->http, &c->config->server);
	w->config = c->config;
	memset(w->configure_errors, 0, sizeof(w->configure_errors));
	configure_sources(w, &w->configure_errors[WORKER_SOURCES]);
	live_configure(w->live, w->config, &w->configure_errors[WORKER_WEBSOCKET]);
	if (!text_equal(before->api.account_token, w->config->api.account_token))
		live_dismiss_account(w->live, "the account token was changed");
	if (!is_same_list(before->api.allow_private, w->config->api.allow_private) ||
		before->api.https_only != w->config->api.https_only)
		destinations_configure_api(
			&w->delivery, w->config, &w->configure_errors[WORKER_WEBHOOKS]);
	config_unref(before);
	for (int i = 0; i < WORKER_PARTS; i++) {
		if (*w->configure_errors[i].text != '\0')
			log_error("server", "the %s stay as they were worker=%u: %s",
				worker_parts[i], w->index, w->configure_errors[i].text);
	}
	atomic_store(&w->is_configuring, false);
	free(c);
}

static void
run_set_tls(struct mail *mail)
{
	struct command *c = (struct command *)mail;

	http_server_set_tls(c->worker->http, c->tls);
	free(c);
}

/* ---- the thread ---- */

static int
make_loop(struct worker *w)
{
	const struct timeval second = { WORKER_TURN_MS / 1000, 0 };
	struct event_config *config = event_config_new();

	if (config == NULL)
		return HSW_ENOMEM;
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	event_config_require_features(config, EV_FEATURE_ET);
	w->base = event_base_new_with_config(config);
	event_config_free(config);
	if (w->base == NULL)
		return HSW_ENOMEM;
	w->mail = event_new(w->base, w->box.fd, EV_READ | EV_PERSIST | EV_ET, on_mail, w);
	w->second = event_new(w->base, -1, EV_PERSIST, on_second, w);
	w->drain = evtimer_new(w->base, on_drain, w);
	if (w->mail == NULL || w->second == NULL || w->drain == NULL)
		return HSW_ENOMEM;
	return event_add(w->mail, NULL) == 0 && event_add(w->second, &second) == 0 ? HSW_OK
										   : HSW_ENOMEM;
}

/* Sinks are dealt out in the order of the file. */
static int
open_destinations(struct worker *w, struct hsw_error *err)
{
	unsigned i = 0;
	int rc = HSW_OK;

	for (const struct config_section *s = w->server->config->sinks; s != NULL && rc == HSW_OK;
		s = s->next) {
		if (i++ % w->server->n_workers == w->index)
			rc = destination_open(&w->delivery, s, err);
	}
	return rc;
}

static void
on_client_gone(void *arg)
{
	struct worker *w = arg;
	http_gone(&w->server->http);
}

/* One that cannot be opened must not keep the others from their events. */
static void
open_webhook(struct worker *w, struct hsw_str instance, const struct webhook *webhook)
{
	struct hsw_error err = { "" };
	struct webhook_section *s = webhook_section_new(
		&w->server->webhook_sink, instance, webhook, &err);

	if (s != NULL && str_hash(HASH_START, str_of(s->name)) % w->server->n_workers != w->index)
		webhook_section_free(s);
	else if (s == NULL || destination_put_known(&w->delivery, s, &err) != HSW_OK)
		log_error("api", "a webhook cannot be opened instance=%.*s label=%s: %s",
			(int)instance.len, instance.s, webhook->label, err.text);
}

/* At start, while nothing changes the settings. */
static void
open_webhooks(void *arg, struct instance_settings *i)
{
	for (const struct webhook *h = i->webhooks; h != NULL; h = h->next) {
		if (h->enabled)
			open_webhook(arg, i->instance->name, h);
	}
}

static int
open_all(struct worker *w, struct hsw_error *err)
{
	const struct http_handler handler = { on_request, w };
	const struct live_env live = { w->server->config, &w->catalog, { w->base, &w->box },
		&w->readers, on_client_gone, w };

	if (delivery_thread_init(&w->delivery, w->base, &w->box, w->server->journal, w->index) !=
		HSW_OK)
		return err_set(err, HSW_ENOMEM, "out of memory");
	w->http = http_server_new(w->base, &w->server->http, &handler);
	if (w->http == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	if (w->server->tls != NULL)
		http_server_set_tls(w->http, tls_ref(w->server->tls));
	w->ingress = open_ingress(w, w->config, err);
	if (w->ingress == NULL)
		return HSW_EINVAL;
	int rc = webhook_sink_copy(&w->delivery.api_sink, &w->server->webhook_sink, w->config, err);
	w->delivery.on_gone = gone_tell;
	w->delivery.on_gone_arg = w->server;
	if (rc == HSW_OK)
		rc = notices_open(
			&w->delivery, &w->server->notice_sink, &w->server->config->server, err);
	if (rc == HSW_OK)
		rc = live_open(&live, &w->live, err);
	if (rc == HSW_OK && w->server->claims != NULL)
		return destinations_watch(&w->delivery, claims_held_until_ms(w->server->claims));
	if (rc == HSW_OK)
		rc = open_destinations(w, err);
	if (rc == HSW_OK)
		settings_each(w->server->settings, open_webhooks, w);
	return rc;
}

static void
close_all(struct worker *w)
{
	http_server_free(w->http);
	live_close(w->live);
	w->live = NULL; /* committed events may still be in the mailbox */
	destinations_close(&w->delivery);
	ingress_close(w->ingress);
	delivery_thread_fini(&w->delivery);
	run_mail(w); /* what plugins posted to handles that are closed now */
}

static void
free_loop(struct worker *w)
{
	if (w->mail != NULL)
		event_free(w->mail);
	if (w->second != NULL)
		event_free(w->second);
	if (w->drain != NULL)
		event_free(w->drain);
	if (w->base != NULL)
		event_base_free(w->base);
}

static void *
worker_main(void *arg)
{
	struct worker *w = arg;
	char name[16];

	snprintf(name, sizeof(name), "hsw-worker%u", w->index);
	pthread_setname_np(pthread_self(), name);
	w->rc = make_loop(w);
	if (w->rc == HSW_OK)
		w->rc = open_all(w, &w->error);
	bool is_open = w->rc == HSW_OK;
	sem_post(&w->ready);
	while (is_open && sem_wait(&w->go) != 0)
		;
	if (is_open && !w->must_stop) {
		destinations_recall_attempts(&w->delivery);
		event_base_dispatch(w->base);
	}
	close_all(w);
	free_loop(w);
	atomic_store(&w->has_ended, true);
	return NULL;
}

/* ---- the main thread's side ---- */

int
worker_init(struct worker *w, struct server *server, unsigned index)
{
	w->server = server;
	w->index = index;
	w->config = config_ref(server->config);
	atomic_init(&w->turned_ms, clock_mono_ms());
	sem_init(&w->ready, 0, 0);
	sem_init(&w->go, 0, 0);
	return mailbox_init(&w->box);
}

/* With less of a stack rather than not at all, where memory must not be promised (vm.overcommit_memory = 2). */
static int
start_thread(struct worker *w)
{
	pthread_attr_t attr;

	if (pthread_attr_init(&attr) != 0)
		return HSW_ENOMEM;
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	int rc = pthread_create(&w->thread, &attr, worker_main, w);
	pthread_attr_destroy(&attr);
	if (rc != 0)
		rc = pthread_create(&w->thread, NULL, worker_main, w);
	return rc == 0 ? HSW_OK : HSW_ENOMEM;
}

int
worker_start(struct worker *w, struct hsw_error *err)
{
	catalog_view_set(&w->catalog, w->server->catalog, catalog_master(w->server->catalog)->now);
	if (start_thread(w) != HSW_OK)
		return err_set(err, HSW_ENOMEM, "cannot start a worker thread");
	while (sem_wait(&w->ready) != 0)
		;
	if (w->rc == HSW_OK)
		return HSW_OK;
	err_set(err, w->rc, "%s", w->error.text);
	pthread_join(w->thread, NULL);
	w->thread = 0;
	return w->rc;
}

static struct command *
command_new(struct worker *w, void (*run)(struct mail *), size_t n_sockets)
{
	struct command *c = calloc(1, sizeof(*c) + n_sockets * sizeof(c->sockets[0]));

	if (c == NULL) {
		log_error("server", "out of memory: a command to worker %u is lost", w->index);
		return NULL;
	}
	c->mail.run = run;
	c->worker = w;
	return c;
}

void
worker_go(struct worker *w, struct sockets *s)
{
	struct command *c = command_new(w, run_go, s->n);

	for (size_t i = 0; c != NULL && i < s->n; i++) {
		if (s->list[i].worker != w->index || s->list[i].fd < 0)
			continue;
		c->sockets[c->n++] = s->list[i];
		s->list[i].fd = -1;
	}
	if (c != NULL)
		worker_post(w, &c->mail);
	sem_post(&w->go);
}

void
worker_configure(struct worker *w, const struct config *config)
{
	struct command *c = command_new(w, run_configure, 0);

	if (c == NULL)
		return;
	c->config = config_ref(config);
	atomic_store(&w->is_configuring, true);
	worker_post(w, &c->mail);
}

void
worker_set_tls(struct worker *w, struct tls *tls)
{
	struct command *c = command_new(w, run_set_tls, 0);

	if (c == NULL)
		return;
	c->tls = tls_ref(tls);
	worker_post(w, &c->mail);
}

void
worker_reopen(struct worker *w)
{
	struct command *c = command_new(w, run_reopen, 0);

	if (c != NULL)
		worker_post(w, &c->mail);
}

void
worker_drain(struct worker *w, int64_t timeout_ms)
{
	struct command *c = command_new(w, run_drain, 0);

	if (c == NULL)
		return;
	c->timeout_ms = timeout_ms;
	worker_post(w, &c->mail);
}

void
worker_join(struct worker *w)
{
	if (w->thread == 0)
		return;
	w->must_stop = true;
	sem_post(&w->go);
	pthread_join(w->thread, NULL);
	w->thread = 0;
}

void
worker_fini(struct worker *w)
{
	if (w->server == NULL)
		return;
	catalog_view_fini(&w->catalog);
	config_unref(w->config);
	mailbox_fini(&w->box);
	sem_destroy(&w->ready);
	sem_destroy(&w->go);
}
