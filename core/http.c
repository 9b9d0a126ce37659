/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - see http.h: the server, its listeners and its timeouts. A connection is http_conn.c's.
 */
#include "http_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

#define ACCEPT_AT_ONCE 64
#define ACCEPT_PAUSE_MS 1000 /* when there are no file descriptors left */
#define SWEEP_MS 500         /* how late a timeout may be */

/* Without descriptors or memory accept would fail again at once: pause. */
static void
pause_accepting(struct http_server *s)
{
	const struct timeval tv = { ACCEPT_PAUSE_MS / 1000, ACCEPT_PAUSE_MS % 1000 * 1000 };

	log_error("http", "cannot accept connections: %s", strerror(errno));
	for (struct listener *l = s->listeners; l != NULL; l = l->next)
		event_del(l->event);
	event_add(s->resume, &tv);
}

static void
on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;

	(void)fd;
	(void)what;
	for (struct listener *l = s->listeners; l != NULL; l = l->next)
		event_add(l->event, NULL);
}

static void
on_accept(evutil_socket_t listening, short what, void *arg)
{
	struct listener *l = arg;

	(void)what;
	for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t len = sizeof(from);
		int fd = accept4(
			listening, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			http_conn_open(l, fd, &from);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accepting(l->server);
		return;
	}
}

static void
on_expired(struct http_conn *c)
{
	if (c->state == CONN_HEAD || c->state == CONN_BODY)
		http_conn_refuse(c, 408,
			c->state == CONN_HEAD ? "Request header took too long"
					      : "Request body took too long");
	else
		http_conn_close(c);
}

static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *s = arg;
	int64_t now = clock_mono_ms();
	struct http_conn *c;

	(void)fd;
	(void)what;
	for (int state = 0; state < CONN_STATES; state++) {
		while ((c = TAILQ_FIRST(&s->conns[state])) != NULL && c->deadline_ms <= now)
			on_expired(c);
	}
}

struct http_server *
http_server_new(
	struct event_base *base, struct http_shared *shared, const struct http_handler *handler)
{
	static const struct timeval every = { 0, SWEEP_MS * 1000 };
	struct http_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->base = base;
	s->shared = shared;
	s->conf = shared->conf;
	s->handler = *handler;
	for (int i = 0; i < CONN_STATES; i++)
		TAILQ_INIT(&s->conns[i]);
	s->requests = metric_get("hookswitch_http_requests_total", NULL, 0);
	s->refused = metric_get("hookswitch_http_refused_total", NULL, 0);
	s->tls_failed = metric_get("hookswitch_tls_failed_total", NULL, 0);
	s->sweep = event_new(base, -1, EV_PERSIST, on_sweep, s);
	s->resume = evtimer_new(base, on_resume, s);
	if (s->sweep != NULL && s->resume != NULL && event_add(s->sweep, &every) == 0)
		return s;
	http_server_free(s);
	return NULL;
}

int
http_server_listen(struct http_server *s, int fd, enum http_listener kind)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (l == NULL ||
		(l->event = event_new(s->base, fd, EV_READ | EV_PERSIST, on_accept, l)) == NULL) {
		free(l);
		close(fd);
		return HSW_ENOMEM;
	}
	l->server = s;
	l->fd = fd;
	l->kind = kind;
	l->next = s->listeners;
	s->listeners = l;
	event_add(l->event, NULL);
	return HSW_OK;
}

void
http_server_set_conf(struct http_server *s, const struct server_conf *conf)
{
	s->conf = conf;
}

void
http_server_set_tls(struct http_server *s, struct tls *tls)
{
	tls_unref(s->tls);
	s->tls = tls;
}

static void
close_listeners(struct http_server *s)
{
	while (s->listeners != NULL) {
		struct listener *l = s->listeners;
		s->listeners = l->next;
		event_free(l->event);
		close(l->fd);
		free(l);
	}
}

static void
close_conns(struct http_server *s, enum conn_state state)
{
	struct http_conn *c;

	while ((c = TAILQ_FIRST(&s->conns[state])) != NULL)
		http_conn_close(c);
}

void
http_server_drain(struct http_server *s)
{
	s->is_draining = true;
	event_del(s->resume);
	close_listeners(s); /* what waits in a socket that was handed over is the next daemon's */
	close_conns(s, CONN_HANDSHAKE);
	close_conns(s, CONN_IDLE);
	close_conns(s, CONN_LINGER);
}

void
http_server_cut(struct http_server *s)
{
	for (int i = 0; i < CONN_STATES; i++) {
		if (i != CONN_BUSY)
			close_conns(s, i);
	}
	pump_list_close(&s->pumps);
}

bool
http_server_is_idle(const struct http_server *s)
{
	for (int i = 0; i < CONN_STATES; i++) {
		if (!TAILQ_EMPTY(&s->conns[i]))
			return false;
	}
	return s->pumps.first == NULL;
}

void
http_server_free(struct http_server *s)
{
	if (s == NULL)
		return;
	close_listeners(s);
	for (int i = 0; i < CONN_STATES; i++)
		close_conns(s, i);
	if (s->sweep != NULL)
		event_free(s->sweep);
	if (s->resume != NULL)
		event_free(s->resume);
	pump_list_close(&s->pumps);
	free(s->spare);
	tls_unref(s->tls);
	free(s);
}
