/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_tail.c - `hookswitch tail`: the live stream of an instance on a terminal.
 *
 * Signals are blocked but while it waits, so none is missed between looking and waiting.
 */
#include "cmd.h"

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "cmd_api.h"
#include "config_listen.h"
#include "envelope.h"
#include "err.h"
#include "event_line.h"
#include "json_text.h"
#include "tail_watch.h"
#include "ws_client.h"

#define BACKOFF_MIN_MS 500
#define BACKOFF_MAX_MS 30000

static const char usage[] =
	"Usage: hookswitch tail [OPTION...] [INSTANCE]\n"
	"\n"
	"Shows the events of INSTANCE as they come in, one line each. The instance's WebSocket "
	"must\n"
	"be enabled (hookswitch websocket set). Without INSTANCE: the daemon's only one. When the "
	"connection is lost it is "
	"made\n"
	"again; what came in meanwhile is not shown.\n"
	"\n"
	"  -c, --config FILE  the daemon's configuration (for its address and control socket)\n"
	"  -u, --url URL      where the daemon is: ws://HOST:PORT, wss://HOST:PORT, unix:/path\n"
	"  -t, --token TOKEN  the instance's token; without it $HOOKSWITCH_TOKEN is taken, or the\n"
	"                     daemon on this machine is asked, with --url only where --config "
	"says\n"
	"                     which\n"
	"  -e, --events LIST  only these types, separated by commas\n"
	"      --cacert FILE  trust these certificates, too (PEM)\n"
	"      --json         the frames as they come\n"
	"  -h, --help         this text\n";

struct tail {
	const char *config_path, *url_text, *given_token, *events, *ca;
	bool as_json, with_colour;
	bool has_config;  /* it was named */
	bool asks_daemon; /* for the token, which may change while it runs */
	struct cmd_api api;
	bool has_api;
	struct ws_url url;
	char *instance, *token;
	sigset_t wait_mask;
};

static volatile sig_atomic_t must_stop;

static void
on_signal(int signal)
{
	(void)signal;
	must_stop = 1;
}

/* ---- what to connect to ---- */

static int
open_api(struct tail *t)
{
	if (!t->has_api && cmd_api_open(&t->api, t->config_path) != HSW_OK)
		return CMD_FAILED;
	t->has_api = true;
	return CMD_OK;
}

/* What listens on every address is reached on this machine's own. */
static int
find_url(struct tail *t, struct hsw_error *err)
{
	if (t->url_text != NULL)
		return ws_url_parse(t->url_text, &t->url, err);
	const struct server_conf *conf = &t->api.config->server;
	const char *unix_path = config_listen_is_unix(conf->listen[0]) ? conf->listen[0] : NULL;
	char *text = unix_path != NULL ? strdup(unix_path) : config_listen_url(conf);
	int rc = text != NULL ? ws_url_parse(text, &t->url, err) : HSW_ENOMEM;
	free(text);
	if (strcmp(t->url.host, "*") == 0 || strcmp(t->url.host, "0.0.0.0") == 0)
		snprintf(t->url.host, sizeof(t->url.host), "127.0.0.1");
	else if (strcmp(t->url.host, "::") == 0)
		snprintf(t->url.host, sizeof(t->url.host), "::1");
	return rc;
}

/* Only an instance of the file can be without one. */
static int
take_token(struct tail *t, struct json_object *row)
{
	const char *token = cmd_api_text(row, "token");

	if (cmd_api_is_undecryptable(row))
		return cmd_api_set_undecryptable(&t->api, row);
	if (*token == '\0')
		return err_set(&t->api.err, HSW_ENOENT,
			"instance %.100s has no token: put `token = SECRET` and `websocket = yes` "
			"below "
			"its line [instance %.100s] and run `hookswitch reload`, or give the "
			"account_token with --token",
			t->instance, t->instance);
	t->token = strdup(token);
	return t->token != NULL ? HSW_OK : err_set(&t->api.err, HSW_ENOMEM, "out of memory");
}

