/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload.h - the configuration is read again while the daemon runs. Main thread.
 *
 * What changes at once and what needs a restart stands in one table of reload.c; the log says it for each
 * difference. A file with errors changes nothing.
 */
#ifndef RELOAD_H
#define RELOAD_H

#include "instances.h"
#include "report.h"
#include "sinks.h"

/* What takes effect as a whole, or stays as it was; what is different there is told when it has taken effect. */
enum reload_part { RELOAD_SOURCES, RELOAD_INSTANCES, RELOAD_PARTS };

struct reload {
	struct server *server;
	const struct config *in_use; /* a reference */
	const struct config *fresh;  /* while it is compared with what is in use */
	/* Where the last time was refused it is an older one than in_use. References. */
	const struct config *effective[RELOAD_PARTS];
	struct sinks sinks;
	struct instances instances;
	struct report report;
	struct mail *asking; /* that wait for the report */
	bool must_tell;      /* in the log, what took effect of a file that had no errors */
	bool is_running;     /* not all of it has taken effect yet */
	bool is_wanted;      /* asked for while something is still changing */
};

/* When the workers run. HSW_OK or HSW_ENOMEM. */
int reload_init(struct reload *, struct server *);
/* Reads the file, or does so when reload_go_on is called and nothing is changing any more. */
void reload_run(struct reload *);
/* Whether reload_go_on should be called now and then. */
bool reload_is_busy(const struct reload *);
void reload_go_on(struct reload *);
/* The daemon stops: whoever waits is told. As long as somebody may ask. */
void reload_refuse(struct reload *);
/* When no worker runs any more. */
void reload_fini(struct reload *);

#endif
