/* SPDX-License-Identifier: Apache-2.0 */
/*
 * follow.h - what other nodes append to the log, read from it and fed to the workers in its place, so that they
 * are fed every committed envelope in seq order, whoever appended it.
 *
 * Of the store thread. A notification that is lost costs time only: what is read is what the log has.
 */
#ifndef FOLLOW_H
#define FOLLOW_H

#include "gaps.h"
#include "journal.h"

struct follow;

struct follow_env {
	struct catalog *catalog;
	const struct journal_port *ports;
	size_t n_ports;
	bool (*is_fed)(const struct journal *, unsigned port);
	struct journal *journal;
	struct gaps *gaps; /* kept up with what is fed */
};

/* fed_seq: the log's end when the workers began to be fed. NULL: out of memory. */
struct follow *follow_new(const struct follow_env *, struct store *, int64_t fed_seq);
/* No page is out: the workers have ended. NULL is allowed. */
void follow_free(struct follow *);

/* Others' events up to last_seq are to be fed. */
void follow_upto(struct follow *, const struct store_port *, int64_t last_seq);
/* This node committed events first to last. Whether the workers were fed all that is before them, so that
 * they can be fed these; else they are read from the log like the others'. */
bool follow_own(struct follow *, const struct store_port *, int64_t first, int64_t last);
/* Feeds nothing any more. */
void follow_stop(struct follow *);

#endif
