/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugin.h - loading plugins: dlopen, the checks of the contract, and their ops.
 *
 * A plugin is loaded once, whatever number of sections use it, and stays loaded until the process
 * ends (leak reports need its symbols; only a failed load is closed again). Main thread only.
 */
#ifndef PLUGIN_H
#define PLUGIN_H

#include <hookswitch/sink.h>
#include <hookswitch/source.h>
#include <hookswitch/store.h>

struct plugin {
	const struct hsw_plugin *info; /* the plugin's own; name, version, options, ... */
	char *path;                    /* of the .so */
	/* Copies of the plugin's ops, with zeros past what an older plugin knows. The one of its kind
	 * is filled. */
	union {
		struct hsw_source_ops source;
		struct hsw_sink_ops sink;
		struct hsw_store_ops store;
	} ops;
};

/* "source", "sink" or "store". */
const char *plugin_kind_name(enum hsw_kind kind);

/*
 * Loads <dir>/<kind>-<name>.so, or gives the one that is loaded already. NULL: err says, in one line,
 * the path, what was found and what was expected: no such file, not a plugin, another ABI, another
 * kind or name than its file's, a required op missing, an option table that makes no sense (unknown
 * type, member outside the conf struct, default that does not parse, key twice).
 * The result lives until the process ends.
 */
const struct plugin *plugin_load(
	const char *dir, enum hsw_kind kind, const char *name, struct hsw_error *err);

/* Calls fn for each loaded plugin in whose place there is another file now: what runs is still the one that was loaded. */
void plugin_each_replaced(void (*fn)(void *arg, const struct plugin *), void *arg);

#endif
