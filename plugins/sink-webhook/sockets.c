/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sockets.c - curl's sockets and timer on the daemon's loop.
 *
 * `wanted` is what curl waits for, 0 between transfers; `armed` what the loop watches. A connection
 * stays watched for HSW_READ between transfers, until the other side says something (most often: it
 * closes) that nobody waits for, or curl has us close it.
 * That holds for connected sockets only. One that is still connecting, curl may close without a
 * word and forget afterwards, and in between open another one with the same number. And descriptors
 * that curl opens itself (of the resolver) are closed by it as soon as it does not want them.
 */
#include "sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire.h"

/* Data that nobody acknowledges for this long: the connection is dead. Deliveries on a shared
 * (HTTP/2) connection would all wait for their timeouts without it. */
#define UNACKNOWLEDGED_MS 20000
#define KEEPALIVE_SECONDS 30L
/* Connections that are kept beside those in use. */
#define IDLE_CONNECTIONS_MAX 256

struct sock {
	LIST_ENTRY(sock) entry;
	int fd;
	bool ours;      /* made by open_socket */
	bool connected; /* curl wanted to read from it */
	unsigned wanted, armed;
	struct hsw_watch *watch;
	struct webhook *w;
};

static struct sock_list *
chain_of(struct webhook *w, int fd)
{
	return &w->socks[(unsigned)fd % SOCK_CHAINS];
}

static struct sock *
sock_find(struct webhook *w, int fd)
{
	struct sock *s;

	LIST_FOREACH (s, chain_of(w, fd), entry) {
		if (s->fd == fd)
			return s;
	}
	return NULL;
}

static void
sock_free(struct sock *s)
{
	struct webhook *w = s->w;

	LIST_REMOVE(s, entry);
	w->sock_count--;
	w->host->watch_free(s->watch);
	free(s);
}

static void
sock_arm(struct sock *s, unsigned what)
{
	if (s->armed == what)
		return;
	s->armed = what;
	s->w->host->watch_set(s->watch, what);
}

static void
sock_ready(int fd, unsigned what, void *arg)
{
	struct sock *s = arg;
	struct webhook *w = s->w;
	int bits = (what & HSW_READ ? CURL_CSELECT_IN : 0) |
		(what & HSW_WRITE ? CURL_CSELECT_OUT : 0);
	int running;

	if (s->wanted == 0) {
		sock_arm(s, 0);
		return;
	}
	curl_multi_socket_action(w->multi, fd, bits, &running);
	webhook_transfers_ended(w);
}

void
sockets_look_at_idle(struct webhook *w, int64_t ms)
{
	w->is_idle_timer_set = true;
	w->host->timer_set(w->idle_timer, ms);
}

static struct sock *
sock_new(struct webhook *w, int fd, bool ours)
{
	struct sock *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	*s = (struct sock){ .fd = fd, .ours = ours, .w = w };
	s->watch = w->host->watch_new(w->handle, fd, sock_ready, s);
	if (s->watch == NULL) {
		free(s);
		return NULL;
	}
	LIST_INSERT_HEAD(chain_of(w, fd), s, entry);
	w->sock_count++;
	if (!w->is_idle_timer_set)
		sockets_look_at_idle(w, SOCKETS_IDLE_MS);
	return s;
}

/* Watches a new socket. What is known of its number is of a socket that curl has closed: it
 * takes the two for one and does not say again what it waits for. */
static bool
sock_opened(struct webhook *w, int fd)
{
	struct sock *stale = sock_find(w, fd);
	unsigned wanted = stale != NULL ? stale->wanted : 0;

	if (stale != NULL)
		sock_free(stale);
	struct sock *s = sock_new(w, fd, true);
	if (s == NULL)
		return false;
	s->wanted = wanted;
	sock_arm(s, wanted);
	return true;
}

void
sockets_begin(struct opener *opener, const char *origin)
{
	opener->origin = origin;
	opener->is_resolving = false;
}

void
sockets_give_up(struct opener *opener)
{
	struct webhook *w = opener->w;

	if (opener->is_resolving)
		resolving_given_up(&w->resolving, opener->origin, w->host->now_ms(w->handle));
	opener->is_resolving = false;
}

/* CURLOPT_RESOLVER_START_FUNCTION; anything but 0 fails the look-up. */
static int
start_resolving(void *resolver, void *reserved, void *arg)
{
	struct opener *opener = arg;
	struct webhook *w = opener->w;

	(void)resolver, (void)reserved;
	if (opener->origin == NULL)
		return 0;
	if (!resolving_may_start(&w->resolving, opener->origin, w->host->now_ms(w->handle)))
		return 1;
	opener->is_resolving = true;
	return 0;
}

static void
resolved(struct opener *opener)
{
	if (opener->is_resolving)
		resolving_succeeded(&opener->w->resolving, opener->origin);
	opener->is_resolving = false;
}

/* CURLOPT_OPENSOCKETFUNCTION */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct opener *opener = arg;
	struct webhook *w = opener->w;
	const unsigned limit_ms = UNACKNOWLEDGED_MS;

	(void)purpose;
	resolved(opener);
	if (opener->is_guarded && !guard_allows(w->guard, &a->addr, a->addrlen)) {
		*opener->was_refused = true;
		w->host->count(w->handle, "refused_addresses", NULL, 1);
		return CURL_SOCKET_BAD;
	}
	int fd = socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
	if (fd < 0)
		return CURL_SOCKET_BAD;
	if (!sock_opened(w, fd)) {
		close(fd);
		return CURL_SOCKET_BAD;
	}
	/* Helps only; the connection works without. */
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof(limit_ms));
	w->host->count(w->handle, "connections", NULL, 1);
	return fd;
}

