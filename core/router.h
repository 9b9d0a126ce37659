/* SPDX-License-Identifier: Apache-2.0 */
/* router.h - which destinations an envelope concerns. Pure functions of a sink's filter. */
#ifndef ROUTER_H
#define ROUTER_H

#include "config.h"
#include "envelope.h"

/* The set of types that a list names, as bits 1 << enum event_type; NULL: all but TYPE_RAW. */
unsigned router_types(const char **names);
/* The parts (enum hsw_part) that a sink's destination gets: what its section asks for, and what the plugin thinks right
 * and needs. */
unsigned router_parts(const struct config_section *);
/* Whether a sink wants this instance's events. */
bool router_has_instance(const struct sink_conf *, struct hsw_str instance);

/* What it is called: "outgoing", "incoming" (messages), "connected", "disconnected" (instances; a logout
 * is one, too). NULL for ONLY_ALL. */
const char *router_only_name(enum sink_only);
/* The other way round; -1: there is none of that name. */
int router_only_of(struct hsw_str name);
/* Whether a sink wants this part of the envelope's type. */
bool router_has_part(const struct sink_conf *, const struct hsw_envelope *);

#endif
