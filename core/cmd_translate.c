/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_translate.c - `hookswitch translate`: a payload through a source plugin, without a daemon. */
#include "cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "buf.h"
#include "config.h"
#include "emit.h"
#include "host.h"
#include "option.h"
#include "place.h"

static const char usage[] =
	"Usage: hookswitch translate [OPTION...] SOURCE FILE\n"
	"\n"
	"Prints the envelopes, one a line, that the payload in FILE (- is standard input) becomes\n"
	"in the source plugin SOURCE, with all their parts. With -c, SOURCE is a [source NAME] of\n"
	"the configuration, with its options; else a plugin with its defaults, or PLUGIN:VALUE,\n"
	"where VALUE is that of its option PLUGIN: map:etc/maps/zapi.ini.\n"
	"\n"
	"  -c, --config FILE      take SOURCE from this configuration\n"
	"  -d, --plugin-dir DIR   look for the plugin there\n"
	"  -e, --explain          tell how the source came to it: which section of the map took\n"
	"                         an event, and which of its keys were empty; an error where the\n"
	"                         source cannot tell\n"
	"  -i, --instance NAME    the instance, where the events do not name it; default: example\n"
	"  -p, --path PATH        what follows the instance in the URL, such as /messages-upsert\n"
	"  -h, --help             this text\n";

struct job {
	const char *config_path, *plugin_dir, *instance, *path, *source, *file;
	bool explains;
};

/* What is on its way. */
struct translated {
	const struct job *job;
	bool is_by_event; /* its events name their instances */
};

static int
read_all(const char *path, struct buf *out)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char chunk[65536];
	size_t n;

	if (f == NULL) {
		fprintf(stderr, "hookswitch: %s: %s\n", path, strerror(errno));
		return CMD_FAILED;
	}
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_append(out, chunk, n);
	bool has_failed = ferror(f) || out->failed;
	if (f != stdin)
		fclose(f);
	if (has_failed)
		fprintf(stderr, "hookswitch: %s: cannot be read\n", path);
	return has_failed ? CMD_FAILED : CMD_OK;
}

static void
print_ignored(void *arg, struct hsw_str name)
{
	(void)arg;
	fprintf(stderr, "ignored: %.*s has no canonical home\n", (int)name.len, name.s);
}

static void
print_envelope(const struct hsw_envelope *e)
{
	struct iovec iov[HSW_IOV_MAX];
	int n = envelope_iov(e, HSW_MEDIA | HSW_CODES | HSW_KEYS, iov, HSW_IOV_MAX);

	for (int i = 0; i < n; i++)
		fwrite(iov[i].iov_base, 1, iov[i].iov_len, stdout);
	putchar('\n');
}

/* Each instance that an event names is taken for one that exists. */
static int
take_event(struct hsw_emit *emit, const struct hsw_event *event)
{
	const struct translated *t = emit->arg;
	struct hsw_str name = emit_instance(event);

	emit->origin.instance = t->is_by_event ? name : str_of(t->job->instance);
	if (event->type == NULL || config_name_is_valid(emit->origin.instance))
		return emit_event(emit, event);
	emit->ignored++;
	fprintf(stderr, "ignored: %.*s names no instance\n", (int)event->provider_event.len,
		event->provider_event.s);
	return HSW_OK;
}

static struct hsw_str
no_header(const struct hsw_request *request, const char *name)
{
	(void)request;
	(void)name;
	return (struct hsw_str){ NULL, 0 };
}

