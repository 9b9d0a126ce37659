/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_status.c - `hookswitch status`: what a running daemon is doing, for people or as JSON. */
#include "cmd.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include <json.h>

#include "client.h"
#include "config.h"
#include "json_text.h"

static const char usage[] =
	"Usage: hookswitch status [-c FILE] [--json]\n"
	"\n"
	"Asks the running daemon for its instances, sinks and store.\n"
	"\n"
	"  -c, --config FILE  the daemon's configuration (for its control socket)\n"
	"      --json         the answer as it is\n"
	"  -h, --help         this text\n";

static const char *
text(struct json_object *o, const char *key)
{
	struct json_object *value;
	return json_object_object_get_ex(o, key, &value) ? json_object_get_string(value) : "-";
}

static int64_t
number(struct json_object *o, const char *key)
{
	return json_object_get_int64(json_object_object_get(o, key));
}

static void
print_sinks(struct json_object *sinks, struct json_object *dead)
{
	printf("\n%-20s %-10s %-9s %-9s %9s %9s %9s %6s %12s  %s\n", "SINK", "PLUGIN", "STATE",
		"CIRCUIT", "LAG", "IN FLIGHT", "RETRYING", "DEAD", "DELIVERED", "LAST ERROR");
	for (size_t i = 0; i < json_object_array_length(sinks); i++) {
		struct json_object *s = json_object_array_get_idx(sinks, i);
		char n_dead[24] = "-"; /* the store is away */
		if (dead != NULL)
			snprintf(n_dead, sizeof(n_dead), "%" PRId64, number(dead, text(s, "name")));
		printf("%-20s %-10s %-9s %-9s %9" PRId64 " %9" PRId64 " %9" PRId64 " %6s %12" PRId64
		       "  %s\n",
			text(s, "name"), text(s, "plugin"), text(s, "state"), text(s, "circuit"),
			number(s, "lag"), number(s, "inFlight"), number(s, "retrying"), n_dead,
			number(s, "delivered"), text(s, "lastError"));
	}
}

static void
print_instances(struct json_object *instances)
{
	printf("\n%-20s %12s  %s\n", "INSTANCE", "EVENTS", "LAST EVENT");
	for (size_t i = 0; i < json_object_array_length(instances); i++) {
		struct json_object *n = json_object_array_get_idx(instances, i);
		printf("%-20s %12" PRId64 "  %s\n", text(n, "name"), number(n, "events"),
			text(n, "lastEventAt"));
	}
}

/* Where several daemons share the store. */
static void
print_nodes(struct json_object *root)
{
	struct json_object *nodes = json_object_object_get(root, "nodes");
	struct json_object *elsewhere = json_object_object_get(root, "elsewhere");

	if (nodes == NULL)
		return;
	printf("node %s of ", text(root, "node"));
	for (size_t i = 0; i < json_object_array_length(nodes); i++)
		printf("%s%s", i > 0 ? ", " : "",
			json_object_get_string(json_object_array_get_idx(nodes, i)));
	printf("\n");
	for (size_t i = 0; i < json_object_array_length(elsewhere); i++) {
		struct json_object *s = json_object_array_get_idx(elsewhere, i);
		const char *node = text(s, "node");
		printf("%-20s %s%s\n", text(s, "name"),
			*node != '\0' ? "served by " : "served by nobody yet", node);
	}
}

static void
print_store(struct json_object *root, struct json_object *store)
{
	struct json_object *error = NULL;

	if (json_object_object_get_ex(root, "storeError", &error))
		printf("store %s: away: %s\n", text(store, "plugin"),
			json_object_get_string(error));
	else
		printf("store %s: %" PRId64 " events, last seq %" PRId64 ", %" PRId64 " bytes\n",
			text(store, "plugin"), number(store, "events"), number(store, "lastSeq"),
			number(store, "bytes"));
	if (error == NULL && json_object_object_get_ex(root, "storeTrouble", &error))
		printf("store %s: cannot be written to: %s\n", text(store, "plugin"),
			json_object_get_string(error));
	if (json_object_get_boolean(json_object_object_get(root, "deliveriesPaused")))
		printf("deliveries are paused: without the store no node can tell who may "
		       "deliver\n");
}

static bool
print(const struct buf *answer)
{
	struct json_object *root = json_text_parse(str_of_buf(answer));
	struct json_object *store = json_object_object_get(root, "store");
	bool is_good = store != NULL;

	if (is_good) {
		printf("hookswitch %s, since %s, %" PRId64 " workers, %" PRId64 " connections\n",
			text(root, "version"), text(root, "startedAt"), number(root, "workers"),
			number(root, "connections"));
		print_store(root, store);
		print_nodes(root);
		print_instances(json_object_object_get(root, "instances"));
		print_sinks(json_object_object_get(root, "sinks"),
			json_object_object_get(root, "dead"));
	}
	json_object_put(root);
	return is_good;
}

static int
show(const char *socket_path, bool as_json)
{
	struct buf answer = BUF_INIT;
	struct hsw_error err = { "the daemon's answer is not what was expected" };
	int rc = client_ask(socket_path, "GET", "/status", &answer, &err);

	if (rc == HSW_OK && as_json)
		printf("%.*s\n", (int)answer.len, answer.data);
	else if (rc == HSW_OK && !print(&answer))
		rc = HSW_EIO;
	if (rc != HSW_OK)
		fprintf(stderr, "hookswitch: %s\n", err.text);
	buf_free(&answer);
	return cmd_status_of(rc);
}

int
cmd_status(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
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
	struct config *config = cmd_client_config(path);
	status = config != NULL ? show(config->server.control, as_json) : CMD_FAILED;
	config_free(config);
	return status;
}
