/* SPDX-License-Identifier: Apache-2.0 */
/*
 * expect.h - what the suites say of a plugin. What does not hold is printed with its place, and ends the process.
 * Numbers are compared as intmax_t: SIZE_MAX is -1 here, and equal to itself.
 */
#ifndef HARNESS_EXPECT_H
#define HARNESS_EXPECT_H

#include <stdint.h>
#include <string.h>

/* Prints one line and ends the process with FAKE_EXIT_FAILED. */
__attribute__((noreturn, format(printf, 1, 2))) void fake_fail(const char *fmt, ...);
/* Prints why, and ends the process with FAKE_EXIT_SKIPPED. */
__attribute__((noreturn)) void fake_skip(const char *why);

#define expect_that(condition, ...)             \
	do {                                    \
		if (!(condition))               \
			fake_fail(__VA_ARGS__); \
	} while (0)

#define expect_relation(a, op, b)                                                               \
	do {                                                                                    \
		intmax_t a_ = (intmax_t)(a), b_ = (intmax_t)(b);                                \
		expect_that(a_ op b_, "%s:%d: %s " #op " %s: found %jd and %jd", __FILE_NAME__, \
			__LINE__, #a, #b, a_, b_);                                              \
	} while (0)
#define expect_eq(a, b) expect_relation(a, ==, b)
#define expect_ne(a, b) expect_relation(a, !=, b)
#define expect_gt(a, b) expect_relation(a, >, b)
#define expect_ge(a, b) expect_relation(a, >=, b)
#define expect_lt(a, b) expect_relation(a, <, b)
#define expect_le(a, b) expect_relation(a, <=, b)

#define expect_text(a, b)                                                                    \
	do {                                                                                 \
		const char *a_ = (a), *b_ = (b);                                             \
		expect_that(strcmp(a_, b_) == 0, "%s:%d: %s: expected \"%s\", found \"%s\"", \
			__FILE_NAME__, __LINE__, #a, b_, a_);                                \
	} while (0)
#define expect_bytes(a, b, n) \
	expect_that(memcmp(a, b, n) == 0, "%s:%d: %s is not %s", __FILE_NAME__, __LINE__, #a, #b)

#endif
