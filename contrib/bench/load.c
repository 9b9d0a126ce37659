/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.c - producers and receiver on one epoll loop.
 *
 * The text of message number N is `bench <N> <send clock>`, both of fixed width, so that a prepared request
 * is patched in place and the receiver finds them in the envelope.
 */
#include "bench.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHATS 500
#define STALL_NS 60000000000LL
#define BUFFER 65536
#define N_DIGITS 12
#define CLOCK_DIGITS 20

static const char marker[] = "bench ";

/* Evolution's MESSAGES_UPSERT as v2 sends it; %012d marks what is patched: id, chat, number and clock. */
static const char template[] =
	"{\"event\":\"messages.upsert\",\"instance\":\"bench\",\"data\":{\"key\":{\"remoteJid\":"
	"\"5511900%06d@s.whatsapp.net\",\"fromMe\":false,\"id\":\"3EB0%012lld\"},\"pushName\":"
	"\"Mariana M. Mac\xc3\xaa"
	"do\",\"status\":\"DELIVERY_ACK\",\"message\":{\"conversation\":\"bench %012lld %020lld "
	"%s\","
	"\"messageContextInfo\":{\"deviceListMetadata\":{\"senderKeyHash\":\"2GZdtdx4m0aiRQ==\","
	"\"senderTimestamp\":\"1748701972\",\"senderAccountType\":\"E2EE\",\"receiverAccountType\":"
	"\"E2EE\",\"recipientKeyHash\":\"aGIbAe0okuuVEw==\",\"recipientTimestamp\":\"1748853187\"},"
	"\"deviceListMetadataVersion\":2,\"messageSecret\":"
	"\"peNjpRGGocTlYJph2bn/V2KsuJyq91BgTbucOEMVJpk=\"}},\"contextInfo\":{\"disappearingMode\":"
	"{\"initiator\":\"CHANGED_IN_CHAT\"}},\"messageType\":\"conversation\","
	"\"messageTimestamp\":"
	"1749766171,\"instanceId\":\"188cbb13-bcb7-4d5a-979d-ba0fe75a3ee9\",\"source\":\"web\"},"
	"\"destination\":\"https://hooks.example.com/webhook/"
	"1becb0ac-5488-448e-9797-dbf9594c8a8e\","
	"\"date_time\":\"2025-06-12T19:09:33.212Z\",\"sender\":\"5519998467194@s.whatsapp.net\","
	"\"server_url\":\"https://evolution.example.com\",\"apikey\":"
	"\"00000000-0000-0000-0000-000000000000\"}";

enum kind { LISTENER, PRODUCER, RECEIVER, WS_CLIENT };

struct conn {
	enum kind kind;
	int fd;
	int number;      /* WebSocket client */
	bool is_waiting; /* producer: for its answer */
	int64_t sent_ns;
	char *request; /* producer */
	size_t request_len, chat_at, id_at, number_at, clock_at;
	size_t len;
	struct conn *next; /* receiver: accepted before it */
	char in[BUFFER];
};

struct run {
	struct load *load;
	int epoll;
	struct conn *producers;
	struct conn *receivers; /* all that were accepted, with fd -1 once closed */
	struct ws_clients *ws;
	struct conn *ws_conns; /* all their `in` stays untouched */
	int64_t sent, begin_ns, progress_ns;
	int next;
};

int64_t
now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void
die(const char *what)
{
	fprintf(stderr, "hookswitch-bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
watch(struct run *r, struct conn *c)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

	if (epoll_ctl(r->epoll, EPOLL_CTL_ADD, c->fd, &e) != 0)
		die("epoll");
}

int
load_listen(struct load *l)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 1024) != 0 ||
		getsockname(fd, (struct sockaddr *)&a, &len) != 0)
		die("listen");
	l->receiver_port = ntohs(a.sin_port);
	return fd;
}

/* ---- producers ---- */

static void
put_digits(char *at, int digits, int64_t value)
{
	while (digits-- > 0) {
		at[digits] = (char)('0' + value % 10);
		value /= 10;
	}
}

static size_t
offset_of(const struct conn *c, const char *text)
{
	const char *at = memmem(c->request, c->request_len, text, strlen(text));

	return (size_t)(at - c->request) + strlen(text);
}

