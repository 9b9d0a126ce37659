/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c - see config.h. First the INI files are read whole, then the sections in the order in which
 * they depend on each other: [server] says where plugins are, [ingest] and [instance] what sinks may name.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "envelope.h"
#include "config_listen.h"
#include "config_tokens.h"
#include "ini.h"
#include "option.h"
#include "origin.h"
#include "policy.h"

const char *const config_default_path = SYSCONF_DIR "/hookswitch/hookswitch.ini";

struct config_private {
	_Atomic unsigned refs;
	struct ini ini;
	void *store_conf, *websocket_conf;
	char *derived_base_url;
};

#define OPTION_KEY_SIZE 64 /* longer than any key */

/* What the loading of one section needs. */
struct loader {
	struct config *config;
	struct config_errors *errors;
	const struct ini_section *section;
	const struct hsw_option *core, *plugin; /* its tables; plugin may be NULL */
};

#define SECTION_FORM "[%s%s%s]"
#define SECTION_ARGS(s) (s)->kind, (s)->name != NULL ? " " : "", (s)->name != NULL ? (s)->name : ""

bool
config_name_is_valid(struct hsw_str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.s[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
			c != '_' && c != '-')
			return false;
	}
	return name.len > 0 && name.len <= CONFIG_NAME_MAX;
}

/* ---- one section ---- */

static struct ini_entry *
find_entry(const struct ini_section *s, const char *key)
{
	struct ini_entry *e = s != NULL ? s->entries : NULL;

	while (e != NULL && strcmp(e->key, key) != 0)
		e = e->next;
	return e;
}

static bool
is_set(void *arg, const char *key)
{
	const struct loader *l = arg;
	return find_entry(l->section, key) != NULL;
}

/* An error about a key, at its line, or at the section's where the key is missing. */
static void __attribute__((format(printf, 3, 4)))
fail_key(struct loader *l, const char *key, const char *fmt, ...)
{
	const struct ini_entry *e = find_entry(l->section, key);
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	config_error(l->errors, e != NULL ? e->file : l->section->file,
		e != NULL ? e->line : l->section->line, SECTION_FORM " %s: %s",
		SECTION_ARGS(l->section), key, text != NULL ? text : "out of memory");
	free(text);
}

static void
fail_unknown(struct loader *l, const struct ini_entry *e)
{
	const char *nearest = option_nearest(l->core, l->plugin, e->key);

	if (nearest != NULL)
		fail_key(l, e->key, "unknown key, did you mean `%s`?", nearest);
	else
		fail_key(l, e->key, "unknown key");
}

static void
set_key(struct loader *l, struct ini_entry *e, void *core_conf, void *plugin_conf)
{
	const struct hsw_option *o = option_find(l->core, e->key);
	void *conf = core_conf;
	struct hsw_error err = { "" };
	char *copy = strdup(e->file);

	if (o == NULL) {
		o = option_find(l->plugin, e->key);
		conf = plugin_conf;
	}
	if (o == NULL)
		fail_unknown(l, e);
	else if (copy == NULL || option_set(o, conf, e->value, dirname(copy), &err) != HSW_OK)
		fail_key(l, e->key, "%s", err.text);
	free(copy);
}

static void
require_keys(struct loader *l, const struct hsw_option *table)
{
	for (const struct hsw_option *o = table; o != NULL && o->key != NULL; o++) {
		if ((o->flags & HSW_OPT_REQUIRED) && find_entry(l->section, o->key) == NULL)
			fail_key(l, o->key, "is missing: %s", o->help);
	}
}

/* Fills both structs from the section. */
static void
load_keys(struct loader *l, void *core_conf, void *plugin_conf)
{
	for (struct ini_entry *e = l->section->entries; e != NULL; e = e->next)
		set_key(l, e, core_conf, plugin_conf);
	if (option_defaults(l->core, core_conf, is_set, l) != HSW_OK ||
		option_defaults(l->plugin, plugin_conf, is_set, l) != HSW_OK)
		config_error(l->errors, l->section->file, l->section->line, "out of memory");
	require_keys(l, l->core);
	require_keys(l, l->plugin);
}

