/* SPDX-License-Identifier: Apache-2.0 */
/* share.c - see share.h. */
#include "share.h"

#include <stdlib.h>
#include <string.h>

/* ---- items ---- */

static int
compare(struct hsw_str a, struct hsw_str b)
{
	size_t both = a.len < b.len ? a.len : b.len;
	int order = both > 0 ? memcmp(a.s, b.s, both) : 0;

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Where the name is, or where it would have to be inserted. */
static size_t
place_of(const struct share *s, struct hsw_str name)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (compare(s->items[mid]->name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct share_item *
find(const struct share *s, struct hsw_str name)
{
	size_t at = place_of(s, name);

	return at < s->n && compare(s->items[at]->name, name) == 0 ? s->items[at] : NULL;
}

static struct share_item *
add(struct share *s, struct hsw_str name)
{
	struct share_item **grown = realloc(s->items, (s->n + 1) * sizeof(*grown));
	struct share_item *item = calloc(1, sizeof(*item) + name.len + 1);

	if (grown != NULL)
		s->items = grown;
	if (grown == NULL || item == NULL) {
		free(item);
		return NULL;
	}
	size_t at = place_of(s, name);
	memcpy(item + 1, name.s, name.len);
	item->name = (struct hsw_str){ (const char *)(item + 1), name.len };
	memmove(&grown[at + 1], &grown[at], (s->n - at) * sizeof(*grown));
	grown[at] = item;
	s->n++;
	return item;
}

void
share_init(struct share *s, const char *self)
{
	*s = (struct share){ .self = self };
}

void
share_fini(struct share *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->items[i]);
	free(s->items);
	free(s->peers);
	s->items = NULL;
	s->peers = NULL;
	s->n = s->n_peers = 0;
}

static void
end_item(struct share_item *item, bool is_lost)
{
	item->state = SHARE_ENDING;
	item->is_lost = is_lost;
}

bool
share_want(struct share *s, const struct hsw_str *names, size_t n)
{
	bool is_done = true;

	for (size_t i = 0; i < s->n; i++)
		s->items[i]->is_wanted = false;
	for (size_t i = 0; i < n; i++) {
		struct share_item *item = find(s, names[i]);
		if (item == NULL)
			item = add(s, names[i]);
		if (item != NULL)
			item->is_wanted = true;
		is_done &= item != NULL;
	}
	for (size_t i = 0; i < s->n; i++) {
		if (!s->items[i]->is_wanted && s->items[i]->state == SHARE_HELD)
			end_item(s->items[i], false);
	}
	return is_done;
}

static void
forget_unwanted(struct share *s)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct share_item *item = s->items[i];
		if (item->is_wanted || item->state != SHARE_FOREIGN)
			s->items[kept++] = item;
		else
			free(item);
	}
	s->n = kept;
}

/* ---- what the tables say ---- */

void
share_begin(struct share *s)
{
	s->n_peers = 0;
	for (size_t i = 0; i < s->n; i++)
		s->items[i]->is_seen = false;
}

static void
copy_name(char to[NODE_NAME_MAX + 1], struct hsw_str name)
{
	size_t len = name.len < NODE_NAME_MAX ? name.len : NODE_NAME_MAX;

	memcpy(to, name.s, len);
	to[len] = '\0';
}

void
share_peer(struct share *s, struct hsw_str name, int64_t held)
{
	struct share_peer *grown = realloc(s->peers, (s->n_peers + 1) * sizeof(*grown));

	if (grown == NULL)
		return;
	s->peers = grown;
	copy_name(grown[s->n_peers].name, name);
	grown[s->n_peers++].held = held;
}

static void
settle(struct share *s, struct share_item *item, bool is_ours)
{
	switch (item->state) {
	case SHARE_FOREIGN:
		if (is_ours)
			item->state = SHARE_HELD;
		break;
	case SHARE_HELD:
		if (!is_ours)
			end_item(item, true);
		break;
	case SHARE_ENDING:
		item->is_lost |= !is_ours;
		break;
	case SHARE_RELEASED:
		if (item->is_told && !is_ours)
			item->state = SHARE_FOREIGN;
		break;
	}
	(void)s;
}

/* Another id: the destination was made anew under its name, and what is known of the old one is of no use. */
void
share_row(struct share *s, const struct share_row *row)
{
	struct share_item *item = find(s, row->name);

	if (item == NULL)
		return;
	bool is_same = item->id == row->id || item->state == SHARE_FOREIGN;
	item->is_seen = true;
	item->id = row->id;
	item->touched = row->touched;
	item->rivals = row->rivals;
	copy_name(item->node, row->is_there ? row->node : (struct hsw_str){ "", 0 });
	settle(s, item, is_same && strcmp(item->node, s->self) == 0);
}