/* The one instance, or the only one; its token, unless one is given. */
static int
ask_daemon(struct tail *t)
{
	struct json_object *root;

	buf_str(&t->api.target, "/api/instance/list");
	if (t->instance != NULL) {
		buf_str(&t->api.target, "?instanceName=");
		client_escape(&t->api.target, t->instance);
	}
	int rc = cmd_api_ask(&t->api, "GET", NULL, &root);
	struct json_object *rows = json_object_object_get(root, "instances");
	size_t n = rows != NULL ? json_object_array_length(rows) : 0;
	if (rc == HSW_OK && n != 1)
		rc = err_set(&t->api.err, HSW_ENOENT,
			n == 0 ? "the daemon has no instance"
			       : "the daemon has %zu instances: name one",
			n);
	if (rc == HSW_OK && t->instance == NULL)
		t->instance = strdup(cmd_api_text(json_object_array_get_idx(rows, 0), "name"));
	if (rc == HSW_OK && t->asks_daemon)
		rc = take_token(t, json_object_array_get_idx(rows, 0));
	json_object_put(root);
	return rc;
}

/* Whether there is another one than before. A daemon that does not answer is found out by connecting. */
static bool
refresh_token(struct tail *t)
{
	char *before = t->token;

	if (!t->asks_daemon)
		return false;
	t->token = NULL;
	if (ask_daemon(t) != HSW_OK || t->token == NULL) {
		free(t->token);
		t->token = before;
		return false;
	}
	bool is_other = strcmp(before, t->token) != 0;
	free(before);
	return is_other;
}

/* NULL: there is none. */
static const char *
find_environment_token(void)
{
	const char *token = getenv("HOOKSWITCH_TOKEN");

	if (token == NULL || *token != '\0')
		return token;
	fputs("hookswitch: HOOKSWITCH_TOKEN is empty, and taken as not set\n", stderr);
	return NULL;
}

static int
prepare(struct tail *t)
{
	struct hsw_error err = { "" };
	const char *token = t->given_token != NULL ? t->given_token : find_environment_token();
	bool must_ask = t->instance == NULL || token == NULL;

	if (t->given_token != NULL && *t->given_token == '\0') {
		fputs("hookswitch: token is empty\n", stderr);
		return CMD_USAGE;
	}
	if (t->url_text != NULL && !t->has_config && must_ask) {
		fprintf(stderr, "hookswitch: with --url, %s\n",
			t->instance == NULL ? "name an instance"
					    : "the token is needed: --token or HOOKSWITCH_TOKEN");
		return CMD_USAGE;
	}
	t->asks_daemon = token == NULL;
	t->token = token != NULL ? strdup(token) : NULL;
	if ((must_ask || t->url_text == NULL) && open_api(t) != CMD_OK)
		return CMD_FAILED;
	if (find_url(t, &err) != HSW_OK) {
		fprintf(stderr, "hookswitch: %s\n", err.text);
		return CMD_USAGE;
	}
	return must_ask ? cmd_api_status(&t->api, ask_daemon(t)) : CMD_OK;
}

/* ---- events ---- */

static bool
is_wanted(const struct tail *t, const char *event)
{
	size_t n = strlen(event);

	for (const char *at = t->events; at != NULL && *at != '\0'; at += *at == ',') {
		at += strspn(at, " ");
		size_t len = strcspn(at, ", ");
		if (len == n && memcmp(at, event, n) == 0)
			return true;
		at += strcspn(at, ",");
	}
	return t->events == NULL;
}

/* false: nobody reads any more. */
static bool
show(const struct tail *t, const struct buf *frame)
{
	struct json_object *root = json_text_parse(str_of_buf(frame));
	struct buf line = BUF_INIT;

	if (json_object_is_type(root, json_type_object) &&
		is_wanted(t, cmd_api_text(root, "event"))) {
		if (t->as_json) {
			buf_append(&line, frame->data, frame->len);
			buf_str(&line, "\n");
		} else {
			event_line(&line, root, t->with_colour);
		}
	}
	bool is_good = line.len == 0 ||
		(fwrite(line.data, 1, line.len, stdout) == line.len && fflush(stdout) == 0);
	buf_free(&line);
	json_object_put(root);
	return is_good;
}

