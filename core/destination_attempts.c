/* SPDX-License-Identifier: Apache-2.0 */
/*
 * destination_attempts.c - the failed attempts of a destination outlive the process: one record of the
 * store has those of one destination.
 *
 * A failure puts its destination into the thread's queue; a timer writes from its head what has been
 * there for SAVE_AFTER_MS. So a destination is written at most that often, and a worker with many that
 * fail writes at most SAVE_AT_ONCE records each SAVE_EVERY_MS. Successes cost nothing.
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
	if (d->is_saving_attempts || !destination_drop_attempts(d))
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

static void
recall(struct destination *d, const struct hsw_store_record *r)
{
	if (attempts_decode(&d->attempts, r->text) != HSW_OK)
		log_warn("router",
			"the stored attempts of a destination are damaged and not shown "
			"destination=%s",
			d->name);
}

static int
recall_of_thread(void *arg, const struct hsw_store_record *r)
{
	struct destination *d = str_is(r->kind, record_attempts) ? destination_find(arg, r->name)
								 : NULL;

	if (d != NULL)
		recall(d, r);
	return HSW_OK;
}

static int
recall_of_one(void *arg, const struct hsw_store_record *r)
{
	struct destination *d = arg;

	if (!str_is(r->kind, record_attempts) || !str_is(r->name, d->name))
		return HSW_OK;
	recall(d, r);
	return HSW_ELIMIT; /* there is no other */
}

static void
complain(int rc, const struct hsw_error *err)
{
	if (rc != HSW_OK)
		log_warn("router", "the stored attempts cannot be read and are not shown: %s",
			err->text);
}

void
destinations_recall_attempts(struct delivery_thread *t, const struct store_port *store)
{
	struct hsw_error err = { "" };

	if (t->first != NULL)
		complain(store->ops->records(store->self, recall_of_thread, t, &err), &err);
}

void
destination_recall_attempts(struct destination *d, const struct store_port *store)
{
	struct hsw_error err = { "" };

	complain(store->ops->records(store->self, recall_of_one, d, &err), &err);
}
