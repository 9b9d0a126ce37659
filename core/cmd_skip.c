/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_skip.c - `hookswitch skip SINK`: a backlog is given up. The daemon does it piece by piece, and goes on while
 * it is asked to: interrupted, it stops where it is.
 */
#include "cmd.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <json.h>

#include "client.h"
#include "clock.h"
#include "config.h"
#include "json_text.h"
#include "when.h"

static const char usage[] =
	"Usage: hookswitch skip SINK [--until TIME] [--dry-run]\n"
	"\n"
	"Gives up what waits for a sink: it gets only what is received from now on. Events that "
	"wait to\n"
	"be tried again are given up as well; what is in flight ends as it ends, and dead letters "
	"stay.\n"
	"`hookswitch replay` can deliver them later, while they are in the journal. A webhook of "
	"the API\n"
	"is called INSTANCE/LABEL.\n"
	"\n"
	"TIME is 2026-11-21T09:30:00Z (or with an offset); in the local zone 2026-11-21 09:30,\n"
	"2026-11-21, today or yesterday, both midnight; or how long ago: 90m, 2h, 3d.\n"
	"\n"
	"  -c, --config FILE  the daemon's configuration (for its control socket)\n"
	"      --until TIME   only what was received before it\n"
	"      --dry-run      only count them\n"
	"  -h, --help         this text\n";

struct skip {
	const char *config_path, *sink;
	int64_t now_ms, until_ms; /* until_ms: 0: none */
	bool is_dry;
	int64_t upto, next, retry_after; /* as the daemon told them; 0 before */
	int64_t events, retries;         /* given up */
	bool is_over;
	struct hsw_error err;
};

static int
read_answer(struct skip *p, const struct buf *answer)
{
	struct json_object *root = json_text_parse(str_of_buf(answer)), *more = NULL;
	int rc = HSW_EIO;

	if (json_object_object_get_ex(root, "more", &more)) {
		p->is_over = !json_object_get_boolean(more);
		p->events += json_object_get_int64(json_object_object_get(root, "events"));
		p->retries += json_object_get_int64(json_object_object_get(root, "retries"));
		p->upto = json_object_get_int64(json_object_object_get(root, "upto"));
		p->next = json_object_get_int64(json_object_object_get(root, "next"));
		p->retry_after = json_object_get_int64(json_object_object_get(root, "retryAfter"));
		rc = HSW_OK;
	}
	json_object_put(root);
	return rc;
}

static int
piece(struct skip *p, const char *socket_path)
{
	struct buf target = BUF_INIT, answer = BUF_INIT;

	buf_printf(&target,
		"/skip?until=%" PRId64 "&upto=%" PRId64 "&next=%" PRId64 "&retryAfter=%" PRId64
		"&dry=%d&sink=",
		p->until_ms, p->upto, p->next, p->retry_after, p->is_dry);
	client_escape(&target, p->sink);
	buf_append(&target, "", 1);
	int rc = target.failed ? HSW_ENOMEM
			       : client_ask(socket_path, "POST", target.data, &answer, &p->err);
	if (rc == HSW_OK)
		rc = read_answer(p, &answer);
	buf_free(&target);
	buf_free(&answer);
	return rc;
}

static int
run(struct skip *p, const char *socket_path)
{
	int rc = HSW_OK;

	while (rc == HSW_OK && !p->is_over)
		rc = piece(p, socket_path);
	if (rc == HSW_OK || p->events + p->retries > 0)
		printf("%s %" PRId64 ", %" PRId64 " of them in retry\n",
			p->is_dry ? "would skip" : "skipped", p->events + p->retries, p->retries);
	if (rc != HSW_OK)
		fprintf(stderr, "hookswitch: %s\n", p->err.text);
	return cmd_status_of(rc);
}

static int
start(struct skip *p)
{
	struct config *config = cmd_client_config(p->config_path);
	int status = config != NULL ? run(p, config->server.control) : CMD_FAILED;

	config_free(config);
	return status;
}

static bool
take_until(struct skip *p)
{
	struct hsw_error err;

	if (when_parse(optarg, p->now_ms, &p->until_ms, &err) != HSW_OK)
		fprintf(stderr, "hookswitch skip: --until: %s\n", err.text);
	else if (p->until_ms > p->now_ms)
		fputs("hookswitch skip: --until is in the future\n", stderr);
	else if (p->until_ms <= 0)
		fputs("hookswitch skip: --until is not after the beginning of 1970\n", stderr);
	else
		return true;
	return false;
}

int
cmd_skip(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "until", required_argument, NULL, 'U' }, { "dry-run", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	struct skip p = { .config_path = config_default_path,
		.now_ms = clock_wall_ms(),
		.err = { "the daemon's answer is not what was expected" } };
	int c, status;

	while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		if (c == 'U') {
			if (!take_until(&p))
				return CMD_USAGE;
		} else if (c == 'd') {
			p.is_dry = true;
		} else if ((status = cmd_option(c, usage, &p.config_path)) >= 0) {
			return status;
		}
	}
	if (optind + 1 != argc)
		return cmd_wrong_usage(usage);
	p.sink = argv[optind];
	return start(&p);
}
