/* SPDX-License-Identifier: Apache-2.0 */
/* migrate_batch.c - what is read from a store until it is written to the other, see migrate_impl.h. */
#include "migrate_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "err.h"

void
batch_init(struct batch *b, struct job *job)
{
	*b = (struct batch){ .job = job };
	b->last = &b->first;
}

void
batch_clear(struct batch *b)
{
	struct row *next;

	for (struct row *r = b->first; r != NULL; r = next) {
		next = r->next;
		free(r);
	}
	b->first = NULL;
	b->last = &b->first;
	b->n = 0;
}

struct row *
batch_add(struct batch *b, size_t bytes)
{
	struct row *r = malloc(sizeof(*r) + bytes);

	if (r == NULL) {
		b->rc = err_set(b->job->err, HSW_ENOMEM, "out of memory");
		return NULL;
	}
	*r = (struct row){ .next = NULL };
	*b->last = r;
	b->last = &r->next;
	b->n++;
	return r;
}

struct hsw_str
batch_keep(char **at, struct hsw_str s)
{
	struct hsw_str kept = { *at, s.len };

	if (s.len > 0)
		memcpy(*at, s.s, s.len);
	*at += s.len;
	return kept;
}

int
batch_commit(struct batch *b, bool with_state)
{
	struct job *j = b->job;
	char text[80];
	const struct hsw_store_record state = { str_of(MIGRATE_STATE_KIND), str_of(STATE_NAME),
		{ text,
			(size_t)snprintf(text, sizeof(text), "%lld %lld %lld",
				(long long)j->source_last, (long long)j->copied_upto,
				(long long)j->memos_copied) } };
	struct hsw_write state_write = { .kind = HSW_WRITE_RECORD, .record = &state };
	struct hsw_write **writes = malloc((b->n + 1) * sizeof(writes[0]));
	size_t n = 0;

	if (writes == NULL)
		return err_set(j->err, HSW_ENOMEM, "out of memory");
	for (struct row *r = b->first; r != NULL; r = r->next)
		writes[n++] = &r->write;
	if (with_state)
		writes[n++] = &state_write;
	int rc = n > 0 ? j->to.ops->commit(j->to.self, writes, n, j->err) : HSW_OK;
	free(writes);
	return rc;
}
