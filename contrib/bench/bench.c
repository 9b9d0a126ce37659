/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench.c - hookswitch-bench: drives a daemon with one workload after another and prints a table. It measures and
 * never judges; only lost events make it fail.
 */
#include "bench.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define WS_MORE_BYTES 134 /* of text, so that a message has 1 KB */

struct settings {
	const char *program, *plugin_dir, *json, *only, *store;
	int64_t events;
	int producers, workers, body_bytes;
	uint16_t port;
	int server; /* its process; 0: none */
};

struct result {
	const char *name;
	int64_t events, deliveries, lost, duplicates, refused;
	double seconds, cpu_user, cpu_system, cpu_server;
	long peak_kb;
	double answer_p50, answer_p99, p50, p99, max;
	int ws_clients;
	long ws_idle_bytes;    /* of memory for each of them */
	long ws_message_bytes; /* with its frame's head */
};

struct workload {
	const char *name, *about;
	int sinks;
	bool file_sink;
	int64_t rate;       /* 0: as fast as possible */
	int events_percent; /* of --events; at a rate: 20 s */
	int ws_clients;     /* then with one worker, unless --workers says more */
};

static const struct workload workloads[] = {
	{ "W1", "64 producers, one webhook", 1, false, 0, 100, 0 },
	{ "W1r", "1,000 events/s, one webhook", 1, false, 1000, 0, 0 },
	{ "fan-out", "one event to 10 webhooks", 10, false, 0, 20, 0 },
	{ "file", "64 producers, one file", 0, true, 0, 100, 0 },
	{ "ws", "64 producers, 1,000 WebSocket clients", 0, false, 0, 10, 1000 },
	{ "ws-100", "100 events/s, 1,000 WebSocket clients", 0, false, 100, 0, 1000 },
	{ "ws-r", "348 events/s, 1,000 WebSocket clients", 0, false, 348, 0, 1000 },
};

#define N_WORKLOADS (sizeof(workloads) / sizeof(workloads[0]))

static void
wait_for_file(const struct daemon *d, struct load *l)
{
	while (daemon_file_lines(d) < l->events && now_ns() - l->last_sent_ns < 60000000000LL)
		usleep(20000);
	l->last_arrival_ns = now_ns();
	l->arrived = daemon_file_lines(d);
}

static bool
measure(const struct settings *s, const struct workload *w, struct result *out)
{
	struct load *l = calloc(1, sizeof(*l));
	struct daemon d = { .pid = 0 };

	*l = (struct load){ .daemon_port = s->port,
		.producers = s->producers,
		.sinks = w->sinks,
		.ws_clients = w->ws_clients,
		.rate = w->rate,
		.body_bytes = s->body_bytes + (w->ws_clients > 0 ? WS_MORE_BYTES : 0),
		.token = "bench-token",
		.store = s->store,
		.events = w->rate > 0 ? 20 * w->rate : s->events * w->events_percent / 100 };
	int listening = load_listen(l);
	int workers = s->workers == 0 && w->ws_clients > 0 ? 1 : s->workers;
	if (!daemon_start(&d, s->program, s->plugin_dir, l, w->file_sink, workers)) {
		daemon_stop(&d);
		return false;
	}
	struct ws_clients *ws = w->ws_clients > 0 ? ws_connect(l) : NULL;
	long bare_kb =
		daemon_usage(&d).now_kb; /* with what the first client made the daemon load */
	if (ws != NULL)
		ws_connect_others(ws);
	struct usage before = daemon_usage(&d);
	double server_before_s = server_cpu_s(s->server);
	load_run(l, listening, ws);
	if (ws != NULL)
		l->arrived = l->ws_bytes * l->ws_one_events / (l->ws_one_bytes + !l->ws_one_bytes);
	if (w->file_sink)
		wait_for_file(&d, l);
	struct usage after = daemon_usage(&d);
	double server_after_s = server_cpu_s(s->server);
	ws_free(ws);
	daemon_stop(&d);
	close(listening);
	int64_t wanted = l->events * (w->file_sink ? 1 : l->sinks + l->ws_clients);
	*out = (struct result){
		.name = w->name,
		.events = l->events,
		.deliveries = l->arrived,
		.lost = wanted - l->arrived,
		.duplicates = l->duplicates,
		.refused = l->refused,
		.seconds = (double)(l->last_arrival_ns - l->first_ns) / 1e9,
		.cpu_user = after.user_s - before.user_s,
		.cpu_system = after.system_s - before.system_s,
		.cpu_server = server_after_s - server_before_s,
		.peak_kb = after.peak_kb,
		.answer_p50 = histogram_ms(&l->answer, 0.5),
		.answer_p99 = histogram_ms(&l->answer, 0.99),
		.p50 = histogram_ms(&l->arrival, 0.5),
		.p99 = histogram_ms(&l->arrival, 0.99),
		.max = (double)l->arrival.max / 1e6,
		.ws_clients = w->ws_clients,
	};
	if (w->ws_clients > 0 && l->ws_one_events > 0) {
		out->ws_idle_bytes = (before.now_kb - bare_kb) * 1024 / (w->ws_clients - 1);
		out->ws_message_bytes = (long)(l->ws_one_bytes / l->ws_one_events);
	}
	load_free(l);
	free(l);
	return true;
}

