/* SPDX-License-Identifier: Apache-2.0 */
/* control_reload.h - the answers to POST /reload. Main thread. */
#ifndef CONTROL_RELOAD_H
#define CONTROL_RELOAD_H

#include "report.h"
#include "worker.h"

/* Each of these mails of server->reloads is a request; they are answered, and gone. NULL: none. */
void control_reload_answer(struct mail *first, const struct report *);
/* The same, when there is no answer any more. */
void control_reload_refuse(struct mail *first);

#endif
