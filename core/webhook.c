/* SPDX-License-Identifier: Apache-2.0 */
/* webhook.c - see webhook.h. */
#include "webhook.h"

#include <stdio.h>
#include <stdlib.h>

#include "err.h"
#include "option.h"
#include "router.h"

#define TIMEOUT_MS 5000
#define PROBE_INTERVAL_MS 5000
#define FAILURES_TO_OPEN 10
#define MAX_RETRYING 10000
#define FORMAT_RAW "raw" /* of sink-webhook */

static const int64_t retry_ms[] = { 1000, 15000, 240000, 3600000 };

struct webhook *
webhook_new(struct hsw_str label)
{
	struct webhook *w = calloc(1, sizeof(*w));

	if (w != NULL && (w->label = strndup(label.s, label.len)) != NULL)
		return w;
	free(w);
	return NULL;
}

void
webhook_free(struct webhook *w)
{
	if (w == NULL)
		return;
	free(w->label);
	free(w->url);
	free(w->authorization);
	free(w->secret);
	free(w->headers);
	free(w->format);
	free(w->sealed_authorization);
	free(w->aliases);
	free(w);
}

void
event_list_all(struct event_list *l)
{
	for (l->n = 0; l->n < TYPE_COUNT; l->n++)
		l->types[l->n] = (unsigned char)l->n;
}

void
event_list_of(struct event_list *l, const char **names)
{
	unsigned seen = 0;

	l->n = 0;
	for (; *names != NULL; names++) {
		int type = event_type_of(str_of(*names));
		if (type < 0 || (seen & 1u << type) != 0)
			continue;
		seen |= 1u << type;
		l->types[l->n++] = (unsigned char)type;
	}
}

unsigned
event_list_bits(const struct event_list *l)
{
	unsigned bits = 0;

	for (size_t i = 0; i < l->n; i++)
		bits |= 1u << l->types[i];
	return bits;
}

unsigned
webhook_raw_types(const struct webhook *w)
{
	bool is_raw = w->enabled && w->format != NULL && strcmp(w->format, FORMAT_RAW) == 0;
	return is_raw ? event_list_bits(&w->events) : 0;
}

void
event_list_print(const struct event_list *l, struct buf *out)
{
	buf_str(out, "[");
	for (size_t i = 0; i < l->n; i++)
		buf_printf(out, "%s\"%s\"", i > 0 ? "," : "", event_type_names[l->types[i]]);
	buf_str(out, "]");
}

static void
print_text(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	buf_json_cstr(out, text != NULL ? text : "");
}

void
webhook_print(const struct webhook *w, struct buf *out)
{
	buf_str(out, "{\"label\":");
	buf_json_cstr(out, w->label);
	buf_printf(out, ",\"enabled\":%s", w->enabled ? "true" : "false");
	print_text(out, "url", w->url);
	print_text(out, "authorization",
		w->authorization != NULL ? w->authorization : w->sealed_authorization);
	buf_printf(out, ",\"byEvents\":%s,\"events\":", w->by_events ? "true" : "false");
	event_list_print(&w->events, out);
	buf_printf(out, ",\"mediaBase64\":%s", w->media_base64 ? "true" : "false");
	if (w->only != ONLY_ALL)
		print_text(out, "only", router_only_name(w->only));
	buf_str(out, "}");
}

/* ---- the sink ---- */

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

/* Lists are set as text. */
static int
set_networks(struct webhook_sink *s, const char *const *networks, struct hsw_error *err)
{
	const struct hsw_option *o = option_find(s->plugin->info->options, "allow_private");
	struct buf text = BUF_INIT;
	int rc = HSW_ENOMEM;

	if (o == NULL)
		return err_set(err, HSW_ENOTSUP, "allow_private: the webhook sink cannot do that");
	for (size_t i = 0; networks != NULL && networks[i] != NULL; i++)
		buf_printf(&text, "%s%s", i > 0 ? "," : "", networks[i]);
	buf_append(&text, "", 1);
	if (!text.failed)
		rc = option_set_plain(o, s->conf, text.data, err);
	buf_free(&text);
	return rc == HSW_ENOMEM ? err_set(err, rc, "out of memory") : rc;
}

int
webhook_sink_init(struct webhook_sink *s, const struct config *config, struct hsw_error *err)
{
	s->plugin = plugin_load(config->server.plugin_dir, HSW_SINK, "webhook", err);
	if (s->plugin == NULL)
		return HSW_ENOENT;
	s->conf = new_conf(s->plugin);
	if (s->conf == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	return set_networks(s, config->api.allow_private, err);
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
		s->is_undecryptable = w->is_undecryptable;
		s->instance = strndup(instance.s, instance.len);
		s->conf = new_conf(sink->plugin);
		if (asprintf(&s->name, "%.*s/%s", (int)instance.len, instance.s, w->label) < 0)
			s->name = NULL;
	}
	if (s == NULL || s->instance == NULL || s->conf == NULL || s->name == NULL) {
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

void
webhook_section_free(struct webhook_section *s)
{
	if (s == NULL)
		return;
	free_conf(s->section.plugin, s->conf);
	free(s->name);
	free(s->instance);
	free(s);
}
