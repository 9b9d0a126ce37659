/* SPDX-License-Identifier: Apache-2.0 */
/* ops.h - GET /healthz, /readyz, /metrics: for loopback and the control socket only. */
#ifndef OPS_H
#define OPS_H

#include "worker.h"

/* Answers the request if its path is one of these; false: it is not. */
bool ops_handle(struct worker *, struct http_request *);

#endif
