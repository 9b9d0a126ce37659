/* SPDX-License-Identifier: Apache-2.0 */
/* config_section.c - one section of the file: its keys and its plugin, see config_impl.h. */
#include "config_impl.h"

#include <libgen.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "option.h"

struct ini_entry *
config_find_entry(const struct ini_section *s, const char *key)
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
	return config_find_entry(l->section, key) != NULL;
}

void __attribute__((format(printf, 3, 4)))
config_fail_key(struct loader *l, const char *key, const char *fmt, ...)
{
	const struct ini_entry *e = config_find_entry(l->section, key);
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
		config_fail_key(l, e->key, "unknown key, did you mean `%s`?", nearest);
	else
		config_fail_key(l, e->key, "unknown key");
}

/* false: a key of the plugin's that does not fit its table. */
static bool
set_key(struct loader *l, struct ini_entry *e, void *core_conf, void *plugin_conf)
{
	const struct hsw_option *o = option_find(l->core, e->key);
	void *conf = core_conf;
	struct hsw_error err = { "" };
	char *copy = strdup(e->file);
	bool is_good = true;

	if (o == NULL) {
		o = option_find(l->plugin, e->key);
		conf = plugin_conf;
	}
	if (o == NULL)
		fail_unknown(l, e);
	else if (copy == NULL || option_set(o, conf, e->value, dirname(copy), &err) != HSW_OK)
		is_good = false;
	else if (o->type == HSW_OPT_SECRET)
		e->secret = *(char *const *)((char *)conf + o->offset);
	if (!is_good)
		config_fail_key(l, e->key, "%s", copy != NULL ? err.text : "out of memory");
	free(copy);
	return is_good || conf == core_conf;
}

/* false: one is missing. */
static bool
require_keys(struct loader *l, const struct hsw_option *table)
{
	bool is_complete = true;

	for (const struct hsw_option *o = table; o != NULL && o->key != NULL; o++) {
		if (!(o->flags & HSW_OPT_REQUIRED) || config_find_entry(l->section, o->key) != NULL)
			continue;
		config_fail_key(l, o->key, "is missing: %s", o->help);
		is_complete = false;
	}
	return is_complete;
}

bool
config_load_keys(struct loader *l, void *core_conf, void *plugin_conf)
{
	bool is_good = true;

	for (struct ini_entry *e = l->section->entries; e != NULL; e = e->next)
		is_good = set_key(l, e, core_conf, plugin_conf) && is_good;
	if (option_defaults(l->core, core_conf, is_set, l) != HSW_OK ||
		option_defaults(l->plugin, plugin_conf, is_set, l) != HSW_OK) {
		config_error(l->errors, l->section->file, l->section->line, "out of memory");
		is_good = false;
	}
	require_keys(l, l->core);
	return require_keys(l, l->plugin) && is_good;
}

/* ---- plugins ---- */

static bool
keys_collide(struct loader *l, const struct plugin *plugin)
{
	for (const struct hsw_option *o = plugin->info->options; o != NULL && o->key != NULL; o++) {
		if (option_find(l->core, o->key) != NULL) {
			config_fail_key(l, "plugin", "%s: its option %s is the daemon's own",
				plugin->path, o->key);
			return true;
		}
	}
	return false;
}

const struct plugin *
config_load_plugin(struct loader *l, enum hsw_kind kind, const char *fallback)
{
	const struct ini_entry *e = config_find_entry(l->section, "plugin");
	const char *name = e != NULL ? e->value : fallback;
	struct hsw_error err = { "out of memory" };

	if (name == NULL) {
		config_fail_key(
			l, "plugin", "is missing: the name of a %s plugin", plugin_kind_name(kind));
		return NULL;
	}
	const struct plugin *plugin = plugin_load(l->config->server.plugin_dir, kind, name, &err);
	if (plugin == NULL)
		config_fail_key(l, "plugin", "%s", err.text);
	else if (!keys_collide(l, plugin))
		return plugin;
	return NULL;
}

void *
config_new_plugin_conf(struct loader *l, const struct plugin *plugin)
{
	l->plugin = plugin->info->options;
	if (plugin->info->conf_size == 0)
		return NULL;
	return calloc(1, plugin->info->conf_size);
}
