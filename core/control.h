/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control.h - what the command line asks a running daemon for, over the control socket:
 *
 *   GET  /status                              the daemon, its instances, sinks and store
 *   POST /reload                              reads the configuration again; answers when that is done:
 *                                             `changed`, `restartNeeded`, `kept` and `errors` are lists of
 *                                             text
 *   GET  /dead[?sink=&id=&after=&limit=&body=1] dead letters
 *   POST /dead/replay[?sink=&id=&after=&count=] makes them due again
 *   POST /dead/purge[?sink=&id=&count=]       deletes them; of very many, both, as many as half a second
 *                                             is enough for: with `more`, `next` is the next call's
 *                                             `after`, and the number, which is of all calls, its `count`
 *   GET  /deliveries?sink=[&failed=1]         the last attempts of a sink
 *   POST /replay?sink=&since=[&until=&event=&chat=&after=&limit=&dry=1]
 *                                             delivers settled events once more, a piece of the log
 *                                             after another: `next` is the next call's `after`,
 *                                             `seqs` are the events of this piece
 *   POST /replay/outcome?sink=                of {"since":ms,"seqs":[]} which are `untried` and
 *                                             `retrying`, and how many are `dead` since; the rest
 *                                             was delivered; and the sink's `state`
 *
 * The socket's file mode is the only guard: who may open it may do all of this.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include "worker.h"

/* Answers a request that came over the control socket; false: no such path. */
bool control_handle(struct worker *, struct http_request *);

#endif
