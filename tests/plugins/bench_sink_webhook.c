/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_sink_webhook.c - what a delivery of sink-webhook costs: CPU of this process, which is the
 * plugin and a thin host, against a receiver in a process of its own that answers at once over
 * kept-alive connections.
 *
 *   bench_sink_webhook [DELIVERIES [IN_FLIGHT [BODY_BYTES [URL]]]]
 */
#include <hookswitch/harness.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#define CONNECTIONS_MAX 4096
#define READ_BYTES (256 * 1024)

struct run {
	struct hsw_handle *handle;
	const struct hsw_envelope *env;
	long left, failed;
	unsigned in_flight;
};

/* ---- the receiver: one read and one write a request ------------------------------------------ */

static int
listen_on_loopback(struct sockaddr_in *a)
{
	socklen_t len = sizeof(*a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*a = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (fd < 0 || bind(fd, (struct sockaddr *)a, sizeof(*a)) != 0 ||
		listen(fd, CONNECTIONS_MAX) != 0)
		return -1;
	return getsockname(fd, (struct sockaddr *)a, &len) == 0 ? fd : -1;
}

/* Bytes of a connection's request that are still to come; -1: its head is. */
static long missing[CONNECTIONS_MAX];

static long
body_rest(char *bytes, ssize_t n)
{
	bytes[n] = '\0';
	const char *end = strstr(bytes, "\r\n\r\n");
	const char *length = strcasestr(bytes, "\r\nContent-Length:");

	if (end == NULL || length == NULL)
		return -1;
	return strtol(length + 17, NULL, 10) - (bytes + n - (end + 4));
}

static void
answer(int fd, char *bytes)
{
	static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	ssize_t n = read(fd, bytes, READ_BYTES);

	if (n <= 0) {
		close(fd);
		return;
	}
	missing[fd] = missing[fd] < 0 ? body_rest(bytes, n) : missing[fd] - n;
	if (missing[fd] != 0)
		return;
	missing[fd] = -1;
	if (write(fd, ok, sizeof(ok) - 1) < 0)
		close(fd);
}

static void
receive(int listener)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = listener }, ready[64];
	int ep = epoll_create1(0);
	char *bytes = malloc(READ_BYTES + 1);

	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev);
	for (;;) {
		int n = epoll_wait(ep, ready, 64, -1);
		for (int i = 0; i < n; i++) {
			if (ready[i].data.fd != listener) {
				answer(ready[i].data.fd, bytes);
				continue;
			}
			int fd = accept(listener, NULL, NULL);
			ev = (struct epoll_event){ .events = EPOLLIN, .data.fd = fd };
			missing[fd] = -1;
			epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
		}
	}
}

/* ---- the sender ----------------------------------------------------------------------------- */

static void
on_done(struct hsw_delivery *d, void *arg)
{
	struct run *r = arg;
	const struct fake_result *result = fake_result(d);

	if (result->outcome != HSW_DELIVERED && r->failed++ == 0)
		fprintf(stderr, "not delivered: %s\n", result->text);
	fake_forget(d);
	r->in_flight--;
	if (r->left > 0) {
		r->left--;
		r->in_flight++;
		fake_deliver(r->handle, r->env, 1);
	}
}

static double
seconds(struct timeval tv)
{
	return (double)tv.tv_sec + (double)tv.tv_usec / 1e6;
}

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Brings n deliveries through, `window` at a time; prints what they cost. */
static void
measure(struct run *r, long n, long window, bool print)
{
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	double start = now();
	r->left = n > window ? n - window : 0;
	for (long i = 0; i < window && i < n; i++) {
		r->in_flight++;
		fake_deliver(r->handle, r->env, 1);
	}
	while (r->in_flight > 0)
		event_base_loop(fake_base(r->handle), EVLOOP_ONCE);
	double wall = now() - start;
	getrusage(RUSAGE_SELF, &after);
	double user = seconds(after.ru_utime) - seconds(before.ru_utime);
	double sys = seconds(after.ru_stime) - seconds(before.ru_stime);
	if (print)
		printf("in_flight=%ld rate=%.0f/s user=%.2f sys=%.2f cpu=%.2f us/delivery "
		       "failed=%ld "
		       "connections=%lld rss=%ld KB\n",
			window, (double)n / wall, user / (double)n * 1e6, sys / (double)n * 1e6,
			(user + sys) / (double)n * 1e6, r->failed,
			(long long)fake_counted(r->handle, "connections"), after.ru_maxrss);
}

static const struct hsw_envelope *
body_of(long bytes)
{
	char *json = malloc((size_t)bytes + 1);

	memset(json, 'x', (size_t)bytes);
	json[0] = json[bytes - 1] = '"';
	json[bytes] = '\0';
	const struct hsw_envelope *env = fake_envelope_text(json);
	free(json);
	return env;
}

static long
argument(int argc, char **argv, int i, long otherwise)
{
	return argc > i ? strtol(argv[i], NULL, 10) : otherwise;
}

int
main(int argc, char **argv)
{
	long n = argument(argc, argv, 1, 200000), window = argument(argc, argv, 2, 32);
	struct sockaddr_in a;
	struct hsw_error err = { "" };
	char url[256];
	int listener = listen_on_loopback(&a);
	pid_t receiver = fork();

	if (receiver == 0) {
		prctl(PR_SET_NAME, "receiver"); /* told apart by profilers */
		receive(listener);
	}
	close(listener);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/hook", ntohs(a.sin_port));
	const char *const options[] = { "url", argc > 4 ? argv[4] : url, "authorization",
		"Bearer token", NULL };
	struct run r = { .handle = fake_open("sink-webhook", options, &err) };
	if (r.handle == NULL) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	r.env = body_of(argument(argc, argv, 3, 1200));
	fake_on_done(r.handle, on_done, &r);
	measure(&r, window * 10, window, false);
	measure(&r, n, window, true);
	fake_unref(r.env);
	fake_close(r.handle);
	kill(receiver, SIGTERM);
	waitpid(receiver, NULL, 0);
	return r.failed > 0;
}
