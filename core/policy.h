/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy.h - what a sink section says about attempts, read from its texts: the schedule, which answers
 * are worth another attempt, how many deliveries at once and how many in a time.
 */
#ifndef POLICY_H
#define POLICY_H

#include "config.h"

/*
 * Fills what struct sink_conf has of policy, retry, retry_on, drop_on, concurrency and rate. wrong is called
 * for each of these keys that is wrong; why is borrowed until it returns.
 */
void policy_read(
	struct sink_conf *, void (*wrong)(void *arg, const char *key, const char *why), void *arg);

/* What an attempt's outcome means to this sink. status: of the answer, 0: none. */
enum hsw_outcome policy_outcome(const struct sink_conf *, enum hsw_outcome, int status);

/* Which step of the schedule follows after so many attempts, from 1; above retry_steps: none. */
int policy_step(const struct sink_conf *, int attempts);

#endif
