/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hookswitch/store.h - plugins that keep the journal. UNSTABLE until ABI 2: it may change between
 * minor versions, and a store must be built for the daemon that loads it.
 *
 * Most stores need not implement this: kv.h does it for all that keep pairs in the order of their keys.
 *
 * There is one handle. All its calls come on the daemon's store thread, one after another, and may
 * block. host->log, ref and unref work there; timers, watches and post do not.
 *
 * The journal is a log of events with ever growing seq, and for each destination a cursor (every
 * event up to it is settled) plus exceptions: retries (waiting for another attempt) and dead letters.
 */
#ifndef HOOKSWITCH_STORE_H
#define HOOKSWITCH_STORE_H

#include <hookswitch/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HSW_EVENT_ID_BYTES 16

/* One event as it is stored. The strings are borrowed until the call (or the callback) returns. */
struct hsw_store_event {
	int64_t seq; /* > 0; set by commit (0: it had come before), given by reads */
	int64_t received_ms;
	unsigned char id[HSW_EVENT_ID_BYTES];
	struct hsw_str instance, type, provider, key;
	struct hsw_str layout; /* the daemon's own index into body; opaque bytes */
	struct hsw_str body;
};

enum hsw_write_kind {
	/*
	 * Append `event`; its seq is set. at_ms, where it is not 0: an event with the same id that was
	 * received since then may be in the journal, by another daemon or by a commit that failed but
	 * was done after all. A store that can tell does not append it again, and sets seq to 0. One
	 * that a single daemon writes, and of which a commit that failed was certainly not done, need not
	 * look: that daemon remembers what was.
	 */
	HSW_WRITE_EVENT,
	HSW_WRITE_CURSOR, /* destination's cursor = seq, unless it is already further */
	HSW_WRITE_RETRY, /* insert or replace the retry (destination, seq): attempts, due_ms, status, text */
	HSW_WRITE_SETTLED, /* delete the retry (destination, seq) */
	HSW_WRITE_DEAD, /* insert the dead letter (destination, seq): attempts, at_ms, status, text; delete its retry */
	HSW_WRITE_RECORD, /* insert or replace the record (record->kind, record->name): text */
	HSW_WRITE_FORGET, /* delete the record (record->kind, record->name), if there is one */
	HSW_WRITE_MEMO,   /* append a memo of record->kind: at_ms, record->text */
	/*
	 * As HSW_WRITE_RECORD, in the place of the record whose text is `text`, or, where that is empty, of
	 * none. Where another one is there, by another daemon perhaps, nothing of the batch is kept, and
	 * commit returns HSW_ENOENT.
	 */
	HSW_WRITE_RECORD_IF
};

/* Of records that the daemon writes often, and reads only when it begins to deliver: what failed of late. */
#define HSW_RECORD_ATTEMPTS "attempts"

/* One piece of the configuration that is made at run time; text is opaque. The strings are borrowed
 * until the call (or the callback) returns. */
struct hsw_store_record {
	struct hsw_str kind, name;
	struct hsw_str text;
};

/* One write of a batch; members not named at its kind are unused. */
struct hsw_write {
	enum hsw_write_kind kind;
	struct hsw_store_event *event;
	struct hsw_str destination;
	int64_t seq;
	int attempts;   /* made so far */
	int64_t due_ms; /* when to try again: milliseconds since 1970 */
	int64_t at_ms; /* when it died, was noted, or might have come before: milliseconds since 1970 */
	int status; /* of the last attempt; 0: none */
	struct hsw_str
		text; /* of the last error, may be empty; HSW_WRITE_RECORD_IF: the record's until now */
	const struct hsw_store_record *record;
};

/* A retry or a dead letter, as read. */
struct hsw_store_exception {
	int64_t seq;
	struct hsw_str destination;
	int attempts;
	int64_t due_ms; /* retries */
	int64_t at_ms;  /* dead letters */
	int status;
	struct hsw_str text;
	/* The event; body is empty unless asked for. */
	const struct hsw_store_event *event;
};

