/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ws.c - WebSocket clients that cost little: of all but the first one the kernel throws the bytes away
 * (MSG_TRUNC) and only their number is kept. All events are equally long, so each client must get as many
 * bytes as the first one, which counts events and their age.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK (1 << 20)
#define N_DIGITS 12 /* of an event's number, before its clock; as load.c makes them */

struct ws_clients {
	struct load *load;
	int *fds;
	size_t len;
	unsigned char in[CHUNK]; /* of the first one */
};

static void
die(const char *what)
{
	fprintf(stderr, "hookswitch-bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int
connect_one(const struct load *l)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(l->daemon_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char text[512];

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		die("connect");
	int n = snprintf(text, sizeof(text),
		"GET /ws/bench HTTP/1.1\r\nHost: 127.0.0.1\r\ntoken: %s\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
		l->token);
	if (send(fd, text, (size_t)n, MSG_NOSIGNAL) != n)
		die("send");
	if (recv(fd, text, sizeof(text), 0) < 12 || memcmp(text, "HTTP/1.1 101", 12) != 0) {
		errno = EPROTO;
		die("upgrade");
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

struct ws_clients *
ws_connect(struct load *l)
{
	struct ws_clients *ws = calloc(1, sizeof(*ws));
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	ws->load = l;
	ws->fds = calloc((size_t)l->ws_clients, sizeof(ws->fds[0]));
	ws->fds[0] = connect_one(l);
	return ws;
}

void
ws_connect_others(struct ws_clients *ws)
{
	for (int i = 1; i < ws->load->ws_clients; i++)
		ws->fds[i] = connect_one(ws->load);
}

int
ws_fd(const struct ws_clients *ws, int number)
{
	return ws->fds[number];
}

static void
record(struct load *l, const unsigned char *text, size_t n)
{
	static const char marker[] = "\"bench ";
	const char *at = memmem(text, n, marker, sizeof(marker) - 1);

	if (at == NULL)
		return;
	at += sizeof(marker) - 1;
	int64_t number = strtoll(at, NULL, 10), clock = strtoll(at + N_DIGITS + 1, NULL, 10);
	if (number >= l->events || l->seen[number / 8] & 1 << number % 8) {
		l->duplicates++;
		return;
	}
	l->seen[number / 8] |= (unsigned char)(1 << number % 8);
	l->ws_one_events++;
	histogram_add(&l->arrival, now_ns() - clock);
}

/* The length of the frame at the start of the buffer, with its head; 0: it is not complete. */
static size_t
frame_length(const unsigned char *p, size_t len, size_t *head)
{
	size_t n = len >= 2 ? p[1] : 0;

	*head = n == 127 ? 10 : n == 126 ? 4 : 2;
	if (len < *head)
		return 0;
	if (*head > 2)
		n = 0;
	for (size_t i = 2; i < *head; i++)
		n = n << 8 | p[i];
	return *head + n <= len ? *head + n : 0;
}

static bool
read_first(struct ws_clients *ws)
{
	ssize_t n = read(ws->fds[0], ws->in + ws->len, sizeof(ws->in) - ws->len);
	size_t at = 0, head, length;

	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	ws->load->ws_bytes += n;
	ws->load->ws_one_bytes += n;
	ws->len += (size_t)n;
	for (; (length = frame_length(ws->in + at, ws->len - at, &head)) > 0; at += length)
		record(ws->load, ws->in + at + head, length - head);
	ws->len -= at;
	memmove(ws->in, ws->in + at, ws->len);
	return true;
}

bool
ws_read(struct ws_clients *ws, int number)
{
	ws->load->last_arrival_ns = now_ns();
	if (number == 0)
		return read_first(ws);
	ssize_t n = recv(ws->fds[number], NULL, CHUNK, MSG_TRUNC);
	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	ws->load->ws_bytes += n;
	return true;
}

bool
ws_is_done(const struct load *l)
{
	return l->ws_clients == 0 ||
		(l->ws_one_events >= l->events && l->ws_bytes >= l->ws_one_bytes * l->ws_clients);
}

void
ws_free(struct ws_clients *ws)
{
	if (ws == NULL)
		return;
	for (int i = 0; i < ws->load->ws_clients; i++)
		close(ws->fds[i]);
	free(ws->fds);
	free(ws);
}
