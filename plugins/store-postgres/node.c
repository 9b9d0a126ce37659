/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node.c - see node.h. A node's thread beats every BEAT_MS (node_beat.c) and in between hears what others notify.
 *
 * Who calls what from where: the node_* functions of node.h the store thread; node_main and all that it calls the
 * node's own thread. `lock` guards the items, peers and news.
 */
#include "node.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "node_impl.h"

#define BEAT_MS 500
#define BEAT_TIMEOUT_MS 1500 /* for one transaction */

/* ---- the thread ---- */

/* "e<last seq> <schema>": events came; others: look at once. Whether that is to be done. */
static bool
take_notice(struct node *n, const PGnotify *notice)
{
	const char *schema = strchr(notice->extra, ' ');

	if (schema == NULL || strcmp(schema + 1, n->conf.schema) != 0)
		return false;
	if (notice->extra[0] != 'e')
		return notice->be_pid != PQbackendPID(n->link.db);
	int64_t seq = strtoll(notice->extra + 1, NULL, 10);
	pthread_mutex_lock(&n->lock);
	bool is_news = seq > n->news.last_seq;
	if (is_news)
		n->news.last_seq = seq;
	pthread_mutex_unlock(&n->lock);
	if (is_news)
		n->watch.wake(n->watch.arg);
	return false;
}

/* Whether a beat is wanted at once. A connection that has ended wants one, too, and is dropped: it would want one for
 * ever, and a beat that is not tried, since the events' connection is gone, would not make another. */
static bool
take_notices(struct node *n)
{
	bool is_there = PQconsumeInput(n->link.db) != 0, is_due = false;
	PGnotify *notice;

	PQisBusy(n->link.db); /* makes libpq look at what came */
	while ((notice = PQnotifies(n->link.db)) != NULL) {
		is_due |= take_notice(n, notice);
		PQfreemem(notice);
	}
	if (is_there && !n->link.is_ended)
		return is_due;
	session_drop(&n->link);
	return true;
}

/* Until the next beat is due, or somebody wants one. */
static void
rest(struct node *n, int64_t until_ms)
{
	bool is_due = false;

	while (!is_due && session_now_ms() < until_ms) {
		struct pollfd p[] = { { .fd = n->wake_fd, .events = POLLIN },
			{ .fd = n->link.db != NULL ? PQsocket(n->link.db) : -1,
				.events = POLLIN } };
		eventfd_t ignored;

		/* What came with the answer to a query is in libpq's hands already. */
		if (n->link.db != NULL && take_notices(n))
			return;
		int64_t left = until_ms - session_now_ms();
		if (poll(p, 2, left > 0 ? (int)left : 0) <= 0)
			continue;
		if (p[0].revents != 0) {
			(void)eventfd_read(n->wake_fd, &ignored);
			is_due = true;
		}
		if (p[1].revents != 0)
			is_due |= take_notices(n);
	}
}

static void *
node_main(void *arg)
{
	struct node *n = arg;
	bool must_stop = false, is_leaving = false;

	pthread_setname_np(pthread_self(), "hsw-node");
	while (!must_stop) {
		struct hsw_error err = { "" };
		int64_t next_ms = session_now_ms() + BEAT_MS;
		node_beat(n, &err);
		rest(n, next_ms);
		pthread_mutex_lock(&n->lock);
		must_stop = n->must_stop;
		is_leaving = n->is_leaving;
		pthread_mutex_unlock(&n->lock);
	}
	if (is_leaving)
		node_say_goodbye(n);
	return NULL;
}

static void
poke(struct node *n)
{
	while (eventfd_write(n->wake_fd, 1) != 0 && errno == EINTR)
		;
}

static void
stop_thread(struct node *n)
{
	if (!n->has_thread)
		return;
	pthread_mutex_lock(&n->lock);
	n->must_stop = true;
	pthread_mutex_unlock(&n->lock);
	poke(n);
	pthread_join(n->thread, NULL);
	n->has_thread = false;
}

/* ---- the store thread's side ---- */

