/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sinks.h - which worker serves which sink section, and sections that come, change and go while events flow.
 * Main thread.
 */
#ifndef SINKS_H
#define SINKS_H

#include "report.h"
#include "worker.h"

struct sink_place;

struct sinks {
	struct server *server;
	struct sink_place *first;
	_Atomic unsigned pending; /* changes that are on their way */
};

/* Those of the start, as the workers deal them out. HSW_OK or HSW_ENOMEM. */
int sinks_init(struct sinks *, struct server *);
/* When no worker runs any more. */
void sinks_fini(struct sinks *);

/* Sends what is different between the two, and what did not succeed the last time, to the workers. Not while sinks
 * are changing. Both may be given back then: who needs one keeps a reference. */
void sinks_change(struct sinks *, const struct config *before, const struct config *after);
bool sinks_are_changing(const struct sinks *);
/* What the last change could not do. Not while sinks are changing. */
void sinks_report(const struct sinks *, struct report *);

#endif
