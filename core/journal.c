/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal.c - see journal.h.
 *
 * Who calls what from where: journal_append, journal_write, journal_read run on a worker; committed,
 * maintain, read_page on the store thread; group_run, note_run, page_run on a worker again.
 *
 * After each transaction the store thread makes one `group` of all appends in it and posts it to the
 * workers that appended something or have readers: one wake-up a worker and transaction. The
 * last worker that is through with a group frees it with its appends and envelopes.
 */
#include "journal.h"

#include <stddef.h>
#include <stdlib.h>

#include "clock.h"
#include "err.h"
#include "follow.h"
#include "log.h"
#include "memories.h"
#include "retain.h"
#include "seen.h"

#define SEEN_KIND "seen" /* of memos: the ids of a transaction, 8 bytes each */

const char *const journal_memo_kinds[] = { SEEN_KIND, "identity", NULL };

struct append;

struct group_mail {
	struct mail mail; /* first */
	struct group *group;
	unsigned port;
};

struct group {
	struct journal *journal;
	struct append *appends; /* in seq order; the first one's memory holds the group */
	int rc;
	_Atomic unsigned refs;
	bool is_held_back; /* its events are read from the log, behind others' */
	struct group_mail mails[];
};

struct append {
	struct store_write write; /* first */
	struct append *next;      /* in its group */
	struct group *group;      /* room for one, used by the first append of a transaction */
	unsigned port;
	void (*done)(void *arg, int rc, size_t duplicates);
	void *arg;
	struct hsw_envelope **envelopes; /* those that had come before stand at the end */
	size_t n;
	size_t bytes;
};

struct journal {
	struct store *store;
	const struct store_port *port; /* the store thread's */
	struct follow *follow;         /* NULL: nobody else appends */
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

/* ---- appending ---- */

static void
append_free(struct append *a)
{
	for (size_t i = 0; i < a->n; i++)
		envelope_unref(a->envelopes[i]);
	free(a);
}

/* The group goes with the memory of its first append, so that one is freed last. */
static void
group_unref(struct group *g)
{
	if (atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) != 1)
		return;
	struct append *first = g->appends, *next;
	int64_t bytes = (int64_t)first->bytes;
	struct journal *j = g->journal;

	for (struct append *a = first->next; a != NULL; a = next) {
		next = a->next;
		bytes += (int64_t)a->bytes;
		append_free(a);
	}
	append_free(first);
	atomic_fetch_sub_explicit(&j->waiting_bytes, bytes, memory_order_relaxed);
}

/* Sequentially consistent: who has become a reader before an append sees what comes of it. */
static bool
is_fed(const struct journal *j, unsigned port)
{
	return atomic_load(&j->is_fed[port]) || atomic_load(j->ports[port].readers) > 0;
}

static void
group_run(struct mail *mail)
{
	struct group_mail *m = (struct group_mail *)mail;
	struct group *g = m->group;
	const struct journal_port *port = &g->journal->ports[m->port];

	for (struct append *a = g->appends; a != NULL; a = a->next) {
		if (a->port == m->port)
			a->done(a->arg, g->rc, a->n - a->write.admitted);
	}
	if (g->rc == HSW_OK && !g->is_held_back && is_fed(g->journal, m->port)) {
		for (struct append *a = g->appends; a != NULL; a = a->next) {
			if (a->write.admitted > 0)
				port->feed(port->arg, a->envelopes, a->write.admitted);
		}
	}
	group_unref(g);
}

/* The events of a transaction have seqs without a gap: it held the log. Store thread. */
static bool
is_out_of_turn(struct journal *j, const struct append *appends)
{
	int64_t first = 0, last = 0;

	for (const struct append *a = appends; a != NULL && j->follow != NULL; a = a->next) {
		if (a->write.admitted == 0)
			continue;
		if (first == 0)
			first = a->envelopes[0]->seq;
		last = a->envelopes[a->write.admitted - 1]->seq;
	}
	return first != 0 && !follow_own(j->follow, j->port, first, last);
}

static void
post_to(struct journal *j, struct group *g, const bool *ports)
{
	for (unsigned i = 0; i < j->n_ports; i++) {
		if (!ports[i])
			continue;
		g->mails[i] = (struct group_mail){ { .run = group_run }, g, i };
		mailbox_post(j->ports[i].box, &g->mails[i].mail);
	}
}