static const struct ini_section *
find_section(const struct config *c, const char *kind)
{
	static const struct ini_section none = { .kind = "", .file = "" };
	const struct ini_section *s = c->private->ini.sections;

	while (s != NULL && strcmp(s->kind, kind) != 0)
		s = s->next;
	return s != NULL ? s : &none;
}

/* A section that there is once, or not at all: then it has its defaults. */
static struct loader
load_single(struct config *c, const char *kind, void *conf, struct config_errors *errors)
{
	struct loader l = { c, errors, find_section(c, kind), config_table(kind), NULL };

	load_keys(&l, conf, NULL);
	return l;
}

/* ---- plugins ---- */

static bool
keys_collide(struct loader *l, const struct plugin *plugin)
{
	for (const struct hsw_option *o = plugin->info->options; o != NULL && o->key != NULL; o++) {
		if (option_find(l->core, o->key) != NULL) {
			fail_key(l, "plugin", "%s: its option %s is the daemon's own", plugin->path,
				o->key);
			return true;
		}
	}
	return false;
}

/* Loads the section's plugin. NULL: the error is told, and the section's keys can't be checked. */
static const struct plugin *
load_plugin(struct loader *l, enum hsw_kind kind, const char *fallback)
{
	const struct ini_entry *e = find_entry(l->section, "plugin");
	const char *name = e != NULL ? e->value : fallback;
	struct hsw_error err = { "out of memory" };

	if (name == NULL) {
		fail_key(
			l, "plugin", "is missing: the name of a %s plugin", plugin_kind_name(kind));
		return NULL;
	}
	const struct plugin *plugin = plugin_load(l->config->server.plugin_dir, kind, name, &err);
	if (plugin == NULL)
		fail_key(l, "plugin", "%s", err.text);
	else if (!keys_collide(l, plugin))
		return plugin;
	return NULL;
}

static void *
new_plugin_conf(struct loader *l, const struct plugin *plugin)
{
	l->plugin = plugin->info->options;
	if (plugin->info->conf_size == 0)
		return NULL;
	return calloc(1, plugin->info->conf_size);
}

static void
load_store(struct config *c, struct config_errors *errors)
{
	struct loader l = { c, errors, find_section(c, "store"), config_table("store"), NULL };

	if (*l.section->kind == '\0') {
		config_error(errors, c->path, 0,
			"the section [store] is missing: it says where events are kept");
		return;
	}
	c->store_plugin = load_plugin(&l, HSW_STORE, "sqlite");
	if (c->store_plugin == NULL)
		return;
	c->private->store_conf = new_plugin_conf(&l, c->store_plugin);
	c->store_plugin_conf = c->private->store_conf;
	load_keys(&l, &c->store, c->private->store_conf);
}

/* ---- checks beyond single keys ---- */

static void
fail_listen(void *arg, const char *key, const char *why)
{
	fail_key(arg, key, "%s", why);
}

static void
check_server(struct config *c, struct loader *l, enum config_scope scope)
{
	struct server_conf *s = &c->server;
	char *end = NULL;
	const char *key = getenv("ENCRYPTION_KEY");

	if (s->encryption_key == NULL && key != NULL && *key != '\0')
		s->encryption_key = strdup(key);
	if (s->workers_text != NULL && strcmp(s->workers_text, "auto") != 0) {
		s->workers = strtoll(s->workers_text, &end, 10);
		if (*end != '\0' || s->workers < 1 || s->workers > 64)
			fail_key(l, "workers", "found `%.40s`, expected auto or 1 to 64",
				s->workers_text);
	}
	config_listen_check(s, scope == CONFIG_CHECK, fail_listen, l);
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
			fail_key(l, "allow_private",
				"found `%.60s`, expected networks such as 10.0.0.0/8, any or none",
				*list);
	}
}

