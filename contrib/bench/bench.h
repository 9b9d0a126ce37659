/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench.h - what the files of hookswitch-bench share.
 *
 * The producers and the receiver run in one thread on one epoll loop, without any library: they share the
 * machine's cores with the daemon that is measured, so they must cost little. One read and one write a
 * request on both sides.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int64_t now_ns(void); /* CLOCK_MONOTONIC, the one clock of senders and receiver */

/* ---- histogram.c: latencies, to 1 % ---- */

struct histogram {
	uint64_t buckets[64 * 64];
	uint64_t n;
	int64_t max;
};

void histogram_add(struct histogram *, int64_t ns);
double histogram_ms(const struct histogram *, double quantile);

/* ---- load.c ---- */

struct load {
	/* what to do */
	uint16_t daemon_port, receiver_port;
	int producers;
	int64_t events;
	int64_t rate;   /* events/s; 0: as fast as they are answered */
	int sinks;      /* webhook sinks that each get every event; 0: nothing is received */
	int ws_clients; /* WebSocket clients that each get every event */
	int body_bytes; /* of a request, at least; the text is filled up */
	const char *token;
	const char
		*store; /* what [store] says, with ; between the lines; NULL: a new SQLite file */
	/* what was seen */
	int64_t first_ns, last_sent_ns, last_arrival_ns;
	int64_t answered, refused, arrived, duplicates;
	struct histogram answer, arrival;
	unsigned char *seen;                 /* a bit for each event and sink */
	int64_t ws_bytes;                    /* that all WebSocket clients got */
	int64_t ws_one_bytes, ws_one_events; /* what the first of them got */
};

/* Listens for the deliveries; before the daemon starts. The socket, or -1. */
int load_listen(struct load *);
struct ws_clients;
/* Sends everything and waits until it has arrived; gives up after 60 s without progress. ws: NULL without
 * WebSocket clients. */
void load_run(struct load *, int listening, struct ws_clients *ws);
void load_free(struct load *);

/* ---- ws.c ---- */

struct ws_clients; /* connections to /ws/bench */

/* Connects the first of them; ends the program if that fails. */
struct ws_clients *ws_connect(struct load *);
void ws_connect_others(struct ws_clients *);
/* Their descriptors; the first one's bytes are looked at, the others' only counted. */
int ws_fd(const struct ws_clients *, int number);
/* Takes what has come to one of them. false: the daemon closed it. */
bool ws_read(struct ws_clients *, int number);
/* Whether all have got everything. */
bool ws_is_done(const struct load *);
void ws_free(struct ws_clients *);

/* ---- daemon.c ---- */

struct daemon {
	int pid;
	char folder[200];
};

struct usage {
	double user_s, system_s;
	long peak_kb, now_kb;
};

/* Writes a configuration into a new folder and starts the daemon. false: told on stderr. */
bool daemon_start(struct daemon *, const char *program, const char *plugin_dir, const struct load *,
	bool file_sink, int workers);
struct usage daemon_usage(const struct daemon *);
/* CPU seconds of the store's server: the process that its others are children of, these and those that have ended.
 * 0: there is none. */
double server_cpu_s(int pid);
/* Lines of the file sink's file. */
int64_t daemon_file_lines(const struct daemon *);
void daemon_stop(struct daemon *);

#endif
