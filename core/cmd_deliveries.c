/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_deliveries.c - `hookswitch deliveries SINK`: the last attempts of a sink of a running daemon. */
#include "cmd.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include <json.h>

#include "client.h"
#include "config.h"
#include "json_text.h"
#include "shown.h"

static const char usage[] =
	"Usage: hookswitch deliveries [--failed] [--json] SINK\n"
	"\n"
	"Shows the last attempts of a sink, the newest last: up to 100 that arrived and 100 that "
	"did\n"
	"not, what came back, and when the event is due again. Of those that arrived the newest "
	"20\n"
	"have the answer; those that did not outlive a restart. A webhook of the API is called\n"
	"INSTANCE/LABEL.\n"
	"\n"
	"  -c, --config FILE  the daemon's configuration (for its control socket)\n"
	"  -f, --failed       only those that failed\n"
	"      --json         one JSON object a line, with all of what came back\n"
	"  -h, --help         this text\n";

#define ANSWER_COLUMN 100 /* characters */

static const char *
text(struct json_object *o, const char *key)
{
	struct json_object *value;
	return json_object_object_get_ex(o, key, &value) ? json_object_get_string(value) : "";
}

static void
print_row(struct json_object *row)
{
	struct buf answer = BUF_INIT;
	const char *error = text(row, "error");

	shown_append(&answer, str_of(*error ? error : text(row, "answer")), ANSWER_COLUMN);
	printf("%-24s %-36s %7s %-9s %6s %7s %-24s %.*s\n", text(row, "at"), text(row, "id"),
		text(row, "attempt"), text(row, "outcome"), text(row, "status"),
		text(row, "tookMs"), text(row, "nextAt"), (int)answer.len,
		answer.len > 0 ? answer.data : "");
	buf_free(&answer);
}

static void
print_rows(struct json_object *rows, bool as_json)
{
	if (!as_json)
		printf("%-24s %-36s %7s %-9s %6s %7s %-24s %s\n", "AT", "ID", "ATTEMPT", "OUTCOME",
			"STATUS", "MS", "NEXT", "ANSWER");
	for (size_t i = json_object_array_length(rows); i-- > 0;) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		if (as_json)
			puts(json_object_to_json_string_ext(
				row, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
		else
			print_row(row);
	}
}

static int
show(const char *socket_path, const char *sink, bool only_failed, bool as_json)
{
	struct buf target = BUF_INIT, answer = BUF_INIT;
	struct hsw_error err = { "the daemon's answer is not what was expected" };
	struct json_object *root = NULL, *rows = NULL;

	buf_printf(&target, "/deliveries?failed=%d&sink=", only_failed);
	client_escape(&target, sink);
	buf_append(&target, "", 1);
	int rc = target.failed ? HSW_ENOMEM
			       : client_ask(socket_path, "GET", target.data, &answer, &err);
	if (rc == HSW_OK)
		root = json_text_parse(str_of_buf(&answer));
	if (rc == HSW_OK && !json_object_object_get_ex(root, "deliveries", &rows))
		rc = HSW_EIO;
	if (rc == HSW_OK)
		print_rows(rows, as_json);
	else
		fprintf(stderr, "hookswitch: %s\n", err.text);
	json_object_put(root);
	buf_free(&target);
	buf_free(&answer);
	return cmd_status_of(rc);
}

int
cmd_deliveries(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "failed", no_argument, NULL, 'f' }, { "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	const char *path = config_default_path;
	bool as_json = false, only_failed = false;
	int c, status;

	while ((c = getopt_long(argc, argv, "c:fh", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			only_failed = true;
			break;
		case 'j':
			as_json = true;
			break;
		default:
			if ((status = cmd_option(c, usage, &path)) >= 0)
				return status;
		}
	}
	if (optind + 1 != argc)
		return cmd_wrong_usage(usage);
	struct config *config = cmd_client_config(path);
	status = config != NULL ? show(config->server.control, argv[optind], only_failed, as_json)
				: CMD_FAILED;
	config_free(config);
	return status;
}