static int64_t
check_rate(struct loader *l, const char *key, const char *text)
{
	char *end = NULL;

	if (text == NULL || strcmp(text, "none") == 0)
		return 0;
	long long n = strtoll(text, &end, 10);
	if (end != text && strcmp(end, "/min") == 0 && n > 0 && n <= 1000000)
		return n;
	fail_key(l, key, "found `%.40s`, expected a number and /min, such as 100/min, or none",
		text);
	return 0;
}

static void
check_api(struct config *c, struct loader *l)
{
	struct api_conf *a = &c->api;

	a->rate_limit = check_rate(l, "rate_limit", a->rate_limit_text);
	a->instance_rate_limit = check_rate(l, "instance_rate_limit", a->instance_rate_limit_text);
	check_networks(l, a->allow_private);
	if (a->account_token != NULL && *a->account_token == '\0')
		fail_key(l, "account_token", "is empty");
}

static bool
has_instance(const struct config *c, const char *name)
{
	const struct config_section *s = c->instances;

	while (s != NULL && strcmp(s->name, name) != 0)
		s = s->next;
	return s != NULL || (c->ingest.auto_create && config_name_is_valid(str_of(name)));
}

static void
check_events(struct loader *l, const char *key, const char **names, bool may_be_raw)
{
	for (const char **name = names; name != NULL && *name != NULL; name++) {
		const char *nearest = nearest_word(
			(const char *const[]){ event_type_names[0], event_type_names[1],
				event_type_names[2], event_type_names[3], event_type_names[4],
				event_type_names[5], may_be_raw ? "raw" : NULL, NULL },
			*name);
		bool is_raw = may_be_raw && strcmp(*name, "raw") == 0;
		if (event_type_of(str_of(*name)) < 0 && !is_raw)
			fail_key(l, key, "`%.60s` is no event type%s%s%s", *name,
				nearest != NULL ? ", did you mean `" : "",
				nearest != NULL ? nearest : "", nearest != NULL ? "`?" : "");
	}
}

static void
check_filters(struct loader *l, const struct sink_conf *conf)
{
	check_events(l, "events", conf->events, true);
	for (const char **name = conf->instances; name != NULL && *name != NULL; name++) {
		if (!has_instance(l->config, *name))
			fail_key(l, "instances", "there is no [instance %.100s]", *name);
	}
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
	};
	unsigned flags = s->plugin->ops.sink.flags;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		bool is_sense = (flags & rules[i].not_with) == 0 &&
			(flags & rules[i].only_with) == rules[i].only_with;
		if (!is_sense && find_entry(l->section, rules[i].key) != NULL)
			fail_key(l, rules[i].key, "has no meaning for sink-%s, %s",
				s->plugin->info->name, rules[i].why);
	}
	if (s->u.sink.policy == POLICY_EAZEWA && !(flags & HSW_SINK_STATUSES))
		fail_key(l, "policy", "eazewa has no meaning for sink-%s, which gets no statuses",
			s->plugin->info->name);
	if (s->u.sink.ordering == ORDERING_STRICT && find_entry(l->section, "concurrency") != NULL)
		fail_key(l, "concurrency",
			"has no meaning with ordering = strict, which is one at a time");
	if (s->u.sink.retry_steps == 0 && find_entry(l->section, "retry_on") != NULL)
		fail_key(l, "retry_on", "has no meaning with retry = never");
}

/* The plugin's own word about its options. Its text may begin with the option that it is about. */
static void
check_plugin_conf(struct loader *l, const struct hsw_sink_ops *ops, const void *conf)
{
	struct hsw_error why = { "" };
	char key[OPTION_KEY_SIZE];

	if (ops->check == NULL || ops->check(conf, &why) == HSW_OK)
		return;
	size_t len = strcspn(why.text, ":");
	bool has_key = len < sizeof(key) && strncmp(why.text + len, ": ", 2) == 0;
	snprintf(key, sizeof(key), "%.*s", has_key ? (int)len : 0, why.text);
	if (option_find(l->plugin, key) != NULL)
		fail_key(l, key, "%s", why.text + len + 2);
	else
		config_error(l->errors, l->section->file, l->section->line, SECTION_FORM ": %s",
			SECTION_ARGS(l->section), why.text);
}

