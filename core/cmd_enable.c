/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_enable.c - `hookswitch enable SINK`: a sink that was disabled is tried again. */
#include "cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "config.h"

static const char usage[] =
	"Usage: hookswitch enable SINK\n"
	"\n"
	"Has a running daemon deliver again to a sink that was disabled: its destination answered "
	"410,\n"
	"or was down for longer than disable_after. A webhook of the API is called "
	"INSTANCE/LABEL.\n"
	"\n"
	"  -c, --config FILE  the daemon's configuration (for its control socket)\n"
	"  -h, --help         this text\n";

static int
enable(const char *socket_path, const char *sink)
{
	struct buf target = BUF_INIT, answer = BUF_INIT;
	struct hsw_error err = { "out of memory" };

	buf_str(&target, "/enable?sink=");
	client_escape(&target, sink);
	buf_append(&target, "", 1);
	int rc = target.failed ? HSW_ENOMEM
			       : client_ask(socket_path, "POST", target.data, &answer, &err);
	if (rc == HSW_OK)
		buf_append(&answer, "", 1);
	if (rc == HSW_OK && !answer.failed)
		puts(strstr(answer.data, "\"enabled\":1") != NULL ? "enabled"
								  : "it was not disabled");
	else if (rc != HSW_OK)
		fprintf(stderr, "hookswitch: %s\n", err.text);
	buf_free(&target);
	buf_free(&answer);
	return cmd_status_of(rc);
}

int
cmd_enable(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	const char *path = config_default_path;
	int c, status;

	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		if ((status = cmd_option(c, usage, &path)) >= 0)
			return status;
	}
	if (optind + 1 != argc)
		return cmd_wrong_usage(usage);
	struct config *config = cmd_client_config(path);
	status = config != NULL ? enable(config->server.control, argv[optind]) : CMD_FAILED;
	config_free(config);
	return status;
}
