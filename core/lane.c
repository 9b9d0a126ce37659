/* SPDX-License-Identifier: Apache-2.0 */
/* lane.c - see lane.h. */
#define HASH_NONFATAL_OOM 1
#include "lane.h"

#include <stdlib.h>
#include <string.h>

struct lane *
lane_find(const struct lanes *l, uint64_t key)
{
	struct lane *lane = NULL;

	HASH_FIND(hh, l->by_key, &key, sizeof(key), lane);
	return lane;
}

struct lane *
lane_of_running(const struct lanes *l, int64_t seq)
{
	struct lane *lane = l->by_key;

	while (lane != NULL && lane->running != seq)
		lane = lane->hh.next;
	return lane;
}

struct lane *
lane_hold(struct lanes *l, uint64_t key, int64_t seq)
{
	struct lane *lane = lane_find(l, key);

	if (lane == NULL) {
		lane = calloc(1, sizeof(*lane));
		if (lane == NULL)
			return NULL;
		lane->key = key;
		HASH_ADD(hh, l->by_key, key, sizeof(lane->key), lane);
		if (lane->hh.tbl == NULL) {
			free(lane);
			return NULL;
		}
	}
	if (lane->running == 0)
		lane->running = seq;
	return lane;
}

/* Room for one more behind the last. */
static bool
make_room(struct lane *lane)
{
	if (lane->n < lane->cap)
		return true;
	if (lane->first > lane->cap / 2) {
		lane->n -= lane->first;
		memmove(lane->items, lane->items + lane->first, lane->n * sizeof(lane->items[0]));
		lane->first = 0;
		return true;
	}
	size_t cap = lane->cap != 0 ? 2 * lane->cap : 8;
	struct lane_item *items = realloc(lane->items, cap * sizeof(*items));
	if (items == NULL)
		return false;
	lane->items = items;
	lane->cap = cap;
	return true;
}

/* They come in order but for replayed dead letters: the place is mostly the last. */
bool
lane_wait(struct lane *lane, struct retry r, bool is_saved)
{
	if (!make_room(lane))
		return false;
	size_t i = lane->n;
	while (i > lane->first && lane->items[i - 1].retry.seq > r.seq)
		i--;
	memmove(lane->items + i + 1, lane->items + i, (lane->n - i) * sizeof(lane->items[0]));
	lane->items[i] = (struct lane_item){ r, is_saved };
	lane->n++;
	return true;
}

void
lane_saved(struct lane *lane, int64_t seq)
{
	size_t low = lane->first, high = lane->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (lane->items[middle].retry.seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < lane->n && lane->items[low].retry.seq == seq)
		lane->items[low].is_saved = true;
}

static void
lane_free(struct lanes *l, struct lane *lane)
{
	HASH_DEL(l->by_key, lane);
	free(lane->items);
	free(lane);
}

bool
lane_next(struct lanes *l, struct lane *lane, struct retry *out)
{
	if (lane->running != 0)
		return false;
	if (lane->first == lane->n) {
		lane_free(l, lane);
		return false;
	}
	if (!lane->items[lane->first].is_saved)
		return false;
	*out = lane->items[lane->first++].retry;
	lane->running = out->seq;
	return true;
}

size_t
lane_drop(struct lane *lane, const int64_t *seqs, size_t n)
{
	size_t kept = lane->first, before = lane->n;

	if (lane->running != 0 && retry_is_among(lane->running, seqs, n))
		lane->running = 0;
	for (size_t i = lane->first; i < lane->n; i++) {
		if (!retry_is_among(lane->items[i].retry.seq, seqs, n))
			lane->items[kept++] = lane->items[i];
	}
	lane->n = kept;
	return before - kept;
}

void
lanes_free(struct lanes *l)
{
	struct lane *lane, *next;

	HASH_ITER(hh, l->by_key, lane, next)
	{
		lane_free(l, lane);
	}
}