static void
note_policy(void *arg, const char *key, const char *why)
{
	fail_key(arg, key, "%s", why);
}

static void
check_sink(struct loader *l, struct config_section *s)
{
	if (s->plugin->ops.sink.flags & HSW_SINK_LIVE)
		fail_key(l, "plugin",
			"sink-%s serves clients that connect: its section is [websocket]",
			s->plugin->info->name);
	policy_read(&s->u.sink, note_policy, l);
	check_sense(l, s);
	check_filters(l, &s->u.sink);
}

/* ---- named sections ---- */

static struct config_section *
new_section(struct loader *l, struct config_section **list)
{
	struct config_section *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->config = l->config;
	s->name = l->section->name;
	s->file = l->section->file;
	s->line = l->section->line;
	while (*list != NULL)
		list = &(*list)->next;
	*list = s;
	return s;
}

static void
load_instance(struct loader *l)
{
	struct config_section *s = new_section(l, &l->config->instances);

	if (s == NULL)
		return;
	load_keys(l, &s->u.instance, NULL);
	check_events(l, "websocket_events", s->u.instance.websocket_events, false);
}

static bool
wants_websocket(const struct config *c)
{
	const struct config_section *s = c->instances;

	while (s != NULL && !s->u.instance.websocket)
		s = s->next;
	return s != NULL;
}

/* Where the file does not ask for it, it is no error that it is not installed. */
static const struct plugin *
find_websocket_plugin(struct loader *l)
{
	bool is_wanted = *l->section->kind != '\0' || wants_websocket(l->config);
	struct hsw_error ignored = { "" };
	const struct plugin *plugin = is_wanted
		? load_plugin(l, HSW_SINK, "websocket")
		: plugin_load(l->config->server.plugin_dir, HSW_SINK, "websocket", &ignored);

	if (plugin == NULL || (plugin->ops.sink.flags & HSW_SINK_LIVE))
		return plugin;
	if (is_wanted)
		fail_key(l, "plugin", "sink-%s does not serve clients: its section is [sink NAME]",
			plugin->info->name);
	return NULL;
}

static void
check_origins(struct loader *l, const char **list)
{
	for (; list != NULL && *list != NULL; list++) {
		const char *problem = strcmp(*list, "*") != 0 ? origin_problem(*list) : NULL;
		if (problem != NULL)
			fail_key(l, "origins",
				"found `%.100s`, expected scheme://host[:port] or *: %s", *list,
				problem);
	}
}

/* Without a section it has its defaults: the API can enable it at any time. After the instances. */
static void
load_websocket(struct config *c, struct config_errors *errors)
{
	struct loader l = { c, errors, find_section(c, "websocket"), config_table("websocket"),
		NULL };

	const struct plugin *plugin = find_websocket_plugin(&l);
	if (plugin == NULL)
		return;
	c->websocket_plugin = plugin;
	c->private->websocket_conf = new_plugin_conf(&l, plugin);
	c->websocket_plugin_conf = c->private->websocket_conf;
	size_t before = errors->count;
	load_keys(&l, &c->websocket, c->private->websocket_conf);
	check_origins(&l, c->websocket.origins);
	if (errors->count == before)
		check_plugin_conf(&l, &plugin->ops.sink, c->websocket_plugin_conf);
}

static void
load_source(struct loader *l)
{
	const struct plugin *plugin = load_plugin(l, HSW_SOURCE, l->section->name);
	struct config_section *s = plugin != NULL ? new_section(l, &l->config->sources) : NULL;

	if (s == NULL)
		return;
	s->plugin = plugin;
	void *conf = new_plugin_conf(l, plugin);
	s->conf = conf;
	load_keys(l, &s->u.source, conf);
}

