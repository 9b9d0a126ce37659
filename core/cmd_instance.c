/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_instance.c - `hookswitch instance add|list|rm|token`: the instances of a running daemon. */
#include "cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "cmd_api.h"
#include "err.h"

static const char usage[] =
	"Usage: hookswitch instance list [--json]\n"
	"       hookswitch instance add [--token TOKEN] NAME\n"
	"       hookswitch instance token [--new | --token TOKEN] NAME\n"
	"       hookswitch instance rm NAME\n"
	"\n"
	"Instances of a running daemon. Those that are added are kept in its store. `add` and\n"
	"`token` print the instance's token; with --new or --token it is another one from then\n"
	"on, and who has the one before is refused. `rm` drops what was not delivered yet. An\n"
	"instance of the configuration file is removed, or gets its token, there.\n"
	"\n"
	"  -c, --config FILE  the daemon's configuration (for its control socket)\n"
	"  -t, --token TOKEN  the token; without it `add` makes a random one\n"
	"  -n, --new          a random token in place of the instance's own\n"
	"      --json         print the daemon's answer as it is\n"
	"  -h, --help         this text\n";

struct args {
	const char *name, *token;
	bool as_json, makes_token;
};

static void
print_row(struct json_object *i)
{
	printf("%-32s %-20s %-32s %8zu  %s\n", cmd_api_text(i, "name"), cmd_api_text(i, "status"),
		cmd_api_text(i, "numberJid"),
		json_object_array_length(json_object_object_get(i, "webhooks")),
		cmd_api_text(i, "createdAt"));
}

static int
list(struct cmd_api *a, const struct args *args)
{
	struct json_object *root;

	buf_str(&a->target, "/api/instance/list");
	int rc = cmd_api_ask(a, "GET", NULL, &root);
	struct json_object *rows = json_object_object_get(root, "instances");
	size_t n = rows != NULL ? json_object_array_length(rows) : 0;
	if (rc == HSW_OK && args->as_json)
		puts(json_object_to_json_string_ext(root, JSON_C_TO_STRING_NOSLASHESCAPE));
	else if (rc == HSW_OK)
		printf("%-32s %-20s %-32s %8s  %s\n", "NAME", "STATUS", "NUMBER", "WEBHOOKS",
			"CREATED AT");
	for (size_t i = 0; i < n && !args->as_json; i++)
		print_row(json_object_array_get_idx(rows, i));
	json_object_put(root);
	return rc;
}

static int
add(struct cmd_api *a, const struct args *args)
{
	struct json_object *root, *body = json_object_new_object();

	json_object_object_add(body, "name", json_object_new_string(args->name));
	if (args->token != NULL)
		json_object_object_add(body, "token", json_object_new_string(args->token));
	buf_str(&a->target, "/api/instance/new");
	int rc = cmd_api_ask(a, "POST", body, &root);
	if (rc == HSW_OK)
		puts(cmd_api_text(json_object_object_get(root, "instance"), "token"));
	json_object_put(body);
	json_object_put(root);
	return rc;
}

static int
set_token(struct cmd_api *a, const struct args *args)
{
	struct json_object *root, *body = json_object_new_object();

	if (args->token != NULL)
		json_object_object_add(body, "token", json_object_new_string(args->token));
	buf_str(&a->target, "/api/instance/token/");
	client_escape(&a->target, args->name);
	int rc = cmd_api_ask(a, "PUT", body, &root);
	if (rc == HSW_OK)
		puts(cmd_api_text(json_object_object_get(root, "instance"), "token"));
	json_object_put(body);
	json_object_put(root);
	return rc;
}

static int
token(struct cmd_api *a, const struct args *args)
{
	if (args->makes_token || args->token != NULL)
		return set_token(a, args);
	struct json_object *root;

	buf_str(&a->target, "/api/instance/list?instanceName=");
	client_escape(&a->target, args->name);
	int rc = cmd_api_ask(a, "GET", NULL, &root);
	struct json_object *rows = json_object_object_get(root, "instances");
	const char *text = rows != NULL ? cmd_api_text(json_object_array_get_idx(rows, 0), "token")
					: "";
	if (rc == HSW_OK && *text == '\0')
		rc = err_set(&a->err, HSW_ENOENT, "the instance has no token");
	else if (rc == HSW_OK)
		puts(text);
	json_object_put(root);
	return rc;
}

static int
rm(struct cmd_api *a, const struct args *args)
{
	struct json_object *root;

	buf_str(&a->target, "/api/instance/delete/");
	client_escape(&a->target, args->name);
	int rc = cmd_api_ask(a, "DELETE", NULL, &root);
	if (rc == HSW_OK)
		printf("deleted; dropped events: %s\n", cmd_api_text(root, "droppedEvents"));
	json_object_put(root);
	return rc;
}

static const struct action {
	const char *name;
	int (*fn)(struct cmd_api *, const struct args *);
	bool needs_name;
} actions[] = {
	{ "list", list, false },
	{ "add", add, true },
	{ "token", token, true },
	{ "rm", rm, true },
};

static const struct action *
find_action(const char *name)
{
	for (size_t i = 0; name != NULL && i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	}
	return NULL;
}

int
cmd_instance(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "token", required_argument, NULL, 't' }, { "new", no_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	const char *path = config_default_path;
	struct args args = { 0 };
	struct cmd_api api;
	int c;

	while ((c = getopt_long(argc, argv, "c:t:nh", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			path = optarg;
			break;
		case 't':
			args.token = optarg;
			break;
		case 'n':
			args.makes_token = true;
			break;
		case 'j':
			args.as_json = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return CMD_OK;
		default:
			fputs(usage, stderr);
			return CMD_USAGE;
		}
	}
	const char *given = optind < argc ? argv[optind] : NULL;
	const struct action *action = find_action(given);
	if (action == NULL)
		return cmd_api_unknown("instance", given, "list, add, token or rm");
	bool is_odd = args.makes_token && (args.token != NULL || action->fn != token);
	if (is_odd || argc - optind != (action->needs_name ? 2 : 1)) {
		fputs(usage, stderr);
		return CMD_USAGE;
	}
	args.name = argv[optind + 1];
	if (cmd_api_open(&api, path) != HSW_OK)
		return CMD_FAILED;
	int status = cmd_api_status(&api, action->fn(&api, &args));
	cmd_api_close(&api);
	return status;
}
