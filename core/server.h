/* SPDX-License-Identifier: Apache-2.0 */
/* server.h - the daemon as a whole: start, signals, stop. Main thread. */
#ifndef SERVER_H
#define SERVER_H

#include "config.h"

struct server_options {
	bool keep_undecryptable; /* start though stored secrets cannot be decrypted */
};

/*
 * Runs the daemon until SIGTERM or SIGINT, in the foreground. 0: stopped cleanly; 1: it could not
 * start, or not stop in time (said in the log).
 */
int server_run(const struct config *, const struct server_options *);

#endif
