/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identities.h - the phone jids that belong to LIDs, as events of an instance have told both together; so
 * that a later event which has the LID alone can be told with the phone, too. Never a guess.
 *
 * Kept in the journal's memos, in memory while the daemon runs, at most IDENTITIES_MAX pairs (the oldest go
 * first, and those that no event told for IDENTITIES_DAYS). What another node learns is known here within a second.
 * Any thread.
 */
#ifndef IDENTITIES_H
#define IDENTITIES_H

#include "journal.h"

#define IDENTITIES_MAX 200000 /* pairs, about 200 bytes each */
#define IDENTITIES_DAYS 180

struct identities;

/* Reads what the journal remembers; before any worker runs. NULL: err says why. */
struct identities *identities_open(struct journal *, struct hsw_error *err);
/* After journal_close. NULL is allowed. */
void identities_close(struct identities *);

/* An event said that they are one; port: the worker's. owner: the id of the event's instance, its name where it has
 * none. */
void identities_learn(struct identities *, unsigned port, struct hsw_str owner,
	struct hsw_str lid, struct hsw_str phone);
/* Writes the phone jid into out, with a NUL. Its length; 0: not known (or larger than out). */
size_t identities_phone(
	struct identities *, struct hsw_str owner, struct hsw_str lid, char *out, size_t size);

#endif
