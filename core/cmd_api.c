/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_api.c - see cmd_api.h. */
#include "cmd_api.h"

#include <stdio.h>

#include "client.h"
#include "cmd.h"
#include "err.h"

int
cmd_api_open(struct cmd_api *a, const char *config_path)
{
	struct config_errors errors = { .count = 0 };

	*a = (struct cmd_api){ .config = config_load(config_path, CONFIG_CLIENT, &errors) };
	if (a->config == NULL)
		config_errors_print(&errors, stderr);
	config_errors_free(&errors);
	return a->config != NULL ? HSW_OK : HSW_EINVAL;
}

void
cmd_api_close(struct cmd_api *a)
{
	buf_free(&a->target);
	config_free(a->config);
}

static struct json_object *
parse(const struct buf *b)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *root = tokener != NULL && b->len > 0
		? json_tokener_parse_ex(tokener, b->data, (int)b->len)
		: NULL;
	json_tokener_free(tokener);
	return root;
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
					    str_of(text), &answer, &a->err);
	buf_free(&a->target);
	if (rc == HSW_OK && (*out = parse(&answer)) == NULL)
		rc = err_set(&a->err, HSW_EIO, "the daemon's answer is not what was expected");
	buf_free(&answer);
	return rc;
}

int
cmd_api_status(const struct cmd_api *a, int rc)
{
	if (rc == HSW_OK)
		return CMD_OK;
	fprintf(stderr, "hookswitch: %s\n", a->err.text);
	return rc == HSW_ECLOSED ? CMD_UNREACHABLE : CMD_FAILED;
}

int
cmd_api_unknown(const char *command, const char *given, const char *expected)
{
	fprintf(stderr, "hookswitch: %s: %s%s%s: expected %s (see hookswitch %s --help)\n", command,
		given != NULL ? "unknown `" : "says not what to do", given != NULL ? given : "",
		given != NULL ? "`" : "", expected, command);
	return CMD_USAGE;
}

const char *
cmd_api_text(struct json_object *o, const char *member)
{
	const char *text = json_object_get_string(json_object_object_get(o, member));
	return text != NULL ? text : "";
}
