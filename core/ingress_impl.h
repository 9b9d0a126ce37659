/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingress_impl.h - what the files of the ingress (ingress*.c) share: its sources, and what it knows of the
 * request that is being translated.
 *
 * A request goes from ingress.c to the source's translate, whose events come to ingress_event.c; their
 * envelopes go to ingress_store.c; ingress_answer.c has the answers.
 */
#ifndef INGRESS_IMPL_H
#define INGRESS_IMPL_H

#include "buf.h"
#include "emit.h"
#include "ingress.h"
#include "metrics.h"
#include "status_order.h"

#define INGRESS_PREFIX "/in/"

struct source {
	struct source *next;
	struct ingress *ingress;
	const struct config_section *section;
	const struct hsw_source_ops *ops;
	struct hsw_handle *handle;
	void *self;
	bool is_by_event; /* its events name their instances */
	struct metric *accepted, *refused, *duplicates, *unavailable;
	int64_t complain_at_ms;
	unsigned complaints; /* since the last line */
};

struct ingress {
	struct ingress_env env;
	struct source *sources;
	struct hsw_emit emit;
	struct hasher *hasher;
	struct buf base_url_json;
	struct buf path;     /* of a request without its credential */
	struct hsw_str body; /* of the request that is being translated */
	struct hsw_str content_type;
	const struct instance *instance; /* whose it is, or the event that is being taken */
	uint64_t named;                  /* hash of what its first event named */
	bool has_named, is_mixed;        /* its events named something; and not all the same */
	struct buf raw;                  /* the body as its first envelope has it */
	struct status_marks marks;       /* of the request that is being translated */
	char retry_after[48];            /* header line of a 503 */
	size_t waiting;                  /* requests that wait for the store */
	bool is_retired;
};

/* ---- ingress.c ---- */

/* The next segment of a path; what follows it, from its "/" on, stays in *path. */
struct hsw_str ingress_take_segment(struct hsw_str *path);
void ingress_skip_slash(struct hsw_str *path);

/* ---- ingress_answer.c ---- */

/* Answers with an error, counts it and tells the log; extra: header lines. */
void ingress_refuse(
	struct source *, struct http_request *, int status, const char *extra, const char *why);
/* The same for what a source or the store returned. */
void ingress_refuse_result(
	struct ingress *, struct source *, struct http_request *, int rc, const char *why);
/* ids: as they stand in a JSON list. */
void ingress_reply_accepted(struct http_request *, size_t accepted, size_t duplicates,
	size_t ignored, struct hsw_str ids);

/* ---- ingress_event.c ---- */

/* The function that translate is given: makes the event's envelope, or ignores it. */
int ingress_take_event(struct hsw_emit *, const struct hsw_event *);
/* Whose envelopes are made from then on. */
void ingress_set_instance(struct hsw_emit *, const struct instance *);

/* ---- ingress_store.c ---- */

/* Hands the request's envelopes to the journal, and answers it when they are on disk. instance: NULL: each
 * event's own. */
void ingress_store(struct ingress *, struct source *, struct instance *, struct http_request *);

#endif
