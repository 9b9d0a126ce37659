/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_replay.c - `hookswitch replay`: delivers events of the journal once more. The daemon does it piece by
 * piece; how fast is decided here, so that a replay ends with this process.
 */
#include "cmd.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json.h>

#include "client.h"
#include "clock.h"
#include "cmd_replay_outcome.h"
#include "config.h"
#include "envelope.h"
#include "err.h"
#include "json_text.h"
#include "when.h"

static const char usage[] =
	"Usage: hookswitch replay --sink NAME --since TIME [--until TIME] [--event TYPE]\n"
	"                         [--instance NAME] [--chat JID] [--limit N] [--rate N]\n"
	"                         [--dry-run]\n"
	"\n"
	"Delivers events that are still in the journal to a sink once more, oldest first; webhooks "
	"get\n"
	"them with the header `webhook-replay: 1`. Interrupted, it stops where it is. Prints how\n"
	"many arrived, and of the rest how many are in retry or dead letters. Exit status 0: all "
	"arrived.\n"
	"Of several nodes the one that serves the sink does it; the others refuse and name it.\n"
	"\n"
	"TIME is 2026-11-21T09:30:00Z (or with an offset); in the local zone 2026-11-21 09:30,\n"
	"2026-11-21, today or yesterday, both midnight; or how long ago: 90m, 2h, 3d.\n"
	"\n"
	"  -c, --config FILE  the daemon's configuration (for its control socket)\n"
	"  -s, --sink NAME    the sink that gets them; of a webhook of the API: INSTANCE/LABEL\n"
	"      --since TIME   received then or later\n"
	"      --until TIME   received then or earlier; without it: until now\n"
	"      --event TYPE   only of this type, such as message.exchange, or raw\n"
	"      --instance NAME\n"
	"                     only of this instance\n"
	"      --chat JID     only of this chat\n"
	"      --limit N      at most so many events\n"
	"      --rate N       at most so many in a second; without it: 100\n"
	"      --dry-run      only count them\n"
	"  -h, --help         this text\n";

#define WAITING_MAX 1000 /* in retry at the sink, before it is given more */
#define RATE_MAX 1000000 /* events in a second */
#define LIMIT_MAX 1000000000
#define LOOK_AGAIN_US 200000

struct replay_command {
	const char *socket_path, *config_path;
	const char *sink, *event, *instance, *chat;
	int64_t now_ms, since_ms, until_ms;
	long rate;
	int64_t limit; /* events; 0: none */
	bool is_dry;
	int64_t first, next, settled; /* of the journal: where it began, got to, and ends */
	int64_t matched;
	bool is_over, is_instance_known;
	int64_t waiting;
	struct outcome outcome;
	struct hsw_error err;
};

static void
add_parameter(struct buf *target, const char *name, const char *value)
{
	if (value == NULL)
		return;
	buf_printf(target, "&%s=", name);
	client_escape(target, value);
}

static int
read_answer(struct replay_command *p, const struct buf *answer)
{
	struct json_object *root = json_text_parse(str_of_buf(answer)), *next = NULL;
	int rc = HSW_EIO;

	if (json_object_object_get_ex(root, "next", &next)) {
		p->next = json_object_get_int64(next);
		p->first = p->first > 0 ? p->first : p->next;
		p->matched += json_object_get_int64(json_object_object_get(root, "matched"));
		p->is_over = !json_object_get_boolean(json_object_object_get(root, "more"));
		p->settled = json_object_get_int64(json_object_object_get(root, "settled"));
		p->is_instance_known = json_object_get_boolean(
			json_object_object_get(root, "isInstanceKnown"));
		p->waiting = json_object_get_int64(json_object_object_get(root, "retrying"));
		rc = outcome_add(&p->outcome, json_object_object_get(root, "seqs"));
	}
	json_object_put(root);
	return rc;
}

static int
piece(struct replay_command *p, int64_t limit)
{
	struct buf target = BUF_INIT, answer = BUF_INIT;

	buf_printf(&target,
		"/replay?since=%" PRId64 "&until=%" PRId64 "&after=%" PRId64 "&limit=%" PRId64
		"&dry=%d",
		p->since_ms, p->until_ms, p->next, limit, p->is_dry);
	add_parameter(&target, "sink", p->sink);
	add_parameter(&target, "event", p->event);
	add_parameter(&target, "instance", p->instance);
	add_parameter(&target, "chat", p->chat);
	buf_append(&target, "", 1);
	int rc = target.failed ? HSW_ENOMEM
			       : client_ask(p->socket_path, "POST", target.data, &answer, &p->err);
	if (rc == HSW_OK)
		rc = read_answer(p, &answer);
	buf_free(&target);
	buf_free(&answer);
	return rc;
}