/* Tells the workers how a transaction ended; first those that answer nobody, so that whoever gets an answer
 * may stop the daemon, and the event is with the others. Store thread. */
static void
post_group(struct journal *j, struct append *appends, int rc)
{
	struct group *g = appends->group;
	bool answering[JOURNAL_PORTS_MAX] = { false }, fed[JOURNAL_PORTS_MAX] = { false };
	unsigned refs = 0;

	g->is_held_back = rc == HSW_OK && is_out_of_turn(j, appends);
	for (const struct append *a = appends; a != NULL; a = a->next)
		answering[a->port] = true;
	for (unsigned i = 0; i < j->n_ports; i++) {
		fed[i] = !answering[i] && rc == HSW_OK && !g->is_held_back && is_fed(j, i);
		refs += answering[i] || fed[i];
	}
	g->journal = j;
	g->appends = appends;
	g->rc = rc;
	atomic_init(&g->refs, refs);
	/* Not to be touched after the last post: the group may be gone. */
	post_to(j, g, fed);
	post_to(j, g, answering);
}

static void
note_run(struct mail *mail)
{
	struct journal_note *note = (struct journal_note *)((char *)mail -
		offsetof(struct journal_note, reply));
	note->done(note, note->rc);
}

static void
post_note(struct journal *j, struct journal_note *note, int rc)
{
	note->rc = rc;
	note->reply.run = note_run;
	mailbox_post(j->ports[note->port].box, &note->reply);
}

/* ---- what came before ---- */

/* Store thread. Puts the events that are new in front, in their order. */
static size_t
admit(void *arg, struct store_write *job)
{
	struct journal *j = arg;
	struct append *a = (struct append *)job;
	size_t kept = 0;

	if (j->seen == NULL || job->writes[0].kind != HSW_WRITE_EVENT)
		return job->n;
	for (size_t i = 0; i < a->n; i++) {
		if (!seen_add(j->seen, a->envelopes[i]->id))
			continue;
		struct hsw_envelope *e = a->envelopes[i];
		struct hsw_write w = job->writes[i];
		memmove(&a->envelopes[kept + 1], &a->envelopes[kept],
			(i - kept) * sizeof(a->envelopes[0]));
		memmove(&job->writes[kept + 1], &job->writes[kept],
			(i - kept) * sizeof(job->writes[0]));
		a->envelopes[kept] = e;
		job->writes[kept++] = w;
	}
	return kept;
}

/* Store thread. The transaction remembers its ids, for the next start. */
static struct hsw_write *
complete(void *arg)
{
	struct journal *j = arg;
	struct hsw_str added = j->seen != NULL ? seen_added(j->seen) : (struct hsw_str){ NULL, 0 };

	if (added.len == 0)
		return NULL;
	j->seen_record = (struct hsw_store_record){ .kind = str_of(SEEN_KIND), .text = added };
	j->seen_write = (struct hsw_write){
		.kind = HSW_WRITE_MEMO, .at_ms = clock_wall_ms(), .record = &j->seen_record
	};
	j->memories.added++;
	return &j->seen_write;
}

/* Store thread. The events got their seq; those that had come before by another daemon, or in a transaction
 * whose end was never told, got none and go behind the others. */
static void
number(struct append *a)
{
	size_t kept = 0;

	for (size_t i = 0; i < a->write.admitted; i++) {
		struct hsw_envelope *e = a->envelopes[i];
		e->seq = a->write.writes[i].event->seq;
		if (e->seq == 0)
			continue;
		memmove(&a->envelopes[kept + 1], &a->envelopes[kept],
			(i - kept) * sizeof(a->envelopes[0]));
		a->envelopes[kept++] = e;
	}
	a->write.admitted = kept;
}

/* Store thread: a transaction with these jobs is over. */
static void
committed(void *arg, struct store_write *const *jobs, size_t n, int rc)
{
	struct journal *j = arg;
	struct append *first = NULL, **last = &first;

	if (j->seen != NULL && rc == HSW_OK)
		seen_commit(j->seen, clock_wall_ms());
	else if (j->seen != NULL)
		seen_rollback(j->seen);
	for (size_t i = 0; i < n; i++) {
		if (jobs[i]->writes[0].kind != HSW_WRITE_EVENT) {
			post_note(j, (struct journal_note *)jobs[i], rc);
			continue;
		}
		struct append *a = (struct append *)jobs[i];
		if (rc == HSW_OK)
			number(a);
		a->next = NULL;
		*last = a;
		last = &a->next;
	}
	if (first != NULL)
		post_group(j, first, rc);
}

