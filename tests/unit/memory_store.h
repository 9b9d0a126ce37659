/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_store.h - a store that forgets, for tests of the delivery layer, with failures on demand.
 * The knobs may be turned by the test's thread while the store thread runs.
 */
#ifndef MEMORY_STORE_H
#define MEMORY_STORE_H

#include <stdatomic.h>
#include <stdbool.h>

#include <hookswitch/store.h>

extern const struct hsw_store_ops memory_store_ops;

/* What commit answers instead of working; HSW_OK: it works. */
extern _Atomic int memory_store_refuses;
/* So many more retries are kept; further ones are lost, as by a crash before they were written. -1: all. */
extern _Atomic int memory_store_keeps;
/* It commits, and answers HSW_EAGAIN. */
extern _Atomic bool memory_store_loses_answers;
/* So many reads of single events fail. */
extern _Atomic int memory_store_refuses_reads;

/* What is in it now; any thread, while nothing is being committed. */
size_t memory_store_retries(void);
size_t memory_store_dead(void);
int64_t memory_store_cursor(const char *destination);
/* As a crash before the last write would have left it; while no store runs. */
void memory_store_set_cursor(const char *destination, int64_t cursor);
/* Starts anew. */
void memory_store_clear(void);

#endif
