/* SPDX-License-Identifier: Apache-2.0 */
/* record_batch.c - batches of records' writes: see record.h. */
#include "record.h"

#include <stdlib.h>

#include "err.h"

struct record_item {
	struct record_item *next;
	struct hsw_store_record record;
	struct hsw_write write;
	struct buf kind, name, text;
};

void
record_batch_init(struct record_batch *b)
{
	*b = (struct record_batch){ .last = &b->first };
}

static void
add(struct record_batch *b, enum hsw_write_kind write, const char *kind, struct hsw_str name,
	const char *sub, struct buf *text)
{
	struct record_item *i = calloc(1, sizeof(*i));

	if (i == NULL) {
		b->failed = true;
		if (text != NULL)
			buf_free(text);
		return;
	}
	buf_str(&i->kind, kind);
	buf_append(&i->name, name.s, name.len);
	if (sub != NULL) {
		buf_str(&i->name, "/");
		buf_str(&i->name, sub);
	}
	if (text != NULL) {
		i->text = *text;
		*text = (struct buf)BUF_INIT;
	}
	b->failed |= i->kind.failed || i->name.failed || i->text.failed;
	i->record = (struct hsw_store_record){ { i->kind.data, i->kind.len },
		{ i->name.data, i->name.len }, { i->text.data, i->text.len } };
	i->write = (struct hsw_write){ .kind = write, .record = &i->record };
	*b->last = i;
	b->last = &i->next;
	b->n++;
}

void
record_put(struct record_batch *b, const char *kind, struct hsw_str name, const char *sub,
	struct buf *text)
{
	add(b, HSW_WRITE_RECORD, kind, name, sub, text);
}

void
record_replace(struct record_batch *b, const char *kind, struct hsw_str name, struct hsw_str before,
	struct buf *text)
{
	struct record_item **at = b->last;

	add(b, HSW_WRITE_RECORD_IF, kind, name, NULL, text);
	if (*at != NULL)
		(*at)->write.text = before;
}

void
record_follow(struct record_batch *b, struct hsw_str before, struct buf *next)
{
	struct buf text = BUF_INIT;

	record_print_version(&text);
	if (next != NULL) {
		buf_append(next, text.data, text.len);
		b->failed |= next->failed;
	}
	record_replace(b, record_version, str_of("1"), before, &text);
}

void
record_forget(struct record_batch *b, const char *kind, struct hsw_str name, const char *sub)
{
	add(b, HSW_WRITE_FORGET, kind, name, sub, NULL);
}

int
record_commit(struct record_batch *b, const struct store_port *store, struct hsw_error *err)
{
	struct hsw_write **writes = malloc((b->n + 1) * sizeof(writes[0]));
	struct record_item *i, *next;
	int rc = HSW_OK;
	size_t n = 0;

	for (i = b->first; i != NULL && writes != NULL; i = i->next)
		writes[n++] = &i->write;
	if (writes == NULL || b->failed)
		rc = err_set(err, HSW_ENOMEM, "out of memory");
	else if (n > 0)
		rc = store->ops->commit(store->self, writes, n, err);
	for (i = b->first; i != NULL; i = next) {
		next = i->next;
		buf_free(&i->kind);
		buf_free(&i->name);
		buf_free(&i->text);
		free(i);
	}
	free(writes);
	record_batch_init(b);
	return rc;
}

int
record_detach(const struct store_port *store, struct hsw_str destination, struct hsw_error *err)
{
	struct record_batch b;
	int rc = store->ops->detach(store->self, destination, err);

	if (rc != HSW_OK)
		return rc;
	record_batch_init(&b);
	record_forget(&b, record_attempts, destination, NULL);
	return record_commit(&b, store, err);
}
