/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_api.c - see cmd_api.h. */
#include "cmd_api.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "cmd.h"
#include "err.h"
#include "json_text.h"

int
cmd_api_open(struct cmd_api *a, const char *config_path)
{
	*a = (struct cmd_api){ .config = cmd_client_config(config_path) };
	return a->config != NULL ? HSW_OK : HSW_EINVAL;
}

void
cmd_api_close(struct cmd_api *a)
{
	buf_free(&a->target);
	config_free(a->config);
}

int
cmd_api_ask(
	struct cmd_api *a, const char *method, struct json_object *body, struct json_object **out)
{
	const char *text = body != NULL
		? json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN)
		: NULL;
	struct buf answer = BUF_INIT;

	*out = NULL;
	buf_append(&a->target, "", 1);
	int rc = a->target.failed ? err_set(&a->err, HSW_ENOMEM, "out of memory")
				  : client_send(a->config->server.control, method, a->target.data,
					    str_of(text), CLIENT_TIMEOUT_S, &answer, &a->err);
	buf_free(&a->target);
	if (rc == HSW_OK && (*out = json_text_parse(str_of_buf(&answer))) == NULL)
		rc = err_set(&a->err, HSW_EIO, "the daemon's answer is not what was expected");
	buf_free(&answer);
	return rc;
}

int
cmd_api_ask_instance(
	struct cmd_api *a, const char *name, struct json_object **root, struct json_object **row)
{
	buf_str(&a->target, "/api/instance/list?instanceName=");
	client_escape(&a->target, name);
	int rc = cmd_api_ask(a, "GET", NULL, root);
	struct json_object *rows = json_object_object_get(*root, "instances");

	*row = rows != NULL ? json_object_array_get_idx(rows, 0) : NULL;
	return rc;
}

int
cmd_api_status(const struct cmd_api *a, int rc)
{
	if (rc != HSW_OK)
		fprintf(stderr, "hookswitch: %s\n", a->err.text);
	return cmd_status_of(rc);
}

const char *
cmd_api_text(struct json_object *o, const char *member)
{
	const char *text = json_object_get_string(json_object_object_get(o, member));
	return text != NULL ? text : "";
}

bool
cmd_api_is_undecryptable(struct json_object *row)
{
	return json_object_get_boolean(json_object_object_get(row, "tokenUndecryptable"));
}

int
cmd_api_set_undecryptable(struct cmd_api *a, struct json_object *row)
{
	const char *name = cmd_api_text(row, "name");

	return err_set(&a->err, HSW_EAUTH,
		"the token of instance %.100s cannot be decrypted with the encryption_key that the "
		"daemon runs with: start it with the key of its store; with that, `hookswitch "
		"instance token --new %.100s` sets another token",
		name, name);
}

const char *
cmd_api_state(struct json_object *o)
{
	return json_object_get_boolean(json_object_object_get(o, "enabled")) ? "enabled"
									     : "disabled";
}

void
cmd_api_print_events(struct json_object *o)
{
	struct json_object *events = json_object_object_get(o, "events");
	size_t n = events != NULL ? json_object_array_length(events) : 0;

	for (size_t i = 0; i < n; i++)
		printf("%s%s", i > 0 ? "," : "",
			json_object_get_string(json_object_array_get_idx(events, i)));
}

void
cmd_api_add_events(struct json_object *o, char *list)
{
	struct json_object *array = json_object_new_array();
	char *name;

	while ((name = strsep(&list, ", ")) != NULL) {
		if (*name != '\0')
			json_object_array_add(array, json_object_new_string(name));
	}
	json_object_object_add(o, "events", array);
}

void
cmd_api_print_json(struct json_object *root)
{
	puts(json_object_to_json_string_ext(root, JSON_C_TO_STRING_NOSLASHESCAPE));
}

int
cmd_api_list(struct cmd_api *a, const char *member, bool as_json, void (*print_heading)(void),
	void (*print_row)(struct json_object *))
{
	struct json_object *root;
	int rc = cmd_api_ask(a, "GET", NULL, &root);
	struct json_object *rows = json_object_object_get(root, member);
	size_t n = rows != NULL ? json_object_array_length(rows) : 0;

	if (rc == HSW_OK && as_json)
		cmd_api_print_json(root);
	else if (rc == HSW_OK)
		print_heading();
	for (size_t i = 0; i < n && !as_json; i++)
		print_row(json_object_array_get_idx(rows, i));
	json_object_put(root);
	return rc;
}

int
cmd_api_delete(struct cmd_api *a)
{
	struct json_object *root;
	int rc = cmd_api_ask(a, "DELETE", NULL, &root);

	if (rc == HSW_OK)
		printf("deleted; dropped events: %s\n", cmd_api_text(root, "droppedEvents"));
	json_object_put(root);
	return rc;
}

/* Says what may follow the command, where what was given (NULL: nothing) does not. */
static void
tell_actions(const struct cmd_action *table, const char *command, const char *given)
{
	fprintf(stderr, "hookswitch: %s: %s%s%s: expected ", command,
		given != NULL ? "unknown `" : "says not what to do", given != NULL ? given : "",
		given != NULL ? "`" : "");
	for (const struct cmd_action *a = table; a->name != NULL; a++)
		fprintf(stderr, "%s%s", a->name,
			a[1].name == NULL           ? ""
				: a[2].name == NULL ? " or "
						    : ", ");
	fprintf(stderr, " (see hookswitch %s --help)\n", command);
}

const struct cmd_action *
cmd_action_find(const struct cmd_action *table, const char *command, const char *usage, int argc,
	char **argv)
{
	const char *given = optind < argc ? argv[optind] : NULL;
	const struct cmd_action *a = table;

	while (a->name != NULL && (given == NULL || strcmp(a->name, given) != 0))
		a++;
	if (a->name != NULL && argc - optind == a->operands + 1)
		return a;
	if (a->name == NULL)
		tell_actions(table, command, given);
	else
		cmd_wrong_usage(usage);
	return NULL;
}

int
cmd_action_run(const struct cmd_action *action, const void *args, const char *config_path)
{
	struct cmd_api api;

	if (cmd_api_open(&api, config_path) != HSW_OK)
		return CMD_FAILED;
	int status = cmd_api_status(&api, action->fn(&api, args));
	cmd_api_close(&api);
	return status;
}
