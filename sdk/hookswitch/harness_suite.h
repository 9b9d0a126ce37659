/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hookswitch/harness_suite.h - the tests of hookswitch-plugin-test(1), for test programs of one's own.
 * `pkg-config --cflags --libs hookswitch-harness`. With Check:
 *
 *   static struct fake_subject subject;
 *   START_TEST(it_keeps_to_the_contract)
 *   {
 *           fake_suite_run(&subject, (size_t)_i);
 *   }
 *   END_TEST
 *   ...
 *   if (!fake_subject_load(&subject, "./sink-foo.so", &err)) ...
 *   subject.options = (const char *const[]){ "path", "/tmp/x", NULL };
 *   tcase_add_loop_test(tcase, it_keeps_to_the_contract, 0, (int)fake_suite_size(&subject));
 */
#ifndef HOOKSWITCH_HARNESS_SUITE_H
#define HOOKSWITCH_HARNESS_SUITE_H

#include <stdbool.h>

#include <hookswitch/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A request that a source is to translate without an error. All is borrowed. */
struct fake_payload {
	const char *name; /* for messages */
	struct hsw_str body;
};

#define FAKE_NAME_SIZE 128 /* of a plugin's file, without .so */

/* What is tested. Everything is borrowed, and must live as long as the tests. */
struct fake_subject {
	char name[FAKE_NAME_SIZE]; /* of the file: "sink-foo" */
	const struct hsw_plugin *plugin;
	/*
	 * "key", "value", ..., NULL; NULL: none. Of stores %d in a value is an empty folder and %n a word that was
	 * not used before, both anew for each test; any other % is itself.
	 */
	const char *const *options;
	/* Of sources. */
	const struct fake_payload *payloads;
	size_t payload_count;
	const char *path;           /* of the requests, see struct hsw_request; NULL: "" */
	const char *query;          /* NULL: "" */
	const char *const *headers; /* "name", "value", ..., NULL; NULL: none */
	/* Of stores: it keeps nothing when it is closed. Tests leave it open, and do not kill it. */
	bool is_volatile;
};

/* Loads the file and fills name and plugin, the rest with 0. false: err tells why. */
bool fake_subject_load(struct fake_subject *, const char *path, struct hsw_error *err);

/* How many tests there are for the subject's kind, and the name of each. */
size_t fake_suite_size(const struct fake_subject *);
const char *fake_suite_name(const struct fake_subject *, size_t test);

/* How a process ends in which a test did not hold (then the reason is on standard error), or was skipped. */
#define FAKE_EXIT_FAILED 1
#define FAKE_EXIT_SKIPPED 77

/*
 * Runs a test in this process, which ends when the test fails, is skipped or finds a breach (by SIGABRT). Returns when
 * it holds.
 */
void fake_suite_run(const struct fake_subject *, size_t test);

enum fake_verdict { FAKE_PASSED, FAKE_FAILED, FAKE_SKIPPED };
/* Runs a test in a process of its own, which has so many seconds. Standard error names a signal that ended
 * it, or tells that the plugin ended the process. */
enum fake_verdict fake_suite_run_apart(const struct fake_subject *, size_t test, unsigned seconds);
/* Why the test that fake_suite_run_apart ran last was skipped; "" where it was not. Valid until the next. */
const char *fake_suite_why_skipped(void);

#ifdef __cplusplus
}
#endif
#endif
