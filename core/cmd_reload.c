/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_reload.c - `hookswitch reload`: a running daemon reads its configuration again, and says what came of it. */
#include "cmd.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include <json.h>

#include "client.h"
#include "config.h"
#include "json_text.h"

static const char usage[] =
	"Usage: hookswitch reload [-c FILE] [--json]\n"
	"\n"
	"Makes the running daemon read its configuration again, as SIGHUP does, waits until what\n"
	"can change has changed, and prints what did, what needs a restart, and what is wrong.\n"
	"Exit status 1: something is wrong.\n"
	"\n"
	"  -c, --config FILE  the daemon's configuration (for its control socket)\n"
	"      --json         the answer as it is\n"
	"  -h, --help         this text\n";

static void
print_list(struct json_object *root, const char *key, const char *prefix, const char *suffix,
	FILE *out)
{
	struct json_object *list = json_object_object_get(root, key);
	size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s%s%s\n", prefix,
			json_object_get_string(json_object_array_get_idx(list, i)), suffix);
}

/* Whether it worked. */
static bool
print(const struct buf *answer, bool as_json)
{
	struct json_object *root = json_text_parse(str_of_buf(answer));
	bool is_good = json_object_get_boolean(json_object_object_get(root, "success"));

	if (root == NULL) {
		fputs("hookswitch: the daemon's answer is not what was expected\n", stderr);
	} else if (as_json) {
		printf("%.*s\n", (int)answer->len, answer->data);
	} else {
		print_list(root, "changed", "", "", stdout);
		print_list(root, "restartNeeded", "", ": takes effect with a restart", stdout);
		print_list(root, "kept", "", "", stdout);
		print_list(root, "errors", "hookswitch: ", "", stderr);
	}
	json_object_put(root);
	return is_good;
}

static int
reload(const char *socket_path, bool as_json)
{
	struct buf answer = BUF_INIT;
	struct hsw_error err = { "" };
	/* A sink may take shutdown_timeout to change, which may be long. */
	int rc = client_send(socket_path, "POST", "/reload", (struct hsw_str){ NULL, 0 },
		CLIENT_NO_TIMEOUT, &answer, &err);
	int status = rc == HSW_ECLOSED ? CMD_UNREACHABLE : CMD_FAILED;

	if (rc != HSW_OK)
		fprintf(stderr, "hookswitch: %s\n", err.text);
	else if (print(&answer, as_json))
		status = CMD_OK;
	buf_free(&answer);
	return status;
}

/* All errors, where even the socket's place cannot be read. */
static int
complain(const char *path)
{
	struct config_errors errors = { .count = 0 };

	config_free(config_load(path, CONFIG_CHECK, &errors));
	config_errors_print(&errors, stderr);
	config_errors_free(&errors);
	return CMD_FAILED;
}

int
cmd_reload(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	struct config_errors errors = { .count = 0 };
	const char *path = config_default_path;
	bool as_json = false;
	int c, status;

	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			as_json = true;
			break;
		default:
			if ((status = cmd_option(c, usage, &path)) >= 0)
				return status;
		}
	}
	if (optind != argc)
		return cmd_wrong_usage(usage);
	struct config *config = config_load(path, CONFIG_CLIENT, &errors);
	status = config != NULL ? reload(config->server.control, as_json) : complain(path);
	config_errors_free(&errors);
	config_free(config);
	return status;
}
