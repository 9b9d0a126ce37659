/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h - what the command line asks a running daemon for, over the control socket:
 *
 *   GET  /status                              the daemon, its instances, sinks and store
 *   GET  /dead[?sink=&id=&after=&limit=&body=1] dead letters
 *   POST /dead/replay[?sink=&id=]             makes them due again
 *   POST /dead/purge[?sink=&id=]              deletes them
 *
 * The socket's file mode is the only guard: who may open it may do all of this.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include "worker.h"

/* Answers a request that came over the control socket; false: no such path. */
bool control_handle(struct worker *, struct http_request *);

#endif
