/* SPDX-License-Identifier: Apache-2.0 */
/* unit.h - the frame of a unit test program: one suite, TAP on standard output. */
#ifndef UNIT_H
#define UNIT_H

#include <stdlib.h>

#include <check.h>

/* Defines main: runs the listed test functions (made by START_TEST), each a case of its own name,
 * with setup before and teardown after each of them (either may be NULL). */
#define UNIT_MAIN_WITH(suite_name, setup, teardown, ...)                        \
	int main(void)                                                          \
	{                                                                       \
		const TTest *const tests[] = { __VA_ARGS__ };                   \
		Suite *suite = suite_create(suite_name);                        \
		for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) { \
			TCase *tc = tcase_create(tests[i]->name);               \
			tcase_set_timeout(tc, 60);                              \
			tcase_add_checked_fixture(tc, setup, teardown);         \
			tcase_add_test(tc, tests[i]);                           \
			suite_add_tcase(suite, tc);                             \
		}                                                               \
		SRunner *runner = srunner_create(suite);                        \
		srunner_set_tap(runner, "-");                                   \
		srunner_run_all(runner, CK_SILENT);                             \
		int failed = srunner_ntests_failed(runner);                     \
		srunner_free(runner);                                           \
		return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;               \
	}

#define UNIT_MAIN(suite_name, ...) UNIT_MAIN_WITH(suite_name, NULL, NULL, __VA_ARGS__)

#endif
