/* SPDX-License-Identifier: Apache-2.0 */
/* link.c - messages on their way out, see link_impl.h. */
#include "link_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACK_POLL_MS 10
#define NAME_TTL_MS 60000 /* a datagram socket's look-up is as old as that at most */
#define TRIES_MAX 2       /* connections that may break under one message */
#define PREFIX_MAX 12     /* the octet count and a space */
/* What it takes to tell that the collector is away: to connect, to see that nothing is acknowledged any more, and
 * that there is no other connection. */
#define VERDICT_MS (CONNECT_MS + UNACKNOWLEDGED_MS + CONNECT_MS)

/* ---- messages ---- */

static void
message_free(struct link *l, struct message *m)
{
	TAILQ_REMOVE(m->is_sent ? &l->sent : &l->waiting, m, entry);
	free(m);
}

static void
message_end(struct link *l, struct message *m, enum hsw_outcome outcome, const char *text)
{
	struct hsw_delivery *delivery = m->delivery;
	const struct hsw_detail detail = { .text = text };

	message_free(l, m);
	if (delivery != NULL)
		l->host->done(delivery, outcome, &detail);
}

/* The part of a message's bytes that this kind of socket gets. */
static const char *
message_bytes(const struct link *l, const struct message *m, size_t *len)
{
	bool is_local = l->address->transport == TRANSPORT_UNIX;
	bool is_counted = l->channel.is_stream && !is_local;
	size_t from = is_counted ? 0 : m->prefix_len;

	*len = m->len - from - !(l->channel.is_stream && is_local);
	return m->bytes + from;
}

/* done() may put new messages: those are not ended here. */
static void
end_waiting(struct link *l, enum hsw_outcome outcome, const char *text)
{
	uint64_t end = l->serial;
	struct message *m;

	while ((m = TAILQ_FIRST(&l->waiting)) != NULL && m->serial < end)
		message_end(l, m, outcome, text);
}

void
link_flush_soon(struct link *l)
{
	l->host->timer_set(l->flush_timer, 0);
}

/* ---- the end of a connection ---- */

void
link_close(struct link *l)
{
	l->host->watch_free(l->watch);
	l->watch = NULL;
	channel_close(&l->channel);
	l->host->timer_set(l->deadline, -1);
	l->host->timer_set(l->ack_timer, -1);
	l->state = DOWN;
}

static void
describe(const struct link *l, const char *verb, char *text, size_t size)
{
	const struct address *a = l->address;

	snprintf(text, size, "%s %s%s%s: %s", verb, a->host, a->port[0] != '\0' ? ":" : "", a->port,
		l->channel.why);
}

void
link_failed(struct link *l, const char *verb)
{
	char text[512];

	describe(l, verb, text, sizeof(text));
	link_close(l);
	end_waiting(l, HSW_HOLD, text);
}

/* What is not acknowledged goes out again, in the order it had. */
static void
take_back(struct link *l)
{
	struct message *m, *next;

	TAILQ_FOREACH (m, &l->sent, entry)
		m->is_sent = false;
	TAILQ_CONCAT(&l->sent, &l->waiting, entry);
	TAILQ_CONCAT(&l->waiting, &l->sent, entry);
	for (m = TAILQ_FIRST(&l->waiting); m != NULL; m = next) {
		next = TAILQ_NEXT(m, entry);
		m->sent = 0;
		m->is_begun = false;
		if (m->delivery == NULL)
			message_free(l, m);
		else
			m->breaks++;
	}
}

/* It may be the first one that the collector does not stand: another attempt at it counts. */
static void
fail_often_broken(struct link *l, const char *text)
{
	enum hsw_outcome outcome = HSW_RETRY;
	uint64_t end = l->serial;
	struct message *m;

	while ((m = TAILQ_FIRST(&l->waiting)) != NULL && m->serial < end &&
		m->breaks >= TRIES_MAX) {
		message_end(l, m, outcome, text);
		outcome = HSW_HOLD;
	}
}

static void
settle(struct link *l, uint64_t acknowledged)
{
	struct message *m;

	while ((m = TAILQ_FIRST(&l->sent)) != NULL && m->end_at <= acknowledged)
		message_end(l, m, HSW_DELIVERED, NULL);
}

void
link_broke(struct link *l)
{
	char text[512];

	describe(l, "send to", text, sizeof(text));
	l->host->log(l->handle, HSW_LOG_INFO, "connection ended reason=\"%s\"", l->channel.why);
	/* A local socket forgets what was not read when it is closed; and who refuses us with an alert, perhaps for our
	 * certificate, has not read what its system acknowledged. */
	if (l->address->transport != TRANSPORT_UNIX && !l->channel.is_refused)
		settle(l, channel_acknowledged(&l->channel));
	link_close(l);
	take_back(l);
	fail_often_broken(l, text);
	if (!TAILQ_EMPTY(&l->waiting))
		link_flush_soon(l);
}

static void
settle_acknowledged(struct link *l)
{
	uint64_t acknowledged = channel_acknowledged(&l->channel);

	/* In that order: see link_broke. */
	if (channel_check(&l->channel) == STEP_FAILED) {
		link_broke(l);
		return;
	}
	settle(l, acknowledged);
	if (!TAILQ_EMPTY(&l->sent))
		l->host->timer_set(l->ack_timer, ACK_POLL_MS);
}

/* ---- sending ---- */

void
link_wait_for(struct link *l, enum step step)
{
	unsigned what = l->channel.is_stream ? HSW_READ : 0;

	l->host->watch_set(l->watch, what | (step == STEP_WRITE ? HSW_WRITE : 0));
}

