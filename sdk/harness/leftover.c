/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leftover.c - see leftover.h.
 *
 * malloc's own caches and libraries' first uses take memory, too, but not for ever: a leak is what grows in every one
 * of many rounds. Threads are given a second to end.
 */
#include "leftover.h"

#include <dirent.h>
#include <malloc.h>
#include <unistd.h>

#include "expect.h"

#define CALLS 50 /* in a round */
#define ROUNDS 16
#define GROWTH_MAX (CALLS * 16) /* bytes; the least leak is 24 at each call */
#define LOOKS 100
#define LOOK_AGAIN_US 10000

static size_t
count_entries(const char *folder)
{
	DIR *dir = opendir(folder);
	size_t n = 0;

	if (dir == NULL)
		return 0;
	for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

static void
expect_no_more(const char *folder, size_t before, const char *what)
{
	size_t now = count_entries(folder);

	for (int i = 0; i < LOOKS && now > before; i++) {
		usleep(LOOK_AGAIN_US);
		now = count_entries(folder);
	}
	expect_that(now <= before, "%zu %s became %zu", before, what, now);
}

size_t
leftover_bytes(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static size_t
bytes_of_round(void (*fn)(const struct fake_subject *), const struct fake_subject *s)
{
	size_t before = leftover_bytes(), after;

	for (int i = 0; i < CALLS; i++)
		fn(s);
	after = leftover_bytes();
	return after > before ? after - before : 0;
}

void
leftover_expect_none(void (*fn)(const struct fake_subject *), const struct fake_subject *s)
{
	static const char threads[] = "/proc/self/task", descriptors[] = "/proc/self/fd";

	fn(s);
	size_t threads_before = count_entries(threads);
	size_t descriptors_before = count_entries(descriptors);
	size_t more = bytes_of_round(fn, s);
	expect_no_more(threads, threads_before, "threads");
	expect_no_more(descriptors, descriptors_before, "descriptors");
	for (int i = 1; i < ROUNDS && more > GROWTH_MAX; i++)
		more = bytes_of_round(fn, s);
	expect_that(
		more <= GROWTH_MAX, "each %d times there are %zu more bytes in use", CALLS, more);
}
