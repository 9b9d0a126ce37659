/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolver.c - see resolver.h.
 *
 * Threads: the look-up's own thread calls getaddrinfo and posts; everything else is the handle's.
 * `found` and `error` are the thread's until `over` is set, under the lock. Who comes last frees:
 * lookup_free when it is over, else the thread.
 */
#include "resolver.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "thread.h"

#define POST_AGAIN_US 10000

struct lookup {
	const struct hsw_host *host;
	struct hsw_handle *handle;
	void (*done)(void *arg);
	void *arg;
	char name[256], port[8];
	int socktype;
	pthread_mutex_t lock;
	bool over, unwanted;
	struct addrinfo *found;
	int error;
};

struct addrinfo *
resolver_number(const char *host, const char *port, int socktype)
{
	const struct addrinfo hints = { .ai_socktype = socktype,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *found = NULL;

	return getaddrinfo(host, port, &hints, &found) == 0 ? found : NULL;
}

static void
lookup_destroy(struct lookup *l)
{
	if (l->found != NULL)
		freeaddrinfo(l->found);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* Without memory for the post the look-up would never be over. */
static void
tell(struct lookup *l)
{
	pthread_mutex_lock(&l->lock);
	while (!l->unwanted && l->host->post(l->handle, l->done, l->arg) == HSW_ENOMEM) {
		pthread_mutex_unlock(&l->lock);
		usleep(POST_AGAIN_US);
		pthread_mutex_lock(&l->lock);
	}
	l->over = true;
	bool unwanted = l->unwanted;
	pthread_mutex_unlock(&l->lock);
	if (unwanted)
		lookup_destroy(l);
}

static void *
lookup_main(void *arg)
{
	struct lookup *l = arg;
	const struct addrinfo hints = { .ai_socktype = l->socktype,
		.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV };

	l->error = getaddrinfo(l->name, l->port, &hints, &l->found);
	tell(l);
	return NULL;
}

struct lookup *
lookup_start(const struct hsw_host *host, struct hsw_handle *handle, const char *name,
	const char *port, int socktype, void (*done)(void *arg), void *arg)
{
	struct lookup *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	*l = (struct lookup){
		.host = host, .handle = handle, .done = done, .arg = arg, .socktype = socktype
	};
	snprintf(l->name, sizeof(l->name), "%s", name);
	snprintf(l->port, sizeof(l->port), "%s", port);
	pthread_mutex_init(&l->lock, NULL);
	if (thread_start(lookup_main, l) == HSW_OK)
		return l;
	lookup_destroy(l);
	return NULL;
}

struct addrinfo *
lookup_take(struct lookup *l, const char **why)
{
	struct addrinfo *found = l->found;

	*why = l->error != 0 ? gai_strerror(l->error) : NULL;
	l->found = NULL;
	return found;
}

void
lookup_free(struct lookup *l)
{
	if (l == NULL)
		return;
	pthread_mutex_lock(&l->lock);
	bool over = l->over;
	l->unwanted = true;
	pthread_mutex_unlock(&l->lock);
	if (over)
		lookup_destroy(l);
}