/* CURLOPT_CLOSESOCKETFUNCTION */
static int
close_socket(void *arg, curl_socket_t fd)
{
	struct sock *s = sock_find(arg, fd);

	if (s != NULL)
		sock_free(s);
	return close(fd);
}

static void
not_wanted(struct sock *s)
{
	s->wanted = 0;
	if (!s->ours || !s->connected)
		sock_free(s);
	else if (s->armed & HSW_WRITE) /* it is nearly always writable */
		sock_arm(s, HSW_READ);
}

/* CURLMOPT_SOCKETFUNCTION */
static int
want(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
	static const unsigned bits[] = { [CURL_POLL_NONE] = 0,
		[CURL_POLL_IN] = HSW_READ,
		[CURL_POLL_OUT] = HSW_WRITE,
		[CURL_POLL_INOUT] = HSW_READ | HSW_WRITE };
	struct webhook *w = arg;
	struct sock *s = sock_find(w, fd);

	(void)easy, (void)unused;
	if (what == CURL_POLL_REMOVE) {
		if (s != NULL)
			not_wanted(s);
		return 0;
	}
	if (s == NULL)
		s = sock_new(w, fd, false);
	if (s == NULL)
		return -1;
	s->wanted = bits[what];
	s->connected = s->connected || (s->wanted & HSW_READ);
	sock_arm(s, s->wanted);
	return 0;
}

/* CURLMOPT_TIMERFUNCTION */
static int
set_timer(CURLM *multi, long ms, void *arg)
{
	struct webhook *w = arg;

	(void)multi;
	w->host->timer_set(w->timer, ms);
	return 0;
}

/* curl finds them closed. Those that are still connecting are tried again, too. */
void
sockets_guard(struct webhook *w)
{
	for (size_t i = 0; i < SOCK_CHAINS; i++) {
		struct sock *s;
		LIST_FOREACH (s, &w->socks[i], entry) {
			if (s->ours)
				guard_connection(w->guard, s->fd);
		}
	}
}

static void
timer_over(void *arg)
{
	struct webhook *w = arg;
	int running;

	curl_multi_socket_action(w->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	webhook_transfers_ended(w);
}

/* curl's own bound follows the number of transfers: of a burst it would close what the next one
 * needs. */
static void
allow(CURLM *multi, const struct webhook *w)
{
	curl_multi_setopt(
		multi, CURLMOPT_MAXCONNECTS, (long)(IDLE_CONNECTIONS_MAX + w->slot_count));
}

void
sockets_allow(const struct webhook *w)
{
	allow(w->multi, w);
}

static CURLM *
multi_new(struct webhook *w)
{
	CURLM *multi = curl_multi_init();

	if (multi == NULL)
		return NULL;
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, want);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, w);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, w);
	curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
	allow(multi, w);
	return multi;
}

/* curl closes connections only on the way to another transfer: with none, a new multi does it. */
static void
close_idle(struct webhook *w)
{
	if (w->sock_count == 0 || !LIST_EMPTY(&w->busy))
		return;
	CURLM *fresh = multi_new(w);
	if (fresh == NULL)
		return;
	curl_multi_cleanup(w->multi);
	w->multi = fresh;
}

static void
idle_over(void *arg)
{
	struct webhook *w = arg;

	w->is_idle_timer_set = false;
	wires_close_idle(w, w->used ? SOCKETS_IDLE_MS : 0);
	if (!w->used)
		close_idle(w);
	w->used = false;
	if (w->sock_count > 0 || !LIST_EMPTY(&w->wires))
		sockets_look_at_idle(w, SOCKETS_IDLE_MS);
}

int
sockets_open(struct webhook *w)
{
	for (size_t i = 0; i < SOCK_CHAINS; i++)
		LIST_INIT(&w->socks[i]);
	w->timer = w->host->timer_new(w->handle, timer_over, w);
	w->idle_timer = w->host->timer_new(w->handle, idle_over, w);
	if (w->timer == NULL || w->idle_timer == NULL)
		return HSW_ENOMEM;
	w->multi = multi_new(w);
	return w->multi != NULL ? HSW_OK : HSW_ENOMEM;
}

void
sockets_close(struct webhook *w)
{
	wires_close_idle(w, 0);
	curl_multi_cleanup(w->multi);
	for (size_t i = 0; i < SOCK_CHAINS; i++) {
		while (!LIST_EMPTY(&w->socks[i]))
			sock_free(LIST_FIRST(&w->socks[i]));
	}
	resolving_fini(&w->resolving);
	w->host->timer_free(w->timer);
	w->host->timer_free(w->idle_timer);
}

void
sockets_set(CURL *easy, struct opener *opener)
{
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*"); /* not those of the environment */
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* Else letting a handle go waits for the thread that looks its name up. */
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
	curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, start_resolving);
	curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, opener);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_SECONDS);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_SECONDS);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, opener);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, opener->w);
}
