/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop.c - libcurl's multi_socket interface on the daemon's loop.
 *
 * libcurl asks to watch a connection's socket anew for each request, and to forget it after each answer.
 * Following that would cost two system calls a request, so a socket stays watched for reading between
 * the requests of a kept-alive connection; only when it becomes readable while nobody waits (the other
 * side closed it) interest is dropped. libcurl finds out when it wants to use the connection again.
 *
 * libcurl is called from watches, the timer and loop_kick only, never from within its own callbacks.
 */
#include "webhook.h"

#include <stdlib.h>
#include <unistd.h>

#define CONNECTIONS_KEPT 256L /* idle ones included */

struct sock {
	struct loop *loop;
	struct hsw_watch *watch;
	unsigned wanted;  /* by libcurl */
	unsigned watched; /* by us: wanted, or HSW_READ that lingers */
	int fd;
};

struct loop {
	const struct hsw_host *host;
	struct hsw_handle *handle;
	CURLM *multi;
	struct hsw_timer *timer;
	struct sock **socks; /* by file descriptor */
	int n_socks;
	void (*on_progress)(void *);
	void *arg;
};

static void
act(struct loop *l, curl_socket_t fd, int what)
{
	int running;

	curl_multi_socket_action(l->multi, fd, what, &running);
	l->on_progress(l->arg);
}

static void
on_ready(int fd, unsigned ready, void *arg)
{
	struct sock *s = arg;

	if (s->wanted == 0) {
		s->watched = 0;
		s->loop->host->watch_set(s->watch, 0);
		return;
	}
	act(s->loop, fd,
		(ready & HSW_READ ? CURL_CSELECT_IN : 0) |
			(ready & HSW_WRITE ? CURL_CSELECT_OUT : 0));
}

static struct sock *
sock_of(struct loop *l, int fd)
{
	if (fd >= l->n_socks) {
		int n = fd + 64;
		struct sock **grown = realloc(l->socks, (size_t)n * sizeof(grown[0]));
		if (grown == NULL)
			return NULL;
		for (int i = l->n_socks; i < n; i++)
			grown[i] = NULL;
		l->socks = grown;
		l->n_socks = n;
	}
	if (l->socks[fd] != NULL)
		return l->socks[fd];
	struct sock *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->loop = l;
	s->fd = fd;
	s->watch = l->host->watch_new(l->handle, fd, on_ready, s);
	if (s->watch == NULL) {
		free(s);
		return NULL;
	}
	return l->socks[fd] = s;
}

static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
	struct sock *s = sock_of(arg, fd);
	unsigned wanted = (what & CURL_POLL_IN ? HSW_READ : 0) |
		(what & CURL_POLL_OUT ? HSW_WRITE : 0);

	(void)easy;
	(void)unused;
	if (s == NULL)
		return -1;
	if (what == CURL_POLL_REMOVE)
		wanted = 0;
	s->wanted = wanted;
	if (wanted == s->watched || (wanted == 0 && s->watched == HSW_READ))
		return 0;
	s->watched = wanted;
	s->loop->host->watch_set(s->watch, wanted);
	return 0;
}

static void
sock_forget(struct loop *l, int fd)
{
	if (fd >= l->n_socks || l->socks[fd] == NULL)
		return;
	l->host->watch_free(l->socks[fd]->watch);
	free(l->socks[fd]);
	l->socks[fd] = NULL;
}

static int
on_close(void *arg, curl_socket_t fd)
{
	sock_forget(arg, fd);
	return close(fd);
}

static void
on_timer(void *arg)
{
	act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int
set_timer(CURLM *multi, long ms, void *arg)
{
	struct loop *l = arg;

	(void)multi;
	l->host->timer_set(l->timer, ms);
	return 0;
}

struct loop *
loop_new(const struct hsw_host *host, struct hsw_handle *handle, void (*on_progress)(void *),
	void *arg)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->host = host;
	l->handle = handle;
	l->on_progress = on_progress;
	l->arg = arg;
	l->timer = host->timer_new(handle, on_timer, l);
	l->multi = curl_multi_init();
	if (l->timer == NULL || l->multi == NULL) {
		loop_free(l);
		return NULL;
	}
	curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l);
	curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l);
	curl_multi_setopt(l->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	/* libcurl's own bound follows the transfers of the moment and would close what is used again soon. */
	curl_multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT);
	return l;
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	if (l->multi != NULL)
		curl_multi_cleanup(l->multi);
	for (int fd = 0; fd < l->n_socks; fd++)
		sock_forget(l, fd);
	l->host->timer_free(l->timer);
	free(l->socks);
	free(l);
}

CURLM *
loop_multi(struct loop *l)
{
	return l->multi;
}

void
loop_setup(struct loop *l, CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, l);
}

void
loop_kick(struct loop *l)
{
	act(l, CURL_SOCKET_TIMEOUT, 0);
}
