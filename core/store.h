/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.h - the store thread: the one thread on which the store plugin's calls run and block.
 *
 * Any thread posts jobs. A job is a part of the sender's own object and belongs to the store until its
 * callback; callbacks run on the store thread and must hand on quickly. Writes that wait are gathered
 * into one transaction, bounded by BATCH_EVENTS and BATCH_BYTES; between two transactions one call runs,
 * so neither starves the other.
 */
#ifndef STORE_H
#define STORE_H

#include "config.h"
#include "mailbox.h"

#define BATCH_EVENTS 512       /* writes of one transaction */
#define BATCH_BYTES (4u << 20) /* bodies of one transaction */

enum store_job_kind { STORE_JOB_WRITE, STORE_JOB_CALL };

struct store_job {
	struct mail mail;
	enum store_job_kind kind;
	struct store_job *next;
};

/* Writes that are done in one transaction together, with others. */
struct store_write {
	struct store_job job;
	struct hsw_write *writes;
	size_t n;
	size_t admitted; /* the first so many of writes are done; set by the hook admit */
	size_t bytes;    /* of the bodies */
};

/* What a call gets to work with. */
struct store_port {
	const struct hsw_store_ops *ops;
	void *self;
};

struct store_call {
	struct store_job job;
	void (*fn)(struct store_call *, const struct store_port *);
};

struct store_hooks {
	/* A job is about to be put into a transaction. Returns how many of its writes, the first ones, are to be
	 * done. NULL: all. */
	size_t (*admit)(void *arg, struct store_write *);
	/* A transaction is complete: one more write of its own, or NULL. May be NULL. */
	struct hsw_write *(*complete)(void *arg);
	/* A transaction of n jobs is over. rc: HSW_OK, or why nothing of it was kept. */
	void (*committed)(void *arg, struct store_write *const *jobs, size_t n, int rc);
	/* Time for maintenance. *wait_ms: in how many ms it wants to be called again. HSW_OK, or err says what
	 * failed; then wait_ms is set, too. */
	int (*maintain)(
		void *arg, const struct store_port *, int64_t *wait_ms, struct hsw_error *err);
	void *arg;
};

/* Store thread: these writes in one transaction. HSW_OK, or err says why nothing of it was kept. */
int store_commit(
	const struct store_port *, struct hsw_write *writes, size_t n, struct hsw_error *err);

struct store;

/* Starts the thread and opens the store there. NULL: err says why. The config must outlive it. */
struct store *store_start(const struct config *, const struct store_hooks *, struct hsw_error *err);
/* Does what is queued, closes, ends the thread. Nothing may be posted any more. NULL is allowed. */
void store_stop(struct store *);
/* Why the store could not be written to the last time; NULL: it could. The store thread. */
const char *store_trouble(const struct store *);

void store_post_write(struct store *, struct store_write *);
void store_post_call(struct store *, struct store_call *);
/* Runs fn on the store thread and waits for it; for the start, before any worker runs. */
void store_run(struct store *, void (*fn)(void *arg, const struct store_port *), void *arg);

#endif
