/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugin_test.c - hookswitch-plugin-test: holds a plugin to the contract of the headers (TAP).
 *
 * Each test runs in a process of its own, so that a breach, which the stand-in for the daemon answers with an
 * abort, ends that test alone.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <hookswitch/harness_suite.h>

#define TEST_SECONDS 300
#define OPTIONS_MAX 64
#define PAYLOADS_MAX 1024
#define HEADERS_MAX 32

static const char usage[] =
	"Usage: hookswitch-plugin-test [OPTION...] ./KIND-NAME.so [KEY=VALUE...]\n"
	"\n"
	"Tests whether a plugin keeps to the contract of hookswitch's headers. KEY=VALUE are\n"
	"options as they stand in its section, but ${NAME} and the @file of a secret are not\n"
	"replaced by what they stand for.\n"
	"A sink is given events; it may deliver them or not. A source is given the payloads,\n"
	"whole and spoilt. A store is written to: give it one of its own, of which %d in a\n"
	"value is a new folder, %n a new word for each test.\n"
	"\n"
	"  -o, --option KEY=VALUE    the same as KEY=VALUE\n"
	"  -p, --payload FILE        a body that the source translates; can be given again\n"
	"      --header NAME:VALUE   of the requests with the payloads; can be given again\n"
	"      --path PATH           what follows /in/SOURCE/INSTANCE in them\n"
	"      --query QUERY         what follows the ? in them\n"
	"      --volatile            the store keeps nothing when it is closed\n"
	"  -h, --help                shows this\n";

/* What the command line says; lives as long as the program. */
static struct {
	struct fake_subject subject;
	const char *options[2 * OPTIONS_MAX + 1];
	const char *headers[2 * HEADERS_MAX + 1];
	struct fake_payload payloads[PAYLOADS_MAX];
	size_t option_words, header_words;
	const char *path, *query;
	size_t payload_count;
	int is_volatile;
} given;

/* Cuts "KEY<sep>VALUE" and adds both words. */
static bool
add_pair(const char **words, size_t *n, size_t max, char *pair, char sep)
{
	char *value = strchr(pair, sep);

	if (value == NULL || *n + 2 > 2 * max) {
		fprintf(stderr, "hookswitch-plugin-test: %s: %s\n", pair,
			value == NULL ? "expected a name and a value" : "too many");
		return false;
	}
	*value++ = '\0';
	words[(*n)++] = pair;
	words[(*n)++] = sep == ':' ? value + strspn(value, " ") : value;
	return true;
}

static bool
add_payload(const char *file)
{
	struct stat st;
	FILE *f = fopen(file, "rb");
	char *text = NULL;
	bool is_good = f != NULL && given.payload_count < PAYLOADS_MAX &&
		fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode) &&
		(text = malloc((size_t)st.st_size + 1)) != NULL &&
		fread(text, 1, (size_t)st.st_size, f) == (size_t)st.st_size;

	if (f != NULL)
		fclose(f);
	if (!is_good) {
		fprintf(stderr, "hookswitch-plugin-test: %s: cannot be read\n", file);
		free(text);
		return false;
	}
	given.payloads[given.payload_count++] = (struct fake_payload){ file,
		{ text, (size_t)st.st_size } };
	return true;
}

enum { OPT_HEADER = 256, OPT_PATH, OPT_QUERY };

static const struct option long_options[] = {
	{ "option", required_argument, NULL, 'o' },
	{ "payload", required_argument, NULL, 'p' },
	{ "header", required_argument, NULL, OPT_HEADER },
	{ "path", required_argument, NULL, OPT_PATH },
	{ "query", required_argument, NULL, OPT_QUERY },
	{ "volatile", no_argument, &given.is_volatile, 1 },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool
take(int option)
{
	switch (option) {
	case 'o':
		return add_pair(given.options, &given.option_words, OPTIONS_MAX, optarg, '=');
	case 'p':
		return add_payload(optarg);
	case OPT_HEADER:
		return add_pair(given.headers, &given.header_words, HEADERS_MAX, optarg, ':');
	case OPT_PATH:
		given.path = optarg;
		return true;
	case OPT_QUERY:
		given.query = optarg;
		return true;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	}
	return option == 0;
}

/* The plugin's file, or NULL. */
static const char *
read_arguments(int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "o:p:h", long_options, NULL)) != -1) {
		if (!take(option))
			return NULL;
	}
	if (optind >= argc)
		return NULL;
	const char *file = argv[optind++];
	for (; optind < argc; optind++) {
		if (!add_pair(given.options, &given.option_words, OPTIONS_MAX, argv[optind], '='))
			return NULL;
	}
	return file;
}

static bool
load(const char *file)
{
	struct hsw_error err = { "" };
	struct fake_subject *s = &given.subject;

	if (!fake_subject_load(s, file, &err)) {
		fprintf(stderr, "hookswitch-plugin-test: %s\n", err.text);
		return false;
	}
	s->options = given.options;
	s->payloads = given.payloads;
	s->payload_count = given.payload_count;
	s->path = given.path;
	s->query = given.query;
	s->headers = given.headers;
	s->is_volatile = given.is_volatile != 0;
	return true;
}

static bool
is_given(const char *key)
{
	for (size_t i = 0; i < given.option_words; i += 2) {
		if (strcmp(given.options[i], key) == 0)
			return true;
	}
	return false;
}

static bool
has_option(const struct hsw_plugin *p, const char *key)
{
	const struct hsw_option *o = p->options;

	while (o != NULL && o->key != NULL && strcmp(o->key, key) != 0)
		o++;
	return o != NULL && o->key != NULL;
}

/* Said once, instead of by every test that opens the plugin. */
static bool
are_options_of(const struct hsw_plugin *p)
{
	for (size_t i = 0; i < given.option_words; i += 2) {
		if (has_option(p, given.options[i]))
			continue;
		fprintf(stderr, "hookswitch-plugin-test: %s: the plugin has no such option\n",
			given.options[i]);
		return false;
	}
	for (const struct hsw_option *o = p->options; o != NULL && o->key != NULL; o++) {
		if (!(o->flags & HSW_OPT_REQUIRED) || is_given(o->key))
			continue;
		fprintf(stderr,
			"hookswitch-plugin-test: %s: the plugin needs this option: %s=...\n",
			o->key, o->key);
		return false;
	}
	return true;
}

int
main(int argc, char **argv)
{
	unsigned failed = 0;
	const char *file = read_arguments(argc, argv);

	if (file == NULL) {
		fputs(usage, stderr);
		return 2;
	}
	if (!load(file))
		return 1;
	if (!are_options_of(given.subject.plugin))
		return 2;
	size_t n = fake_suite_size(&given.subject);
	printf("1..%zu\n", n);
	for (size_t i = 0; i < n; i++) {
		enum fake_verdict v = fake_suite_run_apart(&given.subject, i, TEST_SECONDS);
		failed += v == FAKE_FAILED;
		printf("%sok %zu - %s%s%s\n", v == FAKE_FAILED ? "not " : "", i + 1,
			fake_suite_name(&given.subject, i), v == FAKE_SKIPPED ? " # SKIP " : "",
			fake_suite_why_skipped());
	}
	return failed == 0 ? 0 : 1;
}
