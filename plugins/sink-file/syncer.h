/* SPDX-License-Identifier: Apache-2.0 */
/*
 * syncer.h - a thread that calls fdatasync, which may take long.
 *
 * One round at a time: syncer_start hands over descriptors, then `ready` is called on the handle's
 * thread, syncer_error tells how each went and syncer_end ends the round. All functions belong to
 * the handle's thread.
 */
#ifndef SYNCER_H
#define SYNCER_H

#include <stdbool.h>

#include <hookswitch/plugin.h>

struct syncer;

/* NULL: no thread or memory. */
struct syncer *syncer_new(
	const struct hsw_host *, struct hsw_handle *, void (*ready)(void *arg), void *arg);
bool syncer_is_busy(const struct syncer *);
/* Begins a round; none may be under way. The descriptors must stay open until ready. */
int syncer_start(struct syncer *, const int *fds, size_t n);
/* errno of the i-th descriptor of the round before; 0: it is on disk. */
int syncer_error(const struct syncer *, size_t i);
/* Ends the round that is ready. */
void syncer_end(struct syncer *);
/* Does not wait: the thread finishes its round, syncs and closes the descriptors (they are taken
 * over, also on error), and ends. `ready` is not called any more. NULL is allowed, with n = 0. */
void syncer_free(struct syncer *, const int *fds, size_t n);

#endif
