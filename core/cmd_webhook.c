/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_webhook.c - `hookswitch webhook set|list|rm`: the webhooks of a running daemon's instances. */
#include "cmd.h"

#include <getopt.h>
#include <stdio.h>

#include "client.h"
#include "cmd_api.h"

static const char usage[] =
	"Usage: hookswitch webhook list [--json] INSTANCE\n"
	"       hookswitch webhook set [--label LABEL] --url URL [--authorization TEXT]\n"
	"                  [--events LIST] [--by-events] [--media] INSTANCE\n"
	"       hookswitch webhook set [--label LABEL] --disable INSTANCE\n"
	"       hookswitch webhook rm [--label LABEL] INSTANCE\n"
	"\n"
	"Webhooks of an instance of a running daemon, in addition to the sinks of its\n"
	"configuration. A new one gets the events that come from then on.\n"
	"\n"
	"  -c, --config FILE         the daemon's configuration (for its control socket)\n"
	"  -l, --label LABEL         which of the instance's webhooks; default if not given\n"
	"  -u, --url URL             where events are posted to\n"
	"  -a, --authorization TEXT  the Authorization header, as it stands\n"
	"  -e, --events LIST         the types that are wanted, with commas; all if not given\n"
	"  -b, --by-events           add the event's name to the URL's path\n"
	"  -m, --media               send media along as base64\n"
	"      --disable             send it nothing any more, and forget what it waits for\n"
	"      --json                print the daemon's answer as it is\n"
	"  -h, --help                this text\n";

struct args {
	const char *instance, *label, *url, *authorization;
	char *events;
	bool by_events, media, disable, as_json;
};

/* Why it is sent nothing; list NULL: it is not so. */
static void
print_undecryptable(struct json_object *list)
{
	size_t n = list != NULL ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n; i++)
		printf("%s%s", i == 0 ? "  " : ", ",
			json_object_get_string(json_object_array_get_idx(list, i)));
	if (n > 0)
		printf(" cannot be decrypted: it is sent nothing");
}

static void
print_row(struct json_object *w)
{
	printf("%-24s %-8s %-48s ", cmd_api_text(w, "label"), cmd_api_state(w),
		cmd_api_text(w, "url"));
	cmd_api_print_events(w);
	const char *reason = cmd_api_text(w, "disabledReason");
	printf("%s%s", *reason != '\0' ? "  " : "", reason);
	print_undecryptable(json_object_object_get(w, "undecryptable"));
	putchar('\n');
}

static void
print_heading(void)
{
	printf("%-24s %-8s %-48s %s\n", "LABEL", "STATE", "URL", "EVENTS");
}

static int
list(struct cmd_api *a, const void *arg)
{
	const struct args *args = arg;

	buf_str(&a->target, "/api/events/getWebhook/");
	client_escape(&a->target, args->instance);
	return cmd_api_list(a, "webhooks", args->as_json, print_heading, print_row);
}

static void
add_text(struct json_object *o, const char *name, const char *text)
{
	if (text != NULL)
		json_object_object_add(o, name, json_object_new_string(text));
}

static int
set(struct cmd_api *a, const void *arg)
{
	const struct args *args = arg;
	struct json_object *root, *body = json_object_new_object();

	json_object_object_add(body, "enabled", json_object_new_boolean(!args->disable));
	add_text(body, "label", args->label);
	add_text(body, "url", args->url);
	add_text(body, "authorization", args->authorization);
	if (args->events != NULL)
		cmd_api_add_events(body, args->events);
	if (args->by_events)
		json_object_object_add(body, "byEvents", json_object_new_boolean(1));
	if (args->media)
		json_object_object_add(body, "mediaBase64", json_object_new_boolean(1));
	buf_str(&a->target, "/api/events/webhook/");
	client_escape(&a->target, args->instance);
	int rc = cmd_api_ask(a, "POST", body, &root);
	if (rc == HSW_OK)
		print_row(json_object_object_get(root, "webhook"));
	json_object_put(body);
	json_object_put(root);
	return rc;
}

static int
rm(struct cmd_api *a, const void *arg)
{
	const struct args *args = arg;

	buf_str(&a->target, "/api/events/webhook/");
	client_escape(&a->target, args->instance);
	buf_str(&a->target, "?label=");
	client_escape(&a->target, args->label != NULL ? args->label : "");
	return cmd_api_delete(a);
}

static const struct cmd_action actions[] = {
	{ "list", list, 1, "j" },
	{ "set", set, 1, "luaebmd" },
	{ "rm", rm, 1, "l" },
	{ NULL, NULL, 0, NULL },
};

/* CMD_OK; -1: go on. */
static int
read_option(int c, struct args *args, const char **path)
{
	switch (c) {
	case 'l':
		args->label = optarg;
		return -1;
	case 'u':
		args->url = optarg;
		return -1;
	case 'a':
		args->authorization = optarg;
		return -1;
	case 'e':
		args->events = optarg;
		return -1;
	case 'b':
		args->by_events = true;
		return -1;
	case 'm':
		args->media = true;
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
cmd_webhook(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "label", required_argument, NULL, 'l' }, { "url", required_argument, NULL, 'u' },
		{ "authorization", required_argument, NULL, 'a' },
		{ "events", required_argument, NULL, 'e' }, { "by-events", no_argument, NULL, 'b' },
		{ "media", no_argument, NULL, 'm' }, { "disable", no_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	const char *path = config_default_path;
	struct args args = { 0 };
	unsigned given = 0;
	int c;

	while ((c = getopt_long(argc, argv, "c:l:u:a:e:bmh", options, NULL)) != -1) {
		given |= cmd_letter(c);
		int status = read_option(c, &args, &path);
		if (status >= 0)
			return status;
	}
	const struct cmd_action *action = cmd_action_find(actions, "webhook", usage, argc, argv);
	if (action == NULL || !cmd_takes("webhook", action->name, action->options, options, given))
		return CMD_USAGE;
	args.instance = argv[optind + 1];
	return cmd_action_run(action, &args, path);
}
