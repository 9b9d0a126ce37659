/* SPDX-License-Identifier: Apache-2.0 */
/* canonical.h - writes what a section's keys gave, which schema.h has checked, as the canonical event. */
#ifndef MAP_CANONICAL_H
#define MAP_CANONICAL_H

#include <json.h>

#include <hookswitch/canon.h>

/* What writes an event; root: {"data": {...}}, which must live until the event was emitted. instance: of
 * instance.state, where the map does not say another. HSW_EINVAL: err says what the event lacks. */
int canonical_write(struct hsw_canon *, const char *type, struct json_object *root,
	struct hsw_str instance, struct hsw_error *err) __attribute__((warn_unused_result));

int canonical_message(struct hsw_canon *, struct json_object *data, struct hsw_error *err);

/* A member that is an identifier. */
void canonical_party(struct hsw_party *, struct json_object *o, const char *key);
/* {jid, lid, name} */
void canonical_person(struct hsw_party *, struct json_object *o);
/* The elements of a list; what is no list is its only one. */
size_t canonical_length(struct json_object *list);
struct json_object *canonical_at(struct json_object *list, size_t i);
/* Whether a member that comes from outside is to be left out: null and "". */
bool canonical_is_empty(const char *name, struct json_object *value);

#endif
