/* SPDX-License-Identifier: Apache-2.0 */
/* value.h - bodies for jq, and what jq made of them as JSON. */
#ifndef MAP_VALUE_H
#define MAP_VALUE_H

#include <stdbool.h>

#include <jq.h>
#include <json.h>

#include <hookswitch/source.h>

/* What a provider posted: JSON as it is, a form (application/x-www-form-urlencoded) as an object of strings; a
 * name that occurs twice has a list of them. Integers beyond 2^53 become strings: jq would round them. */
int value_of_request(const struct hsw_request *, struct json_tokener *, jv *out,
	struct hsw_error *err) __attribute__((warn_unused_result));
/* Whether the body is a form: its Content-Type says so or, where it has none, it does not begin like JSON. */
bool value_is_form(const struct hsw_request *);
/* Takes ownership. HSW_OK; HSW_ELIMIT: too deep or too much; HSW_ENOMEM. *out may be NULL: it is null. */
int value_to_json(jv, struct json_object **out);
/* Sets root.a.b for the path "a.b", with the objects between; takes ownership of value. */
int value_set(struct json_object *root, const char *path, struct json_object *value);

#endif
