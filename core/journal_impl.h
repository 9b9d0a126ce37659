/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal_impl.h - what the files of the journal (journal*.c) share.
 *
 * Who calls what from where: journal_append, journal_write, journal_read run on a worker; what is marked as
 * the store thread's below, on that.
 */
#ifndef JOURNAL_IMPL_H
#define JOURNAL_IMPL_H

#include "gaps.h"
#include "journal.h"
#include "memories.h"
#include "retain.h"

#define JOURNAL_SEEN_KIND "seen" /* of memos: the ids of a transaction, 8 bytes each */

struct journal {
	struct store *store;
	const struct store_port *port; /* the store thread's */
	struct follow *follow;         /* NULL: nobody else appends */
	struct gaps gaps;              /* of the log */
	struct memories memories;      /* of the store thread */
	struct retain retain;
	bool is_prune_failing; /* which was logged */
	struct catalog *catalog;
	const struct config *config; /* of the start */
	const struct config
		*retention; /* in use: what is kept for whom; the store thread's, a reference */
	const struct journal_port *ports;
	size_t n_ports;
	_Atomic bool is_fed[JOURNAL_PORTS_MAX];
	struct seen *seen; /* of the store thread; NULL: without dedupe */
	struct hsw_write seen_write;
	struct hsw_store_record seen_record;
	_Atomic int64_t waiting_bytes; /* of events that are not committed yet */
	int64_t last_seq;              /* at the start */
};

/* ---- journal_read.c ---- */

/* An event of the store, with its instance's token as that is now. Store thread. NULL: out of memory, or of a type
 * that this version does not know, which is logged. */
struct hsw_envelope *journal_envelope(struct catalog *, const struct hsw_store_event *);

/* ---- journal_write.c ---- */

/* Whether the worker gets what is committed. Sequentially consistent: who has become a reader before an
 * append sees what comes of it. */
bool journal_is_fed(const struct journal *, unsigned port);

/* The store's hooks; see store.h. The store thread. */

/* Puts the events that are new in front, in their order; returns how many. */
size_t journal_admit(void *journal, struct store_write *);
/* The transaction remembers its ids, for the next start. NULL: there are none. */
struct hsw_write *journal_complete(void *journal);
/* A transaction with these jobs is over. */
void journal_committed(void *journal, struct store_write *const *jobs, size_t n, int rc);

#endif