static void
make_request(struct conn *c, const struct load *l)
{
	int bare = snprintf(NULL, 0, template, 0, 0LL, 0LL, 0LL, "");
	int fill = l->body_bytes > bare ? l->body_bytes - bare : 0;
	char *filling = malloc((size_t)fill + 1), *body = NULL;

	memset(filling, 'x', (size_t)fill);
	filling[fill] = '\0';
	int n = asprintf(&body, template, 0, 0LL, 0LL, 0LL, filling);
	n = asprintf(&c->request,
		"POST /in/evolution/bench HTTP/1.1\r\nHost: 127.0.0.1:%d\r\ntoken: %s\r\n"
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		l->daemon_port, l->token, n, body);
	if (n < 0)
		die("request");
	c->request_len = (size_t)n;
	c->chat_at = offset_of(c, "5511900");
	c->id_at = offset_of(c, "3EB0");
	c->number_at = offset_of(c, "\"bench ");
	c->clock_at = c->number_at + N_DIGITS + 1;
	free(filling);
	free(body);
}

static void
send_one(struct run *r, struct conn *c)
{
	int64_t n = r->sent++;

	c->sent_ns = now_ns();
	if (n == 0)
		r->load->first_ns = c->sent_ns;
	r->load->last_sent_ns = c->sent_ns;
	put_digits(c->request + c->chat_at, 6, n % CHATS);
	put_digits(c->request + c->id_at, N_DIGITS, n);
	put_digits(c->request + c->number_at, N_DIGITS, n);
	put_digits(c->request + c->clock_at, CLOCK_DIGITS, c->sent_ns);
	c->is_waiting = true;
	if (send(c->fd, c->request, c->request_len, MSG_NOSIGNAL) != (ssize_t)c->request_len)
		die("send");
}

/* In a measured rate, everything that is due by now, on producers that are free. */
static void
send_due(struct run *r)
{
	const struct load *l = r->load;
	int64_t due = (int64_t)((double)(now_ns() - r->begin_ns) * (double)l->rate / 1e9);

	for (int i = 0; i < l->producers && r->sent < due && r->sent < l->events; i++) {
		r->next = (r->next + 1) % l->producers;
		if (!r->producers[r->next].is_waiting)
			send_one(r, &r->producers[r->next]);
	}
}

/* The length of the message at the start of the buffer; 0: it is not complete. */
static size_t
message_length(const struct conn *c, const char **body)
{
	const char *end = memmem(c->in, c->len, "\r\n\r\n", 4);
	const char *length = end != NULL ? memmem(c->in, (size_t)(end - c->in), "ontent-", 7)
					 : NULL;
	size_t n = 0;

	while (length != NULL && strncasecmp(length, "ontent-length:", 14) != 0)
		length = memmem(length + 7, (size_t)(end - length - 7), "ontent-", 7);
	if (end == NULL)
		return 0;
	if (length != NULL)
		n = strtoul(length + 14, NULL, 10);
	*body = end + 4;
	n += (size_t)(*body - c->in);
	return n <= c->len ? n : 0;
}

static void
consume(struct conn *c, size_t n)
{
	c->len -= n;
	memmove(c->in, c->in + n, c->len);
}

static void
on_answer(struct run *r, struct conn *c)
{
	const char *body;
	size_t n = message_length(c, &body);
	struct load *l = r->load;

	if (n == 0)
		return;
	if (memcmp(c->in, "HTTP/1.1 202", 12) == 0)
		l->answered++;
	else
		l->refused++;
	histogram_add(&l->answer, now_ns() - c->sent_ns);
	consume(c, n);
	c->is_waiting = false;
	if (l->rate == 0 && r->sent < l->events)
		send_one(r, c);
}

/* ---- the receiver ---- */

static void
record(struct run *r, const char *head, const char *body, size_t n)
{
	struct load *l = r->load;
	const char *at = memmem(body, n, marker, sizeof(marker) - 1);
	int64_t now = now_ns();

	if (at == NULL)
		return;
	at += sizeof(marker) - 1;
	int64_t number = strtoll(at, NULL, 10), clock = strtoll(at + N_DIGITS + 1, NULL, 10);
	int64_t bit = number * l->sinks + strtol(head + sizeof("POST /s") - 1, NULL, 10);
	if (number >= l->events || l->seen[bit / 8] & 1 << bit % 8) {
		l->duplicates++;
		return;
	}
	l->seen[bit / 8] |= (unsigned char)(1 << bit % 8);
	l->arrived++;
	l->last_arrival_ns = now;
	histogram_add(&l->arrival, now - clock);
}

