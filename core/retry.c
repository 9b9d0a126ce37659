/* SPDX-License-Identifier: Apache-2.0 */
/* retry.c - see retry.h. A binary heap: the children of i are 2i+1 and 2i+2. */
#include "retry.h"

#include <stdlib.h>

static bool
is_before(const struct retry *a, const struct retry *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->seq < b->seq;
}

static void
swap(struct retry *a, struct retry *b)
{
	struct retry t = *a;
	*a = *b;
	*b = t;
}

static void
sift_down(struct retry_heap *h, size_t i)
{
	for (;;) {
		size_t least = i;
		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < h->n; child++) {
			if (is_before(&h->items[child], &h->items[least]))
				least = child;
		}
		if (least == i)
			return;
		swap(&h->items[i], &h->items[least]);
		i = least;
	}
}

bool
retry_push(struct retry_heap *h, struct retry r)
{
	if (h->n == h->cap) {
		size_t cap = h->cap != 0 ? 2 * h->cap : 16;
		struct retry *items = realloc(h->items, cap * sizeof(*items));
		if (items == NULL)
			return false;
		h->items = items;
		h->cap = cap;
	}
	size_t i = h->n++;
	h->items[i] = r;
	while (i > 0 && is_before(&h->items[i], &h->items[(i - 1) / 2])) {
		swap(&h->items[i], &h->items[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	return true;
}

const struct retry *
retry_first(const struct retry_heap *h)
{
	return h->n > 0 ? &h->items[0] : NULL;
}

bool
retry_take_due(struct retry_heap *h, int64_t now_ms, struct retry *out)
{
	if (h->n == 0 || h->items[0].due_ms > now_ms)
		return false;
	*out = h->items[0];
	h->items[0] = h->items[--h->n];
	sift_down(h, 0);
	return true;
}

static void
heapify(struct retry_heap *h)
{
	for (size_t i = h->n / 2; i-- > 0;)
		sift_down(h, i);
}

void
retry_pull(struct retry_heap *h, int64_t now_ms)
{
	for (size_t i = 0; i < h->n; i++) {
		if (h->items[i].due_ms > now_ms)
			h->items[i].due_ms = now_ms;
	}
	heapify(h);
}

static int
compare_seqs(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

bool
retry_is_among(int64_t seq, const int64_t *seqs, size_t n)
{
	return n > 0 && bsearch(&seq, seqs, n, sizeof(seq), compare_seqs) != NULL;
}

size_t
retry_drop(struct retry_heap *h, const int64_t *seqs, size_t n)
{
	size_t kept = 0, before = h->n;

	for (size_t i = 0; i < h->n; i++) {
		if (!retry_is_among(h->items[i].seq, seqs, n))
			h->items[kept++] = h->items[i];
	}
	h->n = kept;
	heapify(h);
	return before - kept;
}

void
retry_free(struct retry_heap *h)
{
	free(h->items);
	*h = (struct retry_heap){ NULL, 0, 0 };
}

/* xorshift64 (Marsaglia 2003): good enough for spreading retries. */
static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

int64_t
retry_delay(const int64_t *steps_ms, size_t n_steps, int attempts, int64_t retry_after_ms,
	uint64_t *random)
{
	if (attempts < 1 || (size_t)attempts > n_steps)
		return -1;
	int64_t step = steps_ms[attempts - 1], spread = step / 10;
	int64_t delay = step - spread + (int64_t)(next_random(random) % (uint64_t)(2 * spread + 1));

	if (retry_after_ms > RETRY_AFTER_MAX_MS)
		retry_after_ms = RETRY_AFTER_MAX_MS;
	return delay > retry_after_ms ? delay : retry_after_ms;
}
