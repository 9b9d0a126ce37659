/* SPDX-License-Identifier: Apache-2.0 */
/* webhook_section.c - the sink of the webhooks that the API made: see webhook.h. */
#include "webhook.h"

#include <stdio.h>
#include <stdlib.h>

#include "err.h"
#include "option.h"

#define TIMEOUT_MS 5000
#define PROBE_INTERVAL_MS 5000
#define ASKED_FOR_MAX_MS 3600000 /* Retry-After */
#define FAILURES_TO_OPEN 10
#define MAX_RETRYING 10000
#define NO_NETWORK "none" /* of sink-webhook */

static const int64_t retry_ms[] = { 1000, 15000, 240000, 3600000 };

static bool
is_never_set(void *arg, const char *key)
{
	(void)arg;
	(void)key;
	return false;
}

static void *
new_conf(const struct plugin *plugin)
{
	const struct hsw_plugin *info = plugin->info;
	void *conf = calloc(1, info->conf_size);

	if (conf == NULL || option_defaults(info->options, conf, is_never_set, NULL) == HSW_OK)
		return conf;
	option_free(info->options, conf);
	free(conf);
	return NULL;
}

static void
free_conf(const struct plugin *plugin, void *conf)
{
	if (conf != NULL)
		option_free(plugin->info->options, conf);
	free(conf);
}

/* NULL: out of memory. */
static char *
print_networks(const char *const *networks)
{
	struct buf text = BUF_INIT;

	for (size_t i = 0; networks != NULL && networks[i] != NULL; i++)
		buf_printf(&text, "%s%s", i > 0 ? "," : "", networks[i]);
	if (text.len == 0)
		buf_str(&text, NO_NETWORK);
	buf_append(&text, "", 1);
	if (!text.failed)
		return text.data;
	buf_free(&text);
	return NULL;
}

static int
set_networks(
	const struct plugin *plugin, void *conf, const struct config *config, struct hsw_error *err)
{
	const struct hsw_option *o = option_find(plugin->info->options, "allow_private");

	if (o == NULL)
		return err_set(err, HSW_ENOTSUP, "allow_private: the webhook sink cannot do that");
	char *networks = print_networks(config->api.allow_private);
	int rc = networks != NULL ? option_set_plain(o, conf, networks, err)
				  : err_set(err, HSW_ENOMEM, "out of memory");
	free(networks);
	return rc;
}

