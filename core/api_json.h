/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api_json.h - typed reads of a request's JSON. Each error begins with the field's name. A member that
 * is missing and one that is null are the same.
 */
#ifndef API_JSON_H
#define API_JSON_H

#include <json.h>

#include "webhook.h"

/* An object, with no member twice. HSW_EINVAL: err says where it went wrong. The caller's, to be put. */
int api_json_parse(struct hsw_str body, struct json_object **out, struct hsw_error *err);
/* HSW_EINVAL where it has a member that is not among the known ones; these end with NULL. */
int api_json_check_names(struct json_object *, const char *const *known, struct hsw_error *err);

/* A string of 1 to max bytes, without NUL and other control characters; the caller's. It is NULL where
 * there is none, or an empty one. */
int api_json_text(
	struct json_object *, const char *field, size_t max, char **out, struct hsw_error *err);
/* is_set may be NULL; *out stays as it was where there is none. */
int api_json_bool(
	struct json_object *, const char *field, bool *out, bool *is_set, struct hsw_error *err);
/* From min to max; *out stays as it was where there is none. */
int api_json_number(struct json_object *, const char *field, int64_t min, int64_t max, int64_t *out,
	struct hsw_error *err);
/* A text that clock_parse reads, or milliseconds since 1970; *out stays as it was where there is none. */
int api_json_time(struct json_object *, const char *field, int64_t *wall_ms, bool *is_set,
	struct hsw_error *err);
/* Names of types, each once, in their order; empty where there is none. */
int api_json_events(
	struct json_object *, const char *field, struct event_list *out, struct hsw_error *err);
/* An object of strings, as HTTP header lines; the caller's. NULL where there is none. */
int api_json_headers(struct json_object *, const char *field, char **out, struct hsw_error *err);

#endif
