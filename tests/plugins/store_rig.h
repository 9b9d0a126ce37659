/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_rig.h - what the tests of store plugins share: a plugin loaded as the daemon loads it, on
 * a host that can only log, configured through its option table.
 *
 * STORE_PLUGIN names the .so; STORE_CONF is its configuration, `key=value;key=value`, where %d
 * stands for an empty folder and %n for a word that was not used before, both anew for each test.
 * The defaults test store-sqlite.
 */
#ifndef STORE_RIG_H
#define STORE_RIG_H

#include <stdbool.h>

#include <hookswitch/store.h>

/* The plugin's ops, the open store, the last error: for the one test that runs in this process. */
extern const struct hsw_store_ops *ops;
extern void *store;
extern struct hsw_error error;

/* Setup: loads the plugin, makes a folder, opens a store. Teardown: closes, deletes the folder. */
void rig_start(void);
void rig_end(void);

/* Opens the store with this test's configuration. HSW_OK or open's result. */
int rig_open(void);
void rig_close(void);
void rig_reopen(void);
/* A path in this test's folder; valid until the next call but three. */
const char *rig_path(const char *name);

struct hsw_str str(const char *);
/* Appends an event with this body and time; its seq. Fails the test if the store does. */
int64_t append(const char *body, int64_t received_ms);
/* Appends n events with that time in groups; their bodies are "1", "2", ... The last seq. */
int64_t append_many(size_t n, int64_t received_ms);
/* One write, as a batch of its own. HSW_OK or commit's result. */
int commit_one(struct hsw_write);
/* Short ones, which fail the test when the store does. */
void set_cursor(const char *destination, int64_t seq);
void set_retry(const char *destination, int64_t seq, int attempts, int64_t due_ms);
void set_settled(const char *destination, int64_t seq);
void set_dead(const char *destination, int64_t seq, int attempts, int64_t at_ms);
int64_t attach(const char *destination);
/* How many were deleted. */
size_t prune(int64_t upto, int64_t before_ms, size_t max);
/* The seqs of the log as "1 2 5", at most 100 of them. */
const char *log_seqs(void);
/* Exceptions as "crm:1 crm:2". */
const char *retries_of(const char *destination);
const char *dead_of(const char *destination);

/*
 * Starts a process that commits without end, kills it at a random moment, opens the store again and
 * checks that everything it said it had committed is there; so many times. check, which may be
 * NULL, is called after each.
 */
void rig_kill_and_recover(int times, void (*check)(void));

#endif
