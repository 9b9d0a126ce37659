/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_option.c - what the commands have in common: -c, --help, and how they end. See cmd.h. */
#include "cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "config.h"

int
cmd_wrong_usage(const char *usage)
{
	fputs(usage, stderr);
	return CMD_USAGE;
}

int
cmd_option(int c, const char *usage, const char **config_path)
{
	switch (c) {
	case 'c':
		*config_path = optarg;
		return -1;
	case 'h':
		fputs(usage, stdout);
		return CMD_OK;
	default:
		return cmd_wrong_usage(usage);
	}
}

unsigned
cmd_letter(int c)
{
	return c >= 'a' && c <= 'z' ? 1u << (c - 'a') : 0;
}

bool
cmd_takes(const char *command, const char *action, const char *letters,
	const struct option *options, unsigned given)
{
	for (const struct option *o = options; o->name != NULL; o++) {
		if ((given & cmd_letter(o->val)) == 0 || o->val == 'c' ||
			strchr(letters, o->val) != NULL)
			continue;
		fprintf(stderr, "hookswitch: %s %s: takes no --%s (see hookswitch %s --help)\n",
			command, action, o->name, command);
		return false;
	}
	return true;
}

struct config *
cmd_client_config(const char *path)
{
	struct config_errors errors = { .count = 0 };
	struct config *config = config_load(path, CONFIG_CLIENT, &errors);

	if (config == NULL)
		config_errors_print(&errors, stderr);
	config_errors_free(&errors);
	return config;
}

int
cmd_status_of(int rc)
{
	return rc == HSW_OK ? CMD_OK : rc == HSW_ECLOSED ? CMD_UNREACHABLE : CMD_FAILED;
}
