/* SPDX-License-Identifier: Apache-2.0 */
/* place.h - whose an event is, of a source whose events name their instances themselves. */
#ifndef PLACE_H
#define PLACE_H

#include "catalog.h"

/* Whether the events of an open source name their instances. */
bool place_is_by_event(const struct hsw_source_ops *, void *self);

/* HSW_OK, or HSW_EINVAL: an option of the section makes no sense with that; err says which, and why. */
int place_check(const struct config_section *, const struct hsw_source_ops *, void *self,
	struct hsw_error *err);

/*
 * The instance of that name, as catalog_find; NULL: there is none. The log then names it, once for each source and
 * name while the daemon runs, of the first PLACE_TOLD_MAX of them. Any thread.
 */
#define PLACE_TOLD_MAX 1000
struct instance *place_find(
	const struct catalog_view *, const struct config_section *source, struct hsw_str name);

#endif
