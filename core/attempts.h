/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attempts.h - the last attempts of one destination, for people: how long they took and what came back.
 * Those that failed have a ring of their own, so that successes do not push them out. They have a text form,
 * too, which the store keeps over a restart (destination_attempts.c).
 */
#ifndef ATTEMPTS_H
#define ATTEMPTS_H

#include "buf.h"
#include "envelope.h"

#define ATTEMPTS_KEPT 100       /* of each ring */
#define ATTEMPT_TEXT_BYTES 1024 /* of what came back are kept */
#define ATTEMPT_ANSWERS_KEPT 20 /* of those that were delivered, which every destination has */
#define ATTEMPTS_STORED_BYTES (64u << 10) /* the text form has at most so many */

#define ATTEMPT_OUTCOMES (HSW_GONE + 1)

struct attempt {
	int64_t at_ms; /* since 1970: when it ended */
	int64_t took_ms;
	int64_t next_at_ms; /* since 1970: when the next one is due; 0: there is none, or it is not known */
	char id[ENVELOPE_ID_TEXT];
	int number; /* 1 for the first */
	int status; /* 0: no answer */
	bool is_replay;
	enum hsw_outcome outcome;
	char *text; /* what came back; may be NULL */
};

struct attempt_ring {
	struct attempt *items; /* ATTEMPTS_KEPT; NULL before the first */
	size_t n;              /* ever noted */
};

struct attempts {
	struct attempt_ring delivered, failed;
	int64_t down_since_ms; /* since 1970: when its circuit opened; 0: it is closed */
};

/* text is copied. Without memory nothing is noted. */
void attempts_note(struct attempts *, const struct attempt *);
/* The attempt that failed last is followed by another one, at next_at_ms (since 1970). */
void attempts_note_next(struct attempts *, int64_t next_at_ms);
/* The i-th newest, from 0; NULL: there are not so many. */
const struct attempt *attempts_newest(const struct attempt_ring *, size_t i);
/* How the outcome is told: "failed", ... */
extern const char *const attempt_outcomes[ATTEMPT_OUTCOMES];
/* A JSON array, newest first; delivered ones only where they are wanted. */
void attempts_print(const struct attempts *, bool with_delivered, struct buf *);
void attempts_free(struct attempts *);

/* ---- attempts_text.c ---- */

/* down_since_ms, and those that failed, as JSON text: the newest of them that fit. It fails by text->failed. */
void attempts_encode(const struct attempts *, struct buf *text);
/* Adds those of a text behind the ones that are there, and takes down_since_ms over. HSW_OK, HSW_EINVAL: it is damaged, nothing was added. */
int attempts_decode(struct attempts *, struct hsw_str text);

#endif