/* Fills the row that the store gets; its strings are the envelope's. */
static void
make_row(struct hsw_store_event *row, const struct hsw_envelope *e, unsigned char *layout)
{
	*row = (struct hsw_store_event){
		.received_ms = e->received_ms,
		.instance = e->instance,
		.type = e->type_name,
		.provider = e->provider,
		.key = e->key,
		.layout = { (char *)layout, envelope_layout(e, layout) },
		.body = e->body,
	};
	memcpy(row->id, e->id, sizeof(row->id));
}

/* What one event of an append needs beside the append itself. */
struct append_item {
	struct hsw_write write;
	struct hsw_store_event row;
	unsigned char layout[ENVELOPE_LAYOUT_MAX];
};

/* One allocation: append | group with its mails | envelopes | writes | rows | layouts. */
static struct append *
append_new(const struct journal *j, struct hsw_envelope *const *envelopes, size_t n)
{
	size_t group = sizeof(struct group) + j->n_ports * sizeof(struct group_mail);
	struct append *a = malloc(
		sizeof(*a) + group + n * sizeof(envelopes[0]) + n * sizeof(struct append_item));
	if (a == NULL)
		return NULL;
	int64_t dedupe_ms = j->config->ingest.dedupe_ms;
	struct group *g = (struct group *)(a + 1);
	struct hsw_envelope **kept = (struct hsw_envelope **)((char *)g + group);
	struct hsw_write *writes = (struct hsw_write *)(kept + n);
	struct hsw_store_event *rows = (struct hsw_store_event *)(writes + n);
	unsigned char *layouts = (unsigned char *)(rows + n);

	*a = (struct append){ .group = g, .envelopes = kept, .n = n };
	for (size_t i = 0; i < n; i++) {
		kept[i] = envelopes[i];
		make_row(&rows[i], envelopes[i], layouts + i * ENVELOPE_LAYOUT_MAX);
		writes[i] = (struct hsw_write){ .kind = HSW_WRITE_EVENT,
			.event = &rows[i],
			.at_ms = dedupe_ms > 0 ? rows[i].received_ms - dedupe_ms : 0 };
		a->bytes += envelopes[i]->body.len;
	}
	a->write.writes = writes;
	a->write.n = n;
	a->write.bytes = a->bytes;
	return a;
}

int
journal_append(struct journal *j, unsigned port, struct hsw_envelope *const *envelopes, size_t n,
	void (*done)(void *, int, size_t), void *arg)
{
	bool has_room = atomic_load_explicit(&j->waiting_bytes, memory_order_relaxed) <
		j->config->ingest.queue_bytes;
	struct append *a = has_room ? append_new(j, envelopes, n) : NULL;

	if (a == NULL) {
		for (size_t i = 0; i < n; i++)
			envelope_unref(envelopes[i]);
		return has_room ? HSW_ENOMEM : HSW_ELIMIT;
	}
	a->port = port;
	a->done = done;
	a->arg = arg;
	atomic_fetch_add_explicit(&j->waiting_bytes, (int64_t)a->bytes, memory_order_relaxed);
	store_post_write(j->store, &a->write);
	return HSW_OK;
}

/* ---- a destination's own writes ---- */

void
journal_write(struct journal *j, unsigned port, struct journal_note *note)
{
	note->journal = j;
	note->port = port;
	note->job.writes = &note->write;
	note->job.n = 1;
	note->job.bytes = note->write.record != NULL ? note->write.record->text.len : 0;
	store_post_write(j->store, &note->job);
}

/* ---- memos ---- */

struct memo {
	struct journal_note note; /* first */
	struct hsw_store_record record;
	char text[];
};

static void
memo_done(struct journal_note *note, int rc)
{
	(void)rc; /* the store has complained */
	free(note);
}

