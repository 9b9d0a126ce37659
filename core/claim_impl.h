/* SPDX-License-Identifier: Apache-2.0 */
/* claim_impl.h - what the claim*.c share, see claim.h. Store thread. */
#ifndef CLAIM_IMPL_H
#define CLAIM_IMPL_H

#include <uthash.h>

#include "claim.h"

enum claim_entry_state { CLOSED, OPENING, OPEN, CLOSING };

struct claim_entry {
	struct store_call call; /* first */
	struct mail mail;
	struct claims *claims;
	struct worker *worker;
	enum claim_entry_state state;
	/* what the store says */
	enum hsw_claim_state claim;
	bool is_known;
	int64_t touched;
	/* what is open */
	int64_t opened_touched;
	bool is_stale; /* it changed since */
	int64_t not_before_ms;
	const struct config_section *section;
	struct webhook_section *owned;
	int rc;
	/* of a [sink]; references */
	const struct config *config; /* whose section is open, or on its way */
	const struct config *good;   /* whose section was open the last time */
	bool is_good_wanted;         /* the current section could not be opened */
	int64_t leave_ms;            /* for what is in flight */
	UT_hash_handle hh;
	size_t len;
	char name[];
};

struct claims {
	struct server *server;
	const struct config *config; /* the current one; a reference */
	bool is_untold;              /* the store does not know all that it has */
	_Atomic int64_t held_until_ms;
	_Atomic bool is_posted;
	struct store_call call;
	struct claim_entry *entries;
	int64_t settings; /* that were read */
	bool is_stopping;
	struct metric *held, *nodes;
};

/* ---- claim.c ---- */

/* The store thread's turn: what is new, and what is to be done about each entry. */
void claim_look(struct store_call *, const struct store_port *);
/* The second half of it. */
void claim_look_at_all(struct claims *, const struct store_port *);
/* Says what this node can deliver. HSW_OK, or err says why not. */
int claim_tell(struct claims *, const struct store_port *, struct hsw_error *err);
void claim_entry_free(struct claim_entry *);

/* ---- claim_section.c ---- */

/* Whether this node is to serve it. */
bool claim_is_ours(const struct claim_entry *);
/* Where it delivers to, for the next time that it is opened; false: nowhere, and it is to be
 * looked for later. */
bool claim_find_section(struct claim_entry *);
/* How that ended. */
void claim_note_open(struct claim_entry *);
void claim_note_failure(struct claim_entry *);
void claim_note_closed(struct claim_entry *);

/* ---- claim_config.c ---- */

/* Logs which sections are not the same on other nodes, and leaves for them what they are here. A failure is logged. */
void claim_compare_config(const struct claims *, const struct store_port *);

#endif