static struct node *
node_new(struct postgres_store *s, const struct hsw_store_watch *watch)
{
	struct node *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->store = s;
	n->watch = *watch;
	n->conf = *s->conf;
	n->conf.node = s->node_name;
	n->conf.timeout_ms = BEAT_TIMEOUT_MS;
	n->link = (struct postgres_store){
		.host = s->host, .handle = s->handle, .conf = &n->conf, .is_listening = true
	};
	n->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	pthread_mutex_init(&n->lock, NULL);
	atomic_init(&n->has_company, false);
	share_init(&n->share, s->node_name);
	if (n->wake_fd >= 0)
		return n;
	node_free(n);
	return NULL;
}

void
node_free(struct node *n)
{
	if (n == NULL)
		return;
	stop_thread(n);
	session_drop(&n->link);
	destinations_free(&n->link);
	share_fini(&n->share);
	if (n->wake_fd >= 0)
		close(n->wake_fd);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

int
node_join(void *self, const struct hsw_store_watch *watch, struct hsw_error *err)
{
	struct postgres_store *s = self;
	int rc = session_name(s, err);

	if (rc != HSW_OK)
		return rc;
	s->node = node_new(s, watch);
	if (s->node == NULL)
		return pg_error(err, HSW_ENOMEM, "out of memory");
	rc = node_beat(s->node, err);
	if (rc != HSW_OK)
		return rc;
	/* From here on this node passes what others append. */
	rc = takeover_go_on(s, err);
	if (rc != HSW_OK)
		return rc;
	if (pthread_create(&s->node->thread, NULL, node_main, s->node) != 0)
		return pg_error(err, HSW_ENOMEM, "cannot start the node's thread");
	s->node->has_thread = true;
	s->host->log(s->handle, HSW_LOG_INFO, "joined as a node name=%s", s->node_name);
	return HSW_OK;
}

int
node_want(void *self, const struct hsw_str *names, size_t count, struct hsw_error *err)
{
	struct node *n = ((struct postgres_store *)self)->node;

	pthread_mutex_lock(&n->lock);
	bool is_done = share_want(&n->share, names, count);
	n->has_wants = n->must_tell_wants = true;
	pthread_mutex_unlock(&n->lock);
	poke(n);
	return is_done ? HSW_OK : pg_error(err, HSW_ENOMEM, "out of memory");
}

void
node_news(void *self, struct hsw_store_news *news)
{
	struct node *n = ((struct postgres_store *)self)->node;

	pthread_mutex_lock(&n->lock);
	*news = n->news;
	pthread_mutex_unlock(&n->lock);
}

int
node_claims(void *self, hsw_claim_fn *fn, void *arg)
{
	struct node *n = ((struct postgres_store *)self)->node;
	int rc = HSW_OK;

	pthread_mutex_lock(&n->lock);
	for (size_t i = 0; i < n->share.n && rc == HSW_OK; i++) {
		const struct hsw_claim claim = share_claim(&n->share, i);
		rc = fn(arg, &claim);
	}
	pthread_mutex_unlock(&n->lock);
	return HSW_OK;
}

void
node_release(void *self, struct hsw_str destination)
{
	struct node *n = ((struct postgres_store *)self)->node;

	pthread_mutex_lock(&n->lock);
	share_release(&n->share, destination);
	pthread_mutex_unlock(&n->lock);
	poke(n);
}

void
node_retire(void *self)
{
	struct node *n = ((struct postgres_store *)self)->node;

	pthread_mutex_lock(&n->lock);
	share_retire(&n->share);
	pthread_mutex_unlock(&n->lock);
	poke(n);
}

void
node_leave(void *self)
{
	struct node *n = ((struct postgres_store *)self)->node;

	pthread_mutex_lock(&n->lock);
	n->is_leaving = true;
	pthread_mutex_unlock(&n->lock);
	stop_thread(n);
}

int
node_each(void *self, hsw_node_fn *fn, void *arg)
{
	struct node *n = ((struct postgres_store *)self)->node;
	int rc = HSW_OK;

	pthread_mutex_lock(&n->lock);
	for (size_t i = 0; i < n->share.n_peers && rc == HSW_OK; i++) {
		const struct share_peer *p = &n->share.peers[i];
		rc = fn(arg, (struct hsw_str){ p->name, strlen(p->name) },
			strcmp(p->name, n->conf.node) == 0);
	}
	pthread_mutex_unlock(&n->lock);
	return HSW_OK;
}

bool
node_has_company(const struct postgres_store *s)
{
	return s->node != NULL && atomic_load(&s->node->has_company);
}
