/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.c - see metrics.h. The key of a cell is its line without the value: name{label="value"}. */
#include "metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include <uthash.h>

#include "metric_help.h"

struct cell {
	struct metric metric;
	UT_hash_handle hh;
	size_t name_len;
	char key[];
};

static struct {
	pthread_mutex_t lock;
	struct cell *cells;
	struct cell overflow;
} registry = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* Label values escape backslash, quote and line feed; other control characters are replaced. */
static void
append_label_value(struct buf *b, struct hsw_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.s[i];
		if (c == '\\' || c == '"')
			buf_append(b, "\\", 1);
		if (c < 0x20 || c >= 0x7f)
			c = '?';
		buf_append(b, &c, 1);
	}
}

static void
make_key(struct buf *b, const char *name, const struct metric_label *labels, size_t n)
{
	buf_str(b, name);
	for (size_t i = 0; i < n; i++) {
		buf_printf(b, "%s%s=\"", i == 0 ? "{" : ",", labels[i].name);
		append_label_value(b, labels[i].value);
		buf_str(b, "\"");
	}
	if (n > 0)
		buf_str(b, "}");
}

static struct cell *
cell_new(const struct buf *key, size_t name_len)
{
	if (HASH_COUNT(registry.cells) >= METRICS_CELLS_MAX)
		return NULL;
	struct cell *cell = calloc(1, sizeof(*cell) + key->len + 1);
	if (cell == NULL)
		return NULL;
	memcpy(cell->key, key->data, key->len);
	cell->name_len = name_len;
	HASH_ADD_KEYPTR(hh, registry.cells, cell->key, key->len, cell);
	return cell;
}

struct metric *
metric_get(const char *name, const struct metric_label *labels, size_t n)
{
	struct buf key = BUF_INIT;
	struct cell *cell = NULL;

	make_key(&key, name, labels, n);
	if (!key.failed) {
		pthread_mutex_lock(&registry.lock);
		HASH_FIND(hh, registry.cells, key.data, key.len, cell);
		if (cell == NULL)
			cell = cell_new(&key, strlen(name));
		pthread_mutex_unlock(&registry.lock);
	}
	buf_free(&key);
	return cell != NULL ? &cell->metric : &registry.overflow.metric;
}

static int
by_key(const struct cell *a, const struct cell *b)
{
	return strcmp(a->key, b->key);
}

static bool
same_name(const struct cell *a, const struct cell *b)
{
	return a != NULL && a->name_len == b->name_len && memcmp(a->key, b->key, a->name_len) == 0;
}

static const char *
type_of(const struct cell *cell)
{
	static const char suffix[] = "_total";
	size_t n = sizeof(suffix) - 1;
	bool is_counter = cell->name_len > n &&
		memcmp(cell->key + cell->name_len - n, suffix, n) == 0;
	return is_counter ? "counter" : "gauge";
}

static void
print_head(struct buf *out, const struct cell *cell)
{
	int len = (int)cell->name_len;

	buf_printf(out, "# HELP %.*s %s\n", len, cell->key, metric_help(cell->key, cell->name_len));
	buf_printf(out, "# TYPE %.*s %s\n", len, cell->key, type_of(cell));
}

void
metrics_print(struct buf *out)
{
	const struct cell *before = NULL;

	pthread_mutex_lock(&registry.lock);
	HASH_SORT(registry.cells, by_key);
	for (struct cell *c = registry.cells; c != NULL; c = c->hh.next) {
		if (!same_name(before, c))
			print_head(out, c);
		buf_printf(out, "%s %" PRId64 "\n", c->key, metric_value(&c->metric));
		before = c;
	}
	pthread_mutex_unlock(&registry.lock);
}

void
metrics_free(void)
{
	struct cell *cell, *next;

	pthread_mutex_lock(&registry.lock);
	HASH_ITER(hh, registry.cells, cell, next)
	{
		HASH_DEL(registry.cells, cell);
		free(cell);
	}
	pthread_mutex_unlock(&registry.lock);
}