/* ---- deciding ---- */

void
share_retire(struct share *s)
{
	s->is_retiring = true;
	for (size_t i = 0; i < s->n; i++) {
		if (s->items[i]->state == SHARE_HELD)
			end_item(s->items[i], false);
	}
}

struct plan {
	int64_t mine, ours; /* held by this node; all that more than one node wants */
	int64_t target, most, least;
	bool is_any_short; /* another node has less than the least */
};

/* Who has more keeps more: the remainder is theirs. */
static void
make_plan(const struct share *s, struct plan *p)
{
	int64_t n = s->n_peers > 0 ? (int64_t)s->n_peers : 1, before = 0;

	*p = (struct plan){ 0 };
	for (size_t i = 0; i < s->n; i++) {
		const struct share_item *item = s->items[i];
		p->ours += item->is_seen && item->rivals > 0;
		p->mine += item->is_seen && item->rivals > 0 && !item->is_adopted &&
			item->state == SHARE_HELD;
	}
	p->least = p->ours / n;
	p->most = p->least + (p->ours % n != 0);
	for (size_t i = 0; i < s->n_peers; i++) {
		const struct share_peer *peer = &s->peers[i];
		int order = strcmp(peer->name, s->self);
		before += order != 0 &&
			(peer->held > p->mine || (peer->held == p->mine && order < 0));
		p->is_any_short |= order != 0 && peer->held < p->least;
	}
	p->target = p->least + (before < p->ours % n);
}

static bool
may_take(const struct share_item *item, const struct plan *p, int64_t now_ms, int64_t adopt_ms)
{
	return item->rivals == 0 || p->mine < p->target || now_ms - item->free_since_ms >= adopt_ms;
}

static bool
choose(struct share_item *item, struct plan *p, int64_t now_ms, int64_t adopt_ms)
{
	bool is_free = item->is_seen && item->node[0] == '\0';

	item->is_due = false;
	if (!is_free && item->state == SHARE_FOREIGN)
		item->is_adopted = false;
	if (!is_free)
		item->free_since_ms = 0;
	else if (item->free_since_ms == 0)
		item->free_since_ms = now_ms;
	if (item->state != SHARE_FOREIGN || !item->is_wanted || !is_free ||
		!may_take(item, p, now_ms, adopt_ms))
		return false;
	item->is_due = true;
	item->is_adopted = item->rivals > 0 && p->mine >= p->target;
	p->mine += item->rivals > 0 && !item->is_adopted;
	return true;
}

static bool
is_too_much(const struct share_item *item, const struct plan *p)
{
	return item->state == SHARE_HELD && item->rivals > 0 && !item->is_adopted &&
		p->mine > p->target && (p->mine > p->most || p->is_any_short);
}

bool
share_end(struct share *s, int64_t now_ms, int64_t adopt_ms)
{
	bool has_due = false;
	struct plan p;

	for (size_t i = 0; i < s->n; i++) {
		struct share_item *item = s->items[i];
		if (!item->is_seen) {
			item->node[0] = '\0';
			settle(s, item, false);
		}
	}
	forget_unwanted(s);
	if (s->is_retiring) /* what was being taken when that began has come */
		share_retire(s);
	make_plan(s, &p);
	for (size_t i = 0; i < s->n; i++) {
		if (!s->is_retiring)
			has_due |= choose(s->items[i], &p, now_ms, adopt_ms);
		if (!is_too_much(s->items[i], &p))
			continue;
		end_item(s->items[i], false);
		p.mine--;
	}
	return has_due;
}

/* ---- for the daemon ---- */

bool
share_has_lost(const struct share *s)
{
	bool has_lost = false;

	for (size_t i = 0; i < s->n; i++)
		has_lost |= s->items[i]->state == SHARE_ENDING && s->items[i]->is_lost;
	return has_lost;
}

void
share_release(struct share *s, struct hsw_str name)
{
	struct share_item *item = find(s, name);

	if (item == NULL || item->state != SHARE_ENDING)
		return;
	item->state = SHARE_RELEASED;
	item->is_lost = item->is_told = item->is_adopted = false;
}

struct hsw_claim
share_claim(const struct share *s, size_t i)
{
	static const enum hsw_claim_state states[] = { [SHARE_FOREIGN] = HSW_CLAIM_OTHER,
		[SHARE_HELD] = HSW_CLAIM_HELD,
		[SHARE_ENDING] = HSW_CLAIM_ENDING,
		[SHARE_RELEASED] = HSW_CLAIM_OTHER };
	const struct share_item *item = s->items[i];

	return (struct hsw_claim){ .destination = item->name,
		.node = { item->node, strlen(item->node) },
		.state = states[item->state],
		.touched = item->touched };
}