/* ---- the connection ---- */

static const char *
meaning_of(int status)
{
	static const struct {
		int status;
		const char *meaning;
	} meanings[] = {
		{ 400, "the daemon refuses the stream" },
		{ 401, "the token is missing or wrong" },
		{ 403, "the token may not read this instance" },
		{ 404, "the daemon has no such instance, or no live stream" },
		{ 426, "this is no WebSocket" },
		{ 429, "too many requests" },
		{ 503, "the daemon takes no clients now" },
	};

	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		if (meanings[i].status == status)
			return meanings[i].meaning;
	}
	return "the daemon refuses the stream";
}

/* Whether a refusal may be over later. */
static bool
is_passing(int status)
{
	return status == 408 || status == 429 || status >= 500;
}

enum outcome { TAIL_STOPPED, TAIL_REFUSED, TAIL_UNREACHABLE, TAIL_LOST };

/* One connection, from beginning to end. */
static enum outcome
follow(const struct tail *t, const char *target, struct hsw_error *err)
{
	const struct ws_stream unconnected = {
		.fd = -1, .must_stop = &must_stop, .mask = t->wait_mask
	};
	struct tail_watch watch = { .url = &t->url,
		.instance = t->instance,
		.token = t->token,
		.events = t->events,
		.ca = t->ca,
		.unconnected = &unconnected };
	struct ws_client c = {
		.stream = unconnected, .on_silence = tail_watch_look, .arg = &watch
	};
	enum outcome outcome = TAIL_LOST;

	int rc = ws_client_open(&c, &t->url, target, t->token, t->ca, err);
	if (rc == HSW_EAUTH && c.status != 0) {
		const struct hsw_error reason = *err;
		err_set(err, rc, "%s (%d): %s", meaning_of(c.status), c.status, reason.text);
	}
	if (rc == HSW_EAUTH)
		outcome = is_passing(c.status) ? TAIL_UNREACHABLE : TAIL_REFUSED;
	else if (rc != HSW_OK)
		outcome = rc == HSW_ECLOSED ? TAIL_STOPPED : TAIL_UNREACHABLE;
	if (rc == HSW_OK) {
		fprintf(stderr, "hookswitch: connected, instance %s\n", t->instance);
		if (t->events != NULL)
			tail_watch_look(&watch);
	}
	while (rc == HSW_OK) {
		rc = ws_client_read(&c, err);
		if (rc == HSW_ECLOSED || (rc == HSW_OK && !show(t, &c.message))) {
			outcome = TAIL_STOPPED;
			break;
		}
	}
	ws_client_close(&c);
	buf_free(&watch.told);
	return outcome;
}

/* No token is the instance's where the daemon cannot read its own. */
static void
tell_undecryptable(struct tail *t)
{
	struct json_object *root, *row;

	(void)cmd_api_ask_instance(&t->api, t->instance, &root, &row);
	if (cmd_api_is_undecryptable(row)) {
		cmd_api_set_undecryptable(&t->api, row);
		fprintf(stderr, "hookswitch: %s\n", t->api.err.text);
	}
	json_object_put(root);
}

/* What to do about it, where the daemon says that the token or the instance's WebSocket is why. */
static void
tell_hint(struct tail *t, const struct hsw_error *err)
{
	if (t->has_api && strstr(err->text, "Invalid token") != NULL)
		tell_undecryptable(t);
	if (strstr(err->text, "WebSocket is not enabled") != NULL)
		fprintf(stderr,
			"hookswitch: it is enabled by: hookswitch websocket set %s (on the "
			"daemon's machine)\n",
			t->instance);
}

/* 20 % more or less, so that many clients do not come back at once. */
static void
pause_for(const struct tail *t, int ms)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms += ms * (int)(now.tv_nsec / 1000 % 41 - 20) / 100;
	const struct timespec wait = { ms / 1000, ms % 1000 * 1000000L };
	if (!must_stop)
		ppoll(NULL, 0, &wait, &t->wait_mask);
}