/* Only where somebody looks: `[#####---------------]  25 %  1234 events`. */
static void
show_progress(const struct replay_command *p)
{
	static const char full[] = "####################", rest[] = "--------------------";
	int64_t all = p->settled - p->first, done = p->next - p->first;
	int steps = (int)sizeof(full) - 1;

	if (!isatty(STDERR_FILENO))
		return;
	if (p->is_over || all <= 0 || done > all)
		all = done = 1;
	int n = (int)(done * steps / all);
	fprintf(stderr, "\r[%.*s%.*s] %3d %%  %" PRId64 " events ", n, full, steps - n, rest,
		(int)(done * 100 / all), p->matched);
}

/* What --limit leaves of them. */
static int64_t
left_of(const struct replay_command *p, int64_t events)
{
	int64_t left = p->limit - p->matched;

	return p->limit > 0 && left < events ? left : events;
}

/* How many may go now, by the rate; it waits for a tenth of a second's worth. */
static int64_t
wait_for_rate(const struct replay_command *p, int64_t begin_ms)
{
	for (;;) {
		int64_t allowed = (clock_mono_ms() - begin_ms) * p->rate / 1000 + 1 - p->matched;
		if (allowed > p->rate / 10)
			return allowed;
		usleep(LOOK_AGAIN_US / 20);
	}
}

static int
wait_for_room(struct replay_command *p)
{
	usleep(LOOK_AGAIN_US);
	if (p->is_dry)
		return HSW_OK;
	int rc = outcome_look(&p->outcome, &p->err);
	if (rc == HSW_OK && outcome_is_disabled(&p->outcome))
		rc = err_set(&p->err, HSW_EINVAL,
			"sink: %s was disabled meanwhile: it was not given the rest", p->sink);
	return rc;
}

static int
deliver(struct replay_command *p)
{
	int64_t begin_ms = clock_mono_ms();
	int rc = HSW_OK;

	while (rc == HSW_OK && !p->is_over) {
		/* A sink that fails is not given ever more. */
		if (p->waiting > WAITING_MAX && (rc = wait_for_room(p)) != HSW_OK)
			break;
		int64_t limit = p->is_dry ? 1000 : wait_for_rate(p, begin_ms);
		limit = p->waiting > WAITING_MAX ? 1 : limit < 1000 ? limit : 1000;
		rc = piece(p, left_of(p, limit));
		p->is_over = p->is_over || left_of(p, 1) == 0;
		show_progress(p);
	}
	if (isatty(STDERR_FILENO))
		fputc('\n', stderr);
	return rc;
}

/* Before anything is given to it. A dry run only wants it to be here. */
static int
look_at_sink(struct replay_command *p)
{
	int rc = outcome_look(&p->outcome, &p->err);

	if (rc != HSW_OK || p->is_dry)
		return rc;
	if (outcome_is_disabled(&p->outcome))
		return err_set(&p->err, HSW_EINVAL,
			"sink: %s is disabled, nothing was replayed: `hookswitch enable %s` first",
			p->sink, p->sink);
	if (outcome_is_held(&p->outcome))
		fprintf(stderr,
			"hookswitch: warning: the circuit of %s is open: its events wait until it "
			"answers\n",
			p->sink);
	return HSW_OK;
}

/* What was given to the sink is told, also where the rest could not be. */
static int
replay(struct replay_command *p)
{
	struct hsw_error why = { "" };
	int rc = deliver(p);
	int told = outcome_wait(&p->outcome, rc == HSW_OK ? &p->err : &why);
	if (told == HSW_OK && rc == HSW_OK && p->matched == 0 && !p->is_instance_known)
		return HSW_OK;
	if (told == HSW_OK && !outcome_print(&p->outcome) && rc == HSW_OK)
		return HSW_ELIMIT;
	return rc != HSW_OK ? rc : told;
}

static int
run(struct replay_command *p)
{
	int rc = look_at_sink(p);

	if (rc == HSW_OK)
		rc = p->is_dry ? deliver(p) : replay(p);
	/* One that was removed may have events in the journal still. */
	if (rc == HSW_OK && p->matched == 0 && !p->is_instance_known)
		rc = err_set(&p->err, HSW_ENOENT,
			"--instance: there is none of that name, and no such event of one");
	if (rc == HSW_OK && p->is_dry)
		printf("would replay %" PRId64 "\n", p->matched);
	else if (rc != HSW_OK && rc != HSW_ELIMIT)
		fprintf(stderr, "hookswitch: %s\n", p->err.text);
	return rc;
}

