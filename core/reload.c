/* SPDX-License-Identifier: Apache-2.0 */
/* reload.c - see reload.h. */
#include "reload.h"

#include <stdlib.h>
#include <string.h>

#include "claim.h"
#include "log.h"

/* What was found different, against what is in use. */
struct outcome {
	unsigned now, restarts;
};

/* What changes while the daemon runs. */
static const struct {
	const char *kind, *key; /* key: NULL: all, and the section as a whole */
} at_once[] = {
	{ "source", NULL },
	{ "sink", NULL },
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
	{ "store", "retention" },
	{ "api", "account_token" },
	{ "api", "rate_limit" },
	{ "api", "instance_rate_limit" },
	{ "api", "max_webhooks" },
	{ "api", "https_only" },
	{ "websocket", "origins" },
};

static bool
is_key(const struct config_change *c, const char *kind, const char *key)
{
	return strcmp(c->kind, kind) == 0 && c->key != NULL && strcmp(c->key, key) == 0;
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
	for (size_t i = 0; i < sizeof(at_once) / sizeof(at_once[0]); i++) {
		if (at_once[i].key == NULL ? strcmp(c->kind, at_once[i].kind) == 0
					   : is_key(c, at_once[i].kind, at_once[i].key))
			return true;
	}
	return false;
}

struct visit {
	const struct reload *reload;
	struct outcome *outcome;
	bool of_restart; /* which half of the changes is looked at */
};

static void
log_change(const struct config_change *c, const char *when)
{
	static const char *const words[] = { "added", "removed", "changed" };

	log_info("config", "[%s%s%s] %s%s%s: %s", c->kind, c->name != NULL ? " " : "",
		c->name != NULL ? c->name : "", c->key != NULL ? c->key : "",
		c->key != NULL ? " " : "", words[c->what], when);
}

static void
on_change(void *arg, const struct config_change *c)
{
	const struct visit *v = arg;
	bool is_now = is_applied(v->reload, c);

	if (v->of_restart == is_now)
		return;
	if (is_now)
		v->outcome->now++;
	else
		v->outcome->restarts++;
	log_change(c, is_now ? "takes effect now" : "takes effect with a restart");
}

/* Connections that are open keep the old certificate. */
static void
apply_tls(struct server *s, const struct server_conf *conf)
{
	struct hsw_error err = { "" };

	if (s->tls == NULL || conf->tls_cert == NULL || conf->tls_key == NULL)
		return;
	struct tls *tls = tls_open(conf->tls_cert, conf->tls_key, &err);
	if (tls == NULL) {
		log_error("server", "the old TLS certificate stays in use: %s", err.text);
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
	apply_tls(s, &c->server);
	ratelimit_set(s->rate, c->api.rate_limit);
	ratelimit_set(s->instance_rate, c->api.instance_rate_limit);
	apply_retention(s, c);
	for (unsigned i = 0; i < s->n_workers; i++)
		worker_configure(&s->workers[i], c);
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
	struct outcome o = { .restarts = 0 };
	struct visit now = { r, &o, false }, later = { r, &o, true };
	const struct config *before = r->in_use;

	config_compare(before, fresh, on_change, &now);
	config_compare(r->server->config, fresh, on_change, &later);
	r->in_use = fresh;
	apply(r, before, fresh);
	config_unref(before);
	warn_of_status_order(r);
	log_info("config", "read again changed=%s restart_needed=%s", o.now > 0 ? "yes" : "no",
		o.restarts > 0 ? "yes" : "no");
}

static void
read_again(struct reload *r)
{
	struct config_errors errors = { .count = 0 };
	struct config *fresh = config_load(r->server->config->path, CONFIG_CHECK, &errors);

	for (size_t i = 0; i < errors.count && i < CONFIG_ERRORS_MAX; i++)
		log_error("config", "%s", errors.text[i]);
	if (fresh != NULL) {
		take(r, fresh);
	} else {
		log_error("config", "the running configuration stays in use errors=%zu",
			errors.count);
		/* A certificate that was renewed must not wait for somebody to mend the file. */
		apply_tls(r->server, &r->in_use->server);
	}
	config_errors_free(&errors);
}

int
reload_init(struct reload *r, struct server *s)
{
	*r = (struct reload){ .server = s, .in_use = config_ref(s->config) };
	return sinks_init(&r->sinks, s);
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
	return r->is_wanted;
}

void
reload_go_on(struct reload *r)
{
	if (!r->is_wanted || sinks_are_changing(&r->sinks))
		return;
	r->is_wanted = false;
	read_again(r);
}

void
reload_fini(struct reload *r)
{
	config_unref(r->in_use);
	r->in_use = NULL;
	sinks_fini(&r->sinks);
}
