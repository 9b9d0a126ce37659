/* SPDX-License-Identifier: Apache-2.0 */
/* ratelimit.c - see ratelimit.h. A hash table by open addressing; windows that are over are taken again. */
#include "ratelimit.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define PROBES 16

struct window {
	uint64_t key;
	int64_t ends_ms; /* 0: never used */
	int64_t taken;
};

struct ratelimit {
	pthread_mutex_t lock;
	int64_t limit;
	struct window shared; /* of those that found no room */
	struct window windows[RATELIMIT_KEYS];
};

struct ratelimit *
ratelimit_new(int64_t limit)
{
	struct ratelimit *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	pthread_mutex_init(&r->lock, NULL);
	r->limit = limit;
	return r;
}

void
ratelimit_free(struct ratelimit *r)
{
	if (r == NULL)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

void
ratelimit_set(struct ratelimit *r, int64_t limit)
{
	pthread_mutex_lock(&r->lock);
	r->limit = limit;
	pthread_mutex_unlock(&r->lock);
}

/* A clock that was set back must not keep one for ever; workers' clocks differ by milliseconds. */
static bool
is_over(const struct window *w, int64_t now_ms)
{
	return now_ms >= w->ends_ms || w->ends_ms - now_ms > 2 * RATELIMIT_WINDOW_MS;
}

/* The key's window, or one that is over. */
static struct window *
find(struct ratelimit *r, uint64_t key, int64_t now_ms)
{
	struct window *over = NULL;

	for (uint64_t i = 0; i < PROBES; i++) {
		struct window *w = &r->windows[(key + i) % RATELIMIT_KEYS];
		if (w->key == key && !is_over(w, now_ms))
			return w;
		if (over == NULL && is_over(w, now_ms))
			over = w;
	}
	return over != NULL ? over : &r->shared;
}

bool
ratelimit_take(struct ratelimit *r, uint64_t key, int64_t now_ms, struct ratelimit_state *state)
{
	pthread_mutex_lock(&r->lock);
	struct window *w = find(r, key, now_ms);
	if (is_over(w, now_ms))
		*w = (struct window){ key, now_ms + RATELIMIT_WINDOW_MS, 0 };
	bool is_allowed = r->limit == 0 || w->taken < r->limit;
	if (is_allowed)
		w->taken++;
	*state = (struct ratelimit_state){
		.limit = r->limit,
		.remaining = r->limit > w->taken ? r->limit - w->taken : 0,
		.reset_s = (w->ends_ms + 999) / 1000,
	};
	pthread_mutex_unlock(&r->lock);
	return is_allowed;
}

void
ratelimit_print(const struct ratelimit_state *state, bool is_allowed, int64_t now_ms,
	char out[RATELIMIT_HEADERS_SIZE])
{
	int64_t wait = state->reset_s - now_ms / 1000;
	int n = snprintf(out, RATELIMIT_HEADERS_SIZE,
		"X-RateLimit-Limit: %" PRId64 "\r\nX-RateLimit-Remaining: %" PRId64
		"\r\nX-RateLimit-Reset: %" PRId64 "\r\n",
		state->limit, state->remaining, state->reset_s);

	if (!is_allowed && n > 0)
		snprintf(out + n, RATELIMIT_HEADERS_SIZE - (size_t)n,
			"Retry-After: %" PRId64 "\r\n", wait > 0 ? wait : 1);
}
