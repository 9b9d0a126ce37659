/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pace.h - how fast a destination may be served now: a rate, deliveries at once, and pauses that it
 * asked for.
 *
 * Deliveries at once are `ceiling`, but
 *   - after an outage they begin at `least`, and each that arrives allows one more (slow start), and are not
 *     more than a rate that begins at PACE_FIRST_RATE and doubles each second, for PACE_RAMP_S seconds;
 *   - with `auto` they grow by about one for each round of deliveries that is not slower than the
 *     quickest were, and shrink by a part when the destination gets slow or says that it is overloaded;
 *   - they never are fewer than `least`, so that a request which gathers so many is filled.
 * One owner, no locking; times are clock_mono_ms.
 */
#ifndef PACE_H
#define PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACE_FIRST_RATE 100 /* deliveries a second, after an outage */
#define PACE_RAMP_S 8       /* so long: in the last second 12800 */

struct pace {
	/* what the section says */
	size_t least, ceiling;
	bool is_auto;
	int64_t interval_us; /* between two deliveries; 0: no rate */
	/* now */
	double allowed; /* at once; least to ceiling */
	bool is_starting;
	int64_t ramp_from_ms;     /* the outage's end; 0: there is no ramp */
	int64_t ramp_next_us;     /* as next_us, of the ramp's rate */
	int64_t next_us;          /* when a delivery would be exactly in time */
	int64_t resume_ms;        /* paused until then; 0: not paused */
	unsigned pauses;          /* in a row */
	double base_ms;           /* what a delivery takes when all is well; 0: not known yet */
	int64_t measure_ms;       /* when that is measured anew */
	int64_t next_decrease_ms; /* one for each round */
};

/* Takes over what the section says; what was learned is kept as far as it goes. gathers: deliveries that one
 * request has at most; 0 and 1: each goes alone. */
void pace_configure(
	struct pace *, size_t gathers, size_t ceiling, bool is_auto, int64_t interval_us);
/* Whether one more may start, n being on their way. */
bool pace_allows(const struct pace *, size_t n, int64_t now_ms);
/* One starts: it counts for the rate. */
void pace_started(struct pace *, int64_t now_ms);
/* One arrived, n others being on their way; took_ms: its request. */
void pace_succeeded(struct pace *, size_t n, int64_t took_ms, int64_t now_ms);
/* The destination is overloaded: it said so, or did not answer in time. */
void pace_overloaded(struct pace *, int64_t now_ms);
/* No delivery until it has had its rest: what it asked for (0: nothing), or a short time that grows. */
void pace_pause(struct pace *, int64_t retry_after_ms, int64_t now_ms);
/* There is another destination: it asked for no rest. */
void pace_resume(struct pace *);
/* The destination is back after an outage. A rest that it asked for it has all the same. */
void pace_start_slowly(struct pace *, int64_t now_ms);
/* Whether an answer of this status asks for a pause of all deliveries. */
bool pace_is_pausing(int status);
/* When pace_allows may become true without a delivery's end; 0: it is not for the time. */
int64_t pace_wake_ms(const struct pace *, int64_t now_ms);

#endif
