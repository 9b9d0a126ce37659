/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_run.c - `hookswitch run`: the daemon, in the foreground. */
#include "cmd.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>

#include "config.h"
#include "log.h"
#include "server.h"

static const char usage[] =
	"Usage: hookswitch run [-c FILE] [--keep-undecryptable]\n"
	"\n"
	"Runs the daemon in the foreground until SIGTERM or SIGINT. SIGHUP makes it open\n"
	"its log and the files of sinks, and read its configuration, again.\n"
	"\n"
	"  -c, --config FILE         the configuration\n"
	"      --keep-undecryptable  start though stored secrets cannot be decrypted\n"
	"  -h, --help                this text\n";

static int
run(const struct config *config, const struct server_options *options)
{
	const struct log_settings settings = { (enum hsw_log_level)config->log.level,
		(enum log_format)config->log.format, config->log.target };
	struct hsw_error err = { "" };

	if (log_open(&settings, &err) != HSW_OK) {
		fprintf(stderr, "hookswitch: %s\n", err.text);
		return CMD_FAILED;
	}
	int rc = server_run(config, options);
	log_close();
	return rc == 0 ? CMD_OK : CMD_FAILED;
}

/* One that is asked for before the daemon listens to signals would end it, and to systemd that is a stop as wanted. */
static void
hold_back_reloads(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

int
cmd_run(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "keep-undecryptable", no_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	struct server_options server_options = { .keep_undecryptable = false };
	struct config_errors errors = { .count = 0 };
	const char *path = config_default_path;
	int c, status;

	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (c) {
		case 'k':
			server_options.keep_undecryptable = true;
			break;
		default:
			if ((status = cmd_option(c, usage, &path)) >= 0)
				return status;
		}
	}
	if (optind != argc)
		return cmd_wrong_usage(usage);
	hold_back_reloads();
	struct config *config = config_load(path, CONFIG_CHECK, &errors);
	if (config == NULL)
		config_errors_print(&errors, stderr);
	status = config != NULL ? run(config, &server_options) : CMD_FAILED;
	config_errors_free(&errors);
	config_free(config);
	return status;
}
