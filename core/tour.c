/* SPDX-License-Identifier: Apache-2.0 */
/* tour.c - see tour.h. */
#include "tour.h"

#include <stdio.h>
#include <stdlib.h>

#include "err.h"

struct tour *
tour_of(struct mail *mail)
{
	return (struct tour *)((char *)mail - offsetof(struct tour, mail));
}

struct tour *
tour_new(struct worker *w, struct http_request *r, const char *headers)
{
	struct tour *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		http_reply_error(r, 503, headers, "Out of memory");
		return NULL;
	}
	t->server = w->server;
	t->home = w;
	t->http = r;
	snprintf(t->headers, sizeof(t->headers), "%s", headers);
	atomic_fetch_add(&t->server->on_tour, 1);
	return t;
}

void
tour_free(struct tour *t)
{
	replay_free(t->replay);
	config_unref(t->config);
	if (t->free_own != NULL)
		t->free_own(t->own);
	atomic_fetch_sub(&t->server->on_tour, 1);
	buf_free(&t->out);
	buf_free(&t->sink);
	buf_free(&t->id_text);
	free(t->replayed.seqs);
	free(t);
}

static void
answer(struct mail *mail)
{
	struct tour *t = tour_of(mail);

	if (t->out.failed)
		http_reply_error(t->http, 503, t->headers, "Out of memory");
	else if (t->status >= 400)
		http_reply_error(t->http, t->status, t->headers, t->error.text);
	else
		http_reply(t->http, t->status != 0 ? t->status : 200, t->headers,
			(struct hsw_str){ t->out.data, t->out.len });
	tour_free(t);
}

void
tour_go_to_worker(struct tour *t, unsigned worker, void (*fn)(struct mail *))
{
	t->mail.run = fn;
	worker_post(&t->server->workers[worker], &t->mail);
}

void
tour_go_home(struct tour *t)
{
	t->mail.run = answer;
	worker_post(t->home, &t->mail);
}

void
tour_go_to_store(struct tour *t, void (*fn)(struct store_call *, const struct store_port *))
{
	t->call.fn = fn;
	store_post_call(journal_store(t->server->journal), &t->call);
}

void
tour_fail(struct tour *t, int rc)
{
	t->status = rc == HSW_ENOENT ? 404 : 503;
	tour_go_home(t);
}

void
tour_comma(struct tour *t)
{
	if (t->has_items)
		buf_str(&t->out, ",");
	t->has_items = true;
}
