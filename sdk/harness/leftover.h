/* SPDX-License-Identifier: Apache-2.0 */
/* leftover.h - what a part of a plugin has taken and not given back: memory, threads, descriptors. */
#ifndef HARNESS_LEFTOVER_H
#define HARNESS_LEFTOVER_H

#include <stddef.h>

#include <hookswitch/harness_suite.h>

/* Bytes of malloc that are in use. Sanitizers, and programs with a malloc of their own, have theirs elsewhere: there it
 * does not change, and a leak is for the sanitizer to find at the end of the process. */
size_t leftover_bytes(void);

/* Calls fn again and again, and fails if there is more of something after each time. */
void leftover_expect_none(void (*fn)(const struct fake_subject *), const struct fake_subject *);

#endif
