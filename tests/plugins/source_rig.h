/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source_rig.h - what the Check tests of source plugins share, on top of events.h: payloads with the events
 * written beside them, and tables of cases. Each fails the running test with a message.
 *
 *   fixtures/<provider>/<name>.json + <name>.expected.json   a payload, and all that it becomes
 *   fixtures/source-<provider>.cases.json
 *     cases       [{name, body (JSON) | raw (text), path?, events}]   what its events must have
 *     identities  [{name, one, other, same}]   two bodies whose events have the same natural key, or not
 */
#ifndef SOURCE_RIG_H
#define SOURCE_RIG_H

#include <hookswitch/harness_events.h>

/* plugins/.libs/source-<name>.so, or the one of $PLUGIN_DIR. */
const struct hsw_source_ops *source_plugin(const char *name);

/* tests/fixtures/<name><suffix> of the sources. */
void source_fixture_path(char *out, size_t size, const char *name, const char *suffix);
/* A whole file; to be freed. */
char *source_read_file(const char *path, size_t *len);
/* Each payload of the folder (its suffix .json or .form) that has expected events; there must be so many. */
void source_check_fixtures(
	const struct hsw_source_ops *, const void *conf, const char *folder, int at_least);

/* A list of the provider's file of cases; at least so many. To be put. */
struct json_object *source_read_cases(const char *provider, const char *list, size_t at_least);
/* A member's string, or its JSON text; lives as long as o. */
const char *source_member(struct json_object *o, const char *key);
void source_check_case(const struct hsw_source_ops *, const void *conf, struct json_object *);
/* All of "cases". */
void source_check_cases(
	const struct hsw_source_ops *, const void *conf, const char *provider, size_t at_least);
/* All of "identities". */
void source_check_identities(
	const struct hsw_source_ops *, const void *conf, const char *provider, size_t at_least);
/* The natural key, in hex, of the only event of a body; to be freed. */
char *source_identity(const struct hsw_source_ops *, const void *conf, const char *body);

#endif
