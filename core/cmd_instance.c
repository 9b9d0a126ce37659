/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_instance.c - `hookswitch instance add|list|rm|token`: the instances of a running daemon. */
#include "cmd.h"

#include <getopt.h>
#include <stdio.h>

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

static void
print_heading(void)
{
	printf("%-32s %-20s %-32s %8s  %s\n", "NAME", "STATUS", "NUMBER", "WEBHOOKS", "CREATED AT");
}

static int
list(struct cmd_api *a, const void *arg)
{
	const struct args *args = arg;

	buf_str(&a->target, "/api/instance/list");
	return cmd_api_list(a, "instances", args->as_json, print_heading, print_row);
}

/* Asks for the token that is given, or a random one, and prints what it is then. Takes over body. */
static int
ask_for_token(struct cmd_api *a, const char *method, struct json_object *body, const char *token)
{
	struct json_object *root;

	if (token != NULL)
		json_object_object_add(body, "token", json_object_new_string(token));
	int rc = cmd_api_ask(a, method, body, &root);
	if (rc == HSW_OK)
		puts(cmd_api_text(json_object_object_get(root, "instance"), "token"));
	json_object_put(body);
	json_object_put(root);
	return rc;
}

static int
add(struct cmd_api *a, const void *arg)
{
	const struct args *args = arg;
	struct json_object *body = json_object_new_object();

	json_object_object_add(body, "name", json_object_new_string(args->name));
	buf_str(&a->target, "/api/instance/new");
	return ask_for_token(a, "POST", body, args->token);
}

static int
set_token(struct cmd_api *a, const struct args *args)
{
	buf_str(&a->target, "/api/instance/token/");
	client_escape(&a->target, args->name);
	return ask_for_token(a, "PUT", json_object_new_object(), args->token);
}

static int
token(struct cmd_api *a, const void *arg)
{
	const struct args *args = arg;

	if (args->makes_token || args->token != NULL)
		return set_token(a, args);
	struct json_object *root, *row;
	int rc = cmd_api_ask_instance(a, args->name, &root, &row);
	const char *text = cmd_api_text(row, "token");
	if (rc == HSW_OK && cmd_api_is_undecryptable(row))
		rc = cmd_api_set_undecryptable(a, row);
	else if (rc == HSW_OK && *text == '\0')
		rc = err_set(&a->err, HSW_ENOENT, "the instance has no token");
	else if (rc == HSW_OK)
		puts(text);
	json_object_put(root);
	return rc;
}

static int
rm(struct cmd_api *a, const void *arg)
{
	const struct args *args = arg;

	buf_str(&a->target, "/api/instance/delete/");
	client_escape(&a->target, args->name);
	return cmd_api_delete(a);
}

static const struct cmd_action actions[] = {
	{ "list", list, 0, "j" },
	{ "add", add, 1, "t" },
	{ "token", token, 1, "tn" },
	{ "rm", rm, 1, "" },
	{ NULL, NULL, 0, NULL },
};

int
cmd_instance(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "token", required_argument, NULL, 't' }, { "new", no_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	const char *path = config_default_path;
	struct args args = { 0 };
	unsigned given = 0;
	int c, status;

	while ((c = getopt_long(argc, argv, "c:t:nh", options, NULL)) != -1) {
		given |= cmd_letter(c);
		switch (c) {
		case 't':
			args.token = optarg;
			break;
		case 'n':
			args.makes_token = true;
			break;
		case 'j':
			args.as_json = true;
			break;
		default:
			if ((status = cmd_option(c, usage, &path)) >= 0)
				return status;
		}
	}
	const struct cmd_action *action = cmd_action_find(actions, "instance", usage, argc, argv);
	if (action == NULL || !cmd_takes("instance", action->name, action->options, options, given))
		return CMD_USAGE;
	if (args.token != NULL && *args.token == '\0') {
		fputs("hookswitch: token is empty\n", stderr);
		return CMD_USAGE;
	}
	if (args.makes_token && args.token != NULL)
		return cmd_wrong_usage(usage);
	args.name = argv[optind + 1];
	return cmd_action_run(action, &args, path);
}
