/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gone.h - a webhook of the API whose destination answers that it is gone (410): its record says so, over restarts
 * and to all nodes, until it is set or enabled again.
 */
#ifndef GONE_H
#define GONE_H

#include "webhook.h"

/* As struct delivery_thread's on_gone; arg: the server. On the worker that serves the webhook. */
void gone_tell(void *arg, const struct webhook_section *, int status);

#endif
