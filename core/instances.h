/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instances.h - the instances of a configuration that was read again, for everybody at once. Main thread.
 */
#ifndef INSTANCES_H
#define INSTANCES_H

#include "change.h"

struct instances {
	struct server *server;
	_Atomic bool is_changing;
	/* Of the last change; not while instances are changing. */
	int rc;
	struct hsw_error error;
	struct buf kept_websockets; /* as the change has them */
};

void instances_init(struct instances *, struct server *);
/* Not while instances are changing. Takes a reference. What cannot be done is logged, and the instances stay as
 * they were. */
void instances_change(struct instances *, const struct config *);
bool instances_are_changing(const struct instances *);
void instances_fini(struct instances *);

#endif
