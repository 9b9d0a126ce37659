/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_impl.h - what the files that load a configuration (config.c, config_section.c, config_check.c)
 * share: the section that is being loaded.
 */
#ifndef CONFIG_IMPL_H
#define CONFIG_IMPL_H

#include "config.h"
#include "ini.h"

struct config_private {
	_Atomic unsigned refs;
	struct ini ini;
	void *store_conf, *websocket_conf;
	char *derived_base_url;
};

/* What the loading of one section needs. */
struct loader {
	struct config *config;
	struct config_errors *errors;
	const struct ini_section *section;
	const struct hsw_option *core, *plugin; /* its tables; plugin may be NULL */
};

/* A section's header, for messages: printf(SECTION_FORM, SECTION_ARGS(section)). */
#define SECTION_FORM "[%s%s%s]"
#define SECTION_ARGS(s) (s)->kind, (s)->name != NULL ? " " : "", (s)->name != NULL ? (s)->name : ""

/* ---- config_section.c ---- */

/* NULL: the section does not set the key. */
struct ini_entry *config_find_entry(const struct ini_section *, const char *key);
/* Reports an error about a key, at its line, or at the section's where the key is missing. */
void config_fail_key(struct loader *, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Fills both structs from the section; what it does not set gets its default. false: the plugin's is not as its
 * table says, which was told: the plugin cannot check it. */
bool config_load_keys(struct loader *, void *core_conf, void *plugin_conf);
/* Loads the section's plugin. NULL: the error is told, and the section's keys can't be checked. */
const struct plugin *config_load_plugin(struct loader *, enum hsw_kind, const char *fallback);
/* Zeroed, to be freed. NULL: the plugin has no options, or out of memory. */
void *config_new_plugin_conf(struct loader *, const struct plugin *);

/* ---- config_check.c ---- */

void config_check_server(struct config *, struct loader *, enum config_scope);
void config_check_api(struct config *, struct loader *);
void config_check_sink(struct loader *, struct config_section *);
/* What no two sinks may have in common. */
void config_check_others(struct loader *, const struct config_section *);
/* The plugin's word on its options beside the daemon's own that ask for parts. */
void config_check_parts(struct loader *, const struct config_section *);
/* "100/min" or "none"; returns requests a minute, 0: no limit. */
int64_t config_check_rate(struct loader *, const char *key, const char *text);
void config_check_events(struct loader *, const char *key, const char **names, bool may_be_raw);
void config_check_origins(struct loader *, const char **list);
/* The plugin's own word about its options, by its operations of these names; each may be NULL. A text may begin
 * with the option that it is about. */
typedef int config_check_fn(const void *conf, struct hsw_error *);
typedef void config_check_each_fn(
	const void *conf, void (*report)(void *arg, const char *text), void *arg);
void config_check_plugin(
	struct loader *, config_check_fn *, config_check_each_fn *, const void *conf);

#endif
