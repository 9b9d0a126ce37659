/* SPDX-License-Identifier: Apache-2.0 */
/* suite.c - see hookswitch/harness_suite.h: which tests a plugin gets, and how they are run. */
#include "suite.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "expect.h"
#include "store_rig.h"

#define SKIPPED_SIZE 256

/* How a test ended in its process; shared with this one, for a plugin can end the process with any status. */
struct ending {
	bool is_held, is_failed;
	char skipped[SKIPPED_SIZE]; /* why; "": it was not */
};

/* NULL: no test was run in a process of its own yet. */
static struct ending *ending;

void
fake_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	if (ending != NULL)
		ending->is_failed = true;
	exit(FAKE_EXIT_FAILED);
}

void
fake_skip(const char *why)
{
	fprintf(stderr, "# skipped: %s\n", why);
	if (ending != NULL)
		snprintf(ending->skipped, sizeof(ending->skipped), "%s", why);
	exit(FAKE_EXIT_SKIPPED);
}

bool
fake_subject_load(struct fake_subject *s, const char *path, struct hsw_error *err)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;
	char *whole = realpath(path, NULL); /* dlopen searches for what has no slash */

	*s = (struct fake_subject){ .plugin = whole != NULL ? fake_load(whole, err) : NULL };
	if (whole == NULL)
		snprintf(err->text, sizeof(err->text), "%s: cannot be read", path);
	free(whole);
	int n = snprintf(s->name, sizeof(s->name), "%.*s", (int)strcspn(base, "."), base);
	if (s->plugin != NULL && (size_t)n < sizeof(s->name))
		return true;
	if (s->plugin != NULL)
		snprintf(err->text, sizeof(err->text), "%.200s: too long a name", base);
	return false;
}

/* ---- which tests ---- */

/* A test of one of the two tables; of the other all members are NULL. */
struct found {
	struct suite_test test;
	struct suite_store_test store;
};

static bool
find_in(const struct suite_test *table, size_t *index, struct found *found)
{
	for (; table->name != NULL; table++) {
		if ((*index)-- == 0) {
			found->test = *table;
			return true;
		}
	}
	return false;
}

static bool
find_in_stores(const struct suite_store_test *table, size_t *index, struct found *found)
{
	for (; table->name != NULL; table++) {
		if ((*index)-- == 0) {
			found->store = *table;
			return true;
		}
	}
	return false;
}

static bool
find(const struct fake_subject *s, size_t index, struct found *found)
{
	*found = (struct found){ { NULL, NULL }, { NULL, NULL } };
	if (find_in(fake_suite_of_plugins, &index, found))
		return true;
	switch (s->plugin->kind) {
	case HSW_SINK:
		return find_in(fake_suite_of_sinks, &index, found) ||
			(fake_is_live(s) && find_in(fake_suite_of_live_sinks, &index, found));
	case HSW_SOURCE:
		return find_in(fake_suite_of_sources, &index, found);
	case HSW_STORE:
		return find_in_stores(fake_suite_of_stores, &index, found) ||
			find_in_stores(fake_suite_of_records, &index, found) ||
			find_in_stores(fake_suite_of_exceptions, &index, found);
	}
	return false;
}

size_t
fake_suite_size(const struct fake_subject *s)
{
	struct found found;
	size_t n = 0;

	while (find(s, n, &found))
		n++;
	return n;
}

const char *
fake_suite_name(const struct fake_subject *s, size_t test)
{
	struct found found;

	if (!find(s, test, &found))
		return NULL;
	return found.test.name != NULL ? found.test.name : found.store.name;
}

/* ---- the run ---- */

void
fake_suite_run(const struct fake_subject *s, size_t test)
{
	struct found found;

	expect_that(find(s, test, &found), "there is no test %zu", test);
	if (found.test.run != NULL) {
		found.test.run(s);
		return;
	}
	rig_use(s->plugin, s->options != NULL ? s->options : (const char *const[]){ NULL },
		s->is_volatile);
	rig_start();
	found.store.run();
	rig_end();
}

static void
share_ending(void)
{
	if (ending == NULL) {
		void *page = mmap(NULL, sizeof(*ending), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		expect_that(page != MAP_FAILED, "out of memory");
		ending = page;
	}
	*ending = (struct ending){ .is_held = false };
}

const char *
fake_suite_why_skipped(void)
{
	return ending != NULL ? ending->skipped : "";
}

static void
tell_signal(const char *test, int signal, unsigned seconds)
{
	if (signal == SIGALRM)
		fprintf(stderr, "%s: did not end within %u s\n", test, seconds);
	else
		fprintf(stderr, "%s: killed by signal %d (%s)\n", test, signal, strsignal(signal));
}

static enum fake_verdict
verdict_of(const char *test, int status, unsigned seconds)
{
	if (WIFSIGNALED(status))
		tell_signal(test, WTERMSIG(status), seconds);
	if (!WIFEXITED(status))
		return FAKE_FAILED;
	if (WEXITSTATUS(status) == FAKE_EXIT_SKIPPED && *ending->skipped != '\0')
		return FAKE_SKIPPED;
	if (!ending->is_held && !ending->is_failed)
		fprintf(stderr, "%s: the process ended before the test did, with status %d\n", test,
			WEXITSTATUS(status));
	return ending->is_held && WEXITSTATUS(status) == 0 ? FAKE_PASSED : FAKE_FAILED;
}

enum fake_verdict
fake_suite_run_apart(const struct fake_subject *s, size_t test, unsigned seconds)
{
	int status = -1;

	share_ending();
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(seconds);
		fake_suite_run(s, test);
		ending->is_held = true;
		exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return FAKE_FAILED;
	return verdict_of(fake_suite_name(s, test), status, seconds);
}
