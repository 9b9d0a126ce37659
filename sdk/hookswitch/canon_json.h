/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hookswitch/canon_json.h - tolerant reading of providers' JSON with json-c. Providers write the same
 * thing as number, float, string or Long; what is missing or of another kind is simply not there.
 *
 * Every function takes o = NULL. What it returns is borrowed from o.
 */
#ifndef HOOKSWITCH_CANON_JSON_H
#define HOOKSWITCH_CANON_JSON_H

#include <json.h>

#include <hookswitch/canon.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A member; NULL: there is none, or it is null, or o is no object. */
struct json_object *cj_get(struct json_object *o, const char *key);
/* A member that is an object; NULL else. */
struct json_object *cj_object(struct json_object *o, const char *key);
/* A member that is an array; NULL else. */
struct json_object *cj_array(struct json_object *o, const char *key);
/* The string that o itself is; s = NULL: it is none. */
struct hsw_str cj_text(struct json_object *o);
/* A member that is a string; s = NULL else. */
struct hsw_str cj_string(struct json_object *o, const char *key);
/* The number that o itself is: an int, a float, digits in a string, or a Long {low, high}. */
bool cj_number_of(struct json_object *o, int64_t *out);
bool cj_number(struct json_object *o, const char *key, int64_t *out);
/* true, "true", 1; everything else is false. */
bool cj_bool(struct json_object *o, const char *key);
/* A time in whatever form (see canon_time_parse), in ms since 1970. */
bool cj_time(struct json_object *o, const char *key, int64_t *ms);
/*
 * Bytes as base64: a base64 string, {"0":12,...} or {"type":"Buffer","data":[...]}. The latter two are encoded
 * into memory that *owned gets (free it after the event was emitted). s = NULL: none.
 */
struct hsw_str cj_bytes(struct json_object *o, const char *key, char **owned);

/*
 * Parses a request's body: one JSON value with nothing behind it. NULL: err says what is wrong and where.
 * The tokener is used again and again; the caller puts the object.
 */
struct json_object *cj_parse(struct json_tokener *, struct hsw_str body, struct hsw_error *err);

#ifdef __cplusplus
}
#endif
#endif
