/* SPDX-License-Identifier: Apache-2.0 */
/*
 * migrate_impl.h - what the files that copy a store (migrate*.c) share: the job, and batches: what a read
 * gives, kept until it is written.
 */
#ifndef MIGRATE_IMPL_H
#define MIGRATE_IMPL_H

#include "migrate.h"
#include "seqmap.h"

/* The name of the record MIGRATE_STATE_KIND. */
#define STATE_NAME "state"

#define PAGE_BODY_BYTES (4u << 20) /* of the events that are read at a time */
#define ALL_ROWS 1024              /* that are read at a time, where they are not kept */

struct job {
	struct migrate_side from, to;
	migrate_progress_fn *progress;
	void *arg;
	struct hsw_error *err;
	/* the state */
	int64_t source_last, copied_upto, memos_copied;
	bool is_resumed;
	/* the source */
	struct migrate_counts source;
	struct seqmap map;
	int64_t estimate; /* of its events */
	int64_t last_to;  /* the last event of the target */
};

/* One row of any kind; its strings stand behind it. */
struct row {
	struct row *next;
	struct hsw_write write;
	struct hsw_store_event event;
	struct hsw_store_record record;
	char bytes[];
};

struct batch {
	struct job *job;
	struct row *first, **last;
	size_t n;
	enum hsw_write_kind kind;   /* of exceptions */
	struct hsw_str destination; /* of exceptions */
	const char *memo_kind;
	int64_t after, skip, *counter; /* of the list that is read */
	int rc;
};

/* ---- migrate_batch.c ---- */

void batch_init(struct batch *, struct job *);
void batch_clear(struct batch *);
/* A row with room for so many bytes; NULL: out of memory, and the batch failed. */
struct row *batch_add(struct batch *, size_t bytes);
/* Copies a string to *at, in a row's bytes, and moves *at behind it. */
struct hsw_str batch_keep(char **at, struct hsw_str);
/* Writes the batch in one transaction, with the state where that is given. */
int batch_commit(struct batch *, bool with_state);

/* ---- migrate_verify.c ---- */

/* Counts what the target has, and forgets the state if that is what the source had. */
int migrate_verify(struct job *, const struct batch *destinations, struct migrate_counts *);

#endif
