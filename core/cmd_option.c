/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_option.c - what the commands have in common: -c, --help, and how they end. See cmd.h. */
#include "cmd.h"

#include <getopt.h>
#include <stdio.h>

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
