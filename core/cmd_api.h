/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_api.h - commands that use the API of the running daemon, over its control socket. */
#ifndef CMD_API_H
#define CMD_API_H

#include <json.h>

#include "buf.h"
#include "config.h"

struct cmd_api {
	struct config *config;
	struct buf target; /* of the next request; emptied by it */
	struct hsw_error err;
};

/* HSW_OK, or HSW_EINVAL when the configuration's errors were printed. */
int cmd_api_open(struct cmd_api *, const char *config_path);
void cmd_api_close(struct cmd_api *);
/* Asks for what `target` says; body may be NULL. *out is the answer, the caller's. HSW_OK, or err. */
int cmd_api_ask(
	struct cmd_api *, const char *method, struct json_object *body, struct json_object **out);
/* The exit status; says what went wrong. */
int cmd_api_status(const struct cmd_api *, int rc);
/* Asks for the instance of that name. *row: what is told of it, a part of *root, which is the caller's; NULL: it is not
 * there. HSW_OK, or err. */
int cmd_api_ask_instance(
	struct cmd_api *, const char *name, struct json_object **root, struct json_object **row);
/* Asks for the list that is this member of the answer, and prints it: as it came, or a heading and rows. */
int cmd_api_list(struct cmd_api *, const char *member, bool as_json, void (*print_heading)(void),
	void (*print_row)(struct json_object *));
/* Deletes what `target` says, and prints what was dropped with it. */
int cmd_api_delete(struct cmd_api *);
/* An answer as it came, on a line. */
void cmd_api_print_json(struct json_object *);
/* A member as text, "" where there is none. */
const char *cmd_api_text(struct json_object *, const char *member);
/* "enabled" or "disabled", as a webhook or WebSocket says of itself. */
const char *cmd_api_state(struct json_object *);
/* Prints the names in its member `events`, with commas. */
void cmd_api_print_events(struct json_object *);
/* Adds the member `events`: the names in the list, which is cut up. */
void cmd_api_add_events(struct json_object *, char *list);

/* What such a command can do, for instance `add`. */
struct cmd_action {
	const char *name; /* NULL: the table's end */
	int (*fn)(struct cmd_api *, const void *args);
	int operands;        /* that must follow its name */
	const char *options; /* that it takes, see cmd_takes */
};

/* The action of `command` that is named behind the options. NULL: none, or with other operands than it needs;
 * that was said. */
const struct cmd_action *cmd_action_find(
	const struct cmd_action *, const char *command, const char *usage, int argc, char **argv);
/* The exit status. */
int cmd_action_run(const struct cmd_action *, const void *args, const char *config_path);

/* Whether the instance of this row of the list has a token that the daemon cannot read. */
bool cmd_api_is_undecryptable(struct json_object *row);
/* Puts into a->err what is to be done about that; HSW_EAUTH. */
int cmd_api_set_undecryptable(struct cmd_api *a, struct json_object *row);

#endif