void
journal_memo(struct journal *j, unsigned port, const char *kind, struct hsw_str text)
{
	struct memo *m = calloc(1, sizeof(*m) + text.len);

	if (m == NULL)
		return;
	memcpy(m->text, text.s, text.len);
	m->record.kind = str_of(kind);
	m->record.text = (struct hsw_str){ m->text, text.len };
	m->note.write = (struct hsw_write){
		.kind = HSW_WRITE_MEMO, .at_ms = clock_wall_ms(), .record = &m->record
	};
	m->note.done = memo_done;
	journal_write(j, port, &m->note);
}

struct recalling {
	struct journal *journal;
	struct memory memory;
	struct hsw_error *err;
	int rc;
};

static void
recall_memos(void *arg, const struct store_port *store)
{
	struct recalling *r = arg;

	r->rc = memories_recall(&r->journal->memories, store, &r->memory, r->err);
}

static bool
is_memo_kind(const char *kind)
{
	for (const char *const *k = journal_memo_kinds; *k != NULL; k++) {
		if (strcmp(*k, kind) == 0)
			return true;
	}
	return false;
}

static int
recall(struct journal *j, const struct memory *memory, struct hsw_error *err)
{
	if (!is_memo_kind(memory->kind))
		return err_set(err, HSW_EINVAL, "journal_memo_kinds lacks %s", memory->kind);
	struct recalling r = { .journal = j, .memory = *memory, .err = err };

	store_run(j->store, recall_memos, &r);
	return r.rc;
}

int
journal_recall(struct journal *j, const char *kind, int64_t ms, hsw_memo_fn *fn, void *arg,
	struct hsw_error *err)
{
	const struct memory memory = { .kind = kind, .ms = ms, .fn = fn, .arg = arg };

	return recall(j, &memory, err);
}

int
journal_recall_and_follow(struct journal *j, const char *kind, int64_t ms, hsw_memo_fn *fn,
	void *arg, struct hsw_error *err)
{
	const struct memory memory = {
		.kind = kind, .ms = ms, .is_followed = true, .fn = fn, .arg = arg
	};

	return recall(j, &memory, err);
}

/* ---- reading ---- */

static int
add_row(void *arg, const struct hsw_store_event *row)
{
	struct journal_page *page = arg;
	const struct instance *instance = catalog_find(
		catalog_master(page->journal->catalog), row->instance);
	struct hsw_str token = instance != NULL ? instance->token_json
						: (struct hsw_str){ NULL, 0 };
	struct hsw_envelope *e = envelope_from_row(row, token);

	if (e == NULL) {
		page->rc = HSW_ENOMEM;
		return HSW_ENOMEM;
	}
	page->envelopes[page->n++] = e;
	page->last_seq = row->seq;
	return HSW_OK;
}

static size_t
page_bytes(const struct journal_page *page)
{
	size_t sum = 0;
	for (size_t i = 0; i < page->n; i++)
		sum += page->envelopes[i]->body.len;
	return sum;
}

static void
page_run(struct mail *mail)
{
	struct journal_page *page = (struct journal_page *)((char *)mail -
		offsetof(struct journal_page, reply));
	page->done(page);
}

/* Store thread. A row that cannot be read ends the page with an error: nothing is passed over. */
static void
read_page(struct store_call *call, const struct store_port *store)
{
	struct journal_page *page = (struct journal_page *)call;
	struct hsw_error err = { "" };
	int rc = page->wanted > 0
		? store->ops->read_seqs(store->self, page->seqs, page->wanted, add_row, page, &err)
		: store->ops->read(
			  store->self, page->after, page->max, PAGE_BYTES, add_row, page, &err);
	if (rc != HSW_OK) {
		page->rc = rc;
		store_count_error("read", rc);
		log_error("store", "reading the journal failed: %s", err.text);
	}
	page->is_end = page->rc == HSW_OK && page->n < page->max && page_bytes(page) < PAGE_BYTES;
	page->reply.run = page_run;
	mailbox_post(page->journal->ports[page->port].box, &page->reply);
}

void
journal_read(struct journal *j, unsigned port, struct journal_page *page)
{
	page->journal = j;
	page->port = port;
	page->n = 0;
	page->last_seq = page->after;
	page->rc = HSW_OK;
	page->call.fn = read_page;
	store_post_call(j->store, &page->call);
}

/* ---- retention ---- */

