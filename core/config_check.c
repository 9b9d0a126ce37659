/* SPDX-License-Identifier: Apache-2.0 */
/* config_check.c - what must hold beyond single keys, see config_impl.h. */
#include "config_impl.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "config_listen.h"
#include "envelope.h"
#include "option.h"
#include "origin.h"
#include "policy.h"
#include "signing.h"

#define OPTION_KEY_SIZE 64 /* longer than any key */

static void
fail_text(void *arg, const char *key, const char *why)
{
	config_fail_key(arg, key, "%s", why);
}

void
config_check_server(struct config *c, struct loader *l, enum config_scope scope)
{
	struct server_conf *s = &c->server;
	char *end = NULL;
	const char *key = getenv("ENCRYPTION_KEY");

	if (s->encryption_key == NULL && key != NULL && *key != '\0')
		s->encryption_key = strdup(key);
	if (s->workers_text != NULL && strcmp(s->workers_text, "auto") != 0) {
		s->workers = strtoll(s->workers_text, &end, 10);
		if (*end != '\0' || s->workers < 1 || s->workers > 64)
			config_fail_key(l, "workers", "found `%.40s`, expected auto or 1 to 64",
				s->workers_text);
	}
	struct hsw_error why = { "" };
	if (s->notify_secret != NULL &&
		signing_check("notify_secret", s->notify_secret, &why) != HSW_OK)
		config_fail_key(l, "notify_secret", "%s", why.text + strlen("notify_secret: "));
	config_listen_check(s, scope == CONFIG_CHECK, fail_text, l);
	if (s->base_url != NULL || s->listen == NULL)
		return;
	c->private->derived_base_url = config_listen_url(s);
	s->base_url = c->private->derived_base_url;
}

/* "10.0.0.0/8", "fd00::1" */
static bool
is_network(const char *text)
{
	char address[INET6_ADDRSTRLEN];
	unsigned char bytes[16];
	size_t len = strcspn(text, "/"), digits = text[len] == '/' ? strlen(text + len + 1) : 0;

	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	int most = inet_pton(AF_INET, address, bytes) == 1 ? 32
		: inet_pton(AF_INET6, address, bytes) == 1 ? 128
							   : -1;
	if (most < 0 || text[len] == '\0')
		return most >= 0;
	return digits > 0 && digits <= 3 && strspn(text + len + 1, "0123456789") == digits &&
		strtol(text + len + 1, NULL, 10) <= most;
}

static void
check_networks(struct loader *l, const char **list)
{
	for (; list != NULL && *list != NULL; list++) {
		if (strcmp(*list, "any") != 0 && strcmp(*list, "none") != 0 && !is_network(*list))
			config_fail_key(l, "allow_private",
				"found `%.60s`, expected networks such as 10.0.0.0/8, any or none",
				*list);
	}
}

void
config_check_origins(struct loader *l, const char **list)
{
	for (; list != NULL && *list != NULL; list++) {
		const char *problem = strcmp(*list, "*") != 0 ? origin_problem(*list) : NULL;
		if (problem != NULL)
			config_fail_key(l, "origins",
				"found `%.100s`, expected scheme://host[:port] or *: %s", *list,
				problem);
	}
}

int64_t
config_check_rate(struct loader *l, const char *key, const char *text)
{
	char *end = NULL;

	if (text == NULL || strcmp(text, "none") == 0)
		return 0;
	long long n = strtoll(text, &end, 10);
	if (end != text && strcmp(end, "/min") == 0 && n > 0 && n <= 1000000)
		return n;
	config_fail_key(l, key,
		"found `%.40s`, expected a number and /min, such as 100/min, or none", text);
	return 0;
}

