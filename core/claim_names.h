/* SPDX-License-Identifier: Apache-2.0 */
/* claim_names.h - the destinations that a node can deliver to, by name. Store thread. */
#ifndef CLAIM_NAMES_H
#define CLAIM_NAMES_H

#include "buf.h"
#include "config.h"
#include "settings.h"

struct claim_names {
	struct hsw_str *list; /* into memory */
	size_t n, cap;
	struct buf memory; /* BUF_INIT at first */
	bool failed;
};

/* The sinks of the configuration and the enabled webhooks of the settings, into an empty list. HSW_OK or
 * HSW_ENOMEM. */
int claim_names_collect(struct claim_names *, const struct config *, struct settings *);
/* Also after a failure. */
void claim_names_free(struct claim_names *);

#endif
