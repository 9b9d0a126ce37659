/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seen.c - see seen.h. Sets of 64-bit words with open addressing: one of the transaction that is being put
 * together, and spans that each cover a part of the window, or have their share of what is kept at most, so that the
 * oldest goes as a whole.
 */
#include "seen.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"

#define PARTS 8            /* of the window, and of what is kept at most */
#define SPANS (2 * PARTS + 2) /* that many are closed by time and by number; the first and the newest are not full */
#define SET_FIRST 1024 /* slots of a set at first */

struct set {
	uint64_t *slots; /* 0: free */
	size_t size, n;
};

struct span {
	struct set set;
	int64_t began_ms, ended_ms;
};

struct seen {
	int64_t window_ms;
	struct span spans[SPANS]; /* the newest first */
	int n_spans;
	struct set added;
	uint64_t *list; /* of added, in order */
	size_t n, cap, max;
	bool has_complained;
};

struct seen *
seen_new(int64_t window_ms, size_t max)
{
	struct seen *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->max = max;
	s->window_ms = window_ms;
	s->n_spans = 1;
	return s;
}

void
seen_free(struct seen *s)
{
	if (s == NULL)
		return;
	for (int i = 0; i < SPANS; i++)
		free(s->spans[i].set.slots);
	free(s->added.slots);
	free(s->list);
	free(s);
}

/* ---- sets ---- */

/* The slot of a word, or the free one where it belongs. */
static size_t
place_of(const struct set *set, uint64_t word)
{
	size_t i = word & (set->size - 1);

	while (set->slots[i] != 0 && set->slots[i] != word)
		i = (i + 1) & (set->size - 1);
	return i;
}

static bool
set_has(const struct set *set, uint64_t word)
{
	return set->n > 0 && set->slots[place_of(set, word)] == word;
}

static bool
set_grow(struct set *set)
{
	struct set larger = { .size = set->size != 0 ? 2 * set->size : SET_FIRST, .n = set->n };

	larger.slots = calloc(larger.size, sizeof(larger.slots[0]));
	if (larger.slots == NULL)
		return false;
	for (size_t i = 0; i < set->size; i++) {
		if (set->slots[i] != 0)
			larger.slots[place_of(&larger, set->slots[i])] = set->slots[i];
	}
	free(set->slots);
	*set = larger;
	return true;
}

/* Three quarters full at most. false: out of memory. */
static bool
set_put(struct set *set, uint64_t word)
{
	if (4 * (set->n + 1) > 3 * set->size && !set_grow(set))
		return false;
	size_t i = place_of(set, word);
	set->n += set->slots[i] == 0;
	set->slots[i] = word;
	return true;
}

static void
set_clear(struct set *set)
{
	if (set->size > SET_FIRST) {
		free(set->slots);
		*set = (struct set){ NULL, 0, 0 };
	} else if (set->n > 0) {
		memset(set->slots, 0, set->size * sizeof(set->slots[0]));
		set->n = 0;
	}
}

/* ---- spans ---- */

static void
drop_oldest(struct seen *s)
{
	struct span *oldest = &s->spans[--s->n_spans];

	free(oldest->set.slots);
	*oldest = (struct span){ 0 };
}

static void
begin_span(struct seen *s, int64_t now_ms)
{
	if (s->n_spans == SPANS)
		drop_oldest(s);
	memmove(&s->spans[1], &s->spans[0], (size_t)s->n_spans * sizeof(s->spans[0]));
	s->spans[0] = (struct span){ .began_ms = now_ms };
	s->n_spans++;
}

static void
pass_time(struct seen *s, int64_t now_ms)
{
	struct span *newest = &s->spans[0];
	bool is_full = newest->set.n >= s->max / PARTS;

	if (newest->set.n == 0 || now_ms < newest->began_ms)
		newest->began_ms = now_ms; /* it is the first, or the clock was set back */
	if (is_full || now_ms - newest->began_ms > s->window_ms / PARTS)
		begin_span(s, now_ms);
	newest->ended_ms = now_ms;
	while (s->n_spans > 1 && now_ms - s->spans[s->n_spans - 1].ended_ms > s->window_ms)
		drop_oldest(s);
}

static void
bound(struct seen *s)
{
	size_t n = 0;

	for (int i = 0; i < s->n_spans; i++)
		n += s->spans[i].set.n;
	if (n < s->max)
		return;
	if (!s->has_complained)
		log_warn("journal",
			"more than %zu events within the dedupe window: the oldest are no longer "
			"recognised when they come again",
			s->max);
	s->has_complained = true;
	while (n >= s->max && s->n_spans > 1) {
		n -= s->spans[s->n_spans - 1].set.n;
		drop_oldest(s);
	}
}

/* ---- ids ---- */

bool
seen_add(struct seen *s, const unsigned char id[HSW_EVENT_ID_BYTES])
{
	uint64_t word;

	memcpy(&word, id, sizeof(word));
	word |= word == 0;
	if (set_has(&s->added, word))
		return false;
	for (int i = 0; i < s->n_spans; i++) {
		if (set_has(&s->spans[i].set, word))
			return false;
	}
	if (s->n == s->cap) {
		size_t cap = s->cap != 0 ? 2 * s->cap : SET_FIRST;
		uint64_t *larger = realloc(s->list, cap * sizeof(s->list[0]));
		if (larger == NULL)
			return true;
		s->list = larger;
		s->cap = cap;
	}
	if (set_put(&s->added, word))
		s->list[s->n++] = word;
	return true;
}

struct hsw_str
seen_added(struct seen *s)
{
	return (struct hsw_str){ (const char *)s->list, s->n * sizeof(s->list[0]) };
}

void
seen_rollback(struct seen *s)
{
	set_clear(&s->added);
	s->n = 0;
}

void
seen_commit(struct seen *s, int64_t now_ms)
{
	pass_time(s, now_ms);
	for (size_t i = 0; i < s->n; i++)
		set_put(&s->spans[0].set, s->list[i]);
	seen_rollback(s);
	bound(s);
}

void
seen_recall(struct seen *s, int64_t at_ms, struct hsw_str added)
{
	pass_time(s, at_ms);
	for (size_t i = 0; i + sizeof(uint64_t) <= added.len; i += sizeof(uint64_t)) {
		uint64_t word;
		memcpy(&word, added.s + i, sizeof(word));
		if (word != 0)
			set_put(&s->spans[0].set, word);
	}
	bound(s);
}