static void
load_sink(struct loader *l)
{
	const struct plugin *plugin = load_plugin(l, HSW_SINK, NULL);
	struct config_section *s = plugin != NULL ? new_section(l, &l->config->sinks) : NULL;

	if (s == NULL)
		return;
	s->plugin = plugin;
	void *conf = new_plugin_conf(l, plugin);
	s->conf = conf;
	size_t before = l->errors->count;
	load_keys(l, &s->u.sink, conf);
	bool is_complete = l->errors->count == before;
	check_sink(l, s);
	if (is_complete)
		check_plugin_conf(l, &plugin->ops.sink, conf);
}

static void
load_named(struct config *c, const char *kind, void (*load)(struct loader *),
	struct config_errors *errors)
{
	for (const struct ini_section *i = c->private->ini.sections; i != NULL; i = i->next) {
		struct loader l = { c, errors, i, config_table(kind), NULL };
		if (strcmp(i->kind, kind) == 0 && i->name != NULL &&
			config_name_is_valid(str_of(i->name)))
			load(&l);
	}
}

/* Every section must be of a known kind, and have a name exactly where it needs one. */
static void
check_sections(const struct config *c, struct config_errors *errors)
{
	for (const struct ini_section *s = c->private->ini.sections; s != NULL; s = s->next) {
		bool is_named = strcmp(s->kind, "instance") == 0 ||
			strcmp(s->kind, "source") == 0 || strcmp(s->kind, "sink") == 0;
		const char *nearest = nearest_word(config_kinds, s->kind);
		if (config_table(s->kind) == NULL)
			config_error(errors, s->file, s->line,
				SECTION_FORM ": unknown section%s%s%s", SECTION_ARGS(s),
				nearest != NULL ? ", did you mean [" : "",
				nearest != NULL ? nearest : "", nearest != NULL ? "]?" : "");
		else if (is_named && s->name == NULL)
			config_error(errors, s->file, s->line, "[%s]: needs a name: [%s NAME]",
				s->kind, s->kind);
		else if (!is_named && s->name != NULL)
			config_error(errors, s->file, s->line,
				SECTION_FORM ": takes no name, write [%s]", SECTION_ARGS(s),
				s->kind);
		else if (is_named && !config_name_is_valid(str_of(s->name)))
			config_error(errors, s->file, s->line,
				SECTION_FORM
				": a name is 1 to %d of the characters A-Z a-z 0-9 _ -",
				SECTION_ARGS(s), CONFIG_NAME_MAX);
	}
}

static void
check_whole(const struct config *c, struct config_errors *errors)
{
	bool has_source = *find_section(c, "source")->kind != '\0';
	bool has_instances = *find_section(c, "instance")->kind != '\0';

	config_tokens_check(c, &c->private->ini, errors);
	if (!has_source)
		config_error(
			errors, c->path, 0, "there is no [source NAME]: nothing could come in");
	if (!has_instances && !c->ingest.auto_create && c->api.account_token == NULL)
		config_error(errors, c->path, 0,
			"there is no [instance NAME], [ingest] auto_create is not yes, and "
			"without [api] account_token none can be made: every event would be "
			"refused");
}

/* ---- loading and freeing ---- */

static void
load_all(struct config *c, enum config_scope scope, struct config_errors *errors)
{
	if (scope == CONFIG_CHECK)
		check_sections(c, errors);
	struct loader server = load_single(c, "server", &c->server, errors);
	check_server(c, &server, scope);
	load_single(c, "log", &c->log, errors);
	if (scope == CONFIG_CLIENT)
		return;
	struct loader ingest = load_single(c, "ingest", &c->ingest, errors);
	c->ingest.rate_limit = check_rate(&ingest, "rate_limit", c->ingest.rate_limit_text);
	struct loader api = load_single(c, "api", &c->api, errors);
	check_api(c, &api);
	load_store(c, errors);
	load_named(c, "instance", load_instance, errors);
	load_websocket(c, errors);
	load_named(c, "source", load_source, errors);
	load_named(c, "sink", load_sink, errors);
	check_whole(c, errors);
}

