/*
 * @NAME@.c - the store @NAME@: keeps the journal in memory, and loses it when the daemon ends.
 *
 * That breaks the promise of `commit`, that what it accepted is durable: it is for tests and for looking at, until
 * `commit` and `open` work with something that lasts. Everything else of hookswitch/store.h is complete.
 *
 * All rows are in one array, ordered by table, by whose they are, by name and by seq. A commit makes its rows first,
 * which may fail, and then puts them in their places, which cannot: so it is done whole or not at all.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hookswitch/store.h>

#define MEMOS_AT_ONCE 1000 /* that forget_memos looks at */

struct conf {
	int64_t memory;
};

static const struct hsw_option options[] = {
	{ .key = "memory",
		.type = HSW_OPT_SIZE,
		.offset = offsetof(struct conf, memory),
		.def = "256m",
		.min = 4096,
		.max = INT64_MAX,
		.help = "how much the journal may take; what does not fit is refused as by a full "
			"disk" },
	{ .key = NULL },
};

enum table { EVENTS, CURSORS, RETRIES, DEAD, RECORDS, MEMOS };

struct row {
	enum table table;
	struct hsw_str who;  /* the destination, or the kind of a record or memo; "" of events */
	struct hsw_str name; /* of a record; else "" */
	int64_t seq; /* of the event, or the cursor's (then it orders nothing); of memos a number */
	int attempts, status;
	int64_t due_ms, at_ms;
	struct hsw_str text;
	struct hsw_store_event event; /* of events */
	size_t size;                  /* of the row with its strings, which are behind it */
};

struct store {
	struct row **rows;
	size_t n, room;
	int64_t last_seq, last_memo, bytes, bytes_max;
	size_t n_kept; /* dead letters that the pass of dead_expire has kept so far */
};

/* ---- rows ---- */

static int
fail(struct hsw_error *err, int rc, const char *text)
{
	snprintf(err->text, sizeof(err->text), "%s", text);
	return rc;
}

/* A copy with strings of its own, or NULL. */
static struct row *
row_copy(struct row from)
{
	struct hsw_str *all[] = { &from.who, &from.name, &from.text, &from.event.instance,
		&from.event.type, &from.event.provider, &from.event.key, &from.event.layout,
		&from.event.body };
	const size_t count = sizeof(all) / sizeof(all[0]);

	from.size = sizeof(from);
	for (size_t i = 0; i < count; i++)
		from.size += all[i]->len;
	struct row *row = malloc(from.size);
	char *end = (char *)(row + 1);
	for (size_t i = 0; row != NULL && i < count; i++) {
		if (all[i]->len > 0)
			memcpy(end, all[i]->s, all[i]->len);
		all[i]->s = end;
		end += all[i]->len;
	}
	if (row != NULL)
		*row = from;
	return row;
}

