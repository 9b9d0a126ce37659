/* SPDX-License-Identifier: Apache-2.0 */
/* reload.c - see reload.h. */
#include "reload.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"

/* What was found different, against what is in use. */
struct outcome {
	bool sources, log, tls;
	unsigned restarts;
};

static const struct config *
config_in_use(const struct reload *r)
{
	return r->n_kept > 0 ? r->kept[r->n_kept - 1] : r->server->config;
}

static bool
is_key(const struct config_change *c, const char *kind, const char *key)
{
	return strcmp(c->kind, kind) == 0 && c->key != NULL && strcmp(c->key, key) == 0;
}

/* Without a listener for TLS there is nobody to give a certificate to; what status_order needs is made at the
 * start. */
static bool *
applied_by(const struct reload *r, struct outcome *o, const struct config_change *c)
{
	const struct server *s = r->server;

	if (strcmp(c->kind, "source") == 0 &&
		(s->statuses != NULL || !is_key(c, "source", "status_order")))
		return &o->sources;
	if (is_key(c, "log", "level") || is_key(c, "log", "format"))
		return &o->log;
	if (s->tls != NULL && (is_key(c, "server", "tls_cert") || is_key(c, "server", "tls_key")))
		return &o->tls;
	return NULL;
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
	bool *applied = applied_by(v->reload, v->outcome, c);

	if (v->of_restart != (applied == NULL))
		return;
	if (applied != NULL)
		*applied = true;
	else
		v->outcome->restarts++;
	log_change(c, applied != NULL ? "takes effect now" : "takes effect with a restart");
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

/* false: out of memory. */
static bool
keep(struct reload *r, struct config *fresh)
{
	struct config **grown = realloc(r->kept, (r->n_kept + 1) * sizeof(grown[0]));

	if (grown == NULL)
		return false;
	r->kept = grown;
	r->kept[r->n_kept++] = fresh;
	return true;
}

/* Sources are opened again even when their sections are the same: the files that they read, such as maps,
 * may have changed. */
static void
apply(struct reload *r, const struct config *c)
{
	struct server *s = r->server;

	log_adjust((enum hsw_log_level)c->log.level, (enum log_format)c->log.format);
	apply_tls(s, &c->server);
	for (unsigned i = 0; i < s->n_workers; i++)
		worker_set_sources(&s->workers[i], c->sources);
}

/* A new source's status_order is no change of a key. */
static void
warn_of_status_order(const struct reload *r)
{
	for (const struct config_section *s = config_in_use(r)->sources;
		s != NULL && r->server->statuses == NULL; s = s->next) {
		if (s->u.source.status_order == STATUS_MONOTONIC)
			log_warn("config", "[source %s] status_order takes effect with a restart",
				s->name);
	}
}

static void
take(struct reload *r, struct config *fresh)
{
	struct outcome o = { .restarts = 0 };
	struct visit now = { r, &o, false }, later = { r, &o, true };

	config_compare(config_in_use(r), fresh, on_change, &now);
	config_compare(r->server->config, fresh, on_change, &later);
	bool is_changed = o.sources || o.log || o.tls;
	if (!is_changed || !keep(r, fresh)) {
		if (is_changed)
			log_error(
				"config", "out of memory: the running configuration stays in use");
		config_free(fresh);
	}
	apply(r, config_in_use(r));
	warn_of_status_order(r);
	log_info("config", "read again changed=%s restart_needed=%s", is_changed ? "yes" : "no",
		o.restarts > 0 ? "yes" : "no");
}

void
reload_run(struct reload *r)
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
		apply_tls(r->server, &config_in_use(r)->server);
	}
	config_errors_free(&errors);
}

void
reload_fini(struct reload *r)
{
	for (size_t i = 0; i < r->n_kept; i++)
		config_free(r->kept[i]);
	free(r->kept);
	*r = (struct reload){ .n_kept = 0 };
}
