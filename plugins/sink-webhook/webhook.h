/* SPDX-License-Identifier: Apache-2.0 */
/* webhook.h - what the files of sink-webhook share. */
#ifndef SINK_WEBHOOK_H
#define SINK_WEBHOOK_H

#include <stdbool.h>

#include <curl/curl.h>

#include <hookswitch/sink.h>

enum by_events { BY_EVENTS_NO, BY_EVENTS_DOTTED, BY_EVENTS_DASHED };

struct webhook_conf {
	const char *url;
	const char *authorization;
	const char *headers;
	int by_events;
	const char *ca_file;
};

/* ---- loop.c: libcurl's sockets and timer on the daemon's loop ---- */

struct loop;

/* on_progress is called after libcurl has worked: transfers may have ended. NULL: out of memory. */
struct loop *loop_new(
	const struct hsw_host *, struct hsw_handle *, void (*on_progress)(void *), void *arg);
/* Frees it and the multi handle, whose transfers have all been removed. NULL is allowed. */
void loop_free(struct loop *);
CURLM *loop_multi(struct loop *);
/* Options of an easy handle that the loop needs. */
void loop_setup(struct loop *, CURL *);
/* Lets libcurl begin with what was added to the multi handle. */
void loop_kick(struct loop *);

/* ---- headers.c ---- */

#define HEADERS_OWN_MAX 32 /* that the section sets */

/* The headers that the section sets, as lines "Name: value". */
struct headers {
	char *memory;
	const char *lines[HEADERS_OWN_MAX];
	size_t n;
};

/* "Name: value | Name: value". HSW_EINVAL: err says which is malformed; never a value. */
int headers_parse(struct headers *, const char *text, struct hsw_error *err);
void headers_free(struct headers *);

/* The URL with the event's name added to its path; the caller frees it. NULL: out of memory. */
char *url_for_event(const char *url, enum by_events, struct hsw_str type);

#endif
