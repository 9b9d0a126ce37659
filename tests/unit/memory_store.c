/* SPDX-License-Identifier: Apache-2.0 */
/* memory_store.c - see memory_store.h. */
#include "memory_store.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 100000
#define NAMES_MAX 16

struct row {
	struct hsw_store_event event;
	char *memory;
};

struct exception {
	char destination[64];
	int64_t seq, due_ms, at_ms;
	int attempts, status;
	char text[256];
	bool is_dead;
};

static struct {
	pthread_mutex_t lock;
	struct row rows[ROWS_MAX];
	size_t n;
	struct exception exceptions[ROWS_MAX];
	size_t n_exceptions;
	struct {
		char name[64];
		int64_t cursor;
	} destinations[NAMES_MAX];
	size_t n_destinations;
} store = { .lock = PTHREAD_MUTEX_INITIALIZER };

_Atomic int memory_store_refuses;
_Atomic int memory_store_keeps = -1;
_Atomic bool memory_store_loses_answers;
_Atomic int memory_store_refuses_reads;

static void
name_of(char out[64], struct hsw_str s)
{
	snprintf(out, 64, "%.*s", (int)s.len, s.s);
}

static struct hsw_str
copy(char **at, struct hsw_str s)
{
	struct hsw_str kept = { *at, s.len };
	memcpy(*at, s.s, s.len);
	*at += s.len;
	return kept;
}

/* One that comes again at once is known. */
static void
append(struct hsw_store_event *e)
{
	if (store.n > 0 && memcmp(store.rows[store.n - 1].event.id, e->id, sizeof(e->id)) == 0) {
		e->seq = 0;
		return;
	}
	struct row *row = &store.rows[store.n++];
	char *at = malloc(e->instance.len + e->type.len + e->provider.len + e->key.len +
		e->layout.len + e->body.len + 1);

	e->seq = (int64_t)store.n;
	row->memory = at;
	row->event = *e;
	row->event.instance = copy(&at, e->instance);
	row->event.type = copy(&at, e->type);
	row->event.provider = copy(&at, e->provider);
	row->event.key = copy(&at, e->key);
	row->event.layout = copy(&at, e->layout);
	row->event.body = copy(&at, e->body);
}

static struct exception *
find_exception(const char *destination, int64_t seq, bool is_dead)
{
	for (size_t i = 0; i < store.n_exceptions; i++) {
		struct exception *x = &store.exceptions[i];
		if (x->seq == seq && x->is_dead == is_dead &&
			strcmp(x->destination, destination) == 0)
			return x;
	}
	return NULL;
}

static void
drop(struct exception *x)
{
	if (x != NULL)
		*x = store.exceptions[--store.n_exceptions];
}

static void
put_exception(const struct hsw_write *w, const char *destination, bool is_dead)
{
	struct exception *x = find_exception(destination, w->seq, is_dead);

	if (x == NULL)
		x = &store.exceptions[store.n_exceptions++];
	*x = (struct exception){ .seq = w->seq,
		.due_ms = w->due_ms,
		.at_ms = w->at_ms,
		.attempts = w->attempts,
		.status = w->status,
		.is_dead = is_dead };
	snprintf(x->destination, sizeof(x->destination), "%s", destination);
	snprintf(x->text, sizeof(x->text), "%.*s", (int)w->text.len, w->text.s);
}

static int64_t *
cursor_of(const char *name)
{
	for (size_t i = 0; i < store.n_destinations; i++) {
		if (strcmp(store.destinations[i].name, name) == 0)
			return &store.destinations[i].cursor;
	}
	return NULL;
}

static bool
may_keep(void)
{
	int left = atomic_load(&memory_store_keeps);

	if (left > 0)
		atomic_store(&memory_store_keeps, left - 1);
	return left != 0;
}

static void
do_write(struct hsw_write *w)
{
	char name[64];

	name_of(name, w->destination);
	switch (w->kind) {
	case HSW_WRITE_EVENT:
		append(w->event);
		break;
	case HSW_WRITE_CURSOR:
		if (w->seq > *cursor_of(name))
			*cursor_of(name) = w->seq;
		break;
	case HSW_WRITE_RETRY:
		if (may_keep())
			put_exception(w, name, false);
		break;
	case HSW_WRITE_SETTLED:
		drop(find_exception(name, w->seq, false));
		break;
	case HSW_WRITE_DEAD:
		drop(find_exception(name, w->seq, false));
		put_exception(w, name, true);
		break;
	case HSW_WRITE_RECORD:
	case HSW_WRITE_FORGET:
	case HSW_WRITE_MEMO:
	case HSW_WRITE_RECORD_IF:
		break;
	}
}

static int
do_commit(void *self, struct hsw_write *const *writes, size_t n, struct hsw_error *err)
{
	int rc = atomic_load(&memory_store_refuses);

	(void)self;
	if (rc != HSW_OK) {
		snprintf(err->text, sizeof(err->text), "refused by the test");
		return rc;
	}
	pthread_mutex_lock(&store.lock);
	for (size_t i = 0; i < n; i++)
		do_write(writes[i]);
	pthread_mutex_unlock(&store.lock);
	return atomic_load(&memory_store_loses_answers) ? HSW_EAGAIN : HSW_OK;
}

static int
do_read(void *self, int64_t after, size_t max_events, size_t max_bytes, hsw_event_fn *fn, void *arg,
	struct hsw_error *err)
{
	size_t bytes = 0;

	(void)self;
	(void)err;
	for (size_t i = (size_t)after; i < store.n && max_events-- > 0 && bytes < max_bytes; i++) {
		bytes += store.rows[i].event.body.len;
		if (fn(arg, &store.rows[i].event) != HSW_OK)
			break;
	}
	return HSW_OK;
}

