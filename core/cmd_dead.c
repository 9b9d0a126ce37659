/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_dead.c - `hookswitch dead list|show|replay|purge`: the dead letters of a running daemon.
 */
#include "cmd.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <json.h>

#include "client.h"
#include "config.h"
#include "err.h"
#include "json_text.h"
#include "shown.h"

static const char usage[] =
	"Usage: hookswitch dead list [--sink NAME] [--json]\n"
	"       hookswitch dead show [--sink NAME] ID...\n"
	"       hookswitch dead replay [--sink NAME] (--all | ID...)\n"
	"       hookswitch dead purge [--sink NAME] (--all | ID...)\n"
	"\n"
	"Dead letters are events whose attempts were used up, or that a sink refused for good.\n"
	"They stay until they are replayed (delivered again, with all attempts before them) or\n"
	"purged, or for the dead_retention of the configuration.\n"
	"\n"
	"  -c, --config FILE  the daemon's configuration (for its control socket)\n"
	"  -s, --sink NAME    only those of this sink\n"
	"  -a, --all          all of them, instead of the named ones\n"
	"      --json         one JSON object a line\n"
	"  -h, --help         this text\n";

struct dead {
	const char *socket_path;
	const char *sink; /* NULL: all */
	bool all, as_json;
	char **ids;
	int n_ids;
	struct hsw_error err;
};

/* An id needs no escaping: the daemon refuses others as malformed. */
static int
ask(struct dead *d, const char *method, const char *path, const char *sink, const char *id,
	const char *more, struct json_object **out)
{
	struct buf target = BUF_INIT, answer = BUF_INIT;

	buf_printf(&target, "%s?%s", path, more);
	if (sink != NULL) {
		buf_str(&target, "&sink=");
		client_escape(&target, sink);
	}
	if (id != NULL)
		buf_printf(&target, "&id=%s", id);
	buf_append(&target, "", 1);
	int rc = target.failed ? HSW_ENOMEM
			       : client_ask(d->socket_path, method, target.data, &answer, &d->err);
	*out = rc == HSW_OK ? json_text_parse(str_of_buf(&answer)) : NULL;
	buf_free(&target);
	buf_free(&answer);
	return rc == HSW_OK && *out == NULL ? HSW_EIO : rc;
}

static const char *
text(struct json_object *o, const char *key)
{
	return json_object_get_string(json_object_object_get(o, key));
}

static void
print_row(struct json_object *row, bool as_json)
{
	struct buf error = BUF_INIT;

	if (as_json) {
		puts(json_object_to_json_string_ext(row, JSON_C_TO_STRING_NOSLASHESCAPE));
		return;
	}
	shown_append(&error, str_of(text(row, "error")), SIZE_MAX);
	printf("%-36s %-16s %-16s %-18s %8s %6s  %-24s %.*s\n", text(row, "id"), text(row, "sink"),
		text(row, "instance"), text(row, "event"), text(row, "attempts"),
		text(row, "status"), text(row, "diedAt"), (int)error.len,
		error.len > 0 ? error.data : "");
	buf_free(&error);
}

/* The daemon's lists come in pages; `after` goes on within one sink, so sinks are asked one by one. */
static int
list_sink(struct dead *d, const char *sink, size_t *n)
{
	int64_t after = 0;
	bool more = true;

	while (more) {
		struct json_object *root;
		char query[64];
		snprintf(query, sizeof(query), "after=%" PRId64, after);
		int rc = ask(d, "GET", "/dead", sink, NULL, query, &root);
		if (rc != HSW_OK)
			return rc;
		struct json_object *rows = json_object_object_get(root, "dead");
		for (size_t i = 0; i < json_object_array_length(rows); i++, ++*n) {
			struct json_object *row = json_object_array_get_idx(rows, i);
			print_row(row, d->as_json);
			after = json_object_get_int64(json_object_object_get(row, "seq"));
		}
		more = json_object_get_boolean(json_object_object_get(root, "more"));
		json_object_put(root);
	}
	return HSW_OK;
}

