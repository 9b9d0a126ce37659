/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_plugins.c - `hookswitch plugins`: what is installed, and the options of one. */
#include "cmd.h"

#include <dirent.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_plugins.h"
#include "config.h"
#include "option.h"

static const char usage[] =
	"Usage: hookswitch plugins [-c FILE | -d DIR] [--man] [NAME]\n"
	"       hookswitch plugins new [-d DIR] [-t DIR] KIND-NAME\n"
	"\n"
	"Lists the installed plugins. With NAME (sink-webhook, or just webhook): its options,\n"
	"and those that the daemon has for every plugin of its kind. `new` makes the folder\n"
	"KIND-NAME (source-foo, sink-foo, store-foo) with a plugin to begin with: code, Makefile,\n"
	"test.\n"
	"\n"
	"  -c, --config FILE     take plugin_dir from this configuration\n"
	"  -d, --plugin-dir DIR  look for plugins there\n"
	"      --man             the options as man page source (mdoc)\n"
	"  -t, --templates DIR   the templates of `new`, if not the installed ones\n"
	"  -h, --help            this text\n";

static const enum hsw_kind kinds[] = { HSW_SOURCE, HSW_SINK, HSW_STORE };

/* Splits "sink-webhook.so" or "sink-webhook"; false: it is not of that form. */
static bool
split_name(const char *file, enum hsw_kind *kind, char *name, size_t size)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *prefix = plugin_kind_name(kinds[i]);
		size_t n = strlen(prefix);
		if (strncmp(file, prefix, n) != 0 || file[n] != '-')
			continue;
		snprintf(name, size, "%s", file + n + 1);
		char *suffix = strrchr(name, '.');
		if (suffix != NULL && strcmp(suffix, ".so") == 0)
			*suffix = '\0';
		*kind = kinds[i];
		return *name != '\0';
	}
	return false;
}

static int
is_plugin_file(const struct dirent *e)
{
	size_t n = strlen(e->d_name);
	enum hsw_kind kind;
	char name[256];

	return n > 3 && strcmp(e->d_name + n - 3, ".so") == 0 &&
		split_name(e->d_name, &kind, name, sizeof(name));
}

static void
list_one(const char *dir, const char *file)
{
	struct hsw_error err = { "" };
	enum hsw_kind kind;
	char name[256];

	if (!split_name(file, &kind, name, sizeof(name)))
		return;
	const struct plugin *p = plugin_load(dir, kind, name, &err);
	if (p != NULL)
		printf("%-8s %-16s %-10s %s\n", plugin_kind_name(kind), name, p->info->version,
			p->info->summary);
	else
		printf("%-8s %-16s %-10s cannot be loaded: %s\n", plugin_kind_name(kind), name, "-",
			err.text);
}

static int
list(const char *dir)
{
	struct dirent **files;
	int n = scandir(dir, &files, is_plugin_file, alphasort);

	if (n < 0) {
		fprintf(stderr, "hookswitch: cannot read the folder %s\n", dir);
		return CMD_FAILED;
	}
	printf("%-8s %-16s %-10s %s\n", "KIND", "NAME", "VERSION", "SUMMARY");
	for (int i = 0; i < n; i++) {
		list_one(dir, files[i]->d_name);
		free(files[i]);
	}
	free(files);
	return CMD_OK;
}

/* The section whose options, of the daemon's own, stand beside the plugin's. */
static const char *
section_of(const struct plugin *p, enum hsw_kind kind)
{
	bool is_live = kind == HSW_SINK && (p->ops.sink.flags & HSW_SINK_LIVE);

	return is_live ? "websocket" : plugin_kind_name(kind);
}

static void
print_options(const struct plugin *p, enum hsw_kind kind, bool as_man)
{
	void (*print)(const struct hsw_option *, FILE *) = as_man ? option_print_man : option_print;

	if (as_man) {
		print(p->info->options, stdout);
		return;
	}
	printf("%s-%s %s: %s\n%s\n", plugin_kind_name(kind), p->info->name, p->info->version,
		p->info->summary, p->path);
	printf("\nIts options:\n");
	if (p->info->options == NULL || p->info->options->key == NULL)
		printf("  none\n");
	print(p->info->options, stdout);
	const char *section = section_of(p, kind);
	bool is_every = strcmp(section, plugin_kind_name(kind)) == 0;
	printf(is_every ? "\nOptions of every %s:\n" : "\nOptions of [%s]:\n", section);
	print(config_table(section), stdout);
}

/* Whether a section can use it: an option of the daemon's name would be refused there. */
static bool
has_own_keys(const struct plugin *p, enum hsw_kind kind)
{
	const struct hsw_option *core = config_table(section_of(p, kind));
	bool is_good = true;

	for (const struct hsw_option *o = p->info->options; o != NULL && o->key != NULL; o++) {
		if (option_find(core, o->key) == NULL)
			continue;
		fprintf(stderr, "hookswitch: %s: its option %s is the daemon's own\n", p->path,
			o->key);
		is_good = false;
	}
	return is_good;
}

/* A name with its kind, or alone: then the first kind that has it. */
static int
show(const char *dir, const char *wanted, bool as_man)
{
	struct hsw_error err = { "" };
	enum hsw_kind kind;
	char name[256];
	const struct plugin *p = NULL;

	if (split_name(wanted, &kind, name, sizeof(name)))
		p = plugin_load(dir, kind, name, &err);
	for (size_t i = 0;
		p == NULL && i < sizeof(kinds) / sizeof(kinds[0]) && strchr(wanted, '-') == NULL;
		i++) {
		kind = kinds[i];
		p = plugin_load(dir, kind, wanted, &err);
	}
	if (p == NULL) {
		fprintf(stderr, "hookswitch: %s: %s\n", wanted,
			err.text[0] != '\0' ? err.text : "no such plugin");
		return CMD_FAILED;
	}
	print_options(p, kind, as_man);
	return has_own_keys(p, kind) ? CMD_OK : CMD_FAILED;
}

static int
with_config(const char *path, const char *name, bool as_man)
{
	struct config *config = cmd_client_config(path);
	int status = CMD_FAILED;

	if (config != NULL)
		status = name != NULL ? show(config->server.plugin_dir, name, as_man)
				      : list(config->server.plugin_dir);
	config_free(config);
	return status;
}

int
cmd_plugins(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "plugin-dir", required_argument, NULL, 'd' }, { "man", no_argument, NULL, 'm' },
		{ "templates", required_argument, NULL, 't' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	const char *dir = PLUGIN_DIR, *path = NULL, *templates = TEMPLATE_DIR;
	bool as_man = false;
	int c, status;

	while ((c = getopt_long(argc, argv, "c:d:t:h", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			dir = optarg;
			break;
		case 't':
			templates = optarg;
			break;
		case 'm':
			as_man = true;
			break;
		default:
			if ((status = cmd_option(c, usage, &path)) >= 0)
				return status;
		}
	}
	if (argc - optind == 2 && strcmp(argv[optind], "new") == 0)
		return cmd_plugins_new(templates, dir, argv[optind + 1]);
	if (argc - optind > 1 || (argc - optind == 1 && strcmp(argv[optind], "new") == 0))
		return cmd_wrong_usage(usage);
	const char *name = optind < argc ? argv[optind] : NULL;
	if (path != NULL)
		return with_config(path, name, as_man);
	return name != NULL ? show(dir, name, as_man) : list(dir);
}
