/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c - see config.h. First the INI files are read whole, then the sections in the order in which
 * they depend on each other: [server] says where plugins are, [ingest] and [instance] what sinks may name.
 */
#include "config_impl.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "config_listen.h"
#include "config_tokens.h"
#include "option.h"

const char *const config_default_path = SYSCONF_DIR "/hookswitch/hookswitch.ini";

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

/* ---- sections that there are once ---- */

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

	config_load_keys(&l, conf, NULL);
	return l;
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
	c->store_plugin = config_load_plugin(&l, HSW_STORE, "sqlite");
	if (c->store_plugin == NULL)
		return;
	c->private->store_conf = config_new_plugin_conf(&l, c->store_plugin);
	c->store_plugin_conf = c->private->store_conf;
	if (config_load_keys(&l, &c->store, c->private->store_conf))
		config_check_plugin(
			&l, c->store_plugin->ops.store.check, NULL, c->store_plugin_conf);
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
	config_load_keys(l, &s->u.instance, NULL);
	config_check_events(l, "websocket_events", s->u.instance.websocket_events, false);
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
		? config_load_plugin(l, HSW_SINK, "websocket")
		: plugin_load(l->config->server.plugin_dir, HSW_SINK, "websocket", &ignored);

	if (plugin == NULL || (plugin->ops.sink.flags & HSW_SINK_LIVE))
		return plugin;
	if (is_wanted)
		config_fail_key(l, "plugin",
			"sink-%s does not serve clients: its section is [sink NAME]",
			plugin->info->name);
	return NULL;
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
	c->private->websocket_conf = config_new_plugin_conf(&l, plugin);
	c->websocket_plugin_conf = c->private->websocket_conf;
	bool is_checkable = config_load_keys(&l, &c->websocket, c->private->websocket_conf);
	config_check_origins(&l, c->websocket.origins);
	if (is_checkable)
		config_check_plugin(&l, plugin->ops.sink.check, plugin->ops.sink.check_each,
			c->websocket_plugin_conf);
}

static void
load_source(struct loader *l)
{
	const struct plugin *plugin = config_load_plugin(l, HSW_SOURCE, l->section->name);
	struct config_section *s = plugin != NULL ? new_section(l, &l->config->sources) : NULL;

	if (s == NULL)
		return;
	s->plugin = plugin;
	void *conf = config_new_plugin_conf(l, plugin);
	s->conf = conf;
	config_load_keys(l, &s->u.source, conf);
}

static void
load_sink(struct loader *l)
{
	const struct plugin *plugin = config_load_plugin(l, HSW_SINK, NULL);
	struct config_section *s = plugin != NULL ? new_section(l, &l->config->sinks) : NULL;

	if (s == NULL)
		return;
	s->plugin = plugin;
	void *conf = config_new_plugin_conf(l, plugin);
	s->conf = conf;
	bool is_checkable = config_load_keys(l, &s->u.sink, conf);
	config_check_sink(l, s);
	if (!is_checkable)
		return;
	config_check_plugin(l, plugin->ops.sink.check, plugin->ops.sink.check_each, conf);
	config_check_parts(l, s);
	config_check_others(l, s);
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
	config_check_server(c, &server, scope);
	load_single(c, "log", &c->log, errors);
	if (scope == CONFIG_CLIENT)
		return;
	struct loader ingest = load_single(c, "ingest", &c->ingest, errors);
	c->ingest.rate_limit = config_check_rate(&ingest, "rate_limit", c->ingest.rate_limit_text);
	struct loader api = load_single(c, "api", &c->api, errors);
	config_check_api(c, &api);
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
