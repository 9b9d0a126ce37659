/* SPDX-License-Identifier: Apache-2.0 */
/* api_ws.h - GET /ws/:instance: the upgrade to a WebSocket (RFC 6455 section 4.2). */
#ifndef API_WS_H
#define API_WS_H

#include "worker.h"

#define API_WS_PREFIX "/ws/"

/* Answers a request whose path begins with the prefix; or gives its connection to the worker's clients. */
void api_ws_handle(struct worker *, struct http_request *);

#endif
