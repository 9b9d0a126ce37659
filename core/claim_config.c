/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claim_config.c - whether the nodes have the same sections. Each leaves sums of its own in the store, as a memo,
 * and compares them with what those left that are there. Store thread.
 *
 *	NAME OF THE NODE \n (KIND NAME SUM \n)*
 */
#include "claim_impl.h"

#include <stdlib.h>

#include "clock.h"
#include "err.h"
#include "log.h"

#define NAMED_MAX 10                      /* sections that a warning names */
#define KEPT_MS (INT64_C(366) * 86400000) /* what a node left */

static const struct hsw_str memo_kind = { "sections", 8 };

/* What another node, or this one, left the last time. */
struct left {
	UT_hash_handle hh;
	bool is_here, is_self;
	struct hsw_str sections;
	size_t node_len;
	char text[];
};

struct reading {
	struct left *all;
	bool failed;
};

static int
take_memo(void *arg, int64_t at_ms, struct hsw_str text)
{
	struct reading *r = arg;
	const char *end = memchr(text.s, '\n', text.len);
	struct left *new = end != NULL ? calloc(1, sizeof(*new) + text.len) : NULL, *old;

	(void)at_ms;
	r->failed |= end != NULL && new == NULL;
	if (new == NULL)
		return HSW_OK;
	memcpy(new->text, text.s, text.len);
	new->node_len = (size_t)(end - text.s);
	new->sections = (struct hsw_str){ new->text + new->node_len + 1,
		text.len - new->node_len - 1 };
	HASH_FIND(hh, r->all, new->text, new->node_len, old);
	if (old != NULL)
		HASH_DEL(r->all, old);
	free(old);
	HASH_ADD_KEYPTR(hh, r->all, new->text, new->node_len, new);
	if (new->hh.tbl != NULL)
		return HSW_OK;
	free(new);
	r->failed = true;
	return HSW_OK;
}

static int
mark_here(void *arg, struct hsw_str node, int is_self)
{
	struct reading *r = arg;
	struct left *l;

	HASH_FIND(hh, r->all, node.s, node.len, l);
	if (l != NULL) {
		l->is_here = true;
		l->is_self = is_self != 0;
	}
	return HSW_OK;
}

static void
free_left(struct reading *r)
{
	struct left *l, *next;

	HASH_ITER(hh, r->all, l, next)
	{
		HASH_DEL(r->all, l);
		free(l);
	}
}

/* ---- what is different ---- */

/* The next line, without its end; false: there is none. */
static bool
take_line(struct hsw_str *rest, struct hsw_str *line)
{
	const char *end = rest->len > 0 ? memchr(rest->s, '\n', rest->len) : NULL;

	if (end == NULL)
		return false;
	*line = (struct hsw_str){ rest->s, (size_t)(end - rest->s) };
	rest->s += line->len + 1;
	rest->len -= line->len + 1;
	return true;
}

/* KIND NAME of a line. */
static struct hsw_str
header_of(struct hsw_str line)
{
	const char *end = memrchr(line.s, ' ', line.len);

	return (struct hsw_str){ line.s, end != NULL ? (size_t)(end - line.s) : line.len };
}

static bool
has_line(struct hsw_str sections, struct hsw_str wanted, bool is_header)
{
	struct hsw_str line;

	while (take_line(&sections, &line)) {
		if (str_equal(is_header ? header_of(line) : line, wanted))
			return true;
	}
	return false;
}

struct difference {
	struct buf text;
	size_t n;
};

static void
add_name(struct difference *d, struct hsw_str header)
{
	if (d->n++ < NAMED_MAX)
		buf_printf(&d->text, "%s[%.*s]", d->n > 1 ? ", " : "", (int)header.len, header.s);
}

/* A sink that only one node has is served there, and may well be meant so. */
static bool
may_be_missing(struct hsw_str header)
{
	return header.len > 5 && memcmp(header.s, "sink ", 5) == 0;
}

static void
find_difference(struct difference *d, struct hsw_str a, struct hsw_str b)
{
	const struct hsw_str all_of_a = a, all_of_b = b;
	struct hsw_str line;

	while (take_line(&a, &line)) {
		bool is_known = !may_be_missing(line) || has_line(all_of_b, header_of(line), true);
		if (is_known && !has_line(all_of_b, line, false))
			add_name(d, header_of(line));
	}
	while (take_line(&b, &line)) {
		if (!may_be_missing(line) && !has_line(all_of_a, header_of(line), true))
			add_name(d, header_of(line));
	}
}

static void
warn_of(const struct left *other, struct hsw_str own)
{
	struct difference d = { .text = BUF_INIT };

	find_difference(&d, own, other->sections);
	if (d.n > NAMED_MAX)
		buf_printf(&d.text, " and %zu more", d.n - NAMED_MAX);
	if (d.n > 0 && !d.text.failed)
		log_warn("config", "not the same on another node: %.*s node=%.*s", (int)d.text.len,
			d.text.data, (int)other->node_len, other->text);
	buf_free(&d.text);
}

/* ---- what is left for others ---- */

static void
add_sum(void *arg, const char *kind, const char *name, uint16_t sum)
{
	buf_printf(arg, "%s %s %04x\n", kind, name, sum);
}

static int
find_self(void *arg, struct hsw_str node, int is_self)
{
	if (is_self)
		buf_append(arg, node.s, node.len);
	return HSW_OK;
}

static int
leave_own(const struct buf *own, const struct store_port *store, struct hsw_error *err)
{
	const struct hsw_store_record record = { .kind = memo_kind,
		.text = { own->data, own->len } };
	struct hsw_write write = {
		.kind = HSW_WRITE_MEMO, .at_ms = clock_wall_ms(), .record = &record
	};
	struct hsw_write *writes[] = { &write };
	int rc = store->ops->commit(store->self, writes, 1, err);

	if (rc == HSW_OK)
		rc = store->ops->forget_memos(
			store->self, memo_kind, clock_wall_ms() - KEPT_MS, err);
	return rc;
}

static int
compare(const struct buf *own, size_t node_len, const struct store_port *store,
	struct hsw_error *err)
{
	const struct hsw_str sections = { own->data + node_len + 1, own->len - node_len - 1 };
	struct reading r = { NULL, false };
	bool is_left = false;
	int rc = store->ops->memos(store->self, memo_kind, INT64_MIN, take_memo, &r, err);

	if (rc == HSW_OK && r.failed)
		rc = err_set(err, HSW_ENOMEM, "out of memory");
	if (rc == HSW_OK)
		store->ops->nodes(store->self, mark_here, &r);
	for (const struct left *l = r.all; rc == HSW_OK && l != NULL; l = l->hh.next) {
		if (l->is_self)
			is_left = str_equal(l->sections, sections);
		else if (l->is_here)
			warn_of(l, sections);
	}
	free_left(&r);
	return rc == HSW_OK && !is_left ? leave_own(own, store, err) : rc;
}

void
claim_compare_config(const struct claims *c, const struct store_port *store)
{
	struct hsw_error err = { "" };
	struct buf own = BUF_INIT;

	store->ops->nodes(store->self, find_self, &own);
	size_t node_len = own.len;
	buf_str(&own, "\n");
	int rc = config_sums(c->config, add_sum, &own, &err);
	if (rc == HSW_OK && own.failed)
		rc = err_set(&err, HSW_ENOMEM, "out of memory");
	if (rc == HSW_OK && node_len > 0)
		rc = compare(&own, node_len, store, &err);
	if (rc != HSW_OK)
		log_warn("config", "not compared with the other nodes' sections: %s", err.text);
	buf_free(&own);
}