static int
start(struct replay_command *p)
{
	struct config *config = cmd_client_config(p->config_path);
	int rc = HSW_EINVAL;

	if (config != NULL) {
		p->socket_path = config->server.control;
		p->outcome = (struct outcome){
			.socket_path = p->socket_path, .sink = p->sink, .since_ms = p->now_ms
		};
		rc = run(p);
		outcome_free(&p->outcome);
	}
	config_free(config);
	return cmd_status_of(rc);
}

/* What is missing, or cannot be meant. */
static bool
is_in_order(const struct replay_command *p)
{
	if (p->sink == NULL)
		fputs("hookswitch replay: --sink is missing: which sink gets the events\n", stderr);
	else if (p->since_ms < 0)
		fputs("hookswitch replay: --since is missing: such as --since 2h\n", stderr);
	else if (p->since_ms > p->now_ms)
		fputs("hookswitch replay: --since is in the future\n", stderr);
	else if (p->since_ms > p->until_ms)
		fputs("hookswitch replay: --since is after --until\n", stderr);
	else if (p->until_ms <= 0)
		fputs("hookswitch replay: --until is not after the beginning of 1970\n", stderr);
	else
		return true;
	return false;
}

static bool
take_time(const struct replay_command *p, const char *option, int64_t *out)
{
	struct hsw_error err;

	if (when_parse(optarg, p->now_ms, out, &err) == HSW_OK)
		return true;
	fprintf(stderr, "hookswitch replay: --%s: %s\n", option, err.text);
	return false;
}

/* From 1 to most; 0: it is no such number, which was said. */
static long
number(const char *option, long most)
{
	char *end;
	long n = strtol(optarg, &end, 10);

	if (end != optarg && *end == '\0' && n > 0 && n <= most)
		return n;
	fprintf(stderr, "hookswitch replay: --%s: found `%.40s`, expected a number from 1 to %ld\n",
		option, optarg, most);
	return 0;
}

static bool
take_event(struct replay_command *p)
{
	p->event = optarg;
	if (strcmp(optarg, "raw") == 0 || event_type_or_raw(str_of(optarg)) >= 0)
		return true;
	fprintf(stderr, "hookswitch replay: --event: found `%.60s`, expected ", optarg);
	for (int i = 0; i < TYPE_COUNT; i++)
		fprintf(stderr, "%s, ", event_type_names[i]);
	fputs("or raw\n", stderr);
	return false;
}

/* "50", or as the option `rate` of sinks has it: "50/s". */
static bool
take_rate(struct replay_command *p)
{
	char *unit = strchr(optarg, '/');

	if (unit != NULL && strcmp(unit, "/s") == 0)
		*unit = '\0';
	p->rate = number("rate", RATE_MAX);
	return p->rate > 0;
}

/* false: the option, or its value, is none, which was said. */
static bool
take_option(struct replay_command *p, int c)
{
	switch (c) {
	case 'c':
		p->config_path = optarg;
		return true;
	case 's':
		p->sink = optarg;
		return true;
	case 'S':
		return take_time(p, "since", &p->since_ms);
	case 'U':
		return take_time(p, "until", &p->until_ms);
	case 'e':
		return take_event(p);
	case 'C':
		p->chat = optarg;
		return true;
	case 'r':
		return take_rate(p);
	case 'l':
		p->limit = number("limit", LIMIT_MAX);
		return p->limit > 0;
	case 'i':
		p->instance = optarg;
		return true;
	case 'd':
		p->is_dry = true;
		return true;
	default:
		return false;
	}
}

int
cmd_replay(int argc, char **argv)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "sink", required_argument, NULL, 's' }, { "since", required_argument, NULL, 'S' },
		{ "until", required_argument, NULL, 'U' },
		{ "event", required_argument, NULL, 'e' }, { "chat", required_argument, NULL, 'C' },
		{ "instance", required_argument, NULL, 'i' },
		{ "limit", required_argument, NULL, 'l' }, { "rate", required_argument, NULL, 'r' },
		{ "dry-run", no_argument, NULL, 'd' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	int64_t now_ms = clock_wall_ms();
	struct replay_command p = { .config_path = config_default_path,
		.now_ms = now_ms,
		.since_ms = -1,
		.until_ms = now_ms,
		.rate = 100,
		.err = { "the daemon's answer is not what was expected" } };
	bool is_well_called = true;
	int c;

	while ((c = getopt_long(argc, argv, "c:s:h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return CMD_OK;
		}
		is_well_called = take_option(&p, c) && is_well_called;
	}
	if (optind != argc) {
		fprintf(stderr, "hookswitch replay: `%s` is none of its options\n", argv[optind]);
		return CMD_USAGE;
	}
	if (!is_well_called)
		return CMD_USAGE;
	return is_in_order(&p) ? start(&p) : CMD_USAGE;
}
