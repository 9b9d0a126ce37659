/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attempts.h - the last attempts of one destination, for people: how long they took and what came back.
 * Those that failed have a ring of their own, so that successes do not push them out. In memory only.
 */
#ifndef ATTEMPTS_H
#define ATTEMPTS_H

#include "buf.h"
#include "envelope.h"

#define ATTEMPTS_KEPT 100       /* of each ring */
#define ATTEMPT_TEXT_BYTES 1024 /* of what came back are kept */

struct attempt {
	int64_t at_ms; /* since 1970: when it ended */
	int64_t took_ms;
	char id[ENVELOPE_ID_TEXT];
	int number; /* 1 for the first */
	int status; /* 0: no answer */
	bool is_replay;
	enum hsw_outcome outcome;
	char *text; /* of a failure; may be NULL */
};

struct attempt_ring {
	struct attempt *items; /* ATTEMPTS_KEPT; NULL before the first */
	size_t n;              /* ever noted */
};

struct attempts {
	struct attempt_ring delivered, failed;
};

/* text is copied. Without memory nothing is noted. */
void attempts_note(struct attempts *, const struct attempt *);
/* A JSON array, newest first; delivered ones only where they are wanted. */
void attempts_print(const struct attempts *, bool with_delivered, struct buf *);
void attempts_free(struct attempts *);

#endif
