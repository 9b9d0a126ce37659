/* SPDX-License-Identifier: Apache-2.0 */
/* ops.c - see ops.h. */
#include "ops.h"

#include <stdlib.h>

#include "err.h"

struct probe {
	struct store_call call; /* first */
	struct mail reply;
	struct worker *worker;
	struct http_request *http;
	int rc;
};

static void
answer_ready(struct mail *mail)
{
	struct probe *p = (struct probe *)((char *)mail - offsetof(struct probe, reply));

	if (p->rc == HSW_OK)
		http_reply(p->http, 200, "", str_of("{\"success\":true,\"status\":\"ready\"}"));
	else
		http_reply_error(p->http, 503, "", "The store cannot be written to");
	free(p);
}

static void
ask_store(struct store_call *call, const struct store_port *store)
{
	struct probe *p = (struct probe *)call;
	struct hsw_store_stats stats;
	struct hsw_error err;

	p->rc = store->ops->stats(store->self, &stats, &err);
	if (store_trouble(journal_store(p->worker->server->journal)) != NULL)
		p->rc = HSW_EAGAIN;
	p->reply.run = answer_ready;
	worker_post(p->worker, &p->reply);
}

static void
ready(struct worker *w, struct http_request *r)
{
	struct probe *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		http_reply_error(r, 503, "", "Out of memory");
		return;
	}
	p->worker = w;
	p->http = r;
	p->call.fn = ask_store;
	store_post_call(journal_store(w->server->journal), &p->call);
}

static void
health(struct worker *w, struct http_request *r)
{
	(void)w;
	http_reply(r, 200, "", str_of("{\"success\":true,\"status\":\"ok\"}"));
}

static void
metrics(struct worker *w, struct http_request *r)
{
	struct buf b = BUF_INIT;

	metric_set(metric_get("hookswitch_http_connections", NULL, 0),
		atomic_load_explicit(&w->server->http.connections, memory_order_relaxed));
	metrics_print(&b);
	http_reply_type(r, 200, "text/plain; version=0.0.4", "",
		(struct hsw_str){ b.data, b.failed ? 0 : b.len });
	buf_free(&b);
}

bool
ops_handle(struct worker *w, struct http_request *r)
{
	static const struct {
		const char *path;
		void (*fn)(struct worker *, struct http_request *);
	} routes[] = {
		{ "/healthz", health },
		{ "/readyz", ready },
		{ "/metrics", metrics },
	};

	if (!r->client.is_local)
		return false;
	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (!str_is(r->path, routes[i].path))
			continue;
		if (str_is(r->method, "GET") || str_is(r->method, "HEAD"))
			routes[i].fn(w, r);
		else
			http_reply_error(r, 405, "Allow: GET, HEAD\r\n", "Only GET is taken here");
		return true;
	}
	return false;
}
