/* SPDX-License-Identifier: Apache-2.0 */
/*
 * suite_live.c - what every sink of HSW_SINK_LIVE must do with broadcasts and connections. What it says on them is a
 * protocol of its own, and not known here.
 */
#include "suite.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "expect.h"

#define MANY 3000
#define FEW 50
#define TURN_MS 20
#define RELEASE_TURNS 500
#define INSTANCE "sales" /* of fake_subject_envelope */
#define STRANGER "nobody-knows-it"

/* The client's end of a connection. */
struct peer {
	int fd;
	bool is_adopted;
	unsigned released;
	pthread_t thread;
};

static bool
is_hung_up(const struct peer *p)
{
	struct pollfd f = { .fd = p->fd, .events = POLLIN };

	return poll(&f, 1, 0) == 1 && (f.revents & POLLHUP) != 0;
}

static void
on_released(void *token)
{
	struct peer *p = token;

	p->released++;
	expect_that(p->released == 1, "released was called again");
	expect_that(pthread_equal(p->thread, pthread_self()),
		"released was called on a thread that is not the handle's");
	expect_that(p->fd < 0 || is_hung_up(p), "released was called before fd was closed");
}

/* Offers a connection. What the sink refuses stays open, and is closed here. */
static void
connect_peer(struct hsw_handle *h, struct peer *p)
{
	int fds[2];

	expect_that(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0,
		"there is no socket");
	*p = (struct peer){ .fd = fds[0], .thread = pthread_self() };
	const struct hsw_conn conn = { .size = sizeof(conn),
		.fd = fds[1],
		.instance = { INSTANCE, sizeof(INSTANCE) - 1 },
		.key = { "dGhlIHNhbXBsZSBub25jZQ==", 24 },
		.early = { "", 0 },
		.released = on_released,
		.token = p };
	p->is_adopted = fake_adopt(h, &conn) == HSW_OK;
	if (p->is_adopted)
		return;
	expect_that(!is_hung_up(p) && p->released == 0,
		"a connection that adopt refused was closed or released");
	close(fds[1]);
}

static void
hang_up(struct peer *p)
{
	close(p->fd);
	p->fd = -1;
}

static void
broadcast(struct hsw_handle *h, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct hsw_envelope *e = fake_subject_envelope(i);
		fake_broadcast(h, e, i % 2 == 0 ? 0 : HSW_TOKEN | HSW_MEDIA);
		fake_unref(e);
	}
}

/* The operations that the sink has, for an instance, or for all of them. */
static void
send_away(const struct fake_subject *s, struct hsw_handle *h, const char *instance, uint32_t flags)
{
	const struct hsw_sink_ops *ops = s->plugin->ops;

	if (SUITE_HAS(ops, expel))
		fake_expel(h, instance, flags, "the test ends it");
	if (instance != NULL && flags == 0 && SUITE_HAS(ops, dismiss))
		fake_dismiss(h, instance);
}

static void
configure(const struct fake_subject *s, struct hsw_handle *h)
{
	const struct hsw_sink_ops *ops = s->plugin->ops;
	struct hsw_error err = { "" };

	if (SUITE_HAS(ops, configure) && fake_configure(h, s->options, &err) != HSW_OK)
		fake_fail("configure: %s", err.text);
}

void
fake_live_through(const struct fake_subject *s)
{
	struct hsw_handle *h = fake_subject_open(s);
	struct peer p, other;

	broadcast(h, FEW);
	connect_peer(h, &p);
	connect_peer(h, &other);
	broadcast(h, FEW);
	fake_run(h, 1);
	configure(s, h);
	fake_reopen(h);
	send_away(s, h, STRANGER, 0);
	hang_up(&other);
	fake_run(h, 1);
	send_away(s, h, INSTANCE, 0);
	broadcast(h, FEW);
	fake_run(h, 1);
	fake_drain(h);
	fake_close(h);
	hang_up(&p);
}

/* ---- the tests ---- */

static void
broadcasts_to_nobody_are_forgotten(const struct fake_subject *s)
{
	struct hsw_handle *h = fake_subject_open(s);

	broadcast(h, MANY);
	fake_run(h, TURN_MS);
	fake_close(h);
}

static void
what_nobody_has_is_not_missed(const struct fake_subject *s)
{
	struct hsw_handle *h = fake_subject_open(s);

	configure(s, h);
	send_away(s, h, STRANGER, 0);
	send_away(s, h, STRANGER, HSW_CONN_ACCOUNT);
	send_away(s, h, NULL, 0);
	broadcast(h, FEW);
	fake_run(h, TURN_MS);
	fake_close(h);
}

static void
a_connection_is_released_once(const struct fake_subject *s)
{
	struct hsw_handle *h = fake_subject_open(s);
	struct peer gone, stays;

	connect_peer(h, &gone);
	connect_peer(h, &stays);
	broadcast(h, FEW);
	fake_run(h, TURN_MS);
	hang_up(&gone);
	for (int i = 0; i < RELEASE_TURNS && gone.is_adopted && gone.released == 0; i++)
		fake_run(h, TURN_MS);
	expect_that(gone.released == gone.is_adopted,
		"the client hung up, and its connection is not released");
	expect_that(stays.released == 0, "a client was hung up because another one left");
	fake_close(h);
	expect_that(stays.released == stays.is_adopted, "a connection is not released at close");
	hang_up(&stays);
}

static void
others_are_not_sent_away(const struct fake_subject *s)
{
	struct hsw_handle *h = fake_subject_open(s);
	struct peer p;

	connect_peer(h, &p);
	send_away(s, h, STRANGER, 0);
	send_away(s, h, INSTANCE, HSW_CONN_ACCOUNT);
	fake_run(h, TURN_MS);
	expect_that(p.released == 0 && !is_hung_up(&p),
		"a client of another instance, or without "
		"the flags that expel asks for, was sent away");
	send_away(s, h, INSTANCE, 0);
	hang_up(&p);
	for (int i = 0; i < RELEASE_TURNS && p.is_adopted && p.released == 0; i++)
		fake_run(h, TURN_MS);
	expect_that(p.released == p.is_adopted, "a client that was sent away is not released");
	fake_close(h);
}

const struct suite_test fake_suite_of_live_sinks[] = {
	{ "broadcasts to nobody are forgotten", broadcasts_to_nobody_are_forgotten },
	{ "what nobody has is not missed", what_nobody_has_is_not_missed },
	{ "a connection is released once", a_connection_is_released_once },
	{ "others are not sent away", others_are_not_sent_away },
	{ NULL, NULL },
};