static double
per_100k(const struct result *r, double seconds)
{
	return seconds * 100000 / (double)r->events;
}

static void
print_result(const struct result *r)
{
	printf("%-8s %9lld %10.0f %11.0f %8.2f %6.2f %6.2f %6.2f %8.1f %8.2f %8.2f %8.2f %8.2f "
	       "%8.1f "
	       "%5lld %5lld\n",
		r->name, (long long)r->events, (double)r->events / r->seconds,
		(double)r->deliveries / r->seconds, per_100k(r, r->cpu_user + r->cpu_system),
		per_100k(r, r->cpu_user), per_100k(r, r->cpu_system), per_100k(r, r->cpu_server),
		(double)r->peak_kb / 1024, r->answer_p50, r->answer_p99, r->p50, r->p99, r->max,
		(long long)r->lost, (long long)r->duplicates);
	if (r->ws_clients > 0)
		printf("         %d clients: %.3f CPU s/100k messages of %ld bytes, %ld bytes per "
		       "idle client\n",
			r->ws_clients, per_100k(r, r->cpu_user + r->cpu_system) / r->ws_clients,
			r->ws_message_bytes, r->ws_idle_bytes);
	fflush(stdout);
}

static void
write_json(const char *path, const struct result *results, size_t n)
{
	FILE *f = fopen(path, "w");
	struct utsname u;

	if (f == NULL) {
		perror(path);
		return;
	}
	uname(&u);
	fprintf(f, "{\"kernel\":\"%s\",\"cores\":%ld,\"results\":[", u.release,
		sysconf(_SC_NPROCESSORS_ONLN));
	for (size_t i = 0; i < n; i++) {
		const struct result *r = &results[i];
		fprintf(f,
			"%s{\"name\":\"%s\",\"events\":%lld,\"events_per_s\":%.0f,\"deliveries_per_"
			"s\":%.0f,"
			"\"cpu_s_per_100k\":%.3f,\"cpu_user_s_per_100k\":%.3f,"
			"\"server_cpu_s_per_100k\":%.3f,\"peak_rss_mib\":%.1f,"
			"\"answer_p50_ms\":%.3f,\"answer_p99_ms\":%.3f,\"arrival_p50_ms\":%.3f,"
			"\"arrival_p99_ms\":%.3f,\"arrival_max_ms\":%.3f,\"lost\":%lld,"
			"\"duplicates\":%lld,"
			"\"refused\":%lld,\"ws_clients\":%d,\"ws_idle_bytes\":%ld}",
			i > 0 ? "," : "", r->name, (long long)r->events,
			(double)r->events / r->seconds, (double)r->deliveries / r->seconds,
			per_100k(r, r->cpu_user + r->cpu_system), per_100k(r, r->cpu_user),
			per_100k(r, r->cpu_server), (double)r->peak_kb / 1024, r->answer_p50,
			r->answer_p99, r->p50, r->p99, r->max, (long long)r->lost,
			(long long)r->duplicates, (long long)r->refused, r->ws_clients,
			r->ws_idle_bytes);
	}
	fprintf(f, "]}\n");
	fclose(f);
}

static bool
is_workload(const char *name)
{
	for (size_t i = 0; i < N_WORKLOADS; i++) {
		if (strcmp(workloads[i].name, name) == 0)
			return true;
	}
	return false;
}

