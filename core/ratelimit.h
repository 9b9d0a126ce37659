/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ratelimit.h - how many requests a key (a token) may make in a minute.
 *
 * Windows are fixed: one begins with a key's first request and ends a minute later. The keys share a
 * table of a bounded size; where it is full, new keys share one window. Any thread.
 */
#ifndef RATELIMIT_H
#define RATELIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RATELIMIT_WINDOW_MS 60000
#define RATELIMIT_KEYS 4096

struct ratelimit;

/* What a request is told. */
struct ratelimit_state {
	int64_t limit, remaining;
	int64_t reset_s; /* when the window ends: seconds since 1970 */
};

/* limit: requests of one key in a window; 0: no limit. NULL: out of memory. */
struct ratelimit *ratelimit_new(int64_t limit);
void ratelimit_free(struct ratelimit *);
/* Another limit from now on; what was taken in a window still counts. Any thread. */
void ratelimit_set(struct ratelimit *, int64_t limit);
/* Counts one request of the key (a hash); now_ms: since 1970. false: it is over the limit. */
bool ratelimit_take(
	struct ratelimit *, uint64_t key, int64_t now_ms, struct ratelimit_state *state);

#define RATELIMIT_HEADERS_SIZE 192

/* The header lines of the answer, with when to come again where it is not allowed. */
void ratelimit_print(const struct ratelimit_state *, bool is_allowed, int64_t now_ms,
	char out[RATELIMIT_HEADERS_SIZE]);

#endif
