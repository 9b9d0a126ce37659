/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control_reload.c - POST /reload: the main thread is asked to read the configuration again, and answers when
 * all that can change without a restart has changed.
 */
#include "control_reload.h"

#include <signal.h>
#include <unistd.h>

#include "control_impl.h"
#include "err.h"

static struct tour *
of_mail(struct mail *mail)
{
	return (struct tour *)((char *)mail - offsetof(struct tour, mail));
}

/* The signal finds the question, also where it falls together with another one. */
void
control_reload(struct worker *w, struct http_request *r)
{
	struct tour *t = tour_new(w, r, "");

	if (t == NULL)
		return;
	mailbox_post(&w->server->reloads, &t->mail);
	kill(getpid(), SIGHUP);
}

void
control_reload_answer(struct mail *first, const struct report *report)
{
	while (first != NULL) {
		struct tour *t = of_mail(first);
		first = first->next;
		report_print(report, &t->out);
		tour_go_home(t);
	}
}

void
control_reload_refuse(struct mail *first)
{
	while (first != NULL) {
		struct tour *t = of_mail(first);
		first = first->next;
		tour_fail(t, err_set(&t->error, HSW_ECLOSED, "the daemon is stopping"));
	}
}