struct config *
config_load(const char *path, enum config_scope scope, struct config_errors *errors)
{
	struct config *c = calloc(1, sizeof(*c));

	if (c == NULL || (c->private = calloc(1, sizeof(*c->private))) == NULL ||
		(c->path = strdup(path)) == NULL) {
		config_error(errors, path, 0, "out of memory");
		config_free(c);
		return NULL;
	}
	atomic_init(&c->private->refs, 1);
	ini_read(&c->private->ini, path, errors);
	/* A file that could not be read at all would only yield errors about what is missing. */
	if (errors->count == 0 || c->private->ini.n_files > 0)
		load_all(c, scope, errors);
	if (errors->count == 0)
		return c;
	config_free(c);
	return NULL;
}

void
config_compare(const struct config *before, const struct config *after,
	void (*fn)(void *arg, const struct config_change *), void *arg)
{
	ini_compare(&before->private->ini, &after->private->ini, fn, arg);
}

static void
free_sections(struct config_section *s, const char *kind)
{
	while (s != NULL) {
		struct config_section *next = s->next;
		option_free(config_table(kind), &s->u);
		if (s->plugin != NULL && s->conf != NULL)
			option_free(s->plugin->info->options, (void *)s->conf);
		free((void *)s->conf);
		free(s);
		s = next;
	}
}

const struct config *
config_ref(const struct config *c)
{
	if (c->private != NULL)
		atomic_fetch_add_explicit(&c->private->refs, 1, memory_order_relaxed);
	return c;
}

void
config_unref(const struct config *c)
{
	if (c != NULL && c->private != NULL &&
		atomic_fetch_sub_explicit(&c->private->refs, 1, memory_order_acq_rel) == 1)
		config_free((struct config *)c);
}

const struct config_section *
config_find_sink(const struct config *c, const char *name)
{
	const struct config_section *s = c->sinks;

	while (s != NULL && strcmp(s->name, name) != 0)
		s = s->next;
	return s;
}

void
config_free(struct config *c)
{
	if (c == NULL)
		return;
	free_sections(c->instances, "instance");
	free_sections(c->sources, "source");
	free_sections(c->sinks, "sink");
	if (c->private != NULL) {
		if (c->private->derived_base_url != NULL)
			c->server.base_url = NULL;
		free(c->private->derived_base_url);
		if (c->private->store_conf != NULL)
			option_free(c->store_plugin->info->options, c->private->store_conf);
		free(c->private->store_conf);
		if (c->private->websocket_conf != NULL)
			option_free(c->websocket_plugin->info->options, c->private->websocket_conf);
		free(c->private->websocket_conf);
		ini_free(&c->private->ini);
		free(c->private);
	}
	config_listen_fini(&c->server);
	option_free(config_table("server"), &c->server);
	option_free(config_table("store"), &c->store);
	option_free(config_table("ingest"), &c->ingest);
	option_free(config_table("log"), &c->log);
	option_free(config_table("websocket"), &c->websocket);
	option_free(config_table("api"), &c->api);
	free(c->path);
	free(c);
}

void
config_errors_print(const struct config_errors *errors, FILE *out)
{
	size_t kept = errors->count < CONFIG_ERRORS_MAX ? errors->count : CONFIG_ERRORS_MAX;

	for (size_t i = 0; i < kept; i++)
		fprintf(out, "%s\n", errors->text[i] != NULL ? errors->text[i] : "out of memory");
	if (errors->count > kept)
		fprintf(out, "and %zu more\n", errors->count - kept);
}

void
config_errors_free(struct config_errors *errors)
{
	size_t kept = errors->count < CONFIG_ERRORS_MAX ? errors->count : CONFIG_ERRORS_MAX;

	for (size_t i = 0; i < kept; i++)
		free(errors->text[i]);
	errors->count = 0;
}
