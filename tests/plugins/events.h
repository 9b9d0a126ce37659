/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events.h - what tests of source plugins share: loads the .so as a stranger would, translates requests and
 * collects the events as JSON. Every event is checked on the way: it must be valid JSON with each choice of
 * its parts, and its type one of the six.
 */
#ifndef EVENTS_H
#define EVENTS_H

#include <stdbool.h>

#include <json.h>

#include <hookswitch/source.h>

#define EVENTS_RECEIVED_MS 1795239228123
#define EVENTS_RECEIVED "2026-11-21T05:33:48.123Z"
#define EVENTS_INSTANCE "sales"

/* Loads the plugin; ends the program with a message if it cannot. */
const struct hsw_source_ops *events_load(const char *path);

/*
 * Translates one body and returns an array of {type, key, provider_event, identity (hex), data, without_parts}; an
 * ignored event has type null and no data. NULL: translate failed; err tells. conf as the plugin has it.
 */
struct json_object *events_translate(const struct hsw_source_ops *, const void *conf,
	const char *path, struct hsw_str body, struct hsw_error *err);
/* The same for a handle that is open. *rc: what translate returned. */
struct json_object *events_translate_with(const struct hsw_source_ops *, void *self,
	const char *path, struct hsw_str body, struct hsw_error *err, int *rc);

/* Replaces the time of receipt by "$RECEIVED", and takes out what a file of expected events does not have. */
void events_simplify(struct json_object *events);

/* Whether actual has all that pattern has. "$ABSENT" stands for no member. why: the path that differs. */
bool events_match(struct json_object *pattern, struct json_object *actual, char *why, size_t size);

#endif
