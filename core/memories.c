/* SPDX-License-Identifier: Apache-2.0 */
/* memories.c - see memories.h. */
#include "memories.h"

#include "buf.h"
#include "clock.h"
#include "log.h"

#define FORGET_EVERY_MS 1000 /* at most: looking costs more than deleting an event */
#define FORGET_MEMOS 1000    /* that a store forgets at a time */
#define FOLLOW_EVERY_MS \
	400 /* at most: below the pace at which a store wakes its daemons without news */

/* A store that one daemon writes has nothing to follow. */
static int
read_new(struct memory *m, const struct store_port *store, struct hsw_error *err)
{
	struct hsw_str kind = str_of(m->kind);
	int64_t since_ms = clock_wall_ms() - m->ms;

	if (m->is_followed && store->ops->memos_after != NULL)
		return store->ops->memos_after(
			store->self, kind, since_ms, &m->last, m->fn, m->arg, err);
	return store->ops->memos(store->self, kind, since_ms, m->fn, m->arg, err);
}

int
memories_recall(struct memories *all, const struct store_port *store, const struct memory *m,
	struct hsw_error *err)
{
	struct memory *kept = &all->list[all->n++];

	*kept = *m;
	return read_new(kept, store, err);
}

void
memories_follow(struct memories *all, const struct store_port *store)
{
	int64_t now = clock_mono_ms();
	struct hsw_error err = { "" };
	int rc = HSW_OK;

	if (now < all->follow_at || store->ops->memos_after == NULL)
		return;
	all->follow_at = now + FOLLOW_EVERY_MS;
	for (size_t i = 0; i < all->n && rc == HSW_OK; i++) {
		if (all->list[i].is_followed)
			rc = read_new(&all->list[i], store, &err);
	}
	if (rc != HSW_OK && !all->is_failing)
		log_warn("store", "what other nodes learned is read later: %s", err.text);
	all->is_failing = rc != HSW_OK;
}

int
memories_forget(struct memories *all, const struct store_port *store, struct hsw_error *err)
{
	int64_t now = clock_mono_ms();
	size_t rounds = now >= all->forget_at ? 1 + all->added / FORGET_MEMOS : 0;
	int rc = HSW_OK;

	for (size_t i = 0; i < all->n * rounds && rc == HSW_OK; i++) {
		const struct memory *m = &all->list[i % all->n];
		rc = store->ops->forget_memos(
			store->self, str_of(m->kind), clock_wall_ms() - m->ms, err);
	}
	if (rounds > 0 && rc == HSW_OK) {
		all->added = 0;
		all->forget_at = now + FORGET_EVERY_MS;
	}
	return rc;
}
