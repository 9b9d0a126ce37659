/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - the program: finds the command. */
#include <stdio.h>
#include <string.h>

#include "cmd.h"
#include "config.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{ "run", cmd_run, "run the daemon in the foreground" },
	{ "check", cmd_check, "check a configuration" },
	{ "plugins", cmd_plugins, "list the installed plugins, or the options of one" },
	{ "translate", cmd_translate, "show the envelopes that a provider's payload becomes" },
	{ "reload", cmd_reload, "make a running daemon read its configuration again" },
	{ "status", cmd_status, "show what a running daemon is doing" },
	{ "dead", cmd_dead, "list, show, replay or purge dead letters" },
	{ "deliveries", cmd_deliveries, "show the last attempts of a sink" },
	{ "enable", cmd_enable, "deliver again to a sink that was disabled" },
	{ "replay", cmd_replay, "deliver events of the journal to a sink once more" },
	{ "skip", cmd_skip, "give up what waits for a sink" },
	{ "instance", cmd_instance, "add, list or remove instances, or tell a token" },
	{ "webhook", cmd_webhook, "set, list or remove webhooks of an instance" },
	{ "websocket", cmd_websocket, "set or show the WebSocket of an instance" },
	{ "tail", cmd_tail, "show the events of an instance as they come in" },
	{ "rekey", cmd_rekey, "encrypt the stored secrets with another key" },
	{ "migrate", cmd_migrate, "copy everything of one store into another one" },
};

static void
print_usage(FILE *out)
{
	fputs("Usage: hookswitch COMMAND [OPTION...]\n"
	      "\n"
	      "Takes the webhooks of WhatsApp providers, translates them, keeps them in a journal "
	      "and\n"
	      "delivers them.\n"
	      "\n",
		out);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].summary);
	fprintf(out,
		"\n"
		"  -h, --help     this text; `hookswitch COMMAND --help` for a command's own\n"
		"  -V, --version  the version\n"
		"\n"
		"The configuration is %s unless -c FILE names another.\n"
		"Exit status: 0 it worked; 1 it did not, or the configuration has errors; 2 "
		"called\n"
		"wrongly; 3 no daemon answers.\n",
		config_default_path);
}

int
main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
		puts("hookswitch " PACKAGE_VERSION);
		return CMD_OK;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		print_usage(stdout);
		return CMD_OK;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	if (*name != '\0')
		fprintf(stderr, "hookswitch: unknown command `%s`\n\n", name);
	print_usage(stderr);
	return CMD_USAGE;
}
