/* SPDX-License-Identifier: Apache-2.0 */
/* syslog_rig.c - see syslog_rig.h. */
#include "syslog_rig.h"

#include <arpa/inet.h>
#include <check.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TURN_MS 2
#define TURNS_MAX 5000

static char folder[] = "/tmp/hookswitch-test-syslog-XXXXXX";

void
syslog_rig_setup(void)
{
	snprintf(folder, sizeof(folder), "/tmp/hookswitch-test-syslog-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	signal(SIGPIPE, SIG_IGN);
}

void
syslog_rig_teardown(void)
{
	ck_assert_int_eq(rmdir(folder), 0);
}

/* ---- the collector -------------------------------------------------------------------------- */

static void
bind_inet(struct peer *p)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)p->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	const int on = 1;

	setsockopt(p->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	ck_assert_int_eq(bind(p->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(getsockname(p->listener, (struct sockaddr *)&a, &len), 0);
	p->port = ntohs(a.sin_port);
}

static void
bind_unix(struct peer *p)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (p->path[0] == '\0')
		snprintf(p->path, sizeof(p->path), "%s/socket", folder);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", p->path);
	ck_assert_int_eq(bind(p->listener, (struct sockaddr *)&a, sizeof(a)), 0);
}

void
peer_bind(struct peer *p, int family, int type)
{
	p->family = family;
	p->type = type;
	p->fd = -1;
	p->reads = true;
	p->listener = socket(family, type | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(p->listener, 0);
	if (family == AF_UNIX)
		bind_unix(p);
	else
		bind_inet(p);
}

void
peer_listen(struct peer *p)
{
	if (p->type == SOCK_STREAM)
		ck_assert_int_eq(listen(p->listener, 16), 0);
}

void
peer_open(struct peer *p, int family, int type)
{
	peer_bind(p, family, type);
	peer_listen(p);
}

void
peer_hang_up(struct peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

void
peer_close(struct peer *p)
{
	peer_hang_up(p);
	close(p->listener);
	if (p->family == AF_UNIX)
		unlink(p->path);
}

void
peer_deafen(int fd)
{
	struct sock_filter none[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	const struct sock_fprog program = { .len = 1, .filter = none };

	ck_assert_int_eq(
		setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
}

const char *
peer_target(const struct peer *p)
{
	static char text[128];

	if (p->family == AF_UNIX)
		snprintf(text, sizeof(text), "unix:%s", p->path);
	else
		snprintf(text, sizeof(text), "%s://127.0.0.1:%u",
			p->type == SOCK_DGRAM ? "udp" : "tcp", p->port);
	return text;
}

static void
peer_turn(struct peer *p)
{
	if (p->type == SOCK_STREAM) {
		int fd = accept4(p->listener, NULL, NULL, SOCK_NONBLOCK);
		if (fd >= 0) {
			peer_hang_up(p);
			p->fd = fd;
			p->accepted++;
		}
	}
	int from = p->type == SOCK_STREAM ? p->fd : p->listener;
	if (from < 0 || !p->reads)
		return;
	ssize_t n = recv(from, p->got + p->len, sizeof(p->got) - 1 - p->len, MSG_DONTWAIT);
	if (n > 0)
		p->len += (size_t)n;
}

void
peer_wait(struct hsw_handle *h, struct peer *p, size_t len)
{
	for (int i = 0; p->len < len; i++) {
		ck_assert_int_lt(i, TURNS_MAX);
		fake_run(h, TURN_MS);
		peer_turn(p);
	}
	fake_run(h, TURN_MS);
	peer_turn(p);
}

void
peer_wait_accepted(struct hsw_handle *h, struct peer *p, unsigned n)
{
	for (int i = 0; p->accepted < n; i++) {
		ck_assert_int_lt(i, TURNS_MAX);
		fake_run(h, TURN_MS);
		peer_turn(p);
	}
}

const char *
peer_take(struct peer *p)
{
	p->got[p->len] = '\0';
	p->len = 0;
	return p->got;
}

/* ---- the sink ------------------------------------------------------------------------------- */

struct hsw_handle *
open_syslog(const char *const *options)
{
	struct hsw_error err = { "" };
	struct hsw_handle *h = fake_open("sink-syslog", options, &err);

	ck_assert_msg(h != NULL, "%s", err.text);
	return h;
}

struct hsw_delivery *
put_event(struct hsw_handle *h, const struct fake_event *event)
{
	const struct hsw_envelope *env = fake_envelope_new(event);
	struct hsw_delivery *d = fake_deliver(h, env, 1);

	fake_unref(env);
	return d;
}

struct hsw_delivery *
put_number(struct hsw_handle *h, int number)
{
	char json[32];
	int len = snprintf(json, sizeof(json), "{\"n\":%d}", number);
	const struct fake_piece piece = { .bytes = json, .len = (size_t)len };

	return put_event(h, &(struct fake_event){ .pieces = &piece, .count = 1 });
}

const char *
body_of(const char *message)
{
	const char *end = strstr(message, "\"] ");

	ck_assert_ptr_nonnull(end);
	return end + 3;
}
