/* SPDX-License-Identifier: Apache-2.0 */
/* node_impl.h - what node.c, a node's thread and what the daemon asks of it, and node_beat.c share. */
#ifndef STORE_POSTGRES_NODE_IMPL_H
#define STORE_POSTGRES_NODE_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "node.h"
#include "share.h"

struct node {
	struct postgres_store *store;
	struct postgres_store link; /* the node's own connection */
	struct postgres_conf conf;
	struct hsw_store_watch watch;
	pthread_t thread;
	bool has_thread;
	int wake_fd;
	bool was_late; /* the last beat failed, and that was logged */

	pthread_mutex_t lock;
	struct share share; /* who has what */
	struct hsw_store_news news;
	bool has_wants; /* the daemon has said what it wants */
	bool must_tell_wants, is_leaving, must_stop;
	_Atomic bool has_company;
};

/* ---- node_beat.c: the node's thread, or the store thread before that is there ---- */

/* Says that the node is there, reads who has what, and takes what is due; tells the watch. HSW_OK, or err says why
 * not, which was logged. */
int node_beat(struct node *, struct hsw_error *err);
/* Others may have all at once. */
void node_say_goodbye(struct node *);

#endif
