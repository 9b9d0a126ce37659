/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugin_test.c - hookswitch-plugin-test: holds a plugin to the contract of the headers (TAP).
 *
 * Each test runs in a process of its own, so that a breach, which the stand-in for the daemon answers with an
 * abort, ends that test alone. Of sources and stores only the plugin and its options are tested; `hookswitch
 * translate` shows what sources do.
 */
#include <dlfcn.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fake_host.h"

#define MANY 3000
#define SLOW_MS 10
#define TEST_SECONDS 60
#define OPTIONS_MAX 64
#define IN_FLIGHT_MAX 65536

static const char usage[] =
	"Usage: hookswitch-plugin-test ./KIND-NAME.so [KEY=VALUE...]\n"
	"\n"
	"Tests whether a plugin keeps to the contract of hookswitch's headers. KEY=VALUE are\n"
	"options as they stand in its section. A sink is given events; it may deliver them or "
	"not.\n";

struct subject {
	char *name; /* sink-foo */
	const struct hsw_plugin *plugin;
	const char *options[2 * OPTIONS_MAX + 1];
};

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

static struct hsw_handle *
open_handle(const struct subject *s)
{
	struct hsw_error err = { "" };
	struct hsw_handle *h = fake_open(s->name, s->options, &err);

	if (h == NULL)
		fail("open: %s", err.text);
	return h;
}

static const struct hsw_envelope *
envelope(unsigned number)
{
	char json[256];

	snprintf(json, sizeof(json),
		"{\"event\":\"message.exchange\",\"data\":{\"id\":\"TEST%u\"},\"instanceData\":"
		"{\"instance\":\"sales\"},\"id\":\"evt_%032x\"}",
		number, number);
	return fake_envelope_text(json);
}

/* ---- of every plugin ---- */

static void
file_and_plugin_have_one_name(const struct subject *s)
{
	static const char *const kinds[] = { "", "source-", "sink-", "store-" };
	const struct hsw_plugin *p = s->plugin;

	if (p->magic != HSW_PLUGIN_MAGIC || p->size < sizeof(*p))
		fail("it was not made by HSW_PLUGIN");
	if (p->abi_major != HSW_ABI_MAJOR || p->abi_minor > HSW_ABI_MINOR)
		fail("it is for ABI %u.%u", p->abi_major, p->abi_minor);
	if (p->kind < HSW_SOURCE || p->kind > HSW_STORE)
		fail("kind %u is none", p->kind);
	size_t n = strlen(kinds[p->kind]);
	if (strncmp(s->name, kinds[p->kind], n) != 0 || strcmp(s->name + n, p->name) != 0)
		fail("%s is the plugin %s%s", s->name, kinds[p->kind], p->name);
	if (p->version == NULL || p->summary == NULL || strchr(p->summary, '\n') != NULL)
		fail("version and summary are one line each");
}

static size_t
size_of(enum hsw_opt_type type)
{
	switch (type) {
	case HSW_OPT_STRING:
	case HSW_OPT_SECRET:
	case HSW_OPT_URL:
	case HSW_OPT_PATH:
	case HSW_OPT_LIST:
		return sizeof(char *);
	case HSW_OPT_BOOL:
		return 1;
	case HSW_OPT_INT:
	case HSW_OPT_SIZE:
	case HSW_OPT_MSEC:
		return sizeof(int64_t);
	case HSW_OPT_ENUM:
		return sizeof(int);
	}
	return 0;
}

