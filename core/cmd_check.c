/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_check.c - `hookswitch check`: reads a configuration, loads its plugins, has its sinks check their options and
 * opens its sources (which compiles maps), nothing else. */
#include "cmd.h"

#include <getopt.h>
#include <stdio.h>

#include "config.h"
#include "host.h"
#include "place.h"

static const char usage[] =
	"Usage: hookswitch check [-c FILE]\n"
	"\n"
	"Checks a configuration with all that it includes, loads the plugins that it uses,\n"
	"and compiles maps and jq expressions. Prints every error, each with its place. Exit "
	"status 0: it is\n"
	"good, 1: not.\n"
	"\n"
	"  -c, --config FILE  the configuration\n"
	"  -h, --help         this text\n";

static int
count(const struct config_section *s)
{
	int n = 0;

	for (; s != NULL; s = s->next)
		n++;
	return n;
}

static bool
check_source(const struct config_section *s, const struct host_thread *thread)
{
	const struct hsw_source_ops *ops = &s->plugin->ops.source;
	struct hsw_handle *handle = host_handle_new(s->name, thread);
	struct hsw_error why = { "out of memory" };
	void *self = NULL;
	int rc = handle != NULL ? ops->open(host_functions(), handle, s->conf, &self, &why)
				: HSW_ENOMEM;

	if (rc == HSW_OK) {
		rc = place_check(s, ops, self, &why);
		ops->close(self);
	}
	if (rc != HSW_OK)
		fprintf(stderr, "%s:%d: [source %s]: %s\n", s->file, s->line, s->name, why.text);
	host_handle_free(handle);
	return rc == HSW_OK;
}

/* How many of the sources cannot be opened. */
static size_t
check_sources(const struct config *config)
{
	struct mailbox box;
	const struct host_thread thread = { event_base_new(), &box };
	size_t n = 0;

	if (thread.base == NULL || mailbox_init(&box) != HSW_OK) {
		fputs("hookswitch check: out of memory\n", stderr);
		n = 1;
	} else {
		for (const struct config_section *s = config->sources; s != NULL; s = s->next)
			n += !check_source(s, &thread);
		mailbox_fini(&box);
	}
	if (thread.base != NULL)
		event_base_free(thread.base);
	return n;
}

/* What is right, but seldom meant. */
static void
warn_of_batches(const struct config_section *s)
{
	for (; s != NULL; s = s->next) {
		enum sink_ordering ordering = (enum sink_ordering)s->u.sink.ordering;
		if (config_gathers(s) > 1 && ordering != ORDERING_NONE)
			fprintf(stderr,
				"%s:%d: [sink %s]: warning: a batch gets one event of each chat at "
				"most; ordering = none fills it, without an order between "
				"requests\n",
				s->file, s->line, s->name);
	}
}

/* Nobody can connect then. */
static void
warn_of_websockets(const struct config *c)
{
	for (const struct config_section *s = c->instances;
		s != NULL && c->api.account_token == NULL; s = s->next) {
		if (s->u.instance.websocket && s->u.instance.token == NULL)
			fprintf(stderr,
				"%s:%d: [instance %s]: warning: websocket = yes, but there is "
				"neither a token here nor [api] account_token: nobody can "
				"connect\n",
				s->file, s->line, s->name);
	}
}

static void
print_count(const char *path, size_t n)
{
	fprintf(stderr, "%s: %zu error%s\n", path, n, n == 1 ? "" : "s");
}

static int
check(const char *path)
{
	size_t failed = 0;
	struct config_errors errors = { .count = 0 };
	struct config *config = config_load(path, CONFIG_CHECK, &errors);

	if (config == NULL) {
		config_errors_print(&errors, stderr);
		print_count(path, errors.count);
	} else if ((failed = check_sources(config)) > 0) {
		print_count(path, failed);
	} else {
		warn_of_batches(config->sinks);
		warn_of_websockets(config);
		printf("%s: ok: instances=%d sources=%d sinks=%d store=%s\n", path,
			count(config->instances), count(config->sources), count(config->sinks),
			config->store_plugin->info->name);
	}
	int status = config != NULL && failed == 0 ? CMD_OK : CMD_FAILED;
	config_errors_free(&errors);
	config_free(config);
	return status;
}

int
cmd_check(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	const char *path = config_default_path;
	int c, status;

	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		if ((status = cmd_option(c, usage, &path)) >= 0)
			return status;
	}
	if (optind == argc)
		return check(path);
	fputs(usage, stderr);
	return CMD_USAGE;
}
