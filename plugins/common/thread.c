/* SPDX-License-Identifier: Apache-2.0 */
/* thread.c - see thread.h. */
#include "thread.h"

#include <pthread.h>
#include <signal.h>

int
thread_start(void *(*fn)(void *arg), void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;

	if (pthread_attr_init(&attr) != 0)
		return HSW_ENOMEM;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&thread, &attr, fn, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return rc == 0 ? HSW_OK : HSW_EIO;
}
