/* SPDX-License-Identifier: Apache-2.0 */
/*
 * share.h - which of the destinations a node is to have: as many as the others, and those that it has as long
 * as that holds. Knows nothing of PostgreSQL: it is told what the tables say, and says what is to be changed.
 *
 *	FOREIGN -- due, taken --> HELD -- too many, not wanted, lost --> ENDING -- share_release --> RELEASED
 *	   ^--------------------------------- the tables say so, too ---------------------------------'
 */
#ifndef STORE_POSTGRES_SHARE_H
#define STORE_POSTGRES_SHARE_H

#include <stdbool.h>

#include <hookswitch/store.h>

#define NODE_NAME_MAX 63 /* bytes */

enum share_state { SHARE_FOREIGN, SHARE_HELD, SHARE_ENDING, SHARE_RELEASED };

struct share_item {
	struct hsw_str name; /* its own */
	enum share_state state;
	bool is_wanted;
	bool is_lost; /* while ENDING: another node may have it already */
	bool is_told; /* while RELEASED: the tables are being told */
	bool is_seen; /* the tables know it */
	bool is_due;  /* FOREIGN, and to be taken */
	bool is_adopted;
	char node[NODE_NAME_MAX + 1]; /* who has it, empty: nobody that is there */
	int64_t id, touched, rivals;
	int64_t free_since_ms; /* monotonic; 0: somebody has it */
};

struct share_peer {
	char name[NODE_NAME_MAX + 1];
	int64_t held; /* of those that more than one node wants */
};

struct share {
	const char *self;
	struct share_item **items; /* by name */
	size_t n;
	struct share_peer *peers; /* those that are there and stay, by name; this one included */
	size_t n_peers;
	bool is_retiring; /* gives away all that it has, and takes nothing */
};

/* What the tables say of a destination. */
struct share_row {
	struct hsw_str name, node;
	int64_t id, touched;
	int64_t rivals; /* other nodes that want it */
	bool is_there;  /* the node that has it */
};

/* self is borrowed. */
void share_init(struct share *, const char *self);
void share_fini(struct share *);
/* What this node can deliver, in the place of what it could before. false: out of memory. */
bool share_want(struct share *, const struct hsw_str *names, size_t n);

/* One look at the tables: begin, the peers and rows, end. Memory that lacks leaves out a row or peer until
 * the next look. */
void share_begin(struct share *);
void share_peer(struct share *, struct hsw_str name, int64_t held);
void share_row(struct share *, const struct share_row *);
/* Decides. Whether any item is due. */
bool share_end(struct share *, int64_t now_ms, int64_t adopt_ms);

bool share_has_lost(const struct share *);
/* One that is ENDING is not delivered any more. */
void share_release(struct share *, struct hsw_str name);
/* All that is held is ENDING. */
void share_retire(struct share *);
struct hsw_claim share_claim(const struct share *, size_t i);

#endif
