/* SPDX-License-Identifier: Apache-2.0 */
/* journal_memo.c - what the store remembers beside events, see journal_impl.h. */
#include "journal_impl.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "err.h"

#define FORGET_EVERY_MS 1000 /* memos, at most: looking costs more than deleting an event */
#define FORGET_MEMOS 1000    /* that a store forgets at a time */

const char *const journal_memo_kinds[] = { JOURNAL_SEEN_KIND, "identity", NULL };

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
	hsw_memo_fn *fn;
	void *arg;
	struct hsw_error *err;
	int rc;
};

static void
recall_memos(void *arg, const struct store_port *store)
{
	struct recalling *r = arg;

	r->journal->memories[r->journal->n_memories++] = r->memory;
	r->rc = store->ops->memos(store->self, str_of(r->memory.kind),
		clock_wall_ms() - r->memory.ms, r->fn, r->arg, r->err);
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

int
journal_recall(struct journal *j, const char *kind, int64_t ms, hsw_memo_fn *fn, void *arg,
	struct hsw_error *err)
{
	if (!is_memo_kind(kind))
		return err_set(err, HSW_EINVAL, "journal_memo_kinds lacks %s", kind);
	struct recalling r = {
		.journal = j, .memory = { kind, ms }, .fn = fn, .arg = arg, .err = err
	};

	store_run(j->store, recall_memos, &r);
	return r.rc;
}

int
journal_forget_memos(struct journal *j, const struct store_port *store, struct hsw_error *err)
{
	int64_t now = clock_mono_ms();
	size_t rounds = now >= j->forget_at ? 1 + j->new_memos / FORGET_MEMOS : 0;
	int rc = HSW_OK;

	for (size_t i = 0; i < j->n_memories * rounds && rc == HSW_OK; i++) {
		const struct memory *m = &j->memories[i % j->n_memories];
		rc = store->ops->forget_memos(
			store->self, str_of(m->kind), clock_wall_ms() - m->ms, err);
	}
	if (rounds > 0 && rc == HSW_OK) {
		j->new_memos = 0;
		j->forget_at = now + FORGET_EVERY_MS;
	}
	return rc;
}
