/* SPDX-License-Identifier: Apache-2.0 */
/* reload.c - see reload.h. */
#include "reload.h"

#include <stdlib.h>
#include <string.h>

#include "claim.h"
#include "clock.h"
#include "control_reload.h"
#include "log.h"
#include "notify.h"
#include "option.h"

/* What changes while the daemon runs. */
static const struct {
	const char *kind, *key; /* key: NULL: all, and the section as a whole */
} at_once[] = {
	{ "source", NULL },
	{ "sink", NULL },
	{ "instance", NULL },
	{ "log", "level" },
	{ "log", "format" },
	{ "server", "base_url" },
	{ "server", "shutdown_timeout" },
	{ "server", "max_connections" },
	{ "server", "header_timeout" },
	{ "server", "body_timeout" },
	{ "server", "idle_timeout" },
	{ "server", "max_header" },
	{ "server", "trusted_proxies" },
	{ "ingest", "retry_after" },
	{ "ingest", "rate_limit" },
	{ "store", "retention" },
	{ "store", "retention_size" },
	{ "store", "dead_retention" },
	{ "api", "account_token" },
	{ "api", "rate_limit" },
	{ "api", "instance_rate_limit" },
	{ "api", "max_webhooks" },
	{ "api", "https_only" },
	{ "websocket", "origins" },
};

/* These change by the plugin, if it can do that. */
static bool
can_configure(const struct plugin *plugin)
{
	return plugin != NULL && plugin->ops.sink.configure != NULL;
}

static bool
is_key(const struct config_change *c, const char *kind, const char *key)
{
	return strcmp(c->kind, kind) == 0 && c->key != NULL && strcmp(c->key, key) == 0;
}

/* Of the plugin's own table. */
static bool
is_option_of_websocket(const struct config_change *c)
{
	return strcmp(c->kind, "websocket") == 0 && c->key != NULL &&
		option_find(config_table("websocket"), c->key) == NULL;
}

/* Without a listener for TLS there is nobody to give a certificate to; what status_order needs is made at the
 * start. */
static bool
is_applied(const struct reload *r, const struct config_change *c)
{
	const struct server *s = r->server;

	if (is_key(c, "source", "status_order") && s->statuses == NULL)
		return false;
	if (is_key(c, "server", "tls_cert") || is_key(c, "server", "tls_key"))
		return s->tls != NULL;
	if (is_key(c, "api", "allow_private"))
		return s->webhook_sink.plugin == NULL || can_configure(s->webhook_sink.plugin);
	if (is_option_of_websocket(c))
		return r->fresh->websocket_plugin == s->config->websocket_plugin &&
			can_configure(s->config->websocket_plugin);
	for (size_t i = 0; i < sizeof(at_once) / sizeof(at_once[0]); i++) {
		if (at_once[i].key == NULL ? strcmp(c->kind, at_once[i].kind) == 0
					   : is_key(c, at_once[i].kind, at_once[i].key))
			return true;
	}
	return false;
}

static const char *const part_kinds[RELOAD_PARTS] = {
	[RELOAD_SOURCES] = "source", [RELOAD_INSTANCES] = "instance"
};

/* RELOAD_PARTS: none of them. */
static enum reload_part
part_of(const struct config_change *c)
{
	int part = 0;

	while (part < RELOAD_PARTS && strcmp(c->kind, part_kinds[part]) != 0)
		part++;
	return (enum reload_part)part;
}

struct visit {
	struct reload *reload;
	bool of_restart;       /* which half of the changes is looked at */
	enum reload_part part; /* of what changes at once */
};

/* A start with another key than the store's is refused; one without had none that could be wrong. */
static const char *
before_restart(const struct reload *r, const struct config_change *c)
{
	return is_key(c, "server", "encryption_key") &&
			r->server->config->server.encryption_key != NULL
		? "stop the daemon and run `hookswitch rekey` first, or the start is refused"
		: NULL;
}

static void
on_change(void *arg, const struct config_change *c)
{
	const struct visit *v = arg;

	if (!v->of_restart && part_of(c) != v->part)
		return;
	bool is_now = is_applied(v->reload, c);
	if (v->of_restart != is_now)
		report_change(&v->reload->report, c, is_now, before_restart(v->reload, c));
}

