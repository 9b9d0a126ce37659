/* SPDX-License-Identifier: Apache-2.0 */
/*
 * redeliver.h - events that somebody asked for to be delivered once more: dead letters, and what a
 * destination settled. They become retries in the store, with REPLAY_TEXT; the destination is told of
 * them by destination_retry. All of it is done on the store thread.
 */
#ifndef REDELIVER_H
#define REDELIVER_H

#include "config.h"
#include "store.h"
#include "webhook.h"

#define REPLAY_MAX 1000 /* events of one replay */

/* Grows; zeroed before, freed with free(seqs). */
struct seq_list {
	int64_t *seqs;
	size_t n, cap;
};

/* HSW_OK or HSW_ENOMEM. */
int seq_list_add(struct seq_list *, int64_t seq);

/* ---- dead letters ---- */

/* The members of its JSON object, without braces and destination. */
void dead_print(const struct hsw_store_exception *, bool with_body, struct buf *);
/* Makes retries of the dead letters of q->destination that q selects, and lists them. HSW_OK, or err
 * says why not. */
int dead_replay(const struct store_port *, const struct hsw_dead_query *q, struct seq_list *,
	struct hsw_error *err);

/* ---- settled events ---- */

/* Whether a destination asks for the event. */
bool redeliver_is_wanted(const struct sink_conf *, const struct hsw_store_event *);

struct replay {
	const struct sink_conf *conf;     /* what the destination wants */
	struct webhook_section *made;     /* conf is in it, where the API made the sink; owned */
	struct buf event, instance, chat; /* only of this type, instance, chat; empty: all */
	bool is_instance_known;           /* there is one of that name now; or all are meant */
	int64_t since_ms, until_ms;       /* received from, to; since 1970 */
	int64_t settled;                  /* the destination's cursor */
	int64_t next;                     /* every event up to it was looked at */
	int64_t seqs[REPLAY_MAX];         /* that match */
	size_t n, limit;                  /* limit: at most REPLAY_MAX */
	size_t n_read;                    /* by the last replay_select */
	bool is_over;                     /* none is left to be looked at */
};

void replay_free(struct replay *); /* NULL is allowed */
/* Looks at the next page of the log and adds those that match to seqs; those that are in retry come
 * anyway and are left out. HSW_OK, or err says why not. */
int replay_select(struct replay *, const struct store_port *, struct hsw_str destination,
	struct hsw_error *err);
/* Makes retries of them; those that are dead letters are that no more. HSW_OK, or err says why not. */
int replay_commit(const struct replay *, const struct store_port *, struct hsw_str destination,
	struct hsw_error *err);

#endif