static int
run(struct tail *t)
{
	struct buf target = BUF_INIT;
	struct hsw_error err = { "" };
	bool was_connected = false;
	int wait_ms = BACKOFF_MIN_MS, status = CMD_OK;

	buf_str(&target, "/ws/");
	client_escape(&target, t->instance);
	buf_append(&target, "", 1);
	while (!must_stop && !target.failed) {
		enum outcome outcome = follow(t, target.data, &err);
		if (outcome == TAIL_STOPPED)
			break;
		was_connected |= outcome == TAIL_LOST;
		if (outcome != TAIL_UNREACHABLE && refresh_token(t) && outcome == TAIL_REFUSED)
			continue;
		if (outcome == TAIL_REFUSED || !was_connected) {
			fprintf(stderr, "hookswitch: %s\n", err.text);
			if (outcome == TAIL_REFUSED)
				tell_hint(t, &err);
			status = outcome == TAIL_REFUSED ? CMD_FAILED : CMD_UNREACHABLE;
			break;
		}
		wait_ms = outcome == TAIL_LOST         ? BACKOFF_MIN_MS
			: wait_ms < BACKOFF_MAX_MS / 2 ? 2 * wait_ms
						       : BACKOFF_MAX_MS;
		fprintf(stderr, "hookswitch: %s: %s; trying again in %.1f s\n",
			outcome == TAIL_LOST ? "connection lost" : "no connection", err.text,
			wait_ms / 1000.0);
		pause_for(t, wait_ms);
	}
	buf_free(&target);
	return status;
}

/* ---- the command ---- */

static void
catch_signals(struct tail *t)
{
	const struct sigaction stop = { .sa_handler = on_signal };
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &t->wait_mask);
	sigdelset(&t->wait_mask, SIGINT);
	sigdelset(&t->wait_mask, SIGTERM);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* A name that is misspelt would wait forever. */
static bool
check_events(const char *list)
{
	for (const char *at = list; at != NULL; at = *at == ',' ? at + 1 : NULL) {
		at += strspn(at, " ");
		const struct hsw_str name = { at, strcspn(at, ", ") };
		if (event_type_of(name) < 0) {
			fprintf(stderr,
				"hookswitch: --events: unknown event `%.*s`; events are "
				"message.exchange, message.status, call.update, group.flow, "
				"instance.state, label.update\n",
				(int)name.len, name.s);
			return false;
		}
		at += strcspn(at, ",");
	}
	return true;
}

/* false: it is done, with *status. */
static bool
parse_arguments(struct tail *t, int argc, char **argv, int *status)
{
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "url", required_argument, NULL, 'u' }, { "token", required_argument, NULL, 't' },
		{ "events", required_argument, NULL, 'e' },
		{ "cacert", required_argument, NULL, 'C' }, { "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "c:u:t:e:h", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			t->config_path = optarg;
			t->has_config = true;
			break;
		case 'u':
			t->url_text = optarg;
			break;
		case 't':
			t->given_token = optarg;
			break;
		case 'e':
			t->events = optarg;
			break;
		case 'C':
			t->ca = optarg;
			break;
		case 'j':
			t->as_json = true;
			break;
		default:
			*status = c == 'h' ? CMD_OK : CMD_USAGE;
			fputs(usage, c == 'h' ? stdout : stderr);
			return false;
		}
	}
	if (argc - optind > 1) {
		fputs(usage, stderr);
		*status = CMD_USAGE;
		return false;
	}
	if (!check_events(t->events)) {
		*status = CMD_USAGE;
		return false;
	}
	t->instance = optind < argc ? strdup(argv[optind]) : NULL;
	return true;
}

int
cmd_tail(int argc, char **argv)
{
	const char *no_colour = getenv("NO_COLOR");
	struct tail t = { .config_path = config_default_path };
	int status;

	if (!parse_arguments(&t, argc, argv, &status))
		return status;
	t.with_colour = isatty(STDOUT_FILENO) && (no_colour == NULL || *no_colour == '\0');
	catch_signals(&t);
	status = prepare(&t);
	if (status == CMD_OK)
		status = run(&t);
	if (t.has_api)
		cmd_api_close(&t.api);
	free(t.instance);
	free(t.token);
	return status;
}