static void
check_option(const struct hsw_plugin *p, const struct hsw_option *o)
{
	size_t size = size_of(o->type);

	if (o->key[strspn(o->key, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0')
		fail("%s: a key is of a-z, 0-9 and _", o->key);
	if (size == 0)
		fail("%s: type %d is none", o->key, o->type);
	if (o->offset + size > p->conf_size || o->offset % size != 0)
		fail("%s: its member does not lie in the conf struct", o->key);
	if (o->help == NULL || *o->help == '\0')
		fail("%s: has no help", o->key);
	if (o->min > o->max)
		fail("%s: min is more than max", o->key);
	if ((o->type == HSW_OPT_ENUM) != (o->choices != NULL))
		fail("%s: an enum, and nothing else, has choices", o->key);
	if (o->def != NULL && (o->flags & HSW_OPT_REQUIRED) != 0)
		fail("%s: what must be set needs no default", o->key);
	for (const struct hsw_option *other = p->options; other != o; other++) {
		if (strcmp(other->key, o->key) == 0)
			fail("%s: stands twice in the table", o->key);
		if (other->offset < o->offset + size &&
			o->offset < other->offset + size_of(other->type))
			fail("%s and %s share a member", other->key, o->key);
	}
}

static void
options_fit_their_struct(const struct subject *s)
{
	struct hsw_error err = { "" };

	for (const struct hsw_option *o = s->plugin->options; o != NULL && o->key != NULL; o++)
		check_option(s->plugin, o);
	void *conf = fake_conf_new(s->plugin, s->options, &err);
	if (conf == NULL)
		fail("%s", err.text);
	fake_conf_free(s->plugin, conf);
}

/* ---- of sinks ---- */

static void
sink_has_its_functions(const struct subject *s)
{
	const struct hsw_sink_ops *ops = s->plugin->ops;

	if (ops->size < offsetof(struct hsw_sink_ops, drain))
		fail("its ops are smaller than any version's");
	if (!ops->open || !ops->deliver || !ops->cancel || !ops->close)
		fail("open, deliver, cancel and close are needed");
	if (ops->concurrency < 1 || ops->concurrency > IN_FLIGHT_MAX)
		fail("concurrency is 1 to %d", IN_FLIGHT_MAX);
}

static void
handles_open_and_close_again(const struct subject *s)
{
	for (int i = 0; i < 3; i++) {
		struct hsw_handle *one = open_handle(s);
		fake_reopen(one);
		fake_run(one, 20);
		fake_close(one);
	}
}

static void
a_delivery_ends_once_with_a_word_for_people(const struct subject *s)
{
	struct hsw_handle *h = open_handle(s);
	const struct hsw_envelope *e = envelope(1);

	for (int attempt = 1; attempt <= 3; attempt++) {
		const struct fake_result *r = fake_wait(fake_deliver(h, e, attempt));
		if (r->state == FAKE_DONE && strchr(r->text, '\n') != NULL)
			fail("its text has more than a line: %s", r->text);
		if (r->state == FAKE_DONE && (r->outcome < HSW_DELIVERED || r->outcome > HSW_GONE))
			fail("outcome %d is none", (int)r->outcome);
	}
	fake_unref(e);
	fake_close(h);
}

static double
now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Feeds as the daemon does, up to the sink's concurrency; returns how many calls of deliver were slow. */
static unsigned
feed(struct hsw_handle *h, unsigned n, unsigned concurrency)
{
	unsigned slow = 0, in_flight = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct hsw_envelope *e = envelope(i);
		double start = now(CLOCK_MONOTONIC);
		struct hsw_delivery *d = fake_deliver(h, e, 1);
		slow += now(CLOCK_MONOTONIC) - start > SLOW_MS;
		fake_unref(e);
		if (fake_result(d)->state == FAKE_PENDING && ++in_flight < concurrency)
			continue;
		if (fake_result(d)->state == FAKE_REFUSED && fake_result(d)->rc == HSW_EAGAIN)
			i--;
		fake_wait_all(h);
		in_flight = 0;
	}
	return slow;
}

static void
thousands_of_envelopes_end(const struct subject *s)
{
	const struct hsw_sink_ops *ops = s->plugin->ops;
	struct hsw_handle *h = open_handle(s);

	feed(h, MANY, ops->concurrency);
	fake_wait_all(h);
	fake_close(h);
}

/* One slow call may be the machine's fault, one in ten is not. */
static void
no_call_blocks(const struct subject *s)
{
	const struct hsw_sink_ops *ops = s->plugin->ops;
	struct hsw_handle *h = open_handle(s);
	unsigned slow = feed(h, 100, ops->concurrency);

	if (slow >= 10)
		fail("%u of 100 calls of deliver took more than %d ms", slow, SLOW_MS);
	fake_wait_all(h);
	fake_close(h);
}

static void
cancelled_deliveries_are_forgotten(const struct subject *s)
{
	struct hsw_handle *h = open_handle(s);

	for (unsigned i = 0; i < 50; i++) {
		const struct hsw_envelope *e = envelope(i);
		struct hsw_delivery *d = fake_deliver(h, e, 1);
		fake_unref(e);
		if (i % 5 == 4)
			fake_run(h, 1);
		if (fake_result(d)->state == FAKE_PENDING)
			fake_cancel(d);
	}
	/* What was not forgotten comes up now. */
	fake_run(h, 500);
	fake_close(h);
}

static void
a_stop_in_the_middle_leaves_nothing(const struct subject *s)
{
	const struct hsw_sink_ops *ops = s->plugin->ops;
	unsigned n = ops->concurrency < 64 ? ops->concurrency : 64;
	struct hsw_delivery *all[64];
	struct hsw_handle *h = open_handle(s);

	for (unsigned i = 0; i < n; i++) {
		const struct hsw_envelope *e = envelope(i);
		all[i] = fake_deliver(h, e, 1);
		fake_unref(e);
	}
	fake_drain(h);
	for (unsigned i = 0; i < n; i++) {
		if (fake_result(all[i])->state == FAKE_PENDING)
			fake_cancel(all[i]);
	}
	fake_close(h);
}

/* ---- the run ---- */

struct test {
	const char *name;
	void (*run)(const struct subject *);
	bool is_for_sinks;
};

static const struct test tests[] = {
	{ "file and plugin have one name", file_and_plugin_have_one_name, false },
	{ "options fit their struct", options_fit_their_struct, false },
	{ "sink has its functions", sink_has_its_functions, true },
	{ "handles open and close again", handles_open_and_close_again, true },
	{ "a delivery ends once", a_delivery_ends_once_with_a_word_for_people, true },
	{ "thousands of envelopes end", thousands_of_envelopes_end, true },
	{ "no call blocks", no_call_blocks, true },
	{ "cancelled deliveries are forgotten", cancelled_deliveries_are_forgotten, true },
	{ "a stop in the middle leaves nothing", a_stop_in_the_middle_leaves_nothing, true },
};

static bool
run_apart(const struct test *t, const struct subject *s)
{
	int status = -1;

	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(TEST_SECONDS);
		t->run(s);
		exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
		WEXITSTATUS(status) == 0;
}

static bool
read_arguments(struct subject *s, int argc, char **argv)
{
	size_t n = 0;

	for (int i = 2; i < argc; i++) {
		char *equals = strchr(argv[i], '=');
		if (equals == NULL || n >= 2 * OPTIONS_MAX)
			return false;
		*equals = '\0';
		s->options[n++] = argv[i];
		s->options[n++] = equals + 1;
	}
	return argc >= 2 && argv[1][0] != '-';
}

/* Loads it, and lets fake_open find it. */
static bool
load(struct subject *s, char *file)
{
	char *path = realpath(file, NULL);
	void *lib = path != NULL ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;

	s->plugin = lib != NULL ? dlsym(lib, "hsw_plugin") : NULL;
	if (s->plugin == NULL) {
		const char *why = path != NULL ? dlerror() : NULL;
		fprintf(stderr, "hookswitch-plugin-test: %s: %s\n", file,
			why != NULL ? why : "cannot be read");
		free(path);
		return false;
	}
	s->name = strdup(basename(path));
	char *suffix = s->name != NULL ? strstr(s->name, ".so") : NULL;
	if (suffix != NULL)
		*suffix = '\0';
	bool done = suffix != NULL && setenv("PLUGIN_DIR", dirname(path), 1) == 0;
	free(path);
	return done;
}

int
main(int argc, char **argv)
{
	static struct subject s; /* what it points to lives as long as the program */
	unsigned n = 0, failed = 0;

	if (argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)) {
		fputs(usage, stdout);
		return 0;
	}
	if (!read_arguments(&s, argc, argv)) {
		fputs(usage, stderr);
		return 2;
	}
	if (!load(&s, argv[1]))
		return 1;
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (tests[i].is_for_sinks && s.plugin->kind != HSW_SINK)
			continue;
		bool is_good = run_apart(&tests[i], &s);
		failed += !is_good;
		printf("%sok %u - %s\n", is_good ? "" : "not ", ++n, tests[i].name);
	}
	printf("1..%u\n", n);
	return failed == 0 ? 0 : 1;
}
