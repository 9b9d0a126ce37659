/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.h - the durable log of envelopes, as the workers see it.
 *
 * A worker appends envelopes and is told when they are on disk; every worker that has readers is
 * then fed all committed envelopes, in seq order, so that destinations which keep up never read from
 * the store. Those that are behind read pages.
 *
 * Every function but open, start and close is called on a worker, and its answer comes to the same worker
 * through its mailbox.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdatomic.h>

#include "catalog.h"
#include "envelope.h"
#include "store.h"

/* One worker, as the journal knows it. */
struct journal_port {
	struct mailbox *box;
	/* Committed envelopes, ascending, on the worker's thread; borrowed (ref to keep). NULL, 0: the log has
	 * some that are not fed: live clients miss them. */
	void (*feed)(void *arg, struct hsw_envelope *const *envelopes, size_t n);
	void *arg;
	bool is_idle; /* the worker serves no destination yet: it is fed from journal_feed on */
	/* While it is not 0 the worker is fed, idle or not. The worker changes it, the store thread
	 * reads it. */
	_Atomic unsigned *readers;
};

#define JOURNAL_PORTS_MAX 64

struct journal;

/* Opens the store and starts its thread. ports: n of them, one for each worker, 1 to
 * JOURNAL_PORTS_MAX, must outlive the
 * journal; feed is not called before the first append. NULL: err says why. */
struct journal *journal_open(const struct config *, struct catalog *,
	const struct journal_port *ports, size_t n, struct hsw_error *err);
/* Ends the store thread when everything queued is done. The workers have stopped. NULL is allowed. */
void journal_close(struct journal *);

/* The worker gets its first destination. On the store thread, or before the first append. */
void journal_feed(struct journal *, unsigned port);

/* From now on events are kept as long as this configuration, and its sinks, ask for. On the store thread. */
void journal_configure(struct journal *, const struct config *);

/* The store thread, for calls that are no business of the journal's (status, dead letters). */
struct store *journal_store(struct journal *);

/* For the start: a destination's cursor (made at the log's end where it is new), and the log's end.
 * Blocks; before the workers run. HSW_OK or the store's error. */
int journal_attach(
	struct journal *, struct hsw_str destination, int64_t *cursor, struct hsw_error *err);
int64_t journal_last_seq(struct journal *);

/* How many events lie behind seq `after`, up to `upto`, as far as their seqs tell: parts of the log that the store
 * passed over do not count. Any thread. */
int64_t journal_count(struct journal *, int64_t after, int64_t upto);

/* ---- several nodes ---- */

/* The store thread: others append, too, and what they append is fed from now on. HSW_OK or HSW_ENOMEM. */
int journal_share(struct journal *);
/* The store thread: the log goes up to there, and others may have added memos. */
void journal_follow(struct journal *, const struct store_port *, int64_t last_seq);
/* The store thread: of the destinations of the API those alone hold events back from now on that wants() knows, which
 * is called on that thread, and what the store keeps for others. */
void journal_set_wants(
	struct journal *, bool (*wants)(void *arg, struct hsw_str destination), void *arg);
/* The store thread: what others append is not fed any more. */
void journal_unfollow(struct journal *);

/* ---- appending ---- */

/* Takes over the references of the n envelopes, all complete, also on error. done(arg, rc, duplicates) comes
 * later, on the worker: HSW_OK: on disk, but for so many that had come before and are not kept again.
 * HSW_ELIMIT now: too much waits for the store already. */
int journal_append(struct journal *, unsigned port, struct hsw_envelope *const *envelopes, size_t n,
	void (*done)(void *arg, int rc, size_t duplicates), void *arg);

/* ---- a destination's own writes ---- */

#define NOTE_TEXT_MAX 200 /* bytes of an error text that are kept */

/* One write about a destination (cursor, retry, settled, dead). The caller's object: it fills in what
 * hsw_write of that kind needs and may use it again after done. */
struct journal_note {
	struct store_write job;
	struct mail reply;
	struct hsw_write write;
	char text[NOTE_TEXT_MAX];
	struct journal *journal;
	unsigned port;
	int rc;
	/* On the store thread, just before it is written, where it is not NULL: says what is to be written by
	 * then; false: nothing. */
	bool (*prepare)(struct journal_note *, struct catalog *);
	void (*done)(struct journal_note *, int rc);
};

/* write, done must be set, and prepare or NULL; text is pointed to by write.text where it is used. */
void journal_write(struct journal *, unsigned port, struct journal_note *);

/* ---- memos ---- */

/* Every kind of memos that belongs to the log, for who copies a store; ends with NULL. A kind that is not among them
 * cannot be recalled. */
extern const char *const journal_memo_kinds[];

/* Has the store remember a text of this kind (a literal). Not waited for: a crash may lose it. */
void journal_memo(struct journal *, unsigned port, const char *kind, struct hsw_str text);
/* For the start: what was remembered within the last ms, in order; what is older is forgotten by and by.
 * Blocks; before the workers run. HSW_OK or the store's error. */
int journal_recall(struct journal *, const char *kind, int64_t ms, hsw_memo_fn *fn, void *arg,
	struct hsw_error *err);
/* As journal_recall; and where there are other nodes, what any node adds, this one too, comes to fn within a second,
 * on the store thread, until journal_close. */
int journal_recall_and_follow(struct journal *, const char *kind, int64_t ms, hsw_memo_fn *fn,
	void *arg, struct hsw_error *err);

/* ---- reading ---- */

#define PAGE_EVENTS_MAX 1024
#define PAGE_BYTES (1u << 20)

/* A page of the log, or chosen events. The caller's object: it may be used again after done. */
struct journal_page {
	struct store_call call;
	struct mail reply;
	struct journal *journal;
	unsigned port;
	/* the question */
	int64_t after;       /* seq > after; used when wanted is 0 */
	size_t max;          /* at most so many, up to PAGE_EVENTS_MAX */
	const int64_t *seqs; /* or these, ascending; `wanted` of them; must live until done */
	size_t wanted;
	/* the answer; done may take references out, what is left is given back after it */
	struct hsw_envelope *envelopes[PAGE_EVENTS_MAX];
	size_t n;
	int64_t last_seq; /* of the last row read, `after` when there was none */
	bool is_end;      /* there was no event behind the last one when it was read */
	int rc;
	void (*done)(struct journal_page *);
	void *arg; /* the asker's own */
};

void journal_read(struct journal *, unsigned port, struct journal_page *);

#endif