static int
do_read_seqs(void *self, const int64_t *seqs, size_t n, hsw_event_fn *fn, void *arg,
	struct hsw_error *err)
{
	(void)self;
	if (atomic_load(&memory_store_refuses_reads) > 0) {
		atomic_fetch_sub(&memory_store_refuses_reads, 1);
		snprintf(err->text, sizeof(err->text), "refused by the test");
		return HSW_EIO;
	}
	for (size_t i = 0; i < n; i++) {
		if (seqs[i] <= (int64_t)store.n)
			fn(arg, &store.rows[seqs[i] - 1].event);
	}
	return HSW_OK;
}

static int
do_attach(void *self, struct hsw_str destination, int64_t *cursor, struct hsw_error *err)
{
	char name[64];

	(void)self;
	(void)err;
	name_of(name, destination);
	if (cursor_of(name) == NULL) {
		snprintf(store.destinations[store.n_destinations].name, 64, "%s", name);
		store.destinations[store.n_destinations++].cursor = (int64_t)store.n;
	}
	*cursor = *cursor_of(name);
	return HSW_OK;
}

static int
do_cursors(void *self, hsw_cursor_fn *fn, void *arg, struct hsw_error *err)
{
	(void)self;
	(void)err;
	for (size_t i = 0; i < store.n_destinations; i++)
		fn(arg,
			(struct hsw_str){
				store.destinations[i].name, strlen(store.destinations[i].name) },
			store.destinations[i].cursor);
	return HSW_OK;
}

static int
do_retries(void *self, struct hsw_str destination, int64_t after, size_t limit,
	hsw_exception_fn *fn, void *arg, struct hsw_error *err)
{
	char name[64];

	(void)self;
	(void)err;
	name_of(name, destination);
	for (int64_t seq = after + 1; seq <= (int64_t)store.n && limit > 0; seq++) {
		const struct exception *x = find_exception(name, seq, false);
		if (x == NULL)
			continue;
		const struct hsw_store_exception out = { .seq = x->seq,
			.destination = destination,
			.attempts = x->attempts,
			.due_ms = x->due_ms,
			.event = &store.rows[seq - 1].event };
		limit--;
		fn(arg, &out);
	}
	return HSW_OK;
}

static int
do_dead(void *self, const struct hsw_dead_query *q, hsw_exception_fn *fn, void *arg,
	struct hsw_error *err)
{
	char name[64];

	(void)self;
	(void)err;
	name_of(name, q->destination);
	for (size_t i = 0; i < store.n_exceptions; i++) {
		const struct exception *x = &store.exceptions[i];
		const struct hsw_store_exception out = { .seq = x->seq,
			.destination = q->destination };
		if (x->is_dead && x->seq > q->after && strcmp(x->destination, name) == 0)
			fn(arg, &out);
	}
	return HSW_OK;
}

static int
do_prune(void *self, int64_t upto, int64_t before_ms, size_t max, size_t *n, struct hsw_error *err)
{
	(void)self;
	(void)upto;
	(void)before_ms;
	(void)max;
	(void)err;
	*n = 0;
	return HSW_OK;
}

static int
do_stats(void *self, struct hsw_store_stats *stats, struct hsw_error *err)
{
	(void)self;
	(void)err;
	*stats = (struct hsw_store_stats){
		.first_seq = 1, .last_seq = (int64_t)store.n, .events = (int64_t)store.n
	};
	return HSW_OK;
}

static int
do_usage(void *self, struct hsw_store_usage *usage, struct hsw_error *err)
{
	(void)self;
	(void)err;
	*usage = (struct hsw_store_usage){ 0 };
	return HSW_OK;
}

static int
do_open(const struct hsw_host *host, struct hsw_handle *handle, const void *conf, void **self,
	struct hsw_error *err)
{
	(void)host;
	(void)handle;
	(void)conf;
	(void)err;
	*self = &store;
	return HSW_OK;
}

static void
do_close(void *self)
{
	(void)self;
}

const struct hsw_store_ops memory_store_ops = {
	.size = sizeof(struct hsw_store_ops),
	.open = do_open,
	.commit = do_commit,
	.read = do_read,
	.read_seqs = do_read_seqs,
	.attach = do_attach,
	.cursors = do_cursors,
	.retries = do_retries,
	.dead = do_dead,
	.prune = do_prune,
	.stats = do_stats,
	.usage = do_usage,
	.close = do_close,
};

static size_t
count(bool is_dead)
{
	size_t n = 0;

	pthread_mutex_lock(&store.lock);
	for (size_t i = 0; i < store.n_exceptions; i++)
		n += store.exceptions[i].is_dead == is_dead;
	pthread_mutex_unlock(&store.lock);
	return n;
}

size_t
memory_store_retries(void)
{
	return count(false);
}

size_t
memory_store_dead(void)
{
	return count(true);
}

int64_t
memory_store_cursor(const char *destination)
{
	pthread_mutex_lock(&store.lock);
	int64_t cursor = *cursor_of(destination);
	pthread_mutex_unlock(&store.lock);
	return cursor;
}

void
memory_store_set_cursor(const char *destination, int64_t cursor)
{
	*cursor_of(destination) = cursor;
}

void
memory_store_clear(void)
{
	for (size_t i = 0; i < store.n; i++)
		free(store.rows[i].memory);
	store.n = store.n_exceptions = store.n_destinations = 0;
	atomic_store(&memory_store_refuses, HSW_OK);
	atomic_store(&memory_store_refuses_reads, 0);
	atomic_store(&memory_store_keeps, -1);
}
