/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_rig.h - sink-file in a folder of its own, on a system that fails when it is told to.
 *
 * The rig's writev, fdatasync, ftruncate, chown, fchown and clock_gettime come before libc's in the
 * plugin too (the program is linked with -rdynamic): tests make them fail, come back short, or wait.
 */
#ifndef FILE_RIG_H
#define FILE_RIG_H

#include <stdint.h>
#include <sys/types.h>

#include <hookswitch/harness.h>

/* What happens to the next calls; fdatasync is called on a thread of the plugin. */
extern struct fate {
	ssize_t writev_bytes; /* >= 0: the first writev ends after so many bytes, the next fails */
	int writev_error;
	unsigned ftruncate_errors; /* so many calls fail */
	bool chown_forbidden;      /* as a filter of system calls does */
	_Atomic int fdatasync_error;
	_Atomic bool fdatasync_waits; /* until it is false again */
	_Atomic unsigned fdatasyncs;
	_Atomic int64_t wall_ms; /* not 0: the time of day stands still there */
} fate;

void file_rig_setup(void);
void file_rig_teardown(void);

/* A path in the test's folder; an absolute one stays. Good for four uses. */
const char *in_folder(const char *path);
/* path is relative to the test's folder; then "key", "value", ... */
#define OPEN(path, ...) \
	open_sink((const char *const[]){ "path", in_folder(path), __VA_ARGS__, NULL })
struct hsw_handle *open_sink(const char *const *options);
struct hsw_delivery *put_event(struct hsw_handle *, const struct fake_event *);
struct hsw_delivery *put_for(struct hsw_handle *, const char *instance, const char *json);
struct hsw_delivery *put(struct hsw_handle *, const char *json);
/* Delivered, or the test fails. */
void put_and_wait(struct hsw_handle *, const char *json);
/* The content of a file; "(none)" if there is no such file. */
const char *content(const char *path);
void fill(const char *path, const char *bytes, size_t len);
/* Descriptors of files in the folder. */
unsigned open_files(void);

#endif