void
config_check_api(struct config *c, struct loader *l)
{
	struct api_conf *a = &c->api;

	a->rate_limit = config_check_rate(l, "rate_limit", a->rate_limit_text);
	a->instance_rate_limit = config_check_rate(
		l, "instance_rate_limit", a->instance_rate_limit_text);
	check_networks(l, a->allow_private);
	if (a->account_token != NULL && *a->account_token == '\0')
		config_fail_key(l, "account_token", "is empty");
}

static bool
has_instance(const struct config *c, const char *name)
{
	const struct config_section *s = c->instances;

	while (s != NULL && strcmp(s->name, name) != 0)
		s = s->next;
	return s != NULL || (c->ingest.auto_create && config_name_is_valid(str_of(name)));
}

void
config_check_events(struct loader *l, const char *key, const char **names, bool may_be_raw)
{
	for (const char **name = names; name != NULL && *name != NULL; name++) {
		const char *nearest = nearest_word(
			(const char *const[]){ event_type_names[0], event_type_names[1],
				event_type_names[2], event_type_names[3], event_type_names[4],
				event_type_names[5], may_be_raw ? "raw" : NULL, NULL },
			*name);
		bool is_raw = may_be_raw && strcmp(*name, "raw") == 0;
		if (event_type_of(str_of(*name)) < 0 && !is_raw)
			config_fail_key(l, key, "`%.60s` is no event type%s%s%s", *name,
				nearest != NULL ? ", did you mean `" : "",
				nearest != NULL ? nearest : "", nearest != NULL ? "`?" : "");
	}
}

static void
check_filters(struct loader *l, const struct sink_conf *conf)
{
	config_check_events(l, "events", conf->events, true);
	for (const char **name = conf->instances; name != NULL && *name != NULL; name++) {
		if (!has_instance(l->config, *name))
			config_fail_key(l, "instances", "there is no [instance %.100s]", *name);
	}
}

size_t
config_gathers(const struct config_section *s)
{
	const struct hsw_sink_ops *ops = &s->plugin->ops.sink;

	return ops->gathers != NULL && s->conf != NULL ? ops->gathers(s->conf) : 0;
}

/* A request is never full of more events than may be in flight. */
static void
check_gathering(struct loader *l, const struct config_section *s)
{
	const struct sink_conf *c = &s->u.sink;
	int64_t events = (int64_t)config_gathers(s);

	if (events > 1 && c->ordering == ORDERING_STRICT)
		config_fail_key(
			l, "ordering", "strict is one at a time: no batch would ever have more");
	else if (c->concurrency > 0 && c->concurrency < events)
		config_fail_key(l, "concurrency", "%lld can never fill a batch of %lld",
			(long long)c->concurrency, (long long)events);
}

/* Options that would be taken and do nothing are mistakes. */
static void
check_sense(struct loader *l, const struct config_section *s)
{
	static const struct {
		const char *key;
		unsigned not_with, only_with; /* flags of the sink */
		const char *why;
	} rules[] = {
		{ "ordering", HSW_SINK_SERIAL, 0, "which writes in order by itself" },
		{ "concurrency", HSW_SINK_SERIAL, 0, "which writes in order by itself" },
		{ "retry_on", 0, HSW_SINK_STATUSES, "which gets no statuses" },
		{ "drop_on", 0, HSW_SINK_STATUSES, "which gets no statuses" },
		{ "retry_after_max", 0, HSW_SINK_STATUSES, "which gets no statuses" },
	};
	unsigned flags = s->plugin->ops.sink.flags;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		bool is_sense = (flags & rules[i].not_with) == 0 &&
			(flags & rules[i].only_with) == rules[i].only_with;
		if (!is_sense && config_find_entry(l->section, rules[i].key) != NULL)
			config_fail_key(l, rules[i].key, "has no meaning for sink-%s, %s",
				s->plugin->info->name, rules[i].why);
	}
	if (s->u.sink.policy == POLICY_EAZEWA && !(flags & HSW_SINK_STATUSES))
		config_fail_key(l, "policy",
			"eazewa has no meaning for sink-%s, which gets no statuses",
			s->plugin->info->name);
	if (s->u.sink.ordering == ORDERING_STRICT &&
		config_find_entry(l->section, "concurrency") != NULL)
		config_fail_key(l, "concurrency",
			"has no meaning with ordering = strict, which is one at a time");
	check_gathering(l, s);
	if (s->u.sink.retry_steps == 0 && config_find_entry(l->section, "retry_on") != NULL)
		config_fail_key(l, "retry_on", "has no meaning with retry = never");
	if (s->u.sink.retry_steps == 0 && config_find_entry(l->section, "retry_after_max") != NULL)
		config_fail_key(l, "retry_after_max", "has no meaning with retry = never");
}