/* Which dead letters; empty or 0 members select all. */
struct hsw_dead_query {
	struct hsw_str destination;
	struct hsw_str id; /* 16 bytes of one event's id, or empty */
	int64_t after;     /* only seq > after (for paging within a destination's list) */
	size_t limit;      /* at most so many; 0: no bound */
	int with_body;
};

struct hsw_store_stats {
	int64_t first_seq,
		last_seq; /* of the log; 0, 0: empty and never written; an emptied log keeps last_seq */
	int64_t events; /* rows kept; may be an estimate */
	int64_t bytes;  /* on disk */
};

/* What is in use of the room that the journal takes. */
struct hsw_store_usage {
	/* Of rows, indexes and what belongs to them; what deleting set free is not in it, whether or not the
	 * disk has it back. May be an estimate, but falls with each prune. */
	int64_t bytes;
	/* When the oldest event that no retry or dead letter names was received: ms since 1970; 0: there
	 * is none. */
	int64_t oldest_ms;
};

/* Callbacks of reads: HSW_OK goes on, anything else ends the read with HSW_OK. */
typedef int hsw_event_fn(void *arg, const struct hsw_store_event *);
typedef int hsw_exception_fn(void *arg, const struct hsw_store_exception *);
typedef int hsw_cursor_fn(void *arg, struct hsw_str destination, int64_t cursor);
typedef int hsw_record_fn(void *arg, const struct hsw_store_record *);
typedef int hsw_memo_fn(void *arg, int64_t at_ms, struct hsw_str text);
typedef int hsw_count_fn(void *arg, struct hsw_str destination, int64_t count);
/* No event has a seq > after and <= upto. */
typedef int hsw_gap_fn(void *arg, int64_t after, int64_t upto);

/* ---- several daemons on one store ---- */

/* What a store tells a daemon that joined. Both are called on any thread, also while another call of the store
 * is under way, and return at once. */
struct hsw_store_watch {
	uint32_t size; /* sizeof(struct hsw_store_watch) */
	void *arg;
	/* Nobody else is given a claim of this daemon's before until_ms: milliseconds of CLOCK_MONOTONIC.
	 * Past it the daemon delivers nothing. */
	void (*proved)(void *arg, int64_t until_ms);
	/* news, or claims, may say something else than before: ask again. */
	void (*wake)(void *arg);
};

/* What all daemons of the store did. */
struct hsw_store_news {
	int64_t last_seq; /* of the log; what it names, and all before it, can be read */
	/* Grows with each transaction that has a HSW_WRITE_RECORD, _RECORD_IF or _FORGET; need not, where that is a
	 * record of kind HSW_RECORD_ATTEMPTS: each daemon reads all records again when it does. */
	int64_t settings;
};

enum hsw_claim_state {
	HSW_CLAIM_OTHER, /* another daemon delivers it, or nobody yet */
	HSW_CLAIM_HELD,  /* this one does */
	/* This one has to stop delivering it and then to call release. Until then no other daemon gets it,
	 * but where it was lost: then `proved` is not called before release was. */
	HSW_CLAIM_ENDING
};

/* A destination that this daemon could deliver. The strings are borrowed until the callback returns. */
struct hsw_claim {
	struct hsw_str destination;
	struct hsw_str node; /* who delivers it; empty: nobody, or it is not known */
	enum hsw_claim_state state;
	/* Changes when another daemon wrote a retry of the destination: its exceptions are to be read
	 * afresh. */
	int64_t touched;
};

typedef int hsw_claim_fn(void *arg, const struct hsw_claim *);
/* is_self: it is this daemon. */
typedef int hsw_node_fn(void *arg, struct hsw_str node, int is_self);

struct hsw_store_ops {
	uint32_t size; /* sizeof(struct hsw_store_ops) */

