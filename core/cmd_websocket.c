/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_websocket.c - `hookswitch websocket set|show`: the live stream of a running daemon's instance. */
#include "cmd.h"

#include <getopt.h>
#include <stdio.h>

#include "client.h"
#include "cmd_api.h"

static const char usage[] =
	"Usage: hookswitch websocket show [--json] INSTANCE\n"
	"       hookswitch websocket set [--events LIST] [--media-base64] [--json] INSTANCE\n"
	"       hookswitch websocket set --disable [--json] INSTANCE\n"
	"\n"
	"The WebSocket of an instance of a running daemon, which /ws/INSTANCE and\n"
	"`hookswitch tail` read. What `set` is not given is not kept from before.\n"
	"\n"
	"  -c, --config FILE   the daemon's configuration (for its control socket)\n"
	"  -e, --events LIST   the types that are wanted, with commas; all if not given\n"
	"  -m, --media-base64  send media along as base64\n"
	"      --disable       take no clients any more, and send nothing to those there are\n"
	"      --json          print the daemon's answer as it is\n"
	"  -h, --help          this text\n";

struct args {
	const char *instance;
	char *events;
	bool media_base64, disable, as_json;
};

static void
print_row(struct json_object *w)
{
	bool has_media = json_object_get_boolean(json_object_object_get(w, "mediaBase64"));

	printf("%-8s %-6s ", cmd_api_state(w), has_media ? "base64" : "no");
	cmd_api_print_events(w);
	putchar('\n');
}

static int
show(struct cmd_api *a, const void *arg)
{
	const struct args *args = arg;
	struct json_object *root;

	buf_str(&a->target, "/api/events/getWebsocket/");
	client_escape(&a->target, args->instance);
	int rc = cmd_api_ask(a, "GET", NULL, &root);
	if (rc == HSW_OK && args->as_json) {
		cmd_api_print_json(root);
	} else if (rc == HSW_OK) {
		printf("%-8s %-6s %s\n", "STATE", "MEDIA", "EVENTS");
		print_row(json_object_object_get(root, "websocket"));
	}
	json_object_put(root);
	return rc;
}

static int
set(struct cmd_api *a, const void *arg)
{
	const struct args *args = arg;
	struct json_object *root, *body = json_object_new_object();

	json_object_object_add(body, "enabled", json_object_new_boolean(!args->disable));
	if (args->events != NULL)
		cmd_api_add_events(body, args->events);
	if (args->media_base64)
		json_object_object_add(body, "mediaBase64", json_object_new_boolean(1));
	buf_str(&a->target, "/api/events/websocket/");
	client_escape(&a->target, args->instance);
	int rc = cmd_api_ask(a, "POST", body, &root);
	if (rc == HSW_OK && args->as_json)
		cmd_api_print_json(root);
	else if (rc == HSW_OK)
		print_row(json_object_object_get(root, "websocket"));
	json_object_put(body);
	json_object_put(root);
	return rc;
}

static const struct cmd_action actions[] = {
	{ "set", set, 1, "emdj" },
	{ "show", show, 1, "j" },
	{ NULL, NULL, 0, NULL },
};

/* CMD_OK; -1: go on. */
static int
read_option(int c, struct args *args, const char **path)
{
	switch (c) {
	case 'e':
		args->events = optarg;
		return -1;
	case 'm':
		args->media_base64 = true;
		return -1;
	case 'd':
		args->disable = true;
		return -1;
	case 'j':
		args->as_json = true;
		return -1;
	default:
		return cmd_option(c, usage, path);
	}
}

int
cmd_websocket(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "events", required_argument, NULL, 'e' },
		{ "media-base64", no_argument, NULL, 'm' }, { "disable", no_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	const char *path = config_default_path;
	struct args args = { 0 };
	unsigned given = 0;
	int c;

	while ((c = getopt_long(argc, argv, "c:e:mh", options, NULL)) != -1) {
		given |= cmd_letter(c);
		int status = read_option(c, &args, &path);
		if (status >= 0)
			return status;
	}
	const struct cmd_action *action = cmd_action_find(actions, "websocket", usage, argc, argv);
	if (action == NULL ||
		!cmd_takes("websocket", action->name, action->options, options, given))
		return CMD_USAGE;
	args.instance = argv[optind + 1];
	return cmd_action_run(action, &args, path);
}
