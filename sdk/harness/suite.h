/* SPDX-License-Identifier: Apache-2.0 */
/* suite.h - what the suites of the harness share: tables of tests that take a subject. */
#ifndef HARNESS_SUITE_H
#define HARNESS_SUITE_H

#include <stddef.h>

#include <hookswitch/harness.h>
#include <hookswitch/harness_suite.h>
#include <hookswitch/source.h>

/* Tables end with a name that is NULL. What fails ends the process, see expect.h. */
struct suite_test {
	const char *name;
	void (*run)(const struct fake_subject *);
};

extern const struct suite_test fake_suite_of_plugins[], fake_suite_of_sinks[],
	fake_suite_of_live_sinks[], fake_suite_of_sources[];

/* Stores: run with a store that rig_start has opened, see store_rig.h. */
struct suite_store_test {
	const char *name;
	void (*run)(void);
};
#define STORE_TEST(function)        \
	{                           \
#function, function \
	}

extern const struct suite_store_test fake_suite_of_stores[], fake_suite_of_records[],
	fake_suite_of_exceptions[];

/* Opens a handle of the subject, or fails. */
struct hsw_handle *fake_subject_open(const struct fake_subject *);

void fake_handles_open_and_close_again(const struct fake_subject *);

/* Whether a plugin's ops know an optional operation, and have it. */
#define SUITE_HAS(ops, member)                                                          \
	((ops)->size >= offsetof(__typeof__(*(ops)), member) + sizeof((ops)->member) && \
		(ops)->member != NULL)

/* Whether a source's events name their instances; self: what its open made. */
bool fake_names_instances(const struct hsw_source_ops *, void *self);

/* Sinks of HSW_SINK_LIVE, which get broadcasts instead of deliveries. */
bool fake_is_live(const struct fake_subject *);
/* The envelope of an event of the instance "sales"; the caller gives it back. */
const struct hsw_envelope *fake_subject_envelope(unsigned number);
/* A handle of a live sink from its start to its end, with a connection; each of its operations is called. */
void fake_live_through(const struct fake_subject *);

/* Calls fn with each of the body's spoilt forms; what fn gets is valid until it returns. */
typedef void bad_input_fn(void *arg, struct hsw_str body);
void fake_bad_input_each(struct hsw_str body, bad_input_fn *fn, void *arg);

#endif