static void
on_delivery(struct run *r, struct conn *c)
{
	static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	const char *body;
	size_t n;

	while ((n = message_length(c, &body)) != 0) {
		record(r, c->in, body, n - (size_t)(body - c->in));
		consume(c, n);
		if (send(c->fd, ok, sizeof(ok) - 1, MSG_NOSIGNAL) < 0)
			return;
	}
}

static void
on_listener(struct run *r, struct conn *listener)
{
	struct conn *c = calloc(1, sizeof(*c));
	const int on = 1;

	c->kind = RECEIVER;
	c->fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (c->fd < 0) {
		free(c);
		return;
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->next = r->receivers;
	r->receivers = c;
	watch(r, c);
}

static void
free_receivers(struct run *r)
{
	for (struct conn *c; (c = r->receivers) != NULL;) {
		r->receivers = c->next;
		if (c->fd >= 0)
			close(c->fd);
		free(c);
	}
}

static void
on_readable(struct run *r, struct conn *c)
{
	if (c->kind == LISTENER) {
		on_listener(r, c);
		return;
	}
	if (c->kind == WS_CLIENT) {
		r->progress_ns = now_ns();
		if (!ws_read(r->ws, c->number))
			die("the daemon closed a WebSocket");
		return;
	}
	ssize_t n = read(c->fd, c->in + c->len, sizeof(c->in) - c->len);
	if (n <= 0) {
		if (n < 0 && errno == EAGAIN)
			return;
		if (c->kind == PRODUCER)
			die("the daemon closed a connection");
		close(c->fd);
		c->fd = -1;
		return;
	}
	c->len += (size_t)n;
	r->progress_ns = now_ns();
	if (c->kind == PRODUCER)
		on_answer(r, c);
	else
		on_delivery(r, c);
}

/* ---- the run ---- */

static void
connect_producers(struct run *r)
{
	struct load *l = r->load;
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons(l->daemon_port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int on = 1;

	r->producers = calloc((size_t)l->producers, sizeof(r->producers[0]));
	for (int i = 0; i < l->producers; i++) {
		struct conn *c = &r->producers[i];
		c->kind = PRODUCER;
		c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(c->fd, (struct sockaddr *)&a, sizeof(a)) != 0)
			die("connect");
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		make_request(c, l);
		watch(r, c);
	}
}

static void
watch_ws(struct run *r, struct ws_clients *ws)
{
	r->ws = ws;
	r->ws_conns = calloc((size_t)r->load->ws_clients, sizeof(r->ws_conns[0]));
	for (int i = 0; i < r->load->ws_clients; i++) {
		struct conn *c = &r->ws_conns[i];
		c->kind = WS_CLIENT;
		c->fd = ws_fd(ws, i);
		c->number = i;
		watch(r, c);
	}
}

static bool
is_done(const struct run *r)
{
	const struct load *l = r->load;

	return l->answered + l->refused == l->events && l->arrived >= l->events * l->sinks &&
		ws_is_done(l);
}

void
load_run(struct load *l, int listening, struct ws_clients *ws)
{
	struct run r = { .load = l, .epoll = epoll_create1(EPOLL_CLOEXEC) };
	struct conn *listener = calloc(1, sizeof(*listener));
	struct epoll_event events[256];

	l->seen = calloc((size_t)(l->events * (l->sinks + 1)) / 8 + 1, 1);
	listener->kind = LISTENER;
	listener->fd = listening;
	watch(&r, listener);
	watch_ws(&r, ws);
	connect_producers(&r);
	r.begin_ns = r.progress_ns = now_ns();
	for (int i = 0; i < l->producers && l->rate == 0 && r.sent < l->events; i++)
		send_one(&r, &r.producers[i]);
	while (!is_done(&r) && now_ns() - r.progress_ns < STALL_NS) {
		int n = epoll_wait(r.epoll, events, 256, l->rate > 0 ? 1 : 1000);
		for (int i = 0; i < n; i++)
			on_readable(&r, events[i].data.ptr);
		if (l->rate > 0)
			send_due(&r);
	}
	for (int i = 0; i < l->producers; i++) {
		close(r.producers[i].fd);
		free(r.producers[i].request);
	}
	free(r.producers);
	free_receivers(&r);
	free(r.ws_conns);
	free(listener);
	close(r.epoll);
}

void
load_free(struct load *l)
{
	free(l->seen);
	l->seen = NULL;
}