/* Calls fn for the chosen sink, or each that has dead letters. One that fails, such as a sink that was removed,
 * does not keep the others from their turn: it is left out, and told. */
static int
each_sink(struct dead *d, int (*fn)(struct dead *, const char *sink, size_t *n), size_t *n)
{
	struct json_object *root = NULL;
	size_t left_out = 0;
	int rc = HSW_OK;

	if (d->sink != NULL)
		return fn(d, d->sink, n);
	rc = ask(d, "GET", "/status", NULL, NULL, "", &root);
	struct json_object *sinks = json_object_object_get(root, "dead");
	if (rc == HSW_OK && sinks == NULL) {
		const char *why = text(root, "storeError");
		rc = err_set(&d->err, HSW_EAGAIN, "the store cannot be asked: %s",
			why != NULL ? why : "no reason given");
	} else if (rc == HSW_OK) {
		json_object_object_foreach(sinks, name, count)
		{
			(void)count;
			int one = rc != HSW_ECLOSED ? fn(d, name, n) : HSW_OK;
			if (one == HSW_OK)
				continue;
			fprintf(stderr, "hookswitch: %s: left out: %s\n", name, d->err.text);
			left_out++;
			rc = one;
		}
	}
	json_object_put(root);
	if (left_out > 0)
		snprintf(d->err.text, sizeof(d->err.text), "%zu sink%s left out", left_out,
			left_out == 1 ? " was" : "s were");
	return rc;
}

static int
list(struct dead *d)
{
	size_t n = 0;

	if (!d->as_json)
		printf("%-36s %-16s %-16s %-18s %8s %6s  %-24s %s\n", "ID", "SINK", "INSTANCE",
			"EVENT", "ATTEMPTS", "STATUS", "DIED AT", "ERROR");
	return each_sink(d, list_sink, &n);
}

