/* SPDX-License-Identifier: Apache-2.0 */
/* test_sink_syslog_silent.c - sink-syslog: machines that do not answer. The plugin finds this file's getaddrinfo. */
#include "syslog_rig.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

#define SEVERAL 10    /* addresses of several.example: a silent one, then the peer's */
#define SHARE_MS 1000 /* of the ten seconds that a connection may take */
#define PROMPT_MS 3000

static struct peer peer;

static void
setup(void)
{
	syslog_rig_setup();
	memset(&peer, 0, sizeof(peer));
}

typedef int getaddrinfo_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

__attribute__((visibility("default"))) int
getaddrinfo(
	const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	getaddrinfo_fn *real = (getaddrinfo_fn *)dlsym(RTLD_NEXT, "getaddrinfo");
	const struct addrinfo number = { .ai_socktype = hints->ai_socktype,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	int rc = 0;

	if (strcmp(node, "several.example") != 0 || (hints->ai_flags & AI_NUMERICHOST) != 0)
		return real(node, service, hints, out);
	for (int i = 0; i < SEVERAL && rc == 0; i++) {
		rc = real(i == 0 ? "127.0.0.2" : "127.0.0.1", service, &number, out);
		out = &(*out)->ai_next;
	}
	return rc;
}

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Listens on the peer's port, but nothing reaches it. */
static int
silent_open(const char *address)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)peer.port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	inet_pton(AF_INET, address, &a.sin_addr);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(fd, 16), 0);
	peer_deafen(fd);
	return fd;
}

START_TEST(a_silent_address_does_not_hide_the_next)
{
	char target[64];

	peer_open(&peer, AF_INET, SOCK_STREAM);
	int silent = silent_open("127.0.0.2");
	snprintf(target, sizeof(target), "tcp://several.example:%u", peer.port);
	struct hsw_handle *h = OPEN_SYSLOG(target, NULL);
	int64_t begun_ms = now_ms();
	struct hsw_delivery *d = put_number(h, 1);
	peer_wait(h, &peer, 1);
	ck_assert_int_eq(fake_wait(d)->outcome, HSW_DELIVERED);
	int64_t took_ms = now_ms() - begun_ms;
	ck_assert_int_ge(took_ms, SHARE_MS - 100);
	ck_assert_int_lt(took_ms, PROMPT_MS);
	fake_close(h);
	close(silent);
	peer_close(&peer);
}
END_TEST

/* Connecting, waiting for acknowledgements, connecting again. */
#define VERDICT_MS (10000 + 20000 + 10000)

START_TEST(the_daemons_deadline_is_behind_the_sinks_own)
{
	const struct {
		int family, type;
		int64_t postponed_ms;
	} cases[] = { { AF_INET, SOCK_STREAM, VERDICT_MS }, { AF_INET, SOCK_DGRAM, VERDICT_MS },
		{ AF_UNIX, SOCK_DGRAM, 0 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&peer, 0, sizeof(peer));
		peer_open(&peer, cases[i].family, cases[i].type);
		struct hsw_handle *h = OPEN_SYSLOG(peer_target(&peer), NULL);
		struct hsw_delivery *d = put_number(h, 1);
		ck_assert_int_eq(fake_wait(d)->postponed_ms, cases[i].postponed_ms);
		fake_close(h);
		peer_close(&peer);
	}
}
END_TEST

UNIT_MAIN_WITH("sink-syslog-silent", setup, syslog_rig_teardown,
	a_silent_address_does_not_hide_the_next, the_daemons_deadline_is_behind_the_sinks_own)
