/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolving.h - receivers whose name did not resolve in time.
 *
 * A look-up cannot be ended: its thread waits on after the delivery was given up, for as long as the system's
 * resolver likes. So a receiver whose look-up was given up is asked for again only once in a while.
 */
#ifndef RESOLVING_H
#define RESOLVING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Between two look-ups for a receiver of which one was given up. */
#define RESOLVING_PAUSE_MS 10000
/* Receivers that are remembered; of more, the one that was given up first is forgotten. */
#define RESOLVING_MAX 64

/* All zero: none. */
struct resolving {
	struct {
		char *origin; /* "host:port"; NULL: free */
		int64_t since_ms;
	} stuck[RESOLVING_MAX];
};

void resolving_fini(struct resolving *);
/* Whether its name may be looked up now; if it was given up before, the next ones wait again. */
bool resolving_may_start(struct resolving *, const char *origin, int64_t now_ms);
void resolving_given_up(struct resolving *, const char *origin, int64_t now_ms);
/* Its name has been resolved. */
void resolving_succeeded(struct resolving *, const char *origin);

#endif
