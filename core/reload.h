/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload.h - the configuration is read again while the daemon runs. Main thread.
 *
 * Sources (and the files that they read), the log's level and format, and the TLS certificate change at once;
 * for what needs a restart the log says so. A file with errors changes nothing.
 */
#ifndef RELOAD_H
#define RELOAD_H

#include "worker.h"

struct reload {
	struct server *server;
	/* What was loaded since the start and is in use; workers point into it. */
	struct config **kept;
	size_t n_kept;
};

void reload_run(struct reload *);
/* When no worker runs any more. */
void reload_fini(struct reload *);

#endif
