/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - asking a running daemon over its control socket (see control.h). For commands. */
#ifndef CLIENT_H
#define CLIENT_H

#include "buf.h"

/*
 * Sends `METHOD target` and reads the answer's body into out. HSW_OK: answered with 200.
 * HSW_ECLOSED: no daemon listens there. HSW_EIO, HSW_EINVAL: err says what went wrong, or what the
 * daemon answered.
 */
int client_ask(const char *socket_path, const char *method, const char *target, struct buf *out,
	struct hsw_error *err);

/* The same with a body of JSON. */
int client_send(const char *path, const char *method, const char *target, struct hsw_str body,
	struct buf *out, struct hsw_error *err);
/* Appends the text percent-encoded, for a target. */
void client_escape(struct buf *out, const char *text);

#endif