/* Connections that are open keep the old certificate. */
static void
apply_tls(struct reload *r, const struct server_conf *conf)
{
	struct server *s = r->server;
	struct hsw_error err = { "" };

	if (s->tls == NULL || conf->tls_cert == NULL || conf->tls_key == NULL)
		return;
	struct tls *tls = tls_open(conf->tls_cert, conf->tls_key, &err);
	if (tls == NULL) {
		log_error("server", "the old TLS certificate stays in use: %s", err.text);
		report_error(&r->report, "the old TLS certificate stays in use: %s", err.text);
		return;
	}
	for (unsigned i = 0; i < s->n_workers; i++)
		worker_set_tls(&s->workers[i], tls);
	tls_unref(s->tls);
	s->tls = tls;
	log_info("server", "read the TLS certificate again file=%s", conf->tls_cert);
}

/* Of the store thread. */
struct retention {
	struct store_call call; /* first */
	struct journal *journal;
	const struct config *config; /* a reference */
};

static void
set_retention(struct store_call *call, const struct store_port *store)
{
	struct retention *x = (struct retention *)call;

	(void)store;
	journal_configure(x->journal, x->config);
	config_unref(x->config);
	free(x);
}

/* Before sinks change: events that a new one waits for must not be deleted. */
static void
apply_retention(struct server *s, const struct config *c)
{
	struct retention *x = calloc(1, sizeof(*x));

	if (x == NULL) {
		log_error("config", "out of memory: events are kept as long as before");
		return;
	}
	x->call.fn = set_retention;
	x->journal = s->journal;
	x->config = config_ref(c);
	store_post_call(journal_store(s->journal), &x->call);
}

/* Sources are opened again even when their sections are the same: the files that they read, such as maps,
 * may have changed. */
static void
apply(struct reload *r, const struct config *before, const struct config *c)
{
	struct server *s = r->server;

	log_adjust((enum hsw_log_level)c->log.level, (enum log_format)c->log.format);
	apply_tls(r, &c->server);
	ratelimit_set(s->rate, c->api.rate_limit);
	ratelimit_set(s->instance_rate, c->api.instance_rate_limit);
	ratelimit_set(s->ingest_rate, c->ingest.rate_limit);
	apply_retention(s, c);
	for (unsigned i = 0; i < s->n_workers; i++)
		worker_configure(&s->workers[i], c);
	instances_change(&r->instances, c);
	/* With several nodes it is not for this one alone to say who delivers. */
	if (s->claims != NULL)
		claims_configure(s->claims, c);
	else
		sinks_change(&r->sinks, before, c);
}

/* A new source's status_order is no change of a key. */
static void
warn_of_status_order(const struct reload *r)
{
	for (const struct config_section *s = r->in_use->sources;
		s != NULL && r->server->statuses == NULL; s = s->next) {
		if (s->u.source.status_order == STATUS_MONOTONIC)
			log_warn("config", "[source %s] status_order takes effect with a restart",
				s->name);
	}
}

static void
take(struct reload *r, const struct config *fresh)
{
	struct visit now = { r, false, RELOAD_PARTS }, later = { r, true, RELOAD_PARTS };
	const struct config *before = r->in_use;

	r->fresh = fresh;
	config_compare(before, fresh, on_change, &now);
	config_compare(r->server->config, fresh, on_change, &later);
	r->fresh = NULL;
	r->in_use = fresh;
	apply(r, before, fresh);
	config_unref(before);
	r->must_tell = true;
	warn_of_status_order(r);
}

static void
on_replaced(void *arg, const struct plugin *plugin)
{
	report_replaced(arg, plugin->path);
}

static void
read_again(struct reload *r)
{
	struct config_errors errors = { .count = 0 };
	struct config *fresh = config_load(r->server->config->path, CONFIG_CHECK, &errors);

	report_clear(&r->report);
	/* First: what a newer plugin takes may be what the one that runs refuses. */
	plugin_each_replaced(on_replaced, &r->report);
	for (size_t i = 0; i < errors.count && i < CONFIG_ERRORS_MAX; i++) {
		log_error("config", "%s", errors.text[i]);
		report_error(&r->report, "%s", errors.text[i]);
	}
	if (fresh != NULL) {
		take(r, fresh);
	} else {
		log_error("config", "the running configuration stays in use errors=%zu",
			errors.count);
		/* A certificate that was renewed must not wait for somebody to mend the file. */
		apply_tls(r, &r->in_use->server);
	}
	config_errors_free(&errors);
}