/* The source's own check of the request's origin is passed over: there is no request. */
static int
translate(const struct hsw_source_ops *ops, void *self, const struct job *job, const char *provider,
	const char *base_url, struct hsw_str body)
{
	struct buf url = BUF_INIT;
	struct hsw_error err = { "it cannot be read" };
	struct translated translated = { job, place_is_by_event(ops, self) };
	struct hsw_emit emit = { .on_ignored = print_ignored,
		.arg = &translated,
		.origin = { .hasher = hasher_new() } };
	const struct hsw_request request = { .size = sizeof(request),
		.method = str_of("POST"),
		.path = str_of(job->path),
		.query = { "", 0 },
		.instance = str_of(translated.is_by_event ? "" : job->instance),
		.body = body,
		.received_ms = clock_wall_ms(),
		.header = no_header };

	buf_json_cstr(&url, base_url);
	emit.origin.base_url_json = (struct hsw_str){ url.data, url.len };
	emit.origin.provider = str_of(provider);
	emit.origin.received_ms = request.received_ms;
	int rc = emit.origin.hasher != NULL && !url.failed
		? ops->translate(self, &request, take_event, &emit, &err)
		: HSW_ENOMEM;
	if (rc == HSW_OK) {
		emit_finish(&emit);
		for (size_t i = 0; i < emit.n; i++)
			print_envelope(emit.envelopes[i]);
	} else {
		fprintf(stderr, "hookswitch: %s: %s\n", job->file, err.text);
	}
	emit_free(&emit);
	hasher_free(emit.origin.hasher);
	buf_free(&url);
	return rc == HSW_OK ? CMD_OK : CMD_FAILED;
}

/*
 * A copy of conf (without what it points to) in which `explain` is set, which those sources have that can. To be
 * freed; NULL: err says why not.
 */
static void *
explaining(const struct plugin *plugin, const void *conf, struct hsw_error *err)
{
	const struct hsw_option *option = option_find(plugin->info->options, "explain");

	if (option == NULL || option->type != HSW_OPT_BOOL) {
		snprintf(err->text, sizeof(err->text), "source-%s has nothing to explain",
			plugin->info->name);
		return NULL;
	}
	void *copy = malloc(plugin->info->conf_size);
	if (copy == NULL)
		return NULL;
	memcpy(copy, conf, plugin->info->conf_size);
	if (option_set(option, copy, "yes", NULL, err) == HSW_OK)
		return copy;
	free(copy);
	return NULL;
}

static int
run_plugin(
	const struct job *job, const struct plugin *plugin, const void *conf, const char *base_url)
{
	const struct hsw_source_ops *ops = &plugin->ops.source;
	struct hsw_error err = { "out of memory" };
	struct hsw_handle *handle = host_handle_new("source translate", NULL);
	struct buf body = BUF_INIT;
	void *self = NULL, *copy = NULL;
	int status = read_all(job->file, &body);

	if (status == CMD_OK &&
		(handle == NULL ||
			(job->explains && (copy = explaining(plugin, conf, &err)) == NULL) ||
			ops->open(host_functions(), handle, copy != NULL ? copy : conf, &self,
				&err) != HSW_OK)) {
		fprintf(stderr, "hookswitch: %s\n", err.text);
		status = CMD_FAILED;
	} else if (status == CMD_OK) {
		status = translate(ops, self, job, plugin->info->name, base_url,
			(struct hsw_str){ body.data != NULL ? body.data : "", body.len });
		ops->close(self);
	}
	free(copy);
	host_handle_free(handle);
	buf_free(&body);
	return status;
}

/* arg: the one that is set, or NULL. */
static bool
is_set(void *arg, const char *key)
{
	return arg != NULL && strcmp(arg, key) == 0;
}

/* Sets the plugin's options: key to value, where there is a key, and the others to their defaults. */
static int
fill_conf(const struct plugin *plugin, char *key, const char *value, void *conf,
	struct hsw_error *err)
{
	const struct hsw_option *options = plugin->info->options;
	const struct hsw_option *option = key != NULL ? option_find(options, key) : NULL;
	int rc = HSW_OK;

