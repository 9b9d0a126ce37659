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
/* Says what may follow the command, where what was given (NULL: nothing) does not. CMD_USAGE. */
int cmd_api_unknown(const char *command, const char *given, const char *expected);
/* A member as text, "" where there is none. */
const char *cmd_api_text(struct json_object *, const char *member);

#endif