static void
fail_plugin(void *arg, const char *text)
{
	struct loader *l = arg;
	char key[OPTION_KEY_SIZE];
	size_t len = strcspn(text, ":");
	bool has_key = len < sizeof(key) && strncmp(text + len, ": ", 2) == 0;

	snprintf(key, sizeof(key), "%.*s", has_key ? (int)len : 0, text);
	if (option_find(l->plugin, key) != NULL || option_find(l->core, key) != NULL)
		config_fail_key(l, key, "%s", text + len + 2);
	else
		config_error(l->errors, l->section->file, l->section->line, SECTION_FORM ": %s",
			SECTION_ARGS(l->section), text);
}

void
config_check_plugin(struct loader *l, config_check_fn *check, config_check_each_fn *check_each,
	const void *conf)
{
	struct hsw_error why = { "" };
	size_t before = l->errors->count;

	if (check_each != NULL)
		check_each(conf, fail_plugin, l);
	if (l->errors->count == before && check != NULL && check(conf, &why) != HSW_OK)
		fail_plugin(l, why.text);
}

/* NULL: it is not set, or may become something else in each section. */
static const char *
text_alone(const struct hsw_option *o, const void *conf)
{
	const char *text = *(const char *const *)((const char *)conf + o->offset);

	return text != NULL && strchr(text, '%') == NULL ? text : NULL;
}

static void
check_alone(struct loader *l, const struct config_section *s, const struct hsw_option *o)
{
	const char *text = text_alone(o, s->conf), *other_text;

	for (const struct config_section *other = l->config->sinks; other != NULL && text != NULL;
		other = other->next) {
		if (other == s || other->plugin != s->plugin)
			continue;
		other_text = text_alone(o, other->conf);
		if (other_text != NULL && strcmp(text, other_text) == 0)
			config_fail_key(l, o->key,
				"is that of [sink %s], too: they would be in each other's way",
				other->name);
	}
}

void
config_check_others(struct loader *l, const struct config_section *s)
{
	for (const struct hsw_option *o = l->plugin; o != NULL && o->key != NULL; o++) {
		if (o->flags & HSW_OPT_ALONE)
			check_alone(l, s, o);
	}
}

void
config_check_sink(struct loader *l, struct config_section *s)
{
	if (s->plugin->ops.sink.flags & HSW_SINK_LIVE)
		config_fail_key(l, "plugin",
			"sink-%s serves clients that connect: its section is [websocket]",
			s->plugin->info->name);
	policy_read(&s->u.sink, fail_text, l);
	check_sense(l, s);
	check_filters(l, &s->u.sink);
}

unsigned
config_sink_parts(const struct sink_conf *c)
{
	return (c->media_base64 ? HSW_MEDIA : 0u) | (c->token ? HSW_TOKEN : 0u) |
		(c->raw ? HSW_RAW : 0u) | (c->secrets == SECRETS_YES ? HSW_CODES | HSW_KEYS : 0u);
}

void
config_check_parts(struct loader *l, const struct config_section *s)
{
	const struct hsw_sink_ops *ops = &s->plugin->ops.sink;

	if (ops->check_parts != NULL)
		ops->check_parts(s->conf, config_sink_parts(&s->u.sink), fail_plugin, l);
}
