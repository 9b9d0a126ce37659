/* SPDX-License-Identifier: Apache-2.0 */
/*
 * secret_branches.c - compares secrets whose bytes valgrind was told to know nothing of: it then reports each branch
 * and each address that depends on them. secret_branches.sh runs it.
 *
 * secret_branches NAME: by that function. Exit status 77: not under valgrind, or built without its headers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define RUNNING_ON_VALGRIND 0
#define VALGRIND_MAKE_MEM_UNDEFINED(at, n) ((void)(at), (void)(n))
#define VALGRIND_MAKE_MEM_DEFINED(at, n) ((void)(at), (void)(n))
#endif

#include "buf.h"
#include "crypt.h"
#include "secret.h"

#define SKIPPED 77
#define SECRET_BYTES 43 /* as those of tokens that the daemon makes */

static bool
by_plugins(struct hsw_str given, struct hsw_str expected)
{
	return secret_is(given, expected.s);
}

static const struct function {
	const char *name;
	bool (*is_same)(struct hsw_str given, struct hsw_str expected);
} functions[] = {
	{ "secret_equal", secret_equal }, { "secret_is", by_plugins },
	{ "str_equal", str_equal }, /* ends at the first byte: valgrind has to find it */
};

/* -1: none, they are the same. */
static bool
compare(const struct function *f, int differs_at)
{
	char given[SECRET_BYTES + 1], expected[SECRET_BYTES + 1];

	memset(expected, 'a', SECRET_BYTES);
	expected[SECRET_BYTES] = '\0';
	memcpy(given, expected, sizeof(given));
	if (differs_at >= 0)
		given[differs_at] = 'b';
	/* What compares them depends on both then. The other one's length is looked for by its NUL, which may be. */
	(void)VALGRIND_MAKE_MEM_UNDEFINED(given, SECRET_BYTES);
	bool is_same = f->is_same((struct hsw_str){ given, SECRET_BYTES },
		(struct hsw_str){ expected, SECRET_BYTES });
	/* The verdict may be known. */
	(void)VALGRIND_MAKE_MEM_DEFINED(&is_same, sizeof(is_same));
	return is_same == (differs_at < 0);
}

int
main(int argc, char **argv)
{
	const size_t n = sizeof(functions) / sizeof(functions[0]);
	size_t i = 0;

	if (!RUNNING_ON_VALGRIND)
		return SKIPPED;
	while (argc == 2 && i < n && strcmp(functions[i].name, argv[1]) != 0)
		i++;
	if (argc != 2 || i == n)
		return EXIT_FAILURE;
	bool is_good = compare(&functions[i], -1) && compare(&functions[i], 0) &&
		compare(&functions[i], SECRET_BYTES / 2) &&
		compare(&functions[i], SECRET_BYTES - 1);
	return is_good ? EXIT_SUCCESS : EXIT_FAILURE;
}
