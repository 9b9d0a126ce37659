/* SPDX-License-Identifier: Apache-2.0 */
/* resolving.c - see resolving.h. A handle rarely has any, so a table that is walked is enough. */
#include "resolving.h"

#include <stdlib.h>
#include <string.h>

void
resolving_fini(struct resolving *r)
{
	for (size_t i = 0; i < RESOLVING_MAX; i++)
		free(r->stuck[i].origin);
}

/* RESOLVING_MAX: it is not there. */
static size_t
find(const struct resolving *r, const char *origin)
{
	size_t i = 0;

	while (i < RESOLVING_MAX &&
		(r->stuck[i].origin == NULL || strcmp(r->stuck[i].origin, origin) != 0))
		i++;
	return i;
}

bool
resolving_may_start(struct resolving *r, const char *origin, int64_t now_ms)
{
	size_t i = find(r, origin);

	if (i == RESOLVING_MAX)
		return true;
	if (now_ms - r->stuck[i].since_ms < RESOLVING_PAUSE_MS)
		return false;
	r->stuck[i].since_ms = now_ms;
	return true;
}

/* A free place, or the oldest. */
static size_t
place_for(const struct resolving *r)
{
	size_t oldest = 0;

	for (size_t i = 0; i < RESOLVING_MAX; i++) {
		if (r->stuck[i].origin == NULL)
			return i;
		if (r->stuck[i].since_ms < r->stuck[oldest].since_ms)
			oldest = i;
	}
	return oldest;
}

void
resolving_given_up(struct resolving *r, const char *origin, int64_t now_ms)
{
	size_t i = find(r, origin);

	if (i == RESOLVING_MAX) {
		char *copy = strdup(origin);
		if (copy == NULL)
			return; /* one that is not remembered costs a thread more */
		i = place_for(r);
		free(r->stuck[i].origin);
		r->stuck[i].origin = copy;
	}
	r->stuck[i].since_ms = now_ms;
}

void
resolving_succeeded(struct resolving *r, const char *origin)
{
	size_t i = find(r, origin);

	if (i == RESOLVING_MAX)
		return;
	free(r->stuck[i].origin);
	r->stuck[i].origin = NULL;
}
