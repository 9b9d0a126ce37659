/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destination_attempts.c - the failed attempts of a destination, and since when it is down, outlive the process:
 * one record of the store has those of one destination.
 *
 * A failure puts its destination into the thread's queue; a timer writes from its head what has been
 * there for SAVE_AFTER_MS. So a destination is written at most that often, and a worker with many that
 * fail writes at most SAVE_AT_ONCE records each SAVE_EVERY_MS. Successes cost nothing.
 *
 * Everything runs on the worker, but read_all and read_one on the store thread.
 */
#include "destination_impl.h"

#include <stdlib.h>

#include "clock.h"
#include "log.h"
#include "record.h"

#define SAVE_AFTER_MS 5000 /* after the first failure that is not written yet */
#define SAVE_EVERY_MS 1000 /* the timer, while more waits than may be written at once */
#define SAVE_AT_ONCE 16    /* records of up to ATTEMPTS_STORED_BYTES each */

/* The destination's write, and its record. */
struct attempts_note {
	struct journal_note note; /* first */
	struct destination *d;
	struct hsw_store_record record;
	struct buf text;
};

static void
arm(struct delivery_thread *t)
{
	const struct destination *first = TAILQ_FIRST(&t->unsaved_attempts);

	if (first == NULL || event_pending(t->save_attempts, EV_TIMEOUT, NULL))
		return;
	int64_t wait = first->failed_since_ms + SAVE_AFTER_MS - clock_mono_ms();
	if (wait < SAVE_EVERY_MS)
		wait = SAVE_EVERY_MS;
	const struct timeval tv = { wait / 1000, wait % 1000 * 1000 };
	event_add(t->save_attempts, &tv);
}

void
destination_keep_attempts(struct destination *d)
{
	if (d->has_unsaved_attempts)
		return;
	d->has_unsaved_attempts = true;
	d->failed_since_ms = clock_mono_ms();
	TAILQ_INSERT_TAIL(&d->thread->unsaved_attempts, d, unsaved_attempts);
	arm(d->thread);
}

bool
destination_drop_attempts(struct destination *d)
{
	if (!d->has_unsaved_attempts)
		return false;
	d->has_unsaved_attempts = false;
	TAILQ_REMOVE(&d->thread->unsaved_attempts, d, unsaved_attempts);
	return true;
}

static void
on_saved(struct journal_note *note, int rc)
{
	struct destination *d = ((struct attempts_note *)note)->d;

	buf_free(&d->attempts_note->text);
	d->is_saving_attempts = false;
	d->has_attempts_failed = rc != HSW_OK;
	if (rc != HSW_OK && !d->is_leaving)
		destination_keep_attempts(d);
}

/* false: out of memory. */
static bool
make_note(struct destination *d)
{
	struct attempts_note *n = d->attempts_note;

	if (n == NULL)
		n = d->attempts_note = calloc(1, sizeof(*n));
	if (n == NULL)
		return false;
	n->d = d;
	attempts_encode(&d->attempts, &n->text);
	if (n->text.failed) {
		buf_free(&n->text);
		return false;
	}
	n->record = (struct hsw_store_record){ str_of(record_attempts), str_of(d->name),
		{ n->text.data, n->text.len } };
	n->note.done = on_saved;
	n->note.write = (struct hsw_write){ .kind = HSW_WRITE_RECORD, .record = &n->record };
	return true;
}

void
destination_save_attempts(struct destination *d)
{
	if (d->is_saving_attempts || d->is_still || d->wants_attempts ||
		!destination_drop_attempts(d))
		return;
	d->has_attempts_failed = !make_note(d);
	if (d->has_attempts_failed) {
		destination_keep_attempts(d);
		return;
	}
	d->is_saving_attempts = true;
	journal_write(d->thread->journal, d->thread->port, &d->attempts_note->note);
}

void
destinations_on_save_attempts(evutil_socket_t fd, short what, void *arg)
{
	struct delivery_thread *t = arg;
	int64_t due = clock_mono_ms() - SAVE_AFTER_MS;
	struct destination *d, *next;
	size_t n = 0;

	(void)fd;
	(void)what;
	for (d = TAILQ_FIRST(&t->unsaved_attempts); d != NULL; d = next) {
		next = TAILQ_NEXT(d, unsaved_attempts);
		if (d->failed_since_ms > due || n == SAVE_AT_ONCE)
			break;
		n += !d->is_saving_attempts;
		destination_save_attempts(d);
	}
	arm(t);
}

