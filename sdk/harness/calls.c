/* SPDX-License-Identifier: Apache-2.0 */
/* calls.c - see calls.h. */
#include "calls.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "expect.h"

#define ROUNDS 3
#define MANY_CALLS 10 /* that block, in one round */
/* What comes once in the life of a handle may compute longer: certificates are read, a library is set up. */
#define ONCE_MAX_MS 100
#define BYTES_PER_MS 16384 /* of a body: what is long may take long */
#define MS INT64_C(1000000)

/* A sanitizer makes the same work this many times longer. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZER_FACTOR 10
#endif
#endif
#if !defined(SANITIZER_FACTOR) && (defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__))
#define SANITIZER_FACTOR 10
#endif
#ifndef SANITIZER_FACTOR
#define SANITIZER_FACTOR 1
#endif

static const struct kind {
	const char *name;
	bool is_once;
} kinds[CALL_KINDS] = {
	[CALL_OPEN] = { "open", true },
	[CALL_CLOSE] = { "close", true },
	[CALL_REOPEN] = { "reopen", true },
	[CALL_DRAIN] = { "drain", false },
	[CALL_DELIVER] = { "deliver", false },
	[CALL_CANCEL] = { "cancel", false },
	[CALL_ADOPT] = { "adopt", false },
	[CALL_BROADCAST] = { "broadcast", false },
	[CALL_DISMISS] = { "dismiss", false },
	[CALL_EXPEL] = { "expel", false },
	[CALL_CONFIGURE] = { "configure", false },
	[CALL_VERIFY] = { "verify", false },
	[CALL_TRANSLATE] = { "translate", false },
	[CALL_CHALLENGE] = { "challenge", false },
	[CALL_TIMER] = { "a timer's function", false },
	[CALL_WATCH] = { "a watch's function", false },
	[CALL_POST] = { "a posted function", false },
};

/* Of the calls of a kind that blocked: how many in this round, and the longest of all. */
struct blocked {
	unsigned calls;
	int64_t took_ns, slept_ns, cpu_ns;
};

static _Thread_local struct {
	bool is_on;
	struct call *current;
	struct call_usage left_at;
	struct blocked blocked[CALL_KINDS];
} calls;

/* ---- what a thread has used ---- */

static int64_t
ns_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000 * MS + t.tv_nsec;
}

/* 0 on a kernel that does not tell. */
static int64_t
delay_ns(void)
{
	char text[128] = "";
	char *delay;
	int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0 || (delay = strchr(text, ' ')) == NULL)
		return 0;
	return strtoll(delay, NULL, 10);
}

static struct call_usage
usage_now(void)
{
	struct rusage r = { .ru_nvcsw = 0 };

	getrusage(RUSAGE_THREAD, &r);
	return (struct call_usage){ ns_of(CLOCK_MONOTONIC), ns_of(CLOCK_THREAD_CPUTIME_ID),
		delay_ns(), r.ru_nvcsw };
}

static struct call_usage
since(struct call_usage begin, struct call_usage now)
{
	return (struct call_usage){ now.wall_ns - begin.wall_ns, now.cpu_ns - begin.cpu_ns,
		now.delay_ns - begin.delay_ns, now.sleeps - begin.sleeps };
}

static void
add(struct call_usage *sum, struct call_usage more)
{
	sum->wall_ns += more.wall_ns;
	sum->cpu_ns += more.cpu_ns;
	sum->delay_ns += more.delay_ns;
	sum->sleeps += more.sleeps;
}

/* ---- calls ---- */

void
fake_call_begin(struct call *c, enum call_kind kind)
{
	if (!calls.is_on)
		return;
	*c = (struct call){ .kind = kind, .outer = calls.current };
	calls.current = c;
	c->begin = usage_now();
}

static int64_t
cpu_max_ns(enum call_kind kind, size_t bytes)
{
	int64_t ms = kinds[kind].is_once ? ONCE_MAX_MS : CALL_MAX_MS;

	return (ms + (int64_t)(bytes / BYTES_PER_MS)) * MS * SANITIZER_FACTOR;
}

void
fake_call_end(struct call *c, size_t bytes)
{
	if (!calls.is_on)
		return;
	struct call_usage used = since(c->begin, usage_now());
	used = since(c->elsewhere, used);
	calls.current = c->outer;
	int64_t slept = used.sleeps > 0 ? used.wall_ns - used.cpu_ns - used.delay_ns : 0;
	if (slept <= CALL_MAX_MS * MS && used.cpu_ns <= cpu_max_ns(c->kind, bytes))
		return;
	struct blocked *b = &calls.blocked[c->kind];
	b->calls++;
	if (used.wall_ns <= b->took_ns)
		return;
	b->took_ns = used.wall_ns;
	b->slept_ns = slept > 0 ? slept : 0;
	b->cpu_ns = used.cpu_ns;
}

void
fake_calls_leave(void)
{
	if (calls.current != NULL)
		calls.left_at = usage_now();
}

void
fake_calls_return(void)
{
	if (calls.current != NULL)
		add(&calls.current->elsewhere, since(calls.left_at, usage_now()));
}

/* ---- rounds ---- */

/* The kinds of which a call blocked, as bits; *many: of which many did. */
static unsigned
run_round(void (*fn)(void *arg), void *arg, unsigned *many)
{
	unsigned found = 0;

	for (unsigned i = 0; i < CALL_KINDS; i++)
		calls.blocked[i].calls = 0;
	calls.is_on = true;
	fn(arg);
	calls.is_on = false;
	for (unsigned i = 0; i < CALL_KINDS; i++) {
		found |= calls.blocked[i].calls > 0 ? 1u << i : 0;
		*many |= calls.blocked[i].calls >= MANY_CALLS ? 1u << i : 0;
	}
	return found;
}

void
fake_calls_expect_none_blocks(void (*fn)(void *arg), void *arg)
{
	unsigned found = (1u << CALL_KINDS) - 1, many = 0;

	memset(calls.blocked, 0, sizeof(calls.blocked));
	for (int i = 0; i < ROUNDS && found != 0; i++)
		found &= run_round(fn, arg, &many);
	found |= many;
	for (unsigned i = 0; i < CALL_KINDS; i++) {
		const struct blocked *b = &calls.blocked[i];
		if (found & 1u << i)
			fprintf(stderr,
				"%s took %.0f ms, of which it slept %.0f and computed %.0f\n",
				kinds[i].name, (double)b->took_ns / MS, (double)b->slept_ns / MS,
				(double)b->cpu_ns / MS);
	}
	if (found != 0)
		fake_fail("no call may keep its thread for more than %d ms", CALL_MAX_MS);
}
