/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_check.c - `hookswitch check`: reads a configuration and loads its plugins, nothing else. */
#include "cmd.h"

#include <getopt.h>
#include <stdio.h>

#include "config.h"

static const char usage[] =
	"Usage: hookswitch check [-c FILE]\n"
	"\n"
	"Checks a configuration with all that it includes, and loads the plugins that it\n"
	"uses. Prints every error, each with its place. Exit status 0: it is good, 1: not.\n"
	"\n"
	"  -c, --config FILE  the configuration\n"
	"  -h, --help         this text\n";

static int
count(const struct config_section *s)
{
	int n = 0;

	for (; s != NULL; s = s->next)
		n++;
	return n;
}

static int
check(const char *path)
{
	struct config_errors errors = { .count = 0 };
	struct config *config = config_load(path, CONFIG_CHECK, &errors);

	if (config == NULL) {
		config_errors_print(&errors, stderr);
		fprintf(stderr, "%s: %zu error%s\n", path, errors.count,
			errors.count == 1 ? "" : "s");
	} else {
		printf("%s: ok: instances=%d sources=%d sinks=%d store=%s\n", path,
			count(config->instances), count(config->sources), count(config->sinks),
			config->store_plugin->info->name);
	}
	int status = config != NULL ? CMD_OK : CMD_FAILED;
	config_errors_free(&errors);
	config_free(config);
	return status;
}

int
cmd_check(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	const char *path = config_default_path;
	int c;

	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			path = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return CMD_OK;
		default:
			fputs(usage, stderr);
			return CMD_USAGE;
		}
	}
	if (optind == argc)
		return check(path);
	fputs(usage, stderr);
	return CMD_USAGE;
}