void
destination_free_attempts(struct destination *d)
{
	destination_drop_attempts(d);
	if (d->attempts_note != NULL)
		buf_free(&d->attempts_note->text);
	free(d->attempts_note);
	attempts_free(&d->attempts);
}

/* ---- reading ---- */

/* What one destination had. */
struct recalled {
	struct recalled *next;
	struct attempts attempts;
	bool is_damaged;
	size_t len;
	char name[];
};

struct recall {
	struct store_call call; /* first */
	struct mail mail;
	struct delivery_thread *thread;
	struct recalled *first;
};

static void ask(struct delivery_thread *);

static void
recalled_free(struct recalled *r)
{
	attempts_free(&r->attempts);
	free(r);
}

static int
read_one(void *arg, const struct hsw_store_record *record)
{
	struct recall *all = arg;

	if (!str_is(record->kind, record_attempts))
		return HSW_OK;
	struct recalled *r = calloc(1, sizeof(*r) + record->name.len);
	if (r == NULL)
		return HSW_ENOMEM;
	memcpy(r->name, record->name.s, record->name.len);
	r->len = record->name.len;
	r->is_damaged = attempts_decode(&r->attempts, record->text) != HSW_OK;
	r->next = all->first;
	all->first = r;
	return HSW_OK;
}

/* The older ones first, then those that failed since it was opened. */
static void
merge(struct destination *d, struct attempts *older)
{
	const struct attempt *a;

	for (size_t i = ATTEMPTS_KEPT; i-- > 0;) {
		if ((a = attempts_newest(&d->attempts.failed, i)) != NULL)
			attempts_note(older, a);
	}
	const struct attempt_ring failed = d->attempts.failed;
	d->attempts.failed = older->failed;
	older->failed = failed;
}

static void
take(struct destination *d, struct recalled *r)
{
	d->wants_attempts = false;
	if (r->is_damaged)
		log_warn("router",
			"the stored attempts of a destination are damaged and not shown "
			"destination=%s",
			d->name);
	else
		merge(d, &r->attempts);
	circuit_recall(d, r->attempts.down_since_ms);
}

static void
on_recalled(struct mail *mail)
{
	struct recall *all = (struct recall *)((char *)mail - offsetof(struct recall, mail));
	struct delivery_thread *t = all->thread;
	struct recalled *r;

	while ((r = all->first) != NULL) {
		struct destination *d = destination_find(t, (struct hsw_str){ r->name, r->len });
		all->first = r->next;
		if (d != NULL && d->wants_attempts)
			take(d, r);
		recalled_free(r);
	}
	free(all);
	t->is_recalling = false;
	if (t->must_recall) {
		ask(t);
		return;
	}
	for (struct destination *d = t->first; d != NULL; d = d->next)
		d->wants_attempts = false;
}

/* On the store thread. */
static void
read_all(struct store_call *call, const struct store_port *store)
{
	struct recall *all = (struct recall *)call;
	struct hsw_error err = { "" };

	if (store->ops->records(store->self, read_one, all, &err) != HSW_OK)
		log_warn("router", "the stored attempts cannot be read and are not shown: %s",
			err.text);
	all->mail.run = on_recalled;
	mailbox_post(all->thread->box, &all->mail);
}

static void
ask(struct delivery_thread *t)
{
	struct recall *all = calloc(1, sizeof(*all));

	t->must_recall = false;
	if (all == NULL) {
		log_warn("router", "out of memory: the stored attempts are not shown");
		for (struct destination *d = t->first; d != NULL; d = d->next)
			d->wants_attempts = false;
		return;
	}
	t->is_recalling = true;
	all->thread = t;
	all->call.fn = read_all;
	store_post_call(journal_store(t->journal), &all->call);
}

void
destination_recall_attempts(struct destination *d)
{
	d->wants_attempts = true;
	if (d->thread->is_recalling)
		d->thread->must_recall = true;
	else
		ask(d->thread);
}

void
destinations_recall_attempts(struct delivery_thread *t)
{
	for (struct destination *d = t->first; d != NULL; d = d->next)
		d->wants_attempts = true;
	if (t->first != NULL)
		ask(t);
}