	/* Opens, creates or migrates. A file of a newer version, or a corrupt one, is refused with a
	 * text that says so and what to do. */
	int (*open)(const struct hsw_host *host, struct hsw_handle *handle, const void *conf,
		void **self, struct hsw_error *err);
	/*
	 * Does all n writes in one transaction and returns HSW_OK only when it is durable. Events get
	 * their seq, ascending in the order given. On error nothing of the batch is kept, or, where the
	 * store cannot tell, perhaps all of it (see HSW_WRITE_EVENT):
	 * HSW_ELIMIT (disk full: it may work later), HSW_EAGAIN (busy, read-only or unreachable: it may
	 * work later), HSW_ENOENT (HSW_WRITE_RECORD_IF), HSW_EIO.
	 */
	int (*commit)(void *self, struct hsw_write *const *writes, size_t n, struct hsw_error *err);
	/* Events with seq > after, ascending, up to max_events, ending after the one that makes the
	 * bodies reach max_bytes. */
	int (*read)(void *self, int64_t after, size_t max_events, size_t max_bytes,
		hsw_event_fn *fn, void *arg, struct hsw_error *err);
	/* The events with these seqs, ascending; those that do not exist are passed over. */
	int (*read_seqs)(void *self, const int64_t *seqs, size_t n, hsw_event_fn *fn, void *arg,
		struct hsw_error *err);
	/*
	 * The cursor of a destination. One never seen is created, durably, with its cursor at the end
	 * of the log: it gets what comes from now on.
	 */
	int (*attach)(
		void *self, struct hsw_str destination, int64_t *cursor, struct hsw_error *err);
	/* All known destinations and cursors. */
	int (*cursors)(void *self, hsw_cursor_fn *fn, void *arg, struct hsw_error *err);
	/* Retries of a destination by seq ascending, seq > after, at most limit; without bodies. */
	int (*retries)(void *self, struct hsw_str destination, int64_t after, size_t limit,
		hsw_exception_fn *fn, void *arg, struct hsw_error *err);
	/* Dead letters by destination and seq. */
	int (*dead)(void *self, const struct hsw_dead_query *, hsw_exception_fn *fn, void *arg,
		struct hsw_error *err);
	/* Counts of dead letters, a call of fn for each destination that has any. */
	int (*dead_counts)(void *self, hsw_count_fn *fn, void *arg, struct hsw_error *err);
	/*
	 * Turns the matching dead letters of q->destination into retries with no attempts made,
	 * due_ms = due and a text that begins with "replay" (deliveries are marked by it), in one
	 * transaction. *n: how many.
	 */
	int (*dead_replay)(void *self, const struct hsw_dead_query *q, int64_t due, size_t *n,
		struct hsw_error *err);
	/* Deletes the matching dead letters. *n: how many. */
	int (*dead_purge)(
		void *self, const struct hsw_dead_query *q, size_t *n, struct hsw_error *err);
	/*
	 * Deletes up to max events with seq <= upto that were received before before_ms and that no
	 * retry or dead letter names. *n: how many; fewer than max: nothing is left to delete. A
	 * store that keeps more beside events for a while may delete of that, too, and says max where
	 * some is left. One that would take long to pass all that retries and dead letters name may
	 * stop on the way, whatever it has deleted by then, and says SIZE_MAX: the next call, which
	 * comes soon, goes on there.
	 */
	int (*prune)(void *self, int64_t upto, int64_t before_ms, size_t max, size_t *n,
		struct hsw_error *err);
	int (*stats)(void *self, struct hsw_store_stats *, struct hsw_error *err);
	/* Called when there is nothing else to do: checkpoints and the like, 50 ms at most. Optional. */
	void (*idle)(void *self);
	void (*close)(void *self);
	/* All records, by kind and name. */
	int (*records)(void *self, hsw_record_fn *fn, void *arg, struct hsw_error *err);
	/* Forgets a destination: its cursor, retries and dead letters, in one transaction. One that is
	 * not known is no error. */
	int (*detach)(void *self, struct hsw_str destination, struct hsw_error *err);
	/* The memos of a kind with at_ms >= since_ms, in the order in which they were appended. */
	int (*memos)(void *self, struct hsw_str kind, int64_t since_ms, hsw_memo_fn *fn, void *arg,
		struct hsw_error *err);
	/* Of the first thousand memos of a kind deletes those with at_ms < before_ms. */
	int (*forget_memos)(
		void *self, struct hsw_str kind, int64_t before_ms, struct hsw_error *err);

