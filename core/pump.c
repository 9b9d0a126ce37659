/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pump.c - see pump.h.
 *
 *     client == transport (far) ==> in ==> near ----- the plain end
 *                               <== out <==
 *
 * Each direction has one buffer, which exists while it holds something; nothing is read for a direction until
 * its buffer is empty, so whoever does not read holds up the other, as with one socket.
 */
#include "pump.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event_struct.h>

#include <hookswitch/plugin.h>

#define BUFFER_BYTES 16384 /* a record of TLS at most (RFC 8446 section 5.1) */
#define TURNS_MAX 16       /* of one call: others want the loop, too */
#define LINGER_S 5         /* for what is left when the plain end is closed */

struct lane {
	char *data; /* NULL: empty */
	size_t at, len;
	bool has_ended;  /* nothing more comes in */
	bool was_passed; /* and the other side was told */
};

struct pump {
	struct pump *next;
	struct pump_list *list;
	struct transport far;
	int near;
	struct lane in, out;
	struct event far_read, far_write, near_read, near_write, linger;
	bool is_lingering;
};

static void
pump_close(struct pump *p)
{
	struct pump **at = &p->list->first;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	event_del(&p->far_read);
	event_del(&p->far_write);
	event_del(&p->near_read);
	event_del(&p->near_write);
	event_del(&p->linger);
	transport_close(&p->far);
	close(p->near);
	free(p->in.data);
	free(p->out.data);
	free(p);
}

static ssize_t
receive(struct pump *p, struct lane *l, char *at)
{
	return l == &p->in ? transport_recv(&p->far, at, BUFFER_BYTES)
			   : recv(p->near, at, BUFFER_BYTES, 0);
}

static ssize_t
put(struct pump *p, struct lane *l)
{
	const char *at = l->data + l->at;
	size_t n = l->len - l->at;

	return l == &p->in ? send(p->near, at, n, MSG_NOSIGNAL) : transport_send(&p->far, at, n);
}

/* true: something moved. */
static bool
fill(struct pump *p, struct lane *l)
{
	if (l->data != NULL || l->has_ended || (l->data = malloc(BUFFER_BYTES)) == NULL)
		return false;
	ssize_t n = receive(p, l, l->data);
	l->at = 0;
	l->len = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return true;
	l->has_ended = n == 0 || (errno != EAGAIN && errno != EINTR);
	free(l->data);
	l->data = NULL;
	return l->has_ended;
}

/* What cannot be sent any more is dropped, and its lane with it. */
static bool
drain(struct pump *p, struct lane *l)
{
	if (l->data == NULL)
		return false;
	ssize_t n = put(p, l);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 0)
		l->has_ended = true;
	l->at = n < 0 ? l->len : l->at + (size_t)n;
	if (l->at == l->len) {
		free(l->data);
		l->data = NULL;
	}
	return true;
}

/* The end of one direction, once all before it is through. */
static void
pass_ends(struct pump *p)
{
	const struct timeval linger = { LINGER_S, 0 };

	if (p->in.has_ended && p->in.data == NULL && !p->in.was_passed) {
		p->in.was_passed = true;
		shutdown(p->near, SHUT_WR);
	}
	if (p->out.has_ended && !p->is_lingering) {
		p->is_lingering = true;
		event_add(&p->linger, &linger);
	}
	if (p->out.has_ended && p->out.data == NULL && !p->out.was_passed) {
		p->out.was_passed = true;
		transport_shutdown(&p->far);
	}
}

static void
set(struct event *e, bool on)
{
	if (on)
		event_add(e, NULL);
	else
		event_del(e);
}

static void
watch(struct pump *p)
{
	bool may_read = p->in.data == NULL && !p->in.has_ended;

	set(&p->far_read, may_read);
	set(&p->far_write, p->out.data != NULL || (may_read && p->far.wants_write));
	set(&p->near_read, p->out.data == NULL && !p->out.has_ended);
	set(&p->near_write, p->in.data != NULL);
	if (may_read && transport_has_pending(&p->far))
		event_active(&p->far_read, EV_READ, 0);
}

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct pump *p = arg;
	bool has_moved = true;

	(void)fd;
	(void)what;
	for (int i = 0; i < TURNS_MAX && has_moved; i++) {
		p->far.wants_write = false;
		has_moved = fill(p, &p->in);
		has_moved |= drain(p, &p->in);
		has_moved |= fill(p, &p->out);
		has_moved |= drain(p, &p->out);
	}
	pass_ends(p);
	if (p->in.has_ended && p->out.was_passed)
		pump_close(p);
	else
		watch(p);
}

static void
on_linger(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	pump_close(arg);
}

int
pump_start(struct pump_list *list, struct event_base *base, const struct transport *far)
{
	struct pump *p = calloc(1, sizeof(*p));
	struct transport dropped = *far;
	int pair[2];

	if (p == NULL ||
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
		free(p);
		transport_close(&dropped);
		return -1;
	}
	p->list = list;
	p->far = *far;
	p->near = pair[0];
	event_assign(&p->far_read, base, far->fd, EV_READ | EV_PERSIST, on_ready, p);
	event_assign(&p->far_write, base, far->fd, EV_WRITE | EV_PERSIST, on_ready, p);
	event_assign(&p->near_read, base, p->near, EV_READ | EV_PERSIST, on_ready, p);
	event_assign(&p->near_write, base, p->near, EV_WRITE | EV_PERSIST, on_ready, p);
	event_assign(&p->linger, base, -1, 0, on_linger, p);
	p->next = list->first;
	list->first = p;
	watch(p);
	return pair[1];
}

void
pump_list_close(struct pump_list *list)
{
	while (list->first != NULL)
		pump_close(list->first);
}
