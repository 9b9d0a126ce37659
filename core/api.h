/* SPDX-License-Identifier: Apache-2.0 */
/* api.h - which part of the server answers a request. */
#ifndef API_H
#define API_H

#include "worker.h"

/* Answers the request, now or later. On its worker. */
void api_handle(struct worker *, struct http_request *);

#endif