static int
run(const struct settings *s)
{
	struct result results[N_WORKLOADS];
	size_t n = 0;
	int status = 0;

	printf("%-8s %9s %10s %11s %8s %6s %6s %6s %8s %8s %8s %8s %8s %8s %5s %5s\n", "", "events",
		"events/s", "deliver./s", "CPU/100k", "user", "system", "server", "peak MiB",
		"202 p50", "202 p99", "p50 ms", "p99 ms", "max ms", "lost", "dup.");
	for (size_t i = 0; i < N_WORKLOADS; i++) {
		if (s->only != NULL && strcmp(s->only, workloads[i].name) != 0)
			continue;
		if (!measure(s, &workloads[i], &results[n]))
			return 1;
		print_result(&results[n]);
		status |= results[n].lost != 0 || results[n].refused != 0;
		n++;
	}
	if (s->json != NULL)
		write_json(s->json, results, n);
	if (status != 0)
		fprintf(stderr, "hookswitch-bench: events were lost or refused\n");
	return status;
}

static void
usage(FILE *out)
{
	fputs("Usage: hookswitch-bench [OPTION...]\n"
	      "\n"
	      "  --hookswitch FILE   the daemon's program (./hookswitch)\n"
	      "  --plugin-dir DIR    its plugins (plugins/.libs)\n"
	      "  --events N          of a workload (200000)\n"
	      "  --quick             20000 events\n"
	      "  --only NAME         one workload:",
		out);
	for (size_t i = 0; i < N_WORKLOADS; i++)
		fprintf(out, " %s (%s)%s", workloads[i].name, workloads[i].about,
			i + 1 < N_WORKLOADS ? "," : "\n");
	fputs("  --producers N       connections (64)\n"
	      "  --workers N         of the daemon (auto)\n"
	      "  --body-size N       bytes of a request's body at least (1200)\n"
	      "  --port N            of the daemon (18090)\n"
	      "  --store TEXT        what [store] says, with ; between the lines (a new SQLite "
	      "file)\n"
	      "  --server PID        that store's server: its CPU, with that of its children, is "
	      "told, too\n"
	      "  --json FILE         write the figures there, too\n",
		out);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = { { "hookswitch", required_argument, NULL, 'p' },
		{ "plugin-dir", required_argument, NULL, 'd' },
		{ "events", required_argument, NULL, 'n' }, { "quick", no_argument, NULL, 'q' },
		{ "only", required_argument, NULL, 'o' },
		{ "producers", required_argument, NULL, 'c' },
		{ "workers", required_argument, NULL, 'w' },
		{ "body-size", required_argument, NULL, 'b' },
		{ "store", required_argument, NULL, 's' }, { "port", required_argument, NULL, 'P' },
		{ "server", required_argument, NULL, 'S' },
		{ "json", required_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 } };
	char plugin_dir[4096];
	struct settings s = { .program = "./hookswitch",
		.plugin_dir = "plugins/.libs",
		.events = 200000,
		.producers = 64,
		.body_bytes = 1200,
		.port = 18090 };
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			s.program = optarg;
			break;
		case 'd':
			s.plugin_dir = optarg;
			break;
		case 'n':
			s.events = strtoll(optarg, NULL, 10);
			break;
		case 'q':
			s.events = 20000;
			break;
		case 'o':
			s.only = optarg;
			break;
		case 'c':
			s.producers = (int)strtol(optarg, NULL, 10);
			break;
		case 'w':
			s.workers = (int)strtol(optarg, NULL, 10);
			break;
		case 'b':
			s.body_bytes = (int)strtol(optarg, NULL, 10);
			break;
		case 'P':
			s.port = (uint16_t)strtol(optarg, NULL, 10);
			break;
		case 's':
			s.store = optarg;
			break;
		case 'S':
			s.server = (int)strtol(optarg, NULL, 10);
			break;
		case 'j':
			s.json = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (s.events < 1 || s.producers < 1 || realpath(s.plugin_dir, plugin_dir) == NULL) {
		usage(stderr);
		return 2;
	}
	if (s.only != NULL && !is_workload(s.only)) {
		fprintf(stderr, "hookswitch-bench: %s: no such workload, see --help\n", s.only);
		return 2;
	}
	s.plugin_dir = plugin_dir;
	return run(&s);
}
