/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hookswitch/canon_json.h - tolerant reading of providers' JSON with json-c. Providers write the same
 * thing as number, float, string or Long; what is missing or of another kind is simply not there.
 *
 * Every function takes o = NULL. What it returns is borrowed from o, or from the canon's scratch memory.
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
/* How many elements o has; 0 if it is no array. */
size_t cj_length(struct json_object *o);
/* An element of an array; NULL: there is none, or it is null. */
struct json_object *cj_at(struct json_object *o, size_t i);
/* The string that o itself is; s = NULL: it is none. */
struct hsw_str cj_text(struct json_object *o);
/* A member that is a string; s = NULL else. */
struct hsw_str cj_string(struct json_object *o, const char *key);
/* A member that is a string or a number, as text. */
struct hsw_str cj_literal(struct json_object *o, const char *key);
/* The number that o itself is: an int, a float, digits in a string, or a Long {low, high}. */
bool cj_number_of(struct json_object *o, int64_t *out);
bool cj_number(struct json_object *o, const char *key, int64_t *out);
/* The same; what is missing is 0. */
int64_t cj_count(struct json_object *o, const char *key);
/* true, "true", 1 are HSW_YES; what is missing is HSW_UNKNOWN. */
enum hsw_tri cj_tri(struct json_object *o, const char *key);
bool cj_bool(struct json_object *o, const char *key); /* the same; what is missing is false */
/* A time in whatever form (see canon_time_parse), in ms since 1970; 0: there is none. */
int64_t cj_time(struct json_object *o, const char *key);
/*
 * Bytes as base64: a base64 string, [12,...], {"0":12,...} or {"type":"Buffer","data":[...]}. s = NULL: there
 * are none. A plain base64 string is not copied.
 */
struct hsw_str cj_bytes(struct hsw_canon *, struct json_object *o, const char *key);
/* Writes o as it is, but for members that skip says yes to; NULL is null. */
void cj_copy(struct hsw_canon *, const char *key, struct json_object *o,
	bool (*skip)(const char *name, struct json_object *value));

/* A tokener for cj_parse: strict JSON in UTF-8, up to this depth. NULL: out of memory. */
struct json_tokener *cj_tokener_new(int depth);
/*
 * Parses a request's body: one JSON object with nothing behind it. NULL: err says what is wrong and where.
 * The tokener is used again and again; the caller puts the object.
 */
struct json_object *cj_parse(struct json_tokener *, struct hsw_str body, struct hsw_error *err);
/* The same, but an array is good, too. */
struct json_object *cj_parse_any(
	struct json_tokener *tokener, struct hsw_str body, struct hsw_error *err);

#ifdef __cplusplus
}
#endif
#endif