int
webhook_sink_copy(struct webhook_sink *out, const struct webhook_sink *s,
	const struct config *config, struct hsw_error *err)
{
	*out = (struct webhook_sink){ .plugin = s->plugin, .https_only = config->api.https_only };
	if (s->plugin == NULL)
		return HSW_OK;
	out->conf = new_conf(s->plugin);
	if (out->conf == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	return set_networks(out->plugin, out->conf, config, err);
}

int
webhook_sink_init(struct webhook_sink *s, const struct config *config, struct hsw_error *err)
{
	const struct webhook_sink all = { .plugin = plugin_load(config->server.plugin_dir, HSW_SINK,
						  "webhook", err) };

	return all.plugin != NULL ? webhook_sink_copy(s, &all, config, err) : HSW_ENOENT;
}

void
webhook_sink_fini(struct webhook_sink *s)
{
	if (s->plugin != NULL)
		free_conf(s->plugin, s->conf);
	s->conf = NULL;
}

static const struct hsw_option *
find_option(const struct webhook_sink *s, const char *key)
{
	const struct hsw_option *o = option_find(s->plugin->info->options, key);
	return o != NULL && (o->flags & HSW_OPT_PER_TARGET) ? o : NULL;
}

static int
set_option(const struct webhook_sink *s, void *conf, const char *key, const char *field,
	const char *text, struct hsw_error *err)
{
	const struct hsw_option *o = find_option(s, key);
	struct hsw_error why = { "" };

	if (text == NULL)
		return HSW_OK;
	if (o == NULL)
		return err_set(err, HSW_ENOTSUP, "%s: the webhook sink cannot do that", field);
	int rc = option_set_plain(o, conf, text, &why);
	return rc == HSW_OK ? HSW_OK : err_set(err, rc, "%s: %s", field, why.text);
}

static int
set_options(
	const struct webhook_sink *s, const struct webhook *w, void *conf, struct hsw_error *err)
{
	int rc = set_option(s, conf, "url", "url", w->url, err);

	if (rc == HSW_OK)
		rc = set_option(s, conf, "authorization", "authorization", w->authorization, err);
	if (rc == HSW_OK)
		rc = set_option(s, conf, "headers", "headers", w->headers, err);
	if (rc == HSW_OK)
		rc = set_option(s, conf, "secret", "secret", w->secret, err);
	if (rc == HSW_OK)
		rc = set_option(s, conf, "secret_old", "secret_old", w->secret_old, err);
	if (rc == HSW_OK)
		rc = set_option(s, conf, "format", "format", w->format, err);
	if (rc == HSW_OK && w->by_events)
		rc = set_option(
			s, conf, "by_events", "byEvents", w->is_dashed ? "dashed" : "dotted", err);
	return rc;
}

int
webhook_sink_init_notices(
	struct webhook_sink *s, const struct server_conf *conf, struct hsw_error *err)
{
	if (conf->notify_url == NULL)
		return HSW_OK;
	const struct plugin *plugin = plugin_load(conf->plugin_dir, HSW_SINK, "webhook", err);
	if (plugin == NULL)
		return HSW_ENOENT;
	s->plugin = plugin;
	s->conf = new_conf(plugin);
	if (s->conf == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	int rc = set_option(s, s->conf, "url", "notify_url", conf->notify_url, err);
	if (rc == HSW_OK)
		rc = set_option(s, s->conf, "secret", "notify_secret", conf->notify_secret, err);
	return rc;
}

/* What every sink has; RyzeAPI's receivers expect the token, and the schedule is in its contract. */
static void
set_sink(struct webhook_section *s, const struct webhook *w)
{
	struct sink_conf *c = &s->section.u.sink;
	const size_t steps = sizeof(retry_ms) / sizeof(retry_ms[0]);

	for (size_t i = 0; i < w->events.n; i++)
		s->events[i] = event_type_names[w->events.types[i]];
	s->instances[0] = s->instance;
	*c = (struct sink_conf){
		.plugin = "webhook",
		.events = s->events,
		.instances = s->instances,
		.media_base64 = w->media_base64,
		.token = true,
		.secrets = SECRETS_AUTO,
		.ordering = ORDERING_CHAT,
		.failures_to_open = FAILURES_TO_OPEN,
		.timeout_ms = TIMEOUT_MS,
		.retry_steps = steps,
		.retry_after_max_ms = ASKED_FOR_MAX_MS,
		.probe_interval_ms = PROBE_INTERVAL_MS,
		.max_retrying = MAX_RETRYING,
		.only = w->only,
	};
	memcpy(c->retry_ms, retry_ms, sizeof(retry_ms));
}

struct webhook_section *
webhook_section_new(const struct webhook_sink *sink, struct hsw_str instance,
	const struct webhook *w, struct hsw_error *err)
{
	struct webhook_section *s = NULL;

	if (sink->plugin == NULL) {
		err_set(err, HSW_ENOTSUP, "the webhook sink is not installed");
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (s != NULL) {
		s->section.plugin = sink->plugin;
		s->is_undecryptable = webhook_undecryptable(w) != 0;
		s->set_ms = w->set_ms;
		if (w->disabled_reason != NULL)
			s->disabled_reason = strdup(w->disabled_reason);
		s->instance = strndup(instance.s, instance.len);
		s->conf = new_conf(sink->plugin);
		if (asprintf(&s->name, "%.*s/%s", (int)instance.len, instance.s, w->label) < 0)
			s->name = NULL;
	}
	bool is_short = s == NULL || (w->disabled_reason != NULL && s->disabled_reason == NULL);
	if (is_short || s->instance == NULL || s->conf == NULL || s->name == NULL) {
		webhook_section_free(s);
		err_set(err, HSW_ENOMEM, "out of memory");
		return NULL;
	}
	s->section.name = s->name;
	s->section.file = "the API";
	s->section.conf = s->conf;
	if (set_options(sink, w, s->conf, err) != HSW_OK) {
		webhook_section_free(s);
		return NULL;
	}
	set_sink(s, w);
	return s;
}

int
webhook_section_check(struct webhook_section *s, const struct config *config, struct hsw_error *err)
{
	const struct hsw_sink_ops *ops = &s->section.plugin->ops.sink;
	int rc = set_networks(s->section.plugin, s->conf, config, err);

	return rc == HSW_OK && ops->check != NULL ? ops->check(s->conf, err) : rc;
}

void
webhook_section_follow(struct webhook_section *s, const struct webhook_sink *sink)
{
	const struct hsw_option *o = find_option(sink, "https_only");

	if (o != NULL)
		*(bool *)((char *)s->conf + o->offset) = sink->https_only;
}

static const char *
url_of(const struct webhook_section *s)
{
	const struct hsw_option *o = option_find(s->section.plugin->info->options, "url");

	return o != NULL ? *(const char *const *)((const char *)s->conf + o->offset) : NULL;
}

bool
webhook_section_is_elsewhere(const struct webhook_section *a, const struct webhook_section *b)
{
	return !text_equal(url_of(a), url_of(b));
}

void
webhook_section_free(struct webhook_section *s)
{
	if (s == NULL)
		return;
	free_conf(s->section.plugin, s->conf);
	free(s->disabled_reason);
	free(s->name);
	free(s->instance);
	free(s);
}
