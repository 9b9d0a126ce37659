/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - asking a running daemon over its control socket (see control.h). For commands. */
#ifndef CLIENT_H
#define CLIENT_H

#include "buf.h"

#define CLIENT_TIMEOUT_S 60 /* until the next part of an answer */
#define CLIENT_NO_TIMEOUT 0 /* it ends with the daemon */

/*
 * Sends `METHOD target` and reads the answer's body into out. HSW_OK: answered with 200.
 * HSW_ECLOSED: no daemon listens there. HSW_ENOENT: answered with 404. HSW_EIO, HSW_EINVAL: err says what went wrong,
 * or what the daemon answered.
 */
int client_ask(const char *socket_path, const char *method, const char *target, struct buf *out,
	struct hsw_error *err);

/* The same with a body of JSON, and how long the daemon may take. */
int client_send(const char *path, const char *method, const char *target, struct hsw_str body,
	int timeout_s, struct buf *out, struct hsw_error *err);
/* Appends the text percent-encoded, for a target. */
void client_escape(struct buf *out, const char *text);

#endif
