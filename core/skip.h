/* SPDX-License-Identifier: Apache-2.0 */
/*
 * skip.h - a destination's backlog is given up: the part of the store thread, between destination_skip_begin and
 * destination_skip_end (see destination.h).
 */
#ifndef SKIP_H
#define SKIP_H

#include "destination.h"
#include "store.h"

/*
 * Looks at the next page of the log and of the retries, notes in the skip what is given up of them, and writes that
 * down in one transaction, unless it is dry. conf: what the destination wants; it decides which events count.
 * HSW_OK, or err says why nothing was changed.
 */
int skip_piece(struct destination_skip *, const struct store_port *, struct hsw_str destination,
	const struct sink_conf *conf, struct hsw_error *err);
/* Whether nothing is left for another piece. */
bool skip_is_over(const struct destination_skip *);

#endif