int
reload_init(struct reload *r, struct server *s)
{
	*r = (struct reload){ .server = s, .in_use = config_ref(s->config) };
	for (int i = 0; i < RELOAD_PARTS; i++)
		r->effective[i] = config_ref(s->config);
	instances_init(&r->instances, s);
	return sinks_init(&r->sinks, s);
}

/* What is told before sinks, which may have deliveries in flight, are done. */
static bool
are_parts_changing(const struct reload *r)
{
	for (unsigned i = 0; i < r->server->n_workers; i++) {
		if (atomic_load(&r->server->workers[i].is_configuring))
			return true;
	}
	return instances_are_changing(&r->instances);
}

/* The first worker that could not stands for all: they have the same. NULL: all could. */
static const char *
error_of(const struct reload *r, enum worker_part part)
{
	const struct worker *w = r->server->workers;
	const struct worker *end = w + r->server->n_workers;

	while (w < end && *w->configure_errors[part].text == '\0')
		w++;
	return w < end ? w->configure_errors[part].text : NULL;
}

static void
report_part(struct reload *r, enum worker_part part)
{
	const char *error = error_of(r, part);

	if (error != NULL)
		report_error(&r->report, "the %s stay as they were: %s", worker_parts[part], error);
}

/* What is different from what was in effect, since it is in effect. */
static void
report_effect(struct reload *r, enum reload_part part)
{
	struct visit now = { r, false, part };

	config_compare(r->effective[part], r->in_use, on_change, &now);
	config_unref(r->effective[part]);
	r->effective[part] = config_ref(r->in_use);
}

static void
report_taken(struct reload *r)
{
	r->must_tell = false;
	if (error_of(r, WORKER_SOURCES) == NULL)
		report_effect(r, RELOAD_SOURCES);
	if (r->instances.rc == HSW_OK)
		report_effect(r, RELOAD_INSTANCES);
	log_info("config", "read again changed=%s restart_needed=%s",
		r->report.n_now > 0 ? "yes" : "no", r->report.n_restart > 0 ? "yes" : "no");
}

static void
report_websockets(struct reload *r)
{
	const struct buf *names = &r->instances.kept_websockets;

	for (size_t at = 0; !names->failed && at < names->len; at += strlen(names->data + at) + 1)
		report_kept(&r->report, names->data + at);
}

static void
finish(struct reload *r)
{
	for (int i = 0; i < WORKER_PARTS; i++)
		report_part(r, i);
	if (r->instances.rc != HSW_OK)
		report_error(
			&r->report, "the instances stay as they were: %s", r->instances.error.text);
	report_websockets(r);
	sinks_report(&r->sinks, &r->report);
	notify_send("READY=1");
	control_reload_answer(r->asking, &r->report);
	r->asking = NULL;
	r->is_running = false;
}

void
reload_run(struct reload *r)
{
	r->is_wanted = true;
	reload_go_on(r);
}

bool
reload_is_busy(const struct reload *r)
{
	return r->is_wanted || r->is_running;
}

void
reload_go_on(struct reload *r)
{
	if (!reload_is_busy(r) || are_parts_changing(r))
		return;
	if (r->must_tell)
		report_taken(r);
	if (sinks_are_changing(&r->sinks))
		return;
	if (r->is_running)
		finish(r);
	if (!r->is_wanted)
		return;
	r->is_wanted = false;
	r->is_running = true;
	r->asking = mailbox_take(&r->server->reloads);
	notify_send("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_mono_ms() * 1000);
	read_again(r);
}

void
reload_refuse(struct reload *r)
{
	control_reload_refuse(r->asking);
	r->asking = NULL;
	control_reload_refuse(mailbox_take(&r->server->reloads));
}

void
reload_fini(struct reload *r)
{
	config_unref(r->in_use);
	r->in_use = NULL;
	for (int i = 0; i < RELOAD_PARTS; i++)
		config_unref(r->effective[i]);
	report_clear(&r->report);
	instances_fini(&r->instances);
	sinks_fini(&r->sinks);
}
