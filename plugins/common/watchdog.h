/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watchdog.h - ends a run of jq that takes too long. A thread of its own sleeps until the deadline of the run
 * that is under way; jq looks between any two of its steps whether it was halted, so what is stopped late is
 * only one step that takes long.
 */
#ifndef COMMON_WATCHDOG_H
#define COMMON_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include <jq.h>

struct watchdog;

/* NULL: no memory, or no thread. */
struct watchdog *watchdog_new(void);
void watchdog_free(struct watchdog *);
/* From now on jq may run for so much of the calling thread's processor time. */
void watchdog_start(struct watchdog *, jq_state *jq, int64_t ms);
/* Ends that. Returns whether jq was halted. */
bool watchdog_stop(struct watchdog *);

#endif
