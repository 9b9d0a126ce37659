/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pace.c - see pace.h. The rate is the generic cell rate algorithm (ITU-T I.371): next_us runs ahead of
 * the clock by interval_us for each delivery; what it may be ahead is the burst.
 */
#include "pace.h"

#include "retry.h"

#define BURST_US 20000 /* of the rate at once: the loop's timers are no finer than 1 ms */
#define PAUSE_MS 250   /* the first short pause; each further one in a row is twice as long */
#define PAUSE_MAX_MS \
	1000 /* no longer: each failure of a closed circuit waits for it, until it opens */
#define AUTO_FIRST 8
#define SLOW_FACTOR 2.0 /* slower than the base by so much is slow */
#define SLOW_MORE_MS 20 /* and by so much: a few ms more are noise */
#define SHRINK_SLOW 0.8
#define SHRINK_OVERLOADED 0.5
#define MEASURE_EVERY_MS 30000 /* the destination may have changed */
#define ROUND_LEAST_MS 50

static void
clamp(struct pace *p)
{
	if (p->allowed < (double)p->least)
		p->allowed = (double)p->least;
	if (p->allowed > (double)p->ceiling)
		p->allowed = (double)p->ceiling;
}

/* One request is gathered while another one is under way. */
static double
auto_first(const struct pace *p)
{
	size_t two = 2 * p->least;
	return two > AUTO_FIRST ? (double)two : AUTO_FIRST;
}

void
pace_configure(struct pace *p, size_t gathers, size_t ceiling, bool is_auto, int64_t interval_us)
{
	bool is_new = p->ceiling == 0;
	bool was_full = !p->is_auto && !p->is_starting;

	p->least = gathers < 1 ? 1 : gathers < ceiling ? gathers : ceiling;
	p->ceiling = ceiling;
	p->is_auto = is_auto;
	p->interval_us = interval_us;
	if (is_auto && is_new)
		p->allowed = auto_first(p);
	else if (!is_auto && (is_new || was_full))
		p->allowed = (double)ceiling;
	clamp(p);
}

static int64_t
burst_us(int64_t interval_us)
{
	return interval_us > BURST_US ? 0 : BURST_US - interval_us;
}

/* Between two deliveries of the ramp; 0: it is over. */
static int64_t
ramp_interval_us(const struct pace *p, int64_t now_ms)
{
	int64_t second = (now_ms - p->ramp_from_ms) / 1000;

	if (p->ramp_from_ms == 0 || second >= PACE_RAMP_S)
		return 0;
	if (second < 0) /* now_ms is of the turn's begin */
		second = 0;
	return 1000000 / ((int64_t)PACE_FIRST_RATE << second);
}

/* When one more is in time; 0: at any time. */
static int64_t
in_time_us(int64_t next_us, int64_t interval_us)
{
	return interval_us > 0 ? next_us - burst_us(interval_us) : 0;
}

bool
pace_allows(const struct pace *p, size_t n, int64_t now_ms)
{
	if (n >= (size_t)p->allowed || now_ms < p->resume_ms)
		return false;
	return now_ms * 1000 >= in_time_us(p->next_us, p->interval_us) &&
		now_ms * 1000 >= in_time_us(p->ramp_next_us, ramp_interval_us(p, now_ms));
}

static void
step(int64_t *next_us, int64_t interval_us, int64_t now_ms)
{
	if (interval_us == 0)
		return;
	if (*next_us < now_ms * 1000)
		*next_us = now_ms * 1000;
	*next_us += interval_us;
}

void
pace_started(struct pace *p, int64_t now_ms)
{
	step(&p->next_us, p->interval_us, now_ms);
	step(&p->ramp_next_us, ramp_interval_us(p, now_ms), now_ms);
}

static void
shrink(struct pace *p, double factor, int64_t now_ms)
{
	if (!p->is_auto || now_ms < p->next_decrease_ms)
		return;
	p->allowed *= factor;
	p->is_starting = false;
	clamp(p);
	p->next_decrease_ms = now_ms +
		(p->base_ms > ROUND_LEAST_MS ? (int64_t)p->base_ms : ROUND_LEAST_MS);
}

/* Half the load for a moment shows how quick the destination is by itself; measured under full load
 * the queue that we make ourselves would become the measure. */
static void
measure_anew(struct pace *p, int64_t now_ms)
{
	if (p->measure_ms != 0) {
		p->base_ms = 0;
		p->allowed /= 2;
	}
	p->measure_ms = now_ms + MEASURE_EVERY_MS;
}

/* What it took is compared with the quickest; a window that is not half used says nothing. */
static void
adapt(struct pace *p, size_t n, int64_t took_ms, int64_t now_ms)
{
	double took = took_ms > 0 ? (double)took_ms : 0.5;

	if (now_ms >= p->measure_ms)
		measure_anew(p, now_ms);
	if (p->base_ms == 0 || took < p->base_ms)
		p->base_ms = took;
	if (took > p->base_ms * SLOW_FACTOR && took > p->base_ms + SLOW_MORE_MS)
		shrink(p, SHRINK_SLOW, now_ms);
	else if ((double)(2 * (n + 1)) >= p->allowed)
		p->allowed += p->is_starting ? 1 : 1 / p->allowed;
	clamp(p);
}

void
pace_succeeded(struct pace *p, size_t n, int64_t took_ms, int64_t now_ms)
{
	p->pauses = 0;
	if (p->is_auto) {
		adapt(p, n, took_ms, now_ms);
	} else if (p->is_starting) {
		p->allowed += 1;
		p->is_starting = p->allowed < (double)p->ceiling;
		clamp(p);
	}
}

void
pace_overloaded(struct pace *p, int64_t now_ms)
{
	shrink(p, SHRINK_OVERLOADED, now_ms);
}

void
pace_pause(struct pace *p, int64_t retry_after_ms, int64_t now_ms)
{
	int64_t pause = retry_after_ms;

	if (pause > RETRY_AFTER_MAX_MS)
		pause = RETRY_AFTER_MAX_MS;
	/* Those that were on their way when the pause began are the same event, not another one. */
	if (pause <= 0 && now_ms >= p->resume_ms) {
		pause = p->pauses < 2 ? PAUSE_MS << p->pauses : PAUSE_MAX_MS;
		p->pauses++;
	}
	if (pause > 0 && now_ms + pause > p->resume_ms)
		p->resume_ms = now_ms + pause;
}

void
pace_resume(struct pace *p)
{
	p->resume_ms = 0;
	p->pauses = 0;
}

void
pace_start_slowly(struct pace *p, int64_t now_ms)
{
	p->pauses = 0;
	p->ramp_from_ms = now_ms;
	p->ramp_next_us = 0;
	p->allowed = (double)p->least;
	p->is_starting = p->ceiling > p->least;
}

bool
pace_is_pausing(int status)
{
	return status == 429 || (status >= 502 && status <= 504);
}

int64_t
pace_wake_ms(const struct pace *p, int64_t now_ms)
{
	const int64_t times[] = { p->resume_ms,
		(in_time_us(p->next_us, p->interval_us) + 999) / 1000,
		(in_time_us(p->ramp_next_us, ramp_interval_us(p, now_ms)) + 999) / 1000 };
	int64_t at = 0;

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		if (times[i] > now_ms && times[i] > at)
			at = times[i];
	}
	return at;
}