static int
compare_str(struct hsw_str a, struct hsw_str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n > 0 ? memcmp(a.s, b.s, n) : 0;

	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static int
compare(const struct row *a, const struct row *b)
{
	int c = (int)a->table - (int)b->table;

	if (c == 0)
		c = compare_str(a->who, b->who);
	if (c == 0)
		c = compare_str(a->name, b->name);
	if (c == 0 && a->table != CURSORS)
		c = (a->seq > b->seq) - (a->seq < b->seq);
	return c;
}

/* Where the key is, or would be. */
static size_t
place(const struct store *s, const struct row *key)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare(s->rows[middle], key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static size_t
first_of(const struct store *s, enum table table, struct hsw_str who, int64_t seq)
{
	return place(s, &(struct row){ .table = table, .who = who, .seq = seq });
}

/* Whether row i is there, and of the table. */
static bool
is_of(const struct store *s, size_t i, enum table table)
{
	return i < s->n && s->rows[i]->table == table;
}

static bool
is_whose(const struct store *s, size_t i, enum table table, struct hsw_str who)
{
	return is_of(s, i, table) && compare_str(s->rows[i]->who, who) == 0;
}

static struct row *
find(const struct store *s, const struct row *key)
{
	size_t i = place(s, key);

	return i < s->n && compare(s->rows[i], key) == 0 ? s->rows[i] : NULL;
}

static struct row *
take_out(struct store *s, size_t i)
{
	struct row *row = s->rows[i];

	memmove(&s->rows[i], &s->rows[i + 1], (--s->n - i) * sizeof(row));
	s->bytes -= (int64_t)row->size;
	return row;
}

static void
delete_key(struct store *s, const struct row *key)
{
	size_t i = place(s, key);

	if (i < s->n && compare(s->rows[i], key) == 0)
		free(take_out(s, i));
}

/* Takes the row, in place of the one that has its key. There must be room. */
static void
put(struct store *s, struct row *row)
{
	delete_key(s, row);
	size_t i = place(s, row);
	memmove(&s->rows[i + 1], &s->rows[i], (s->n++ - i) * sizeof(row));
	s->rows[i] = row;
	s->bytes += (int64_t)row->size;
}

static bool
make_room(struct store *s, size_t n)
{
	if (s->n + n <= s->room)
		return true;
	size_t room = 2 * s->room + n;
	struct row **rows = realloc(s->rows, room * sizeof(*rows));
	if (rows == NULL)
		return false;
	s->rows = rows;
	s->room = room;
	return true;
}

/* ---- writing ---- */

/* The row that a write inserts, or the key of the one that it deletes. false: there is no such write. */
static bool
row_of(const struct hsw_write *w, struct row *row)
{
	*row = (struct row){ .who = w->destination,
		.seq = w->seq,
		.attempts = w->attempts,
		.status = w->status,
		.due_ms = w->due_ms,
		.at_ms = w->at_ms,
		.text = w->text };
	switch (w->kind) {
	case HSW_WRITE_EVENT:
		*row = (struct row){ .table = EVENTS, .event = *w->event };
		return true;
	case HSW_WRITE_CURSOR:
		row->table = CURSORS;
		return true;
	case HSW_WRITE_RETRY:
	case HSW_WRITE_SETTLED:
		row->table = RETRIES;
		return true;
	case HSW_WRITE_DEAD:
		row->table = DEAD;
		return true;
	case HSW_WRITE_RECORD:
	case HSW_WRITE_RECORD_IF:
	case HSW_WRITE_FORGET:
		*row = (struct row){ .table = RECORDS,
			.who = w->record->kind,
			.name = w->record->name,
			.text = w->record->text };
		return true;
	case HSW_WRITE_MEMO:
		*row = (struct row){ .table = MEMOS,
			.who = w->record->kind,
			.at_ms = w->at_ms,
			.text = w->record->text };
		return true;
	}
	return false;
}

/* Whether the row, NULL where there is none, has that text; an empty one: whether there is none. */
static bool
is_record(const struct row *row, struct hsw_str text)
{
	return row == NULL ? text.len == 0
			   : text.len > 0 && row->text.len == text.len &&
			memcmp(row->text.s, text.s, text.len) == 0;
}

/* Makes the row of a write; what may fail. */
static int
prepare(const struct store *s, const struct hsw_write *w, struct row **made, struct hsw_error *err)
{
	struct row row;

	if (!row_of(w, &row))
		return fail(err, HSW_EINVAL, "a kind of write that this store does not know");
	bool is_destinations = row.table >= CURSORS && row.table <= DEAD;
	if (is_destinations && !find(s, &(struct row){ .table = CURSORS, .who = row.who }))
		return fail(err, HSW_EINVAL, "a write for a destination that is not attached");
	if (w->kind == HSW_WRITE_RECORD_IF && !is_record(find(s, &row), w->text))
		return fail(err, HSW_ENOENT, "the record is another one by now");
	*made = row_copy(row);
	return *made != NULL ? HSW_OK : fail(err, HSW_ENOMEM, "out of memory");
}

/* Puts the row in its place; cannot fail. */
static void
apply(struct store *s, struct hsw_write *w, struct row *row)
{
	struct row *known = row->table == CURSORS ? find(s, row) : NULL;

	if (row->table == EVENTS)
		row->seq = row->event.seq = w->event->seq = ++s->last_seq;
	if (row->table == MEMOS)
		row->seq = ++s->last_memo;
	if (row->table == DEAD)
		delete_key(s, &(struct row){ .table = RETRIES, .who = row->who, .seq = row->seq });
	if (w->kind == HSW_WRITE_SETTLED || w->kind == HSW_WRITE_FORGET) {
		delete_key(s, row);
		free(row);
	} else if (known != NULL && known->seq >= row->seq) {
		free(row); /* a cursor never goes back */
	} else {
		put(s, row);
	}
}

static int
store_commit(void *self, struct hsw_write *const *writes, size_t n, struct hsw_error *err)
{
	struct store *s = self;
	struct row **made = calloc(n + 1, sizeof(*made));
	int64_t bytes = s->bytes;
	int rc = made != NULL && make_room(s, n) ? HSW_OK : fail(err, HSW_ENOMEM, "out of memory");

	for (size_t i = 0; rc == HSW_OK && i < n; i++) {
		rc = prepare(s, writes[i], &made[i], err);
		bytes += rc == HSW_OK ? (int64_t)made[i]->size : 0;
	}
	/* A store that lasts writes what is made here to the disk and syncs it, before anybody sees it. */
	if (rc == HSW_OK && bytes > s->bytes_max)
		rc = fail(err, HSW_ELIMIT, "the journal has taken all of its `memory`");
	for (size_t i = 0; made != NULL && i < n; i++) {
		if (rc == HSW_OK)
			apply(s, writes[i], made[i]);
		else
			free(made[i]);
	}
	free(made);
	return rc;
}

/* ---- the log ---- */

static int
store_read(void *self, int64_t after, size_t max_events, size_t max_bytes, hsw_event_fn *fn,
	void *arg, struct hsw_error *err)
{
	struct store *s = self;
	size_t bytes = 0;

	(void)err;
	for (size_t i = place(s, &(struct row){ .table = EVENTS, .seq = after + 1 });
		is_of(s, i, EVENTS) && max_events > 0 && bytes < max_bytes; i++, max_events--) {
		bytes += s->rows[i]->event.body.len;
		if (fn(arg, &s->rows[i]->event) != HSW_OK)
			break;
	}
	return HSW_OK;
}

static int
store_read_seqs(void *self, const int64_t *seqs, size_t n, hsw_event_fn *fn, void *arg,
	struct hsw_error *err)
{
	(void)err;
	for (size_t i = 0; i < n; i++) {
		const struct row *row = find(
			self, &(struct row){ .table = EVENTS, .seq = seqs[i] });
		if (row != NULL && fn(arg, &row->event) != HSW_OK)
			break;
	}
	return HSW_OK;
}

static bool
is_named(const struct store *s, int64_t seq)
{
	for (size_t i = place(s, &(struct row){ .table = RETRIES });
		i < s->n && s->rows[i]->table <= DEAD; i++) {
		if (s->rows[i]->seq == seq)
			return true;
	}
	return false;
}

static int
store_prune(
	void *self, int64_t upto, int64_t before_ms, size_t max, size_t *n, struct hsw_error *err)
{
	struct store *s = self;
	size_t i = 0;

	(void)err;
	*n = 0;
	while (is_of(s, i, EVENTS) && s->rows[i]->seq <= upto && *n < max) {
		if (s->rows[i]->event.received_ms >= before_ms || is_named(s, s->rows[i]->seq)) {
			i++;
			continue;
		}
		free(take_out(s, i));
		++*n;
	}
	return HSW_OK;
}

static int
store_stats(void *self, struct hsw_store_stats *stats, struct hsw_error *err)
{
	struct store *s = self;

	(void)err;
	*stats = (struct hsw_store_stats){ .last_seq = s->last_seq,
		.first_seq = is_of(s, 0, EVENTS) ? s->rows[0]->seq : 0,
		.events = (int64_t)place(s, &(struct row){ .table = CURSORS }),
		.bytes = s->bytes };
	return HSW_OK;
}

static int
store_usage(void *self, struct hsw_store_usage *usage, struct hsw_error *err)
{
	struct store *s = self;
	size_t i = 0;

	(void)err;
	while (is_of(s, i, EVENTS) && is_named(s, s->rows[i]->seq))
		i++;
	*usage = (struct hsw_store_usage){ .bytes = s->bytes,
		.oldest_ms = is_of(s, i, EVENTS) ? s->rows[i]->event.received_ms : 0 };
	return HSW_OK;
}

/* ---- destinations ---- */

static int
store_attach(void *self, struct hsw_str destination, int64_t *cursor, struct hsw_error *err)
{
	struct store *s = self;
	const struct row key = { .table = CURSORS, .who = destination, .seq = s->last_seq };
	struct row *row = find(s, &key);

	if (row == NULL) {
		row = make_room(s, 1) ? row_copy(key) : NULL;
		if (row == NULL)
			return fail(err, HSW_ENOMEM, "out of memory");
		put(s, row);
	}
	*cursor = row->seq;
	return HSW_OK;
}

static int
store_cursors(void *self, hsw_cursor_fn *fn, void *arg, struct hsw_error *err)
{
	struct store *s = self;

	(void)err;
	for (size_t i = place(s, &(struct row){ .table = CURSORS });
		is_of(s, i, CURSORS) && fn(arg, s->rows[i]->who, s->rows[i]->seq) == HSW_OK; i++)
		;
	return HSW_OK;
}

static int
store_detach(void *self, struct hsw_str destination, struct hsw_error *err)
{
	struct store *s = self;

	(void)err;
	for (enum table t = CURSORS; t <= DEAD; t++) {
		size_t i = first_of(s, t, destination, INT64_MIN);
		while (is_whose(s, i, t, destination))
			free(take_out(s, i));
	}
	return HSW_OK;
}

/* ---- retries and dead letters ---- */

/* Shows the row to fn, whose result it is. */
static int
show(const struct store *s, const struct row *row, bool with_body, hsw_exception_fn *fn, void *arg)
{
	const struct row *of = find(s, &(struct row){ .table = EVENTS, .seq = row->seq });

	if (of == NULL)
		return HSW_OK;
	struct hsw_store_event event = of->event;
	if (!with_body)
		event.body.len = 0;
	return fn(arg,
		&(struct hsw_store_exception){ .seq = row->seq,
			.destination = row->who,
			.attempts = row->attempts,
			.due_ms = row->due_ms,
			.at_ms = row->at_ms,
			.status = row->status,
			.text = row->text,
			.event = &event });
}

static int
store_retries(void *self, struct hsw_str destination, int64_t after, size_t limit,
	hsw_exception_fn *fn, void *arg, struct hsw_error *err)
{
	struct store *s = self;

	(void)err;
	for (size_t i = first_of(s, RETRIES, destination, after + 1);
		limit > 0 && is_whose(s, i, RETRIES, destination); i++, limit--) {
		if (show(s, s->rows[i], false, fn, arg) != HSW_OK)
			break;
	}
	return HSW_OK;
}

static bool
is_asked_for(const struct store *s, const struct row *row, const struct hsw_dead_query *q)
{
	const struct row *of = find(s, &(struct row){ .table = EVENTS, .seq = row->seq });

	return row->seq > q->after &&
		(q->destination.len == 0 || compare_str(row->who, q->destination) == 0) &&
		(q->id.len == 0 ||
			(of != NULL && memcmp(of->event.id, q->id.s, sizeof(of->event.id)) == 0));
}

static int
store_dead(void *self, const struct hsw_dead_query *q, hsw_exception_fn *fn, void *arg,
	struct hsw_error *err)
{
	struct store *s = self;
	size_t left = q->limit != 0 ? q->limit : SIZE_MAX;

	(void)err;
	for (size_t i = place(s, &(struct row){ .table = DEAD }); left > 0 && is_of(s, i, DEAD);
		i++) {
		if (!is_asked_for(s, s->rows[i], q))
			continue;
		if (show(s, s->rows[i], q->with_body, fn, arg) != HSW_OK)
			break;
		left--;
	}
	return HSW_OK;
}

static int
store_dead_counts(void *self, hsw_count_fn *fn, void *arg, struct hsw_error *err)
{
	struct store *s = self;
	size_t i = place(s, &(struct row){ .table = DEAD });

	(void)err;
	while (is_of(s, i, DEAD)) {
		size_t first = i;
		while (is_whose(s, i, DEAD, s->rows[first]->who))
			i++;
		if (fn(arg, s->rows[first]->who, (int64_t)(i - first)) != HSW_OK)
			break;
	}
	return HSW_OK;
}

/* Takes out what is asked for; with due_ms it becomes retries, without (-1) it is gone. */
static size_t
end_dead(struct store *s, const struct hsw_dead_query *q, int64_t due_ms)
{
	size_t i = place(s, &(struct row){ .table = DEAD }), n = 0;

	while (is_of(s, i, DEAD) && (q->limit == 0 || n < q->limit)) {
		if (!is_asked_for(s, s->rows[i], q)) {
			i++;
			continue;
		}
		n++;
		struct row *row = take_out(s, i);
		if (due_ms < 0) {
			free(row);
			continue;
		}
		row->table = RETRIES;
		row->attempts = 0;
		row->due_ms = due_ms;
		row->text = (struct hsw_str){ "replay", 6 };
		size_t before = s->n;
		put(s, row); /* before i, unless it took the place of another */
		i += s->n - before;
	}
	return n;
}

static int
store_dead_replay(
	void *self, const struct hsw_dead_query *q, int64_t due, size_t *n, struct hsw_error *err)
{
	(void)err;
	*n = end_dead(self, q, due);
	return HSW_OK;
}

static int
store_dead_purge(void *self, const struct hsw_dead_query *q, size_t *n, struct hsw_error *err)
{
	(void)err;
	*n = end_dead(self, q, -1);
	return HSW_OK;
}

/* Goes on behind those that the last call kept; who come or go meanwhile may wait for the next pass. */
static int
store_dead_expire(void *self, int64_t before_ms, size_t max, size_t *n, int *is_through,
	struct hsw_error *err)
{
	struct store *s = self;
	size_t i = place(s, &(struct row){ .table = DEAD }) + s->n_kept;

	(void)err;
	*n = 0;
	for (size_t looked = 0; looked < max && is_of(s, i, DEAD); looked++) {
		if (s->rows[i]->at_ms >= before_ms) {
			s->n_kept++;
			i++;
			continue;
		}
		free(take_out(s, i));
		++*n;
	}
	*is_through = !is_of(s, i, DEAD);
	if (*is_through)
		s->n_kept = 0;
	return HSW_OK;
}

/* ---- records and memos ---- */

static int
store_records(void *self, hsw_record_fn *fn, void *arg, struct hsw_error *err)
{
	struct store *s = self;

	(void)err;
	for (size_t i = place(s, &(struct row){ .table = RECORDS }); is_of(s, i, RECORDS); i++) {
		const struct row *row = s->rows[i];
		if (fn(arg, &(struct hsw_store_record){ row->who, row->name, row->text }) != HSW_OK)
			break;
	}
	return HSW_OK;
}

static int
store_memos(void *self, struct hsw_str kind, int64_t since_ms, hsw_memo_fn *fn, void *arg,
	struct hsw_error *err)
{
	struct store *s = self;

	(void)err;
	for (size_t i = first_of(s, MEMOS, kind, 0); is_whose(s, i, MEMOS, kind); i++) {
		const struct row *row = s->rows[i];
		if (row->at_ms >= since_ms && fn(arg, row->at_ms, row->text) != HSW_OK)
			break;
	}
	return HSW_OK;
}

static int
store_forget_memos(void *self, struct hsw_str kind, int64_t before_ms, struct hsw_error *err)
{
	struct store *s = self;
	size_t i = first_of(s, MEMOS, kind, 0);

	(void)err;
	for (int seen = 0; seen < MEMOS_AT_ONCE && is_whose(s, i, MEMOS, kind); seen++) {
		if (s->rows[i]->at_ms < before_ms)
			free(take_out(s, i));
		else
			i++;
	}
	return HSW_OK;
}

/* ---- the plugin ---- */

static int
store_open(const struct hsw_host *host, struct hsw_handle *handle, const void *conf, void **self,
	struct hsw_error *err)
{
	const struct conf *c = conf;
	struct store *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return fail(err, HSW_ENOMEM, "out of memory");
	s->bytes_max = c->memory;
	host->log(handle, HSW_LOG_WARN,
		"the journal is in memory: what is in it is lost when the daemon ends");
	*self = s;
	return HSW_OK;
}

static void
store_close(void *self)
{
	struct store *s = self;

	for (size_t i = 0; i < s->n; i++)
		free(s->rows[i]);
	free(s->rows);
	free(s);
}

static const struct hsw_store_ops ops = {
	.size = sizeof(struct hsw_store_ops),
	.open = store_open,
	.commit = store_commit,
	.read = store_read,
	.read_seqs = store_read_seqs,
	.attach = store_attach,
	.cursors = store_cursors,
	.retries = store_retries,
	.dead = store_dead,
	.dead_counts = store_dead_counts,
	.dead_replay = store_dead_replay,
	.dead_purge = store_dead_purge,
	.prune = store_prune,
	.stats = store_stats,
	.close = store_close,
	.records = store_records,
	.detach = store_detach,
	.memos = store_memos,
	.forget_memos = store_forget_memos,
	.usage = store_usage,
	.dead_expire = store_dead_expire,
};

HSW_PLUGIN(HSW_STORE, "@NAME@", "0.1", "keeps the journal in memory", sizeof(struct conf), options,
	&ops);