	/*
	 * What follows is optional, for stores that several daemons share; join brings all of it but
	 * `alone`. The log of such a store is in the order of seq for every reader: who has read an event
	 * has read all with a lower seq. A daemon that has not joined (a tool) has no claims.
	 */

	/* The daemon is one of several from now on. The watch is copied; it is not used any more when
	 * close returns. HSW_EAGAIN: not now (the store is away, or another daemon has the name). */
	int (*join)(void *self, const struct hsw_store_watch *, struct hsw_error *err);
	/* The destinations that this daemon can deliver, all of them attached; in the place of those
	 * that were named before. The store gives each to one of the daemons that want it, about as
	 * many to each. */
	int (*want)(void *self, const struct hsw_str *names, size_t n, struct hsw_error *err);
	/* What is known already; does not ask a server. */
	void (*news)(void *self, struct hsw_store_news *);
	/* A call of fn for each destination that was named in want, by name, and those that are ending;
	 * as news. */
	int (*claims)(void *self, hsw_claim_fn *fn, void *arg);
	/* The daemon does not deliver a destination that is ending any more. */
	void (*release)(void *self, struct hsw_str destination);
	/* It delivers nothing any more: others may have all that it held, at once. */
	void (*leave)(void *self);
	/* The daemons that are there now; as news. */
	int (*nodes)(void *self, hsw_node_fn *fn, void *arg);
	/* Keeps daemons away until close. HSW_EAGAIN: there is one, and err says so. */
	int (*alone)(void *self, struct hsw_error *err);

	/* These two are not optional. */

	/* Called every second, and before each prune while room is short: 1 ms on the average. */
	int (*usage)(void *self, struct hsw_store_usage *, struct hsw_error *err);
	/*
	 * Looks at the next max dead letters, whatever their destination, and deletes those that died
	 * before before_ms. *n: how many it deleted; *is_through: not 0: it came to the end, and the
	 * next call begins a new pass.
	 */
	int (*dead_expire)(void *self, int64_t before_ms, size_t max, size_t *n, int *is_through,
		struct hsw_error *err);

	/*
	 * Optional, for stores that several daemons share: as memos, but only those behind the one with
	 * number *after (0: all), whichever daemon appended them; *after becomes the number of the last
	 * one told. The numbers are > 0 and in the order in which memos can be read: who has read one
	 * finds no new one before it.
	 */
	int (*memos_after)(void *self, struct hsw_str kind, int64_t since_ms, int64_t *after,
		hsw_memo_fn *fn, void *arg, struct hsw_error *err);
	/* Comes with join. The daemon is about to leave: what it holds is ending from now on, it gets
	 * nothing any more, and the others share without it. What it releases they may have at once;
	 * `leave` follows. */
	void (*retire)(void *self);

	/* Optional: whether there is a store to be opened at what conf names. Makes nothing. HSW_ENOENT: there
	 * is none, and err says where it was looked for; other errors: it cannot be told. The host may be
	 * used for log. */
	int (*exists)(const struct hsw_host *host, struct hsw_handle *handle, const void *conf,
		struct hsw_error *err);
	/* Optional: what the option table cannot say about conf; any thread, without a store that is open.
	 * HSW_OK or HSW_EINVAL; err begins with the option that it is about ("dsn: ...") and has no secret. */
	int (*check)(const void *conf, struct hsw_error *err);
	/* Optional: the parts of the log that were passed over, ascending, as far as events before them are kept or
	 * a cursor stands before them; few and large. Who has read an event finds all gaps before it here. */
	int (*gaps)(void *self, hsw_gap_fn *fn, void *arg, struct hsw_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
