/* SPDX-License-Identifier: Apache-2.0 */
/* journal_memo.c - what the store remembers beside events, see journal_impl.h. */
#include "journal_impl.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "err.h"

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