static int
show(struct dead *d)
{
	for (int i = 0; i < d->n_ids; i++) {
		struct json_object *root;
		int rc = ask(d, "GET", "/dead", d->sink, d->ids[i], "body=1", &root);
		if (rc != HSW_OK)
			return rc;
		struct json_object *rows = json_object_object_get(root, "dead");
		size_t n = json_object_array_length(rows);
		for (size_t k = 0; k < n; k++)
			puts(json_object_to_json_string_ext(json_object_array_get_idx(rows, k),
				JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(root);
		if (n == 0) {
			snprintf(d->err.text, sizeof(d->err.text), "%.100s: no such dead letter",
				d->ids[i]);
			return HSW_ENOENT;
		}
	}
	return HSW_OK;
}

/* The daemon does some of them in one request. What was done before one that fails counts, too. */
static int
act(struct dead *d, const char *path, const char *sink, const char *id, const char *counted,
	size_t *n)
{
	int64_t count = 0, after = 0;
	bool more = true;
	int rc = HSW_OK;

	while (more && rc == HSW_OK) {
		struct json_object *root;
		char query[96];
		snprintf(query, sizeof(query), "count=%" PRId64 "&after=%" PRId64, count, after);
		rc = ask(d, "POST", path, sink, id, query, &root);
		if (rc == HSW_OK) {
			count = json_object_get_int64(json_object_object_get(root, counted));
			after = json_object_get_int64(json_object_object_get(root, "next"));
			more = json_object_get_boolean(json_object_object_get(root, "more"));
		}
		json_object_put(root);
	}
	*n += (size_t)count;
	return rc;
}

/* Where no sink was named, one that does not have it is left alone: were it removed, it would refuse. */
static bool
may_have(struct dead *d, const char *sink, const char *id)
{
	struct json_object *root = NULL;
	bool may = true;

	if (d->sink != NULL)
		return may;
	int rc = ask(d, "GET", "/dead", sink, id, "", &root);
	if (rc == HSW_OK)
		may = json_object_array_length(json_object_object_get(root, "dead")) > 0;
	json_object_put(root);
	return may && rc != HSW_ENOENT;
}

static int
act_on_all(struct dead *d, const char *path, const char *sink, const char *counted, size_t *n)
{
	int rc = HSW_OK;

	if (d->all)
		return act(d, path, sink, NULL, counted, n);
	for (int i = 0; i < d->n_ids && rc == HSW_OK; i++) {
		if (may_have(d, sink, d->ids[i]))
			rc = act(d, path, sink, d->ids[i], counted, n);
	}
	return rc;
}

static int
replay_sink(struct dead *d, const char *sink, size_t *n)
{
	return act_on_all(d, "/dead/replay", sink, "replayed", n);
}

static int
purge_sink(struct dead *d, const char *sink, size_t *n)
{
	return act_on_all(d, "/dead/purge", sink, "purged", n);
}

static int
finish(struct dead *d, int rc, const char *done, size_t n)
{
	if (rc == HSW_OK || n > 0)
		printf("%s %zu\n", done, n);
	if (rc != HSW_OK)
		return rc;
	if (n > 0 || d->all)
		return HSW_OK;
	snprintf(d->err.text, sizeof(d->err.text), "no such dead letter");
	return HSW_ENOENT;
}

static int
replay(struct dead *d)
{
	size_t n = 0;
	int rc = each_sink(d, replay_sink, &n);
	return finish(d, rc, "replayed", n);
}

static int
purge(struct dead *d)
{
	size_t n = 0;
	int rc = each_sink(d, purge_sink, &n);
	return finish(d, rc, "purged", n);
}

static const struct action {
	const char *name;
	int (*fn)(struct dead *);
	bool needs_ids;
	const char *options; /* see cmd_takes */
} actions[] = {
	{ "list", list, false, "sj" },
	{ "show", show, true, "s" },
	{ "replay", replay, true, "sa" },
	{ "purge", purge, true, "sa" },
};

static const struct action *
find_action(const char *name)
{
	for (size_t i = 0; name != NULL && i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	}
	return NULL;
}

static bool
is_well_called(const struct dead *d, const struct action *a)
{
	bool has_ids = d->n_ids > 0;

	return a->needs_ids ? has_ids != d->all : !has_ids;
}

static int
run(struct dead *d, const struct action *action, const char *config_path)
{
	struct config *config = cmd_client_config(config_path);
	int rc = HSW_EINVAL;

	if (config != NULL) {
		d->socket_path = config->server.control;
		rc = action->fn(d);
		if (rc != HSW_OK)
			fprintf(stderr, "hookswitch: %s\n", d->err.text);
	}
	config_free(config);
	return cmd_status_of(rc);
}

int
cmd_dead(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "sink", required_argument, NULL, 's' }, { "all", no_argument, NULL, 'a' },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	struct dead d = { .err = { "the daemon's answer is not what was expected" } };
	const char *path = config_default_path;
	unsigned given = 0;
	int c, status;

	while ((c = getopt_long(argc, argv, "c:s:ah", options, NULL)) != -1) {
		given |= cmd_letter(c);
		switch (c) {
		case 's':
			d.sink = optarg;
			break;
		case 'a':
			d.all = true;
			break;
		case 'j':
			d.as_json = true;
			break;
		default:
			if ((status = cmd_option(c, usage, &path)) >= 0)
				return status;
		}
	}
	const struct action *action = optind < argc ? find_action(argv[optind]) : NULL;
	if (action == NULL)
		return cmd_wrong_usage(usage);
	if (!cmd_takes("dead", action->name, action->options, options, given))
		return CMD_USAGE;
	d.ids = argv + optind + 1;
	d.n_ids = argc - optind - 1;
	return is_well_called(&d, action) ? run(&d, action, path) : cmd_wrong_usage(usage);
}