	if (key != NULL && option == NULL) {
		snprintf(err->text, sizeof(err->text), "source-%s has no option %s", key, key);
		return HSW_EINVAL;
	}
	if (option != NULL)
		rc = option_set(option, conf, value, NULL, err);
	for (option = options; rc == HSW_OK && option != NULL && option->key != NULL; option++) {
		if ((option->flags & HSW_OPT_REQUIRED) != 0 && !is_set(key, option->key)) {
			snprintf(err->text, sizeof(err->text), "source-%s needs the option %s",
				plugin->info->name, option->key);
			rc = HSW_EINVAL;
		}
	}
	return rc == HSW_OK ? option_defaults(options, conf, is_set, key) : rc;
}

static int
with_plugin(const struct job *job, char *name, const char *value)
{
	struct hsw_error err = { "out of memory" };
	const struct plugin *plugin = plugin_load(job->plugin_dir, HSW_SOURCE, name, &err);
	void *conf = plugin != NULL && plugin->info->conf_size > 0
		? calloc(1, plugin->info->conf_size)
		: NULL;
	int status = CMD_FAILED;

	if (plugin == NULL || (plugin->info->conf_size > 0 && conf == NULL)) {
		fprintf(stderr, "hookswitch: %s\n", err.text);
		return CMD_FAILED;
	}
	if (fill_conf(plugin, value != NULL ? name : NULL, value, conf, &err) == HSW_OK)
		status = run_plugin(job, plugin, conf, "http://localhost");
	else
		fprintf(stderr, "hookswitch: %s\n", err.text);
	option_free(plugin->info->options, conf);
	free(conf);
	return status;
}

/* SOURCE is PLUGIN or PLUGIN:VALUE. */
static int
with_defaults(const struct job *job)
{
	char *name = strdup(job->source);
	char *colon = name != NULL ? strchr(name, ':') : NULL;
	int status = CMD_FAILED;

	if (colon != NULL)
		*colon = '\0';
	if (name != NULL)
		status = with_plugin(job, name, colon != NULL ? colon + 1 : NULL);
	free(name);
	return status;
}

static int
with_config(const struct job *job)
{
	struct config_errors errors = { .count = 0 };
	struct config *config = config_load(job->config_path, CONFIG_CHECK, &errors);
	const struct config_section *s = config != NULL ? config->sources : NULL;
	int status = CMD_FAILED;

	while (s != NULL && strcmp(s->name, job->source) != 0)
		s = s->next;
	if (s != NULL)
		status = run_plugin(job, s->plugin, s->conf, config->server.base_url);
	else if (config != NULL)
		fprintf(stderr, "hookswitch: %s: there is no [source %s]\n", job->config_path,
			job->source);
	else
		config_errors_print(&errors, stderr);
	config_errors_free(&errors);
	config_free(config);
	return status;
}

int
cmd_translate(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "plugin-dir", required_argument, NULL, 'd' },
		{ "instance", required_argument, NULL, 'i' },
		{ "path", required_argument, NULL, 'p' }, { "explain", no_argument, NULL, 'e' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	struct job job = { .plugin_dir = PLUGIN_DIR, .instance = "example", .path = "" };
	int c, status;

	while ((c = getopt_long(argc, argv, "c:d:i:p:eh", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			job.plugin_dir = optarg;
			break;
		case 'i':
			job.instance = optarg;
			break;
		case 'p':
			job.path = optarg;
			break;
		case 'e':
			job.explains = true;
			break;
		default:
			if ((status = cmd_option(c, usage, &job.config_path)) >= 0)
				return status;
		}
	}
	if (argc - optind != 2)
		return cmd_wrong_usage(usage);
	job.source = argv[optind];
	job.file = argv[optind + 1];
	if (!config_name_is_valid(str_of(job.instance))) {
		fprintf(stderr,
			"hookswitch: %s: an instance's name is 1 to %d of A-Z a-z 0-9 _ -\n",
			job.instance, CONFIG_NAME_MAX);
		return CMD_USAGE;
	}
	return job.config_path != NULL ? with_config(&job) : with_defaults(&job);
}
