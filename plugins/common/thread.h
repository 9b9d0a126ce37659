/* SPDX-License-Identifier: Apache-2.0 */
/* thread.h - threads of plugins. */
#ifndef COMMON_THREAD_H
#define COMMON_THREAD_H

#include <hookswitch/plugin.h>

/* Starts a detached thread that gets no signals: those are for the daemon's. HSW_OK, HSW_ENOMEM or HSW_EIO. */
int thread_start(void *(*fn)(void *arg), void *arg);

#endif