static int64_t
maintain(void *arg, const struct store_port *store)
{
	struct journal *j = arg;
	struct hsw_error err = { "" };
	int64_t wait = PRUNE_FAILED_MS;

	int rc = retain_run(&j->retain, j->retention, store, &wait, &err);
	if (rc == HSW_OK)
		rc = memories_forget(&j->memories, store, &err);
	if (rc != HSW_OK)
		store_count_error("prune", rc);
	if (rc != HSW_OK && !j->is_prune_failing)
		log_warn("store", "deleting old events failed: %s", err.text);
	j->is_prune_failing = rc != HSW_OK;
	return rc == HSW_OK ? wait : PRUNE_FAILED_MS;
}

/* ---- start and end ---- */

struct question {
	struct hsw_str destination;
	int64_t seq;
	const struct store_port *port;
	int rc;
	struct hsw_error *err;
};

static void
ask_cursor(void *arg, const struct store_port *store)
{
	struct question *q = arg;
	q->rc = store->ops->attach(store->self, q->destination, &q->seq, q->err);
}

static void
ask_last_seq(void *arg, const struct store_port *store)
{
	struct question *q = arg;
	struct hsw_store_stats stats = { 0 };

	q->rc = store->ops->stats(store->self, &stats, q->err);
	q->port = store;
	q->seq = stats.last_seq;
}

static int
recall_seen(void *arg, int64_t at_ms, struct hsw_str text)
{
	seen_recall(arg, at_ms, text);
	return HSW_OK;
}

static int
open_seen(struct journal *j, struct hsw_error *err)
{
	int64_t window = j->config->ingest.dedupe_ms;

	if (window == 0)
		return HSW_OK;
	j->seen = seen_new(window, SEEN_MAX);
	if (j->seen == NULL)
		return err_set(err, HSW_ENOMEM, "out of memory");
	return journal_recall(j, SEEN_KIND, window, recall_seen, j->seen, err);
}

int
journal_attach(
	struct journal *j, struct hsw_str destination, int64_t *cursor, struct hsw_error *err)
{
	struct question q = { .destination = destination, .err = err };

	store_run(j->store, ask_cursor, &q);
	*cursor = q.seq;
	return q.rc;
}

struct journal *
journal_open(const struct config *config, struct catalog *catalog, const struct journal_port *ports,
	size_t n, struct hsw_error *err)
{
	struct journal *j = calloc(1, sizeof(*j));
	if (j == NULL) {
		err_set(err, HSW_ENOMEM, "out of memory");
		return NULL;
	}
	j->config = config;
	j->retention = config_ref(config);
	j->catalog = catalog;
	j->ports = ports;
	j->n_ports = n;
	for (size_t i = 0; i < n; i++)
		atomic_init(&j->is_fed[i], !ports[i].is_idle);
	const struct store_hooks hooks = { .admit = admit,
		.complete = complete,
		.committed = committed,
		.maintain = maintain,
		.arg = j };
	j->store = store_start(config, &hooks, err);
	if (j->store == NULL) {
		config_unref(j->retention);
		free(j);
		return NULL;
	}
	struct question q = { .err = err };
	store_run(j->store, ask_last_seq, &q);
	j->last_seq = q.seq;
	j->port = q.port;
	if (q.rc == HSW_OK && open_seen(j, err) == HSW_OK)
		return j;
	journal_close(j);
	return NULL;
}

void
journal_close(struct journal *j)
{
	if (j == NULL)
		return;
	store_stop(j->store);
	follow_free(j->follow);
	seen_free(j->seen);
	config_unref(j->retention);
	free(j);
}

int
journal_share(struct journal *j)
{
	const struct follow_env env = { j->catalog, j->ports, j->n_ports, is_fed, j };

	j->follow = follow_new(&env, j->store, j->last_seq);
	return j->follow != NULL ? HSW_OK : HSW_ENOMEM;
}

void
journal_follow(struct journal *j, const struct store_port *store, int64_t last_seq)
{
	follow_upto(j->follow, store, last_seq);
	memories_follow(&j->memories, store);
}

void
journal_unfollow(struct journal *j)
{
	follow_stop(j->follow);
}

void
journal_feed(struct journal *j, unsigned port)
{
	atomic_store(&j->is_fed[port], true);
}

void
journal_configure(struct journal *j, const struct config *config)
{
	config_unref(j->retention);
	j->retention = config_ref(config);
}

struct store *
journal_store(struct journal *j)
{
	return j->store;
}

int64_t
journal_last_seq(struct journal *j)
{
	return j->last_seq;
}
