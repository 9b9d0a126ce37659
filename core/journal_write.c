/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal_write.c - what workers have the store write, see journal_impl.h.
 *
 * After each transaction the store thread makes one `group` of all appends in it and posts it to the
 * workers that appended something or have readers: one wake-up a worker and transaction. The
 * last worker that is through with a group frees it with its appends and envelopes.
 *
 * Who calls what from where: journal_append and journal_write run on a worker; journal_admit, journal_complete,
 * journal_committed on the store thread; group_run and note_run on a worker again.
 */
#include "journal_impl.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "follow.h"
#include "seen.h"

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
	bool has_unfed;    /* the log has events of before that nobody was fed */
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

/* ---- what became of a transaction ---- */

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

bool
journal_is_fed(const struct journal *j, unsigned port)
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
	if (g->has_unfed && journal_is_fed(g->journal, m->port))
		port->feed(port->arg, NULL, 0);
	if (g->rc == HSW_OK && !g->is_held_back && journal_is_fed(g->journal, m->port)) {
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
post_group(struct journal *j, struct append *appends, int rc, bool has_unfed)
{
	struct group *g = appends->group;
	bool answering[JOURNAL_PORTS_MAX] = { false }, fed[JOURNAL_PORTS_MAX] = { false };
	unsigned refs = 0;

	g->is_held_back = rc == HSW_OK && is_out_of_turn(j, appends);
	for (const struct append *a = appends; a != NULL; a = a->next)
		answering[a->port] = true;
	for (unsigned i = 0; i < j->n_ports; i++) {
		fed[i] = !answering[i] && rc == HSW_OK && !g->is_held_back && journal_is_fed(j, i);
		refs += answering[i] || fed[i];
	}
	g->journal = j;
	g->appends = appends;
	g->rc = rc;
	g->has_unfed = has_unfed;
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

/* What a note says may have to be what is true by now. */
static size_t
admit_note(struct journal *j, struct store_write *job)
{
	struct journal_note *note = (struct journal_note *)job;

	return note->prepare == NULL || note->prepare(note, j->catalog) ? job->n : 0;
}

/* ---- what came before ---- */

size_t
journal_admit(void *arg, struct store_write *job)
{
	struct journal *j = arg;
	struct append *a = (struct append *)job;
	size_t kept = 0;

	if (job->writes[0].kind != HSW_WRITE_EVENT)
		return admit_note(j, job);
	if (j->seen == NULL)
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

struct hsw_write *
journal_complete(void *arg)
{
	struct journal *j = arg;
	struct hsw_str added = j->seen != NULL ? seen_added(j->seen) : (struct hsw_str){ NULL, 0 };

	if (added.len == 0)
		return NULL;
	j->seen_record = (struct hsw_store_record){ .kind = str_of(JOURNAL_SEEN_KIND),
		.text = added };
	j->seen_write = (struct hsw_write){
		.kind = HSW_WRITE_MEMO, .at_ms = clock_wall_ms(), .record = &j->seen_record
	};
	j->memories.added++;
	return &j->seen_write;
}

/* Store thread. The events got their seq; those that had come before by another daemon, or in a transaction
 * whose end was never told, got none and go behind the others: true: there are such. */
static bool
number(struct append *a)
{
	size_t kept = 0, admitted = a->write.admitted;

	for (size_t i = 0; i < admitted; i++) {
		struct hsw_envelope *e = a->envelopes[i];
		e->seq = a->write.writes[i].event->seq;
		if (e->seq == 0)
			continue;
		memmove(&a->envelopes[kept + 1], &a->envelopes[kept],
			(i - kept) * sizeof(a->envelopes[0]));
		a->envelopes[kept++] = e;
	}
	a->write.admitted = kept;
	return kept < admitted;
}

void
journal_committed(void *arg, struct store_write *const *jobs, size_t n, int rc)
{
	struct journal *j = arg;
	struct append *first = NULL, **last = &first;
	bool has_unfed = false;

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
		/* Where others append, what nobody was fed is followed. */
		if (rc == HSW_OK && number(a) && j->follow == NULL)
			has_unfed = true;
		a->next = NULL;
		*last = a;
		last = &a->next;
	}
	if (first != NULL)
		post_group(j, first, rc, has_unfed);
}

/* ---- appending ---- */

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
