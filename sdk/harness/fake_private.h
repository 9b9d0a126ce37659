/* SPDX-License-Identifier: Apache-2.0 */
/* fake_private.h - what the files of the fake host share. */
#ifndef FAKE_PRIVATE_H
#define FAKE_PRIVATE_H

#include <hookswitch/harness.h>

#include <pthread.h>
#include <sys/queue.h>
#include <time.h>

struct posted {
	STAILQ_ENTRY(posted) entry;
	void (*fn)(void *arg);
	void *arg;
};

struct text_line {
	LIST_ENTRY(text_line) entry;
	char text[];
};

struct counter {
	LIST_ENTRY(counter) entry;
	const char *metric;
	int64_t value;
};

struct hsw_handle {
	const struct hsw_plugin *plugin;
	struct hsw_sink_ops sink;
	void *conf, *self;
	pthread_t thread;
	struct event_base *base;
	unsigned pending, ended;
	LIST_HEAD(, hsw_delivery) deliveries;
	LIST_HEAD(, hsw_timer) timers;
	LIST_HEAD(, hsw_watch) watches;
	LIST_HEAD(, counter) counters;
	void (*on_done)(struct hsw_delivery *, void *arg);
	void *on_done_arg;

	struct event *wake;
	int wake_fd;
	pthread_mutex_t lock; /* of what follows */
	STAILQ_HEAD(, posted) posts;
	LIST_HEAD(, text_line) lines;
	bool closed;
};

/* Prints the breach of the contract and aborts. */
__attribute__((noreturn, format(printf, 1, 2))) void fake_breach(const char *fmt, ...);
/* Whether it has at least one character, and only those that keys of options and metrics may have: a-z, 0-9 and _. */
bool fake_is_name(const char *);
/* p, which must not be NULL. */
void *fake_must(void *p);
void fake_own_thread(const struct hsw_handle *, const char *call);
int64_t fake_clock_ms(clockid_t);

/* The loop's part of a handle: base, wake, posts, lines, counters. */
void fake_loop_init(struct hsw_handle *);
void fake_loop_fini(struct hsw_handle *);

/* The members of struct hsw_host. */
__attribute__((format(printf, 3, 4))) void fake_host_log(
	struct hsw_handle *, int level, const char *fmt, ...);
int fake_host_post(struct hsw_handle *, void (*fn)(void *arg), void *arg);
int64_t fake_host_now_ms(struct hsw_handle *);
struct hsw_timer *fake_host_timer_new(struct hsw_handle *, void (*fn)(void *arg), void *arg);
void fake_host_timer_set(struct hsw_timer *, int64_t ms);
void fake_host_timer_free(struct hsw_timer *);
struct hsw_watch *fake_host_watch_new(
	struct hsw_handle *, int fd, void (*fn)(int fd, unsigned what, void *arg), void *arg);
void fake_host_watch_set(struct hsw_watch *, unsigned what);
void fake_host_watch_free(struct hsw_watch *);
void fake_host_count(struct hsw_handle *, const char *metric, const char *label, int64_t n);
const struct hsw_envelope *fake_host_ref(const struct hsw_envelope *);
struct hsw_str fake_host_get(const struct hsw_envelope *, enum hsw_field);
int64_t fake_host_received_ms(const struct hsw_envelope *);
int fake_host_iov(const struct hsw_envelope *, unsigned parts, struct iovec *, int n);

#endif
