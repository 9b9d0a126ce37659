/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_rig.h - what the tests of store plugins share: a plugin loaded as the daemon loads it, on
 * a host that can only log, configured through its option table. What fails ends the process, see expect.h.
 *
 * In the values of options %d stands for an empty folder and %n for a word that was not used before, both anew for
 * each test; any other % for itself. Without rig_use STORE_PLUGIN names the .so and STORE_CONF its options,
 * `key=value;key=value`; the defaults test store-sqlite.
 */
#ifndef STORE_RIG_H
#define STORE_RIG_H

#include <stdbool.h>

#include <hookswitch/store.h>

/* The library is linked to programs of strangers: there these short words have a longer name. */
#define RIG_NAME(word) __asm__("fake_store_" #word)

/* The plugin's ops, the open store, the last error: for the one test that runs in this process. */
extern const struct hsw_store_ops *ops RIG_NAME(ops);
extern void *store RIG_NAME(self);
extern struct hsw_error error RIG_NAME(error);

/* What is tested, from the next rig_start on; borrowed. is_volatile: it keeps nothing when it is closed, so that
 * rig_reopen leaves it open and a test that kills it is skipped. */
void rig_use(const struct hsw_plugin *, const char *const *options, bool is_volatile) RIG_NAME(use);

/* Setup: loads the plugin, makes a folder, opens a store. Teardown: closes, deletes the folder. */
void rig_start(void) RIG_NAME(start);
void rig_end(void) RIG_NAME(end);

/* Opens the store with this test's configuration. HSW_OK or open's result. */
int rig_open(void) RIG_NAME(open);
void rig_close(void) RIG_NAME(close);
void rig_reopen(void) RIG_NAME(reopen);
/* A path in this test's folder; valid until the next call but three. */
const char *rig_path(const char *name) RIG_NAME(path);

struct hsw_str str(const char *) RIG_NAME(str);
/* Appends an event with this body and time; its seq. Fails the test if the store does. */
int64_t append(const char *body, int64_t received_ms) RIG_NAME(append);
/* Appends n events with that time in groups; their bodies are "1", "2", ... The last seq. */
int64_t append_many(size_t n, int64_t received_ms) RIG_NAME(append_many);
/* One write, as a batch of its own. HSW_OK or commit's result. */
int commit_one(struct hsw_write) RIG_NAME(commit_one);
/* Short ones, which fail the test when the store does. */
void set_cursor(const char *destination, int64_t seq) RIG_NAME(set_cursor);
void set_retry(const char *destination, int64_t seq, int attempts, int64_t due_ms)
	RIG_NAME(set_retry);
void set_settled(const char *destination, int64_t seq) RIG_NAME(set_settled);
void set_dead(const char *destination, int64_t seq, int attempts, int64_t at_ms) RIG_NAME(set_dead);
int64_t attach(const char *destination) RIG_NAME(attach);
/* What the store says: how many were deleted, at most max, or SIZE_MAX. */
size_t prune(int64_t upto, int64_t before_ms, size_t max) RIG_NAME(prune);
/* The seqs of the log as "1 2 5", at most 100 of them. */
const char *log_seqs(void) RIG_NAME(log_seqs);
/* Exceptions as "crm:1 crm:2". */
const char *retries_of(const char *destination) RIG_NAME(retries_of);
const char *dead_of(const char *destination) RIG_NAME(dead_of);

/*
 * Starts a process that commits without end, kills it at a random moment, opens the store again and
 * checks that everything it said it had committed is there; so many times. check, which may be
 * NULL, is called after each.
 */
void rig_kill_and_recover(int times, void (*check)(void)) RIG_NAME(kill_and_recover);

#endif