static void
message_is_out(struct link *l, struct message *m)
{
	l->is_fresh = false;
	if (!l->channel.is_stream || m->delivery == NULL) {
		message_end(l, m, HSW_DELIVERED, NULL);
		return;
	}
	TAILQ_REMOVE(&l->waiting, m, entry);
	m->is_sent = true;
	m->end_at = channel_position(&l->channel);
	TAILQ_INSERT_TAIL(&l->sent, m, entry);
}

/* A local collector that was started anew has another socket at the same path. */
static bool
is_stale_socket(const struct link *l)
{
	int error = l->channel.error;

	return l->address->transport == TRANSPORT_UNIX && !l->is_fresh &&
		(error == ECONNREFUSED || error == ENOTCONN || error == ECONNRESET ||
			error == EPIPE || error == ENOENT);
}

static void
datagram_failed(struct link *l, struct message *m)
{
	char text[512];

	describe(l, "send to", text, sizeof(text));
	if (l->channel.error == EMSGSIZE) {
		message_end(l, m, HSW_REJECT, text);
		link_flush_soon(l);
	} else if (is_stale_socket(l)) {
		link_close(l);
		link_flush_soon(l);
	} else {
		/* Of UDP this is told of the datagram before, and the next one may well go out. */
		link_close(l);
		end_waiting(l, HSW_RETRY, text);
	}
}

void
link_send(struct link *l)
{
	uint64_t end = l->serial;
	enum step step = STEP_DONE;
	struct message *m;

	while (step == STEP_DONE && (m = TAILQ_FIRST(&l->waiting)) != NULL && m->serial < end) {
		size_t len, sent;
		const char *bytes = message_bytes(l, m, &len);
		m->is_begun = l->channel.ssl != NULL;
		step = channel_send(&l->channel, bytes + m->sent, len - m->sent, &sent);
		m->sent += sent;
		if (step == STEP_DONE)
			message_is_out(l, m);
	}
	if (step == STEP_FAILED && !l->channel.is_stream)
		datagram_failed(l, m);
	else if (step == STEP_FAILED)
		link_broke(l);
	else
		link_wait_for(l, step);
	if (l->state == UP && l->channel.is_stream)
		settle_acknowledged(l);
}

/* A peer that is gone is noticed before anything is written to it. */
static void
check_peer(struct link *l)
{
	int64_t age_ms = l->host->now_ms(l->handle) - l->opened_ms;

	if (l->channel.is_stream && channel_check(&l->channel) == STEP_FAILED)
		link_broke(l);
	else if (l->address->transport == TRANSPORT_UDP && age_ms >= NAME_TTL_MS)
		link_close(l);
}

static void
flush(void *arg)
{
	struct link *l = arg;

	if (TAILQ_EMPTY(&l->waiting))
		return;
	if (l->state == UP)
		check_peer(l);
	if (l->state == DOWN)
		link_start(l);
	else if (l->state == UP)
		link_send(l);
}

static void
ack_over(void *arg)
{
	settle_acknowledged(arg);
}

/* ---- the link ---- */

struct link *
link_new(const struct hsw_host *host, struct hsw_handle *handle, const struct address *address,
	SSL_CTX *ctx)
{
	struct link *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->host = host;
	l->handle = handle;
	l->address = address;
	l->ctx = ctx;
	l->channel.fd = -1;
	TAILQ_INIT(&l->waiting);
	TAILQ_INIT(&l->sent);
	l->flush_timer = host->timer_new(handle, flush, l);
	l->deadline = host->timer_new(handle, link_deadline_over, l);
	l->ack_timer = host->timer_new(handle, ack_over, l);
	if (l->flush_timer != NULL && l->deadline != NULL && l->ack_timer != NULL)
		return l;
	link_free(l);
	return NULL;
}

void
link_free(struct link *l)
{
	struct message *m;

	if (l == NULL)
		return;
	while ((m = TAILQ_FIRST(&l->sent)) != NULL || (m = TAILQ_FIRST(&l->waiting)) != NULL)
		message_free(l, m);
	l->host->watch_free(l->watch);
	channel_close(&l->channel);
	lookup_free(l->lookup);
	if (l->found != NULL)
		freeaddrinfo(l->found);
	l->host->timer_free(l->flush_timer);
	l->host->timer_free(l->deadline);
	l->host->timer_free(l->ack_timer);
	free(l);
}

void
link_set_tls(struct link *l, SSL_CTX *ctx)
{
	l->ctx = ctx;
}

int
link_put(struct link *l, struct hsw_delivery *delivery, const struct buffer *message)
{
	struct message *m = malloc(sizeof(*m) + PREFIX_MAX + message->len + 2);

	if (m == NULL)
		return HSW_ENOMEM;
	*m = (struct message){ .delivery = delivery, .serial = l->serial++ };
	m->prefix_len = (size_t)snprintf(m->bytes, PREFIX_MAX, "%zu ", message->len);
	memcpy(m->bytes + m->prefix_len, message->bytes, message->len);
	m->len = m->prefix_len + message->len + 1;
	m->bytes[m->len - 1] = '\n';
	TAILQ_INSERT_TAIL(&l->waiting, m, entry);
	l->host->set_data(delivery, m);
	/* The daemon would count an attempt before the link could say that it is none. */
	if (l->address->transport != TRANSPORT_UNIX)
		l->host->postpone(delivery, VERDICT_MS);
	link_flush_soon(l);
	return HSW_OK;
}

void
link_cancel(struct link *l, struct hsw_delivery *delivery)
{
	struct message *m = l->host->get_data(delivery);

	m->delivery = NULL;
	/* One that went out by half is completed first: what follows would be read as its end. So is one of which TLS
	 * holds a record: its bytes go out whatever is sent next, and would count as that. */
	if (m->is_sent || (m->sent == 0 && !m->is_begun))
		message_free(l, m);
}
