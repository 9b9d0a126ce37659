/* SPDX-License-Identifier: Apache-2.0 */
/* link_connect.c - from a name to a connection that is up, see link_impl.h. */
#include "link_impl.h"

#include <stdio.h>

#define ADDRESS_MIN_MS 1000 /* for each address, however many there are */
#define SETTLE_MS 300       /* the other side gets to refuse our certificate */

static void link_next_address(struct link *);

static void
link_up(struct link *l)
{
	l->state = UP;
	l->is_fresh = true;
	l->opened_ms = l->host->now_ms(l->handle);
	l->host->timer_set(l->deadline, -1);
	l->host->count(l->handle, "connections", NULL, 1);
	if (l->channel.is_stream)
		l->host->log(l->handle, HSW_LOG_INFO, "connected");
	link_wait_for(l, STEP_DONE);
	link_flush_soon(l);
}

static void
link_shake(struct link *l)
{
	l->state = SHAKING;
	enum step step = channel_shake(&l->channel, l->ctx, l->address->host);
	if (step == STEP_FAILED) {
		/* Another address would be the same collector with the same certificate. */
		link_failed(l, "connect to");
	} else if (step != STEP_DONE) {
		link_wait_for(l, step);
	} else if (channel_is_unconfirmed(&l->channel)) {
		l->state = SETTLING;
		link_wait_for(l, STEP_DONE);
		l->host->timer_set(l->deadline, SETTLE_MS);
	} else {
		link_up(l);
	}
}

/* The time that is left is shared with the addresses that follow: a silent one must not hide them. */
static void
set_deadline(struct link *l, const struct addrinfo *following)
{
	int64_t ms = l->give_up_ms - l->host->now_ms(l->handle);
	int addresses = 1;

	for (; following != NULL; following = following->ai_next)
		addresses++;
	ms /= addresses;
	l->host->timer_set(l->deadline, ms > ADDRESS_MIN_MS ? ms : ADDRESS_MIN_MS);
}

static void
link_connected(struct link *l)
{
	if (l->address->transport != TRANSPORT_TLS) {
		link_up(l);
		return;
	}
	set_deadline(l, NULL);
	link_shake(l);
}

static void
link_ready(int fd, unsigned what, void *arg)
{
	struct link *l = arg;

	(void)fd, (void)what;
	switch (l->state) {
	case CONNECTING:
		if (channel_connected(&l->channel) == STEP_DONE)
			link_connected(l);
		else
			link_next_address(l);
		break;
	case SHAKING:
		link_shake(l);
		break;
	case SETTLING:
		if (channel_check(&l->channel) == STEP_FAILED)
			link_failed(l, "connect to");
		else
			link_up(l);
		break;
	case UP:
		if (l->channel.is_stream && channel_check(&l->channel) == STEP_FAILED)
			link_broke(l);
		else
			link_send(l);
		break;
	case DOWN:
	case LOOKING_UP:
		break;
	}
}

/* Goes on with a socket that is open; false: no memory, it is closed again. */
static bool
link_watch(struct link *l)
{
	l->watch = l->host->watch_new(l->handle, l->channel.fd, link_ready, l);
	if (l->watch != NULL)
		return true;
	channel_close(&l->channel);
	snprintf(l->channel.why, sizeof(l->channel.why), "out of memory");
	return false;
}

static void
link_opened(struct link *l, enum step step)
{
	l->state = CONNECTING;
	if (!link_watch(l)) {
		link_failed(l, "connect to");
	} else if (step == STEP_DONE) {
		link_connected(l);
	} else {
		l->host->watch_set(l->watch, HSW_WRITE);
		set_deadline(l, l->next);
	}
}

/* Tries the addresses that are left. */
static void
link_next_address(struct link *l)
{
	enum step step = STEP_FAILED;

	l->host->watch_free(l->watch);
	l->watch = NULL;
	channel_close(&l->channel);
	while (l->next != NULL && step == STEP_FAILED) {
		step = channel_open(&l->channel, l->next);
		l->next = l->next->ai_next;
	}
	if (step == STEP_FAILED)
		link_failed(l, "connect to");
	else
		link_opened(l, step);
}

static void
link_take_addresses(struct link *l, struct addrinfo *found)
{
	if (l->found != NULL)
		freeaddrinfo(l->found);
	l->found = l->next = found;
}

static void
lookup_over(void *arg)
{
	struct link *l = arg;
	const char *why;
	struct addrinfo *found = lookup_take(l->lookup, &why);

	lookup_free(l->lookup);
	l->lookup = NULL;
	link_take_addresses(l, found);
	if (l->state != LOOKING_UP)
		return; /* too late: the next message asks again */
	if (found == NULL)
		snprintf(l->channel.why, sizeof(l->channel.why), "%s",
			why != NULL ? why : "no address");
	link_next_address(l);
}

static void
link_start_local(struct link *l)
{
	enum step step = channel_open_local(&l->channel, l->address->host);

	if (step == STEP_FAILED)
		link_failed(l, "connect to");
	else
		link_opened(l, step);
}

void
link_start(struct link *l)
{
	const struct address *a = l->address;
	int type = address_is_stream(a) ? SOCK_STREAM : SOCK_DGRAM;

	l->state = LOOKING_UP;
	l->give_up_ms = l->host->now_ms(l->handle) + CONNECT_MS;
	l->host->timer_set(l->deadline, CONNECT_MS);
	if (a->transport == TRANSPORT_UNIX) {
		link_start_local(l);
		return;
	}
	struct addrinfo *found = resolver_number(a->host, a->port, type);
	if (found != NULL) {
		link_take_addresses(l, found);
		link_next_address(l);
		return;
	}
	if (l->lookup == NULL)
		l->lookup = lookup_start(
			l->host, l->handle, a->host, a->port, type, lookup_over, l);
	if (l->lookup != NULL)
		return;
	snprintf(l->channel.why, sizeof(l->channel.why), "out of memory or threads");
	link_failed(l, "look up");
}

void
link_deadline_over(void *arg)
{
	struct link *l = arg;

	if (l->state == SETTLING) {
		link_up(l);
		return;
	}
	if (l->state == CONNECTING && l->next != NULL) {
		link_next_address(l);
		return;
	}
	snprintf(l->channel.why, sizeof(l->channel.why), "no answer within %d seconds",
		CONNECT_MS / 1000);
	link_failed(l, l->state == LOOKING_UP ? "look up" : "connect to");
}
