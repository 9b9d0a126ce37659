/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hookswitch/harness_events.h - for tests of sources: translates requests and collects the events as json-c's
 * objects. `pkg-config --cflags --libs hookswitch-harness`.
 *
 * Every event is checked on the way: it must be valid JSON with each choice of its parts, from its first { to its
 * last }, have no other parts than source.h says, and a natural key; its type must be one of the six, and it names an
 * instance only where names_instances says so. What does not hold is printed as TAP's "Bail out!", and ends the
 * program with status 1. All on one thread.
 */
#ifndef HOOKSWITCH_HARNESS_EVENTS_H
#define HOOKSWITCH_HARNESS_EVENTS_H

#include <stdbool.h>

#include <json.h>

#include <hookswitch/source.h>

#ifdef __cplusplus
extern "C" {
#endif

/* When and for whom requests are received; for nobody where the events name their instances. */
#define EVENTS_RECEIVED_MS 1795239228123
#define EVENTS_RECEIVED "2026-11-21T05:33:48.123Z"
#define EVENTS_INSTANCE "sales"

/* A request. Everything is borrowed until the call returns. */
struct events_request {
	const char *path;           /* what follows /in/<source>/<instance>; NULL: "" */
	const char *query;          /* without "?"; NULL: "" */
	const char *const *headers; /* "name", "value", ..., NULL; NULL: none */
	struct hsw_str body;
	/* The event, counted from 1, from which on emit answers HSW_ELIMIT; 0: it takes all. */
	unsigned refuse_from;
};

/* What came of it. */
struct events_result {
	int rc;                     /* of verify, where that refused, else of translate */
	struct hsw_error err;       /* "" where the plugin said nothing */
	struct json_object *events; /* what was emitted, see events_translate; to be put */
	size_t bytes;               /* of all pieces, keys and names that were emitted */
};

/* Loads the plugin; ends the program with a message if it cannot. */
const struct hsw_source_ops *events_load(const char *path);

/*
 * Translates one body and returns an array of {type, key, provider_event, identity (hex), data, without_parts}, and
 * instance where the event names it; an ignored event has type null and no data. NULL: translate failed; err tells. conf as the plugin has it. The array
 * is to be put.
 */
struct json_object *events_translate(const struct hsw_source_ops *, const void *conf,
	const char *path, struct hsw_str body, struct hsw_error *err);
/*
 * Verifies and translates by a handle that is open (self: what its open made). The body is put before a page that
 * cannot be read, so that reading behind its end is found.
 */
void events_of_request(const struct hsw_source_ops *, void *self, const struct events_request *,
	struct events_result *);
/* The same for a path and a body. *rc: what translate returned. */
struct json_object *events_translate_with(const struct hsw_source_ops *, void *self,
	const char *path, struct hsw_str body, struct hsw_error *err, int *rc);

/* Replaces the time of receipt by "$RECEIVED", and takes out what a file of expected events does not have. */
void events_simplify(struct json_object *events);

/* Whether actual has all that pattern has. "$ABSENT" stands for no member. why: the path that differs. */
bool events_match(struct json_object *pattern, struct json_object *actual, char *why, size_t size);

#ifdef __cplusplus
}
#endif
#endif
